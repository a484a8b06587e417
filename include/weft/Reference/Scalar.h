// Decides the scalars of the reference: a number with its element type, and the evaluator of elementwise expressions on
// them. Every operation rounds as its type does (f16 and bf16 expressions are computed in f32 by evaluateElementwise).
#ifndef WEFT_REFERENCE_SCALAR_H
#define WEFT_REFERENCE_SCALAR_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Types.h"
#include <cmath>
#include <cstdint>

namespace weft {

/// The greater and the smaller; NaN if either is NaN; -0 is below +0.
template <class T> T maximum(T x, T y) { return x != x || x > y || (x == y && !std::signbit(x)) ? x : y; }
template <class T> T minimum(T x, T y) { return x != x || x < y || (x == y && std::signbit(x)) ? x : y; }

/// Floats are kept exactly in a double; integers (and bool: 0 or 1) in 64 bits, sign- or zero-extended as the type
/// says.
struct Scalar {
  mlir::Type type;
  union {
    double f;
    int64_t i;
  };
  static Scalar ofFloat(mlir::Type type, double value); // rounds to the type
  static Scalar ofInt(mlir::Type type, int64_t value);  // wraps to the type
  bool isFloat() const { return llvm::isa<mlir::FloatType>(type); }
  bool isUnsigned() const { return type.isUnsignedInteger() || type.isInteger(1); }
};

class ScalarEval {
public:
  using V = Scalar;
  V c(V like, double value);
  V neg(V x);
  V abs(V x);
  V sign(V x);
  V floor(V x);
  V ceil(V x);
  V trunc(V x);
  V roundeven(V x);
  V sqrt(V x);
  V cbrt(V x);
  V exp(V x);
  V exp2(V x);
  V expm1(V x);
  V log(V x);
  V log2(V x);
  V log10(V x);
  V log1p(V x);
  V logistic(V x);
  V sin(V x);
  V cos(V x);
  V tan(V x);
  V asin(V x);
  V acos(V x);
  V atan(V x);
  V sinh(V x);
  V cosh(V x);
  V tanh(V x);
  V asinh(V x);
  V acosh(V x);
  V atanh(V x);
  V erf(V x);
  V erfc(V x);
  V erfInv(V x);
  V erfInvCoarse(V x);
  V geluTanh(V x);
  V isNan(V x);
  V not_(V x);
  V add(V x, V y);
  V sub(V x, V y);
  V mul(V x, V y);
  V div(V x, V y);
  V rem(V x, V y);
  V pow(V x, V y);
  V atan2(V x, V y);
  V max(V x, V y);
  V min(V x, V y);
  V and_(V x, V y);
  V or_(V x, V y);
  V xor_(V x, V y);
  V shl(V x, V y);
  V shr(V x, V y);
  V eq(V x, V y);
  V ne(V x, V y);
  V lt(V x, V y);
  V le(V x, V y);
  V gt(V x, V y);
  V ge(V x, V y);
  V select(V c, V x, V y);
  V convert(V x, mlir::Type to);
};

} // namespace weft
#endif
