// Decides how remainders of floats are computed in vectors: from a quotient, in one fused step, which is exact where
// the quotient is a number of so many bits as a float has; else lane by lane, which is rare.
#include "weft/Codegen/CPU/Emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace weft {

Value remainderOf(Emitter &e, Value x, Value y) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  auto type = cast<VectorType>(x.getType());
  Type element = type.getElementType();
  const unsigned width = type.getNumElements(), bits = element.getIntOrFloatBitWidth();
  auto number = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getFloatAttr(element, value)));
  };
  auto compare = [&](arith::CmpFPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpFOp::create(b, loc, predicate, x, y);
  };
  auto select = [&](Value condition, Value x, Value y) -> Value {
    return arith::SelectOp::create(b, loc, condition, x, y);
  };
  Value ratio = arith::DivFOp::create(b, loc, x, y), zero = number(0);
  Value magnitude = math::AbsFOp::create(b, loc, ratio);
  // Of 2^23 or more (2^52) the whole part may be off by more than one; what is not finite has a remainder of NaN.
  const double limit = bits == 64 ? 0x1p52 : 0x1p23, infinity = std::numeric_limits<double>::infinity();
  Value large = compare(arith::CmpFPredicate::OGE, magnitude, number(limit));
  Value finite = compare(arith::CmpFPredicate::OLT, math::AbsFOp::create(b, loc, x), number(infinity));
  Value divides = compare(arith::CmpFPredicate::ONE, y, zero);
  Value doubtful = arith::AndIOp::create(b, loc, large, arith::AndIOp::create(b, loc, finite, divides));
  auto quickly = [&]() -> SmallVector<Value> {
    // x - whole * y is a multiple of the unit in y's last place and below y, so it is exact, even where the quotient
    // was rounded up to a whole number: then it has the other sign.
    Value whole = math::TruncOp::create(b, loc, ratio);
    Value rest = math::FmaOp::create(b, loc, arith::NegFOp::create(b, loc, whole), y, x);
    auto integers = VectorType::get({width}, b.getIntegerType(bits));
    auto asBits = [&](Value value) -> Value { return arith::BitcastOp::create(b, loc, integers, value); };
    Value sign = arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(integers, b.getIntegerAttr(b.getIntegerType(bits), APInt::getSignMask(bits))));
    Value turned = arith::BitcastOp::create(
        b, loc, type, arith::XOrIOp::create(b, loc, asBits(rest), arith::AndIOp::create(b, loc, asBits(x), sign)));
    Value back = arith::AddFOp::create(b, loc, rest, math::CopySignOp::create(b, loc, y, x));
    rest = select(compare(arith::CmpFPredicate::OLT, turned, zero), back, rest);
    Value small = compare(arith::CmpFPredicate::OEQ, whole, zero); // of an infinite y too
    return {select(small, x, math::CopySignOp::create(b, loc, rest, x))};
  };
  auto slowly = [&]() -> SmallVector<Value> {
    Value xs = e.stack(element, width), ys = e.stack(element, width);
    Linear at{0, {SizeExpr(1)}};
    auto pointAt = [&](Value i, unsigned lanes) {
      Point point;
      point.indices = {i};
      point.lane = lanes > 1 ? 0 : -1;
      point.width = lanes;
      return point;
    };
    e.store(x, xs, element, at, pointAt(e.index(0), width));
    e.store(y, ys, element, at, pointAt(e.index(0), width));
    e.loop(e.index(0), e.index(width), 1, [&](Value i) {
      Value rest =
          arith::RemFOp::create(b, loc, e.load(xs, element, at, pointAt(i, 1)), e.load(ys, element, at, pointAt(i, 1)));
      e.store(rest, xs, element, at, pointAt(i, 1));
    });
    return {e.load(xs, element, at, pointAt(e.index(0), width))};
  };
  Value any = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, doubtful);
  return e.branch(any, type, slowly, quickly).front();
}

} // namespace weft
