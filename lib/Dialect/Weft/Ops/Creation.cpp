// Decides the rules of values from attributes and sizes; per op: verify | infer | fold | canonicalize | derivative | batch | lower | reference.
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Creation.cpp.inc"

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

LogicalResult ConstantOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult ConstantOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  return emitOpError("no lowering yet");
}

LogicalResult ConstantOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  return emitOpError("no reference yet");
}

//===-- iota ------------------------------------------------------------------------------------------------===//

LogicalResult IotaOp::verify() {
  int64_t rank = cast<RankedTensorType>(getResult().getType()).getRank();
  if (int64_t(getDim()) < 0 || int64_t(getDim()) >= rank)
    return emitOpError("[WF1015] expected a dimension below the rank ") << rank << ", got " << getDim();
  return success();
}

FusionKind IotaOp::getFusionKind() { return FusionKind::Map; }

LogicalResult IotaOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult IotaOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  return emitOpError("no lowering yet");
}

LogicalResult IotaOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  return emitOpError("no reference yet");
}

//===-- dimsize ---------------------------------------------------------------------------------------------===//

LogicalResult DimSizeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  DimSizeOpAdaptor adaptor(operands, attributes, properties, regions);
  types.push_back(RankedTensorType::get({}, IntegerType::get(context, 64)));
  return success();
}

OpFoldResult DimSizeOp::fold(FoldAdaptor adaptor) { return {}; }

FusionKind DimSizeOp::getFusionKind() { return FusionKind::Map; }

LogicalResult DimSizeOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult DimSizeOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  return emitOpError("no lowering yet");
}

LogicalResult DimSizeOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  return emitOpError("no reference yet");
}
