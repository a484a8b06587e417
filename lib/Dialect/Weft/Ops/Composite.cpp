// Decides the rules of composites; per op: verify | infer | decompose | raise | derivative | batch.
#include "mlir/IR/PatternMatch.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
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

//===-- softmax --------------------------------------------------------------------------------------------------===//

LogicalResult SoftmaxOp::verify() {
  int64_t rank = cast<RankedTensorType>(getX().getType()).getRank(), last = -1;
  for (int64_t dim : getDims()) {
    if (dim <= last || dim >= rank)
      return emitOpError("[WF1015] expected sorted, distinct dims below the rank ") << rank << ", got " << getDims();
    last = dim;
  }
  return success();
}

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

/// The dimensions of x that stay when `dims` are folded, ascending.
static SmallVector<int64_t> keptDims(Value x, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> kept;
  for (int64_t i = 0, rank = cast<RankedTensorType>(x.getType()).getRank(); i < rank; ++i)
    if (!llvm::is_contained(dims, i))
      kept.push_back(i);
  return kept;
}

/// x folded over `dims`, repeated to the shape of x after `f`.
static Value foldedBack(GraphBuilder &b, Value x, ReduceKind kind, ArrayRef<int64_t> dims,
                        llvm::function_ref<Value(Value)> f = nullptr) {
  Value folded = b.reduce(x, kind, dims);
  return b.broadcast(f ? f(folded) : folded, x.getType(), keptDims(x, dims));
}

Value SoftmaxOp::decompose(GraphBuilder &b, ValueRange operands) {
  Type element = getElementTypeOrSelf(getX());
  Value x = b.convert(operands[0], accumulatorType(element));
  Value shifted = b.sub(x, foldedBack(b, x, ReduceKind::Max, getDims())), power = b.exp(shifted);
  Value result = getLog() ? b.sub(shifted, foldedBack(b, power, ReduceKind::Add, getDims(),
                                                      [&](Value sum) { return b.log(sum); }))
                          : b.div(power, foldedBack(b, power, ReduceKind::Add, getDims()));
  return b.convert(result, element);
}

namespace {

/// The reduction whose result a value repeats to the shape of what was reduced (with or without sizes of 1 between),
/// perhaps by way of one op more (`by`).
template <class By = void> ReduceOp repeatedFold(Value value, ReduceKind kind) {
  auto broadcast = value.getDefiningOp<BroadcastOp>();
  if (!broadcast)
    return {};
  Value folded = broadcast.getX();
  SmallVector<int64_t> places(broadcast.getDims());
  auto intoUnits = [&] {
    if (auto reshape = folded.getDefiningOp<ReshapeOp>())
      if (auto units = addedUnits(reshape)) {
        for (int64_t &dim : *units)
          dim = places[dim];
        places = *units;
        folded = reshape.getX();
      }
  };
  intoUnits();
  if constexpr (!std::is_void_v<By>) {
    auto by = folded.getDefiningOp<By>();
    if (!by)
      return {};
    folded = by->getOperand(0);
    intoUnits();
  }
  auto reduce = folded.getDefiningOp<ReduceOp>();
  if (!reduce || reduce.getKind() != kind || shapeOf(reduce.getX()) != shapeOf(value) ||
      places != keptDims(reduce.getX(), reduce.getDims()))
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

/// f16 and bf16 are left: written out, each of their steps rounds.
bool roundsOnce(Value x) { return accumulatorType(getElementTypeOrSelf(x)) == getElementTypeOrSelf(x); }

/// Puts a softmax in the place of its last op, with the places of all that it stands for.
void replace(PatternRewriter &rewriter, Operation *last, ArrayRef<Operation *> others, Value x, ArrayRef<int64_t> dims,
             bool log) {
  SmallVector<Location> places;
  for (Operation *op : others)
    places.push_back(op->getLoc());
  places.push_back(last->getLoc());
  Location loc = mergeLocations(last->getContext(), places);
  rewriter.replaceOp(last, SoftmaxOp::create(rewriter, loc, x, dims, log).getResult());
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
    if (!x || !roundsOnce(x))
      return failure();
    replace(rewriter, op, {power.getX().getDefiningOp(), power, sum}, x, sum.getDims(), false);
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
    if (!x || !roundsOnce(x))
      return failure();
    replace(rewriter, op, {power.getX().getDefiningOp(), power, sum}, x, sum.getDims(), true);
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
  auto dims = llvm::map_to_vector(getDims(), [](int64_t dim) { return dim + 1; });
  results.push_back(SoftmaxOp::create(batcher.builder, getLoc(), operands[0], dims, getLog()));
  return success();
}

void weft::populateRaisePatterns(RewritePatternSet &patterns) {
  patterns.add<RaiseSoftmax, RaiseLogSoftmax>(patterns.getContext());
}
