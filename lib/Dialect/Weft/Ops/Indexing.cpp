// Decides the rules of reading and writing at computed places; per op: verify | infer | fold | canonicalize |
// derivative | batch | lower | reference.
#include "Folding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Indexing.cpp.inc"

//===-- dimension numbers ----------------------------------------------------------------------------------------===//

namespace {

/// Which dimension of x, indices and windows is which (Indexing.td).
struct Numbers {
  int64_t batch, at, rank, indexRank; // of x, and how many index dimensions
  ArrayRef<int64_t> dims;

  template <class Op>
  explicit Numbers(Op op)
      : batch(op.getBatch()), at(op.getAt()), rank(cast<RankedTensorType>(op.getX().getType()).getRank()),
        indexRank(cast<RankedTensorType>(op.getIndices().getType()).getRank() - batch - 1), dims(op.getDims()) {}

  int64_t windowsRank() const { return rank + indexRank; }
  /// Where dimension i of x stands in the windows.
  int64_t placeOf(int64_t i) const { return i < batch + at ? i : i + indexRank; }
  /// Where index dimension j stands in the windows.
  int64_t indexPlace(int64_t j) const { return batch + at + j; }
  /// The windows' dimensions that say which index tuple is meant: the batch, then the index dimensions.
  SmallVector<int64_t> tuplePlaces() const {
    SmallVector<int64_t> places = llvm::to_vector(llvm::seq<int64_t>(0, batch));
    for (int64_t j = 0; j < indexRank; ++j)
      places.push_back(indexPlace(j));
    return places;
  }
};

} // namespace

template <class Op> static LogicalResult verifyNumbers(Op op, Value windows, const Shape &found) {
  Shape x = shapeOf(op.getX()), indices = shapeOf(op.getIndices());
  int64_t batch = op.getBatch(), rank = x.size(), last = batch - 1;
  if (batch < 0 || batch > rank || int64_t(indices.size()) < batch + 1)
    return op.emitOpError("[WF1015] expected ")
           << batch << " batch dimensions in x and indices, and one for the starts";
  Numbers numbers(op);
  for (int64_t dim : op.getDims()) {
    if (dim <= last || dim >= rank)
      return op.emitOpError("[WF1015] expected sorted, distinct dims behind the batch and below the rank ")
             << rank << ", got " << op.getDims();
    last = dim;
  }
  if (numbers.at < 0 || numbers.at > rank - batch)
    return op.emitOpError("[WF1015] expected `at` to be one of the ")
           << rank - batch << " window dimensions, or behind them";
  if (indices.back() != SizeExpr(int64_t(op.getDims().size())))
    return op.emitOpError("[WF1012] expected one start for each of dims in the last dimension of the indices, got ")
           << indices.back().str();
  if (getElementTypeOrSelf(windows) != getElementTypeOrSelf(op.getX()))
    return op.emitOpError("[WF1021] expected windows of x's element type, got ") << windows.getType();
  if (int64_t(found.size()) != numbers.windowsRank())
    return op.emitOpError("[WF1012] expected windows of rank ")
           << numbers.windowsRank() << ", got " << windows.getType();
  for (int64_t i = 0; i < batch; ++i)
    if (indices[i] != x[i])
      return op.emitOpError("[WF1012] batch dimension ")
             << i << " has the sizes " << x[i].str() << " and " << indices[i].str();
  for (int64_t j = 0; j < numbers.indexRank; ++j)
    if (found[numbers.indexPlace(j)] != indices[batch + j])
      return op.emitOpError("[WF1012] index dimension ")
             << j << " has the sizes " << indices[batch + j].str() << " and " << found[numbers.indexPlace(j)].str();
  for (int64_t i = 0; i < rank; ++i) {
    SizeExpr window = found[numbers.placeOf(i)];
    // A window may be larger than x where it starts at an index: a named size may turn out so small. It reads zeros,
    // and writes nothing.
    if (!llvm::is_contained(op.getDims(), i) && window != x[i])
      return op.emitOpError("[WF1012] a window has the size ")
             << window.str() << " along dimension " << i << " of size " << x[i].str();
  }
  return success();
}

