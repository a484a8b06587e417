// Decides the rules of ops over windows; per op: verify | infer | fold | canonicalize | derivative | batch | lower |
// reference. Padding and the operand's own dilation are split off before kernels form: a kernel reads plain windows.
#include "DimensionNumbers.h"
#include "Folding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Window.cpp.inc"

//===-- windows along one dimension -------------------------------------------------------------------------===//

namespace {

/// How a window slides along one dimension.
struct Sliding {
  SizeExpr size, window;
  int64_t stride, low, high, dilation, windowDilation;

  static SizeExpr dilated(const SizeExpr &size, int64_t dilation) {
    return size == SizeExpr(0) ? size : (size - SizeExpr(1)) * SizeExpr(dilation) + SizeExpr(1);
  }
  SizeExpr padded() const { return dilated(size, dilation) + SizeExpr(low + high); }
  SizeExpr extent() const { return dilated(window, windowDilation); }
  SizeExpr steps() const {
    SizeExpr room = padded() - extent();
    if (auto known = room.constant(); known && *known < 0)
      return 0;
    return room.floordiv(stride) + SizeExpr(1);
  }
  bool isPlain() const { return low == 0 && high == 0 && dilation == 1; }
};

/// The padding under which the cotangent, dilated by the stride, gives the operand's: step i of the operand's dilated
/// index meets position k of the reversed window. The result may be longer than the operand where a named size hides
/// how much the last window left over.
struct Backwards {
  int64_t low, high;
};

std::optional<Backwards> backwards(const Sliding &s) {
  auto extent = s.extent().constant();
  if (!extent)
    return std::nullopt;
  int64_t low = *extent - 1 - s.low;
  // The operand is as long as the steps reach, plus what is left over.
  SizeExpr rest = s.padded() - s.extent() - (s.steps() - SizeExpr(1)) * SizeExpr(s.stride);
  return Backwards{low, *extent - 1 - s.high + rest.constant().value_or(s.stride - 1)};
}

} // namespace

static bool isAttributeList(ArrayRef<int64_t> entries, size_t count, int64_t least) {
  return entries.size() == count && llvm::all_of(entries, [&](int64_t entry) { return entry >= least; });
}

/// x with its elements `dilation` apart and `low`, `high` elements of `value` around it; negative amounts cut.
static Value padded(GraphBuilder &b, Value x, Value value, ArrayRef<int64_t> low, ArrayRef<int64_t> high,
                    ArrayRef<int64_t> dilation) {
  SmallVector<int64_t> before, after, between, starts, strides(low.size(), 1);
  Shape shape;
  bool cuts = false;
  for (auto [size, l, h, d] : llvm::zip(shapeOf(x), low, high, dilation)) {
    before.push_back(std::max<int64_t>(l, 0));
    after.push_back(std::max<int64_t>(h, 0));
    between.push_back(d - 1);
    starts.push_back(std::max<int64_t>(-l, 0));
    shape.push_back(Sliding::dilated(size, d) + SizeExpr(l + h));
    cuts |= l < 0 || h < 0;
  }
  Value wide = b.pad(x, value, before, after, between);
  return cuts ? b.slice(wide, starts, strides, typeOf(shape, getElementTypeOrSelf(x))) : wide;
}

static Tensor padded(const Tensor &x, Scalar value, ArrayRef<int64_t> low, ArrayRef<int64_t> high,
                     ArrayRef<int64_t> dilation) {
  SmallVector<int64_t> wide, shape, zeros(low.size(), 0);
  for (auto [size, l, h, d] : llvm::zip(x.getShape(), low, high, dilation)) {
    int64_t dilated = size ? (size - 1) * d + 1 : 0;
    wide.push_back(dilated + std::max<int64_t>(l, 0) + std::max<int64_t>(h, 0));
    shape.push_back(std::max<int64_t>(dilated + l + h, 0));
  }
  Tensor padded = Tensor::scalar(value).strided(wide, 0, zeros);
  auto strides = padded.strides(), steps = strides;
  int64_t first = 0, start = 0;
  for (auto [i, l, d] : llvm::enumerate(low, dilation)) {
    first += std::max<int64_t>(l, 0) * strides[i];
    start += std::max<int64_t>(-l, 0) * strides[i];
    steps[i] *= d;
  }
  padded.place(x, first, steps);
  return ArrayRef(wide) == ArrayRef(shape) ? padded : padded.strided(shape, start, strides);
}

/// Whether a loop over these sizes has no step.
static bool isEmpty(ArrayRef<SizeExpr> sizes) { return llvm::is_contained(sizes, SizeExpr(0)); }

//===-- convolution -----------------------------------------------------------------------------------------===//

namespace {

/// Which dimension of which operand is what.
struct Roles {
  ArrayRef<int64_t> lhsBatch, rhsBatch, lhsContract, rhsContract, lhsWindow, rhsWindow;
  SmallVector<int64_t> lhsFree, rhsFree;

