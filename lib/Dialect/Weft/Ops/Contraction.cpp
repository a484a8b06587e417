// Decides the rules of sums of products; per op: verify | infer | fold | canonicalize | derivative | batch | lower |
// reference.
#include "DimensionNumbers.h"
#include "Folding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Contraction.cpp.inc"

//===-- dot -------------------------------------------------------------------------------------------------===//

static SmallVector<int64_t> freeDims(ArrayRef<int64_t> batch, ArrayRef<int64_t> contract, int64_t rank) {
  SmallVector<int64_t> dims;
  for (int64_t i = 0; i < rank; ++i)
    if (!llvm::is_contained(batch, i) && !llvm::is_contained(contract, i))
      dims.push_back(i);
  return dims;
}

template <class Op> static bool pairsDims(Op op, int64_t lhsRank, int64_t rhsRank) {
  return op.getLhsBatch().size() == op.getRhsBatch().size() &&
         op.getLhsContract().size() == op.getRhsContract().size() &&
         areDistinct({op.getLhsBatch(), op.getLhsContract()}, lhsRank) &&
         areDistinct({op.getRhsBatch(), op.getRhsContract()}, rhsRank);
}

LogicalResult DotOp::verify() {
  auto rankOf = [](Value v) { return cast<RankedTensorType>(v.getType()).getRank(); };
  return verifyPairs(*this, pairsDims(*this, rankOf(getLhs()), rankOf(getRhs())));
}

LogicalResult DotOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                      DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                      SmallVectorImpl<Type> &types) {
  DotOpAdaptor adaptor(operands, attributes, properties, regions);
  auto lhs = cast<RankedTensorType>(adaptor.getLhs().getType()),
       rhs = cast<RankedTensorType>(adaptor.getRhs().getType());
  if (!pairsDims(adaptor, lhs.getRank(), rhs.getRank()))
    return emitOptionalError(loc, "[WF1015] dot: expected paired, distinct dimensions below the ranks");
  Shape l = shapeOf(lhs), r = shapeOf(rhs), shape;
  for (int64_t dim : adaptor.getLhsBatch())
    shape.push_back(l[dim]);
  for (int64_t dim : freeDims(adaptor.getLhsBatch(), adaptor.getLhsContract(), lhs.getRank()))
    shape.push_back(l[dim]);
  for (int64_t dim : freeDims(adaptor.getRhsBatch(), adaptor.getRhsContract(), rhs.getRank()))
    shape.push_back(r[dim]);
  types.push_back(typeOf(shape, lhs.getElementType()));
  return success();
}

namespace {

/// dot(transpose(x), y) reads x itself where the free dimensions stay in order: the dimension numbers say the rest.
struct DotOfTranspose : OpRewritePattern<DotOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DotOp op, PatternRewriter &rewriter) const override {
    SmallVector<Location> merged{op.getLoc()};
    auto lhs = absorb(op.getLhs(), op.getLhsBatch(), op.getLhsContract(), merged);
    auto rhs = absorb(op.getRhs(), op.getRhsBatch(), op.getRhsContract(), merged);
    if (merged.size() == 1)
      return failure();
    Location loc = mergeLocations(op.getContext(), merged);
    rewriter.replaceOp(op,
                       DotOp::create(rewriter, loc, lhs.x, rhs.x, lhs.batch, rhs.batch, lhs.contract, rhs.contract));
    return success();
  }

private:
  struct Side {
    Value x;
    SmallVector<int64_t> batch, contract;
  };
  static Side absorb(Value x, ArrayRef<int64_t> batch, ArrayRef<int64_t> contract, SmallVector<Location> &merged) {
    Side side{x, SmallVector<int64_t>(batch), SmallVector<int64_t>(contract)};
    auto transpose = x.getDefiningOp<TransposeOp>();
    if (!transpose)
      return side;
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    auto through = [&](ArrayRef<int64_t> dims) {
      return llvm::map_to_vector(dims, [&](int64_t dim) { return permutation[dim]; });
    };
    if (!llvm::is_sorted(through(freeDims(batch, contract, permutation.size()))))
      return side;
    merged.push_back(transpose.getLoc());
    return {transpose.getX(), through(batch), through(contract)};
  }
};

} // namespace

void weft::populateContractionPatterns(RewritePatternSet &patterns) {
  patterns.add<DotOfTranspose>(patterns.getContext());
}

