// Decides the rules of attention: verify | infer | decompose | derivative | batch.
#include "CompositeRules.h"
#include "weft/Dialect/Weft/Network.h"
#include <limits>

using namespace mlir;
using namespace weft;

//===-- attention ------------------------------------------------------------------------------------------------===//

/// How many heads each key head serves; nothing if that is no number.
static std::optional<int64_t> groupOf(const SizeExpr &heads, const SizeExpr &keyHeads) {
  if (heads == keyHeads)
    return 1;
  auto n = heads.constant(), k = keyHeads.constant();
  return n && k && *k > 0 && *n % *k == 0 ? std::optional(*n / *k) : std::nullopt;
}

LogicalResult AttentionOp::verify() {
  Shape q = shapeOf(getQuery()), k = shapeOf(getKey()), v = shapeOf(getValue());
  size_t rank = q.size();
  if (rank < 3 || k.size() != rank || v.size() != rank)
    return emitOpError("[WF1011] expected query, key and value of one rank, 3 or more");
  Type element = getElementTypeOrSelf(getQuery());
  for (Value other : {getKey(), getValue()})
    if (getElementTypeOrSelf(other) != element)
      return emitOpError("[WF1021] expected query, key and value of one element type");
  bool fits = groupOf(q[rank - 3], k[rank - 3]) && q[rank - 1] == k[rank - 1];
  for (size_t i = 0; i + 1 < rank; ++i)
    fits &= k[i] == v[i] && (i + 3 >= rank || q[i] == k[i]);
  if (!fits)
    return emitOpError(
               "[WF1012] expected a key and a value with the dimensions of the query, but for their lengths and "
               "for a number of heads that divides its, got ")
           << getQuery().getType() << ", " << getKey().getType() << ", " << getValue().getType();
  q[rank - 1] = k[rank - 2];
  for (Value added : {getBias(), getMask()}) {
    if (!added)
      continue;
    Shape shape = shapeOf(added);
    auto fitsIn = [](auto pair) { return std::get<0>(pair) == std::get<1>(pair) || std::get<0>(pair) == SizeExpr(1); };
    if (shape.size() != rank || !llvm::all_of(llvm::zip_equal(shape, q), fitsIn))
      return emitOpError("[WF1014] expected bias and mask with the dimensions of the scores, ")
             << typeOf(q, getElementTypeOrSelf(added)) << ", or 1, got " << added.getType();
  }
  return success();
}

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                            DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type> &types) {
  Shape shape = shapeOf(operands[0]), value = shapeOf(operands[2]);
  if (shape.empty() || value.empty())
    return emitOptionalError(loc, "[WF1011] attention: expected query, key and value of one rank, 3 or more");
  shape.back() = value.back();
  types.push_back(typeOf(shape, getElementTypeOrSelf(operands[0])));
  return success();
}

namespace {

/// What attention and its derivative are made of: contractions over operands of wide elements, whose heads are split
/// into those of the keys and the group that each serves.
class Heads {
public:
  Heads(AttentionOp op, GraphBuilder &b, ValueRange operands)
      : b(b), op(op), given(operands, op), query(split(wide(b, given.getQuery()))), key(wide(b, given.getKey())),
        value(wide(b, given.getValue())), lead(cast<RankedTensorType>(key.getType()).getRank() - 2) {}

  /// x, which has the heads of the query, with these split in two.
  Value split(Value x) {
    Shape shape = shapeOf(x), keys = shapeOf(op.getKey());
    size_t at = shape.size() - 3;
    int64_t group = *groupOf(shapeOf(op.getQuery())[at], keys[at]);
    if (group == 1)
      return x;
    bool isOne = shape[at] == SizeExpr(1);
    shape[at] = isOne ? SizeExpr(1) : keys[at];
    shape.insert(shape.begin() + at + 1, isOne ? SizeExpr(1) : SizeExpr(group));
    return b.reshape(x, typeOf(shape, getElementTypeOrSelf(x)));
  }
  /// The other way round, in the elements of the op.
  Value joined(Value x) { return b.convert(b.reshape(x, wideResult()), getElementTypeOrSelf(op.getResult())); }
  Type wideResult() { return withElement(op.getResult().getType(), getElementTypeOrSelf(key)); }

  /// query key^T
  Value product(Value query, Value key) { return b.dot(query, key, leading(), leading(), {last(query)}, {lead + 1}); }
  /// weights value
  Value mixed(Value weights, Value value) {
    return b.dot(weights, value, leading(), leading(), {last(weights)}, {lead});
  }
  /// The same times the scale.
  Value scaled(Value x) { return b.mul(x, b.c(x, op.getScale().convertToDouble())); }
  /// A bias or mask, repeated to the shape of the scores.
  Value fitted(Value x, Type type) {
    x = split(x);
    return b.broadcast(x, type, llvm::to_vector(llvm::seq<int64_t>(0, last(x) + 1)));
  }
  Value fittedBias(Value bias, Type scores) { return fitted(b.convert(bias, getElementTypeOrSelf(scores)), scores); }

