// Decides the rules of putting parts into a larger array; per op: verify | infer | fold | canonicalize | derivative |
// batch | lower | reference.
#include "Movement.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Pieces.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

//===-- pad -------------------------------------------------------------------------------------------------===//

LogicalResult PadOp::verify() {
  size_t rank = cast<RankedTensorType>(getX().getType()).getRank();
  if (getLow().size() != rank || getHigh().size() != rank || getInterior().size() != rank)
    return emitOpError("[WF1015] expected one entry of low, high and interior per dimension");
  for (int64_t n : llvm::concat<const int64_t>(getLow(), getHigh(), getInterior()))
    if (n < 0)
      return emitOpError("[WF1015] expected amounts of 0 or more");
  auto value = cast<RankedTensorType>(getValue().getType());
  if (value.getRank() != 0 || value.getElementType() != getElementTypeOrSelf(getX()))
    return emitOpError("[WF1021] expected a scalar of the operand's element type as value, got ") << value;
  return success();
}

LogicalResult PadOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                      DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                      SmallVectorImpl<Type> &types) {
  PadOpAdaptor adaptor(operands, attributes, properties, regions);
  auto type = cast<RankedTensorType>(adaptor.getX().getType());
  size_t rank = type.getRank();
  if (adaptor.getLow().size() != rank || adaptor.getHigh().size() != rank || adaptor.getInterior().size() != rank)
    return emitOptionalError(loc, "[WF1015] pad: expected one entry of low, high and interior per dimension");
  Shape shape = shapeOf(type);
  for (size_t i = 0; i < rank; ++i) {
    // Between n elements lie n - 1 gaps; of no elements, none.
    SizeExpr gaps =
        shape[i] == SizeExpr(0) ? SizeExpr(0) : (shape[i] - SizeExpr(1)) * SizeExpr(adaptor.getInterior()[i]);
    shape[i] = shape[i] + gaps + SizeExpr(adaptor.getLow()[i] + adaptor.getHigh()[i]);
  }
  types.push_back(typeOf(shape, type.getElementType()));
  return success();
}

OpFoldResult PadOp::fold(FoldAdaptor adaptor) {
  auto none = [](ArrayRef<int64_t> amounts) { return llvm::all_of(amounts, [](int64_t n) { return n == 0; }); };
  if (none(getLow()) && none(getHigh()) && none(getInterior()))
    return getX();
  // Two layers of one value are one.
  auto inner = getX().getDefiningOp<PadOp>();
  if (!inner || inner.getValue() != getValue() || !none(getInterior()))
    return {};
  auto sum = [](ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
    SmallVector<int64_t> sums;
    for (auto [x, y] : llvm::zip(a, b))
      sums.push_back(x + y);
    return sums;
  };
  setLow(sum(getLow(), inner.getLow()));
  setHigh(sum(getHigh(), inner.getHigh()));
  setInterior(inner.getInterior());
  setOperand(0, inner.getX());
  return getResult();
}

/// What is cut into groups before a padding, or has room made, is padded first where none of that is padded: it then
/// has the padding from what computed it.
struct PadBeforeGroups : OpRewritePattern<PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PadOp op, PatternRewriter &rewriter) const override {
    auto reshape = op.getX().getDefiningOp<ReshapeOp>();
    auto groups = reshape && reshape->hasOneUse() ? joinedDims(shapeOf(reshape.getResult()), shapeOf(reshape.getX()))
                                                  : std::nullopt;
    if (!groups)
      return failure();
    SmallVector<bool> mayBePadded(op.getLow().size(), false);
    SmallVector<int64_t> low(groups->size(), 0), high = low, interior = low;
    for (auto [dim, group] : llvm::enumerate(*groups)) {
      if (group.size() != 1)
        continue;
      mayBePadded[group[0]] = true;
      low[dim] = op.getLow()[group[0]];
      high[dim] = op.getHigh()[group[0]];
      interior[dim] = op.getInterior()[group[0]];
    }
    for (auto [may, before, behind, between] : llvm::zip(mayBePadded, op.getLow(), op.getHigh(), op.getInterior()))
      if (!may && (before || behind || between))
        return failure();
    Value padded = PadOp::create(rewriter, op.getLoc(), reshape.getX(), op.getValue(), low, high, interior);
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), padded);
    return success();
  }
};

void PadOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<PadBeforeGroups>(context);
}

