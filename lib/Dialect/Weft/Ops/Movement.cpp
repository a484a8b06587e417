// Decides the rules of rearranging elements; per op: verify | infer | fold | canonicalize | derivative | batch | lower | reference.
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Movement.cpp.inc"

/// The sizes of an op's result in the interpreter's frame.
static FailureOr<SmallVector<int64_t, 4>> resultShape(Operation *op, Interpreter &interpreter) {
  auto shape = interpreter.shape(op->getResult(0).getType());
  if (!shape)
    return op->emitOpError("[WF1404] the sizes of ") << op->getResult(0).getType() << " have no value here";
  return *shape;
}

static Value copyScalar(OpBuilder &, Location, ValueRange v) { return v[0]; }

//===-- reshape ---------------------------------------------------------------------------------------------===//

LogicalResult ReshapeOp::verify() {
  if (getElementTypeOrSelf(getX()) != getElementTypeOrSelf(getResult()))
    return emitOpError("[WF1021] cannot change the element type");
  SizeExpr from = numElements(shapeOf(getX())), to = numElements(shapeOf(getResult()));
  if (from != to)
    return emitOpError("[WF1013] expected as many elements in the result as in the operand, got ")
           << to.str() << " and " << from.str();
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) { return {}; }

void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {}

Value ReshapeOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  return builder.reshape(cotangent, getX().getType());
}

bool ReshapeOp::isLinearIn(unsigned operand) { return true; }
bool ReshapeOp::isJointlyLinear() { return true; }

FusionKind ReshapeOp::getFusionKind() { return FusionKind::Alias; }

LogicalResult ReshapeOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult ReshapeOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  return emitOpError("[WF1503] has no code: it stands between kernels, never in one");
}

LogicalResult ReshapeOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto shape = resultShape(*this, interpreter);
  if (failed(shape))
    return failure();
  results.push_back(operands[0].reshaped(*shape));
  return success();
}

//===-- broadcast -------------------------------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  if (getElementTypeOrSelf(getX()) != getElementTypeOrSelf(getResult()))
    return emitOpError("[WF1021] cannot change the element type");
  if (getDims().size() != from.size())
    return emitOpError("[WF1015] expected one entry of dims per operand dimension");
  int64_t last = -1;
  for (auto [i, dim] : llvm::enumerate(getDims())) {
    if (dim <= last || dim >= int64_t(to.size()))
      return emitOpError("[WF1015] expected ascending dims below the result's rank, got ") << getDims();
    if (from[i] != to[dim] && from[i] != SizeExpr(1))
      return emitOpError("[WF1014] operand dimension ") << i << " of size " << from[i].str()
             << " cannot become result dimension " << dim << " of size " << to[dim].str();
    last = dim;
  }
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) { return {}; }

void BroadcastOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {}

Value BroadcastOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  // What was repeated is summed; dimensions of size 1 that were widened come back by the reshape.
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  SmallVector<bool> kept(to.size(), false);
  for (auto [i, dim] : llvm::enumerate(getDims()))
    kept[dim] = from[i] == to[dim];
  SmallVector<int64_t> repeated;
  for (size_t i = 0; i < to.size(); ++i)
    if (!kept[i])
      repeated.push_back(i);
  return builder.reshape(builder.reduce(cotangent, ReduceKind::Add, repeated), getX().getType());
}

bool BroadcastOp::isLinearIn(unsigned operand) { return true; }
bool BroadcastOp::isJointlyLinear() { return true; }

FusionKind BroadcastOp::getFusionKind() { return FusionKind::View; }

LogicalResult BroadcastOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult BroadcastOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  SmallVector<AffineExpr> reads;
  for (auto [i, dim] : llvm::enumerate(getDims()))
    reads.push_back(from[i] == to[dim] ? getAffineDimExpr(dim, getContext()) : getAffineConstantExpr(0, getContext()));
  AffineMap map = AffineMap::get(to.size(), 0, reads, getContext());
  results.push_back(context.map(getResult().getType(), operands, map, copyScalar));
  return success();
}

