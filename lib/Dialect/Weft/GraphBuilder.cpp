// Decides how graph ops are built where a name alone does not say it: splats, shares, movement with a result type.
#include "weft/Dialect/Weft/GraphBuilder.h"

using namespace mlir;

namespace weft {

Value GraphBuilder::convert(Value x, Type element) {
  if (getElementTypeOrSelf(x.getType()) == element)
    return x;
  return create<ConvertOp>(x, element);
}

Value GraphBuilder::splat(Type type, double value) {
  auto tensor = cast<RankedTensorType>(type);
  Type element = tensor.getElementType();
  auto one = [&](RankedTensorType t) -> Value {
    if (auto f = dyn_cast<FloatType>(element)) {
      APFloat number(value);
      bool losesInfo;
      number.convert(f.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
      return create<ConstantOp>(DenseElementsAttr::get(t, number));
    }
    unsigned width = element.getIntOrFloatBitWidth();
    return create<ConstantOp>(DenseElementsAttr::get(t, APInt(64, uint64_t(int64_t(value))).zextOrTrunc(width)));
  };
  if (tensor.hasStaticShape())
    return one(withoutNames(tensor));
  return broadcast(one(RankedTensorType::get({}, element)), tensor, {});
}

Value GraphBuilder::choose(Value like, Value condition, double a, double b) {
  return select(condition, c(like, a), c(like, b));
}

Value GraphBuilder::half(Value like, Value greater, Value equal) {
  return select(greater, c(like, 1), choose(like, equal, 0.5, 0));
}

/// s + r (1 - s) t', where r = x s, s = 1 / (1 + e^-t), t = 2 sqrt(2/pi) (x + 0.044715 x^3).
Value GraphBuilder::geluTanhSlope(Value x, Value r) {
  Value square = mul(x, x), a = c(x, 1.5957691216057308);
  auto plus = [&](double cubic) { return add(a, mul(c(x, cubic), square)); };
  Value s = create<LogisticOp>(mul(x, plus(0.07135481627260025)));
  return add(s, mul(mul(r, sub(c(x, 1), s)), plus(3 * 0.07135481627260025)));
}

/// The number that all elements of a value are, if it is a constant or a broadcast one.
static std::optional<double> splatOf(Value value) {
  while (auto broadcast = value.getDefiningOp<BroadcastOp>())
    value = broadcast.getX();
  auto constant = value.getDefiningOp<ConstantOp>();
  auto splat = constant ? dyn_cast<SplatElementsAttr>(constant.getValue()) : SplatElementsAttr();
  if (!splat || !isa<FloatType>(splat.getElementType()))
    return std::nullopt;
  return splat.getSplatValue<APFloat>().convertToDouble();
}

/// Whether a factor is chosen among constants.
static bool isChoice(Value value) {
  auto select = value.getDefiningOp<SelectOp>();
  auto simple = [](Value v) { return splatOf(v) || isChoice(v); };
  return select && simple(select.getX()) && simple(select.getY());
}

static bool isZero(Value value) { return splatOf(value).value_or(1) == 0; }

Value GraphBuilder::scale(Value factor, Value tangent, bool isStrong) {
  if (auto number = splatOf(factor)) {
    if (*number == 0)
      return {};
    if (*number == 1)
      return tangent;
    if (*number == -1)
      return neg(tangent);
    return mul(c(tangent, *number), tangent);
  }
  if (!isChoice(factor)) {
    auto choice = tangent.getDefiningOp<SelectOp>();
    if (choice && isZero(choice.getY()))
      return select(choice.getCondition(), scale(factor, choice.getX(), isStrong), choice.getY());
    if (choice && isZero(choice.getX()))
      return select(choice.getCondition(), choice.getX(), scale(factor, choice.getY(), isStrong));
    return isStrong ? Value(create<StrongMulOp>(factor, tangent)) : mul(factor, tangent);
  }
  auto choice = factor.getDefiningOp<SelectOp>();
  Value x = scale(choice.getX(), tangent, isStrong), y = scale(choice.getY(), tangent, isStrong);
  if (!x && !y)
    return {};
  return select(choice.getCondition(), x ? x : zeros(tangent.getType()), y ? y : zeros(tangent.getType()));
}

Value GraphBuilder::reshape(Value x, Type type) { return x.getType() == type ? x : Value(create<ReshapeOp>(type, x)); }

Value GraphBuilder::broadcast(Value x, Type type, ArrayRef<int64_t> dims) {
  return x.getType() == type ? x : Value(create<BroadcastOp>(type, x, dims));
}

Value GraphBuilder::transpose(Value x, ArrayRef<int64_t> permutation) { return create<TransposeOp>(x, permutation); }

Value GraphBuilder::reduce(Value x, ReduceKind kind, ArrayRef<int64_t> dims) {
  return dims.empty() ? x : Value(create<ReduceOp>(x, kind, dims));
}

Value GraphBuilder::slice(Value x, ArrayRef<int64_t> starts, ArrayRef<int64_t> strides, Type type) {
  return create<SliceOp>(type, x, starts, strides);
}

Value GraphBuilder::pad(Value x, Value value, ArrayRef<int64_t> low, ArrayRef<int64_t> high,
                        ArrayRef<int64_t> interior) {
  return create<PadOp>(x, value, low, high, interior);
}

Value GraphBuilder::gather(Type type, Value x, Value indices, int64_t batch, ArrayRef<int64_t> dims, int64_t at,
                           Bounds bounds) {
  return create<GatherOp>(type, x, indices, batch, dims, at, bounds);
}

Value GraphBuilder::scatter(Value x, Value indices, Value updates, ScatterKind kind, int64_t batch,
                            ArrayRef<int64_t> dims, int64_t at, Bounds bounds) {
  return create<ScatterOp>(x, indices, updates, kind, batch, dims, at, bounds);
}

Value GraphBuilder::takeAlong(Value x, Value indices, int64_t dim) {
  // All other dimensions are batch dimensions, which stand in front.
  int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::rotate(order.begin() + dim, order.begin() + dim + 1, order.end());
  auto inner = [&](Value v) { return dim == rank - 1 ? v : transpose(v, order); };
  Value lasting = inner(x), at = inner(indices);
  Shape shape = shapeOf(at), starts = shape;
  starts.push_back(1);
  Value taken =
      gather(typeOf(starts, getElementTypeOrSelf(x)), lasting,
             reshape(at, typeOf(starts, getElementTypeOrSelf(indices))), rank - 1, {rank - 1}, 0, Bounds::Clamp);
  taken = reshape(taken, typeOf(shape, getElementTypeOrSelf(x)));
  if (dim == rank - 1)
    return taken;
  std::rotate(order.begin() + dim, order.end() - 1, order.end()); // the identity again
  std::rotate(order.begin() + dim, order.end() - 1, order.end());
  return transpose(taken, order);
}

Value GraphBuilder::dot(Value lhs, Value rhs, ArrayRef<int64_t> lhsBatch, ArrayRef<int64_t> rhsBatch,
                        ArrayRef<int64_t> lhsContract, ArrayRef<int64_t> rhsContract) {
  return create<DotOp>(lhs, rhs, lhsBatch, rhsBatch, lhsContract, rhsContract);
}

} // namespace weft
