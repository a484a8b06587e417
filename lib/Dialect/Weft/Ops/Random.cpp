// Decides the rules of keys and random bits; per op: verify | infer | fold | canonicalize | derivative | batch | lower
// | reference. In code and in the reference a key is a 64-bit integer whose low half is its first word: in memory that
// is the two words in order.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Math/Threefry.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Random.cpp.inc"

//===-- The two evaluators of the block function -------------------------------------------------------------===//

namespace {

struct WordEval {
  uint32_t i(uint32_t x) { return x; }
  uint32_t add(uint32_t x, uint32_t y) { return x + y; }
  uint32_t xor_(uint32_t x, uint32_t y) { return x ^ y; }
  uint32_t rotl(uint32_t x, int n) { return x << n | x >> (32 - n); }
};

/// The words of a block from a key of the reference.
std::pair<uint32_t, uint32_t> block(const Tensor &keys, int64_t position, uint64_t number) {
  WordEval e;
  uint64_t key = uint64_t(keys.at(position).i);
  return weft::math::threefry2x32(e, uint32_t(key), uint32_t(key >> 32), uint32_t(number >> 32), uint32_t(number));
}

struct WordEmitter {
  OpBuilder &b;
  Location loc;
  Type word = b.getI32Type(), wide = b.getI64Type();

  Value i(uint32_t x) { return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(int32_t(x))); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value xor_(Value x, Value y) { return arith::XOrIOp::create(b, loc, x, y); }
  Value rotl(Value x, int n) {
    Value left = arith::ShLIOp::create(b, loc, x, i(n)), right = arith::ShRUIOp::create(b, loc, x, i(32 - n));
    return arith::OrIOp::create(b, loc, left, right);
  }
  Value low(Value x) { return arith::TruncIOp::create(b, loc, word, x); }
  Value high(Value x) { return low(arith::ShRUIOp::create(b, loc, x, half())); }
  /// Two words as one integer.
  Value join(Value high, Value low) {
    Value top = arith::ShLIOp::create(b, loc, arith::ExtUIOp::create(b, loc, wide, high), half());
    return arith::OrIOp::create(b, loc, top, arith::ExtUIOp::create(b, loc, wide, low));
  }
  std::pair<Value, Value> block(Value key, Value high, Value low) {
    return weft::math::threefry2x32(*this, this->low(key), this->high(key), high, low);
  }

private:
  Value half() { return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(32)); }
};

} // namespace

//===-- random_bits ------------------------------------------------------------------------------------------===//

LogicalResult RandomBitsOp::verify() {
  int64_t rank = cast<RankedTensorType>(getKeys().getType()).getRank();
  if (int64_t(getFirst()) < 0 || int64_t(getFirst()) > rank)
    return emitOpError("[WF1015] expected `first` within the rank ") << rank << ", got " << int64_t(getFirst());
  return success();
}

LogicalResult RandomBitsOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                             DictionaryAttr attributes, OpaqueProperties properties,
                                             RegionRange regions, SmallVectorImpl<Type> &types) {
  RandomBitsOpAdaptor adaptor(operands, attributes, properties, regions);
  if (!isa<RankedTensorType>(operands[0].getType()) || !adaptor.getDtype().isUnsignedInteger())
    return emitOptionalError(loc, "[WF1022] random bits are unsigned integers");
  types.push_back(withElement(operands[0].getType(), adaptor.getDtype()));
  return success();
}

FusionKind RandomBitsOp::getFusionKind() { return FusionKind::Map; }

LogicalResult RandomBitsOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                  SmallVectorImpl<Value> &results) {
  Value keys = batcher.materialize(getLoc(), operands[0], batched[0]);
  results.push_back(RandomBitsOp::create(batcher.builder, getLoc(), keys, getFirst() + 1, getDtype()));
  return success();
}

LogicalResult RandomBitsOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type to = getResult().getType();
  // The number of an element among the counted dimensions. The words of a count are taken mod 2^32 anyway, so the low
  // one is 32-bit arithmetic; the high one is 0 where it can be known to be.
  Shape shape = shapeOf(to), strides(shape.size(), SizeExpr(1));
  unsigned first = getFirst();
  SizeExpr count(1);
  for (unsigned d = shape.size(); d-- > first;) {
    strides[d] = count;
    count = count * shape[d];
  }
  SmallVector<Value> sizes;
  for (unsigned d = first; d < shape.size(); ++d)
    sizes.push_back(context.size(strides[d]));
  bool isShort = count.constant() && *count.constant() <= int64_t(1) << 32;
  results.push_back(
      context.map(to, operands, context.identity(to), [&](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        WordEmitter e{b, loc};
        auto numberIn = [&](Type type) {
          Value number = arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, 0));
          for (unsigned d = first; d < shape.size(); ++d) {
            auto as = [&](Value index) { return arith::IndexCastOp::create(b, loc, type, index); };
            Value stride = strides[d].constant()
                               ? Value(arith::ConstantOp::create(
                                     b, loc,
                                     b.getIntegerAttr(
                                         type, APInt(64, *strides[d].constant()).trunc(type.getIntOrFloatBitWidth()))))
                               : Value(as(sizes[d - first]));
            Value place = as(linalg::IndexOp::create(b, loc, d));
            number =
                e.add(number, strides[d] == SizeExpr(1) ? place : Value(arith::MulIOp::create(b, loc, place, stride)));
          }
          return number;
        };
        Value high = isShort ? e.i(0) : e.high(numberIn(e.wide));
        auto [x, y] = e.block(scalars[0], high, numberIn(e.word));
        Type element = LowerContext::loweredElement(getElementTypeOrSelf(to));
        if (element.isInteger(64))
          return e.join(x, y);
        Value bits = e.xor_(x, y);
        return element.isInteger(32) ? bits : Value(arith::TruncIOp::create(b, loc, element, bits));
      }));
  return success();
}