  template <class Op> static Roles of(Op op, int64_t lhsRank, int64_t rhsRank) {
    Roles r{op.getLhsBatch(),
            op.getRhsBatch(),
            op.getLhsContract(),
            op.getRhsContract(),
            op.getLhsWindow(),
            op.getRhsWindow(),
            {},
            {}};
    r.lhsFree = r.free(lhsRank, {r.lhsBatch, r.lhsContract, r.lhsWindow});
    r.rhsFree = r.free(rhsRank, {r.rhsBatch, r.rhsContract, r.rhsWindow});
    return r;
  }
  static Roles of(ConvolutionOp op) {
    return of(op, cast<RankedTensorType>(op.getLhs().getType()).getRank(),
              cast<RankedTensorType>(op.getRhs().getType()).getRank());
  }

private:
  static SmallVector<int64_t> free(int64_t rank, ArrayRef<ArrayRef<int64_t>> taken) {
    SmallVector<int64_t> dims;
    for (int64_t i = 0; i < rank; ++i)
      if (llvm::none_of(taken, [&](ArrayRef<int64_t> list) { return llvm::is_contained(list, i); }))
        dims.push_back(i);
    return dims;
  }
};

template <class Op> bool pairsDims(Op op, int64_t lhsRank, int64_t rhsRank) {
  return op.getLhsBatch().size() == op.getRhsBatch().size() &&
         op.getLhsContract().size() == op.getRhsContract().size() &&
         op.getLhsWindow().size() == op.getRhsWindow().size() &&
         areDistinct({op.getLhsBatch(), op.getLhsContract(), op.getLhsWindow()}, lhsRank) &&
         areDistinct({op.getRhsBatch(), op.getRhsContract(), op.getRhsWindow()}, rhsRank);
}

template <class Op> Sliding slidingOf(Op op, const Shape &lhs, const Shape &rhs, size_t i) {
  return {lhs[op.getLhsWindow()[i]], rhs[op.getRhsWindow()[i]], op.getStrides()[i],    op.getLow()[i],
          op.getHigh()[i],           op.getLhsDilation()[i],    op.getRhsDilation()[i]};
}

Sliding slidingOf(ConvolutionOp op, size_t i) { return slidingOf(op, shapeOf(op.getLhs()), shapeOf(op.getRhs()), i); }

bool isPlain(ConvolutionOp op) {
  return llvm::all_of(llvm::seq<size_t>(0, op.getStrides().size()),
                      [&](size_t i) { return slidingOf(op, i).isPlain(); });
}

SmallVector<int64_t> range(int64_t start, int64_t size) {
  return llvm::to_vector(llvm::seq<int64_t>(start, start + size));
}

SmallVector<int64_t> joined(ArrayRef<ArrayRef<int64_t>> lists) {
  SmallVector<int64_t> all;
  for (ArrayRef<int64_t> list : lists)
    llvm::append_range(all, list);
  return all;
}

} // namespace

LogicalResult ConvolutionOp::verify() {
  auto rankOf = [](Value v) { return cast<RankedTensorType>(v.getType()).getRank(); };
  return verifyPairs(*this, pairsDims(*this, rankOf(getLhs()), rankOf(getRhs())));
}

LogicalResult ConvolutionOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                              DictionaryAttr attributes, OpaqueProperties properties,
                                              RegionRange regions, SmallVectorImpl<Type> &types) {
  ConvolutionOpAdaptor op(operands, attributes, properties, regions);
  auto lhs = cast<RankedTensorType>(op.getLhs().getType()), rhs = cast<RankedTensorType>(op.getRhs().getType());
  size_t windows = op.getLhsWindow().size();
  if (!pairsDims(op, lhs.getRank(), rhs.getRank()))
    return emitOptionalError(loc, "[WF1015] convolution: expected paired, distinct dimensions below the ranks");
  constexpr int64_t any = std::numeric_limits<int64_t>::min();
  if (!isAttributeList(op.getStrides(), windows, 1) || !isAttributeList(op.getLow(), windows, any) ||
      !isAttributeList(op.getHigh(), windows, any) || !isAttributeList(op.getLhsDilation(), windows, 1) ||
      !isAttributeList(op.getRhsDilation(), windows, 1))
    return emitOptionalError(loc, "[WF1015] convolution: expected one entry of strides, low, high and dilations per "
                                  "window dimension, strides and dilations of 1 or more");
  Shape l = shapeOf(lhs), r = shapeOf(rhs), shape;
  Roles roles = Roles::of(op, lhs.getRank(), rhs.getRank());
  for (int64_t dim : llvm::concat<const int64_t>(roles.lhsBatch, roles.lhsFree))
    shape.push_back(l[dim]);
  for (int64_t dim : roles.rhsFree)
    shape.push_back(r[dim]);
  for (size_t i = 0; i < windows; ++i)
    shape.push_back(slidingOf(op, l, r, i).steps());
  types.push_back(typeOf(shape, lhs.getElementType()));
  return success();
}

namespace {

/// What is summed over nothing, or has no elements, is zeros.
struct EmptyConvolution : OpRewritePattern<ConvolutionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvolutionOp op, PatternRewriter &rewriter) const override {
    if (!isEmpty(shapeOf(op.getResult())) && !isEmpty(shapeOf(op.getRhs())))
      return failure();
    rewriter.replaceOp(op, GraphBuilder(rewriter, op.getLoc()).zeros(op.getType()));
    return success();
  }
};

