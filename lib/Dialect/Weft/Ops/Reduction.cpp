// Decides the rules of folding of dimensions; per op: verify | infer | fold | canonicalize | derivative | batch | lower
// | reference.
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
#include "weft/Dialect/Weft/Ops/Reduction.cpp.inc"

//===-- reduce ----------------------------------------------------------------------------------------------===//

LogicalResult ReduceOp::verify() {
  if (isa<KeyType>(getElementTypeOrSelf(getX())))
    return emitOpError("[WF1022] folds numbers, not keys");
  int64_t rank = cast<RankedTensorType>(getX().getType()).getRank(), last = -1;
  for (int64_t dim : getDims()) {
    if (dim <= last || dim >= rank)
      return emitOpError("[WF1015] expected sorted, distinct dims below the rank ") << rank << ", got " << getDims();
    last = dim;
  }
  Type element = getElementTypeOrSelf(getX());
  bool bitwise = getKind() == ReduceKind::And || getKind() == ReduceKind::Or;
  if (bitwise && isa<FloatType>(element))
    return emitOpError("[WF1021] and, or fold bool or integers, got ") << element;
  if (!bitwise && element.isInteger(1))
    return emitOpError("[WF1021] bool folds by and, or, got ") << stringifyReduceKind(getKind());
  return success();
}

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                         DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                         SmallVectorImpl<Type> &types) {
  ReduceOpAdaptor adaptor(operands, attributes, properties, regions);
  auto type = cast<RankedTensorType>(adaptor.getX().getType());
  Shape shape;
  for (auto [i, size] : llvm::enumerate(shapeOf(type)))
    if (!llvm::is_contained(adaptor.getDims(), int64_t(i)))
      shape.push_back(size);
  types.push_back(typeOf(shape, type.getElementType()));
  return success();
}

/// reduce(transpose(x)) reads x itself where neither the kept nor the folded dimensions change their order among
/// themselves: then the order of folding stays. Not where the rows that it folds are computed with as well: one kernel
/// reads them once for both.
static bool foldThroughTranspose(ReduceOp op, TransposeOp transpose) {
  if (llvm::is_contained(op.getDims(), int64_t(transpose.getPermutation().size()) - 1) &&
      llvm::any_of(transpose->getUsers(), llvm::IsaPred<ElementwiseOpInterface>))
    return false;
  SmallVector<int64_t> kept, folded;
  for (auto [i, dim] : llvm::enumerate(transpose.getPermutation()))
    (llvm::is_contained(op.getDims(), int64_t(i)) ? folded : kept).push_back(dim);
  if (!llvm::is_sorted(kept) || !llvm::is_sorted(folded))
    return false;
  op.setDims(folded);
  op->setOperand(0, transpose.getX());
  return true;
}

/// reduce(reduce(x)) is one reduction where the order of folding does not matter: not for sums and products of floats.
static bool foldTwoReductions(ReduceOp op, ReduceOp inner) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(op.getX()));
  bool ordered = isFloat && (op.getKind() == ReduceKind::Add || op.getKind() == ReduceKind::Mul);
  if (inner.getKind() != op.getKind() || ordered || !inner->hasOneUse())
    return false;
  SmallVector<int64_t> dims(inner.getDims());
  int64_t result = 0;
  for (int64_t i = 0, rank = cast<RankedTensorType>(inner.getX().getType()).getRank(); i < rank; ++i)
    if (!llvm::is_contained(inner.getDims(), i) && llvm::is_contained(op.getDims(), result++))
      dims.push_back(i);
  llvm::sort(dims);
  op.setDims(dims);
  op->setOperand(0, inner.getX());
  return true;
}

OpFoldResult ReduceOp::fold(FoldAdaptor adaptor) {
  if (getDims().empty())
    return getX();
  if (auto transpose = getX().getDefiningOp<TransposeOp>())
    return foldThroughTranspose(*this, transpose) ? OpFoldResult(getResult()) : OpFoldResult();
  if (auto inner = getX().getDefiningOp<ReduceOp>())
    return foldTwoReductions(*this, inner) ? OpFoldResult(getResult()) : OpFoldResult();
  return {};
}

bool ReduceOp::isLinearIn(unsigned operand) { return getKind() == ReduceKind::Add; }
bool ReduceOp::isJointlyLinear() { return true; }

