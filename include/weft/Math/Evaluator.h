//===- Evaluator.h - what a math function may be made of --------------------===//
//
// Decides the operations that the definitions of the math functions are written in, and their shared building blocks.
//
// Each function of weft/Math is one template over an evaluator E: the reference interpreter instantiates it with
// scalars (Scalar.h), codegen with an emitter of vector operations.  Both run the same IEEE operations in the same
// dependence order, so both give the same bits.  Nothing here may be contracted, reassociated or flushed to zero.
//
// An evaluator works in one float type, f32 or f64, and has
//   types  F (float value), I (integer value of the same width), M (mask)
//   bool   isF64()
//   F      f(double)              constant; exact or rounded to nearest
//   I      i(int64_t)             constant
//   F      add sub mul div (F, F); fma(F a, F b, F c) = a*b + c with one rounding; neg abs sqrt roundeven (F);
//          copysign(F magnitude, F sign)
//   M      lt le eq (F, F)        ordered: false where a side is NaN
//   M      isNan(F); and_ or_ (M, M); not_(M)
//   F      select(M, F, F)        and I selectI(M, I, I)
//   I      bits(F); F fromBits(I) reinterpret
//   I      addI subI andI orI xorI (I, I), wrapping; shlI lshrI (I, int)
//   M      eqI ltI (I, I)         signed
//   F      lookup(table, I j)     table[j mod size] of 8 or 16 constants; f32 only
//   bool   scales()               whether y * 2^floor(n), rounded once, is one instruction
//   F      scaled(F y, F n, fn)   that instruction, or fn(), its equal, if there is none
//   std::array<F, 2> split(F x, fn)
//                                 f and k, x = 2^k (1 + f), -1/4 <= f < 1/2: k of 0 is -inf, of inf inf; NaN (one or
//                                 both) if x is NaN or below 0; if instructions do that, else fn(), which does too
//   std::array<F, N> whenAny(M cond, std::array<F, N> usual, fn)
//                                 per element cond ? fn() : usual; fn is called under a branch taken if any element
//                                 needs it (a scalar: if its own does).  For rare and long paths only.
//
// There is no conversion between float and integer: adding 1.5 * 2^(precision-1) rounds to an integer and leaves it in
// the low bits.  That is total (fptosi of NaN is poison in LLVM), and AVX2 has no 64-bit conversion.
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_EVALUATOR_H
#define WEFT_MATH_EVALUATOR_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace weft::math {

/// The layout of E's float type.
template <class E> int mantissaBits(E &e) { return e.isF64() ? 52 : 23; }
template <class E> int64_t bias(E &e) { return e.isF64() ? 1023 : 127; }

/// A constant that differs by type.
template <class E> typename E::F c(E &e, double f32, double f64) { return e.f(e.isF64() ? f64 : f32); }
template <class E> typename E::F inf(E &e) { return e.f(std::numeric_limits<double>::infinity()); }
template <class E> typename E::F nan(E &e) { return e.f(std::numeric_limits<double>::quiet_NaN()); }

/// The bits of a constant.  (Not e.bits(e.f(x)): an emitter would need a folder to make it one.)
template <class E> typename E::I bitsOf(E &e, double value) {
  if (e.isF64()) {
    int64_t raw;
    __builtin_memcpy(&raw, &value, 8);
    return e.i(raw);
  }
  float narrow = static_cast<float>(value);
  int32_t raw;
  __builtin_memcpy(&raw, &narrow, 4);
  return e.i(raw);
}

/// Limits that let NaN through.
template <class E> typename E::F atMost(E &e, typename E::F x, typename E::F hi) {
  return e.select(e.lt(hi, x), hi, x);
}
template <class E> typename E::F atLeast(E &e, typename E::F x, typename E::F lo) {
  return e.select(e.lt(x, lo), lo, x);
}

/// c[first] + c[first + step] y + c[first + 2 step] y^2 + ... by Horner's rule.
template <class E> typename E::F horner(E &e, typename E::F y, const double *coeffs, int count, int first, int step) {
  int last = first + (count - 1 - first) / step * step;
  auto sum = e.f(coeffs[last]);
  for (int k = last - step; k >= first; k -= step)
    sum = e.fma(sum, y, e.f(coeffs[k]));
  return sum;
}

