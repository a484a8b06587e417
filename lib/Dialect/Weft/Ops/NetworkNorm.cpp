// Decides the rules of normalisations; per op: verify | infer | decompose | derivative | batch. One rule raises two.
#include "CompositeRules.h"
#include "weft/Dialect/Weft/Network.h"

using namespace mlir;
using namespace weft;

/// The mean over `dims`, which are the operand's; the mean of nothing is NaN.
static Value mean(GraphBuilder &b, Value x, ArrayRef<int64_t> dims) {
  SizeExpr count(1);
  Shape shape = shapeOf(x);
  for (int64_t dim : dims)
    count = count * shape[dim];
  Value sum = b.reduce(x, ReduceKind::Add, dims);
  return b.div(sum, sizeLike(b, sum, count));
}

namespace {
struct Normalized {
  Value result, scale; // scale: one number per row
};
} // namespace

/// (x - mean(x)) / sqrt(variance(x) + eps), or without the mean; of wide elements.
static Normalized normalized(GraphBuilder &b, Value x, ArrayRef<int64_t> dims, const APFloat &eps, bool isCentred) {
  if (isCentred)
    x = b.sub(x, back(b, mean(b, x, dims), x, dims));
  Value square = mean(b, b.mul(x, x), dims);
  Value scale = b.rsqrt(b.add(square, b.c(square, eps.convertToDouble())));
  return {b.mul(x, back(b, scale, x, dims)), scale};
}

template <class OpT> static Value decomposeNorm(OpT op, GraphBuilder &b, Value x, bool isCentred) {
  Value result = normalized(b, wide(b, x), op.getDims(), op.getEps(), isCentred).result;
  return b.convert(result, getElementTypeOrSelf(x));
}

/// u - mean(u) - y mean(y u), where u = s t and y = (x - mean(x)) s; without the mean, u - y mean(y u). The two means
/// do not wait for each other, and those of the transpose are of the cotangent, without s; of x, its mean and s are
/// kept.
template <class OpT> static Value normJvp(OpT op, GraphBuilder &b, Value x, Value tangent, bool isCentred) {
  ArrayRef<int64_t> dims = op.getDims();
  auto [y, scale] = normalized(b, wide(b, x), dims, op.getEps(), isCentred);
  Value u = b.mul(back(b, scale, y, dims), wide(b, tangent));
  Value result = b.add(u, b.mul(y, back(b, b.neg(mean(b, b.mul(y, u), dims)), y, dims)));
  if (isCentred)
    result = b.add(result, back(b, b.neg(mean(b, u, dims)), y, dims));
  return b.convert(result, getElementTypeOrSelf(x));
}

//===-- written out ----------------------------------------------------------------------------------------------===//

/// Whether a value is this number everywhere, as a constant or as a size.
static bool isNumber(Value value, const SizeExpr &number) {
  if (auto splat = uniformOf(value)) {
    auto constant = number.constant();
    return constant && splat.getSplatValue<APFloat>().convertToDouble() == double(*constant);
  }
  if (auto broadcast = value.getDefiningOp<BroadcastOp>())
    value = broadcast.getX();
  auto convert = value.getDefiningOp<ConvertOp>();
  auto size = convert ? convert.getX().getDefiningOp<DimSizeOp>() : DimSizeOp();
  return size && size.getSize().getSize() == number;
}

/// The sum that `mean` divides, where what is repeated to a shape is the mean of something of that shape.
static ReduceOp meanOf(Repeated repeated, const Shape &shape) {
  auto div = repeated.folded ? repeated.folded.getDefiningOp<DivOp>() : DivOp();
  if (!div)
    return {};
  repeated.folded = div.getX();
  repeated.intoUnits();
  auto sum = repeated.folded.getDefiningOp<ReduceOp>();
  if (!sum || sum.getKind() != ReduceKind::Add || shapeOf(sum.getX()) != shape ||
      repeated.places != keptDims(sum.getX(), sum.getDims()))
    return {};
  SizeExpr count(1);
  for (int64_t dim : sum.getDims())
    count = count * shape[dim];
  return isNumber(div.getY(), count) ? sum : ReduceOp();
}

namespace {

/// x rsqrt(mean(x x) + eps) is rms_norm of x; where x is y - mean(y), layer_norm of y.
struct RaiseNorm : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    for (auto [x, scale] : {std::pair(op.getX(), op.getY()), std::pair(op.getY(), op.getX())}) {
      Repeated repeated(scale);
      auto rsqrt = repeated.folded ? repeated.folded.getDefiningOp<RsqrtOp>() : RsqrtOp();
      auto plus = rsqrt ? rsqrt.getX().getDefiningOp<AddOp>() : AddOp();
      auto eps = plus ? uniformOf(plus.getY()) : DenseElementsAttr();
      if (!eps || isShort(x))
        continue;
      repeated.folded = plus.getX();
      ReduceOp sum = meanOf(repeated, shapeOf(x));
      auto square = sum ? sum.getX().getDefiningOp<MulOp>() : MulOp();
      if (!square || square.getX() != x || square.getY() != x)
        continue;
      double number = eps.getSplatValue<APFloat>().convertToDouble();
      auto centred = x.getDefiningOp<SubOp>();
      ReduceOp mean = centred ? meanOf(Repeated(centred.getY()), shapeOf(x)) : ReduceOp();
      if (mean && mean.getX() == centred.getX() && mean.getDims() == sum.getDims())
        replaceByComposite<LayerNormOp>(rewriter, op, {mean, centred, square, sum, plus, rsqrt}, centred.getX(),
                                        sum.getDims(), APFloat(number));
      else
        replaceByComposite<RmsNormOp>(rewriter, op, {square, sum, plus, rsqrt}, x, sum.getDims(), APFloat(number));
      return success();
    }
    return failure();
  }
};

} // namespace