LogicalResult BroadcastOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto shape = resultShape(*this, interpreter);
  if (failed(shape))
    return failure();
  SmallVector<int64_t> strides(shape->size(), 0);
  for (auto [i, dim] : llvm::enumerate(getDims()))
    strides[dim] = operands[0].getShape()[i] == 1 ? 0 : operands[0].strides()[i];
  results.push_back(operands[0].strided(*shape, 0, strides));
  return success();
}

//===-- transpose -------------------------------------------------------------------------------------------===//

static bool isPermutation(ArrayRef<int64_t> permutation, int64_t rank) {
  SmallVector<bool> seen(rank, false);
  for (int64_t dim : permutation) {
    if (dim < 0 || dim >= rank || seen[dim])
      return false;
    seen[dim] = true;
  }
  return int64_t(permutation.size()) == rank;
}

LogicalResult TransposeOp::verify() {
  if (!isPermutation(getPermutation(), cast<RankedTensorType>(getX().getType()).getRank()))
    return emitOpError("[WF1015] expected a permutation of the operand's dimensions, got ") << getPermutation();
  return success();
}

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  TransposeOpAdaptor adaptor(operands, attributes, properties, regions);
  auto type = cast<RankedTensorType>(adaptor.getX().getType());
  if (!isPermutation(adaptor.getPermutation(), type.getRank()))
    return emitOptionalError(loc, "[WF1015] transpose: expected a permutation of the operand's dimensions");
  Shape from = shapeOf(type), shape;
  for (int64_t dim : adaptor.getPermutation())
    shape.push_back(from[dim]);
  types.push_back(typeOf(shape, type.getElementType()));
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) { return {}; }

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {}

Value TransposeOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  SmallVector<int64_t> inverse(getPermutation().size());
  for (auto [i, dim] : llvm::enumerate(getPermutation()))
    inverse[dim] = i;
  return builder.transpose(cotangent, inverse);
}

bool TransposeOp::isLinearIn(unsigned operand) { return true; }
bool TransposeOp::isJointlyLinear() { return true; }

FusionKind TransposeOp::getFusionKind() { return FusionKind::View; }

LogicalResult TransposeOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult TransposeOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  SmallVector<AffineExpr> reads(getPermutation().size());
  for (auto [i, dim] : llvm::enumerate(getPermutation()))
    reads[dim] = getAffineDimExpr(i, getContext());
  AffineMap map = AffineMap::get(reads.size(), 0, reads, getContext());
  results.push_back(context.map(getResult().getType(), operands, map, copyScalar));
  return success();
}

LogicalResult TransposeOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  SmallVector<int64_t> shape, strides;
  for (int64_t dim : getPermutation()) {
    shape.push_back(operands[0].getShape()[dim]);
    strides.push_back(operands[0].strides()[dim]);
  }
  results.push_back(operands[0].strided(shape, 0, strides));
  return success();
}

//===-- reverse ---------------------------------------------------------------------------------------------===//

LogicalResult ReverseOp::verify() {
  int64_t rank = cast<RankedTensorType>(getX().getType()).getRank(), last = -1;
  for (int64_t dim : getDims()) {
    if (dim <= last || dim >= rank)
      return emitOpError("[WF1015] expected sorted, distinct dims below the rank, got ") << getDims();
    last = dim;
  }
  return success();
}

LogicalResult ReverseOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  ReverseOpAdaptor adaptor(operands, attributes, properties, regions);
  types.push_back(adaptor.getX().getType());
  return success();
}

OpFoldResult ReverseOp::fold(FoldAdaptor adaptor) { return {}; }

Value ReverseOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  return builder.create<ReverseOp>(cotangent, getDims());
}

bool ReverseOp::isLinearIn(unsigned operand) { return true; }
bool ReverseOp::isJointlyLinear() { return true; }

FusionKind ReverseOp::getFusionKind() { return FusionKind::View; }