  /// Softmax of the scores over the keys; zeros for a query that attends to none.
  Value weights() {
    Value scores = scaled(product(query, key));
    Type type = scores.getType();
    if (Value bias = given.getBias())
      scores = b.add(scores, fittedBias(bias, type));
    Value allowed;
    if (Value mask = given.getMask())
      allowed = fitted(mask, withElement(type, b.builder.getI1Type()));
    if (op.getCausal()) {
      auto index = cast<RankedTensorType>(withElement(type, b.builder.getI64Type()));
      int64_t column = last(scores);
      Value row = b.create<IotaOp>(index, column - 1);
      Value earlier = b.create<LeOp>(b.create<IotaOp>(index, column), row);
      allowed = allowed ? Value(b.create<AndOp>(allowed, earlier)) : earlier;
    }
    ArrayRef<int64_t> dims = keys = {last(scores)};
    if (!allowed)
      return b.create<SoftmaxOp>(scores, dims, /*log=*/false);
    scores = b.select(allowed, scores, b.c(scores, -std::numeric_limits<double>::infinity()));
    Value power = b.exp(b.sub(scores, back(b, greatest(b, scores, dims), scores, dims)));
    Value sum = b.reduce(power, ReduceKind::Add, dims), one = b.c(sum, 1);
    sum = b.select(b.eq(sum, b.c(sum, 0)), one, sum);
    return b.div(power, back(b, sum, power, dims));
  }

  GraphBuilder &b;
  AttentionOp op;
  AttentionOp::Adaptor given;
  Value query, key, value;
  SmallVector<int64_t, 1> keys; // the dimension of the keys in the scores

private:
  static int64_t last(Value x) { return cast<RankedTensorType>(x.getType()).getRank() - 1; }
  SmallVector<int64_t> leading() { return llvm::to_vector(llvm::seq<int64_t>(0, lead)); }

  int64_t lead; // how many dimensions stand before the lengths of key and value
};

} // namespace

Value AttentionOp::decompose(GraphBuilder &b, ValueRange operands) {
  Heads heads(*this, b, operands);
  Value weights = heads.weights();
  Type narrow = getElementTypeOrSelf(getResult());
  if (narrow.isBF16()) // as instructions take them
    weights = wide(b, b.convert(weights, narrow));
  return heads.joined(heads.mixed(weights, heads.value));
}

/// w v - sum(w) r + p v', where p are the weights, w = p s' and r the result. So s' is asked for the sum of its own
/// gradient times p alone, which is the sum of r times the gradient of r (Dao et al., "FlashAttention", 2022, appendix
/// B.2): no row of the scores is folded. Where p is 0, for a mask, s' does not matter.
Value AttentionOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  Heads heads(*this, b, primals);
  Adaptor tangent(tangents, *this);
  Value weights = heads.weights(), scores, sum;
  auto accumulate = [&](Value &into, Value term) { into = into ? Value(b.add(into, term)) : term; };
  if (Value t = tangent.getQuery())
    accumulate(scores, heads.scaled(heads.product(heads.split(wide(b, t)), heads.key)));
  if (Value t = tangent.getKey())
    accumulate(scores, heads.scaled(heads.product(heads.query, wide(b, t))));
  if (Value t = tangent.getBias())
    accumulate(scores, heads.fittedBias(t, weights.getType()));
  if (scores) {
    Value moved = b.mul(weights, scores);
    Value whole = isShort(result) ? heads.mixed(weights, heads.value) : heads.split(result);
    Value rows = b.neg(b.reduce(moved, ReduceKind::Add, heads.keys));
    sum = b.add(heads.mixed(moved, heads.value), b.mul(back(b, rows, whole, heads.keys), whole));
  }
  if (Value t = tangent.getValue())
    accumulate(sum, heads.mixed(weights, wide(b, t)));
  return heads.joined(sum);
}

LogicalResult AttentionOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                 SmallVectorImpl<Value> &results) {
  if (llvm::is_contained(batched.take_front(3), false))
    return batchDecomposed(*this, batcher, operands, batched, results);
  // What all of the batch share has a size of 1 there.
  GraphBuilder b(batcher.builder, getLoc());
  SmallVector<Value> all(operands);
  for (size_t i = 3; i < all.size(); ++i)
    if (!batched[i]) {
      Shape shape = shapeOf(all[i]);
      shape.insert(shape.begin(), SizeExpr(1));
      all[i] = b.reshape(all[i], typeOf(shape, getElementTypeOrSelf(all[i])));
    }
  Adaptor of(all, *this);
  results.push_back(b.create<AttentionOp>(of.getQuery(), of.getKey(), of.getValue(), of.getBias(), of.getMask(),
                                          getScale(), getCausal()));
  return success();
}