LogicalResult RandomBitsOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                     SmallVectorImpl<Tensor> &results) {
  Tensor bits(getDtype(), operands[0].getShape());
  int64_t count = 1;
  for (int64_t size : operands[0].getShape().drop_front(getFirst()))
    count *= size;
  for (int64_t i = 0, n = bits.getNumElements(); i < n; ++i) {
    auto [x, y] = block(operands[0], i, uint64_t(i % count));
    bool isWide = getDtype().isUnsignedInteger(64);
    bits.set(i, Scalar::ofInt(getDtype(), isWide ? int64_t(uint64_t(x) << 32 | y) : int64_t(x ^ y)));
  }
  results.push_back(bits);
  return success();
}

//===-- fold_in ----------------------------------------------------------------------------------------------===//

LogicalResult FoldInOp::verify() {
  if (shapeOf(getKeys()) != shapeOf(getNumber()))
    return emitOpError("[WF1012] expected keys and numbers of one shape, got ")
           << getKeys().getType() << " and " << getNumber().getType();
  return success();
}

LogicalResult FoldInOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands, DictionaryAttr,
                                         OpaqueProperties, RegionRange, SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

FusionKind FoldInOp::getFusionKind() { return FusionKind::Map; }

LogicalResult FoldInOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                              SmallVectorImpl<Value> &results) {
  results.push_back(batcher.cloneBatched(*this, batcher.materializeAll(getLoc(), operands, batched)));
  return success();
}

LogicalResult FoldInOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type to = getResult().getType();
  SmallVector<AffineMap> maps(2, context.identity(to));
  results.push_back(context.map(to, operands, maps, [&](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
    WordEmitter e{b, loc};
    auto [x, y] = e.block(scalars[0], e.i(0), scalars[1]);
    return e.join(y, x);
  }));
  return success();
}

LogicalResult FoldInOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                 SmallVectorImpl<Tensor> &results) {
  Type element = getElementTypeOrSelf(getResult().getType());
  Tensor keys(element, operands[0].getShape());
  for (int64_t i = 0, n = keys.getNumElements(); i < n; ++i) {
    auto [x, y] = block(operands[0], i, uint64_t(operands[1].at(i).i));
    Scalar key;
    key.type = element;
    key.i = int64_t(uint64_t(y) << 32 | x);
    keys.set(i, key);
  }
  results.push_back(keys);
  return success();
}

//===-- key_data ---------------------------------------------------------------------------------------------===//

LogicalResult KeyDataOp::verify() { return success(); }

LogicalResult KeyDataOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, ValueRange operands,
                                          DictionaryAttr, OpaqueProperties, RegionRange, SmallVectorImpl<Type> &types) {
  if (!isa<RankedTensorType>(operands[0].getType()))
    return failure();
  Shape shape = shapeOf(operands[0]);
  shape.push_back(SizeExpr(2));
  types.push_back(typeOf(shape, IntegerType::get(context, 32, IntegerType::Unsigned)));
  return success();
}

OpFoldResult KeyDataOp::fold(FoldAdaptor) {
  auto wrap = getKeys().getDefiningOp<WrapKeyDataOp>();
  return wrap ? OpFoldResult(wrap.getWords()) : OpFoldResult();
}

FusionKind KeyDataOp::getFusionKind() { return FusionKind::Alias; }

LogicalResult KeyDataOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                               SmallVectorImpl<Value> &results) {
  results.push_back(
      KeyDataOp::create(batcher.builder, getLoc(), batcher.materialize(getLoc(), operands[0], batched[0])));
  return success();
}

LogicalResult KeyDataOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  return emitOpError("[WF1503] has no code: it stands between kernels, never in one");
}

LogicalResult KeyDataOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results) {
  SmallVector<int64_t> shape(operands[0].getShape());
  shape.push_back(2);
  results.push_back(operands[0].bitcast(getElementTypeOrSelf(getResult()), shape));
  return success();
}

//===-- wrap_key_data ----------------------------------------------------------------------------------------===//

LogicalResult WrapKeyDataOp::verify() { return success(); }

LogicalResult WrapKeyDataOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                              DictionaryAttr, OpaqueProperties, RegionRange,
                                              SmallVectorImpl<Type> &types) {
  if (!isa<RankedTensorType>(operands[0].getType()))
    return failure();
  Shape shape = shapeOf(operands[0]);
  if (shape.empty() || shape.back() != SizeExpr(2))
    return emitOptionalError(loc, "[WF1012] expected two words along the last dimension, got ", operands[0].getType());
  shape.pop_back();
  types.push_back(typeOf(shape, KeyType::get(context)));
  return success();
}

OpFoldResult WrapKeyDataOp::fold(FoldAdaptor) {
  auto data = getWords().getDefiningOp<KeyDataOp>();
  return data ? OpFoldResult(data.getKeys()) : OpFoldResult();
}

FusionKind WrapKeyDataOp::getFusionKind() { return FusionKind::Alias; }

LogicalResult WrapKeyDataOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                   SmallVectorImpl<Value> &results) {
  results.push_back(
      WrapKeyDataOp::create(batcher.builder, getLoc(), batcher.materialize(getLoc(), operands[0], batched[0])));
  return success();
}

LogicalResult WrapKeyDataOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  return emitOpError("[WF1503] has no code: it stands between kernels, never in one");
}

LogicalResult WrapKeyDataOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                      SmallVectorImpl<Tensor> &results) {
  results.push_back(operands[0].bitcast(getElementTypeOrSelf(getResult()), operands[0].getShape().drop_back()));
  return success();
}