/// The window dimensions along which lhs is dilated, and results can be split by where they stand between its elements;
/// none where that were too many kernels.
SmallVector<size_t> splitDims(ConvolutionOp op) {
  constexpr int64_t most = 16;
  SmallVector<size_t> dims;
  int64_t parts = 1;
  for (Value x : {Value(op.getLhs()), Value(op.getRhs()), Value(op.getResult())})
    if (isEmpty(shapeOf(x)))
      return dims;
  for (size_t i = 0; i < op.getStrides().size(); ++i) {
    Sliding s = slidingOf(op, i);
    if (s.dilation > 1 && s.stride == 1 && s.windowDilation == 1 && s.size.constant() && s.window.constant()) {
      dims.push_back(i);
      parts *= s.dilation;
    }
  }
  return parts > most ? SmallVector<size_t>() : dims;
}

/// Results d apart along a dimension of dilation d meet elements of lhs at every d-th position of the window only: each
/// such phase is a convolution of lhs itself with those positions.
struct SplitDilation : OpRewritePattern<ConvolutionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvolutionOp op, PatternRewriter &rewriter) const override {
    SmallVector<size_t> dims = splitDims(op);
    if (dims.empty())
      return failure();
    GraphBuilder b(rewriter, op.getLoc());
    rewriter.replaceOp(op, phases(b, op, dims, op.getRhs(), Numbers(op)));
    return success();
  }

private:
  /// What phases change, one entry per window dimension.
  struct Numbers {
    SmallVector<int64_t> low, high, dilation;
    explicit Numbers(ConvolutionOp op) : low(op.getLow()), high(op.getHigh()), dilation(op.getLhsDilation()) {}
  };

  /// The convolution with `rhs`, of which the dimensions `dims` are still to be split.
  static Value phases(GraphBuilder &b, ConvolutionOp op, ArrayRef<size_t> dims, Value rhs, const Numbers &numbers) {
    if (dims.empty())
      return b.create<ConvolutionOp>(op.getLhs(), rhs, op.getLhsBatch(), op.getRhsBatch(), op.getLhsContract(),
                                     op.getRhsContract(), op.getLhsWindow(), op.getRhsWindow(), op.getStrides(),
                                     numbers.low, numbers.high, numbers.dilation, op.getRhsDilation());
    const size_t dim = dims.front();
    const Sliding s = slidingOf(op, dim);
    const int64_t apart = s.dilation, window = *s.window.constant(), steps = *s.steps().constant(),
                  ofPhase = llvm::divideCeil(steps, apart);
    const int64_t inWindow = op.getRhsWindow()[dim];
    const size_t at = shapeOf(op.getResult()).size() - op.getStrides().size() + dim;
    SmallVector<Value> parts; // null: no position of the window
    for (int64_t phase = 0; phase < apart; ++phase) {
      // Result q * apart + phase meets element q + j - before at position first + j * apart.
      const int64_t first = ((s.low - phase) % apart + apart) % apart, before = (s.low - phase - first) / apart;
      const int64_t positions = first < window ? llvm::divideCeil(window - first, apart) : 0;
      Shape rhsShape = shapeOf(rhs);
      SmallVector<int64_t> starts(rhsShape.size(), 0), strides(rhsShape.size(), 1);
      starts[inWindow] = first;
      strides[inWindow] = apart;
      rhsShape[inWindow] = positions;
      Numbers inside = numbers;
      inside.dilation[dim] = 1;
      inside.low[dim] = before;
      inside.high[dim] = ofPhase + positions - 1 - before - *s.size.constant();
      Value part;
      if (positions) {
        Value some = b.slice(rhs, starts, strides, typeOf(rhsShape, getElementTypeOrSelf(rhs)));
        part = phases(b, op, dims.drop_front(), some, inside);
      }
      parts.push_back(part);
    }
    // Side by side along a dimension behind their own.
    auto known = *llvm::find_if(parts, [](Value part) { return bool(part); });
    Shape one = shapeOf(known);
    one.insert(one.begin() + at + 1, SizeExpr(1));
    SmallVector<Value> made;
    for (Value part : parts)
      made.push_back(b.reshape(part ? part : b.zeros(known.getType()), typeOf(one, getElementTypeOrSelf(known))));
    Value joined = b.create<ConcatOp>(made, int64_t(at + 1));
    one.erase(one.begin() + at + 1);
    one[at] = ofPhase * apart;
    joined = b.reshape(joined, typeOf(one, getElementTypeOrSelf(joined)));
    if (ofPhase * apart == steps)
      return joined;
    one[at] = steps;
    SmallVector<int64_t> starts(one.size(), 0), strides(one.size(), 1);
    return b.slice(joined, starts, strides, typeOf(one, getElementTypeOrSelf(joined)));
  }
};

