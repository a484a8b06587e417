//===- InverseTrig.h - arc functions ----------------------------------------===//
//
// Decides asin acos atan atan2: the sequence of operations (Evaluator.h).  Odd polynomials on |x| <= 1/2, reached by
// asin x = pi/2 - 2 asin sqrt((1-x)/2) and atan x = pi/4 + atan((x-1)/(x+1)) = pi/2 - atan(1/x).
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_INVERSETRIG_H
#define WEFT_MATH_INVERSETRIG_H

#include "weft/Math/Coefficients.h"
#include "weft/Math/Evaluator.h"

namespace weft::math {

/// quarters * pi/4 as a pair, for quarters = 0, 1, 2, 3, 4.
template <class E> Pair<E> quarterTurns(E &e, int quarters) {
  static constexpr double hi32[] = {0, 0x1.921fb6p-1, 0x1.921fb6p+0, 0x1.2d97c8p+1, 0x1.921fb6p+1};
  static constexpr double lo32[] = {0, -0x1.777a5cp-26, -0x1.777a5cp-25, -0x1.99bc5cp-28, -0x1.777a5cp-24};
  static constexpr double hi64[] = {0, 0x1.921fb54442d18p-1, 0x1.921fb54442d18p+0, 0x1.2d97c7f3321d2p+1,
                                    0x1.921fb54442d18p+1};
  static constexpr double lo64[] = {0, 0x1.1a62633145c07p-55, 0x1.1a62633145c07p-54, 0x1.a79394c9e8a0ap-54,
                                    0x1.1a62633145c07p-53};
  return {c(e, hi32[quarters], hi64[quarters]), c(e, lo32[quarters], lo64[quarters])};
}

/// asin|x| = root + tail, or pi/2 - 2 (root + tail) above 1/2.
template <class E> struct AsinParts {
  typename E::M large;
  typename E::F root, tail;
};
template <class E> AsinParts<E> asinParts(E &e, typename E::F x) {
  auto ax = e.abs(x);
  auto large = e.lt(e.f(0.5), ax);
  auto square = e.select(large, e.fma(ax, e.f(-0.5), e.f(0.5)), e.mul(x, x));
  auto root = e.select(large, e.sqrt(square), ax);
  return {large, root, e.mul(e.mul(square, root), polynomial(e, square, kAsin32, kAsin64))};
}

/// Arc sine; NaN outside [-1, 1].
template <class E> typename E::F asin(E &e, typename E::F x) {
  auto [large, root, tail] = asinParts(e, x);
  auto half = quarterTurns(e, 2);
  auto sum = fastTwoSum(e, half.hi, e.mul(e.f(-2), root));
  auto upper = e.add(sum.hi, e.fma(e.f(-2), tail, e.add(half.lo, sum.lo)));
  return e.copysign(e.select(large, upper, e.add(root, tail)), x);
}

/// Arc cosine; NaN outside [-1, 1].
template <class E> typename E::F acos(E &e, typename E::F x) {
  auto [large, root, tail] = asinParts(e, x);
  auto rest = e.add(root, tail);
  auto half = quarterTurns(e, 2), full = quarterTurns(e, 4);
  auto middle = e.sub(half.hi, e.sub(e.copysign(rest, x), half.lo));
  auto twice = e.add(rest, rest);
  auto outer = e.select(e.lt(x, e.f(0)), e.sub(full.hi, e.sub(twice, full.lo)), twice);
  return e.select(large, outer, middle);
}

/// The angle of the point (x, y) with y >= 0 and |x| = ax, left where x is negative.  For atan: x = 1.
template <class E> typename E::F angle(E &e, typename E::F y, typename E::F ax, const typename E::M *left) {
  using F = typename E::F;
  auto low = e.le(e.add(y, y), ax);
  auto high = e.lt(e.add(ax, ax), y);
  // Between 1/2 and 2 the difference is exact.
  F top = e.select(low, y, e.select(high, e.neg(ax), e.sub(y, ax)));
  F bottom = e.select(low, ax, e.select(high, y, e.add(y, ax)));
  if (left)
    bottom = e.select(e.eq(bottom, e.f(0)), e.f(1), bottom); // (0, 0) lies on the axis
  F t = e.div(top, bottom);
  auto choose = [&](int ifLow, int ifMiddle, int ifHigh) {
    auto a = quarterTurns(e, ifLow), b = quarterTurns(e, ifMiddle), d = quarterTurns(e, ifHigh);
    return Pair<E>{e.select(low, a.hi, e.select(high, d.hi, b.hi)), e.select(low, a.lo, e.select(high, d.lo, b.lo))};
  };
  auto base = choose(0, 1, 2);
  if (left) {
    auto mirrored = choose(4, 3, 2);
    base = {e.select(*left, mirrored.hi, base.hi), e.select(*left, mirrored.lo, base.lo)};
    t = e.select(*left, e.neg(t), t);
  }
  F square = e.mul(t, t);
  F tail = e.fma(e.mul(square, t), polynomial(e, square, kAtan32, kAtan64), base.lo);
  return e.add(base.hi, e.add(t, tail));
}

/// Arc tangent.
template <class E> typename E::F atan(E &e, typename E::F x) {
  return e.copysign(angle<E>(e, e.abs(x), e.f(1), nullptr), x);
}

/// The angle of (x, y) in [-pi, pi], with C's answers for zeros and infinities.
template <class E> typename E::F atan2(E &e, typename E::F y, typename E::F x) {
  auto ay = e.abs(y), ax = e.abs(x);
  auto left = e.lt(e.copysign(e.f(1), x), e.f(0));
  // (inf, inf) counts as (1, 1); a quarter of large ones keeps their sum finite.
  auto both = e.and_(e.eq(ax, inf(e)), e.eq(ay, inf(e)));
  auto scale = e.select(e.lt(e.f(1), ay), e.f(0.25), e.f(1));
  ay = e.select(both, e.f(1), e.mul(ay, scale));
  ax = e.select(both, e.f(1), e.mul(ax, scale));
  return e.copysign(angle(e, ay, ax, &left), y);
}

} // namespace weft::math

#endif // WEFT_MATH_INVERSETRIG_H