void weft::populateNormRaisePatterns(RewritePatternSet &patterns) { patterns.add<RaiseNorm>(patterns.getContext()); }

//===-- layer_norm -----------------------------------------------------------------------------------------------===//

LogicalResult LayerNormOp::verify() { return verifyDims(*this, getX(), getDims()); }

LogicalResult LayerNormOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                            DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

Value LayerNormOp::decompose(GraphBuilder &b, ValueRange operands) {
  return decomposeNorm(*this, b, operands[0], /*isCentred=*/true);
}

Value LayerNormOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  return normJvp(*this, b, primals[0], tangents[0], /*isCentred=*/true);
}

LogicalResult LayerNormOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                 SmallVectorImpl<Value> &results) {
  results.push_back(LayerNormOp::create(batcher.builder, getLoc(), operands[0], batchedDims(getDims()), getEps()));
  return success();
}

//===-- rms_norm -------------------------------------------------------------------------------------------------===//

LogicalResult RmsNormOp::verify() { return verifyDims(*this, getX(), getDims()); }

LogicalResult RmsNormOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

Value RmsNormOp::decompose(GraphBuilder &b, ValueRange operands) {
  return decomposeNorm(*this, b, operands[0], /*isCentred=*/false);
}

Value RmsNormOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  return normJvp(*this, b, primals[0], tangents[0], /*isCentred=*/false);
}

LogicalResult RmsNormOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                               SmallVectorImpl<Value> &results) {
  results.push_back(RmsNormOp::create(batcher.builder, getLoc(), operands[0], batchedDims(getDims()), getEps()));
  return success();
}

//===-- batch_norm -----------------------------------------------------------------------------------------------===//

LogicalResult BatchNormOp::verify() {
  if (failed(verifyDims(*this, getX(), getDims())))
    return failure();
  Shape all = shapeOf(getX()), shape;
  for (int64_t dim : keptDims(getX(), getDims()))
    shape.push_back(all[dim]);
  for (Value statistic : {getMean(), getVariance()})
    if (shapeOf(statistic) != shape)
      return emitOpError("[WF1012] expected statistics of type ")
             << typeOf(shape, getElementTypeOrSelf(statistic)) << ", got " << statistic.getType();
  return success();
}

LogicalResult BatchNormOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                            DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

/// 1 / sqrt(variance + eps) and x - mean, in the elements that x is computed in.
static std::pair<Value, Value> scaleAndCentred(BatchNormOp op, GraphBuilder &b, ValueRange operands) {
  Value x = wide(b, operands[0]);
  auto like = [&](Value statistic) { return b.convert(statistic, getElementTypeOrSelf(x)); };
  Value variance = like(operands[2]);
  Value scale = b.rsqrt(b.add(variance, b.c(variance, op.getEps().convertToDouble())));
  return {scale, b.sub(x, back(b, like(operands[1]), x, op.getDims()))};
}

Value BatchNormOp::decompose(GraphBuilder &b, ValueRange operands) {
  auto [scale, centred] = scaleAndCentred(*this, b, operands);
  return b.convert(b.mul(centred, back(b, scale, centred, getDims())), getElementTypeOrSelf(getX()));
}

/// s (t - mean') - y s^2 variance' / 2, where s = 1 / sqrt(variance + eps) and y = (x - mean) s.
Value BatchNormOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  auto [scale, centred] = scaleAndCentred(*this, b, primals);
  Type element = getElementTypeOrSelf(centred);
  Value all = back(b, scale, centred, getDims()), sum;
  auto accumulate = [&](Value term) { sum = sum ? b.add(sum, term) : term; };
  if (tangents[0])
    accumulate(b.mul(all, b.convert(tangents[0], element)));
  if (tangents[1])
    accumulate(back(b, b.neg(b.mul(scale, b.convert(tangents[1], element))), centred, getDims()));
  if (tangents[2]) {
    Value half = b.mul(b.c(scale, -0.5), b.mul(scale, scale));
    Value factor = b.mul(half, b.convert(tangents[2], element));
    accumulate(b.mul(b.mul(centred, all), back(b, factor, centred, getDims())));
  }
  return b.convert(sum, getElementTypeOrSelf(result));
}

LogicalResult BatchNormOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                 SmallVectorImpl<Value> &results) {
  if (llvm::is_contained(batched, false))
    return batchDecomposed(*this, batcher, operands, batched, results);
  results.push_back(BatchNormOp::create(batcher.builder, getLoc(), operands[0], operands[1], operands[2],
                                        batchedDims(getDims()), getEps()));
  return success();
}
