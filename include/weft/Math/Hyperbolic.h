//===- Hyperbolic.h - hyperbolic functions and their inverses ---------------===//
//
// Decides sinh cosh tanh asinh acosh atanh: the sequence of operations (Evaluator.h).  The inverses are logarithms of
// 1 + a pair, so that the argument's own rounding does not count.
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_HYPERBOLIC_H
#define WEFT_MATH_HYPERBOLIC_H

#include "weft/Math/ExpLog.h"

namespace weft::math {

/// |x| = k ln2 + r.  With s = sinh r, d = cosh r - 1, a and b = (2^k +- 2^-k) / 4:
/// sinh|x| = 2 (a s + b d + b) and cosh x = 2 (b s + a d + a), without a division or a loss at small x.
template <class E> struct HyperbolicParts {
  typename E::F r, cubic, d, a, b, up, down; // s = r + cubic, a = up + down, b = up - down
  typename E::M reduced;                     // k is not 0
};
template <class E> HyperbolicParts<E> hyperbolicParts(E &e, typename E::F x) {
  auto ax = atMost(e, e.abs(x), c(e, 89.5, 710.6));
  auto parts = expParts(e, ax);
  auto r = parts.r;
  auto k = parts.whole.k;
  auto square = e.mul(r, r);
  auto cubic = e.mul(e.mul(square, r), polynomial(e, square, kSinh32, kSinh64));
  auto d = e.mul(square, polynomial(e, square, kCosh32, kCosh64));
  auto up = pow2(e, e.subI(k, e.i(2)));
  // 2^-k matters no more where it would be subnormal.
  auto least = e.i(e.isF64() ? 200 : 100);
  auto down = pow2(e, e.subI(e.i(-2), e.selectI(e.ltI(least, k), least, k)));
  return {r, cubic, d, e.add(up, down), e.sub(up, down), up, down, e.not_(e.eqI(k, e.i(0)))};
}

/// Hyperbolic sine.
template <class E> typename E::F sinh(E &e, typename E::F x) {
  auto p = hyperbolicParts(e, x);
  auto half = e.add(p.b, e.fma(p.a, p.r, e.fma(p.a, p.cubic, e.mul(p.b, p.d))));
  return e.copysign(e.select(p.reduced, e.add(half, half), e.add(p.r, p.cubic)), x);
}

/// Hyperbolic cosine; a in its parts, of which the large one is exact.
template <class E> typename E::F cosh(E &e, typename E::F x) {
  auto p = hyperbolicParts(e, x);
  auto half = e.add(p.up, e.fma(p.b, p.r, e.fma(p.b, p.cubic, e.fma(p.a, p.d, p.down))));
  return e.add(half, half);
}

/// tanh in f32: tanh(a + r) = v + (1 - v^2) u / (1 + u v), where a is a node, v = tanh a and u = tanh r. At all nodes v
/// and 1 - v^2 are nearly floats; the first one is 0, and at the last one tanh is 1.
template <class E> typename E::F tanhByTable(E &e, typename E::F x) {
  auto ax = atMost(e, e.abs(x), e.f(kTanhNode[15]));
  auto j = e.bits(e.fma(ax, e.f(15 / kTanhNode[15]), e.f(0x1.8p23)));
  auto r = e.sub(ax, e.lookup(kTanhNode, j)), square = e.mul(r, r);
  auto u = e.fma(e.mul(square, r), polynomial(e, square, kTanhStep32, int(std::size(kTanhStep32))), r);
  auto v = e.lookup(kTanhAtNode, j);
  return e.copysign(e.fma(e.lookup(kTanhSlope, j), e.div(u, e.fma(u, v, e.f(1))), v), x);
}

/// tanh: in f64 an odd polynomial below 0.625, 1 - 2 / (e^2|x| + 1) above.
template <class E> typename E::F tanh(E &e, typename E::F x) {
  if (!e.isF64())
    return tanhByTable(e, x);
  auto ax = e.abs(x);
  auto square = e.mul(x, x);
  auto small = e.fma(e.mul(square, ax), polynomial(e, square, kTanh64, int(std::size(kTanh64))), ax);
  auto parts = expParts(e, atMost(e, e.add(ax, ax), e.f(44)));
  auto denominator = e.fma(parts.power(e), pow2(e, parts.whole.k), e.f(1));
  auto large = e.sub(e.f(1), e.div(e.f(2), denominator));
  return e.copysign(e.select(e.lt(ax, e.f(0.625)), small, large), x);
}

/// sqrt(a.hi + a.lo) as a pair, a.hi > 0.
template <class E> Pair<E> sqrtPair(E &e, Pair<E> a) {
  auto root = e.sqrt(a.hi);
  auto rest = e.add(e.fma(e.neg(root), root, a.hi), a.lo);
  return {root, e.div(e.mul(rest, e.f(0.5)), root)};
}

/// asinh|x| = log1p(|x| + (sqrt(1 + x^2) - 1)); log(2|x|) where x^2 hides the 1, x where it is hidden.
template <class E> typename E::F asinh(E &e, typename E::F x) {
  auto ax = e.abs(x);
  auto large = e.lt(c(e, 0x1p20, 0x1p50), ax);
  auto square = twoProd(e, ax, ax);
  auto sum = twoSum(e, square.hi, e.f(1));
  auto root = sqrtPair(e, {sum.hi, e.add(sum.lo, square.lo)});
  auto h = twoSum(e, ax, e.sub(root.hi, e.f(1)));
  // log1p(|x|) + ln2 is log(2|x|) to the last place for large ones.
  auto result = log1pPair(e, e.select(large, ax, h.hi), e.select(large, e.f(0), e.add(h.lo, root.lo)),
                          e.select(large, e.f(1), e.f(0)));
  result = e.select(e.lt(ax, c(e, 0x1p-13, 0x1p-27)), ax, result);
  return e.copysign(e.select(e.lt(ax, inf(e)), result, ax), x);
}

/// acosh x = log1p(t + sqrt(t^2 + 2t)), t = x - 1; NaN below 1.
template <class E> typename E::F acosh(E &e, typename E::F x) {
  auto large = e.lt(c(e, 0x1p20, 0x1p50), x);
  auto t = e.sub(x, e.f(1));
  auto square = twoProd(e, t, t);
  auto sum = twoSum(e, e.add(t, t), square.hi);
  auto root = sqrtPair(e, {sum.hi, e.add(sum.lo, square.lo)});
  auto h = fastTwoSum(e, root.hi, t);
  auto result = log1pPair(e, e.select(large, t, h.hi), e.select(large, e.f(0), e.add(h.lo, root.lo)),
                          e.select(large, e.f(1), e.f(0)));
  result = e.select(e.lt(x, inf(e)), result, x);
  result = e.select(e.lt(x, e.f(1)), nan(e), result);
  return e.select(e.eq(x, e.f(1)), e.f(0), result);
}

/// atanh|x| = log1p(2|x| / (1 - |x|)) / 2; NaN above 1.
template <class E> typename E::F atanh(E &e, typename E::F x) {
  auto ax = e.abs(x);
  auto bottom = fastTwoSum(e, e.f(1), e.neg(ax));
  auto twice = e.add(ax, ax);
  auto reciprocal = e.div(e.f(1), bottom.hi);
  auto q = e.mul(twice, reciprocal);
  auto rest = e.sub(e.fma(e.neg(q), bottom.hi, twice), e.mul(q, bottom.lo));
  auto result = e.mul(log1pPair(e, q, e.mul(rest, reciprocal), e.f(0)), e.f(0.5));
  result = e.select(e.lt(e.f(1), ax), nan(e), result);
  return e.copysign(e.select(e.eq(ax, e.f(1)), inf(e), result), x);
}

} // namespace weft::math

#endif // WEFT_MATH_HYPERBOLIC_H
