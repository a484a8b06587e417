// Decides the rules of rearranging elements; per op: verify | infer | fold | canonicalize | derivative | batch | lower
// | reference.
#include "Movement.h"
#include "DimensionNumbers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Pieces.h"
#include "weft/Dialect/Weft/Rows.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Movement.cpp.inc"

/// Whether a `?` of an op has no name yet: what it equals is known after name-dims.
static bool hasBareSize(Operation *op) {
  return llvm::any_of(llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()), [](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    auto dims = dyn_cast_or_null<DimsAttr>(tensor.getEncoding());
    for (auto [i, size] : llvm::enumerate(tensor.getShape()))
      if (ShapedType::isDynamic(size) && (!dims || dims.getSizes()[i].getValue() == "_"))
        return true;
    return false;
  });
}

//===-- reshape ---------------------------------------------------------------------------------------------===//

LogicalResult ReshapeOp::verify() {
  if (getElementTypeOrSelf(getX()) != getElementTypeOrSelf(getResult()))
    return emitOpError("[WF1021] cannot change the element type");
  SizeExpr from = numElements(shapeOf(getX())), to = numElements(shapeOf(getResult()));
  if (from != to && !hasBareSize(*this))
    return emitOpError("[WF1013] expected as many elements in the result as in the operand, got ")
           << to.str() << " and " << from.str();
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  if (auto inner = getX().getDefiningOp<ReshapeOp>()) {
    setOperand(inner.getX());
    return getResult();
  }
  return {};
}

/// Dimensions of size 1 that a transpose moves and a reshape behind it drops are dropped first.
struct DropUnitsFirst : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getX().getDefiningOp<TransposeOp>();
    if (!transpose || !transpose->hasOneUse() || !movesUnits(op))
      return failure();
    Shape from = shapeOf(transpose.getX()), to;
    SmallVector<int64_t> order, place(from.size(), 0);
    for (auto [i, size] : llvm::enumerate(from))
      if (size != SizeExpr(1)) {
        place[i] = to.size();
        to.push_back(size);
      }
    for (int64_t dim : transpose.getPermutation())
      if (from[dim] != SizeExpr(1))
        order.push_back(place[dim]);
    if (to.size() != shapeOf(op.getResult()).size())
      return failure();
    Location loc = transpose.getLoc();
    Value x = ReshapeOp::create(rewriter, loc, typeOf(to, getElementTypeOrSelf(op.getType())), transpose.getX());
    rewriter.replaceOpWithNewOp<TransposeOp>(op, x, order)->setLoc(loc);
    return success();
  }
};

void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropUnitsFirst>(context);
}

Value ReshapeOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  return builder.reshape(cotangent, getX().getType());
}

bool ReshapeOp::isLinearIn(unsigned operand) { return true; }
bool ReshapeOp::isJointlyLinear() { return true; }

FusionKind ReshapeOp::getFusionKind() { return FusionKind::Alias; }

LogicalResult ReshapeOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                               SmallVectorImpl<Value> &results) {
  results.push_back(GraphBuilder(batcher.builder, getLoc()).reshape(operands[0], batcher.batchedType(getType())));
  return success();
}

LogicalResult ReshapeOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  return emitOpError("[WF1503] has no code: it stands between kernels, never in one");
}

LogicalResult ReshapeOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results) {
  auto shape = resultShape(*this, interpreter);
  if (failed(shape))
    return failure();
  results.push_back(operands[0].reshaped(*shape));
  return success();
}

