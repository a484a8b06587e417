// Decides the rules of folding of dimensions; per op: verify | infer | fold | canonicalize | derivative | batch | lower | reference.
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Reduction.cpp.inc"

//===-- reduce ----------------------------------------------------------------------------------------------===//

LogicalResult ReduceOp::verify() {
  int64_t rank = cast<RankedTensorType>(getX().getType()).getRank(), last = -1;
  for (int64_t dim : getDims()) {
    if (dim <= last || dim >= rank)
      return emitOpError("[WF1015] expected sorted, distinct dims below the rank ") << rank << ", got " << getDims();
    last = dim;
  }
  Type element = getElementTypeOrSelf(getX());
  bool bitwise = getKind() == ReduceKind::And || getKind() == ReduceKind::Or;
  if (bitwise && isa<FloatType>(element))
    return emitOpError("[WF1021] and, or fold bool or integers, got ") << element;
  if (!bitwise && element.isInteger(1))
    return emitOpError("[WF1021] bool folds by and, or, got ") << stringifyReduceKind(getKind());
  return success();
}

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  ReduceOpAdaptor adaptor(operands, attributes, properties, regions);
  auto type = cast<RankedTensorType>(adaptor.getX().getType());
  Shape shape;
  for (auto [i, size] : llvm::enumerate(shapeOf(type)))
    if (!llvm::is_contained(adaptor.getDims(), int64_t(i)))
      shape.push_back(size);
  types.push_back(typeOf(shape, type.getElementType()));
  return success();
}

OpFoldResult ReduceOp::fold(FoldAdaptor adaptor) { return {}; }

Value ReduceOp::jvp(GraphBuilder &builder, ValueRange primals, Value result, ValueRange tangents) { return {}; }

FusionKind ReduceOp::getFusionKind() { return FusionKind::Reduce; }

LogicalResult ReduceOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult ReduceOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  return emitOpError("no lowering yet");
}

LogicalResult ReduceOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  return emitOpError("no reference yet");
}