LogicalResult ReverseOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult ReverseOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Shape shape = shapeOf(getX());
  AffineMap map = context.identity(getX().getType());
  SmallVector<AffineExpr> reads(map.getResults());
  SmallVector<int64_t> named;
  for (int64_t dim : getDims())
    if (auto size = shape[dim].constant())
      reads[dim] = *size - 1 - reads[dim];
    else
      named.push_back(dim);
  if (named.empty()) {
    map = AffineMap::get(reads.size(), 0, reads, getContext());
    results.push_back(context.map(getResult().getType(), operands, map, copyScalar));
    return success();
  }
  // No affine map without symbols turns a named size around: the elements are read by computed indices.
  SmallVector<Value> last(shape.size());
  for (int64_t dim : getDims())
    last[dim] = context.size(shape[dim] - SizeExpr(1));
  results.push_back(context.fill(getResult().getType(), [&](OpBuilder &b, Location loc) -> Value {
    SmallVector<Value> indices;
    for (size_t i = 0; i < shape.size(); ++i) {
      indices.push_back(linalg::IndexOp::create(b, loc, i));
      if (last[i])
        indices.back() = arith::SubIOp::create(b, loc, last[i], indices.back());
    }
    return tensor::ExtractOp::create(b, loc, operands[0], indices);
  }));
  return success();
}

LogicalResult ReverseOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto strides = operands[0].strides();
  int64_t first = 0;
  for (int64_t dim : getDims()) {
    first += (operands[0].getShape()[dim] - 1) * strides[dim];
    strides[dim] = -strides[dim];
  }
  results.push_back(operands[0].strided(operands[0].getShape(), first, strides));
  return success();
}

//===-- slice -----------------------------------------------------------------------------------------------===//

LogicalResult SliceOp::verify() {
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  if (getElementTypeOrSelf(getX()) != getElementTypeOrSelf(getResult()))
    return emitOpError("[WF1021] cannot change the element type");
  if (getStarts().size() != from.size() || getStrides().size() != from.size() || to.size() != from.size())
    return emitOpError("[WF1015] expected one start, one stride and one result dimension per operand dimension");
  for (auto [i, start, stride] : llvm::enumerate(getStarts(), getStrides())) {
    if (start < 0 || stride <= 0)
      return emitOpError("[WF1015] expected starts of 0 or more and strides of 1 or more");
    // The last index read is start + (size - 1) * stride; what is left of the operand must be 0 or more.
    SizeExpr left = from[i] - SizeExpr(1 + start) - (to[i] - SizeExpr(1)) * SizeExpr(stride);
    auto size = to[i].constant(), rest = left.constant();
    if ((size && *size == 0) || (rest && *rest >= 0))
      continue;
    if (rest)
      return emitOpError("[WF1016] dimension ") << i << ": reads past the end (operand size " << from[i].str() << ", start "
             << start << ", stride " << stride << ", result size " << to[i].str() << ")";
    // A size with a floordiv, or one bound by an assumption, is checked at entry (weft.assume).
  }
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) { return {}; }

Value SliceOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  // The elements go back to where they were read; zeros stand before, between and after.
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  SmallVector<int64_t> low, high, interior;
  for (auto [i, start, stride] : llvm::enumerate(getStarts(), getStrides())) {
    if (to[i] == SizeExpr(0))
      return builder.zeros(getX().getType());
    SizeExpr rest = from[i] - SizeExpr(1 + start) - (to[i] - SizeExpr(1)) * SizeExpr(stride);
    if (!rest.constant()) {
      emitOpError("[WF3006] the transpose would pad dimension ") << i << " by " << rest.str() << " zeros; only a number that "
          << "does not depend on named sizes can be padded\n  Hint: slice a fixed number of elements off the end";
      return {};
    }
    low.push_back(start);
    high.push_back(*rest.constant());
    interior.push_back(stride - 1);
  }
  Value zero = builder.zeros(RankedTensorType::get({}, getElementTypeOrSelf(cotangent)));
  return builder.pad(cotangent, zero, low, high, interior);
}