/// convolution(x) with padding is convolution(pad(x)): a contraction reads its operands from memory.
struct PadBeforeConvolution : OpRewritePattern<ConvolutionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvolutionOp op, PatternRewriter &rewriter) const override {
    if (isPlain(op) || isEmpty(shapeOf(op.getResult())) || !splitDims(op).empty())
      return failure();
    GraphBuilder b(rewriter, op.getLoc());
    int64_t rank = cast<RankedTensorType>(op.getLhs().getType()).getRank();
    SmallVector<int64_t> low(rank, 0), high(rank, 0), dilation(rank, 1), none(op.getLow().size(), 0),
        ones(op.getLow().size(), 1);
    for (auto [i, dim] : llvm::enumerate(op.getLhsWindow())) {
      low[dim] = op.getLow()[i];
      high[dim] = op.getHigh()[i];
      dilation[dim] = op.getLhsDilation()[i];
    }
    Value zero = b.zeros(RankedTensorType::get({}, getElementTypeOrSelf(op.getLhs())));
    Value wide = padded(b, op.getLhs(), zero, low, high, dilation);
    rewriter.modifyOpInPlace(op, [&] {
      op.getLhsMutable().assign(wide);
      op.setLow(none);
      op.setHigh(none);
      op.setLhsDilation(ones);
    });
    return success();
  }
};

} // namespace

void ConvolutionOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<EmptyConvolution, SplitDilation, PadBeforeConvolution>(context);
}

bool ConvolutionOp::isLinearIn(unsigned operand) { return true; }
bool ConvolutionOp::isJointlyLinear() { return false; }

/// `made` has the dimensions of an operand of type `type` in the order `order`, each perhaps too long at its end.
static Value arranged(GraphBuilder &b, Value made, ArrayRef<int64_t> order, Type type) {
  SmallVector<int64_t> permutation(order.size()), starts(order.size(), 0), strides(order.size(), 1);
  for (auto [i, dim] : llvm::enumerate(order))
    permutation[dim] = i;
  if (!llvm::is_sorted(permutation))
    made = b.transpose(made, permutation);
  return made.getType() == type ? made : b.slice(made, starts, strides, type);
}

/// Pairs of contracted dimensions, ascending in `sorted`; the other side's dimension of each.
static SmallVector<int64_t> pairedWith(ArrayRef<int64_t> sorted, ArrayRef<int64_t> other) {
  SmallVector<int64_t> pairs = range(0, sorted.size());
  llvm::sort(pairs, [&](int64_t a, int64_t b) { return sorted[a] < sorted[b]; });
  return llvm::map_to_vector(pairs, [&](int64_t pair) { return other[pair]; });
}

Value ConvolutionOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  Value self = operand == 0 ? getLhs() : getRhs();
  if (isEmpty(shapeOf(getResult())) || isEmpty(shapeOf(getRhs())))
    return builder.zeros(self.getType());
  Roles roles = Roles::of(*this);
  int64_t batch = roles.lhsBatch.size(), left = roles.lhsFree.size(), right = roles.rhsFree.size(),
          windows = roles.lhsWindow.size();
  SmallVector<int64_t> ctBatch = range(0, batch), ctLeft = range(batch, left), ctRight = range(batch + left, right),
                       ctWindow = range(batch + left + right, windows), low, high;
  if (operand == 0) {
    // The cotangent, dilated by the strides, with the window reversed.
    for (int64_t i = 0; i < windows; ++i) {
      auto back = backwards(slidingOf(*this, i));
      if (!back) {
        emitOpError("[WF3006] the transpose would pad by a window whose size has a name; only a number that does not "
                    "depend on named sizes can be padded");
        return {};
      }
      low.push_back(back->low);
      high.push_back(back->high);
    }
    Value reversed = windows ? builder.create<ReverseOp>(operands[1], getRhsWindow()) : operands[1];
    Value made =
        builder.create<ConvolutionOp>(cotangent, reversed, ctBatch, getRhsBatch(), ctRight, roles.rhsFree, ctWindow,
                                      getRhsWindow(), getLhsDilation(), low, high, getStrides(), getRhsDilation());
    return arranged(
        builder, made,
        joined({roles.lhsBatch, roles.lhsFree, pairedWith(roles.rhsContract, roles.lhsContract), roles.lhsWindow}),
        self.getType());
  }
  // lhs with the cotangent as window: its elements stand the strides apart, and it moves by the window's dilation.
  for (int64_t i = 0; i < windows; ++i) {
    Sliding s = slidingOf(*this, i);
    SizeExpr rest = s.padded() - s.extent() - (s.steps() - SizeExpr(1)) * SizeExpr(s.stride);
    low.push_back(s.low);
    high.push_back(s.high - rest.constant().value_or(0));
  }
  Value made = builder.create<ConvolutionOp>(operands[0], cotangent, getLhsBatch(), ctBatch, roles.lhsFree, ctLeft,
                                             getLhsWindow(), ctWindow, getRhsDilation(), low, high, getLhsDilation(),
                                             getStrides());
  return arranged(
      builder, made,
      joined({roles.rhsBatch, pairedWith(roles.lhsContract, roles.rhsContract), roles.rhsFree, roles.rhsWindow}),
      self.getType());
}

FusionKind ConvolutionOp::getFusionKind() { return FusionKind::Contract; }