Value PadOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  if (operand == 0) {
    SmallVector<int64_t> strides = llvm::map_to_vector(getInterior(), [](int64_t n) { return n + 1; });
    return builder.slice(cotangent, getLow(), strides, getX().getType());
  }
  // The value's cotangent is the sum over the places that it fills; chosen by a mask, since subtracting the rest from
  // the sum of all would cancel.
  Type boolean = builder.builder.getI1Type();
  Value no = builder.splat(withElement(getX().getType(), boolean), 0);
  Value yes = builder.splat(RankedTensorType::get({}, boolean), 1);
  Value filled = builder.pad(no, yes, getLow(), getHigh(), getInterior());
  Value picked = builder.select(filled, cotangent, builder.zeros(cotangent.getType()));
  return builder.reduce(picked, ReduceKind::Add, llvm::to_vector(llvm::seq<int64_t>(0, getLow().size())));
}

bool PadOp::isLinearIn(unsigned operand) { return true; }
bool PadOp::isJointlyLinear() { return true; }

FusionKind PadOp::getFusionKind() { return FusionKind::Join; }

SmallVector<Place, 0> PadOp::getPlaces() {
  Place place;
  for (auto [low, interior] : llvm::zip(getLow(), getInterior())) {
    place.starts.push_back(low);
    place.steps.push_back(interior + 1);
  }
  return {place, Place()};
}

LogicalResult PadOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                           SmallVectorImpl<Value> &results) {
  GraphBuilder b(batcher.builder, getLoc());
  SmallVector<int64_t> low = withBatch(getLow(), 0), high = withBatch(getHigh(), 0),
                       interior = withBatch(getInterior(), 0);
  Value x = batcher.materialize(getLoc(), operands[0], batched[0]);
  if (!batched[1]) {
    results.push_back(b.pad(x, operands[1], low, high, interior));
    return success();
  }
  // A value for each index of the batch: where nothing was, it is chosen.
  Type scalar = RankedTensorType::get({}, getElementTypeOrSelf(getType())), boolean = b.builder.getI1Type();
  Value padded = b.pad(x, b.zeros(scalar), low, high, interior);
  Value filled = b.pad(b.splat(withElement(x.getType(), boolean), 0), b.splat(withElement(scalar, boolean), 1), low,
                       high, interior);
  results.push_back(b.select(filled, b.broadcast(operands[1], padded.getType(), {0}), padded));
  return success();
}

/// Writes `x`, of type `part` in the graph, into `into` at a place. Starts and sizes stand beside the map as
/// `weft.starts` and `weft.part`: no map without symbols begins at a named size.
static Value writeInto(LowerContext &context, Value x, Type part, Type whole, const Place &place, Value into) {
  MLIRContext *ctx = context.builder.getContext();
  Shape sizes = shapeOf(part), all = shapeOf(whole);
  unsigned rank = sizes.size();
  SmallVector<AffineExpr> where;
  SmallVector<Attribute> starts;
  for (unsigned i = 0; i < rank; ++i) {
    int64_t start = place.starts[i].constant().value_or(0);
    where.push_back(partOfDim(getAffineDimExpr(i, ctx), start, place.steps[i], sizes[i], all[i]));
    starts.push_back(SizeAttr::get(ctx, place.starts[i]));
  }
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  AffineMap in = AffineMap::getMultiDimIdentityMap(rank, ctx), out = AffineMap::get(rank, 0, where, ctx);
  Value written = context.generic(into.getType(), x, {in, out}, iterators, into, copyScalar);
  written.getDefiningOp()->setAttr("weft.part", TypeAttr::get(part));
  written.getDefiningOp()->setAttr("weft.starts", ArrayAttr::get(ctx, starts));
  return written;
}

LogicalResult PadOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type to = getResult().getType();
  AffineMap scalar = AffineMap::get(shapeOf(to).size(), 0, {}, getContext());
  Value filled = context.map(to, operands[1], scalar, copyScalar);
  results.push_back(writeInto(context, operands[0], getX().getType(), to, getPlaces()[0], filled));
  return success();
}

LogicalResult PadOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto shape = resultShape(*this, interpreter);
  if (failed(shape))
    return failure();
  Tensor padded = operands[1].strided(*shape, 0, SmallVector<int64_t>(shape->size(), 0));
  auto strides = padded.strides();
  int64_t first = 0;
  for (auto [stride, low, interior] : llvm::zip(strides, getLow(), getInterior())) {
    first += low * stride;
    stride *= interior + 1;
  }
  padded.place(operands[0], first, strides);
  results.push_back(padded);
  return success();
}

//===-- concat ----------------------------------------------------------------------------------------------===//

