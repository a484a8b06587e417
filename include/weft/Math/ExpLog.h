//===- ExpLog.h - exponentials, logarithms, powers --------------------------===//
//
// Decides exp exp2 expm1 sigmoid log log2 log10 log1p: the sequence of operations that is each function (Evaluator.h).
// Reductions after Cody and Waite ("Software Manual for the Elementary Functions", 1980), done with fma so that the
// first step is exact; polynomials by tools/minimax.py.  Errors: docs of the test table, test_math_accuracy.py.
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_EXPLOG_H
#define WEFT_MATH_EXPLOG_H

#include "weft/Math/Coefficients.h"
#include "weft/Math/Evaluator.h"

#include <iterator>

namespace weft::math {

/// e^x = 2^k (1 + r + q r^2).
template <class E> struct ExpParts {
  typename E::F r, q;
  Whole<E> whole;

  /// e^r, two roundings after q.
  typename E::F power(E &e) const { return e.fma(r, e.fma(r, q, e.f(1)), e.f(1)); }
};

/// For |x| so small that k < 2^(precision - 3).  r = x - k ln2: the first fma is exact, since all its terms are
/// multiples of the last place of ln2 and the result is below 1/2.
template <class E> ExpParts<E> expParts(E &e, typename E::F x) {
  auto whole = roundScaled(e, x, e.f(0x1.71547652b82fep+0));
  auto minusN = e.neg(whole.n);
  auto r = e.fma(minusN, c(e, 0x1.62e43p-1, 0x1.62e42fefa39efp-1), x);
  r = e.fma(minusN, c(e, -0x1.05c61p-29, 0x1.abc9e3b39803fp-56), r);
  return {r, polynomial(e, r, kExpm132, kExpm164), whole};
}

/// q e^x for pairs, as 2^n times the first number.
template <class E> struct Scaled {
  typename E::F value;
  Whole<E> n;
};
template <class E> Scaled<E> expPair(E &e, Pair<E> x, Pair<E> q) {
  auto whole = roundScaled(e, x.hi, e.f(0x1.71547652b82fep+0));
  auto minusN = e.neg(whole.n);
  auto first = e.fma(minusN, c(e, 0x1.62e43p-1, 0x1.62e42fefa39efp-1), x.hi);
  auto second = e.fma(minusN, c(e, -0x1.05c61p-29, 0x1.abc9e3b39803fp-56), x.lo);
  auto r = twoSum(e, first, second);
  // q (1 + r + tail), smallest terms first.
  auto tail = e.fma(e.mul(r.hi, r.hi), polynomial(e, r.hi, kExpm132, kExpm164), r.lo);
  auto low = e.fma(q.hi, tail, e.fma(q.lo, r.hi, q.lo));
  return {e.add(q.hi, e.fma(q.hi, r.hi, low)), whole};
}

/// e^x in f32, x between limits: 2^n (v + v p(r)), where n counts sixteenths, v is nearly 2^(n - floor n) and r is the
/// rest. Without an instruction that scales, v becomes v 2^n in passing: n stands in the low bits of t, 64 nearer to 0,
/// so that 2^n is a normal number, and the last product, which alone may round, undoes that. `sign` has x's sign, and
/// may be known before it; `isNonPositive`: no number is above 0.
template <class E> typename E::F expByTable(E &e, typename E::F x, typename E::F sign, bool isNonPositive) {
  const double shift = 0x1.8p19;
  const bool scales = e.scales();
  auto bySign = [&](double below, double above) { // not as floats: choices are by signs
    return isNonPositive ? e.f(below) : e.select(e.ltI(e.bits(sign), e.i(0)), e.f(below), e.f(above));
  };
  auto moved = scales ? e.f(shift) : bySign(shift + 64, shift - 64);
  auto t = e.fma(x, e.f(0x1.71547652b82fep+0), moved);
  auto n = e.sub(t, moved), minusN = e.neg(n);
  auto r = e.fma(minusN, e.f(-0x1.05c61p-29), e.fma(minusN, e.f(0x1.62e43p-1), x));
  auto v = e.lookup(scales ? kExpSixteenths : kExpSixteenthsLess, e.bits(t));
  if (!scales) // adds the sixteenths of n, too, which are less in the table
    v = e.fromBits(e.addI(e.bits(v), e.shlI(e.bits(t), mantissaBits(e) - 4)));
  auto y = e.fma(v, polynomial(e, r, kExpStep, int(std::size(kExpStep))), v);
  return e.scaled(y, n, [&] { return e.mul(y, bySign(0x1p-64, 0x1p64)); });
}

/// A function that is 0 below a limit; none of its steps is taken there: a result too small for a number takes some 150
/// cycles of Intel's processors, and masked scores (-1e9, -inf) have no other. Where a scaling instruction leaves lanes
/// out, those may hold anything till then.
template <class E, class Fn> typename E::F zeroBelow(E &e, typename E::F limit, typename E::F x, Fn function) {
  auto isZero = e.lt(x, limit);
  return e.select(isZero, e.f(0), function(e.scales() ? x : e.select(isZero, e.f(0), x)));
}

/// e^x; `isNonPositive`: it is known that no number is above 0. The bits are the same.
template <class E> typename E::F exp(E &e, typename E::F any, bool isNonPositive = false) {
  return zeroBelow(e, c(e, -104.5, -746), isNonPositive ? any : atMost(e, any, c(e, 89, 710)), [&](auto x) {
    if (!e.isF64())
      return expByTable(e, x, any, isNonPositive);
    auto parts = expParts(e, x);
    return scale(e, parts.power(e), parts.whole);
  });
}

/// 2^x.
template <class E> typename E::F exp2(E &e, typename E::F any) {
  return zeroBelow(e, c(e, -151, -1077), atMost(e, any, c(e, 129, 1025)), [&](auto x) {
    auto whole = roundScaled(e, x, e.f(1));
    auto r = e.sub(x, whole.n);
    return scale(e, e.fma(r, polynomial(e, r, kExp232, kExp264), e.f(1)), whole);
  });
}

/// e^x - 1 = 2^k (r + q r^2) + (2^k - 1), computed at half size so that the largest k does not overflow too early; the
/// large parts first, which cancel exactly at k = 1.
template <class E> typename E::F expm1(E &e, typename E::F x) {
  auto y = atLeast(e, atMost(e, x, c(e, 89, 710)), c(e, -18, -38));
  auto parts = expParts(e, y);
  auto tail = e.mul(e.mul(parts.r, parts.r), parts.q);
  auto half = pow2(e, e.subI(parts.whole.k, e.i(1)));
  auto result = e.fma(half, tail, e.fma(half, parts.r, e.sub(half, e.f(0.5))));
  // k = 0: not by halves, which could underflow; and the sign of -0.
  auto small = e.eqI(parts.whole.k, e.i(0));
  return e.copysign(e.select(small, e.add(parts.r, tail), e.add(result, result)), x);
}

/// 1 / (1 + e^-x), by t = e^-|x| so that it neither overflows nor loses the small side: y = a / (1 + t), a either 1 or
/// t. The sum's rounding shows in what is left, a - y - y t (a - y is exact), of which y lacks 1 / (1 + t) parts: about
/// 3/4.
template <class E> typename E::F sigmoid(E &e, typename E::F x) {
  auto t = exp(e, e.neg(e.abs(x)));
  auto a = e.select(e.lt(x, e.f(0)), t, e.f(1));
  auto y = e.div(a, e.add(e.f(1), t));
  return e.fma(e.fma(e.neg(y), t, e.sub(a, y)), e.f(0.75), y);
}

/// x = 2^k (1 + f), k as a float.
template <class E> struct LogParts {
  typename E::F f, k;
};

/// With low <= 1 + f < 2 low; for x positive, finite and normal, or with `tiny` set x = 2^-up y and y the argument.
template <class E> LogParts<E> logParts(E &e, typename E::F x, typename E::M tiny, double up, double low) {
  const int p = mantissaBits(e);
  auto lowBits = bitsOf(e, low);
  auto t = e.addI(e.bits(x), e.subI(bitsOf(e, 1), lowBits));
  auto m = e.fromBits(e.addI(e.andI(t, e.i((int64_t(1) << p) - 1)), lowBits));
  // k + bias stands in the low bits of a float; its offset goes with the same subtraction.
  const double big = e.isF64() ? 0x1p52 : 0x1p23, offset = big + double(bias(e));
  auto k = e.sub(e.fromBits(e.orI(e.lshrI(t, p), bitsOf(e, big))), e.select(tiny, e.f(offset + up), e.f(offset)));
  return {e.sub(m, e.f(1)), k};
}

/// logParts for subnormal x too.
template <class E> LogParts<E> logPartsTotal(E &e, typename E::F x, double low) {
  auto tiny = e.lt(x, c(e, 0x1p-126, 0x1p-1022));
  auto scaled = e.mul(x, c(e, 0x1p24, 0x1p54));
  return logParts(e, e.select(tiny, scaled, x), tiny, e.isF64() ? 54 : 24, low);
}

/// sqrt(1/2): from there to its double, a logarithm's whole part is never cancelled by half.
template <class E> double rootOfHalf(E &e) { return e.isF64() ? 0x1.6a09e667f3bcdp-1 : 0x1.6a09e6p-1; }

/// The ends of a logarithm's domain: 0 to -inf, below NaN, +inf and NaN to themselves.
template <class E> typename E::F logEnds(E &e, typename E::F x, typename E::F result) {
  result = e.select(e.lt(x, inf(e)), result, x);
  result = e.select(e.lt(x, e.f(0)), nan(e), result);
  return e.select(e.eq(x, e.f(0)), e.f(-std::numeric_limits<double>::infinity()), result);
}

/// For any x, 3/4 <= 1 + f < 3/2, with the ends of the domain in k.
template <class E> LogParts<E> logPartsOfAny(E &e, typename E::F x) {
  auto [f, k] = e.split(x, [&] {
    auto parts = logPartsTotal(e, x, 0.75);
    return std::array<typename E::F, 2>{parts.f, logEnds(e, x, parts.k)};
  });
  return {f, k};
}

/// log(1 + f) - f, -1/4 <= f <= 1/2.
template <class E> typename E::F logTail(E &e, typename E::F f) {
  return e.mul(e.mul(f, f), e.fma(f, polynomial(e, f, kLog1p32, kLog1p64), e.f(-0.5)));
}

/// k ln2 + f + low. ln2 in two parts, both positive (infinite k), the first exact for every k.
template <class E> typename E::F addLn2(E &e, typename E::F k, typename E::F f, typename E::F low) {
  low = e.fma(k, c(e, 0x1.7f7d1cp-20, 0x1.ef35793c7673p-45), low);
  return e.fma(k, c(e, 0x1.62e4p-1, 0x1.62e42fefa38p-1), e.add(f, low));
}

/// Natural logarithm.
template <class E> typename E::F log(E &e, typename E::F x) {
  auto [f, k] = logPartsOfAny(e, x);
  return addLn2(e, k, f, logTail(e, f));
}

/// Logarithm to base 2: log2(e) f + p(f) f^2 with log2(e) in two parts, so that values near 1 keep their accuracy.
template <class E> typename E::F log2(E &e, typename E::F x) {
  auto [f, k] = logPartsTotal(e, x, rootOfHalf(e));
  auto slope = e.fma(f, polynomial(e, f, kLog232, kLog264), c(e, 0x1.4ae0cp-26, 0x1.777d0ffda0d24p-56));
  auto sum = fastTwoSum(e, c(e, 0x1.715476p+0, 0x1.71547652b82fep+0), slope);
  auto fraction = e.fma(f, sum.hi, e.mul(f, sum.lo));
  return logEnds(e, x, e.add(k, fraction));
}

/// Logarithm to base 10, as log2 with k log10(2) in two parts.
template <class E> typename E::F log10(E &e, typename E::F x) {
  auto [f, k] = logPartsOfAny(e, x);
  auto hi = c(e, 0x1.bcb7b2p-2, 0x1.bcb7b1526e50ep-2);
  auto low = e.fma(logTail(e, f), hi, e.mul(f, c(e, -0x1.5b235ep-27, 0x1.95355baaafad3p-57)));
  low = e.fma(k, c(e, 0x1.3509f8p-18, 0x1.fef311f12b358p-46), low);
  return e.fma(k, c(e, 0x1.344p-2, 0x1.34413509f78p-2), e.fma(f, hi, low));
}

/// log(1 + x + xLow) + kAdd ln2, |xLow| below the last place of x; not at the ends of the domain.  k comes from the
/// rounded 1 + x, but f = x 2^-k + (2^-k - 1) from x itself, with one rounding.
template <class E> typename E::F log1pPair(E &e, typename E::F x, typename E::F xLow, typename E::F kAdd) {
  using F = typename E::F;
  F sum = e.add(x, e.f(1));
  F k = logParts(e, sum, e.lt(sum, e.f(0)), 0, 0.75).k;
  // 4 * 2^-k is normal for every k; x / 4 is exact where k is not 0.
  F scale4 = pow2(e, e.subI(e.i(2), wholeBits(e, k)));
  F f = e.fma(e.mul(x, e.f(0.25)), scale4, e.fma(scale4, e.f(0.25), e.f(-1)));
  f = e.select(e.eq(k, e.f(0)), x, f);
  // 1 / (1 + f) is about 1 - f + f^2, enough for the low part.
  F low = e.mul(e.mul(xLow, e.mul(scale4, e.f(0.25))), e.fma(f, e.add(f, e.f(-1)), e.f(1)));
  return addLn2(e, e.add(k, kAdd), f, e.add(logTail(e, f), low));
}

/// log(1 + x).
template <class E> typename E::F log1p(E &e, typename E::F x) {
  auto result = log1pPair(e, x, e.f(0), e.f(0));
  result = e.select(e.lt(x, inf(e)), result, x);
  result = e.select(e.lt(x, e.f(-1)), nan(e), result);
  result = e.select(e.eq(x, e.f(-1)), e.f(-std::numeric_limits<double>::infinity()), result);
  return e.select(e.eq(x, e.f(0)), x, result);
}

} // namespace weft::math

#endif // WEFT_MATH_EXPLOG_H