//===-- broadcast -------------------------------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  if (getElementTypeOrSelf(getX()) != getElementTypeOrSelf(getResult()))
    return emitOpError("[WF1021] cannot change the element type");
  if (getDims().size() != from.size())
    return emitOpError("[WF1015] expected one entry of dims per operand dimension");
  int64_t last = -1;
  for (auto [i, dim] : llvm::enumerate(getDims())) {
    if (dim <= last || dim >= int64_t(to.size()))
      return emitOpError("[WF1015] expected ascending dims below the result's rank, got ") << getDims();
    if (from[i] != to[dim] && from[i] != SizeExpr(1) && !hasBareSize(*this))
      return emitOpError("[WF1014] operand dimension ")
             << i << " of size " << from[i].str() << " cannot become result dimension " << dim << " of size "
             << to[dim].str();
    last = dim;
  }
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  // Of a broadcast, or of a reshape that made room for this one: one broadcast.
  SmallVector<int64_t> through;
  Operation *inner = getX().getDefiningOp();
  if (auto broadcast = dyn_cast_or_null<BroadcastOp>(inner))
    through.assign(broadcast.getDims().begin(), broadcast.getDims().end());
  else if (auto reshape = dyn_cast_or_null<ReshapeOp>(inner))
    if (auto places = addedUnits(reshape))
      through = *places;
    else
      return {};
  else
    return {};
  SmallVector<int64_t> dims = llvm::map_to_vector(through, [&](int64_t dim) { return getDims()[dim]; });
  setDims(dims);
  setOperand(inner->getOperand(0));
  return getResult();
}

/// Whether whole numbers or truth values are made of indices and constants alone, by few ops.
static bool isMadeOfIndices(Value value, int &ops) {
  Operation *op = value.getDefiningOp();
  if (!op || --ops < 0 || !getElementTypeOrSelf(value).isInteger())
    return false;
  if (isa<IotaOp>(op) || op->hasTrait<OpTrait::ConstantLike>())
    return true;
  auto fusion = dyn_cast<FusionOpInterface>(op);
  return fusion && (isa<BroadcastOp>(op) || isa<ElementwiseOpInterface>(op)) && fusion.getOpsPerElement() <= 2 &&
         op->getNumOperands() && llvm::all_of(op->getOperands(), [&](Value x) { return isMadeOfIndices(x, ops); });
}

namespace {
/// A mask that is made of indices is made where it is read, in the shape that reads it: to repeat it, it would have to
/// stand in memory.
struct RepeatIndicesFirst : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    Operation *made = op.getX().getDefiningOp();
    int ops = 32;
    if (!isa_and_nonnull<ElementwiseOpInterface>(made) || !isMadeOfIndices(op.getX(), ops) ||
        shapeOf(op.getX()).empty())
      return failure();
    IRMapping mapping;
    for (Value operand : made->getOperands())
      mapping.map(operand,
                  BroadcastOp::create(rewriter, op.getLoc(), withElement(op.getType(), getElementTypeOrSelf(operand)),
                                      operand, op.getDims()));
    Operation *repeated = made->cloneWithoutRegions(mapping);
    repeated->getResult(0).setType(op.getType());
    rewriter.insert(repeated);
    rewriter.replaceOp(op, repeated->getResults());
    return success();
  }
};
} // namespace

void BroadcastOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<RepeatIndicesFirst>(context);
}

Value BroadcastOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  // What was repeated is summed; dimensions of size 1 that were widened come back by the reshape.
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  SmallVector<bool> kept(to.size(), false);
  for (auto [i, dim] : llvm::enumerate(getDims()))
    kept[dim] = from[i] == to[dim];
  SmallVector<int64_t> repeated;
  for (size_t i = 0; i < to.size(); ++i)
    if (!kept[i])
      repeated.push_back(i);
  return builder.reshape(builder.reduce(cotangent, ReduceKind::Add, repeated), getX().getType());
}

bool BroadcastOp::isLinearIn(unsigned operand) { return true; }
bool BroadcastOp::isJointlyLinear() { return true; }

FusionKind BroadcastOp::getFusionKind() { return FusionKind::View; }

LogicalResult BroadcastOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                 SmallVectorImpl<Value> &results) {
  results.push_back(BroadcastOp::create(batcher.builder, getLoc(), batcher.batchedType(getType()), operands[0],
                                        withBatch(getDims(), 0, 1)));
  return success();
}

LogicalResult BroadcastOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  SmallVector<AffineExpr> reads;
  for (auto [i, dim] : llvm::enumerate(getDims()))
    reads.push_back(from[i] == to[dim] ? getAffineDimExpr(dim, getContext()) : getAffineConstantExpr(0, getContext()));
  AffineMap map = AffineMap::get(to.size(), 0, reads, getContext());
  results.push_back(context.map(getResult().getType(), operands, map, copyScalar));
  return success();
}

