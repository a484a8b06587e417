//===- Activation.h - activations ------------------------------------------===//
//
// Decides geluTanh: the sequence of operations (Evaluator.h).
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_ACTIVATION_H
#define WEFT_MATH_ACTIVATION_H

#include "weft/Math/ExpLog.h"

namespace weft::math {

/// 1 + e^x to divide by: e^x is a normal number or infinite, since a smaller one vanishes beside 1 and a quotient by a
/// greater one vanishes.
template <class E> typename E::F onePlusExp(E &e, typename E::F x) {
  auto parts = expParts(e, atLeast(e, atMost(e, x, c(e, 89, 710)), c(e, -87, -708)));
  return e.fma(parts.power(e), pow2(e, parts.whole.k), e.f(1));
}

/// x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3), as x / (1 + e^-2u): below 0 the sum would cancel.
template <class E> typename E::F geluTanh(E &e, typename E::F x) {
  auto slope = e.fma(e.mul(x, x), e.f(-0.07135481627260025), e.f(-1.5957691216057308));
  return e.div(x, onePlusExp(e, e.mul(x, slope)));
}

} // namespace weft::math

#endif // WEFT_MATH_ACTIVATION_H
