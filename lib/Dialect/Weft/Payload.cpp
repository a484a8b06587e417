// Decides what each scalar operation is in arith and math ops: the lowering twin of ScalarEval. Every op is total: no
// operand makes poison, so payloads may be hoisted, padded and run on lanes whose result is thrown away.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Math/Activation.h"
#include "weft/Math/ExpLog.h"
#include "weft/Math/Special.h"
#include <cmath>

using namespace mlir;
using namespace weft;

namespace {

/// Evaluator of weft/Math whose exp, log and log1p stay one math op: what is made of them is spelled out here, bit for
/// bit as the reference evaluates it; they themselves are expanded by codegen.
struct MathEmitter {
  using F = Value;
  using I = Value;
  PayloadBuilder &p;
  Value like;

  bool isF64() const { return like.getType().isF64(); }
  F f(double value) { return p.c(like, value); }
  F add(F a, F b) { return p.add(a, b); }
  F sub(F a, F b) { return p.sub(a, b); }
  F mul(F a, F b) { return p.mul(a, b); }
  F div(F a, F b) { return p.div(a, b); }
  F fma(F a, F b, F c) { return mlir::math::FmaOp::create(p.b, p.loc, a, b, c); }
  F neg(F a) { return p.neg(a); }
  F abs(F a) { return p.abs(a); }
  F sqrt(F a) { return p.sqrt(a); }
  Value lt(F a, F b) { return p.lt(a, b); }
  F select(Value m, F a, F b) { return p.select(m, a, b); }

  Type integer() const { return IntegerType::get(p.b.getContext(), like.getType().getIntOrFloatBitWidth()); }
  I i(int64_t value) { return arith::ConstantOp::create(p.b, p.loc, IntegerAttr::get(integer(), value)); }
  I addI(I a, I b) { return arith::AddIOp::create(p.b, p.loc, a, b); }
  I subI(I a, I b) { return arith::SubIOp::create(p.b, p.loc, a, b); }
  I shlI(I a, int n) { return arith::ShLIOp::create(p.b, p.loc, a, i(n)); }
  I bits(F a) { return arith::BitcastOp::create(p.b, p.loc, integer(), a); }
  F fromBits(I a) { return arith::BitcastOp::create(p.b, p.loc, like.getType(), a); }
};
// Found by argument-dependent lookup before the template of ExpLog.h.
Value exp(MathEmitter &e, Value x) { return e.p.exp(x); }
Value log(MathEmitter &e, Value x) { return e.p.log(x); }
Value log1p(MathEmitter &e, Value x) { return e.p.log1p(x); }

bool isFloat(Value x) { return isa<FloatType>(x.getType()); }
unsigned width(Type type) { return type.getIntOrFloatBitWidth(); }

Value integer(PayloadBuilder &p, Type type, const APInt &value) {
  return arith::ConstantOp::create(p.b, p.loc, IntegerAttr::get(type, value));
}
Value minimum(PayloadBuilder &p, Type type) { return integer(p, type, APInt::getSignedMinValue(width(type))); }
Value cmp(PayloadBuilder &p, arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(p.b, p.loc, predicate, x, y);
}

} // namespace