LogicalResult ConvolutionOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                   SmallVectorImpl<Value> &results) {
  GraphBuilder b(batcher.builder, getLoc());
  auto shift = [](ArrayRef<int64_t> dims, bool isBatched) {
    return llvm::map_to_vector(dims, [&](int64_t dim) { return dim + isBatched; });
  };
  SmallVector<int64_t> lhsBatch = shift(getLhsBatch(), batched[0]), rhsBatch = shift(getRhsBatch(), batched[1]);
  if (batched[0] && batched[1]) {
    lhsBatch.insert(lhsBatch.begin(), 0);
    rhsBatch.insert(rhsBatch.begin(), 0);
  }
  Value made = b.create<ConvolutionOp>(operands[0], operands[1], lhsBatch, rhsBatch,
                                       shift(getLhsContract(), batched[0]), shift(getRhsContract(), batched[1]),
                                       shift(getLhsWindow(), batched[0]), shift(getRhsWindow(), batched[1]),
                                       getStrides(), getLow(), getHigh(), getLhsDilation(), getRhsDilation());
  // An axis that one operand has alone is its first free dimension: the result has it there, not in front.
  int64_t axis = 0;
  if (!batched[0] || !batched[1])
    axis = getLhsBatch().size();
  if (!batched[0])
    axis += Roles::of(*this).lhsFree.size();
  if (axis) {
    SmallVector<int64_t> order = range(0, cast<RankedTensorType>(made.getType()).getRank());
    std::rotate(order.begin(), order.begin() + axis, order.begin() + axis + 1);
    made = b.transpose(made, order);
  }
  results.push_back(made);
  return success();
}

LogicalResult ConvolutionOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  if (!isPlain(*this))
    return emitOpError("[WF1503] has no code with padding: simplification puts a pad before it");
  Type from = getLhs().getType(), to = getResult().getType();
  Type element = LowerContext::loweredElement(getElementTypeOrSelf(to)), accumulator = accumulatorType(element);
  Type sums = withElement(to, accumulator);
  Roles roles = Roles::of(*this);
  // Loops: the result's dimensions, then the contracted ones in their order, then the window's.
  unsigned outer = cast<RankedTensorType>(to).getRank(), windows = roles.lhsWindow.size(),
           loops = outer + roles.lhsContract.size() + windows, next = 0;
  SmallVector<AffineExpr> lhs(cast<RankedTensorType>(from).getRank()),
      rhs(cast<RankedTensorType>(getRhs().getType()).getRank()), steps;
  auto dim = [&] { return getAffineDimExpr(next++, getContext()); };
  for (auto [l, r] : llvm::zip(roles.lhsBatch, roles.rhsBatch))
    lhs[l] = rhs[r] = dim();
  for (int64_t l : roles.lhsFree)
    lhs[l] = dim();
  for (int64_t r : roles.rhsFree)
    rhs[r] = dim();
  for (unsigned i = 0; i < windows; ++i)
    steps.push_back(dim());
  for (auto [l, r] : llvm::zip(roles.lhsContract, roles.rhsContract))
    lhs[l] = rhs[r] = dim();
  for (auto [i, l, r] : llvm::enumerate(roles.lhsWindow, roles.rhsWindow)) {
    rhs[r] = dim();
    lhs[l] = steps[i] * getStrides()[i] + rhs[r] * getRhsDilation()[i];
  }
  Value start = context.fill(sums, [&](OpBuilder &b, Location loc) -> Value {
    return arith::ConstantOp::create(b, loc, b.getZeroAttr(accumulator));
  });
  Value sum = start;
  if (!isEmpty(shapeOf(getRhs())) && !isEmpty(shapeOf(to))) { // linalg has no windows without steps
    SmallVector<utils::IteratorType> iterators(outer, utils::IteratorType::parallel);
    iterators.resize(loops, utils::IteratorType::reduction);
    SmallVector<AffineMap> maps{AffineMap::get(loops, 0, lhs, getContext()),
                                AffineMap::get(loops, 0, rhs, getContext()),
                                AffineMap::getMultiDimIdentityMap(loops, getContext()).getMajorSubMap(outer)};
    sum = context.generic(sums, operands, maps, iterators, start, [&](OpBuilder &b, Location, ValueRange v) {
      PayloadBuilder p = context.payload(b, from, to);
      return p.add(p.mul(LowerContext::widen(p, v[0]), LowerContext::widen(p, v[1])), v[2]);
    });
  }
  if (accumulator != element)
    sum = context.map(to, sum, context.identity(to), [&](OpBuilder &b, Location, ValueRange v) {
      PayloadBuilder p = context.payload(b, from, to);
      return LowerContext::narrow(p, v[0], element);
    });
  results.push_back(sum);
  return success();
}