bool SliceOp::isLinearIn(unsigned operand) { return true; }
bool SliceOp::isJointlyLinear() { return true; }

FusionKind SliceOp::getFusionKind() { return FusionKind::View; }

LogicalResult SliceOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult SliceOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Shape from = shapeOf(getX()), to = shapeOf(getResult());
  SmallVector<AffineExpr> reads;
  for (auto [i, start, stride] : llvm::enumerate(getStarts(), getStrides()))
    reads.push_back(partOfDim(getAffineDimExpr(i, getContext()), start, stride, to[i], from[i]));
  AffineMap map = AffineMap::get(reads.size(), 0, reads, getContext());
  results.push_back(context.map(getResult().getType(), operands, map, copyScalar));
  return success();
}

LogicalResult SliceOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto shape = resultShape(*this, interpreter);
  if (failed(shape))
    return failure();
  auto strides = operands[0].strides();
  int64_t first = 0;
  for (auto [i, start, stride] : llvm::enumerate(getStarts(), getStrides())) {
    // The verifier leaves named sizes open.
    if ((*shape)[i] && start + ((*shape)[i] - 1) * stride >= operands[0].getShape()[i])
      return emitOpError("[WF1016] dimension ") << i << ": reads past the end (operand size " << operands[0].getShape()[i]
             << ", start " << start << ", stride " << stride << ", result size " << (*shape)[i] << ")";
    first += start * strides[i];
    strides[i] *= stride;
  }
  results.push_back(operands[0].strided(*shape, first, strides));
  return success();
}

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
    SizeExpr gaps = shape[i] == SizeExpr(0) ? SizeExpr(0) : (shape[i] - SizeExpr(1)) * SizeExpr(adaptor.getInterior()[i]);
    shape[i] = shape[i] + gaps + SizeExpr(adaptor.getLow()[i] + adaptor.getHigh()[i]);
  }
  types.push_back(typeOf(shape, type.getElementType()));
  return success();
}

OpFoldResult PadOp::fold(FoldAdaptor adaptor) { return {}; }

Value PadOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  if (operand == 0) {
    SmallVector<int64_t> strides = llvm::map_to_vector(getInterior(), [](int64_t n) { return n + 1; });
    return builder.slice(cotangent, getLow(), strides, getX().getType());
  }
  // The value's cotangent is the sum over the places that it fills; chosen by a mask, since subtracting the rest from the
  // sum of all would cancel.
  Type boolean = builder.builder.getI1Type();
  Value no = builder.splat(withElement(getX().getType(), boolean), 0);
  Value yes = builder.splat(RankedTensorType::get({}, boolean), 1);
  Value filled = builder.pad(no, yes, getLow(), getHigh(), getInterior());
  Value picked = builder.select(filled, cotangent, builder.zeros(cotangent.getType()));
  return builder.reduce(picked, ReduceKind::Add, llvm::to_vector(llvm::seq<int64_t>(0, getLow().size())));
}

bool PadOp::isLinearIn(unsigned operand) { return true; }
bool PadOp::isJointlyLinear() { return true; }

FusionKind PadOp::getFusionKind() { return FusionKind::Other; }

LogicalResult PadOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

/// Writes `x` into `into` at the given map of x's index.
static Value writeInto(LowerContext &context, Value x, Value into, ArrayRef<AffineExpr> where) {
  unsigned rank = where.size();
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  AffineMap in = AffineMap::getMultiDimIdentityMap(rank, context.builder.getContext());
  AffineMap out = AffineMap::get(rank, 0, where, context.builder.getContext());
  return context.generic(into.getType(), x, {in, out}, iterators, into, copyScalar);
}

LogicalResult PadOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  Type to = getResult().getType();
  Shape part = shapeOf(getX()), whole = shapeOf(getResult());
  SmallVector<AffineExpr> where;
  for (auto [i, low, interior] : llvm::enumerate(getLow(), getInterior()))
    where.push_back(partOfDim(getAffineDimExpr(i, getContext()), low, interior + 1, part[i], whole[i]));
  AffineMap scalar = AffineMap::get(where.size(), 0, {}, getContext());
  Value padded = context.map(to, operands[1], scalar, copyScalar);
  results.push_back(writeInto(context, operands[0], padded, where));
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
        return emitOpError("[WF1012] expected operands that agree but in dimension ") << getDim() << ", got " << first << " and " << type;
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