/// Indices and windows read for the reference: where the window of a tuple starts in x (an offset in elements), or
/// nothing if it is dropped.
template <class Op>
static std::optional<int64_t> offsetOf(Op op, const Tensor &x, const Tensor &indices, int64_t tuple,
                                       ArrayRef<int64_t> windows) {
  Numbers numbers(op);
  auto strides = x.strides();
  int64_t offset = 0, k = numbers.dims.size();
  for (auto [c, dim] : llvm::enumerate(numbers.dims)) {
    Scalar index = indices.at(tuple * k + int64_t(c));
    int64_t start = index.isUnsigned() && index.i < 0 ? std::numeric_limits<int64_t>::max() : index.i;
    int64_t limit = x.getShape()[dim] - windows[numbers.placeOf(dim)];
    if (limit < 0 || (op.getBounds() == Bounds::Drop && (start < 0 || start > limit)))
      return std::nullopt;
    offset += std::clamp<int64_t>(start, 0, limit) * strides[dim];
  }
  return offset;
}

/// Calls `visit` with (flat position in the windows, position in x or -1) for each element of each window, index tuples
/// in row-major order.
template <class Op>
static void forEachElement(Op op, const Tensor &x, const Tensor &indices, ArrayRef<int64_t> windows,
                           function_ref<void(int64_t, int64_t)> visit) {
  Numbers numbers(op);
  SmallVector<int64_t> tuple = numbers.tuplePlaces(), strides(windows.size(), 1), inX(windows.size(), 0);
  for (int64_t i = int64_t(windows.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * windows[i + 1];
  for (int64_t i = 0; i < numbers.rank; ++i)
    inX[numbers.placeOf(i)] = x.strides()[i];
  SmallVector<int64_t> order = tuple; // tuples outside, windows inside
  for (int64_t i = numbers.batch; i < numbers.rank; ++i)
    order.push_back(numbers.placeOf(i));
  int64_t number = 0;
  std::function<void(size_t, int64_t, int64_t, bool)> walk = [&](size_t level, int64_t position, int64_t place,
                                                                 bool dropped) {
    if (level == tuple.size()) {
      auto offset = offsetOf(op, x, indices, number++, windows);
      dropped = !offset;
      place += offset.value_or(0);
    }
    if (level == order.size())
      return visit(position, dropped ? -1 : place);
    int64_t dim = order[level];
    for (int64_t i = 0; i < windows[dim]; ++i)
      walk(level + 1, position + i * strides[dim], place + i * inX[dim], dropped);
  };
  walk(0, 0, 0, false);
}

/// A start from an index as it is stored: inside the bounds, or -1 where the window is dropped. `limit` is the greatest
/// start.
static Value startOf(LowerContext &context, OpBuilder &b, Type index, Value raw, Value limit, bool mayNotFit,
                     Bounds bounds) {
  Location loc = context.loc;
  Type position = b.getIndexType(), element = getElementTypeOrSelf(index);
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
  auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  };
  if (element.isUnsignedInteger(64)) { // beyond what an index holds
    Value most = arith::ConstantIntOp::create(b, loc, raw.getType(), std::numeric_limits<int64_t>::max());
    raw = arith::MinUIOp::create(b, loc, raw, most);
  }
  Value start = element.isUnsignedInteger() ? Value(arith::IndexCastUIOp::create(b, loc, position, raw))
                                            : Value(arith::IndexCastOp::create(b, loc, position, raw));
  Value inside;
  if (bounds == Bounds::Clamp) {
    start = arith::MaxSIOp::create(b, loc, arith::MinSIOp::create(b, loc, start, limit), constant(0));
  } else { // a negative start is a huge one
    inside = compare(arith::CmpIPredicate::ule, start, limit);
  }
  if (mayNotFit) {
    Value fits = compare(arith::CmpIPredicate::sge, limit, constant(0));
    inside = inside ? Value(arith::AndIOp::create(b, loc, inside, fits)) : fits;
  }
  return inside ? Value(arith::SelectOp::create(b, loc, inside, start, constant(-1))) : start;
}

/// The greatest start along each of dims, and whether a window may be larger than x there: a named size hides it, and
/// becomes a number where it is known at last.
template <class Op>
static SmallVector<std::pair<Value, bool>> limitsOf(LowerContext &context, Op op, const Shape &sizes) {
  Numbers numbers(op);
  Shape x = shapeOf(op.getX());
  return llvm::map_to_vector(numbers.dims, [&](int64_t dim) {
    SizeExpr limit = x[dim] - sizes[numbers.placeOf(dim)];
    return std::make_pair(context.size(limit), limit.constant().value_or(-1) < 0);
  });
}

/// The map of start c of the tuples, over loops whose dimensions `places` are the tuple's.
static AffineMap startMap(MLIRContext *context, unsigned loops, ArrayRef<int64_t> places, int64_t c) {
  SmallVector<AffineExpr> reads;
  for (int64_t place : places)
    reads.push_back(getAffineDimExpr(place, context));
  reads.push_back(getAffineConstantExpr(c, context));
  return AffineMap::get(loops, 0, reads, context);
}

template <class Op> static LogicalResult checkElements(Op op) {
  Type element = getElementTypeOrSelf(op.getX());
  if (LowerContext::loweredElement(element).isIntOrFloat())
    return success();
  return op.emitOpError("[WF1507] elements of type ") << element << " have no code yet";
}

/// A list of dimensions behind a batch axis in front.
static SmallVector<int64_t> behindBatch(ArrayRef<int64_t> dims) {
  return llvm::map_to_vector(dims, [](int64_t dim) { return dim + 1; });
}

//===-- gather ---------------------------------------------------------------------------------------------------===//

/// Where the windows' dimensions stand in the result; -1: left out.
static SmallVector<int64_t> placesInResult(GatherOp op) {
  Numbers numbers(op);
  const bool all = int64_t(shapeOf(op.getResult()).size()) != numbers.windowsRank() - int64_t(numbers.dims.size());
  SmallVector<int64_t> places(numbers.windowsRank(), 0);
  for (int64_t dim : numbers.dims)
    places[numbers.placeOf(dim)] = all ? 0 : -1;
  int64_t next = 0;
  for (int64_t &place : places)
    place = place < 0 ? -1 : next++;
  return places;
}

/// The shape of the result with all dimensions of the windows.
static Shape windowsOf(GatherOp op) {
  Shape found = shapeOf(op.getResult()), windows;
  for (int64_t place : placesInResult(op))
    windows.push_back(place < 0 ? SizeExpr(1) : place < int64_t(found.size()) ? found[place] : SizeExpr(-1));
  return int64_t(found.size()) > int64_t(windows.size()) ? found : windows;
}

LogicalResult GatherOp::verify() {
  int64_t rank = shapeOf(getX()).size();
  for (int64_t dim : getDims())
    if (getBatch() < 0 || getAt() < 0 || dim < 0 || dim >= rank || shapeOf(getIndices()).empty())
      return verifyNumbers(*this, getResult(), shapeOf(getResult()));
  return verifyNumbers(*this, getResult(), windowsOf(*this));
}

/// A reshape that only leaves out dimensions along which windows have one element.
struct LeaveOutPlaces : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReshapeOp reshape, PatternRewriter &rewriter) const override {
    auto gather = reshape.getX().getDefiningOp<GatherOp>();
    if (!gather || !gather->hasOneUse() || windowsOf(gather) != shapeOf(gather.getResult()) || gather.getDims().empty())
      return failure();
    Numbers numbers(gather);
    Shape windows = windowsOf(gather), rest;
    auto left = llvm::map_to_vector(numbers.dims, [&](int64_t dim) { return numbers.placeOf(dim); });
    for (auto [i, size] : llvm::enumerate(windows))
      if (!llvm::is_contained(left, int64_t(i)))
        rest.push_back(size);
      else if (size != SizeExpr(1))
        return failure();
    if (rest != shapeOf(reshape.getResult()))
      return failure();
    auto made =
        rewriter.replaceOpWithNewOp<GatherOp>(reshape, reshape.getType(), gather->getOperands(), gather->getAttrs());
    made->setLoc(gather.getLoc());
    rewriter.eraseOp(gather);
    return success();
  }
};

void GatherOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<LeaveOutPlaces>(context);
}

bool GatherOp::isLinearIn(unsigned operand) { return operand == 0; }
bool GatherOp::isJointlyLinear() { return true; }

Value GatherOp::transposeTo(GraphBuilder &b, unsigned operand, ValueRange operands, Value cotangent) {
  Value windows = b.reshape(cotangent, typeOf(windowsOf(*this), getElementTypeOrSelf(cotangent)));
  return b.scatter(b.zeros(getX().getType()), operands[1], windows, ScatterKind::Add, getBatch(), getDims(), getAt(),
                   getBounds());
}

FusionKind GatherOp::getFusionKind() { return FusionKind::Gather; }

LogicalResult GatherOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                              SmallVectorImpl<Value> &results) {
  GraphBuilder b(batcher.builder, getLoc());
  Type element = getElementTypeOrSelf(getType());
  RankedTensorType type = batcher.batchedType(typeOf(windowsOf(*this), element));
  Value windows;
  if (!batched[1] && getBatch() == 0) { // the axis is one more whole dimension of each window
    windows = b.gather(type, operands[0], operands[1], 0, behindBatch(getDims()), getAt() + 1, getBounds());
  } else if (!batched[0] && getBatch() == 0) { // ... or one more index dimension
    Shape shape = shapeOf(type);
    std::rotate(shape.begin(), shape.begin() + 1, shape.begin() + 1 + getAt());
    windows = b.gather(typeOf(shape, element), operands[0], operands[1], 0, getDims(), getAt(), getBounds());
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, shape.size()));
    std::rotate(order.begin(), order.begin() + getAt(), order.begin() + getAt() + 1);
    windows = getAt() ? b.transpose(windows, order) : windows;
  } else {
    Value x = batcher.materialize(getLoc(), operands[0], batched[0]);
    Value indices = batcher.materialize(getLoc(), operands[1], batched[1]);
    windows = b.gather(type, x, indices, getBatch() + 1, behindBatch(getDims()), getAt(), getBounds());
  }
  results.push_back(b.reshape(windows, batcher.batchedType(getType())));
  return success();
}

