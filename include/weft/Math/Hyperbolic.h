//===- Hyperbolic.h - hyperbolic functions ----------------------------------===//
//
// Decides tanh: the sequence of operations (Evaluator.h).
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_HYPERBOLIC_H
#define WEFT_MATH_HYPERBOLIC_H

#include "weft/Math/ExpLog.h"

namespace weft::math {

/// tanh: an odd polynomial below 0.625, 1 - 2 / (e^2|x| + 1) above.
template <class E> typename E::F tanh(E &e, typename E::F x) {
  auto ax = e.abs(x);
  auto square = e.mul(x, x);
  auto small = e.fma(e.mul(square, ax), polynomial(e, square, kTanh32, kTanh64), ax);
  auto twice = atMost(e, e.add(ax, ax), c(e, 20, 44));
  auto parts = expParts(e, twice);
  auto denominator = e.fma(parts.power(e), pow2(e, parts.k), e.f(1));
  auto large = e.sub(e.f(1), e.div(e.f(2), denominator));
  return e.copysign(e.select(e.lt(ax, e.f(0.625)), small, large), x);
}

} // namespace weft::math

#endif // WEFT_MATH_HYPERBOLIC_H
