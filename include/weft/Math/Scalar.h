//===- Scalar.h - the math functions on one number --------------------------===//
//
// Decides what the operations of Evaluator.h are on scalars: plain IEEE arithmetic.  Include only in files compiled
// with -ffp-contract=off (all of Weft's are).  fma is correctly rounded by definition, in hardware or in libm, and is
// the only function of libm used.
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_SCALAR_H
#define WEFT_MATH_SCALAR_H

#include "weft/Math/Definitions.h"

#include <cmath>
#include <cstring>
#include <type_traits>

namespace weft::math {

/// Evaluates the definitions on `float` or `double`: `Scalar<float> e; float y = exp(e, x);`
template <class T> struct Scalar {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "f32 or f64");
  using F = T;
  using I = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  using U = std::make_unsigned_t<I>;
  using M = bool;

  static constexpr bool isF64() { return sizeof(T) == 8; }
  static F f(double value) { return static_cast<T>(value); }
  static I i(int64_t value) { return static_cast<I>(value); }

  static F add(F a, F b) { return a + b; }
  static F sub(F a, F b) { return a - b; }
  static F mul(F a, F b) { return a * b; }
  static F div(F a, F b) { return a / b; }
  static F fma(F a, F b, F c) { return std::fma(a, b, c); }
  static F neg(F a) { return -a; }
  static F abs(F a) { return std::fabs(a); }
  static F sqrt(F a) { return std::sqrt(a); }
  static F roundeven(F a) { return __builtin_roundeven(a); }
  static F copysign(F magnitude, F sign) { return std::copysign(magnitude, sign); }

  static M lt(F a, F b) { return a < b; }
  static M le(F a, F b) { return a <= b; }
  static M eq(F a, F b) { return a == b; }
  static M isNan(F a) { return a != a; }
  static M and_(M a, M b) { return a && b; }
  static M or_(M a, M b) { return a || b; }
  static M not_(M a) { return !a; }
  static F select(M m, F a, F b) { return m ? a : b; }
  static I selectI(M m, I a, I b) { return m ? a : b; }

  static I bits(F a) { return cast<I>(a); }
  static F fromBits(I a) { return cast<F>(a); }
  static I addI(I a, I b) { return static_cast<I>(static_cast<U>(a) + static_cast<U>(b)); }
  static I subI(I a, I b) { return static_cast<I>(static_cast<U>(a) - static_cast<U>(b)); }
  static I andI(I a, I b) { return a & b; }
  static I orI(I a, I b) { return a | b; }
  static I xorI(I a, I b) { return a ^ b; }
  static I shlI(I a, int n) { return static_cast<I>(static_cast<U>(a) << n); }
  static I lshrI(I a, int n) { return static_cast<I>(static_cast<U>(a) >> n); }
  static M eqI(I a, I b) { return a == b; }
  static M ltI(I a, I b) { return a < b; }

  template <size_t N> static F lookup(const double (&table)[N], I j) { return f(table[j & I(N - 1)]); }
  static constexpr bool scales() { return false; }
  template <class Fn> static std::array<F, 2> split(F, Fn byBits) { return byBits(); }
  template <class Fn> static F scaled(F, F, Fn byParts) { return byParts(); }

  template <size_t N, class Fn> static std::array<F, N> whenAny(M cond, std::array<F, N> usual, Fn slow) {
    return cond ? slow() : usual;
  }

private:
  template <class To, class From> static To cast(From value) {
    static_assert(sizeof(To) == sizeof(From), "reinterprets");
    To result;
    std::memcpy(&result, &value, sizeof result);
    return result;
  }
};

} // namespace weft::math

#endif // WEFT_MATH_SCALAR_H