LogicalResult GatherOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  if (failed(checkElements(*this)))
    return failure();
  Numbers numbers(*this);
  SmallVector<int64_t> places = numbers.tuplePlaces();
  Shape windows = windowsOf(*this);
  auto limits = limitsOf(context, *this, windows);
  SmallVector<int64_t> loops = placesInResult(*this);
  for (int64_t &place : places)
    place = loops[place];
  SmallVector<Value> inputs(numbers.dims.size(), operands[1]);
  SmallVector<AffineMap> maps;
  for (size_t c = 0; c < numbers.dims.size(); ++c)
    maps.push_back(startMap(getContext(), shapeOf(getResult()).size(), places, c));
  Value fits; // of all windows or none: where they do not, nothing is there to be read
  for (auto [limit, mayNotFit] : limits)
    if (mayNotFit) {
      Value zero = context.size(SizeExpr(0));
      Value here = arith::CmpIOp::create(context.builder, context.loc, arith::CmpIPredicate::sge, limit, zero);
      fits = fits ? Value(arith::AndIOp::create(context.builder, context.loc, fits, here)) : here;
    }
  Type element = LowerContext::loweredElement(getElementTypeOrSelf(getType()));
  results.push_back(context.map(getType(), inputs, maps, [&](OpBuilder &b, Location loc, ValueRange raw) -> Value {
    Value inside, zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
    SmallVector<Value> at;
    for (int64_t i = 0, c = 0; i < numbers.rank; ++i) {
      int64_t place = numbers.placeOf(i);
      bool indexed = llvm::is_contained(numbers.dims, i);
      Value step;
      if (!indexed || windows[place] != SizeExpr(1))
        step = linalg::IndexOp::create(b, loc, loops[place]);
      if (indexed) {
        Value limit = limits[c].first;
        Value start = startOf(context, b, getIndices().getType(), raw[c++], limit, /*mayNotFit=*/false, getBounds());
        if (getBounds() == Bounds::Drop) {
          Value here = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, start, zero);
          inside = inside ? Value(arith::AndIOp::create(b, loc, inside, here)) : here;
          start = arith::MaxSIOp::create(b, loc, start, zero);
        }
        step = step ? Value(arith::AddIOp::create(b, loc, start, step)) : start;
      }
      at.push_back(step);
    }
    auto read = [&](OpBuilder &b) -> Value { return tensor::ExtractOp::create(b, loc, operands[0], at); };
    Value found;
    if (fits)
      found = scf::IfOp::create(
                  b, loc, fits, [&](OpBuilder &b, Location) { scf::YieldOp::create(b, loc, read(b)); },
                  [&](OpBuilder &b, Location) { scf::YieldOp::create(b, loc, none); })
                  .getResult(0);
    else
      found = read(b);
    return inside ? Value(arith::SelectOp::create(b, loc, inside, found, none)) : found;
  }));
  return success();
}

