// Decides the rules of effects; per op: verify | infer | fold | canonicalize | derivative | batch | lower | reference.
// The three differ in what they are called with and in what becomes of their results.
#include "weft/Dialect/Weft/Effects.h"
#include "weft/Dialect/Weft/ElementTypes.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Runtime/Effect.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#include "weft/Dialect/Weft/EffectInterfaces.cpp.inc"

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Effects.cpp.inc"

//===-- What all effects share -----------------------------------------------------------------------------------===//

bool weft::isObserver(Operation *op) { return isa<EffectOpInterface>(op) && !op->getNumResults(); }

/// The innermost place of a location, as file:line:function.
static std::string placeOf(Location loc) {
  std::string place;
  StringRef function;
  loc->walk([&](Location at) {
    if (auto name = dyn_cast<NameLoc>(LocationAttr(at)))
      function = name.getName().getValue();
    auto line = dyn_cast<FileLineColRange>(LocationAttr(at));
    if (!line)
      return WalkResult::advance();
    place = (line.getFilename().getValue() + ":" + Twine(line.getStartLine()) + ":" + function).str();
    return WalkResult::interrupt();
  });
  return place;
}

static rt::EffectSite siteOf(EffectOpInterface op) {
  rt::EffectSite site;
  site.kind = op.getEffect().str();
  site.lanes = int32_t(op.getNumLaneAxes());
  site.masked = op.isMasked();
  for (auto [types, values] : {std::pair(TypeRange(op->getOperandTypes()), &site.operands),
                               std::pair(TypeRange(op->getResultTypes()), &site.results)})
    for (Type type : types)
      values->push_back({dtypeOf(getElementTypeOrSelf(type)), int32_t(cast<RankedTensorType>(type).getRank())});
  site.where = placeOf(op->getLoc());
  site.text = op.getEffectText().str();
  return site;
}

std::string weft::describeEffect(EffectOpInterface op) { return siteOf(op).str(); }

/// The lanes are the leading axes of everything, and all the axes of a mask.
static LogicalResult verifyEffect(EffectOpInterface op) {
  int64_t lanes = op.getNumLaneAxes();
  auto leading = [&](Value value) { return ArrayRef<SizeExpr>(shapeOf(value)).take_front(lanes).vec(); };
  if (lanes < 0 || (lanes && !op->getNumOperands()))
    return op->emitOpError("[WF1015] expected a number of lane axes that the operands have, got ") << lanes;
  for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(op->getResults()))) {
    if (cast<RankedTensorType>(value.getType()).getRank() < lanes)
      return op->emitOpError("[WF1012] expected ") << lanes << " lane axes in front, got " << value.getType();
    if (leading(value) != leading(op->getNumOperands() ? op->getOperand(0) : value))
      return op->emitOpError("[WF1012] expected the lanes of ")
             << op->getOperand(0).getType() << ", got " << value.getType();
    if (!dtypeOf(getElementTypeOrSelf(value.getType())))
      return op->emitOpError("[WF1022] has no elements of type ") << getElementTypeOrSelf(value.getType());
  }
  Type mask = op.isMasked() ? op->getOperands().back().getType() : Type();
  if (mask && cast<RankedTensorType>(mask).getRank() != lanes)
    return op->emitOpError("[WF1012] expected one element of the mask for each lane, got ") << mask;
  return success();
}

/// All lanes of the batch, in order: one more axis of lanes in front.
static LogicalResult batchEffect(EffectOpInterface op, Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                 SmallVectorImpl<Value> &results) {
  Operation *copy = op->clone();
  copy->setOperands(batcher.materializeAll(op->getLoc(), operands, batched));
  copy->setAttr("lanes", batcher.builder.getI64IntegerAttr(op.getNumLaneAxes() + 1));
  for (Value result : copy->getResults())
    result.setType(batcher.batchedType(result.getType()));
  llvm::append_range(results, batcher.builder.insert(copy)->getResults());
  return success();
}

/// What happens without a host: the runtime's own printing and checking.
static LogicalResult evaluateEffect(EffectOpInterface op, ArrayRef<Tensor> operands) {
  rt::EffectSite site = siteOf(op);
  SmallVector<WeftArg> values;
  for (const Tensor &operand : operands)
    values.push_back({const_cast<char *>(operand.data()), operand.getShape().data()});
  std::string message;
  if (rt::performEffect(site, values.data(), message))
    return success();
  return op->emitError(site.kind == "check" ? "[WF5023] " : "[WF5011] ") << message;
}

#define WEFT_EFFECT_RULES(OpT)                                                                                         \
  LogicalResult OpT::verify() { return verifyEffect(*this); }                                                          \
  LogicalResult OpT::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,                              \
                           SmallVectorImpl<Value> &results) {                                                          \
    return batchEffect(*this, batcher, operands, batched, results);                                                    \
  }                                                                                                                    \
  LogicalResult OpT::evaluate(Interpreter &, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &) {                   \
    return evaluateEffect(*this, operands);                                                                            \
  }
WEFT_EFFECT_RULES(PrintOp)
WEFT_EFFECT_RULES(CheckOp)
WEFT_EFFECT_RULES(CallbackOp)
#undef WEFT_EFFECT_RULES

//===-- print, check, callback -----------------------------------------------------------------------------------===//

StringRef PrintOp::getEffectText() { return getFormat(); }
StringRef CheckOp::getEffectText() { return getFormat(); }
StringRef CallbackOp::getEffectText() { return getFunction(); }
