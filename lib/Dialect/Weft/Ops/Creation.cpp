// Decides the rules of values from attributes and sizes; per op: verify | infer | fold | canonicalize | derivative |
// batch | lower | reference.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Creation.cpp.inc"

/// An op without operands gives the same at each index of a batch.
static LogicalResult batchNothing(Operation *op, Batcher &batcher, SmallVectorImpl<Value> &results) {
  results.push_back(batcher.materialize(op->getLoc(), batcher.builder.clone(*op)->getResult(0), /*isBatched=*/false));
  return success();
}

//===-- constant --------------------------------------------------------------------------------------------===//

LogicalResult ConstantOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                           DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                           SmallVectorImpl<Type> &types) {
  ConstantOpAdaptor adaptor(operands, attributes, properties, regions);
  types.push_back(adaptor.getValue().getShapedType());
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

FusionKind ConstantOp::getFusionKind() { return FusionKind::Map; }

LogicalResult ConstantOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                SmallVectorImpl<Value> &results) {
  return batchNothing(*this, batcher, results);
}

/// The same bits as signless elements.
static ElementsAttr signless(ElementsAttr value, RankedTensorType type) {
  if (value.getElementType() == type.getElementType())
    return value;
  if (auto dense = dyn_cast<DenseElementsAttr>(value))
    return DenseElementsAttr::getFromRawBuffer(type, dense.getRawData());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  return {};
}

LogicalResult ConstantOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type to = getResult().getType();
  if (!getElementTypeOrSelf(to).isIntOrFloat())
    return emitOpError("[WF1507] elements of type ") << getElementTypeOrSelf(to) << " have no code yet";
  ElementsAttr value = signless(getValue(), LowerContext::lowered(to));
  if (!value)
    return emitOpError("[WF1507] constants of this form have no code yet");
  if (auto dense = dyn_cast<DenseElementsAttr>(value); dense && dense.isSplat()) {
    results.push_back(context.fill(to, [&](OpBuilder &b, Location loc) -> Value {
      return arith::ConstantOp::create(b, loc, dense.getSplatValue<TypedAttr>());
    }));
    return success();
  }
  Value data = arith::ConstantOp::create(context.builder, context.loc, cast<TypedAttr>(value));
  results.push_back(
      context.map(to, data, context.identity(to), [](OpBuilder &, Location, ValueRange v) { return v[0]; }));
  return success();
}

LogicalResult ConstantOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                   SmallVectorImpl<Tensor> &results) {
  auto value = Tensor::fromAttr(getValue());
  if (!value)
    return emitOpError("[WF1507] constants of this form have no reference yet");
  results.push_back(*value);
  return success();
}

//===-- iota ------------------------------------------------------------------------------------------------===//

LogicalResult IotaOp::verify() {
  int64_t rank = cast<RankedTensorType>(getResult().getType()).getRank();
  if (int64_t(getDim()) < 0 || int64_t(getDim()) >= rank)
    return emitOpError("[WF1015] expected a dimension below the rank ") << rank << ", got " << getDim();
  return success();
}

FusionKind IotaOp::getFusionKind() { return FusionKind::Map; }

LogicalResult IotaOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                            SmallVectorImpl<Value> &results) {
  return batchNothing(*this, batcher, results);
}

LogicalResult IotaOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type to = getResult().getType(), i64 = IntegerType::get(getContext(), 64);
  results.push_back(context.fill(to, [&](OpBuilder &b, Location loc) -> Value {
    Value index = linalg::IndexOp::create(b, loc, getDim());
    if (Type element = getElementTypeOrSelf(to); element.isInteger() && !element.isInteger(1)) // cut, as i64 would be
      return arith::IndexCastOp::create(b, loc, IntegerType::get(getContext(), element.getIntOrFloatBitWidth()), index);
    index = arith::IndexCastOp::create(b, loc, i64, index);
    return context.payload(b, i64, to).convert(index, getElementTypeOrSelf(to));
  }));
  return success();
}

LogicalResult IotaOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  Type element = getElementTypeOrSelf(getResult().getType()), i64 = IntegerType::get(getContext(), 64);
  auto shape = interpreter.shape(getResult().getType());
  if (!shape)
    return emitOpError("[WF1404] the sizes of ") << getResult().getType() << " have no value here";
  Tensor indices(element, (*shape)[getDim()]);
  ScalarEval e;
  for (int64_t i = 0; i < indices.getNumElements(); ++i)
    indices.set(i, e.convert(Scalar::ofInt(i64, i), element));
  SmallVector<int64_t> strides(shape->size(), 0);
  strides[getDim()] = 1;
  results.push_back(indices.strided(*shape, 0, strides));
  return success();
}

//===-- dimsize ---------------------------------------------------------------------------------------------===//

LogicalResult DimSizeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  DimSizeOpAdaptor adaptor(operands, attributes, properties, regions);
  types.push_back(RankedTensorType::get({}, IntegerType::get(context, 64)));
  return success();
}

OpFoldResult DimSizeOp::fold(FoldAdaptor adaptor) {
  auto size = getSize().getSize().constant();
  return size ? OpFoldResult(DenseElementsAttr::get(cast<ShapedType>(getType()), *size)) : OpFoldResult();
}

FusionKind DimSizeOp::getFusionKind() { return FusionKind::Map; }

LogicalResult DimSizeOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                               SmallVectorImpl<Value> &results) {
  return batchNothing(*this, batcher, results);
}

LogicalResult DimSizeOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Value size = context.size(getSize().getSize());
  results.push_back(context.fill(getResult().getType(), [&](OpBuilder &b, Location loc) -> Value {
    return arith::IndexCastOp::create(b, loc, b.getI64Type(), size);
  }));
  return success();
}

LogicalResult DimSizeOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results) {
  auto value = interpreter.size(getSize().getSize());
  if (!value)
    return emitOpError("[WF1404] the size ") << getSize().getSize().str() << " has no value here";
  results.push_back(Tensor::scalar(Scalar::ofInt(IntegerType::get(getContext(), 64), *value)));
  return success();
}