LogicalResult BroadcastOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                    SmallVectorImpl<Tensor> &results) {
  auto shape = resultShape(*this, interpreter);
  if (failed(shape))
    return failure();
  SmallVector<int64_t> strides(shape->size(), 0);
  for (auto [i, dim] : llvm::enumerate(getDims()))
    strides[dim] = operands[0].getShape()[i] == 1 ? 0 : operands[0].strides()[i];
  results.push_back(operands[0].strided(*shape, 0, strides));
  return success();
}

//===-- transpose -------------------------------------------------------------------------------------------===//

static bool isPermutation(ArrayRef<int64_t> permutation, int64_t rank) {
  return areDistinct({permutation}, rank) && int64_t(permutation.size()) == rank;
}

LogicalResult TransposeOp::verify() {
  if (!isPermutation(getPermutation(), cast<RankedTensorType>(getX().getType()).getRank()))
    return emitOpError("[WF1015] expected a permutation of the operand's dimensions, got ") << getPermutation();
  return success();
}

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                            DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type> &types) {
  TransposeOpAdaptor adaptor(operands, attributes, properties, regions);
  auto type = cast<RankedTensorType>(adaptor.getX().getType());
  if (!isPermutation(adaptor.getPermutation(), type.getRank()))
    return emitOptionalError(loc, "[WF1015] transpose: expected a permutation of the operand's dimensions");
  Shape from = shapeOf(type), shape;
  for (int64_t dim : adaptor.getPermutation())
    shape.push_back(from[dim]);
  types.push_back(typeOf(shape, type.getElementType()));
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  if (llvm::is_sorted(getPermutation()))
    return getX();
  if (auto inner = getX().getDefiningOp<TransposeOp>()) {
    setPermutation(applyPermutation(inner.getPermutation(), getPermutation()));
    setOperand(inner.getX());
    return getResult();
  }
  return {};
}

namespace {

/// transpose(broadcast(x)) = broadcast(transpose(x)), which moves fewer elements.
struct TransposeOfBroadcast : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto broadcast = op.getX().getDefiningOp<BroadcastOp>();
    if (!broadcast)
      return failure();
    // Result dimension i shows broadcast dimension permutation[i]: the operand's dimensions in the order met.
    SmallVector<int64_t> order, dims;
    for (auto [i, dim] : llvm::enumerate(op.getPermutation())) {
      const auto *it = llvm::find(broadcast.getDims(), dim);
      if (it == broadcast.getDims().end())
        continue;
      order.push_back(it - broadcast.getDims().begin());
      dims.push_back(i);
    }
    Value x = broadcast.getX();
    Location loc = mergeLocations(op.getContext(), {op.getLoc(), broadcast.getLoc()});
    if (!llvm::is_sorted(order))
      x = TransposeOp::create(rewriter, op.getLoc(), x, order);
    rewriter.replaceOp(op, BroadcastOp::create(rewriter, loc, op.getType(), x, dims));
    return success();
  }
};

/// A transpose that only moves dimensions of size 1 moves no element.
struct TransposeOfUnits : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    Shape from = shapeOf(op.getX());
    SmallVector<int64_t> others;
    llvm::copy_if(op.getPermutation(), std::back_inserter(others),
                  [&](int64_t dim) { return from[dim] != SizeExpr(1); });
    if (!llvm::is_sorted(others))
      return failure();
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getX());
    return success();
  }
};