/// The dimensions that stay, ascending.
static SmallVector<int64_t> keptDims(ReduceOp op) {
  SmallVector<int64_t> kept;
  for (int64_t i = 0, rank = cast<RankedTensorType>(op.getX().getType()).getRank(); i < rank; ++i)
    if (!llvm::is_contained(op.getDims(), i))
      kept.push_back(i);
  return kept;
}

Value ReduceOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  return builder.broadcast(cotangent, getX().getType(), keptDims(*this));
}

/// min and max: the elements that equal the result share its tangent equally. The share is counted in the accumulator's
/// type, since f16 cannot count beyond 2048.
static Value extremumJvp(ReduceOp op, GraphBuilder &b, Value x, Value result, Value tangent) {
  SmallVector<int64_t> kept = keptDims(op);
  Type element = getElementTypeOrSelf(x), accumulator = accumulatorType(element);
  Value isResult = b.eq(x, b.broadcast(result, x.getType(), kept));
  Value count = b.reduce(b.convert(isResult, accumulator), ReduceKind::Add, op.getDims());
  Value share = b.convert(b.div(b.c(count, 1), count), element);
  Value sum = b.reduce(b.select(isResult, tangent, b.zeros(tangent.getType())), ReduceKind::Add, op.getDims());
  return b.mul(share, sum);
}

/// Products: along one last dimension of known size, a tree of pairwise products, each with its own derivative, so that
/// zeros are right at any order; along one of a named size, the products of all others by a mask of [n, n].
static Value productJvp(ReduceOp op, GraphBuilder &b, Value x, Value tangent) {
  Shape shape = shapeOf(x), flat;
  SmallVector<int64_t> order = keptDims(op);
  SizeExpr n(1);
  for (int64_t dim : order)
    flat.push_back(shape[dim]);
  for (int64_t dim : op.getDims()) {
    order.push_back(dim);
    n = n * shape[dim];
  }
  flat.push_back(n);
  Type element = getElementTypeOrSelf(x);
  unsigned last = flat.size() - 1;
  auto flatten = [&](Value v) {
    return b.reshape(llvm::is_sorted(order) ? v : b.transpose(v, order), typeOf(flat, element));
  };
  x = flatten(x);
  tangent = flatten(tangent);
  if (n == SizeExpr(0))
    return b.zeros(op.getResult().getType());
  if (!n.constant()) {
    Shape square = flat;
    square.push_back(n);
    Type index = b.builder.getI64Type();
    auto squareType = typeOf(square, element), indexType = typeOf(square, index);
    auto iota = [&](unsigned dim) { return b.create<IotaOp>(indexType, b.builder.getI64IntegerAttr(dim)).getResult(); };
    SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, last));
    dims.push_back(last + 1);
    Value self = b.eq(iota(last), iota(last + 1));
    Value others = b.select(self, b.splat(squareType, 1), b.broadcast(x, squareType, dims));
    return b.reduce(b.mul(b.reduce(others, ReduceKind::Mul, {int64_t(last) + 1}), tangent), ReduceKind::Add,
                    {int64_t(last)});
  }
  SmallVector<int64_t> strides(flat.size(), 1);
  for (int64_t size = *n.constant(); size > 1; size = size / 2 + size % 2) {
    auto part = [&](Value v, int64_t start, int64_t width) {
      SmallVector<int64_t> starts(flat.size(), 0);
      starts[last] = start;
      flat[last] = SizeExpr(width);
      return b.slice(v, starts, strides, typeOf(flat, element));
    };
    int64_t half = size / 2;
    Value left = part(x, 0, half), right = part(x, half, half);
    Value product = b.mul(left, right);
    Value change = b.add(b.mul(right, part(tangent, 0, half)), b.mul(left, part(tangent, half, half)));
    if (size % 2) {
      auto join = [&](Value v, Value odd) {
        return b.create<ConcatOp>(ValueRange{v, odd}, b.builder.getI64IntegerAttr(last)).getResult();
      };
      product = join(product, part(x, size - 1, 1));
      change = join(change, part(tangent, size - 1, 1));
    }
    x = product;
    tangent = change;
  }
  return b.reshape(tangent, op.getResult().getType());
}

