// Decides the rules of ordering elements; per op: verify | infer | fold | canonicalize | derivative | batch | lower |
// reference.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Sorting.cpp.inc"

//===-- what both share ------------------------------------------------------------------------------------------===//

template <class Op> static LogicalResult verifyDim(Op op) {
  int64_t rank = cast<RankedTensorType>(op.getX().getType()).getRank(), dim = op.getDim();
  if (dim < 0 || dim >= rank)
    return op.emitOpError("[WF1015] expected a dimension below the rank ") << rank << ", got " << dim;
  return success();
}

/// The positions of each row along a dimension in order, as a tensor of the operand's shape.
static Tensor sortedPositions(const Tensor &x, int64_t dim, bool descending) {
  Type i64 = IntegerType::get(x.getElementType().getContext(), 64);
  Tensor positions(i64, x.getShape());
  int64_t n = x.getShape()[dim], stride = x.strides()[dim];
  auto before = [&](Scalar a, Scalar b) {
    if (!a.isFloat()) {
      bool less = a.isUnsigned() ? uint64_t(a.i) < uint64_t(b.i) : a.i < b.i;
      bool greater = a.isUnsigned() ? uint64_t(a.i) > uint64_t(b.i) : a.i > b.i;
      return descending ? greater : less;
    }
    if (std::isnan(a.f) || std::isnan(b.f))
      return !std::isnan(a.f);
    return descending ? a.f > b.f : a.f < b.f;
  };
  std::vector<int64_t> row(n);
  for (int64_t start = 0, end = x.getNumElements(); start < end; ++start) {
    if (start / stride % n)
      continue;
    std::iota(row.begin(), row.end(), 0);
    std::stable_sort(row.begin(), row.end(), [&](int64_t a, int64_t b) {
      Scalar u = x.at(start + a * stride), v = x.at(start + b * stride);
      return (!u.isFloat() || !std::isnan(u.f) || !std::isnan(v.f)) && before(u, v);
    });
    for (int64_t i = 0; i < n; ++i)
      positions.set(start + i * stride, Scalar::ofInt(i64, row[i]));
  }
  return positions;
}

//===-- sort -----------------------------------------------------------------------------------------------------===//

LogicalResult SortOp::verify() { return verifyDim(*this); }

LogicalResult SortOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                       DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                       SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

OpFoldResult SortOp::fold(FoldAdaptor adaptor) {
  if (shapeOf(getX())[getDim()] == SizeExpr(1))
    return getX();
  auto inner = getX().getDefiningOp<SortOp>();
  return inner && inner.getDim() == getDim() && inner.getDescending() == getDescending() ? getX() : OpFoldResult();
}

Value SortOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  Value positions = b.create<ArgsortOp>(primals[0], getDim(), getDescending());
  return b.takeAlong(tangents[0], positions, getDim());
}

FusionKind SortOp::getFusionKind() { return FusionKind::Other; }

LogicalResult SortOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                            SmallVectorImpl<Value> &results) {
  results.push_back(SortOp::create(batcher.builder, getLoc(), operands[0], getDim() + 1, getDescending()));
  return success();
}

LogicalResult SortOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  results.push_back(
      context.sort(getX().getType(), getType(), operands[0], getDim(), getDescending(), /*positions=*/false));
  return success();
}

LogicalResult SortOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  const Tensor &x = operands[0];
  Tensor positions = sortedPositions(x, getDim(), getDescending()), sorted(x.getElementType(), x.getShape());
  int64_t n = x.getShape()[getDim()], stride = x.strides()[getDim()];
  for (int64_t i = 0, end = x.getNumElements(); i < end; ++i) {
    int64_t first = i - i / stride % n * stride;
    sorted.set(i, x.at(first + positions.at(i).i * stride));
  }
  results.push_back(sorted);
  return success();
}

//===-- argsort --------------------------------------------------------------------------------------------------===//

LogicalResult ArgsortOp::verify() { return verifyDim(*this); }

LogicalResult ArgsortOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(withElement(operands[0].getType(), IntegerType::get(context, 64)));
  return success();
}

FusionKind ArgsortOp::getFusionKind() { return FusionKind::Other; }

LogicalResult ArgsortOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                               SmallVectorImpl<Value> &results) {
  results.push_back(ArgsortOp::create(batcher.builder, getLoc(), operands[0], getDim() + 1, getDescending()));
  return success();
}

LogicalResult ArgsortOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  results.push_back(
      context.sort(getX().getType(), getType(), operands[0], getDim(), getDescending(), /*positions=*/true));
  return success();
}

LogicalResult ArgsortOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results) {
  results.push_back(sortedPositions(operands[0], getDim(), getDescending()));
  return success();
}