/// The transpose of a product that puts the free dimensions of the right operand first: the operands swap. Exact, since
/// a * b = b * a and the order of the sum is that of the contracted dimensions.
struct TransposeOfDot : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto dot = op.getX().getDefiningOp<DotOp>();
    if (!dot || !dot->hasOneUse())
      return failure();
    auto rank = [](Value v) { return cast<RankedTensorType>(v.getType()).getRank(); };
    int64_t batch = dot.getLhsBatch().size(), contracted = dot.getLhsContract().size();
    int64_t left = rank(dot.getLhs()) - batch - contracted, right = rank(dot.getRhs()) - batch - contracted;
    SmallVector<int64_t> swapped = llvm::to_vector(llvm::seq<int64_t>(0, batch));
    llvm::append_range(swapped, llvm::seq<int64_t>(batch + left, batch + left + right));
    llvm::append_range(swapped, llvm::seq<int64_t>(batch, batch + left));
    if (ArrayRef(swapped) != op.getPermutation())
      return failure();
    Location loc = mergeLocations(op.getContext(), {dot.getLoc(), op.getLoc()});
    rewriter.replaceOp(op, DotOp::create(rewriter, loc, dot.getRhs(), dot.getLhs(), dot.getRhsBatch(),
                                         dot.getLhsBatch(), dot.getRhsContract(), dot.getLhsContract()));
    return success();
  }
};

} // namespace

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<TransposeOfBroadcast, TransposeOfDot, TransposeOfUnits>(context);
}

Value TransposeOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  return builder.transpose(cotangent, invertPermutationVector(getPermutation()));
}

bool TransposeOp::isLinearIn(unsigned operand) { return true; }
bool TransposeOp::isJointlyLinear() { return true; }

FusionKind TransposeOp::getFusionKind() { return FusionKind::View; }
bool TransposeOp::turnsRows() {
  return !getPermutation().empty() && getPermutation().back() != int64_t(getPermutation().size()) - 1;
}

LogicalResult TransposeOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                 SmallVectorImpl<Value> &results) {
  results.push_back(TransposeOp::create(batcher.builder, getLoc(), operands[0], withBatch(getPermutation(), 0, 1)));
  return success();
}

LogicalResult TransposeOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  SmallVector<AffineExpr> reads(getPermutation().size());
  for (auto [i, dim] : llvm::enumerate(getPermutation()))
    reads[dim] = getAffineDimExpr(i, getContext());
  AffineMap map = AffineMap::get(reads.size(), 0, reads, getContext());
  results.push_back(context.map(getResult().getType(), operands, map, copyScalar));
  return success();
}

LogicalResult TransposeOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                    SmallVectorImpl<Tensor> &results) {
  SmallVector<int64_t> shape, strides;
  for (int64_t dim : getPermutation()) {
    shape.push_back(operands[0].getShape()[dim]);
    strides.push_back(operands[0].strides()[dim]);
  }
  results.push_back(operands[0].strided(shape, 0, strides));
  return success();
}

//===-- optimization_barrier --------------------------------------------------------------------------------===//

LogicalResult OptimizationBarrierOp::verify() { return success(); }

LogicalResult OptimizationBarrierOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands,
                                                      DictionaryAttr, OpaqueProperties, RegionRange,
                                                      SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

Value OptimizationBarrierOp::transposeTo(GraphBuilder &builder, unsigned, ValueRange, Value cotangent) {
  return builder.create<OptimizationBarrierOp>(cotangent);
}

bool OptimizationBarrierOp::isLinearIn(unsigned operand) { return true; }
bool OptimizationBarrierOp::isJointlyLinear() { return true; }

FusionKind OptimizationBarrierOp::getFusionKind() { return FusionKind::Alias; }

LogicalResult OptimizationBarrierOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                           SmallVectorImpl<Value> &results) {
  results.push_back(OptimizationBarrierOp::create(batcher.builder, getLoc(), operands[0]));
  return success();
}

LogicalResult OptimizationBarrierOp::lower(LowerContext &context, ValueRange operands,
                                           SmallVectorImpl<Value> &results) {
  return emitOpError("[WF1503] has no code: it stands between kernels, never in one");
}

LogicalResult OptimizationBarrierOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                              SmallVectorImpl<Tensor> &results) {
  results.push_back(operands[0]);
  return success();
}

//===-- reverse ---------------------------------------------------------------------------------------------===//

LogicalResult ReverseOp::verify() {
  int64_t rank = cast<RankedTensorType>(getX().getType()).getRank(), last = -1;
  for (int64_t dim : getDims()) {
    if (dim <= last || dim >= rank)
      return emitOpError("[WF1015] expected sorted, distinct dims below the rank, got ") << getDims();
    last = dim;
  }
  return success();
}

