//===- Trig.h - sine, cosine, tangent ---------------------------------------===//
//
// Decides sin cos tan.  Moderate arguments lose multiples of pi/2 by three fmas (Cody and Waite 1980); huge ones by the
// bits of 2/pi that matter (M. Payne, R. Hanek, "Radian reduction for trigonometric functions", 1983), in float
// products made exact by fma.
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_TRIG_H
#define WEFT_MATH_TRIG_H

#include "weft/Math/Coefficients.h"
#include "weft/Math/Evaluator.h"

namespace weft::math {

/// x = n pi/2 + hi + lo, |hi| <= pi/4 (a little more by rounding); n counts modulo 4.
template <class E> using Quadrant = std::array<typename E::F, 3>; // hi, lo, n

/// |x| below 2^17 (f32), 2^30 (f64).  pi/2 in three parts.  x - n first is exact: all terms are multiples of the last
/// place of `first`.  So is the error of r - product: r is a multiple of ulp(product).
template <class E> Quadrant<E> reduceModerate(E &e, typename E::F x) {
  auto n = roundScaled(e, x, c(e, 0x1.45f306p-1, 0x1.45f306dc9c883p-1)).n;
  auto minusN = e.neg(n);
  auto r = e.fma(minusN, c(e, 0x1.921fb6p+0, 0x1.921fb54442d18p+0), x);
  auto product = twoProd(e, minusN, c(e, -0x1.777a5cp-25, 0x1.1a62633145c07p-54));
  auto sum = fastTwoSum(e, r, product.hi);
  auto lo = e.fma(minusN, c(e, -0x1.ee59dap-50, -0x1.f1976b7ed8fbcp-110), e.add(sum.lo, product.lo));
  return {sum.hi, lo, n};
}

/// Any finite x with |x| >= 4.  x 2/pi modulo 4 = sum of x times pieces of 2/pi: leading pieces, whose products are
/// multiples of 4, are skipped by exponent; five pieces more than cover the worst cancellation (a double comes within
/// 2^-61 of a multiple of pi/2); three accumulators keep every bit.
template <class E, size_t N> Quadrant<E> reduceHuge(E &e, typename E::F x, const double (&pieces)[N]) {
  using F = typename E::F;
  const int precision = mantissaBits(e) + 1;
  constexpr int used = 5;
  auto ax = e.abs(x);
  // The weight of x's last place is 2^(exponent - bias - mantissa bits).
  auto exponent = e.lshrI(e.bits(ax), precision - 1);
  std::array<F, used> window;
  for (int j = 0; j < used; ++j)
    window[j] = e.f(pieces[j]);
  F down = e.f(1);
  for (int skip = 1; skip + used <= int(N); ++skip) {
    auto more = e.ltI(e.i(precision * skip + 1 + bias(e) + precision - 1), exponent);
    for (int j = 0; j < used; ++j)
      window[j] = e.select(more, e.f(pieces[skip + j]), window[j]);
    down = e.select(more, e.f(__builtin_ldexp(1.0, -precision * skip)), down);
  }
  ax = e.mul(ax, down);
  auto modulo4 = [&](F t) { return e.fma(e.f(-4), e.roundeven(e.mul(t, e.f(0.25))), t); };
  F s0 = e.f(0), s1 = s0, s2 = s0;
  auto accumulate = [&](F t) {
    auto first = twoSum(e, s0, t);
    auto second = twoSum(e, s1, first.lo);
    s0 = first.hi;
    s1 = second.hi;
    s2 = e.add(s2, second.lo);
  };
  for (int j = 0; j < used; ++j) {
    auto product = twoProd(e, e.mul(ax, e.f(__builtin_ldexp(1.0, -precision * j))), window[j]);
    accumulate(j < 2 ? modulo4(product.hi) : product.hi);
    accumulate(j < 1 ? modulo4(product.lo) : product.lo);
  }
  F n = e.roundeven(s0);
  auto top = twoSum(e, e.sub(s0, n), s1);
  auto turns = fastTwoSum(e, top.hi, e.add(top.lo, s2));
  auto first = c(e, 0x1.921fb6p+0, 0x1.921fb54442d18p+0);
  auto product = twoProd(e, turns.hi, first);
  auto low = e.fma(turns.hi, c(e, -0x1.777a5cp-25, 0x1.1a62633145c07p-54), e.fma(turns.lo, first, product.lo));
  auto sum = fastTwoSum(e, product.hi, low);
  // Infinity minus itself makes NaN of it.
  auto sign = e.add(e.copysign(e.f(1), x), e.sub(x, x));
  return {e.mul(sum.hi, sign), e.mul(sum.lo, sign), e.mul(n, sign)};
}

/// Any x; infinity and NaN give NaN, 0 may lose its sign.
template <class E> Quadrant<E> reduce(E &e, typename E::F x) {
  auto huge = e.le(c(e, 0x1p17, 0x1p30), e.abs(x));
  return e.template whenAny<3>(huge, reduceModerate(e, x), [&] {
    return e.isF64() ? reduceHuge(e, x, kTwoOverPi64) : reduceHuge(e, x, kTwoOverPi32);
  });
}

/// sin(hi + lo) and cos(hi + lo) for |hi| <= pi/4, as sums of a large and a small part.
template <class E> Pair<E> sinKernel(E &e, typename E::F hi, typename E::F lo, typename E::F square) {
  return {hi, e.fma(e.mul(square, hi), polynomial(e, square, kSin32, kSin64), lo)};
}
template <class E> Pair<E> cosKernel(E &e, typename E::F hi, typename E::F lo, typename E::F square) {
  auto sum = fastTwoSum(e, e.f(1), e.mul(square, e.f(-0.5)));
  auto tail = e.fma(e.neg(hi), lo, sum.lo);
  return {sum.hi, e.fma(e.mul(square, square), polynomial(e, square, kCos32, kCos64), tail)};
}
template <class E> Pair<E> selectPair(E &e, typename E::M m, Pair<E> a, Pair<E> b) {
  return {e.select(m, a.hi, b.hi), e.select(m, a.lo, b.lo)};
}

/// Sine (quarter = 0) or cosine (quarter = 1: cos x = sin(x + pi/2)).
template <class E> typename E::F sinQuarter(E &e, typename E::F x, int quarter) {
  auto [hi, lo, n] = reduce(e, x);
  auto square = e.mul(hi, hi);
  auto q = e.addI(wholeBits(e, n), e.i(quarter));
  auto even = e.eqI(e.andI(q, e.i(1)), e.i(0));
  auto pair = selectPair(e, even, sinKernel(e, hi, lo, square), cosKernel(e, hi, lo, square));
  // Bit 1 of the quadrant is the sign.
  auto sign = e.shlI(e.andI(q, e.i(2)), e.isF64() ? 62 : 30);
  return e.fromBits(e.xorI(e.bits(e.add(pair.hi, pair.lo)), sign));
}
template <class E> typename E::F sin(E &e, typename E::F x) {
  return e.select(e.eq(x, e.f(0)), x, sinQuarter(e, x, 0));
}
template <class E> typename E::F cos(E &e, typename E::F x) { return sinQuarter(e, x, 1); }

/// Tangent: sin / cos, or -cos / sin in odd quadrants.
template <class E> typename E::F tan(E &e, typename E::F x) {
  auto [hi, lo, n] = reduce(e, x);
  auto square = e.mul(hi, hi);
  auto s = sinKernel(e, hi, lo, square);
  auto co = cosKernel(e, hi, lo, square);
  auto even = e.eqI(e.andI(wholeBits(e, n), e.i(1)), e.i(0));
  auto top = selectPair(e, even, s, {e.neg(co.hi), e.neg(co.lo)});
  auto bottom = selectPair(e, even, co, s);
  auto result = dividePairs(e, fastTwoSum(e, top.hi, top.lo), fastTwoSum(e, bottom.hi, bottom.lo));
  return e.select(e.eq(x, e.f(0)), x, result);
}

} // namespace weft::math

#endif // WEFT_MATH_TRIG_H