Value DotOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  // The product of the cotangent with the other operand over the other's free dimensions. Its result has the batch
  // dimensions, this operand's free ones and its contracted ones; `order` names each by this operand's dimension.
  bool left = operand == 0;
  auto batch = left ? getLhsBatch() : getRhsBatch(), otherBatch = left ? getRhsBatch() : getLhsBatch();
  auto contract = left ? getLhsContract() : getRhsContract(),
       otherContract = left ? getRhsContract() : getLhsContract();
  Value self = left ? getLhs() : getRhs(), other = operands[1 - operand];
  int64_t rank = cast<RankedTensorType>(self.getType()).getRank(),
          otherRank = cast<RankedTensorType>(other.getType()).getRank();
  SmallVector<int64_t> free = freeDims(batch, contract, rank),
                       otherFree = freeDims(otherBatch, otherContract, otherRank);
  // Dimensions of the cotangent: batch, free of lhs, free of rhs.
  int64_t numBatch = batch.size(), otherStart = left ? numBatch + int64_t(free.size()) : numBatch;
  auto range = [](int64_t start, int64_t size) { return llvm::to_vector(llvm::seq<int64_t>(start, start + size)); };
  SmallVector<int64_t> ctBatch = range(0, numBatch), ctContract = range(otherStart, otherFree.size());
  SmallVector<int64_t> pairs = range(0, contract.size()), order(batch);
  llvm::sort(pairs, [&](int64_t a, int64_t b) { return otherContract[a] < otherContract[b]; });
  auto appendContracted = [&] {
    for (int64_t pair : pairs)
      order.push_back(contract[pair]);
  };
  Value product;
  if (left) {
    product = builder.dot(cotangent, other, ctBatch, otherBatch, ctContract, otherFree);
    llvm::append_range(order, free);
    appendContracted();
  } else {
    product = builder.dot(other, cotangent, otherBatch, ctBatch, otherFree, ctContract);
    appendContracted();
    llvm::append_range(order, free);
  }
  SmallVector<int64_t> permutation(rank);
  for (auto [i, dim] : llvm::enumerate(order))
    permutation[dim] = i;
  return llvm::is_sorted(permutation) ? product : builder.transpose(product, permutation);
}

bool DotOp::isLinearIn(unsigned operand) { return true; }
bool DotOp::isJointlyLinear() { return false; }

FusionKind DotOp::getFusionKind() { return FusionKind::Contract; }

LogicalResult DotOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
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
  Value product = b.dot(operands[0], operands[1], lhsBatch, rhsBatch, shift(getLhsContract(), batched[0]),
                        shift(getRhsContract(), batched[1]));
  // An axis that one operand has alone is its first free dimension: the result has it there, not in front.
  int64_t axis = 0;
  if (!batched[1] || !batched[0])
    axis = getLhsBatch().size();
  if (!batched[0])
    axis += cast<RankedTensorType>(getLhs().getType()).getRank() - getLhsBatch().size() - getLhsContract().size();
  if (axis) {
    auto order = llvm::to_vector(llvm::seq<int64_t>(0, cast<RankedTensorType>(product.getType()).getRank()));
    std::rotate(order.begin(), order.begin() + axis, order.begin() + axis + 1);
    product = b.transpose(product, order);
  }
  results.push_back(product);
  return success();
}

LogicalResult DotOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type from = getLhs().getType(), to = getResult().getType();
  Type element = LowerContext::loweredElement(getElementTypeOrSelf(to)), accumulator = accumulatorType(element);
  Type sums = withElement(to, accumulator);
  int64_t lhsRank = cast<RankedTensorType>(from).getRank(),
          rhsRank = cast<RankedTensorType>(getRhs().getType()).getRank();
  // Loops: batch, free of lhs, free of rhs (the result's dimensions), then the contracted ones in their order.
  unsigned outer = cast<RankedTensorType>(to).getRank(), loops = outer + getLhsContract().size(), next = 0;
  SmallVector<AffineExpr> lhs(lhsRank), rhs(rhsRank);
  auto dim = [&] { return getAffineDimExpr(next++, getContext()); };
  for (auto [l, r] : llvm::zip(getLhsBatch(), getRhsBatch()))
    lhs[l] = rhs[r] = dim();
  for (int64_t l : freeDims(getLhsBatch(), getLhsContract(), lhsRank))
    lhs[l] = dim();
  for (int64_t r : freeDims(getRhsBatch(), getRhsContract(), rhsRank))
    rhs[r] = dim();
  for (auto [l, r] : llvm::zip(getLhsContract(), getRhsContract()))
    lhs[l] = rhs[r] = dim();
  SmallVector<utils::IteratorType> iterators(outer, utils::IteratorType::parallel);
  iterators.resize(loops, utils::IteratorType::reduction);
  SmallVector<AffineMap> maps{
      AffineMap::get(loops, 0, lhs, getContext()), AffineMap::get(loops, 0, rhs, getContext()), {}};
  SmallVector<AffineExpr> kept;
  for (unsigned i = 0; i < outer; ++i)
    kept.push_back(getAffineDimExpr(i, getContext()));
  maps[2] = AffineMap::get(loops, 0, kept, getContext()); // of no results where everything is folded
  Value start = context.fill(sums, [&](OpBuilder &b, Location loc) -> Value {
    return arith::ConstantOp::create(b, loc, b.getZeroAttr(accumulator));
  });
  Value sum = context.generic(sums, operands, maps, iterators, start, [&](OpBuilder &b, Location, ValueRange v) {
    PayloadBuilder p = context.payload(b, from, to);
    return p.add(p.mul(LowerContext::widen(p, v[0]), LowerContext::widen(p, v[1])), v[2]);
  });
  if (accumulator != element)
    sum = context.map(to, sum, context.identity(to), [&](OpBuilder &b, Location, ValueRange v) {
      PayloadBuilder p = context.payload(b, from, to);
      return LowerContext::narrow(p, v[0], element);
    });
  results.push_back(sum);
  return success();
}

