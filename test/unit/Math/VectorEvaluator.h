//===- VectorEvaluator.h - the math functions on the compiler's vectors -----===//
//
// Decides how tests and benchmarks evaluate the definitions in lanes: the same operations as Scalar.h on clang's vector
// types, as codegen's emitter does on MLIR's.
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_TEST_MATH_VECTOREVALUATOR_H
#define WEFT_TEST_MATH_VECTOREVALUATOR_H

#include "weft/Math/Definitions.h"

#include <type_traits>

namespace weft::math {

/// N lanes of T; Int is the integer of the same width.
template <class T, class Int, int N> struct Vector {
  typedef T F __attribute__((ext_vector_type(N)));
  typedef Int I __attribute__((ext_vector_type(N)));
  using M = I; // comparisons give -1 or 0
  static constexpr bool isF64() { return sizeof(T) == 8; }
  static F f(double v) { return F(T(v)); }
  static I i(int64_t v) { return I(Int(v)); }
  static F add(F a, F b) { return a + b; }
  static F sub(F a, F b) { return a - b; }
  static F mul(F a, F b) { return a * b; }
  static F div(F a, F b) { return a / b; }
  static F fma(F a, F b, F c) { return __builtin_elementwise_fma(a, b, c); }
  static F neg(F a) { return -a; }
  static F abs(F a) { return __builtin_elementwise_abs(a); }
  static F sqrt(F a) { return __builtin_elementwise_sqrt(a); }
  static F roundeven(F a) { return __builtin_elementwise_roundeven(a); }
  static F copysign(F a, F b) { return __builtin_elementwise_copysign(a, b); }
  static M lt(F a, F b) { return a < b; }
  static M le(F a, F b) { return a <= b; }
  static M eq(F a, F b) { return a == b; }
  static M isNan(F a) { return a != a; }
  static M and_(M a, M b) { return a & b; }
  static M or_(M a, M b) { return a | b; }
  static M not_(M a) { return ~a; }
  static F select(M m, F a, F b) { return m ? a : b; }
  static I selectI(M m, I a, I b) { return m ? a : b; }
  static I bits(F a) { return __builtin_bit_cast(I, a); }
  static F fromBits(I a) { return __builtin_bit_cast(F, a); }
  static I addI(I a, I b) { return a + b; }
  static I subI(I a, I b) { return a - b; }
  static I andI(I a, I b) { return a & b; }
  static I orI(I a, I b) { return a | b; }
  static I xorI(I a, I b) { return a ^ b; }
  static I shlI(I a, int n) { return a << n; }
  static I lshrI(I a, int n) {
    typedef std::make_unsigned_t<Int> U __attribute__((ext_vector_type(N)));
    return __builtin_bit_cast(I, __builtin_bit_cast(U, a) >> n);
  }
  static M eqI(I a, I b) { return a == b; }
  static M ltI(I a, I b) { return a < b; }
  template <size_t Size> static F lookup(const double (&table)[Size], I j) {
    F result;
    for (int k = 0; k < N; ++k)
      result[k] = T(table[j[k] & Int(Size - 1)]);
    return result;
  }
  static constexpr bool scales() { return false; }
  template <class Fn> static std::array<F, 2> split(F, Fn byBits) { return byBits(); }
  template <class Fn> static F scaled(F, F, Fn byParts) { return byParts(); }
  template <size_t K, class Fn> static std::array<F, K> whenAny(M cond, std::array<F, K> usual, Fn slow) {
    if (__builtin_expect(__builtin_reduce_or(cond) == 0, 1))
      return usual;
    auto rare = slow();
    for (size_t k = 0; k < K; ++k)
      usual[k] = select(cond, rare[k], usual[k]);
    return usual;
  }
};

} // namespace weft::math

#endif // WEFT_TEST_MATH_VECTOREVALUATOR_H
