// Decides the rules of softmax, and what all composites share; per op: verify | infer | decompose | raise | derivative
// | batch.
#include "CompositeRules.h"
#include "mlir/IR/PatternMatch.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Composite.cpp.inc"

std::unique_ptr<Block> weft::decompositionOf(Operation *op) {
  auto block = std::make_unique<Block>();
  for (Value operand : op->getOperands())
    block->addArgument(operand.getType(), operand.getLoc());
  OpBuilder builder(op->getContext());
  builder.setInsertionPointToEnd(block.get());
  GraphBuilder graph(builder, op->getLoc());
  Value result = cast<DecomposeOpInterface>(op).decompose(graph, block->getArguments());
  YieldOp::create(builder, op->getLoc(), result);
  return block;
}

//===-- what composites share ------------------------------------------------------------------------------------===//

LogicalResult weft::verifyDims(Operation *op, Value x, ArrayRef<int64_t> dims) {
  int64_t rank = cast<RankedTensorType>(x.getType()).getRank(), last = -1;
  for (int64_t dim : dims) {
    if (dim <= last || dim >= rank)
      return op->emitOpError("[WF1015] expected sorted, distinct dims below the rank ") << rank << ", got " << dims;
    last = dim;
  }
  return success();
}

SmallVector<int64_t> weft::keptDims(Value x, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> kept;
  for (int64_t i = 0, rank = cast<RankedTensorType>(x.getType()).getRank(); i < rank; ++i)
    if (!llvm::is_contained(dims, i))
      kept.push_back(i);
  return kept;
}

Value weft::back(GraphBuilder &b, Value folded, Value x, ArrayRef<int64_t> dims) {
  return b.broadcast(folded, x.getType(), keptDims(x, dims));
}

Value weft::foldedBack(GraphBuilder &b, Value x, ReduceKind kind, ArrayRef<int64_t> dims,
                       llvm::function_ref<Value(Value)> f) {
  Value folded = b.reduce(x, kind, dims);
  return back(b, f ? f(folded) : folded, x, dims);
}

Value weft::greatest(GraphBuilder &b, Value x, ArrayRef<int64_t> dims) {
  Value most = b.create<StopGradientOp>(b.reduce(x, ReduceKind::Max, dims));
  Value isFinite = b.create<IsFiniteOp>(most);
  return b.select(isFinite, most, b.c(most, 0));
}

Value weft::sizeLike(GraphBuilder &b, Value like, const SizeExpr &size) {
  if (auto number = size.constant())
    return b.c(like, double(*number));
  Value value = b.create<DimSizeOp>(SizeAttr::get(b.context(), size));
  return b.broadcast(b.convert(value, getElementTypeOrSelf(like)), like.getType(), {});
}

bool weft::isShort(Value x) { return accumulatorType(getElementTypeOrSelf(x)) != getElementTypeOrSelf(x); }

Value weft::wide(GraphBuilder &b, Value x) { return b.convert(x, accumulatorType(getElementTypeOrSelf(x))); }

Repeated::Repeated(Value value) {
  auto broadcast = value.getDefiningOp<BroadcastOp>();
  if (!broadcast)
    return;
  folded = broadcast.getX();
  places.assign(broadcast.getDims().begin(), broadcast.getDims().end());
  intoUnits();
}

void Repeated::intoUnits() {
  auto reshape = folded.getDefiningOp<ReshapeOp>();
  auto units = reshape ? addedUnits(reshape) : std::nullopt;
  if (!units)
    return;
  for (int64_t &dim : *units)
    dim = places[dim];
  places = *units;
  folded = reshape.getX();
}

LogicalResult weft::batchDecomposed(Operation *op, Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                    SmallVectorImpl<Value> &results) {
  SmallVector<bool> made;
  return batcher.batchBlock(*decompositionOf(op), operands, batched, results, made);
}

//===-- softmax --------------------------------------------------------------------------------------------------===//

LogicalResult SoftmaxOp::verify() { return verifyDims(*this, getX(), getDims()); }

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

