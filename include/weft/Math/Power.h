//===- Power.h - powers and cube roots --------------------------------------===//
//
// Decides pow cbrt: the sequence of operations (Evaluator.h).
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_POWER_H
#define WEFT_MATH_POWER_H

#include "weft/Math/ExpLog.h"

namespace weft::math {

/// log2(a) for positive finite a as a pair good to about 1.5 times the precision.  With s = f / (2 + f):
/// log2(1 + f) = s (c0 + c1 s^2 + s^4 p(s^2)); s, s^2 and the two outer steps are pairs, p is not.
template <class E> Pair<E> log2Pair(E &e, typename E::F a) {
  auto [f, k] = logPartsTotal(e, a, rootOfHalf(e));
  auto bottom = fastTwoSum(e, e.f(2), f);
  auto reciprocal = e.div(e.f(1), bottom.hi);
  auto s = e.mul(f, reciprocal);
  auto rest = e.sub(e.fma(e.neg(s), bottom.hi, f), e.mul(s, bottom.lo));
  auto sLow = e.mul(rest, reciprocal);
  auto z = twoProd(e, s, s);
  auto zLow = e.fma(e.add(s, s), sLow, z.lo);
  auto inner =
      fastTwoSum(e, c(e, 0x1.ec709ep-1, 0x1.ec709dc3a03fdp-1),
                 e.fma(z.hi, polynomial(e, z.hi, kPowLog32, kPowLog64), c(e, -0x1.e2fe02p-28, 0x1.d27f05548af0cp-55)));
  auto t = twoProd(e, z.hi, inner.hi);
  auto tLow = e.fma(z.hi, inner.lo, e.fma(zLow, inner.hi, t.lo));
  auto outer = fastTwoSum(e, c(e, 0x1.715476p+1, 0x1.71547652b82fep+1), t.hi);
  auto outerLow = e.add(outer.lo, e.add(tLow, c(e, 0x1.4ae0cp-25, 0x1.777d0ffda0d24p-55)));
  auto log = twoProd(e, s, outer.hi);
  auto logLow = e.fma(s, outerLow, e.fma(sLow, outer.hi, log.lo));
  auto sum = fastTwoSum(e, k, log.hi); // k is 0 or larger
  return fastTwoSum(e, sum.hi, e.add(sum.lo, logLow));
}

/// x^y with C's answers for special values: 1 if x is 1 or y is 0, even beside NaN; NaN for negative x and fractional
/// y.
template <class E> typename E::F pow(E &e, typename E::F x, typename E::F y) {
  using F = typename E::F;
  F one = e.f(1), zero = e.f(0), ax = e.abs(x);
  auto l = log2Pair(e, ax);
  F logHi = e.select(e.lt(ax, inf(e)), l.hi, ax);
  logHi = e.select(e.eq(ax, zero), e.f(-std::numeric_limits<double>::infinity()), logHi);
  // 2^(y log2|x|); outside the range of the result only the sign of the exponent counts.
  F largest = c(e, 0x1.fffffep127, std::numeric_limits<double>::max()); // for 0 times infinity
  F bounded = atLeast(e, atMost(e, y, largest), e.neg(largest));
  F product = e.mul(bounded, logHi);
  F productLow = e.fma(bounded, l.lo, e.fma(bounded, logHi, e.neg(product)));
  F limit = c(e, 200, 2000);
  productLow = e.select(e.lt(e.abs(product), limit), productLow, zero);
  product = atLeast(e, atMost(e, product, c(e, 129, 1025)), c(e, -151, -1077));
  auto exponent = roundScaled(e, product, one);
  F r = e.sub(product, exponent.n);
  // 2^(r + low) = (1 + g)(1 + low ln2)
  F g = e.mul(r, polynomial(e, r, kExp232, kExp264));
  F q = e.mul(productLow, e.f(0x1.62e42fefa39efp-1));
  auto sum = fastTwoSum(e, one, g);
  F result = scale(e, e.add(sum.hi, e.add(sum.lo, e.fma(q, g, q))), exponent);

  F half = e.mul(y, e.f(0.5));
  auto whole = e.eq(y, e.roundeven(y));
  auto odd = e.and_(whole, e.not_(e.eq(half, e.roundeven(half))));
  result = e.select(odd, e.copysign(result, x), result);
  auto negative = e.and_(e.lt(x, zero), e.lt(ax, inf(e)));
  // whole is false for NaN, where the result is NaN already.
  result = e.select(e.and_(negative, e.not_(whole)), nan(e), result);
  return e.select(e.or_(e.eq(y, zero), e.eq(x, one)), one, result);
}

/// Cube root.  x = 2^(3 q) b; w = b^(-1/3) from a polynomial and third-order steps w += w h (1/3 + 2/9 h),
/// h = 1 - b w^3; then b w^2, mended by its remainder.  No division.
template <class E> typename E::F cbrt(E &e, typename E::F x) {
  using F = typename E::F;
  F ax = e.abs(x);
  auto [f, k] = logPartsTotal(e, ax, rootOfHalf(e));
  auto [third, q] = roundScaled(e, k, e.f(1.0 / 3));
  F r = e.fma(third, e.f(-3), k); // -1, 0 or 1
  F m = e.add(f, e.f(1));
  auto below = e.lt(r, e.f(0)), above = e.lt(e.f(0), r);
  F b = e.mul(m, e.select(below, e.f(0.5), e.select(above, e.f(2), e.f(1))));
  F start = polynomial(e, m, kCbrt32, kCbrt64);
  F w = e.mul(start, e.select(below, e.f(0x1.428a2f98d728bp+0), e.select(above, e.f(0x1.965fea53d6e3dp-1), e.f(1))));
  for (int step = 0; step < (e.isF64() ? 2 : 1); ++step) {
    F h = e.fma(e.neg(e.mul(b, w)), e.mul(w, w), e.f(1));
    w = e.fma(e.mul(w, h), e.fma(h, e.f(2.0 / 9), e.f(1.0 / 3)), w);
  }
  F square = e.mul(w, w);
  F y = e.mul(b, square);
  auto yy = twoProd(e, y, y);
  F rest = e.fma(e.neg(yy.lo), y, e.fma(e.neg(yy.hi), y, b));
  y = e.fma(rest, e.mul(square, e.f(1.0 / 3)), y);
  auto finite = e.and_(e.lt(e.f(0), ax), e.lt(ax, inf(e)));
  return e.select(finite, e.copysign(e.mul(y, pow2(e, q)), x), x);
}

} // namespace weft::math

#endif // WEFT_MATH_POWER_H