LogicalResult GatherOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                 SmallVectorImpl<Tensor> &results) {
  auto shape = interpreter.shape(getType());
  if (!shape)
    return emitOpError("[WF1404] the sizes of ") << getType() << " have no value here";
  Tensor gathered(operands[0].getElementType(), *shape);
  SmallVector<int64_t> windows;
  for (int64_t place : placesInResult(*this))
    windows.push_back(place < 0 ? 1 : (*shape)[place]);
  forEachElement(*this, operands[0], operands[1], windows, [&](int64_t position, int64_t place) {
    if (place >= 0)
      gathered.set(position, operands[0].at(place));
  });
  results.push_back(gathered);
  return success();
}

//===-- scatter --------------------------------------------------------------------------------------------------===//

LogicalResult ScatterOp::verify() {
  Type element = getElementTypeOrSelf(getX());
  if (getKind() != ScatterKind::Set && element.isInteger(1))
    return emitOpError("[WF1021] bool is written by set, got ") << stringifyScatterKind(getKind());
  return verifyNumbers(*this, getUpdates(), shapeOf(getUpdates()));
}

LogicalResult ScatterOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

bool ScatterOp::isLinearIn(unsigned operand) {
  return operand != 1 && (getKind() == ScatterKind::Set || getKind() == ScatterKind::Add);
}
bool ScatterOp::isJointlyLinear() { return true; }

/// The same windows of another array, and the same places written in another array.
static Value gatherLike(ScatterOp op, GraphBuilder &b, Value x, Value indices) {
  Type type = withElement(op.getUpdates().getType(), getElementTypeOrSelf(x));
  return b.gather(type, x, indices, op.getBatch(), op.getDims(), op.getAt(), op.getBounds());
}
static Value scatterLike(ScatterOp op, GraphBuilder &b, Value x, Value indices, Value updates, ScatterKind kind) {
  return b.scatter(x, indices, updates, kind, op.getBatch(), op.getDims(), op.getAt(), op.getBounds());
}

/// Which elements of the updates are in the result: of several that were written to one place, the last.
static Value winners(ScatterOp op, GraphBuilder &b, Value indices) {
  Type index = b.builder.getI64Type();
  Numbers numbers(op);
  // The number of each tuple, in the order in which they are written.
  Shape updates = shapeOf(op.getUpdates()), tuple;
  SmallVector<int64_t> places = numbers.tuplePlaces();
  for (int64_t place : places)
    tuple.push_back(updates[place]);
  Value flat = b.create<IotaOp>(typeOf({numElements(tuple)}, index), b.builder.getI64IntegerAttr(0));
  Value number = b.broadcast(b.reshape(flat, typeOf(tuple, index)), typeOf(updates, index), places);
  Value none = b.splat(withElement(op.getX().getType(), index), -1);
  return b.eq(gatherLike(op, b, scatterLike(op, b, none, indices, number, ScatterKind::Set), indices), number);
}

