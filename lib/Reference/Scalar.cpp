// Decides each scalar operation of the reference: the definition that every target's code is tested against. Float
// operations are done in the type itself; transcendental functions are weft/Math's, never libm's.
#include "weft/Reference/Scalar.h"
#include "weft/Math/Definitions.h"
#include "weft/Math/Scalar.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APInt.h"
#include <cmath>

using namespace mlir;
using namespace weft;
using llvm::APFloat;
using llvm::APInt;

static unsigned widthOf(Type type) { return type.getIntOrFloatBitWidth(); }

Scalar Scalar::ofFloat(Type type, double value) {
  Scalar s;
  s.type = type;
  if (type.isF64()) {
    s.f = value;
  } else if (type.isF32()) {
    s.f = float(value);
  } else {
    APFloat number(value);
    bool losesInfo;
    number.convert(cast<FloatType>(type).getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    s.f = number.convertToDouble();
  }
  return s;
}

Scalar Scalar::ofInt(Type type, int64_t value) {
  Scalar s;
  s.type = type;
  unsigned unused = 64 - widthOf(type);
  s.i = s.isUnsigned() ? int64_t(uint64_t(value) << unused >> unused) : int64_t(uint64_t(value) << unused) >> unused;
  return s;
}

static Scalar truth(Scalar like, bool value) {
  return Scalar::ofInt(IntegerType::get(like.type.getContext(), 1), value);
}

Scalar ScalarEval::c(Scalar like, double value) {
  return like.isFloat() ? Scalar::ofFloat(like.type, value) : Scalar::ofInt(like.type, int64_t(value));
}

//===-- Functions of one float
//-------------------------------------------------------------------------------------===//

/// fn on a number in its type: f64, or f32 for all that are narrower.
template <class Fn> static Scalar inType(Scalar x, Fn fn) {
  return Scalar::ofFloat(x.type, x.type.isF64() ? double(fn(weft::math::Scalar<double>(), x.f))
                                                : double(fn(weft::math::Scalar<float>(), float(x.f))));
}

#define WEFT_DEFINED(name, function)                                                                                   \
  Scalar ScalarEval::name(Scalar x) {                                                                                  \
    return inType(x, [](auto e, auto v) { return weft::math::function(e, v); });                                       \
  }
WEFT_DEFINED(cbrt, cbrt)
WEFT_DEFINED(exp, exp)
WEFT_DEFINED(exp2, exp2)
WEFT_DEFINED(expm1, expm1)
WEFT_DEFINED(log, log)
WEFT_DEFINED(log2, log2)
WEFT_DEFINED(log10, log10)
WEFT_DEFINED(log1p, log1p)
WEFT_DEFINED(logistic, sigmoid)
WEFT_DEFINED(sin, sin)
WEFT_DEFINED(cos, cos)
WEFT_DEFINED(tan, tan)
WEFT_DEFINED(asin, asin)
WEFT_DEFINED(acos, acos)
WEFT_DEFINED(atan, atan)
WEFT_DEFINED(sinh, sinh)
WEFT_DEFINED(cosh, cosh)
WEFT_DEFINED(tanh, tanh)
WEFT_DEFINED(asinh, asinh)
WEFT_DEFINED(acosh, acosh)
WEFT_DEFINED(atanh, atanh)
WEFT_DEFINED(erf, erf)
WEFT_DEFINED(erfc, erfc)
WEFT_DEFINED(erfInv, erfInv)
WEFT_DEFINED(erfInvCoarse, erfInvCoarse)
WEFT_DEFINED(geluTanh, geluTanh)
#undef WEFT_DEFINED

// Exact, or correctly rounded by IEEE 754: any implementation gives these bits.
#define WEFT_IEEE(name, expression)                                                                                    \
  Scalar ScalarEval::name(Scalar x) {                                                                                  \
    return inType(x, [](auto e, auto v) { return expression; });                                                       \
  }
WEFT_IEEE(floor, std::floor(v))
WEFT_IEEE(ceil, std::ceil(v))
WEFT_IEEE(trunc, std::trunc(v))
WEFT_IEEE(roundeven, e.roundeven(v))
WEFT_IEEE(sqrt, std::sqrt(v))
#undef WEFT_IEEE

template <class Fn> static Scalar inType(Scalar x, Scalar y, Fn fn) {
  return Scalar::ofFloat(x.type, x.type.isF64() ? double(fn(weft::math::Scalar<double>(), x.f, y.f))
                                                : double(fn(weft::math::Scalar<float>(), float(x.f), float(y.f))));
}

Scalar ScalarEval::atan2(Scalar x, Scalar y) {
  return inType(x, y, [](auto e, auto a, auto b) { return weft::math::atan2(e, a, b); });
}

//===-- Signs
//------------------------------------------------------------------------------------------------------===//

Scalar ScalarEval::neg(Scalar x) {
  return x.isFloat() ? Scalar::ofFloat(x.type, -x.f) : Scalar::ofInt(x.type, int64_t(0 - uint64_t(x.i)));
}

Scalar ScalarEval::abs(Scalar x) {
  if (x.isFloat())
    return Scalar::ofFloat(x.type, std::fabs(x.f));
  return x.isUnsigned() || x.i >= 0 ? x : neg(x);
}

Scalar ScalarEval::sign(Scalar x) {
  if (x.isFloat())
    return x.f > 0 ? c(x, 1) : x.f < 0 ? c(x, -1) : x.f == 0 ? c(x, 0) : x;
  return x.i == 0 ? x : x.isUnsigned() || x.i > 0 ? c(x, 1) : c(x, -1);
}

//===-- Arithmetic
//---------------------------------------------------------------------------------------------------===//

#define WEFT_ARITHMETIC(name, op)                                                                                      \
  Scalar ScalarEval::name(Scalar x, Scalar y) {                                                                        \
    if (x.isFloat())                                                                                                   \
      return inType(x, y, [](auto, auto a, auto b) { return a op b; });                                                \
    return Scalar::ofInt(x.type, int64_t(uint64_t(x.i) op uint64_t(y.i)));                                             \
  }
WEFT_ARITHMETIC(add, +)
WEFT_ARITHMETIC(sub, -)
WEFT_ARITHMETIC(mul, *)
#undef WEFT_ARITHMETIC

Scalar ScalarEval::div(Scalar x, Scalar y) {
  if (x.isFloat())
    return inType(x, y, [](auto, auto a, auto b) { return a / b; });
  if (y.i == 0)
    return c(x, 0);
  if (x.isUnsigned())
    return Scalar::ofInt(x.type, int64_t(uint64_t(x.i) / uint64_t(y.i)));
  return y.i == -1 ? neg(x) : Scalar::ofInt(x.type, x.i / y.i);
}

Scalar ScalarEval::rem(Scalar x, Scalar y) {
  if (x.isFloat()) // exact by definition
    return inType(x, y, [](auto, auto a, auto b) { return std::fmod(a, b); });
  if (y.i == 0)
    return c(x, 0);
  if (x.isUnsigned())
    return Scalar::ofInt(x.type, int64_t(uint64_t(x.i) % uint64_t(y.i)));
  return y.i == -1 ? c(x, 0) : Scalar::ofInt(x.type, x.i % y.i);
}

Scalar ScalarEval::pow(Scalar x, Scalar y) {
  if (x.isFloat())
    return inType(x, y, [](auto e, auto a, auto b) { return weft::math::pow(e, a, b); });
  if (!x.isUnsigned() && y.i < 0)
    return x.i == 1 ? x : x.i == -1 ? c(x, y.i & 1 ? -1 : 1) : c(x, 0);
  uint64_t result = 1, square = uint64_t(x.i);
  for (uint64_t power = uint64_t(y.i); power; power >>= 1, square *= square)
    if (power & 1)
      result *= square;
  return Scalar::ofInt(x.type, int64_t(result));
}

Scalar ScalarEval::max(Scalar x, Scalar y) {
  if (!x.isFloat())
    return (x.isUnsigned() ? uint64_t(x.i) > uint64_t(y.i) : x.i > y.i) ? x : y;
  return Scalar::ofFloat(x.type, maximum(x.f, y.f));
}

Scalar ScalarEval::min(Scalar x, Scalar y) {
  if (!x.isFloat())
    return (x.isUnsigned() ? uint64_t(x.i) < uint64_t(y.i) : x.i < y.i) ? x : y;
  return Scalar::ofFloat(x.type, minimum(x.f, y.f));
}

//===-- Bits
//---------------------------------------------------------------------------------------------------------===//

Scalar ScalarEval::not_(Scalar x) { return Scalar::ofInt(x.type, ~x.i); }
Scalar ScalarEval::and_(Scalar x, Scalar y) { return Scalar::ofInt(x.type, x.i & y.i); }
Scalar ScalarEval::or_(Scalar x, Scalar y) { return Scalar::ofInt(x.type, x.i | y.i); }
Scalar ScalarEval::xor_(Scalar x, Scalar y) { return Scalar::ofInt(x.type, x.i ^ y.i); }

// A negative amount is a huge one.
Scalar ScalarEval::shl(Scalar x, Scalar y) {
  return uint64_t(y.i) < widthOf(x.type) ? Scalar::ofInt(x.type, int64_t(uint64_t(x.i) << y.i)) : c(x, 0);
}
Scalar ScalarEval::shr(Scalar x, Scalar y) {
  bool inside = uint64_t(y.i) < widthOf(x.type);
  if (x.isUnsigned())
    return Scalar::ofInt(x.type, inside ? int64_t(uint64_t(x.i) >> y.i) : 0);
  return Scalar::ofInt(x.type, x.i >> (inside ? y.i : 63));
}

//===-- Tests
//--------------------------------------------------------------------------------------------------------===//

Scalar ScalarEval::isNan(Scalar x) { return truth(x, std::isnan(x.f)); }

#define WEFT_COMPARE(name, op)                                                                                         \
  Scalar ScalarEval::name(Scalar x, Scalar y) {                                                                        \
    return truth(x, x.isFloat() ? x.f op y.f : x.isUnsigned() ? uint64_t(x.i) op uint64_t(y.i) : x.i op y.i);          \
  }
WEFT_COMPARE(eq, ==)
WEFT_COMPARE(ne, !=)
WEFT_COMPARE(lt, <)
WEFT_COMPARE(le, <=)
WEFT_COMPARE(gt, >)
WEFT_COMPARE(ge, >=)
#undef WEFT_COMPARE

Scalar ScalarEval::select(Scalar c, Scalar x, Scalar y) { return c.i ? x : y; }

//===-- Conversion
//---------------------------------------------------------------------------------------------------===//

Scalar ScalarEval::convert(Scalar x, Type to) {
  if (to.isInteger(1))
    return truth(x, x.isFloat() ? x.f != 0 : x.i != 0);
  if (auto type = dyn_cast<FloatType>(to)) {
    if (x.isFloat())
      return Scalar::ofFloat(to, x.f);
    // One rounding, from the integer.
    APFloat number(type.getFloatSemantics());
    number.convertFromAPInt(APInt(64, uint64_t(x.i)), !x.isUnsigned(), APFloat::rmNearestTiesToEven);
    bool losesInfo;
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
    return Scalar::ofFloat(to, number.convertToDouble());
  }
  if (!x.isFloat())
    return Scalar::ofInt(to, x.i);
  if (std::isnan(x.f))
    return Scalar::ofInt(to, 0);
  unsigned bits = widthOf(to);
  bool isUnsigned = to.isUnsignedInteger();
  APInt least = isUnsigned ? APInt::getMinValue(bits) : APInt::getSignedMinValue(bits);
  APInt most = isUnsigned ? APInt::getMaxValue(bits) : APInt::getSignedMaxValue(bits);
  double low = isUnsigned ? 0 : -std::ldexp(1.0, bits - 1), high = std::ldexp(1.0, isUnsigned ? bits : bits - 1);
  if (x.f < low)
    return Scalar::ofInt(to, least.getSExtValue());
  if (x.f >= high)
    return Scalar::ofInt(to, most.getSExtValue());
  return Scalar::ofInt(to, isUnsigned ? int64_t(uint64_t(x.f)) : int64_t(x.f));
}