LogicalResult ConcatOp::verify() {
  auto first = cast<RankedTensorType>(getXs().front().getType());
  for (Value x : getXs()) {
    auto type = cast<RankedTensorType>(x.getType());
    if (type.getElementType() != first.getElementType())
      return emitOpError("[WF1021] expected operands of one element type, got ") << first << " and " << type;
    Shape a = shapeOf(first), b = shapeOf(type);
    for (size_t i = 0; i < a.size(); ++i)
      if (a.size() != b.size() || (int64_t(i) != int64_t(getDim()) && a[i] != b[i]))
        return emitOpError("[WF1012] expected operands that agree but in dimension ")
               << getDim() << ", got " << first << " and " << type;
  }
  return success();
}

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                         DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                         SmallVectorImpl<Type> &types) {
  ConcatOpAdaptor adaptor(operands, attributes, properties, regions);
  if (adaptor.getXs().empty())
    return emitOptionalError(loc, "[WF1015] concat: expected at least one operand");
  auto type = cast<RankedTensorType>(adaptor.getXs().front().getType());
  int64_t dim = adaptor.getDim();
  if (dim < 0 || dim >= type.getRank())
    return emitOptionalError(loc, "[WF1015] concat: expected a dimension below the rank, got ", dim);
  Shape shape = shapeOf(type);
  shape[dim] = SizeExpr(0);
  for (Value x : adaptor.getXs()) {
    Shape other = shapeOf(x);
    if (other.size() != shape.size())
      return emitOptionalError(loc, "[WF1012] concat: expected operands of one rank");
    shape[dim] = shape[dim] + other[dim];
  }
  types.push_back(typeOf(shape, type.getElementType()));
  return success();
}

OpFoldResult ConcatOp::fold(FoldAdaptor adaptor) {
  if (getXs().size() == 1)
    return getXs().front();
  // Concats along the same dimension join; what is empty goes.
  SmallVector<Value> parts;
  for (Value x : getXs()) {
    auto inner = x.getDefiningOp<ConcatOp>();
    if (inner && inner.getDim() == getDim())
      llvm::append_range(parts, inner.getXs());
    else if (shapeOf(x)[getDim()] != SizeExpr(0))
      parts.push_back(x);
  }
  if (parts.empty())
    return getXs().front();
  if (ValueRange(parts) == getXs())
    return {};
  (*this)->setOperands(parts);
  return getResult();
}

Value ConcatOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  SizeExpr start(0);
  for (unsigned i = 0; i < operand; ++i)
    start = start + shapeOf(getXs()[i])[getDim()];
  Type type = getXs()[operand].getType();
  if (!start.constant()) { // a slice starts at a number: this part is read at an index
    Value at = builder.create<DimSizeOp>(SizeAttr::get(getContext(), start));
    at = builder.reshape(at, RankedTensorType::get({1}, builder.builder.getI64Type()));
    return builder.gather(type, cotangent, at, /*batch=*/0, {int64_t(getDim())}, /*at=*/0, Bounds::Clamp);
  }
  SmallVector<int64_t> starts(cast<RankedTensorType>(type).getRank(), 0), strides(starts.size(), 1);
  starts[getDim()] = *start.constant();
  return builder.slice(cotangent, starts, strides, type);
}

bool ConcatOp::isLinearIn(unsigned operand) { return true; }
bool ConcatOp::isJointlyLinear() { return true; }

FusionKind ConcatOp::getFusionKind() { return FusionKind::Join; }

SmallVector<Place, 0> ConcatOp::getPlaces() {
  SmallVector<Place, 0> places;
  size_t rank = shapeOf(getResult()).size();
  SizeExpr start;
  for (Value x : getXs()) {
    Place place{SmallVector<SizeExpr, 4>(rank), SmallVector<int64_t, 4>(rank, 1)};
    place.starts[getDim()] = start;
    start = start + shapeOf(x)[getDim()];
    places.push_back(place);
  }
  return places;
}

LogicalResult ConcatOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                              SmallVectorImpl<Value> &results) {
  SmallVector<Value> xs = batcher.materializeAll(getLoc(), operands, batched);
  results.push_back(ConcatOp::create(batcher.builder, getLoc(), xs, batcher.builder.getI64IntegerAttr(getDim() + 1)));
  return success();
}

LogicalResult ConcatOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type to = getResult().getType();
  Value joined = context.empty(to);
  for (auto [x, value, place] : llvm::zip(getXs(), operands, getPlaces()))
    joined = writeInto(context, value, x.getType(), to, place, joined);
  results.push_back(joined);
  return success();
}

LogicalResult ConcatOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                 SmallVectorImpl<Tensor> &results) {
  auto shape = resultShape(*this, interpreter);
  if (failed(shape))
    return failure();
  Tensor joined(operands[0].getElementType(), *shape);
  auto strides = joined.strides();
  int64_t first = 0;
  for (const Tensor &x : operands) {
    joined.place(x, first, strides);
    first += x.getShape()[getDim()] * strides[getDim()];
  }
  results.push_back(joined);
  return success();
}