LogicalResult ReverseOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  ReverseOpAdaptor adaptor(operands, attributes, properties, regions);
  types.push_back(adaptor.getX().getType());
  return success();
}

OpFoldResult ReverseOp::fold(FoldAdaptor adaptor) {
  auto inner = getX().getDefiningOp<ReverseOp>();
  Shape shape = shapeOf(getX());
  // Twice is not at all, and one element has no order.
  SmallVector<int64_t> dims;
  for (int64_t i = 0; i < int64_t(shape.size()); ++i) {
    bool turned = llvm::is_contained(getDims(), i) != (inner && llvm::is_contained(inner.getDims(), i));
    if (turned && shape[i] != SizeExpr(1))
      dims.push_back(i);
  }
  Value x = inner ? inner.getX() : getX();
  if (dims.empty())
    return x;
  if (!inner && ArrayRef(dims) == getDims())
    return {};
  setOperand(x);
  setDims(dims);
  return getResult();
}

Value ReverseOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  return builder.create<ReverseOp>(cotangent, getDims());
}

bool ReverseOp::isLinearIn(unsigned operand) { return true; }
bool ReverseOp::isJointlyLinear() { return true; }

FusionKind ReverseOp::getFusionKind() { return FusionKind::View; }

LogicalResult ReverseOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                               SmallVectorImpl<Value> &results) {
  SmallVector<int64_t> dims = llvm::map_to_vector(getDims(), [](int64_t dim) { return dim + 1; });
  results.push_back(ReverseOp::create(batcher.builder, getLoc(), operands[0], dims));
  return success();
}

LogicalResult ReverseOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Shape shape = shapeOf(getX());
  AffineMap map = context.identity(getX().getType());
  SmallVector<AffineExpr> reads(map.getResults());
  SmallVector<int64_t> named;
  for (int64_t dim : getDims())
    if (auto size = shape[dim].constant())
      reads[dim] = *size - 1 - reads[dim];
    else
      named.push_back(dim);
  if (named.empty()) {
    map = AffineMap::get(reads.size(), 0, reads, getContext());
    results.push_back(context.map(getResult().getType(), operands, map, copyScalar));
    return success();
  }
  // No affine map without symbols turns a named size around: the elements are read by computed indices.
  SmallVector<Value> last(shape.size());
  for (int64_t dim : getDims())
    last[dim] = context.size(shape[dim] - SizeExpr(1));
  results.push_back(context.fill(getResult().getType(), [&](OpBuilder &b, Location loc) -> Value {
    SmallVector<Value> indices;
    for (size_t i = 0; i < shape.size(); ++i) {
      indices.push_back(linalg::IndexOp::create(b, loc, i));
      if (last[i])
        indices.back() = arith::SubIOp::create(b, loc, last[i], indices.back());
    }
    return tensor::ExtractOp::create(b, loc, operands[0], indices);
  }));
  return success();
}

LogicalResult ReverseOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results) {
  auto strides = operands[0].strides();
  int64_t first = 0;
  for (int64_t dim : getDims()) {
    first += (operands[0].getShape()[dim] - 1) * strides[dim];
    strides[dim] = -strides[dim];
  }
  results.push_back(operands[0].strided(operands[0].getShape(), first, strides));
  return success();
}

//===-- slice -----------------------------------------------------------------------------------------------===//

LogicalResult SliceOp::verify() {
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  if (getElementTypeOrSelf(getX()) != getElementTypeOrSelf(getResult()))
    return emitOpError("[WF1021] cannot change the element type");
  if (getStarts().size() != from.size() || getStrides().size() != from.size() || to.size() != from.size())
    return emitOpError("[WF1015] expected one start, one stride and one result dimension per operand dimension");
  for (auto [i, start, stride] : llvm::enumerate(getStarts(), getStrides())) {
    if (start < 0 || stride <= 0)
      return emitOpError("[WF1015] expected starts of 0 or more and strides of 1 or more");
    // The last index read is start + (size - 1) * stride; what is left of the operand must be 0 or more.
    SizeExpr left = from[i] - SizeExpr(1 + start) - (to[i] - SizeExpr(1)) * SizeExpr(stride);
    auto size = to[i].constant(), rest = left.constant();
    if ((size && *size == 0) || (rest && *rest >= 0))
      continue;
    if (rest)
      return emitOpError("[WF1016] dimension ")
             << i << ": reads past the end (operand size " << from[i].str() << ", start " << start << ", stride "
             << stride << ", result size " << to[i].str() << ")";
    // A size with a floordiv, or one bound by an assumption, is checked at entry (weft.assume).
  }
  return success();
}

