// Decides the rules of losses: verify | infer | decompose | derivative | batch.
#include "CompositeRules.h"
#include "weft/Dialect/Weft/Network.h"

using namespace mlir;
using namespace weft;

//===-- cross_entropy --------------------------------------------------------------------------------------------===//

static bool areProbabilities(Value labels) { return isa<FloatType>(getElementTypeOrSelf(labels)); }

LogicalResult CrossEntropyOp::verify() {
  Shape shape = shapeOf(getLogits());
  if (shape.empty())
    return emitOpError("[WF1011] expected logits with a dimension of classes, got ") << getLogits().getType();
  if (!areProbabilities(getLabels()))
    shape.pop_back();
  if (shapeOf(getLabels()) != shape)
    return emitOpError("[WF1012] expected labels of type ")
           << typeOf(shape, getElementTypeOrSelf(getLabels())) << ", got " << getLabels().getType();
  return success();
}

LogicalResult CrossEntropyOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                               DictionaryAttr attributes, OpaqueProperties properties,
                                               RegionRange regions, SmallVectorImpl<Type> &types) {
  Shape shape = shapeOf(operands[0]);
  if (shape.empty())
    return emitOptionalError(loc, "[WF1011] cross_entropy: expected logits with a dimension of classes");
  shape.pop_back();
  types.push_back(typeOf(shape, getElementTypeOrSelf(operands[0])));
  return success();
}

namespace {

/// What the loss and its derivative are made of, over the last dimension of the logits, in wide elements.
struct Classes {
  Classes(GraphBuilder &b, Value logits, Value labels) : b(b), labels(labels) {
    Value x = wide(b, logits);
    dims = {cast<RankedTensorType>(x.getType()).getRank() - 1};
    Value most = b.create<StopGradientOp>(b.reduce(x, ReduceKind::Max, dims));
    shifted = b.sub(x, back(b, most, x, dims));
    power = b.exp(shifted);
    sum = b.reduce(power, ReduceKind::Add, dims);
  }

  Value folded(Value x) { return b.reduce(x, ReduceKind::Add, dims); }
  Value repeated(Value x) { return back(b, x, shifted, dims); }
  Value logarithms() { return b.sub(shifted, repeated(b.log(sum))); }

  /// Integer labels: which class each is. There may be more classes than a narrow label can count.
  Value isLabel() {
    Type element = getElementTypeOrSelf(labels);
    if (element.getIntOrFloatBitWidth() < 32)
      element = IntegerType::get(b.context(), 32);
    auto type = cast<RankedTensorType>(withElement(shifted.getType(), element));
    Value number = b.create<IotaOp>(type, dims[0]);
    return b.eq(b.broadcast(b.convert(labels, element), type, keptDims(shifted, dims)), number);
  }
  /// x where the label is a class, else 0.
  Value whereKnown(Value x) {
    Type wideInt = IntegerType::get(b.context(), 64);
    Value label = b.convert(labels, wideInt);
    Value below = b.lt(label, sizeLike(b, label, shapeOf(shifted).back()));
    Value notNegative = b.create<GeOp>(label, b.c(label, 0));
    return b.select(b.create<AndOp>(notNegative, below), x, b.zeros(x.getType()));
  }
  /// The sum of x over the classes that are the label: one or none.
  Value atLabel(Value x) { return folded(b.select(isLabel(), x, b.zeros(x.getType()))); }

  GraphBuilder &b;
  Value labels, shifted, power, sum;
  SmallVector<int64_t, 1> dims;
};

} // namespace

/// log(sum(exp(x - m))) - (x[label] - m): of two differences, each exact where it is large.
Value CrossEntropyOp::decompose(GraphBuilder &b, ValueRange operands) {
  Classes c(b, operands[0], operands[1]);
  Value loss;
  if (areProbabilities(getLabels())) {
    Value labels = b.convert(operands[1], getElementTypeOrSelf(c.shifted));
    loss = b.neg(c.folded(b.mul(labels, c.logarithms())));
  } else {
    loss = c.whereKnown(b.sub(b.log(c.sum), c.atLabel(c.shifted)));
  }
  return b.convert(loss, getElementTypeOrSelf(getLogits()));
}

/// sum(p t) - t[label], where p = softmax(x); of probabilities y, sum(y) sum(p t) - sum(y t) - sum(y' log p). Of x, its
/// greatest element and the sum of exponentials are kept.
Value CrossEntropyOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  Classes c(b, primals[0], primals[1]);
  Type element = getElementTypeOrSelf(c.shifted);
  Value tangent;
  if (tangents[0]) {
    Value t = b.convert(tangents[0], element), even = c.folded(b.mul(b.div(c.power, c.repeated(c.sum)), t));
    if (areProbabilities(getLabels())) {
      Value labels = b.convert(primals[1], element);
      tangent = b.sub(b.mul(c.folded(labels), even), c.folded(b.mul(labels, t)));
    } else {
      tangent = c.whereKnown(b.sub(even, c.atLabel(t)));
    }
  }
  if (tangents[1]) {
    Value own = b.neg(c.folded(b.mul(b.convert(tangents[1], element), c.logarithms())));
    tangent = tangent ? b.add(tangent, own) : own;
  }
  return b.convert(tangent, getElementTypeOrSelf(result));
}

LogicalResult CrossEntropyOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                    SmallVectorImpl<Value> &results) {
  if (llvm::is_contained(batched, false))
    return batchDecomposed(*this, batcher, operands, batched, results);
  results.push_back(CrossEntropyOp::create(batcher.builder, getLoc(), operands[0], operands[1]));
  return success();
}