Value ScatterOp::transposeTo(GraphBuilder &b, unsigned operand, ValueRange operands, Value cotangent) {
  Value indices = operands[1];
  if (operand == 0)
    return getKind() == ScatterKind::Add
               ? cotangent
               : scatterLike(*this, b, cotangent, indices, b.zeros(getUpdates().getType()), ScatterKind::Set);
  Value taken = gatherLike(*this, b, cotangent, indices);
  if (getKind() == ScatterKind::Add)
    return taken;
  return b.select(winners(*this, b, indices), taken, b.zeros(taken.getType()));
}

/// The elements that equal the result, x's and updates, share its tangent equally.
static Value extremumJvp(ScatterOp op, GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  Value x = primals[0], indices = primals[1], updates = primals[2];
  Type element = getElementTypeOrSelf(x), accumulator = accumulatorType(element); // f16 cannot count beyond 2048
  Value xIs = b.eq(x, result), updateIs = b.eq(updates, gatherLike(op, b, result, indices));
  Value count =
      scatterLike(op, b, b.convert(xIs, accumulator), indices, b.convert(updateIs, accumulator), ScatterKind::Add);
  Value share = b.convert(b.div(b.c(count, 1), count), element);
  Value sum = tangents[0] ? b.select(xIs, tangents[0], b.zeros(x.getType())) : b.zeros(x.getType());
  if (tangents[2])
    sum =
        scatterLike(op, b, sum, indices, b.select(updateIs, tangents[2], b.zeros(updates.getType())), ScatterKind::Add);
  return b.mul(share, sum);
}

/// x's tangent is multiplied by what x is; an update's by the product of all other factors of its element. That is the
/// element divided by the update, but where one update is 0: then the product of the others.
static Value productJvp(ScatterOp op, GraphBuilder &b, ValueRange primals, ValueRange tangents) {
  Value x = primals[0], indices = primals[1], updates = primals[2], sum;
  Type type = updates.getType();
  if (tangents[0]) // a product, which has a transpose
    sum = b.mul(scatterLike(op, b, b.splat(x.getType(), 1), indices, updates, ScatterKind::Mul), tangents[0]);
  if (!tangents[2])
    return sum;
  Type index = b.builder.getI64Type();
  Value zero = b.eq(updates, b.zeros(type)), safe = b.select(zero, b.splat(type, 1), updates);
  Value rest = gatherLike(op, b, scatterLike(op, b, x, indices, safe, ScatterKind::Mul), indices);
  Value count = gatherLike(
      op, b,
      scatterLike(op, b, b.zeros(withElement(x.getType(), index)), indices, b.convert(zero, index), ScatterKind::Add),
      indices);
  Value factor = b.select(zero, b.select(b.eq(count, b.c(count, 1)), rest, b.zeros(type)),
                          b.select(b.eq(count, b.c(count, 0)), b.div(rest, safe), b.zeros(type)));
  Value change = b.mul(factor, tangents[2]);
  return scatterLike(op, b, sum ? sum : b.zeros(x.getType()), indices, change, ScatterKind::Add);
}

Value ScatterOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  if (getKind() == ScatterKind::Mul)
    return productJvp(*this, b, primals, tangents);
  return extremumJvp(*this, b, primals, result, tangents);
}

FusionKind ScatterOp::getFusionKind() { return FusionKind::Other; }

LogicalResult ScatterOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                               SmallVectorImpl<Value> &results) {
  GraphBuilder b(batcher.builder, getLoc());
  auto x = batcher.materialize(getLoc(), operands[0], batched[0]);
  auto updates = batcher.materialize(getLoc(), operands[2], batched[2]);
  bool whole = !batched[1] && getBatch() == 0; // the axis is one more whole dimension of each window
  Value indices = whole ? operands[1] : batcher.materialize(getLoc(), operands[1], batched[1]);
  results.push_back(b.scatter(x, indices, updates, getKind(), whole ? 0 : getBatch() + 1, behindBatch(getDims()),
                              whole ? getAt() + 1 : getAt(), getBounds()));
  return success();
}