LogicalResult ConvolutionOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                      SmallVectorImpl<Tensor> &results) {
  Roles roles = Roles::of(*this);
  SmallVector<int64_t> low(operands[0].getRank(), 0), high = low, dilation(operands[0].getRank(), 1);
  for (auto [i, dim] : llvm::enumerate(roles.lhsWindow)) {
    low[dim] = getLow()[i];
    high[dim] = getHigh()[i];
    dilation[dim] = getLhsDilation()[i];
  }
  const Tensor &rhs = operands[1];
  Tensor lhs = padded(operands[0], Tensor(rhs.getElementType(), {}).at(0), low, high, dilation);
  // What stands between elements is left out where results are split by it.
  std::optional<Tensor> there;
  if (auto split = splitDims(*this); !split.empty()) {
    std::vector<int64_t> inPlace(lhs.getNumElements(), 1);
    auto strides = lhs.strides();
    for (size_t i : split)
      for (auto [position, is] : llvm::enumerate(inPlace)) {
        int64_t dim = roles.lhsWindow[i], at = int64_t(position) / strides[dim] % lhs.getShape()[dim];
        is &= (at - getLow()[i]) % getLhsDilation()[i] == 0;
      }
    there = Tensor::of<int64_t>(IntegerType::get(getContext(), 8), lhs.getShape(), inPlace);
  }
  // lhs as [batch, free, steps, contracted, window], rhs as [batch, contracted, window, free].
  struct View {
    SmallVector<int64_t> sizes, strides;
    void add(int64_t size, int64_t stride) {
      sizes.push_back(size);
      strides.push_back(stride);
    }
    Tensor of(const Tensor &x) { return x.strided(sizes, 0, strides); }
  } left, right;
  auto lhsStrides = lhs.strides(), rhsStrides = rhs.strides();
  int64_t batch = 1, m = 1, depth = 1, n = 1;
  auto addAll = [](View &view, const Tensor &x, ArrayRef<int64_t> strides, ArrayRef<int64_t> dims, int64_t &product) {
    for (int64_t dim : dims) {
      view.add(x.getShape()[dim], strides[dim]);
      product *= x.getShape()[dim];
    }
  };
  int64_t ignored = 1;
  addAll(left, lhs, lhsStrides, roles.lhsBatch, batch);
  addAll(left, lhs, lhsStrides, roles.lhsFree, m);
  for (auto [i, dim] : llvm::enumerate(roles.lhsWindow)) {
    Sliding s{lhs.getShape()[dim], rhs.getShape()[roles.rhsWindow[i]], getStrides()[i], 0, 0, 1, getRhsDilation()[i]};
    int64_t steps = *s.steps().constant();
    left.add(steps, lhsStrides[dim] * getStrides()[i]);
    m *= steps;
  }
  SmallVector<int64_t> shape = left.sizes; // [batch, free of lhs, steps, free of rhs]
  addAll(left, lhs, lhsStrides, roles.lhsContract, depth);
  for (auto [i, dim] : llvm::enumerate(roles.lhsWindow)) {
    int64_t size = rhs.getShape()[roles.rhsWindow[i]];
    left.add(size, lhsStrides[dim] * getRhsDilation()[i]);
    depth *= size;
  }
  addAll(right, rhs, rhsStrides, roles.rhsBatch, ignored);
  addAll(right, rhs, rhsStrides, roles.rhsContract, ignored);
  addAll(right, rhs, rhsStrides, roles.rhsWindow, ignored);
  addAll(right, rhs, rhsStrides, roles.rhsFree, n);
  for (int64_t dim : roles.rhsFree)
    shape.push_back(rhs.getShape()[dim]);
  if (!batch || !m || !n || !depth) {
    left.sizes.assign(left.sizes.size(), 0); // nothing to read; the sums are zeros
    depth = 0;
  }
  Tensor sums(rhs.getElementType(), shape);
  if (depth)
    sums = sumProducts(left.of(lhs), right.of(rhs), shape, batch, m, depth, n,
                       there ? std::optional(left.of(*there)) : std::nullopt);
  // The steps go behind the free dimensions of rhs.
  int64_t front = roles.lhsBatch.size() + roles.lhsFree.size(), windows = roles.lhsWindow.size();
  auto strides = sums.strides();
  std::rotate(strides.begin() + front, strides.begin() + front + windows, strides.end());
  std::rotate(shape.begin() + front, shape.begin() + front + windows, shape.end());
  results.push_back(sums.strided(shape, 0, strides));
  return success();
}

//===-- reduce_window ---------------------------------------------------------------------------------------===//

LogicalResult ReduceWindowOp::verify() {
  if (getKind() != ReduceKind::Add && getKind() != ReduceKind::Min && getKind() != ReduceKind::Max)
    return emitOpError("[WF1021] folds windows by add, min or max, got ") << stringifyReduceKind(getKind());
  return success();
}

namespace {

template <class Op> Sliding slidingAlong(Op op, const Shape &shape, size_t i) {
  return {shape[i],        op.getSizes()[i],    op.getStrides()[i],       op.getLow()[i],
          op.getHigh()[i], op.getDilation()[i], op.getWindowDilation()[i]};
}

bool isPlain(ReduceWindowOp op) {
  Shape shape = shapeOf(op.getX());
  return llvm::all_of(llvm::seq<size_t>(0, shape.size()),
                      [&](size_t i) { return slidingAlong(op, shape, i).isPlain(); });
}

} // namespace

