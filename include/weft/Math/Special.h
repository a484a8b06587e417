//===- Special.h - error functions ------------------------------------------===//
//
// Decides erf erfc: the sequence of operations (Evaluator.h).
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

/// erfc: 1 - erf by its polynomial below 0.75; above, e^(-x^2) p(t) / (x + 2) with t = (x - 2) / (x + 2) (the mapping
/// of M. Shepherd and J. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", 1981), x^2 as a pair, and
/// 2 - that for negative x.
template <class E> typename E::F erfc(E &e, typename E::F x) {
  using F = typename E::F;
  F one = e.f(1), two = e.f(2);
  auto sum = fastTwoSum(e, one, e.neg(x));
  F small = e.add(sum.hi, e.fma(e.neg(x), polynomial(e, e.mul(x, x), kErf32, kErf64), sum.lo));

  F ax = atMost(e, e.abs(x), c(e, 10.1, 27.3));
  auto bottom = twoSum(e, ax, two);
  F reciprocal = e.div(one, bottom.hi);
  auto divide = [&](F top, F topLow) { // by the pair `bottom`
    F q = e.mul(top, reciprocal);
    F rest = e.fma(e.neg(q), bottom.lo, e.add(e.fma(e.neg(q), bottom.hi, top), topLow));
    return Pair<E>{q, e.mul(rest, reciprocal)};
  };
  auto t = divide(e.sub(ax, two), e.f(0));
  // p in its constant term and the rest, which takes t's low part by its steepest coefficient.
  F inner = polynomial(e, t.hi, kErfcInner32, kErfcInner64);
  auto step = twoProd(e, t.hi, inner);
  auto p = fastTwoSum(e, c(e, kErfcAt2Hi32, kErfcAt2Hi64), step.hi);
  F pLow = e.fma(t.lo, inner, e.add(p.lo, e.add(step.lo, c(e, kErfcAt2Lo32, kErfcAt2Lo64))));
  auto q = divide(p.hi, pLow);
  auto square = twoProd(e, ax, ax);
  auto power = expPair(e, {e.neg(square.hi), e.neg(square.lo)}, q);
  F large = scale(e, power.value, power.k);
  large = e.select(e.lt(x, e.f(0)), e.sub(two, large), large);
  return e.select(e.lt(e.abs(x), e.f(0.75)), small, large);
}

} // namespace weft::math

#endif // WEFT_MATH_SPECIAL_H