OpFoldResult ConcatOp::fold(FoldAdaptor adaptor) { return {}; }

Value ConcatOp::transposeTo(GraphBuilder &builder, unsigned operand, ValueRange operands, Value cotangent) {
  SizeExpr start(0);
  for (unsigned i = 0; i < operand; ++i)
    start = start + shapeOf(getXs()[i])[getDim()];
  if (!start.constant()) {
    emitOpError("[WF3006] the transpose would slice from ") << start.str() << "; a slice starts at a number that does not "
        << "depend on named sizes\n  Hint: put operands of named sizes last";
    return {};
  }
  Type type = getXs()[operand].getType();
  SmallVector<int64_t> starts(cast<RankedTensorType>(type).getRank(), 0), strides(starts.size(), 1);
  starts[getDim()] = *start.constant();
  return builder.slice(cotangent, starts, strides, type);
}

bool ConcatOp::isLinearIn(unsigned operand) { return true; }
bool ConcatOp::isJointlyLinear() { return true; }

FusionKind ConcatOp::getFusionKind() { return FusionKind::Other; }

LogicalResult ConcatOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

/// Concat behind a named offset, which no affine map without symbols can write at: each element finds its operand.
static Value concatByIndex(LowerContext &context, ConcatOp op, ValueRange operands) {
  int64_t dim = op.getDim();
  SmallVector<Value> ends; // of all operands but the last
  SizeExpr end(0);
  for (Value x : op.getXs().drop_back())
    ends.push_back(context.size(end = end + shapeOf(x)[dim]));
  return context.fill(op.getResult().getType(), [&](OpBuilder &b, Location loc) -> Value {
    SmallVector<Value> index;
    for (int64_t i = 0; i < cast<RankedTensorType>(op.getResult().getType()).getRank(); ++i)
      index.push_back(linalg::IndexOp::create(b, loc, i));
    std::function<Value(OpBuilder &, Location, size_t)> pick = [&](OpBuilder &b, Location loc, size_t k) -> Value {
      auto read = [&](OpBuilder &b) -> Value {
        SmallVector<Value> at = index;
        if (k)
          at[dim] = arith::SubIOp::create(b, loc, at[dim], ends[k - 1]);
        return tensor::ExtractOp::create(b, loc, operands[k], at);
      };
      if (k == ends.size())
        return read(b);
      Value here = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index[dim], ends[k]);
      auto choice = scf::IfOp::create(b, loc, here,
          [&](OpBuilder &b, Location l) { scf::YieldOp::create(b, l, read(b)); },
          [&](OpBuilder &b, Location l) { scf::YieldOp::create(b, l, pick(b, l, k + 1)); });
      return choice.getResult(0);
    };
    return pick(b, loc, 0);
  });
}

LogicalResult ConcatOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  int64_t dim = getDim();
  SizeExpr offset(0);
  SmallVector<int64_t> offsets;
  for (Value x : getXs()) {
    if (auto constant = offset.constant())
      offsets.push_back(*constant);
    offset = offset + shapeOf(x)[dim];
  }
  if (offsets.size() != getXs().size()) {
    results.push_back(concatByIndex(context, *this, operands));
    return success();
  }
  Value joined = context.empty(getResult().getType());
  for (auto [x, value, start] : llvm::zip(getXs(), operands, offsets)) {
    SmallVector<AffineExpr> where(context.identity(getResult().getType()).getResults());
    where[dim] = partOfDim(where[dim], start, 1, shapeOf(x)[dim], offset);
    joined = writeInto(context, value, joined, where);
  }
  results.push_back(joined);
  return success();
}

LogicalResult ConcatOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
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
