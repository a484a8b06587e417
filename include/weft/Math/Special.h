//===- Special.h - error functions ------------------------------------------===//
//
// Decides erf: the sequence of operations (Evaluator.h).
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_SPECIAL_H
#define WEFT_MATH_SPECIAL_H

#include "weft/Math/ExpLog.h"

namespace weft::math {

/// erf: an odd polynomial below 1, 1 - e^p(x) above, p a polynomial for log(erfc(x)).
template <class E> typename E::F erf(E &e, typename E::F x) {
  auto ax = e.abs(x);
  auto small = e.fma(ax, polynomial(e, e.mul(x, x), kErf32, kErf64), ax);
  auto parts = expParts(e, polynomial(e, atMost(e, ax, c(e, 4, 6)), kErfTail32, kErfTail64));
  auto large = e.fma(parts.power(e), e.neg(pow2(e, parts.k)), e.f(1));
  return e.copysign(e.select(e.lt(ax, e.f(1)), small, large), x);
}

} // namespace weft::math

#endif // WEFT_MATH_SPECIAL_H
