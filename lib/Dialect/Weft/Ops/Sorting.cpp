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
  std::optional<int64_t> n = shapeOf(op.getX())[dim].constant(), first = op.getFirst();
  if (n && first && *first > *n)
    return op.emitOpError("[WF1016] expected at most the ")
           << *n << " elements of a row as its first ones, got " << *first;
  return success();
}

/// The type of some or all of the elements of each row, in order.
template <class Op>
static Type typeOfFirst(ValueRange operands, DictionaryAttr attributes, OpaqueProperties properties,
                        RegionRange regions, Type element) {
  typename Op::Adaptor op(operands, attributes, *properties.as<typename Op::Properties *>(), regions);
  Shape shape = shapeOf(op.getX());
  const int64_t dim = op.getDim();
  if (op.getFirst() && dim >= 0 && dim < int64_t(shape.size()))
    shape[dim] = SizeExpr(int64_t(*op.getFirst()));
  return typeOf(shape, element);
}

/// An order of which only the beginning is read need not be that of all elements.
template <class Op> struct OrderFirstAlone : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    const int64_t dim = op.getDim();
    int64_t most = 0;
    for (Operation *user : op->getUsers()) {
      auto slice = dyn_cast<SliceOp>(user);
      auto size = slice ? shapeOf(slice.getResult())[dim].constant() : std::nullopt;
      if (!size || slice.getStarts()[dim] != 0 || slice.getStrides()[dim] != 1)
        return failure();
      most = std::max(most, *size);
    }
    auto all = shapeOf(op.getResult())[dim].constant();
    if (op->use_empty() || (all && *all <= most))
      return failure();
    auto some = Op::create(rewriter, op.getLoc(), op.getX(), dim, op.getDescending(), rewriter.getI64IntegerAttr(most));
    for (OpOperand &use : llvm::make_early_inc_range(op->getUses()))
      rewriter.modifyOpInPlace(use.getOwner(), [&] { use.set(some); });
    rewriter.eraseOp(op);
    return success();
  }
};

/// The positions of each row along a dimension in order, as a tensor of the operand's shape but for the `first` ones.
static Tensor sortedPositions(const Tensor &x, int64_t dim, bool descending, std::optional<int64_t> first) {
  Type i64 = IntegerType::get(x.getElementType().getContext(), 64);
  int64_t n = x.getShape()[dim], stride = x.strides()[dim], k = first.value_or(n);
  SmallVector<int64_t> shape(x.getShape());
  shape[dim] = k;
  Tensor positions(i64, shape);
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
    for (int64_t i = 0; i < k; ++i) // the row before: k elements instead of n
      positions.set(start / stride / n * k * stride + start % stride + i * stride, Scalar::ofInt(i64, row[i]));
  }
  return positions;
}

//===-- sort -----------------------------------------------------------------------------------------------------===//

LogicalResult SortOp::verify() { return verifyDim(*this); }

LogicalResult SortOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                       DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                       SmallVectorImpl<Type> &types) {
  Type element = getElementTypeOrSelf(operands[0]);
  types.push_back(typeOfFirst<SortOp>(operands, attributes, properties, regions, element));
  return success();
}

void SortOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<OrderFirstAlone<SortOp>>(context);
}

OpFoldResult SortOp::fold(FoldAdaptor adaptor) {
  if (getFirst() && shapeOf(getX()) != shapeOf(getResult()))
    return {};
  if (shapeOf(getX())[getDim()] == SizeExpr(1))
    return getX();
  auto inner = getX().getDefiningOp<SortOp>();
  return inner && inner.getDim() == getDim() && inner.getDescending() == getDescending() ? getX() : OpFoldResult();
}

Value SortOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  Value positions = b.create<ArgsortOp>(primals[0], getDim(), getDescending(), getFirstAttr());
  return b.takeAlong(tangents[0], positions, getDim());
}

FusionKind SortOp::getFusionKind() { return FusionKind::Other; }

LogicalResult SortOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                            SmallVectorImpl<Value> &results) {
  results.push_back(
      SortOp::create(batcher.builder, getLoc(), operands[0], getDim() + 1, getDescending(), getFirstAttr()));
  return success();
}

LogicalResult SortOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  results.push_back(
      context.sort(getX().getType(), getType(), operands[0], getDim(), getDescending(), /*positions=*/false));
  return success();
}

LogicalResult SortOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  const Tensor &x = operands[0];
  Tensor positions = sortedPositions(x, getDim(), getDescending(), getFirst());
  Tensor sorted(x.getElementType(), positions.getShape());
  int64_t n = x.getShape()[getDim()], k = positions.getShape()[getDim()], stride = x.strides()[getDim()];
  for (int64_t i = 0, end = sorted.getNumElements(); i < end; ++i) {
    int64_t row = i / stride / k * n * stride + i % stride;
    sorted.set(i, x.at(row + positions.at(i).i * stride));
  }
  results.push_back(sorted);
  return success();
}

//===-- argsort --------------------------------------------------------------------------------------------------===//

LogicalResult ArgsortOp::verify() { return verifyDim(*this); }

LogicalResult ArgsortOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  Type i64 = IntegerType::get(context, 64);
  types.push_back(typeOfFirst<ArgsortOp>(operands, attributes, properties, regions, i64));
  return success();
}

void ArgsortOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<OrderFirstAlone<ArgsortOp>>(context);
}

FusionKind ArgsortOp::getFusionKind() { return FusionKind::Other; }

LogicalResult ArgsortOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                               SmallVectorImpl<Value> &results) {
  results.push_back(
      ArgsortOp::create(batcher.builder, getLoc(), operands[0], getDim() + 1, getDescending(), getFirstAttr()));
  return success();
}

LogicalResult ArgsortOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  results.push_back(
      context.sort(getX().getType(), getType(), operands[0], getDim(), getDescending(), /*positions=*/true));
  return success();
}

LogicalResult ArgsortOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results) {
  results.push_back(sortedPositions(operands[0], getDim(), getDescending(), getFirst()));
  return success();
}
