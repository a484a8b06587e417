// Decides the rules that all elementwise ops share; what each op computes stands in Elementwise.td.
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"
#include <cmath>

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Elementwise.cpp.inc"

//===-- verify, infer --------------------------------------------------------------------------------------------===//

LogicalResult weft::inferElementwise(ValueRange operands, Type element, SmallVectorImpl<Type> &types) {
  auto last = dyn_cast<RankedTensorType>(operands.back().getType());
  if (!last)
    return failure();
  types.push_back(withElement(last, element));
  return success();
}

LogicalResult weft::inferElementwise(ValueRange operands, ElementRule rule, SmallVectorImpl<Type> &types) {
  Type element = getElementTypeOrSelf(operands.back().getType());
  return inferElementwise(operands, rule == ElementRule::Bool ? IntegerType::get(element.getContext(), 1) : element, types);
}

LogicalResult weft::verifyElementwise(Operation *op) {
  auto shape = [](Type t) { return withElement(t, IntegerType::get(t.getContext(), 1)); };
  for (Value operand : op->getOperands())
    if (shape(operand.getType()) != shape(op->getResult(0).getType()))
      return op->emitOpError("[WF1012] expected operands and result of one shape, got ")
             << operand.getType() << " and " << op->getResult(0).getType();
  // All operands but a condition share one element type.
  ValueRange numbers = op->getOperands();
  if (numbers.size() == 3)
    numbers = numbers.drop_front();
  for (Value operand : numbers)
    if (getElementTypeOrSelf(operand) != getElementTypeOrSelf(numbers.front()))
      return op->emitOpError("[WF1021] expected operands of one element type, got ")
             << numbers.front().getType() << " and " << operand.getType();
  return success();
}

//===-- fold -----------------------------------------------------------------------------------------------------===//

OpFoldResult weft::foldElementwise(Operation *op, ArrayRef<Attribute> operands) { return {}; }

//===-- derivative (convert; the others' partials stand in the td) -------------------------------------------------===//

bool ConvertOp::isLinearIn(unsigned) {
  return isa<FloatType>(getElementTypeOrSelf(getX())) && isa<FloatType>(getElementTypeOrSelf(getResult()));
}

Value ConvertOp::transposeTo(GraphBuilder &builder, unsigned, ValueRange, Value cotangent) {
  return builder.convert(cotangent, getElementTypeOrSelf(getX().getType()));
}

//===-- batch ----------------------------------------------------------------------------------------------------===//

LogicalResult weft::batchElementwise(Operation *op, Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                     SmallVectorImpl<Value> &results) {
  return op->emitOpError("no batch rule yet");
}

//===-- lower ----------------------------------------------------------------------------------------------------===//

LogicalResult weft::lowerElementwise(Operation *op, LowerContext &context, ValueRange operands,
                                     SmallVectorImpl<Value> &results) {
  // The operands that are numbers decide how the payload reads integers (a condition is bool in any case).
  Type from = op->getOperands().back().getType(), to = op->getResult(0).getType();
  Type element = LowerContext::loweredElement(getElementTypeOrSelf(to));
  for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
    if (!getElementTypeOrSelf(type).isIntOrFloat())
      return op->emitOpError("[WF1507] elements of type ") << getElementTypeOrSelf(type) << " have no code yet";
  SmallVector<AffineMap> maps(operands.size(), context.identity(to));
  results.push_back(context.map(to, operands, maps, [&](OpBuilder &b, Location, ValueRange scalars) {
    PayloadBuilder p = context.payload(b, from, to);
    SmallVector<Value> wide;
    for (Value x : scalars.drop_back())
      wide.push_back(LowerContext::widen(p, x));
    return LowerContext::narrow(p, cast<ElementwiseOpInterface>(op).emitScalar(p, wide), element);
  }));
  return success();
}

//===-- reference ------------------------------------------------------------------------------------------------===//

LogicalResult weft::evaluateElementwise(Operation *op, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto rule = cast<ElementwiseOpInterface>(op);
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  Tensor result(element, operands.back().getShape());
  ScalarEval e;
  SmallVector<Scalar, 3> scalars(operands.size());
  for (int64_t i = 0, n = result.getNumElements(); i < n; ++i) {
    for (auto [scalar, operand] : llvm::zip(scalars, operands)) {
      scalar = operand.at(i);
      scalar.type = accumulatorType(scalar.type); // f16 and bf16 compute in f32, which holds them exactly
    }
    result.set(i, rule.evalScalar(e, scalars));   // and round here
  }
  results.push_back(result);
  return success();
}