LogicalResult ReduceWindowOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                               DictionaryAttr attributes, OpaqueProperties properties,
                                               RegionRange regions, SmallVectorImpl<Type> &types) {
  ReduceWindowOpAdaptor op(operands, attributes, properties, regions);
  auto type = cast<RankedTensorType>(op.getX().getType());
  size_t rank = type.getRank();
  constexpr int64_t any = std::numeric_limits<int64_t>::min();
  if (!isAttributeList(op.getSizes(), rank, 1) || !isAttributeList(op.getStrides(), rank, 1) ||
      !isAttributeList(op.getLow(), rank, any) || !isAttributeList(op.getHigh(), rank, any) ||
      !isAttributeList(op.getDilation(), rank, 1) || !isAttributeList(op.getWindowDilation(), rank, 1))
    return emitOptionalError(loc, "[WF1015] reduce_window: expected one entry of sizes, strides, low, high and "
                                  "dilations per dimension, sizes, strides and dilations of 1 or more");
  Shape from = shapeOf(type), shape;
  for (size_t i = 0; i < rank; ++i)
    shape.push_back(slidingAlong(op, from, i).steps());
  types.push_back(typeOf(shape, type.getElementType()));
  return success();
}

static Value neutralScalar(GraphBuilder &b, ReduceKind kind, Type element) {
  TypedAttr neutral = neutralElement(kind, element, element.isUnsignedInteger());
  return b.create<ConstantOp>(DenseElementsAttr::get(RankedTensorType::get({}, element), Attribute(neutral)));
}

namespace {

/// reduce_window(x) with padding is reduce_window(pad(x)).
struct PadBeforeWindows : OpRewritePattern<ReduceWindowOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceWindowOp op, PatternRewriter &rewriter) const override {
    if (isPlain(op) || isEmpty(shapeOf(op.getResult())))
      return failure();
    GraphBuilder b(rewriter, op.getLoc());
    Value neutral = neutralScalar(b, op.getKind(), getElementTypeOrSelf(op.getX()));
    Value wide = padded(b, op.getX(), neutral, op.getLow(), op.getHigh(), op.getDilation());
    SmallVector<int64_t> none(op.getLow().size(), 0), ones(op.getLow().size(), 1);
    rewriter.modifyOpInPlace(op, [&] {
      op.getXMutable().assign(wide);
      op.setLow(none);
      op.setHigh(none);
      op.setDilation(ones);
    });
    return success();
  }
};

/// What has no elements is a constant.
struct EmptyWindows : OpRewritePattern<ReduceWindowOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceWindowOp op, PatternRewriter &rewriter) const override {
    if (!isEmpty(shapeOf(op.getResult())))
      return failure();
    rewriter.replaceOp(op, GraphBuilder(rewriter, op.getLoc()).zeros(op.getType()));
    return success();
  }
};

} // namespace

void ReduceWindowOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<PadBeforeWindows, EmptyWindows>(context);
}

bool ReduceWindowOp::isLinearIn(unsigned operand) { return getKind() == ReduceKind::Add; }
bool ReduceWindowOp::isJointlyLinear() { return true; }

Value ReduceWindowOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  if (isEmpty(shapeOf(getResult())))
    return builder.zeros(getX().getType());
  // Each element's cotangent is the sum over the windows that hold it: windows over the cotangent, dilated by strides.
  Shape shape = shapeOf(getX());
  SmallVector<int64_t> low, high;
  for (size_t i = 0; i < shape.size(); ++i) {
    Backwards back = *backwards(slidingAlong(*this, shape, i));
    low.push_back(back.low);
    high.push_back(back.high);
  }
  Value made = builder.create<ReduceWindowOp>(cotangent, ReduceKind::Add, getSizes(), getDilation(), low, high,
                                              getStrides(), getWindowDilation());
  return arranged(builder, made, range(0, shape.size()), getX().getType());
}

/// Calls `visit` with each position of the window, row-major.
static void forEachPosition(ArrayRef<int64_t> sizes, function_ref<void(ArrayRef<int64_t>)> visit) {
  SmallVector<int64_t> at(sizes.size(), 0);
  while (true) {
    visit(at);
    int64_t dim = int64_t(sizes.size()) - 1;
    while (dim >= 0 && ++at[dim] == sizes[dim])
      at[dim--] = 0;
    if (dim < 0)
      return;
  }
}

Value ReduceWindowOp::jvp(GraphBuilder &builder, ValueRange primals, Value result, ValueRange tangents) {
  // min and max: at each position of the window, the elements that equal the result give their tangent; their sum is
  // shared equally. The share is counted in the accumulator's type.
  if (isEmpty(shapeOf(result)))
    return builder.zeros(result.getType());
  Type element = getElementTypeOrSelf(result), accumulator = accumulatorType(element);
  Value neutral = neutralScalar(builder, getKind(), element);
  Value x = padded(builder, primals[0], neutral, getLow(), getHigh(), getDilation());
  Value tangent = padded(builder, tangents[0], builder.zeros(RankedTensorType::get({}, element)), getLow(), getHigh(),
                         getDilation());
  Value sum, count, none = builder.zeros(result.getType());
  auto accumulate = [&](Value &total, Value term) { total = total ? builder.add(total, term) : term; };
  forEachPosition(getSizes(), [&](ArrayRef<int64_t> at) {
    SmallVector<int64_t> starts;
    for (auto [position, dilation] : llvm::zip(at, getWindowDilation()))
      starts.push_back(position * dilation);
    Value isResult = builder.eq(builder.slice(x, starts, getStrides(), result.getType()), result);
    accumulate(count, builder.convert(isResult, accumulator));
    accumulate(sum, builder.select(isResult, builder.slice(tangent, starts, getStrides(), result.getType()), none));
  });
  return builder.mul(builder.convert(builder.div(builder.c(count, 1), count), element), sum);
}