Value ReduceOp::jvp(GraphBuilder &builder, ValueRange primals, Value result, ValueRange tangents) {
  if (getKind() == ReduceKind::Mul)
    return productJvp(*this, builder, primals.front(), tangents.front());
  return extremumJvp(*this, builder, primals.front(), result, tangents.front());
}

FusionKind ReduceOp::getFusionKind() { return FusionKind::Reduce; }

/// Dimensions of an operand, where a batch axis stands in front of them.
static SmallVector<int64_t> behindBatch(ArrayRef<int64_t> dims) {
  return llvm::map_to_vector(dims, [](int64_t dim) { return dim + 1; });
}

LogicalResult ReduceOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                              SmallVectorImpl<Value> &results) {
  GraphBuilder b(batcher.builder, getLoc());
  results.push_back(b.reduce(operands[0], getKind(), behindBatch(getDims())));
  return success();
}

TypedAttr weft::neutralElement(ReduceKind kind, Type element, bool isUnsigned) {
  if (auto f = dyn_cast<FloatType>(element)) {
    double infinity = std::numeric_limits<double>::infinity();
    double value = kind == ReduceKind::Mul   ? 1
                   : kind == ReduceKind::Min ? infinity
                   : kind == ReduceKind::Max ? -infinity
                                             : 0;
    return FloatAttr::get(f, value);
  }
  unsigned width = element.getIntOrFloatBitWidth();
  APInt value(width, kind == ReduceKind::Mul ? 1 : 0);
  if (kind == ReduceKind::And)
    value = APInt::getAllOnes(width);
  if (kind == ReduceKind::Min)
    value = isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  if (kind == ReduceKind::Max)
    value = isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  return IntegerAttr::get(element, value);
}

/// One step of a reduction, for ScalarEval and PayloadBuilder alike.
template <class E> static typename E::V combine(E &e, ReduceKind kind, typename E::V x, typename E::V y) {
  switch (kind) {
  case ReduceKind::Add:
    return e.add(x, y);
  case ReduceKind::Mul:
    return e.mul(x, y);
  case ReduceKind::Min:
    return e.min(x, y);
  case ReduceKind::Max:
    return e.max(x, y);
  case ReduceKind::And:
    return e.and_(x, y);
  case ReduceKind::Or:
    return e.or_(x, y);
  }
  llvm_unreachable("a reduce kind");
}

Value weft::foldStep(PayloadBuilder &p, ReduceKind kind, Value x, Value y) { return combine(p, kind, x, y); }

LogicalResult ReduceOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type from = getX().getType(), to = getResult().getType();
  Type element = LowerContext::loweredElement(getElementTypeOrSelf(to)), accumulator = accumulatorType(element);
  if (!element.isIntOrFloat())
    return emitOpError("[WF1507] elements of type ") << element << " have no code yet";
  Type sums = withElement(to, accumulator);
  Value start = context.fill(sums, [&](OpBuilder &b, Location) {
    PayloadBuilder p = context.payload(b, from, to);
    return arith::ConstantOp::create(b, p.loc, neutralElement(getKind(), accumulator, p.isUnsigned));
  });
  AffineMap all = context.identity(from);
  SmallVector<utils::IteratorType> iterators(all.getNumDims(), utils::IteratorType::parallel);
  SmallVector<AffineExpr> kept;
  for (unsigned i = 0; i < all.getNumDims(); ++i)
    if (llvm::is_contained(getDims(), int64_t(i)))
      iterators[i] = utils::IteratorType::reduction;
    else
      kept.push_back(all.getResult(i));
  AffineMap out = AffineMap::get(all.getNumDims(), 0, kept, getContext());
  Value folded =
      context.generic(sums, operands, {all, out}, iterators, start, [&](OpBuilder &b, Location, ValueRange v) {
        PayloadBuilder p = context.payload(b, from, to);
        return combine(p, getKind(), LowerContext::widen(p, v[0]), v[1]);
      });
  if (accumulator != element)
    folded = context.map(to, folded, context.identity(to), [&](OpBuilder &b, Location, ValueRange v) {
      PayloadBuilder p = context.payload(b, from, to);
      return LowerContext::narrow(p, v[0], element);
    });
  results.push_back(folded);
  return success();
}

