// Decides the rules of linear algebra; per op: verify | infer | fold | canonicalize | derivative | batch | lower |
// reference. Factors differ in the types of their results only. The reference calls the same library as programs do.
#include "weft/Dialect/Weft/Linalg.h"
#include "weft/Dialect/Weft/ElementTypes.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Runtime/Linalg.h"
#include "weft/Transforms/Batcher.h"
#include <optional>

using namespace mlir;
using namespace weft;

#include "weft/Dialect/Weft/LinalgInterfaces.cpp.inc"

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Linalg.cpp.inc"

//===-- what all share -------------------------------------------------------------------------------------------===//

static int64_t rankOf(Value value) { return cast<RankedTensorType>(value.getType()).getRank(); }

/// The routine on operands like `x`, as the runtime reads it.
static int64_t formatOf(int64_t routine, Value x) {
  return routine | int64_t(dtypeOf(getElementTypeOrSelf(x.getType()))) << 8 | (rankOf(x) - 2) << 16;
}

/// All elements of `x` times the less of its matrices' sizes.
static double costOf(Value x, double factor) {
  SmallVector<double> sizes =
      llvm::map_to_vector(shapeOf(x), [](const SizeExpr &size) { return double(size.constant().value_or(256)); });
  for (double size : sizes)
    factor *= size;
  return factor * std::min(sizes.back(), sizes[sizes.size() - 2]);
}

/// Runs the op's routine on all matrices; the results have these types.
static LogicalResult evaluateRoutine(LibraryOpInterface op, ArrayRef<Tensor> operands, TypeRange types,
                                     SmallVectorImpl<Tensor> &results) {
  std::string why;
  WeftLinalgFn library = rt::openLinalg(why);
  if (!library)
    return op->emitError("[WF5012] the factorisations cannot be opened: ") << why;
  SmallVector<WeftArg> values;
  for (const Tensor &operand : operands)
    values.push_back({const_cast<char *>(operand.data()), operand.getShape().data()});
  for (Type type : types)
    results.emplace_back(getElementTypeOrSelf(type), cast<RankedTensorType>(type).getShape());
  for (Tensor &result : results)
    values.push_back({result.data(), result.getShape().data()});
  rt::LinalgCall call(op.getRoutine(), values.data());
  if (call.run(library, 0, call.numMatrices()))
    return success();
  return op->emitError("[WF5010] no memory");
}

//===-- factors --------------------------------------------------------------------------------------------------===//

/// The types of what a routine makes of matrices of a type; fails with a diagnostic unless it takes these.
static LogicalResult factorTypes(int64_t routine, StringRef name, std::optional<Location> loc, RankedTensorType x,
                                 SmallVectorImpl<Type> &types) {
  if (x.getRank() < 2)
    return emitOptionalError(loc, "[WF1011] ", name, ": expected matrices, got ", x);
  Shape lead = shapeOf(x);
  SizeExpr n = lead.pop_back_val(), m = lead.pop_back_val();
  bool isSquare = routine == WEFT_CHOLESKY || routine == WEFT_EIGH || routine == WEFT_EIGVALSH;
  if (isSquare && m != n)
    return emitOptionalError(loc, "[WF1012] ", name, ": expected square matrices, got ", x);
  auto rows = m.constant(), columns = n.constant();
  if (m != n && (!rows || !columns) && routine != WEFT_LU)
    return emitOptionalError(loc, "[WF1012] ", name, ": which size of the matrices is less is not known of ", x);
  SizeExpr k = rows && columns && *columns < *rows ? n : m;
  rt::forEachResult(routine, m, n, k, [&](ArrayRef<SizeExpr> sizes, bool isOrder) {
    Shape all = lead;
    llvm::append_range(all, sizes);
    types.push_back(typeOf(all, isOrder ? IntegerType::get(x.getContext(), 64) : x.getElementType()));
  });
  return success();
}