Value PayloadBuilder::c(Value like, double value) {
  Type type = like.getType();
  if (auto f = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(b, loc, FloatAttr::get(f, value));
  if (type.isInteger(1))
    return arith::ConstantOp::create(b, loc, b.getBoolAttr(value != 0));
  return integer(*this, type, APInt(64, uint64_t(int64_t(value))).trunc(width(type)));
}

//===-- Math ops, one for one
//--------------------------------------------------------------------------------------===//

#define WEFT_MATH_UNARY(name, OpT)                                                                                     \
  Value PayloadBuilder::name(Value x) { return mlir::math::OpT::create(b, loc, x); }
WEFT_MATH_UNARY(floor, FloorOp)
WEFT_MATH_UNARY(ceil, CeilOp)
WEFT_MATH_UNARY(trunc, TruncOp)
WEFT_MATH_UNARY(roundeven, RoundEvenOp)
WEFT_MATH_UNARY(sqrt, SqrtOp)
WEFT_MATH_UNARY(cbrt, CbrtOp)
WEFT_MATH_UNARY(exp, ExpOp)
WEFT_MATH_UNARY(exp2, Exp2Op)
WEFT_MATH_UNARY(expm1, ExpM1Op)
WEFT_MATH_UNARY(log, LogOp)
WEFT_MATH_UNARY(log2, Log2Op)
WEFT_MATH_UNARY(log10, Log10Op)
WEFT_MATH_UNARY(log1p, Log1pOp)
WEFT_MATH_UNARY(sin, SinOp)
WEFT_MATH_UNARY(cos, CosOp)
WEFT_MATH_UNARY(tan, TanOp)
WEFT_MATH_UNARY(asin, AsinOp)
WEFT_MATH_UNARY(acos, AcosOp)
WEFT_MATH_UNARY(atan, AtanOp)
WEFT_MATH_UNARY(sinh, SinhOp)
WEFT_MATH_UNARY(cosh, CoshOp)
WEFT_MATH_UNARY(tanh, TanhOp)
WEFT_MATH_UNARY(asinh, AsinhOp)
WEFT_MATH_UNARY(acosh, AcoshOp)
WEFT_MATH_UNARY(atanh, AtanhOp)
WEFT_MATH_UNARY(erf, ErfOp)
WEFT_MATH_UNARY(erfc, ErfcOp)
#undef WEFT_MATH_UNARY
Value PayloadBuilder::atan2(Value x, Value y) { return mlir::math::Atan2Op::create(b, loc, x, y); }

Value PayloadBuilder::logistic(Value x) {
  MathEmitter e{*this, x};
  return weft::math::sigmoid(e, x);
}

Value PayloadBuilder::erfInv(Value x) {
  MathEmitter e{*this, x};
  return weft::math::erfInv(e, x);
}

Value PayloadBuilder::erfInvCoarse(Value x) {
  MathEmitter e{*this, x};
  return weft::math::erfInvCoarse(e, x);
}

Value PayloadBuilder::geluTanh(Value x) {
  MathEmitter e{*this, x};
  return weft::math::geluTanh(e, x);
}

//===-- Signs
//------------------------------------------------------------------------------------------------------===//

Value PayloadBuilder::neg(Value x) {
  if (isFloat(x))
    return arith::NegFOp::create(b, loc, x);
  return arith::SubIOp::create(b, loc, c(x, 0), x);
}

Value PayloadBuilder::abs(Value x) {
  if (isFloat(x))
    return mlir::math::AbsFOp::create(b, loc, x);
  return isUnsigned ? x : select(lt(x, c(x, 0)), neg(x), x);
}

Value PayloadBuilder::sign(Value x) {
  Value zero = c(x, 0);
  if (isFloat(x)) // NaN falls through
    return select(gt(x, zero), c(x, 1), select(lt(x, zero), c(x, -1), select(eq(x, zero), zero, x)));
  Value positive = select(gt(x, zero), c(x, 1), zero);
  return isUnsigned ? positive : select(lt(x, zero), c(x, -1), positive);
}

//===-- Arithmetic
//---------------------------------------------------------------------------------------------------===//

#define WEFT_ARITH_BINARY(name, FloatOp, IntOp)                                                                        \
  Value PayloadBuilder::name(Value x, Value y) {                                                                       \
    if (isFloat(x))                                                                                                    \
      return arith::FloatOp::create(b, loc, x, y);                                                                     \
    return arith::IntOp::create(b, loc, x, y);                                                                         \
  }
WEFT_ARITH_BINARY(add, AddFOp, AddIOp)
WEFT_ARITH_BINARY(sub, SubFOp, SubIOp)
WEFT_ARITH_BINARY(mul, MulFOp, MulIOp)
#undef WEFT_ARITH_BINARY

/// A divisor that is never 0, and never -1 under the least dividend: 1 gives what div and rem promise there (the least
/// value wraps to itself, remainders are 0).
static Value safeDivisor(PayloadBuilder &p, Value x, Value y) {
  Value bad = p.eq(y, p.c(y, 0));
  if (!p.isUnsigned)
    bad = p.or_(bad, p.and_(p.eq(x, minimum(p, x.getType())), p.eq(y, p.c(y, -1))));
  return p.select(bad, p.c(y, 1), y);
}

Value PayloadBuilder::div(Value x, Value y) {
  if (isFloat(x))
    return arith::DivFOp::create(b, loc, x, y);
  Value by = safeDivisor(*this, x, y);
  Value quotient =
      isUnsigned ? Value(arith::DivUIOp::create(b, loc, x, by)) : Value(arith::DivSIOp::create(b, loc, x, by));
  return select(eq(y, c(y, 0)), c(x, 0), quotient);
}

Value PayloadBuilder::rem(Value x, Value y) {
  if (isFloat(x))
    return arith::RemFOp::create(b, loc, x, y);
  Value by = safeDivisor(*this, x, y);
  return isUnsigned ? Value(arith::RemUIOp::create(b, loc, x, by)) : Value(arith::RemSIOp::create(b, loc, x, by));
}

Value PayloadBuilder::pow(Value x, Value y) {
  if (isFloat(x))
    return mlir::math::PowFOp::create(b, loc, x, y);
  // Squares of x for the bits of y, from the lowest; the sign bit of signed y is no exponent.
  Value one = c(x, 1), zero = c(x, 0), result = one, square = x;
  unsigned bits = width(x.getType()) - (isUnsigned ? 0 : 1);
  for (unsigned bit = 0; bit < bits; ++bit) {
    Value set = ne(and_(y, integer(*this, y.getType(), APInt::getOneBitSet(width(y.getType()), bit))), zero);
    result = select(set, mul(result, square), result);
    if (bit + 1 < bits)
      square = mul(square, square);
  }
  if (isUnsigned)
    return result;
  // 1 / x^|y|, truncated: only 1 and -1 have a quotient other than 0.
  Value odd = ne(and_(y, one), zero);
  Value inverse = select(eq(x, one), one, select(eq(x, c(x, -1)), select(odd, c(x, -1), one), zero));
  return select(lt(y, zero), inverse, result);
}

Value PayloadBuilder::max(Value x, Value y) {
  if (isFloat(x))
    return arith::MaximumFOp::create(b, loc, x, y);
  return isUnsigned ? Value(arith::MaxUIOp::create(b, loc, x, y)) : Value(arith::MaxSIOp::create(b, loc, x, y));
}

Value PayloadBuilder::min(Value x, Value y) {
  if (isFloat(x))
    return arith::MinimumFOp::create(b, loc, x, y);
  return isUnsigned ? Value(arith::MinUIOp::create(b, loc, x, y)) : Value(arith::MinSIOp::create(b, loc, x, y));
}

//===-- Bits
//---------------------------------------------------------------------------------------------------------===//

Value PayloadBuilder::not_(Value x) {
  return xor_(x, integer(*this, x.getType(), APInt::getAllOnes(width(x.getType()))));
}
Value PayloadBuilder::and_(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
Value PayloadBuilder::or_(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
Value PayloadBuilder::xor_(Value x, Value y) { return arith::XOrIOp::create(b, loc, x, y); }

/// Whether y is a shift below the width; a negative amount counts as a huge one.
static Value inWidth(PayloadBuilder &p, Value y) {
  return cmp(p, arith::CmpIPredicate::ult, y, integer(p, y.getType(), APInt(width(y.getType()), width(y.getType()))));
}

Value PayloadBuilder::shl(Value x, Value y) {
  Value inside = inWidth(*this, y), zero = c(x, 0);
  return select(inside, arith::ShLIOp::create(b, loc, x, select(inside, y, zero)), zero);
}

Value PayloadBuilder::shr(Value x, Value y) {
  Value inside = inWidth(*this, y), zero = c(x, 0);
  if (isUnsigned)
    return select(inside, arith::ShRUIOp::create(b, loc, x, select(inside, y, zero)), zero);
  Value most = integer(*this, y.getType(), APInt(width(y.getType()), width(y.getType()) - 1));
  return arith::ShRSIOp::create(b, loc, x, select(inside, y, most));
}

//===-- Tests
//--------------------------------------------------------------------------------------------------------===//

Value PayloadBuilder::isNan(Value x) { return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x); }

#define WEFT_COMPARE(name, floatPredicate, signedPredicate, unsignedPredicate)                                         \
  Value PayloadBuilder::name(Value x, Value y) {                                                                       \
    if (isFloat(x))                                                                                                    \
      return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::floatPredicate, x, y);                                \
    return cmp(*this, isUnsigned ? arith::CmpIPredicate::unsignedPredicate : arith::CmpIPredicate::signedPredicate, x, \
               y);                                                                                                     \
  }
WEFT_COMPARE(eq, OEQ, eq, eq)
WEFT_COMPARE(ne, UNE, ne, ne)
WEFT_COMPARE(lt, OLT, slt, ult)
WEFT_COMPARE(le, OLE, sle, ule)
WEFT_COMPARE(gt, OGT, sgt, ugt)
WEFT_COMPARE(ge, OGE, sge, uge)
#undef WEFT_COMPARE

Value PayloadBuilder::select(Value c, Value x, Value y) { return arith::SelectOp::create(b, loc, c, x, y); }

//===-- Conversion
//---------------------------------------------------------------------------------------------------===//

/// x as f32, rounded to odd: a later rounding to f16 or bf16 then gives what one rounding of x would.
static Value narrowToOdd(PayloadBuilder &p, Value x) {
  Type f32 = p.b.getF32Type(), i32 = p.b.getI32Type();
  Value narrow = arith::TruncFOp::create(p.b, p.loc, f32, x);
  Value back = arith::ExtFOp::create(p.b, p.loc, x.getType(), narrow);
  Value bits = arith::BitcastOp::create(p.b, p.loc, i32, narrow);
  auto as32 = [&](Value flag) -> Value { return arith::ExtUIOp::create(p.b, p.loc, i32, flag); };
  Value inexact = arith::CmpFOp::create(p.b, p.loc, arith::CmpFPredicate::ONE, back, x);
  Value tooFar = arith::CmpFOp::create(p.b, p.loc, arith::CmpFPredicate::OGT, p.abs(back), p.abs(x));
  bits = p.or_(p.sub(bits, as32(tooFar)), as32(inexact));
  return arith::BitcastOp::create(p.b, p.loc, f32, bits);
}

static Value fromInt(PayloadBuilder &p, Value x, FloatType to) {
  auto make = [&](Value v, Type type) -> Value {
    if (p.isUnsigned)
      return arith::UIToFPOp::create(p.b, p.loc, type, v);
    return arith::SIToFPOp::create(p.b, p.loc, type, v);
  };
  if (to.getWidth() > 16)
    return make(x, to);
  unsigned bits = width(x.getType());
  Value middle;
  if (bits <= 16) {
    middle = make(x, p.b.getF32Type()); // exact
  } else {
    if (bits == 64) {
      // Too wide for f64: where bits above 2^53 are set, the low 12 become one sticky bit.
      Value low = p.and_(x, p.c(x, 0xfff)), sticky = p.select(p.eq(low, p.c(x, 0)), p.c(x, 0), p.c(x, 0x800));
      Value jammed = p.or_(p.xor_(x, low), sticky);
      Value big = p.isUnsigned ? p.gt(x, p.c(x, 0x1p53)) : p.or_(p.gt(x, p.c(x, 0x1p53)), p.lt(x, p.c(x, -0x1p53)));
      x = p.select(big, jammed, x);
    }
    middle = narrowToOdd(p, make(x, p.b.getF64Type()));
  }
  return arith::TruncFOp::create(p.b, p.loc, to, middle);
}

static Value toInt(PayloadBuilder &p, Value x, Type to, bool isUnsigned) {
  unsigned bits = width(to);
  double low = isUnsigned ? 0 : -std::ldexp(1.0, bits - 1), high = std::ldexp(1.0, isUnsigned ? bits : bits - 1);
  Value tooLow = p.lt(x, p.c(x, low)), tooHigh = p.ge(x, p.c(x, high));
  // NaN fails both tests of the range that is converted.
  Value inside = p.and_(p.ge(x, p.c(x, low)), p.lt(x, p.c(x, high))), safe = p.select(inside, x, p.c(x, 0));
  Value whole = isUnsigned ? Value(arith::FPToUIOp::create(p.b, p.loc, to, safe))
                           : Value(arith::FPToSIOp::create(p.b, p.loc, to, safe));
  APInt least = isUnsigned ? APInt::getMinValue(bits) : APInt::getSignedMinValue(bits);
  APInt most = isUnsigned ? APInt::getMaxValue(bits) : APInt::getSignedMaxValue(bits);
  return p.select(tooLow, integer(p, to, least), p.select(tooHigh, integer(p, to, most), whole));
}

Value PayloadBuilder::convert(Value x, Type to) {
  bool toUnsigned = to.isUnsignedInteger();
  if (toUnsigned)
    to = IntegerType::get(to.getContext(), width(to));
  Type from = x.getType();
  if (from == to)
    return x;
  if (to.isInteger(1))
    return ne(x, c(x, 0));
  if (auto f = dyn_cast<FloatType>(to)) {
    if (!isFloat(x))
      return fromInt(*this, x, f);
    if (width(from) == 64 && f.getWidth() == 16)
      x = narrowToOdd(*this, x);
    if (width(from) < f.getWidth())
      return arith::ExtFOp::create(b, loc, f, x);
    return arith::TruncFOp::create(b, loc, f, x);
  }
  if (isFloat(x))
    return toInt(*this, x, to, toUnsigned);
  if (width(to) < width(from))
    return arith::TruncIOp::create(b, loc, to, x);
  if (isUnsigned)
    return arith::ExtUIOp::create(b, loc, to, x);
  return arith::ExtSIOp::create(b, loc, to, x);
}