/// c[0] + c[1] x + ...  Long ones in two or four chains of powers of x^2 or x^4: one chain of twenty fmas keeps too few
/// vectors in flight.  c[0] comes last even so, for one rounding of that size instead of three.
template <class E> typename E::F polynomial(E &e, typename E::F x, const double *coeffs, int count) {
  if (count <= 7)
    return horner(e, x, coeffs, count, 0, 1);
  auto square = e.mul(x, x);
  typename E::F rest;
  if (count <= 13) {
    rest = e.fma(horner(e, square, coeffs, count, 2, 2), x, horner(e, square, coeffs, count, 1, 2));
  } else {
    auto fourth = e.mul(square, square);
    auto low = e.fma(horner(e, fourth, coeffs, count, 2, 4), x, horner(e, fourth, coeffs, count, 1, 4));
    auto high = e.fma(horner(e, fourth, coeffs, count, 4, 4), x, horner(e, fourth, coeffs, count, 3, 4));
    rest = e.fma(high, square, low);
  }
  return e.fma(rest, x, e.f(coeffs[0]));
}
template <class E, size_t N, size_t M>
typename E::F polynomial(E &e, typename E::F x, const double (&f32)[N], const double (&f64)[M]) {
  return e.isF64() ? polynomial(e, x, f64, int(M)) : polynomial(e, x, f32, int(N));
}

/// An integer as a float and as an integer.
template <class E> struct Whole {
  typename E::F n;
  typename E::I k;
};

/// 1.5 * 2^(precision - 1): the sum with a number below 2^(precision - 2) is rounded to an integer, to nearest even.
template <class E> double roundingShift(E &e) { return e.isF64() ? 0x1.8p52 : 0x1.8p23; }

/// x * scale rounded to an integer; |x * scale| < 2^(precision - 2), else NaN or nonsense, never a trap.
template <class E> Whole<E> roundScaled(E &e, typename E::F x, typename E::F scale) {
  auto shift = e.f(roundingShift(e));
  auto t = e.fma(x, scale, shift);
  return {e.sub(t, shift), e.subI(e.bits(t), bitsOf(e, roundingShift(e)))};
}

/// The integer in a float that holds one (|n| < 2^(precision - 2)).
template <class E> typename E::I wholeBits(E &e, typename E::F n) {
  return e.subI(e.bits(e.add(n, e.f(roundingShift(e)))), bitsOf(e, roundingShift(e)));
}

/// 2^k where that is a normal number.
template <class E> typename E::F pow2(E &e, typename E::I k) {
  return e.fromBits(e.shlI(e.addI(k, e.i(bias(e))), mantissaBits(e)));
}

/// y * 2^n.k for any |n.k| <= 2 * bias, n.k the floor of n.n: two factors, so that only the last product can round (y
/// about 1).
template <class E> typename E::F scale(E &e, typename E::F y, Whole<E> n) {
  return e.scaled(y, n.n, [&] {
    auto biased = e.addI(n.k, e.i(2 * bias(e)));
    auto half = e.lshrI(biased, 1);
    auto first = e.fromBits(e.shlI(half, mantissaBits(e)));
    auto second = e.fromBits(e.shlI(e.subI(biased, half), mantissaBits(e)));
    return e.mul(e.mul(y, first), second);
  });
}

/// An unevaluated sum hi + lo, |lo| <= ulp(hi) / 2 after a renormalising step.
template <class E> struct Pair {
  typename E::F hi, lo;
};

/// a + b exactly (Knuth).
template <class E> Pair<E> twoSum(E &e, typename E::F a, typename E::F b) {
  auto s = e.add(a, b);
  auto bb = e.sub(s, a);
  return {s, e.add(e.sub(a, e.sub(s, bb)), e.sub(b, bb))};
}
/// a + b exactly where |a| >= |b| or a is 0 (Dekker).
template <class E> Pair<E> fastTwoSum(E &e, typename E::F a, typename E::F b) {
  auto s = e.add(a, b);
  return {s, e.sub(b, e.sub(s, a))};
}
/// a * b exactly, where the low part does not underflow.
template <class E> Pair<E> twoProd(E &e, typename E::F a, typename E::F b) {
  auto p = e.mul(a, b);
  return {p, e.fma(a, b, e.neg(p))};
}

/// (a.hi + a.lo) / (b.hi + b.lo) with one rounding and a little: a quotient by the reciprocal, mended by its remainder.
template <class E> typename E::F dividePairs(E &e, Pair<E> a, Pair<E> b) {
  auto reciprocal = e.div(e.f(1), b.hi);
  auto q = e.mul(a.hi, reciprocal);
  auto rest = e.add(e.fma(e.neg(q), b.hi, a.hi), e.fma(e.neg(q), b.lo, a.lo));
  return e.fma(rest, reciprocal, q);
}

} // namespace weft::math

#endif // WEFT_MATH_EVALUATOR_H