namespace {

/// The numbers that reductions work on, natively; integers in 64 bits, which wrap to any narrower width in the end.
template <class T> struct Native {
  using V = T;
  T add(T x, T y) { return x + y; }
  T mul(T x, T y) { return x * y; }
  T min(T x, T y) { return minimumOf(x, y); }
  T max(T x, T y) { return maximumOf(x, y); }
  T and_(T x, T y) {
    if constexpr (std::is_integral_v<T>)
      return x & y;
    llvm_unreachable("floats have no bits to fold");
  }
  T or_(T x, T y) {
    if constexpr (std::is_integral_v<T>)
      return x | y;
    llvm_unreachable("floats have no bits to fold");
  }

private:
  static T minimumOf(T x, T y) {
    if constexpr (std::is_integral_v<T>)
      return std::min(x, y);
    else
      return minimum(x, y);
  }
  static T maximumOf(T x, T y) {
    if constexpr (std::is_integral_v<T>)
      return std::max(x, y);
    else
      return maximum(x, y);
  }
};
/// Signed sums and products wrap, which C++ gives only to unsigned ones.
template <> int64_t Native<int64_t>::add(int64_t x, int64_t y) { return int64_t(uint64_t(x) + uint64_t(y)); }
template <> int64_t Native<int64_t>::mul(int64_t x, int64_t y) { return int64_t(uint64_t(x) * uint64_t(y)); }

/// Folds by halves: element j takes in element j + half, for each half from the power of two below the count.
template <class T> T foldByHalves(std::vector<T> &v, ReduceKind kind, T identity) {
  Native<T> e;
  v.resize(llvm::PowerOf2Ceil(v.size()), identity);
  for (size_t half = v.size() / 2; half; half /= 2)
    for (size_t j = 0; j < half; ++j)
      v[j] = combine(e, kind, v[j], v[j + half]);
  return v[0];
}

/// The order of every reduction: 64 strided partial results per chunk of 65,536 elements, folded by halves; then the
/// chunks' results, folded by halves.
template <class T> T reduceOrder(const T *x, int64_t n, ReduceKind kind, T identity) {
  constexpr int64_t kLanes = 64, kChunk = 65536;
  Native<T> e;
  std::vector<T> chunks, lanes;
  for (int64_t start = 0; start < n; start += kChunk) {
    lanes.assign(kLanes, identity);
    for (int64_t i = 0, size = std::min(kChunk, n - start); i < size; ++i)
      lanes[i % kLanes] = combine(e, kind, lanes[i % kLanes], x[start + i]);
    chunks.push_back(foldByHalves(lanes, kind, identity));
  }
  return chunks.empty() ? identity : foldByHalves(chunks, kind, identity);
}

template <class T> T identityNumber(ReduceKind kind, Type element) {
  double infinity = std::numeric_limits<double>::infinity();
  ScalarEval e;
  Scalar like = isa<FloatType>(element) ? Scalar::ofFloat(element, 0) : Scalar::ofInt(element, 0);
  // Converting saturates: infinities become the greatest and least integers.
  auto bound = [&](double value) {
    return e.convert(Scalar::ofFloat(Float64Type::get(element.getContext()), value), element);
  };
  Scalar s = kind == ReduceKind::Mul   ? e.c(like, 1)
             : kind == ReduceKind::Min ? bound(infinity)
             : kind == ReduceKind::Max ? bound(-infinity)
             : kind == ReduceKind::And ? e.not_(like)
                                       : like;
  return s.isFloat() ? T(s.f) : T(s.i);
}

template <class T> Tensor reduceRows(const Tensor &rows, ArrayRef<int64_t> shape, int64_t extent, ReduceKind kind) {
  std::vector<T> in = rows.values<T>(), out(rows.getNumElements() / std::max<int64_t>(extent, 1));
  T identity = identityNumber<T>(kind, rows.getElementType());
  if (!extent) {
    Tensor empty(rows.getElementType(), shape);
    out.assign(empty.getNumElements(), identity);
  } else {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = reduceOrder(in.data() + i * extent, extent, kind, identity);
  }
  return Tensor::of<T>(rows.getElementType(), shape, out);
}

} // namespace

