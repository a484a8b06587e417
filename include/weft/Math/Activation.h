//===- Activation.h - activations ------------------------------------------===//
//
// Decides geluTanh: the sequence of operations (Evaluator.h).
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_ACTIVATION_H
#define WEFT_MATH_ACTIVATION_H

#include "weft/Math/ExpLog.h"

namespace weft::math {

/// 1 + 2^x to divide by, to some last places: 2^x is a normal number or infinite, since a smaller one vanishes beside 1
/// and a quotient by a greater one vanishes. Not of NaN.
template <class E> typename E::F onePlusExp2(E &e, typename E::F x) {
  x = atLeast(e, atMost(e, x, c(e, 128, 1024)), c(e, -126, -1022));
  auto shift = e.f(roundingShift(e));
  auto whole = e.add(x, shift); // in its low bits
  auto r = e.sub(x, e.sub(whole, shift));
  auto power = e.fma(r, polynomial(e, r, kExp2Coarse32, kExp2Coarse64), e.f(1));
  return e.add(e.fromBits(e.addI(e.bits(power), e.shlI(e.bits(whole), mantissaBits(e)))), e.f(1));
}

/// x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3), as x / (1 + e^-2u): below 0 the sum would cancel. The slope
/// is -2u / (x ln2).
template <class E> typename E::F geluTanh(E &e, typename E::F x) {
  auto slope = e.fma(e.mul(x, x), e.f(-0.1029432395800235), e.f(-2.3022081981443248));
  return e.div(x, onePlusExp2(e, e.mul(x, slope)));
}

} // namespace weft::math

#endif // WEFT_MATH_ACTIVATION_H
