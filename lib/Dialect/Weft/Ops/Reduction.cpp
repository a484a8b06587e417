// Decides the rules of folding of dimensions; per op: verify | infer | fold | canonicalize | derivative | batch | lower | reference.
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

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

/// What an accumulator starts at: the value that changes no other.
static Value identityOf(PayloadBuilder &p, ReduceKind kind, Type element) {
  Location loc = p.loc;
  if (auto f = dyn_cast<FloatType>(element)) {
    double infinity = std::numeric_limits<double>::infinity();
    double value = kind == ReduceKind::Mul ? 1 : kind == ReduceKind::Min ? infinity : kind == ReduceKind::Max ? -infinity : 0;
    return arith::ConstantOp::create(p.b, loc, FloatAttr::get(f, value));
  }
  unsigned width = element.getIntOrFloatBitWidth();
  APInt value(width, kind == ReduceKind::Mul ? 1 : 0);
  if (kind == ReduceKind::And)
    value = APInt::getAllOnes(width);
  if (kind == ReduceKind::Min)
    value = p.isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  if (kind == ReduceKind::Max)
    value = p.isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  return arith::ConstantOp::create(p.b, loc, IntegerAttr::get(element, value));
}

/// One step of a reduction, for ScalarEval and PayloadBuilder alike.
template <class E> static typename E::V combine(E &e, ReduceKind kind, typename E::V x, typename E::V y) {
  switch (kind) {
  case ReduceKind::Add:
    return e.add(x, y);
  case ReduceKind::Mul:
    return e.mul(x, y);
  case ReduceKind::Min:
    return e.min(x, y);
  case ReduceKind::Max:
    return e.max(x, y);
  case ReduceKind::And:
    return e.and_(x, y);
  case ReduceKind::Or:
    return e.or_(x, y);
  }
  llvm_unreachable("a reduce kind");
}

LogicalResult ReduceOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type from = getX().getType(), to = getResult().getType();
  Type element = LowerContext::loweredElement(getElementTypeOrSelf(to)), accumulator = accumulatorType(element);
  if (!element.isIntOrFloat())
    return emitOpError("[WF1507] elements of type ") << element << " have no code yet";
  Type sums = withElement(to, accumulator);
  Value start = context.fill(sums, [&](OpBuilder &b, Location) {
    PayloadBuilder p = context.payload(b, from, to);
    return identityOf(p, getKind(), accumulator);
  });
  AffineMap all = context.identity(from);
  SmallVector<utils::IteratorType> iterators(all.getNumDims(), utils::IteratorType::parallel);
  SmallVector<AffineExpr> kept;
  for (unsigned i = 0; i < all.getNumDims(); ++i)
    if (llvm::is_contained(getDims(), int64_t(i)))
      iterators[i] = utils::IteratorType::reduction;
    else
      kept.push_back(all.getResult(i));
  AffineMap out = AffineMap::get(all.getNumDims(), 0, kept, getContext());
  Value folded = context.generic(sums, operands, {all, out}, iterators, start, [&](OpBuilder &b, Location, ValueRange v) {
    PayloadBuilder p = context.payload(b, from, to);
    return combine(p, getKind(), LowerContext::widen(p, v[0]), v[1]);
  });
  if (accumulator != element)
    folded = context.map(to, folded, context.identity(to), [&](OpBuilder &b, Location, ValueRange v) {
      PayloadBuilder p = context.payload(b, from, to);
      return LowerContext::narrow(p, v[0], element);
    });
  results.push_back(folded);
  return success();
}

LogicalResult ReduceOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  return emitOpError("no reference yet");
}