Value SoftmaxOp::decompose(GraphBuilder &b, ValueRange operands) {
  Type element = getElementTypeOrSelf(getX());
  Value x = wide(b, operands[0]);
  Value shifted = b.sub(x, foldedBack(b, x, ReduceKind::Max, getDims())), power = b.exp(shifted);
  Value result =
      getLog() ? b.sub(shifted, foldedBack(b, power, ReduceKind::Add, getDims(), [&](Value sum) { return b.log(sum); }))
               : b.div(power, foldedBack(b, power, ReduceKind::Add, getDims()));
  return b.convert(result, element);
}

namespace {

/// The reduction whose result a value repeats to the shape of what was reduced (with or without sizes of 1 between),
/// perhaps by way of one op more (`by`).
template <class By = void> ReduceOp repeatedFold(Value value, ReduceKind kind) {
  Repeated repeated(value);
  if constexpr (!std::is_void_v<By>) {
    auto by = repeated.folded ? repeated.folded.getDefiningOp<By>() : By();
    if (!by)
      return {};
    repeated.folded = by->getOperand(0);
    repeated.intoUnits();
  }
  auto reduce = repeated.folded ? repeated.folded.getDefiningOp<ReduceOp>() : ReduceOp();
  if (!reduce || reduce.getKind() != kind || shapeOf(reduce.getX()) != shapeOf(value) ||
      repeated.places != keptDims(reduce.getX(), reduce.getDims()))
    return {};
  return reduce;
}

/// x of `x - max(x)`, if the greatest is that over `dims`; its gradient may have been stopped.
Value shiftedByGreatest(Value shifted, ArrayRef<int64_t> dims) {
  auto sub = shifted.getDefiningOp<SubOp>();
  if (!sub)
    return {};
  ReduceOp greatest = repeatedFold(sub.getY(), ReduceKind::Max);
  if (!greatest)
    greatest = repeatedFold<StopGradientOp>(sub.getY(), ReduceKind::Max);
  return greatest && greatest.getX() == sub.getX() && greatest.getDims() == dims ? sub.getX() : Value();
}

/// exp(x - max(x)) / sum(exp(x - max(x)))
struct RaiseSoftmax : OpRewritePattern<DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DivOp op, PatternRewriter &rewriter) const override {
    ReduceOp sum = repeatedFold(op.getY(), ReduceKind::Add);
    auto power = op.getX().getDefiningOp<ExpOp>();
    if (!sum || !power || sum.getX() != power.getResult())
      return failure();
    Value x = shiftedByGreatest(power.getX(), sum.getDims());
    if (!x || isShort(x)) // written out, each step of f16 and bf16 rounds
      return failure();
    replaceByComposite<SoftmaxOp>(rewriter, op, {power.getX().getDefiningOp(), power, sum}, x, sum.getDims(), false);
    return success();
  }
};

/// (x - max(x)) - log(sum(exp(x - max(x))))
struct RaiseLogSoftmax : OpRewritePattern<SubOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SubOp op, PatternRewriter &rewriter) const override {
    ReduceOp sum = repeatedFold<LogOp>(op.getY(), ReduceKind::Add);
    auto power = sum ? sum.getX().getDefiningOp<ExpOp>() : ExpOp();
    if (!power || power.getX() != op.getX())
      return failure();
    Value x = shiftedByGreatest(op.getX(), sum.getDims());
    if (!x || isShort(x)) // written out, each step of f16 and bf16 rounds
      return failure();
    replaceByComposite<SoftmaxOp>(rewriter, op, {power.getX().getDefiningOp(), power, sum}, x, sum.getDims(), true);
    return success();
  }
};

} // namespace

/// y (t - sum(y t)); of the logarithm, t - sum(exp(y) t).
Value SoftmaxOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  Value t = tangents[0], y = getLog() ? b.exp(result) : result;
  Value rest = b.sub(t, foldedBack(b, b.mul(y, t), ReduceKind::Add, getDims()));
  return getLog() ? rest : b.mul(y, rest);
}

LogicalResult SoftmaxOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                               SmallVectorImpl<Value> &results) {
  results.push_back(SoftmaxOp::create(batcher.builder, getLoc(), operands[0], batchedDims(getDims()), getLog()));
  return success();
}

void weft::populateRaisePatterns(RewritePatternSet &patterns) {
  patterns.add<RaiseSoftmax, RaiseLogSoftmax>(patterns.getContext());
  populateNetworkRaisePatterns(patterns);
}