std::optional<Row> weft::rowOf(Value value) {
  if (auto reshape = value.getDefiningOp<ReshapeOp>()) {
    Shape from = shapeOf(reshape.getX());
    if (from.empty() || !llvm::equal(ArrayRef(from).drop_front(), shapeOf(value)))
      return std::nullopt;
    value = reshape.getX();
  }
  auto slice = value.getDefiningOp<SliceOp>();
  if (!slice)
    return std::nullopt;
  Shape from = shapeOf(slice.getX()), to = shapeOf(slice);
  if (to.empty() || to[0] != SizeExpr(1) || !llvm::equal(ArrayRef(from).drop_front(), ArrayRef(to).drop_front()) ||
      !llvm::all_of(slice.getStrides().drop_front(), [](int64_t stride) { return stride == 1; }))
    return std::nullopt;
  return Row{slice.getX(), slice.getStarts()[0]};
}

Value weft::takeRows(OpBuilder &builder, Location loc, Row first, int64_t count) {
  Shape shape = shapeOf(first.array);
  if (shape[0] == SizeExpr(count))
    return first.array;
  SmallVector<int64_t> starts(shape.size(), 0), strides(shape.size(), 1);
  starts[0] = first.index;
  shape[0] = SizeExpr(count);
  return SliceOp::create(builder, loc, typeOf(shape, getElementTypeOrSelf(first.array)), first.array, starts, strides);
}

Value weft::takeRow(OpBuilder &builder, Location loc, Row row, RankedTensorType type) {
  Shape shape = shapeOf(row.array);
  SmallVector<int64_t> starts(shape.size(), 0), strides(shape.size(), 1);
  starts[0] = row.index;
  shape[0] = SizeExpr(1);
  Value slice = SliceOp::create(builder, loc, typeOf(shape, type.getElementType()), row.array, starts, strides);
  return slice.getType() == type ? slice : ReshapeOp::create(builder, loc, type, slice).getResult();
}

RankedTensorType weft::stackedType(Type type, int64_t count) {
  Shape shape = shapeOf(type);
  shape.insert(shape.begin(), SizeExpr(count));
  return typeOf(shape, getElementTypeOrSelf(type));
}

/// The operand of a concat that a slice reads, and where it starts there: the slice must lie in it wholly.
static Value partOfConcat(SliceOp op, ConcatOp concat, int64_t &start) {
  int64_t dim = concat.getDim();
  auto size = shapeOf(op.getResult())[dim].constant();
  if (!size || !*size)
    return {};
  start = op.getStarts()[dim];
  int64_t last = start + (*size - 1) * op.getStrides()[dim];
  for (Value x : concat.getXs()) {
    auto extent = shapeOf(x)[dim].constant();
    if (!extent)
      return {};
    if (start < *extent)
      return last < *extent ? x : Value();
    start -= *extent;
    last -= *extent;
  }
  return {};
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  auto all = [](ArrayRef<int64_t> values, int64_t value) {
    return llvm::all_of(values, [&](int64_t v) { return v == value; });
  };
  if (getX().getType() == getType() && all(getStarts(), 0) && all(getStrides(), 1))
    return getX();
  if (auto inner = getX().getDefiningOp<SliceOp>()) {
    SmallVector<int64_t> starts, strides;
    for (auto [start, stride, innerStart, innerStride] :
         llvm::zip(getStarts(), getStrides(), inner.getStarts(), inner.getStrides())) {
      starts.push_back(innerStart + start * innerStride);
      strides.push_back(stride * innerStride);
    }
    setStarts(starts);
    setStrides(strides);
    setOperand(inner.getX());
    return getResult();
  }
  // What was padded, out again.
  if (auto pad = getX().getDefiningOp<PadOp>()) {
    bool undone = pad.getX().getType() == getType() && pad.getLow() == getStarts();
    for (auto [stride, interior] : llvm::zip(getStrides(), pad.getInterior()))
      undone &= stride == interior + 1;
    return undone ? OpFoldResult(pad.getX()) : OpFoldResult();
  }
  if (auto concat = getX().getDefiningOp<ConcatOp>()) {
    int64_t start = 0;
    if (Value x = partOfConcat(*this, concat, start)) {
      SmallVector<int64_t> starts(getStarts());
      starts[concat.getDim()] = start;
      setStarts(starts);
      setOperand(x);
      return getResult();
    }
  }
  return {};
}

