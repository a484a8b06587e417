//===- Special.h - error functions ------------------------------------------===//
//
// Decides erf erfc erfInv erfInvCoarse: the sequence of operations (Evaluator.h).
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_SPECIAL_H
#define WEFT_MATH_SPECIAL_H

#include "weft/Math/ExpLog.h"

#include <iterator>

namespace weft::math {

/// erf in f32: v + r + p(r) r, where v = erf(|x| - r), by the nearest of eight halves.
template <class E> typename E::F erfByTable(E &e, typename E::F x) {
  auto ax = e.abs(x), shift = e.f(0x1.8p22);
  auto t = e.add(atMost(e, ax, e.f(3.5)), shift); // in its last place
  auto r = e.sub(atMost(e, ax, e.f(kErfLast)), e.sub(t, shift));
  auto half = e.bits(t);
  auto p = e.lookup(kErfPieces[5], half);
  for (int k = 4; k >= 0; --k)
    p = e.fma(p, r, e.lookup(kErfPieces[k], half));
  return e.copysign(e.add(e.fma(p, r, r), e.lookup(kErfAtHalf, half)), x);
}

/// erf: in f64 an odd polynomial below 1, 1 - e^p(x) above, p a polynomial for log(erfc(x)).
template <class E> typename E::F erf(E &e, typename E::F x) {
  if (!e.isF64())
    return erfByTable(e, x);
  auto ax = e.abs(x);
  auto square = e.mul(x, x);
  auto small = e.fma(ax, polynomial(e, square, kErf64, int(std::size(kErf64))), ax);
  auto tail = polynomial(e, atMost(e, ax, e.f(6)), kErfTail64, int(std::size(kErfTail64)));
  auto parts = expParts(e, tail);
  auto large = e.fma(parts.power(e), e.neg(pow2(e, parts.whole.k)), e.f(1));
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
  F large = scale(e, power.value, power.n);
  large = e.select(e.lt(x, e.f(0)), e.sub(two, large), large);
  return e.select(e.lt(e.abs(x), e.f(0.75)), small, large);
}

// erfInv(x) / x in w - 2.5 or w - 3.125 for small w = -log(1 - x^2), in sqrt(w) - 3, - 3.25 and - 5 beyond (M. Giles,
// "Approximating the erfinv function", GPU Computing Gems, 2011).
// clang-format off
inline constexpr double kErfInvNear32[] = {
    1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-06, -3.5233877e-06,
    3.43273939e-07, 2.81022636e-08};
inline constexpr double kErfInvFar32[] = {
    2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322,
    0.000100950558, -0.000200214257};
inline constexpr double kErfInvNear64[] = {
    1.6536545626831027, 0.24015818242558962, -0.006033670871430149, -0.000740702534166267,
    0.00018673420803405714, -1.3882523362786469e-05, -1.3654692000834679e-06, 4.2347877827932404e-07,
    -2.9070369957882005e-08, -4.112633980346984e-09, 1.0512122733215323e-09, -5.415412054294628e-11,
    -1.2975133253453532e-11, 2.6335093153082323e-12, -8.151934197605472e-14, -4.054566272975207e-14,
    6.637638134358324e-15, 2.0972767875968562e-17, -1.333171662854621e-16, 1.1157877678025181e-17,
    1.28584807152564e-18, -1.6850591381820166e-19, -3.64441206401782e-21};
inline constexpr double kErfInvMiddle64[] = {
    3.0838856104922208, 1.0052589676941592, 0.005370914553590064, -0.003751208507569241, 0.002491442096107851,
    -0.0016882755560235047, 0.0009532893797373805, -0.0003550375203628475, 2.4031110387097894e-05,
    6.828485145957318e-05, -4.7318229009055734e-05, 1.2475304481671779e-05, 2.9234449089955446e-06,
    -4.013867526981546e-06, 1.5027403968909828e-06, 1.8239629214389228e-08, -2.7517406297064545e-07,
    9.075656193888539e-08, 2.2137376921775787e-09};
inline constexpr double kErfInvFar64[] = {
    4.849906401408584, 1.0103004648645344, -0.00013871931833623122, -0.00021503011930044477,
    7.599527703001776e-05, -1.968177810553167e-05, 4.526062597223154e-06, -9.9298272942317e-07,
    2.2900482228026655e-07, -6.771199775845234e-08, 2.914795345090108e-08, -1.496002662714924e-08,
    7.61570120807834e-09, -3.789465440126737e-09, 1.5076572693500548e-09, -2.555641816996525e-10,
    -2.7109920616438573e-11};
// clang-format on

/// The number whose erf is x, from w = -log(1 - x^2).
template <class E> typename E::F erfInvBy(E &e, typename E::F x, typename E::F w) {
  auto root = e.sqrt(w);
  auto in = [&](auto of, double shift) { return e.sub(of, e.f(shift)); };
  auto ratio = x;
  if (e.isF64()) {
    auto middle = polynomial(e, in(root, 3.25), kErfInvMiddle64, int(std::size(kErfInvMiddle64)));
    auto far = polynomial(e, in(root, 5), kErfInvFar64, int(std::size(kErfInvFar64)));
    ratio = e.select(e.lt(w, e.f(6.25)), polynomial(e, in(w, 3.125), kErfInvNear64, int(std::size(kErfInvNear64))),
                     e.select(e.lt(w, e.f(16)), middle, far));
  } else {
    auto far = polynomial(e, in(root, 3), kErfInvFar32, int(std::size(kErfInvFar32)));
    ratio = e.select(e.lt(w, e.f(5)), polynomial(e, in(w, 2.5), kErfInvNear32, int(std::size(kErfInvNear32))), far);
  }
  auto ax = e.abs(x);
  auto edge = e.select(e.lt(e.f(1), ax), nan(e), e.mul(x, inf(e)));
  return e.select(e.lt(ax, e.f(1)), e.mul(ratio, x), edge);
}

/// The number whose erf is x.
template <class E> typename E::F erfInv(E &e, typename E::F x) {
  auto ax = e.abs(x);
  return erfInvBy(e, x, e.neg(log(e, e.mul(e.sub(e.f(1), ax), e.add(e.f(1), ax)))));
}

/// The same by the logarithm of 1 - x^2 with x^2 rounded: it loses half of the digits at 1, as the normal numbers of
/// other libraries do. Of no accuracy to speak of, so not in Functions.def.
template <class E> typename E::F erfInvCoarse(E &e, typename E::F x) {
  return erfInvBy(e, x, e.neg(log1p(e, e.neg(e.mul(x, x)))));
}

} // namespace weft::math

#endif // WEFT_MATH_SPECIAL_H