static ReduceKind foldOf(ScatterKind kind) {
  return kind == ScatterKind::Add   ? ReduceKind::Add
         : kind == ScatterKind::Mul ? ReduceKind::Mul
         : kind == ScatterKind::Min ? ReduceKind::Min
                                    : ReduceKind::Max;
}

LogicalResult ScatterOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  if (failed(checkElements(*this)))
    return failure();
  Numbers numbers(*this);
  SmallVector<int64_t> places = numbers.tuplePlaces();
  auto limits = limitsOf(context, *this, shapeOf(getUpdates()));
  Type type = getType(), element = LowerContext::loweredElement(getElementTypeOrSelf(type));
  Shape windows = shapeOf(getUpdates()), tuple;
  SmallVector<AffineExpr> tupleDims;
  for (int64_t place : places) {
    tuple.push_back(windows[place]);
    tupleDims.push_back(getAffineDimExpr(place, getContext()));
  }
  // The starts, then the updates; the target says by which starts its dims are moved.
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  SmallVector<int64_t> own = llvm::to_vector(llvm::seq<int64_t>(0, places.size()));
  for (size_t c = 0; c < numbers.dims.size(); ++c) {
    Value limit = limits[c].first; // names of their own, since a lambda captures them
    bool mayNotFit = limits[c].second;
    Type starts = typeOf(tuple, IndexType::get(getContext()));
    inputs.push_back(context.map(starts, operands[1], startMap(getContext(), places.size(), own, c),
                                 [&](OpBuilder &b, Location, ValueRange raw) {
                                   return startOf(context, b, getIndices().getType(), raw[0], limit, mayNotFit,
                                                  getBounds());
                                 }));
    maps.push_back(AffineMap::get(windows.size(), 0, tupleDims, getContext()));
  }
  inputs.push_back(operands[2]);
  maps.push_back(AffineMap::getMultiDimIdentityMap(windows.size(), getContext()));
  SmallVector<AffineExpr> where;
  for (int64_t i = 0; i < numbers.rank; ++i) {
    AffineExpr step = getAffineDimExpr(numbers.placeOf(i), getContext());
    bool indexed = llvm::is_contained(numbers.dims, i);
    where.push_back(indexed ? step % (int64_t(1) << 62) : step); // only a part of the dimension
  }
  maps.push_back(AffineMap::get(windows.size(), 0, where, getContext()));
  results.push_back(context.scatter(type, inputs, maps, operands[0], numbers.dims, numbers.batch, windows,
                                    [&](OpBuilder &b, Location, ValueRange v) -> Value {
                                      Value update = v[numbers.dims.size()], before = v[numbers.dims.size() + 1];
                                      if (getKind() == ScatterKind::Set)
                                        return update;
                                      PayloadBuilder p = context.payload(b, type, type);
                                      Value sum = foldStep(p, foldOf(getKind()), LowerContext::widen(p, before),
                                                           LowerContext::widen(p, update));
                                      return LowerContext::narrow(p, sum, element);
                                    }));
  return success();
}

LogicalResult ScatterOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results) {
  const Tensor &x = operands[0], &updates = operands[2];
  Type element = x.getElementType(), accumulator = accumulatorType(element);
  Tensor written = x.strided(x.getShape(), 0, x.strides()); // a copy
  ScalarEval e;
  auto combined = [&](Scalar a, Scalar b) {
    return getKind() == ScatterKind::Add   ? e.add(a, b)
           : getKind() == ScatterKind::Mul ? e.mul(a, b)
           : getKind() == ScatterKind::Min ? e.min(a, b)
                                           : e.max(a, b);
  };
  forEachElement(*this, x, operands[1], updates.getShape(), [&](int64_t position, int64_t place) {
    if (place < 0)
      return;
    Scalar update = updates.at(position);
    if (getKind() != ScatterKind::Set)
      update = e.convert(combined(e.convert(written.at(place), accumulator), e.convert(update, accumulator)), element);
    written.set(place, update);
  });
  results.push_back(written);
  return success();
}
