// Decides the rules of gelu and logsumexp; per op: verify | infer | decompose | raise | derivative | batch.
#include "weft/Dialect/Weft/Network.h"
#include "CompositeRules.h"
#include "weft/Reference/Interpreter.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Network.cpp.inc"

//===-- gelu -----------------------------------------------------------------------------------------------------===//

LogicalResult GeluOp::verify() { return success(); }

LogicalResult GeluOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                       DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                       SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

/// How probable it is that a normal number is below x.
static Value normalBelow(GraphBuilder &b, Value x) {
  Value tail = b.create<ErfcOp>(b.mul(b.c(x, -0.70710678118654752), x));
  return b.mul(b.c(x, 0.5), tail);
}

Value GeluOp::decompose(GraphBuilder &b, ValueRange operands) {
  Value x = wide(b, operands[0]);
  return b.convert(b.mul(x, normalBelow(b, x)), getElementTypeOrSelf(getX()));
}

/// (P(x) + x p(x)) t, where P and p are the distribution and the density of a normal number.
Value GeluOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  Value x = wide(b, primals[0]);
  Value density = b.mul(b.c(x, 0.39894228040143268), b.exp(b.mul(b.c(x, -0.5), b.mul(x, x))));
  Value slope = b.add(normalBelow(b, x), b.mul(x, density));
  return b.convert(b.mul(slope, wide(b, tangents[0])), getElementTypeOrSelf(result));
}

LogicalResult GeluOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                            SmallVectorImpl<Value> &results) {
  results.push_back(GeluOp::create(batcher.builder, getLoc(), operands[0]));
  return success();
}

//===-- logsumexp ------------------------------------------------------------------------------------------------===//

LogicalResult LogsumexpOp::verify() { return verifyDims(*this, getX(), getDims()); }

LogicalResult LogsumexpOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                            DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type> &types) {
  LogsumexpOpAdaptor adaptor(operands, attributes, properties, regions);
  Shape all = shapeOf(operands[0]), shape;
  for (int64_t dim : keptDims(operands[0], adaptor.getDims()))
    shape.push_back(all[dim]);
  types.push_back(typeOf(shape, getElementTypeOrSelf(operands[0])));
  return success();
}

namespace {
/// exp(x - m), its sum and m, the greatest or 0; of wide elements.
struct Exponentials {
  Exponentials(GraphBuilder &b, Value x, ArrayRef<int64_t> dims)
      : most(greatest(b, x, dims)), power(b.exp(b.sub(x, back(b, most, x, dims)))),
        sum(b.reduce(power, ReduceKind::Add, dims)) {}
  Value most, power, sum;
};
} // namespace

Value LogsumexpOp::decompose(GraphBuilder &b, ValueRange operands) {
  Exponentials e(b, wide(b, operands[0]), getDims());
  return b.convert(b.add(b.log(e.sum), e.most), getElementTypeOrSelf(getX()));
}

namespace {

/// log(sum(exp(x - m))) + m, where m is max(x), or 0 where that is not finite.
struct RaiseLogsumexp : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AddOp op, PatternRewriter &rewriter) const override {
    for (auto [logarithm, most] : {std::pair(op.getX(), op.getY()), std::pair(op.getY(), op.getX())}) {
      auto log = logarithm.getDefiningOp<LogOp>();
      auto sum = log ? log.getX().getDefiningOp<ReduceOp>() : ReduceOp();
      auto power = sum && sum.getKind() == ReduceKind::Add ? sum.getX().getDefiningOp<ExpOp>() : ExpOp();
      auto shifted = power ? power.getX().getDefiningOp<SubOp>() : SubOp();
      if (!shifted || isShort(most))
        continue;
      Repeated repeated(shifted.getY());
      if (repeated.folded != most || repeated.places != keptDims(shifted, sum.getDims()) ||
          !isGreatest(most, shifted.getX(), sum.getDims()))
        continue;
      replaceByComposite<LogsumexpOp>(rewriter, op, {shifted, power, sum, log}, shifted.getX(), sum.getDims());
      return success();
    }
    return failure();
  }

  /// Whether a value is what `greatest` makes; its gradient may have been stopped.
  static bool isGreatest(Value value, Value x, ArrayRef<int64_t> dims) {
    auto through = [](Value v) {
      auto stop = v.getDefiningOp<StopGradientOp>();
      return stop ? stop.getX() : v;
    };
    auto choice = through(value).getDefiningOp<SelectOp>();
    auto finite = choice ? choice.getCondition().getDefiningOp<IsFiniteOp>() : IsFiniteOp();
    if (!finite || through(finite.getX()) != through(choice.getX()))
      return false;
    auto zero = uniformOf(choice.getY());
    auto most = through(choice.getX()).getDefiningOp<ReduceOp>();
    return zero && zero.getSplatValue<APFloat>().isPosZero() && most && most.getKind() == ReduceKind::Max &&
           most.getX() == x && most.getDims() == dims;
  }
};

} // namespace

/// sum(p t), where p = softmax(x): not exp(x - r), which would lose digits where the result r is large.
Value LogsumexpOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  Exponentials e(b, wide(b, primals[0]), getDims());
  Value share = b.div(e.power, back(b, e.sum, e.power, getDims()));
  Value sum = b.reduce(b.mul(share, wide(b, tangents[0])), ReduceKind::Add, getDims());
  return b.convert(sum, getElementTypeOrSelf(result));
}

LogicalResult LogsumexpOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                 SmallVectorImpl<Value> &results) {
  results.push_back(LogsumexpOp::create(batcher.builder, getLoc(), operands[0], batchedDims(getDims())));
  return success();
}

void weft::populateNetworkRaisePatterns(RewritePatternSet &patterns) {
  patterns.add<RaiseLogsumexp>(patterns.getContext());
  populateNormRaisePatterns(patterns);
}