FusionKind ReduceWindowOp::getFusionKind() { return FusionKind::Other; }

LogicalResult ReduceWindowOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                    SmallVectorImpl<Value> &results) {
  auto behind = [](int64_t first, ArrayRef<int64_t> entries) { return joined({{first}, entries}); };
  results.push_back(ReduceWindowOp::create(batcher.builder, getLoc(), operands[0], getKind(), behind(1, getSizes()),
                                           behind(1, getStrides()), behind(0, getLow()), behind(0, getHigh()),
                                           behind(1, getDilation()), behind(1, getWindowDilation())));
  return success();
}

LogicalResult ReduceWindowOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  constexpr size_t kMostPositions = 4096, kPartials = 64;
  if (!isPlain(*this))
    return emitOpError("[WF1503] has no code with padding: simplification puts a pad before it");
  Type from = getX().getType(), to = getResult().getType();
  Type element = LowerContext::loweredElement(getElementTypeOrSelf(to)), accumulator = accumulatorType(element);
  Shape in = shapeOf(from), out = shapeOf(to);
  // One read for each position of the window, all at the result's index: they run along it in vectors.
  SmallVector<AffineMap> reads;
  SizeExpr positions = numElements(llvm::map_to_vector(getSizes(), [](int64_t n) { return SizeExpr(n); }));
  if (*positions.constant() > int64_t(kMostPositions))
    return emitOpError("[WF1507] windows of more than ")
           << kMostPositions << " elements have no code yet\n  Hint: fold the dimensions one after the other";
  forEachPosition(getSizes(), [&](ArrayRef<int64_t> at) {
    SmallVector<AffineExpr> read;
    for (auto [i, position] : llvm::enumerate(at))
      read.push_back(partOfDim(getAffineDimExpr(i, getContext()), position * getWindowDilation()[i], getStrides()[i],
                               out[i], in[i]));
    reads.push_back(AffineMap::get(read.size(), 0, read, getContext()));
  });
  if (isEmpty(out)) {
    results.push_back(context.fill(to, [&](OpBuilder &b, Location loc) -> Value {
      return arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
    }));
    return success();
  }
  SmallVector<Value> inputs(reads.size(), operands[0]);
  results.push_back(context.map(to, inputs, reads, [&](OpBuilder &b, Location loc, ValueRange v) {
    PayloadBuilder p = context.payload(b, from, to);
    Value neutral = arith::ConstantOp::create(b, loc, neutralElement(getKind(), accumulator, p.isUnsigned));
    // The order of reduce: partial results that begin as the neutral element (0 + -0 is 0), then folded by halves.
    SmallVector<Value> lanes(std::min(reads.size(), kPartials), neutral);
    for (auto [i, scalar] : llvm::enumerate(v.take_front(reads.size()))) {
      Value &lane = lanes[i % kPartials];
      lane = foldStep(p, getKind(), lane, LowerContext::widen(p, scalar));
    }
    for (size_t half = llvm::PowerOf2Ceil(lanes.size()) / 2; half; half /= 2)
      for (size_t j = 0; j + half < lanes.size() && j < half; ++j)
        lanes[j] = foldStep(p, getKind(), lanes[j], lanes[j + half]);
    return LowerContext::narrow(p, lanes[0], element);
  }));
  return success();
}

LogicalResult ReduceWindowOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                       SmallVectorImpl<Tensor> &results) {
  Type element = operands[0].getElementType();
  TypedAttr neutral = neutralElement(getKind(), element, element.isUnsignedInteger());
  auto scalar = Tensor::fromAttr(DenseElementsAttr::get(RankedTensorType::get({}, element), Attribute(neutral)));
  Tensor x = padded(operands[0], scalar->at(0), getLow(), getHigh(), getDilation());
  SmallVector<int64_t> shape, sizes, strides;
  auto steps = x.strides();
  int64_t extent = 1;
  for (int64_t i = 0; i < x.getRank(); ++i) {
    Sliding s{x.getShape()[i], getSizes()[i], getStrides()[i], 0, 0, 1, getWindowDilation()[i]};
    shape.push_back(*s.steps().constant());
    strides.push_back(steps[i] * getStrides()[i]);
  }
  if (llvm::is_contained(shape, 0)) {
    results.push_back(Tensor(element, shape));
    return success();
  }
  sizes = shape;
  for (int64_t i = 0; i < x.getRank(); ++i) {
    sizes.push_back(getSizes()[i]);
    strides.push_back(steps[i] * getWindowDilation()[i]);
    extent *= getSizes()[i];
  }
  results.push_back(foldRows(x.strided(sizes, 0, strides), shape, extent, getKind()));
  return success();
}