Tensor weft::foldRows(const Tensor &rows, ArrayRef<int64_t> shape, int64_t extent, ReduceKind kind) {
  Type element = rows.getElementType();
  return element.isF64()                                       ? reduceRows<double>(rows, shape, extent, kind)
         : isa<FloatType>(element)                             ? reduceRows<float>(rows, shape, extent, kind)
         : element.isUnsignedInteger() || element.isInteger(1) ? reduceRows<uint64_t>(rows, shape, extent, kind)
                                                               : reduceRows<int64_t>(rows, shape, extent, kind);
}

LogicalResult ReduceOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                 SmallVectorImpl<Tensor> &results) {
  const Tensor &x = operands[0];
  // The reduced dimensions to the end, in row-major order.
  SmallVector<int64_t> order, shape, sizes, strides;
  for (int64_t i = 0; i < x.getRank(); ++i)
    if (!llvm::is_contained(getDims(), i)) {
      order.push_back(i);
      shape.push_back(x.getShape()[i]);
    }
  llvm::append_range(order, getDims());
  int64_t extent = 1;
  for (int64_t dim : order) {
    sizes.push_back(x.getShape()[dim]);
    strides.push_back(x.strides()[dim]);
  }
  for (int64_t dim : getDims())
    extent *= x.getShape()[dim];
  Tensor rows = x.strided(sizes, 0, strides);
  results.push_back(foldRows(rows, shape, extent, getKind()));
  return success();
}

//===-- cumulative ------------------------------------------------------------------------------------------===//

LogicalResult CumulativeOp::verify() {
  int64_t rank = cast<RankedTensorType>(getX().getType()).getRank(), dim = getDim();
  if (dim < 0 || dim >= rank)
    return emitOpError("[WF1015] expected a dimension below the rank ") << rank << ", got " << dim;
  if (getKind() == ReduceKind::And || getKind() == ReduceKind::Or)
    return emitOpError("[WF1021] folds with add, mul, min, max, got ") << stringifyReduceKind(getKind());
  return success();
}

LogicalResult CumulativeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                             DictionaryAttr attributes, OpaqueProperties properties,
                                             RegionRange regions, SmallVectorImpl<Type> &types) {
  types.push_back(operands[0].getType());
  return success();
}

bool CumulativeOp::isLinearIn(unsigned operand) { return getKind() == ReduceKind::Add; }
bool CumulativeOp::isJointlyLinear() { return true; }

Value CumulativeOp::transposeTo(GraphBuilder &b, unsigned operand, ValueRange operands, Value cotangent) {
  return b.create<CumulativeOp>(cotangent, getKind(), getDim(), !getReverse());
}

/// min and max: the last element met that equals the result gives its tangent. Its position is a running maximum (met
/// from the end: minimum) of positions.
static Value runningExtremumJvp(CumulativeOp op, GraphBuilder &b, Value x, Value result, Value tangent) {
  Type positions = withElement(x.getType(), b.builder.getI64Type());
  Value position = b.create<IotaOp>(positions, op.getDim());
  Value none = op.getReverse() ? b.splat(positions, double(int64_t(1) << 62)) : b.zeros(positions);
  Value latest =
      b.create<CumulativeOp>(b.select(b.eq(x, result), position, none),
                             op.getReverse() ? ReduceKind::Min : ReduceKind::Max, op.getDim(), op.getReverse());
  return b.takeAlong(tangent, latest, op.getDim());
}

/// Products: where no element so far is 0, the result times the sum of tangent / element; from the first 0 on, its
/// tangent times the product of all others (which a second 0 makes 0).
static Value runningProductJvp(CumulativeOp op, GraphBuilder &b, Value x, Value result, Value tangent) {
  auto running = [&](Value v, ReduceKind kind) -> Value {
    return b.create<CumulativeOp>(v, kind, op.getDim(), op.getReverse());
  };
  Type type = x.getType(), index = b.builder.getI64Type();
  Value zero = b.eq(x, b.zeros(type)), count = running(b.convert(zero, index), ReduceKind::Add);
  Value none = b.eq(count, b.c(count, 0)), one = b.splat(type, 1), nothing = b.zeros(type);
  Value first = b.select(b.eq(count, b.c(count, 1)), zero, b.zeros(zero.getType()));
  Value others = running(b.select(first, one, x), ReduceKind::Mul);
  Value sum = running(b.select(none, b.div(tangent, b.select(zero, one, x)), nothing), ReduceKind::Add);
  Value atZero = running(b.select(first, tangent, nothing), ReduceKind::Add);
  return b.select(none, b.mul(result, sum), b.mul(others, atZero));
}