Value SliceOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  // The elements go back to where they were read; zeros stand before, between and after. No pad is by a named number of
  // zeros: there the part is written into zeros.
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  SmallVector<int64_t> low, high, interior, named, places;
  for (auto [i, start, stride] : llvm::enumerate(getStarts(), getStrides())) {
    if (to[i] == SizeExpr(0))
      return builder.zeros(getX().getType());
    SizeExpr rest = from[i] - SizeExpr(1 + start) - (to[i] - SizeExpr(1)) * SizeExpr(stride);
    bool isNamed = !rest.constant();
    if (isNamed) {
      named.push_back(i);
      places.push_back(start);
    }
    low.push_back(isNamed ? 0 : start);
    high.push_back(rest.constant().value_or(0));
    interior.push_back(stride - 1);
  }
  Value zero = builder.zeros(RankedTensorType::get({}, getElementTypeOrSelf(cotangent)));
  Value padded = builder.pad(cotangent, zero, low, high, interior);
  if (named.empty())
    return padded;
  auto type = RankedTensorType::get({int64_t(named.size())}, builder.builder.getI64Type());
  Value at = builder.create<ConstantOp>(DenseElementsAttr::get(type, ArrayRef(places)));
  return builder.scatter(builder.zeros(getX().getType()), at, padded, ScatterKind::Add, /*batch=*/0, named, /*at=*/0,
                         Bounds::Clamp);
}

bool SliceOp::isLinearIn(unsigned operand) { return true; }
bool SliceOp::isJointlyLinear() { return true; }

FusionKind SliceOp::getFusionKind() { return FusionKind::View; }

LogicalResult SliceOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                             SmallVectorImpl<Value> &results) {
  results.push_back(SliceOp::create(batcher.builder, getLoc(), batcher.batchedType(getType()), operands[0],
                                    withBatch(getStarts(), 0), withBatch(getStrides(), 1)));
  return success();
}

LogicalResult SliceOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  SmallVector<AffineExpr> reads;
  for (auto [i, start, stride] : llvm::enumerate(getStarts(), getStrides()))
    reads.push_back(partOfDim(getAffineDimExpr(i, getContext()), start, stride, to[i], from[i]));
  AffineMap map = AffineMap::get(reads.size(), 0, reads, getContext());
  results.push_back(context.map(getResult().getType(), operands, map, copyScalar));
  return success();
}

LogicalResult SliceOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto shape = resultShape(*this, interpreter);
  if (failed(shape))
    return failure();
  auto strides = operands[0].strides();
  int64_t first = 0;
  for (auto [i, start, stride] : llvm::enumerate(getStarts(), getStrides())) {
    // The verifier leaves named sizes open.
    if ((*shape)[i] && start + ((*shape)[i] - 1) * stride >= operands[0].getShape()[i])
      return emitOpError("[WF1016] dimension ")
             << i << ": reads past the end (operand size " << operands[0].getShape()[i] << ", start " << start
             << ", stride " << stride << ", result size " << (*shape)[i] << ")";
    first += start * strides[i];
    strides[i] *= stride;
  }
  results.push_back(operands[0].strided(*shape, first, strides));
  return success();
}