/// The rules of an op that makes factors. `ROUTINE` may ask `op` for its attributes; `WORK` is about how many
/// operations an element takes for each of a row.
#define WEFT_FACTOR_RULES(OpT, ROUTINE, WORK)                                                                          \
  LogicalResult OpT::verify() { return success(); } /* its types say it all */                                         \
  LogicalResult OpT::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,          \
                                      DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,     \
                                      SmallVectorImpl<Type> &types) {                                                  \
    OpT##Adaptor op(operands, attributes, properties, regions);                                                        \
    StringRef name = getOperationName();                                                                               \
    return factorTypes(ROUTINE, name, loc, cast<RankedTensorType>(op.getX().getType()), types);                        \
  }                                                                                                                    \
  LogicalResult OpT::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,                              \
                           SmallVectorImpl<Value> &results) {                                                          \
    Operation *copy = (*this)->clone();                                                                                \
    copy->setOperands(operands);                                                                                       \
    for (Value result : copy->getResults())                                                                            \
      result.setType(batcher.batchedType(result.getType()));                                                           \
    llvm::append_range(results, batcher.builder.insert(copy)->getResults());                                           \
    return success();                                                                                                  \
  }                                                                                                                    \
  int64_t OpT::getRoutine() {                                                                                          \
    [[maybe_unused]] OpT op = *this;                                                                                   \
    return formatOf(ROUTINE, getX());                                                                                  \
  }                                                                                                                    \
  double OpT::getCost() { return costOf(getX(), WORK); }                                                               \
  LogicalResult OpT::evaluate(Interpreter &, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {            \
    [[maybe_unused]] OpT op = *this;                                                                                   \
    SmallVector<Type> types;                                                                                           \
    auto x = RankedTensorType::get(operands[0].getShape(), operands[0].getElementType());                              \
    if (failed(factorTypes(ROUTINE, getOperationName(), getLoc(), x, types)))                                          \
      return failure();                                                                                                \
    return evaluateRoutine(*this, operands, types, results);                                                           \
  }
WEFT_FACTOR_RULES(CholeskyOp, WEFT_CHOLESKY, 1)
WEFT_FACTOR_RULES(LUOp, WEFT_LU, 1)
WEFT_FACTOR_RULES(QROp, op.getComplete() ? WEFT_QR_COMPLETE : WEFT_QR, 4)
WEFT_FACTOR_RULES(EighOp, WEFT_EIGH, 20)
WEFT_FACTOR_RULES(EigvalshOp, WEFT_EIGVALSH, 5)
WEFT_FACTOR_RULES(SVDOp, op.getComplete() ? WEFT_SVD_COMPLETE : WEFT_SVD, 20)
WEFT_FACTOR_RULES(SvdvalsOp, WEFT_SVDVALS, 5)
#undef WEFT_FACTOR_RULES

//===-- triangular_solve -----------------------------------------------------------------------------------------===//

/// Square matrices, and as many rows on the right side for each.
static bool isSystem(Type a, Type b) {
  Shape left = shapeOf(a), right = shapeOf(b);
  if (left.size() < 2 || left.size() != right.size() || left.back() != left[left.size() - 2])
    return false;
  return ArrayRef<SizeExpr>(left).drop_back() == ArrayRef<SizeExpr>(right).drop_back();
}

LogicalResult TriangularSolveOp::verify() {
  Type a = getA().getType(), b = getB().getType();
  if (!isSystem(a, b) || getElementTypeOrSelf(a) != getElementTypeOrSelf(b))
    return emitOpError("[WF1012] expected square matrices and right sides with as many rows, got ")
           << a << " and " << b;
  return success();
}

LogicalResult TriangularSolveOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc,
                                                  ValueRange operands, DictionaryAttr attributes,
                                                  OpaqueProperties properties, RegionRange regions,
                                                  SmallVectorImpl<Type> &types) {
  types.push_back(operands[1].getType());
  return success();
}

bool TriangularSolveOp::isLinearIn(unsigned operand) { return operand == 1; }
bool TriangularSolveOp::isJointlyLinear() { return true; }

Value TriangularSolveOp::transposeTo(GraphBuilder &b, unsigned operand, ValueRange operands, Value cotangent) {
  return b.create<TriangularSolveOp>(operands[0], cotangent, getLower(), !getTransposed(), getUnitDiagonal());
}

/// a x = b, so a dx = db - da x, where only what is read of a varies.
Value TriangularSolveOp::jvp(GraphBuilder &b, ValueRange primals, Value result, ValueRange tangents) {
  int64_t rank = rankOf(result);
  Type positions = withElement(primals[0].getType(), b.builder.getI64Type());
  Value row = b.create<IotaOp>(positions, rank - 2), column = b.create<IotaOp>(positions, rank - 1);
  Value outside = getLower() ? b.lt(row, column) : b.gt(row, column);
  if (getUnitDiagonal())
    outside = b.create<OrOp>(outside, b.eq(row, column));
  Value da = b.select(outside, b.zeros(tangents[0].getType()), tangents[0]);
  SmallVector<int64_t> lead = llvm::to_vector(llvm::seq<int64_t>(0, rank - 2));
  Value moved = b.dot(da, result, lead, lead, {getTransposed() ? rank - 2 : rank - 1}, {rank - 2});
  Value right = tangents[1] ? b.sub(tangents[1], moved) : b.neg(moved);
  return b.create<TriangularSolveOp>(primals[0], right, getLower(), getTransposed(), getUnitDiagonal());
}

LogicalResult TriangularSolveOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                       SmallVectorImpl<Value> &results) {
  if (batched[0]) {
    results.push_back(batcher.cloneBatched(*this, batcher.materializeAll(getLoc(), operands, batched)));
    return success();
  }
  // One matrix for all: the right sides stand beside each other.
  GraphBuilder b(batcher.builder, getLoc());
  int64_t rank = rankOf(operands[1]);
  SmallVector<int64_t> beside = llvm::to_vector(llvm::seq<int64_t>(1, rank - 1)), back{rank - 2};
  beside.append({0, rank - 1});
  llvm::append_range(back, llvm::seq<int64_t>(0, rank - 2));
  back.push_back(rank - 1);
  Value moved = b.transpose(operands[1], beside);
  Shape shape = shapeOf(moved);
  SizeExpr k = shape.pop_back_val();
  shape.back() = shape.back() * k;
  Value right = b.reshape(moved, typeOf(shape, getElementTypeOrSelf(moved)));
  Value x = b.create<TriangularSolveOp>(operands[0], right, getLower(), getTransposed(), getUnitDiagonal());
  results.push_back(b.transpose(b.reshape(x, moved.getType()), back));
  return success();
}

int64_t TriangularSolveOp::getRoutine() {
  return formatOf(WEFT_TRIANGULAR_SOLVE, getA()) | (getLower() ? WEFT_LOWER : 0) |
         (getTransposed() ? WEFT_TRANSPOSED : 0) | (getUnitDiagonal() ? WEFT_UNIT_DIAGONAL : 0);
}

double TriangularSolveOp::getCost() { return costOf(getB(), 1); }

LogicalResult TriangularSolveOp::evaluate(Interpreter &, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  Type x = RankedTensorType::get(operands[1].getShape(), operands[1].getElementType());
  return evaluateRoutine(*this, operands, x, results);
}