/// acc[j] = a * b[j] + acc[j], one rounding each.
template <class T> static inline void multiplyAddRow(T a, const T *b, T *acc, int64_t n) {
  if constexpr (std::is_floating_point_v<T>)
    for (int64_t j = 0; j < n; ++j)
      acc[j] = std::fma(a, b[j], acc[j]);
  else
    for (int64_t j = 0; j < n; ++j)
      acc[j] += a * b[j];
}

/// Sums of one result row, k ascending.
template <class T> static inline void dotRow(const T *a, const T *b, T *acc, int64_t depth, int64_t n) {
  for (int64_t k = 0; k < depth; ++k)
    multiplyAddRow(a[k], b + k * n, acc, n);
}

// The same bits with the fma instruction of the machine, where it has one: without, fma is a slow call.
#if defined(__x86_64__)
template <class T>
__attribute__((target("avx2,fma"), flatten)) static void dotRowFma(const T *a, const T *b, T *acc, int64_t depth,
                                                                   int64_t n) {
  dotRow(a, b, acc, depth, n);
}
template <class T> static auto chooseDotRow() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? dotRowFma<T> : dotRow<T>;
}
#else
template <class T> static auto chooseDotRow() { return dotRow<T>; }
#endif

/// lhs as [batch, m, k], rhs as [batch, k, n].
template <class T>
static Tensor dotRows(const Tensor &lhs, const Tensor &rhs, ArrayRef<int64_t> shape, int64_t batch, int64_t m,
                      int64_t depth, int64_t n, const std::optional<Tensor> &there) {
  std::vector<T> a = lhs.values<T>(), b = rhs.values<T>(), acc(batch * m * n, T(0));
  auto row = chooseDotRow<T>();
  if (there) {
    std::vector<int64_t> is = there->values<int64_t>();
    for (int64_t i = 0; i < batch * m * depth; ++i)
      if (int64_t at = i / depth; is[i])
        row(&a[i], &b[(at / m * depth + i % depth) * n], &acc[at * n], 1, n);
    return Tensor::of<T>(lhs.getElementType(), shape, acc);
  }
  for (int64_t i = 0; i < batch * m; ++i)
    row(a.data() + i * depth, b.data() + i / m * depth * n, acc.data() + i * n, depth, n);
  return Tensor::of<T>(lhs.getElementType(), shape, acc);
}

Tensor weft::sumProducts(const Tensor &lhs, const Tensor &rhs, ArrayRef<int64_t> shape, int64_t batch, int64_t m,
                         int64_t depth, int64_t n, const std::optional<Tensor> &there) {
  Type element = lhs.getElementType();
  return element.isF64()           ? dotRows<double>(lhs, rhs, shape, batch, m, depth, n, there)
         : isa<FloatType>(element) ? dotRows<float>(lhs, rhs, shape, batch, m, depth, n, there)
                                   : dotRows<uint64_t>(lhs, rhs, shape, batch, m, depth, n, there);
}

LogicalResult DotOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  SmallVector<int64_t> shape;
  int64_t batch = 1, m = 1, depth = 1, n = 1;
  auto arrange = [&](const Tensor &x, ArrayRef<ArrayRef<int64_t>> groups) {
    SmallVector<int64_t> sizes, strides;
    for (int64_t dim : llvm::concat<const int64_t>(groups[0], groups[1], groups[2])) {
      sizes.push_back(x.getShape()[dim]);
      strides.push_back(x.strides()[dim]);
    }
    return x.strided(sizes, 0, strides);
  };
  auto count = [&](const Tensor &x, ArrayRef<int64_t> dims, int64_t &product, bool inResult) {
    for (int64_t dim : dims) {
      product *= x.getShape()[dim];
      if (inResult)
        shape.push_back(x.getShape()[dim]);
    }
  };
  SmallVector<int64_t> lhsFree = freeDims(getLhsBatch(), getLhsContract(), operands[0].getRank());
  SmallVector<int64_t> rhsFree = freeDims(getRhsBatch(), getRhsContract(), operands[1].getRank());
  count(operands[0], getLhsBatch(), batch, true);
  count(operands[0], lhsFree, m, true);
  count(operands[1], rhsFree, n, true);
  count(operands[0], getLhsContract(), depth, false);
  Tensor lhs = arrange(operands[0], {getLhsBatch(), lhsFree, getLhsContract()});
  Tensor rhs = arrange(operands[1], {getRhsBatch(), getRhsContract(), rhsFree});
  results.push_back(sumProducts(lhs, rhs, shape, batch, m, depth, n));
  return success();
}