Value CumulativeOp::jvp(GraphBuilder &builder, ValueRange primals, Value result, ValueRange tangents) {
  if (getKind() == ReduceKind::Mul)
    return runningProductJvp(*this, builder, primals[0], result, tangents[0]);
  return runningExtremumJvp(*this, builder, primals[0], result, tangents[0]);
}

FusionKind CumulativeOp::getFusionKind() { return FusionKind::Other; }

LogicalResult CumulativeOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                  SmallVectorImpl<Value> &results) {
  results.push_back(
      CumulativeOp::create(batcher.builder, getLoc(), operands[0], getKind(), getDim() + 1, getReverse()));
  return success();
}

LogicalResult CumulativeOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type type = getX().getType();
  Type element = LowerContext::loweredElement(getElementTypeOrSelf(type)), accumulator = accumulatorType(element);
  Type folded = accumulator == element ? type : Type(withElement(type, accumulator));
  Value start = context.fill(folded, [&](OpBuilder &b, Location loc) -> Value {
    bool isUnsigned = context.payload(b, type, type).isUnsigned;
    return arith::ConstantOp::create(b, loc, neutralElement(getKind(), accumulator, isUnsigned));
  });
  Value running =
      context.scan(folded, operands[0], getDim(), getReverse(), start, [&](OpBuilder &b, Location, ValueRange v) {
        PayloadBuilder p = context.payload(b, type, type);
        return combine(p, getKind(), LowerContext::widen(p, v[0]), v[1]);
      });
  if (accumulator != element)
    running = context.map(type, running, context.identity(type), [&](OpBuilder &b, Location, ValueRange v) {
      PayloadBuilder p = context.payload(b, type, type);
      return LowerContext::narrow(p, v[0], element);
    });
  results.push_back(running);
  return success();
}

/// The order of every running fold: blocks of 16 elements. In a block, at step s = 1, 2, 4, 8 every element whose
/// position has the bit s takes in the last element before its group of s; then all take in what came before the block.
template <class T> static void cumulativeOrder(T *x, int64_t n, int64_t stride, ReduceKind kind, T identity) {
  constexpr int64_t kBlock = 16;
  Native<T> e;
  T before = identity;
  for (int64_t start = 0; start < n; start += kBlock) {
    int64_t size = std::min(kBlock, n - start);
    T *block = x + start * stride;
    for (int64_t s = 1; s < kBlock; s *= 2)
      for (int64_t j = 0; j < size; ++j)
        if (j & s)
          block[j * stride] = combine(e, kind, block[(j / s * s - 1) * stride], block[j * stride]);
    for (int64_t j = 0; j < size; ++j)
      block[j * stride] = combine(e, kind, before, block[j * stride]);
    before = block[(size - 1) * stride];
  }
}

template <class T> static Tensor cumulativeRows(CumulativeOp op, const Tensor &x) {
  std::vector<T> v = x.values<T>();
  int64_t n = x.getShape()[op.getDim()], stride = x.strides()[op.getDim()];
  T identity = identityNumber<T>(op.getKind(), x.getElementType());
  for (int64_t i = 0, end = v.size(); i < end; ++i)
    if (i / stride % n == 0) // a row starts
      cumulativeOrder(v.data() + i + (op.getReverse() ? (n - 1) * stride : 0), n, op.getReverse() ? -stride : stride,
                      op.getKind(), identity);
  return Tensor::of<T>(x.getElementType(), x.getShape(), v);
}

LogicalResult CumulativeOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                     SmallVectorImpl<Tensor> &results) {
  Type element = operands[0].getElementType();
  results.push_back(element.isF64()               ? cumulativeRows<double>(*this, operands[0])
                    : isa<FloatType>(element)     ? cumulativeRows<float>(*this, operands[0])
                    : element.isUnsignedInteger() ? cumulativeRows<uint64_t>(*this, operands[0])
                                                  : cumulativeRows<int64_t>(*this, operands[0]));
  return success();
}
