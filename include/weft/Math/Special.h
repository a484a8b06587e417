//===- Special.h - error functions ------------------------------------------===//
//
// Decides erf erfc: the sequence of operations (Evaluator.h).
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_SPECIAL_H
#define WEFT_MATH_SPECIAL_H

#include "weft/Math/ExpLog.h"

#include <iterator>

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
  // p = c0 + t (c1 + t inner): the two outer steps in pairs, t's low part by the slope c1 + 2 t inner.
  F inner = e.isF64() ? polynomial(e, t.hi, kErfcInner64 + 1, int(std::size(kErfcInner64)) - 1)
                      : polynomial(e, t.hi, kErfcInner32 + 1, int(std::size(kErfcInner32)) - 1);
  auto step = twoProd(e, t.hi, inner);
  auto first = fastTwoSum(e, c(e, kErfcInner32[0], kErfcInner64[0]), step.hi);
  F firstLow = e.add(first.lo, step.lo);
  auto outer = twoProd(e, t.hi, first.hi);
  auto p = fastTwoSum(e, c(e, kErfcAt2Hi32, kErfcAt2Hi64), outer.hi);
  F slope = e.add(first.hi, step.hi);
  F pLow = e.fma(t.lo, slope, e.fma(t.hi, firstLow, e.add(p.lo, e.add(outer.lo, c(e, kErfcAt2Lo32, kErfcAt2Lo64)))));
  auto q = divide(p.hi, pLow);
  auto square = twoProd(e, ax, ax);
  auto power = expPair(e, {e.neg(square.hi), e.neg(square.lo)}, q);
  F large = scale(e, power.value, power.k);
  large = e.select(e.lt(x, e.f(0)), e.sub(two, large), large);
  return e.select(e.lt(e.abs(x), e.f(0.75)), small, large);
}

} // namespace weft::math

#endif // WEFT_MATH_SPECIAL_H
