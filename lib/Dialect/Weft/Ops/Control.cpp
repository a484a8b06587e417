// Decides the rules of control ops; per op: verify | canonicalize | batch | reference (derivatives: ControlDerivative.cpp).
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Control.cpp.inc"

/// Checks that a region's block has arguments of these types and ends in a yield of those.
static LogicalResult verifyBlock(Operation *op, Block &block, TypeRange arguments, TypeRange results) {
  if (block.getArgumentTypes() != arguments)
    return op->emitOpError("[WF2010] expected block arguments of types ") << arguments << ", got " << block.getArgumentTypes();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return op->emitOpError("[WF2011] expected a region that ends in weft.yield");
  if (yield.getOperandTypes() != results)
    return op->emitOpError("[WF2012] expected to yield types ") << results << ", got " << yield.getOperandTypes();
  return success();
}

//===-- for ------------------------------------------------------------------------------------------------------===//

YieldOp ForOp::getYield() { return cast<YieldOp>(getBodyBlock().getTerminator()); }

LogicalResult ForOp::verify() {
  SizeExpr count = getCount().getSize();
  if (auto n = count.constant(); n && *n < 0)
    return emitOpError("[WF2013] expected a count of 0 or more, got ") << *n;
  if (getNumResults() < getInits().size())
    return emitOpError("[WF2014] expected at least one result per carry");
  SmallVector<Type> arguments{RankedTensorType::get({}, IntegerType::get(getContext(), 64))};
  llvm::append_range(arguments, getInits().getTypes());
  auto row = [&](Type type, StringRef what) -> FailureOr<Type> {
    Shape shape = shapeOf(type);
    if (shape.empty() || shape.front() != count)
      return emitOpError("[WF2015] expected ") << what << " with a leading size of " << count.str() << ", got " << type;
    return Type(typeOf(ArrayRef(shape).drop_front(), getElementTypeOrSelf(type)));
  };
  for (Type type : getXs().getTypes()) {
    auto slice = row(type, "sliced inputs");
    if (failed(slice))
      return failure();
    arguments.push_back(*slice);
  }
  llvm::append_range(arguments, getCaptures().getTypes());
  SmallVector<Type> yields(getInits().getTypes());
  for (Type type : llvm::drop_begin(getResultTypes(), getInits().size())) {
    auto slice = row(type, "stacked outputs");
    if (failed(slice))
      return failure();
    yields.push_back(*slice);
  }
  if (TypeRange(getResultTypes()).take_front(getInits().size()) != TypeRange(getInits().getTypes()))
    return emitOpError("[WF2016] expected results of the carries' types");
  return verifyBlock(*this, getBodyBlock(), arguments, yields);
}

void ForOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {}

LogicalResult ForOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult ForOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto count = interpreter.size(getCount().getSize());
  if (!count || *count < 0)
    return emitOpError("[WF1404] the count ") << getCount().getSize().str() << " has no value of 0 or more here";
  size_t carries = getNumCarries();
  ArrayRef<Tensor> xs = operands.slice(carries, getXs().size()), captures = operands.drop_front(carries + xs.size());
  SmallVector<Tensor> carried(operands.take_front(carries)), stacked;
  int64_t stackedBytes = 0, carriedBytes = 0;
  for (Value result : getResults().drop_front(carries)) {
    auto shape = interpreter.shape(result.getType());
    if (!shape)
      return emitOpError("[WF1404] the sizes of ") << result.getType() << " have no value here";
    stacked.emplace_back(getElementTypeOrSelf(result.getType()), *shape);
    stackedBytes += interpreter.counts(result) ? stacked.back().getNumBytes() : 0;
  }
  interpreter.hold(stackedBytes);
  Type i64 = IntegerType::get(getContext(), 64);
  for (int64_t k = 0; k < *count; ++k) {
    int64_t step = getReverse() ? *count - 1 - k : k;
    SmallVector<Tensor> arguments{Tensor::scalar(Scalar::ofInt(i64, step))}, yielded;
    llvm::append_range(arguments, carried);
    for (const Tensor &x : xs)
      arguments.push_back(x.row(step));
    llvm::append_range(arguments, captures);
    if (failed(interpreter.runBlock(getBodyBlock(), arguments, yielded)))
      return failure();
    for (auto [rows, row] : llvm::zip(stacked, ArrayRef(yielded).drop_front(carries)))
      rows.setRow(step, row);
    carried.assign(yielded.begin(), yielded.begin() + carries);
    // A carry that an op made lives on into the next step; one passed through lies where it did.
    interpreter.hold(-carriedBytes);
    carriedBytes = 0;
    for (auto [value, carry] : llvm::zip(getYield().getOperands(), carried))
      carriedBytes += value.getDefiningOp() ? carry.getNumBytes() : 0;
    interpreter.hold(carriedBytes);
  }
  interpreter.hold(-carriedBytes - stackedBytes);
  llvm::append_range(results, carried);
  llvm::append_range(results, stacked);
  return success();
}

//===-- if -------------------------------------------------------------------------------------------------------===//

LogicalResult IfOp::verify() {
  if (getBranches().empty())
    return emitOpError("[WF2017] expected at least one region");
  for (Region &branch : getBranches())
    if (failed(verifyBlock(*this, branch.front(), getCaptures().getTypes(), getResultTypes())))
      return failure();
  return success();
}

void IfOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {}

LogicalResult IfOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult IfOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  Scalar index = operands[0].at(0);
  uint64_t last = getBranches().size() - 1;
  uint64_t taken = !index.isUnsigned() && index.i < 0 ? 0 : std::min(uint64_t(index.i), last);
  return interpreter.runBlock(getBranches()[taken].front(), operands.drop_front(), results);
}

//===-- call, launch, requests -----------------------------------------------------------------------------------===//

/// Matches operands and results with the callee's type, symbols bound by the operands (and, of a launch, by `weft.sizes`).
static LogicalResult verifyCall(Operation *op, SymbolTableCollection &symbols, StringAttr callee, TypeRange operands,
                                TypeRange results, ArrayAttr sizes = {}) {
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(op, callee);
  if (!function)
    return op->emitOpError("[WF2020] no function named @") << callee.getValue();
  FunctionType type = function.getFunctionType();
  if (type.getNumInputs() != operands.size() || type.getNumResults() != results.size())
    return op->emitOpError("[WF2021] @") << callee.getValue() << " takes " << type.getNumInputs() << " and gives "
           << type.getNumResults() << " values, got " << operands.size() << " and " << results.size();
  llvm::StringMap<SizeExpr> bindings;
  if (sizes) {
    auto names = function->getAttrOfType<ArrayAttr>("weft.symbols");
    if (!names || names.size() != sizes.size() || !llvm::all_of(names, llvm::IsaPred<StringAttr>) ||
        !llvm::all_of(sizes, llvm::IsaPred<SizeAttr>))
      return op->emitOpError("[WF2030] expected one #weft.size per entry of @") << callee.getValue() << "'s weft.symbols";
    for (auto [name, size] : llvm::zip(names, sizes))
      bindings[cast<StringAttr>(name).getValue()] = cast<SizeAttr>(size).getSize();
  }
  if (!unify(type.getInputs(), operands, bindings))
    return op->emitOpError("[WF2022] @") << callee.getValue() << " takes " << type.getInputs() << ", got " << operands;
  for (auto [formal, actual] : llvm::zip(type.getResults(), results))
    if (substitute(formal, bindings) != actual)
      return op->emitOpError("[WF2023] @") << callee.getValue() << " gives " << substitute(formal, bindings) << ", got " << actual;
  return success();
}

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyCall(*this, symbols, getCalleeAttr().getAttr(), getOperandTypes(), getResultTypes());
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // From linalg on the kernel's types have no names, and its arguments grow: the launch keeps the form of the graph.
  auto kernel = symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, getCalleeAttr().getAttr());
  if (kernel && kernel->hasAttr("weft.lowered"))
    return success();
  return verifyCall(*this, symbols, getCalleeAttr().getAttr(), getOperandTypes(), getResultTypes(),
                    (*this)->getAttrOfType<ArrayAttr>("weft.sizes"));
}

/// A request's callee exists and has as many arguments as `flags`; the resolving pass checks the rest.
static LogicalResult verifyRequest(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr callee, ArrayRef<bool> flags) {
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(op, callee.getAttr());
  if (!function)
    return op->emitOpError("[WF2020] no function named @") << callee.getValue();
  if (function.getNumArguments() != flags.size())
    return op->emitOpError("[WF2021] @") << callee.getValue() << " takes " << function.getNumArguments() << " values, got "
           << flags.size() << " flags";
  return success();
}

LogicalResult JvpRequestOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyRequest(*this, symbols, getCalleeAttr(), getActive());
}
LogicalResult VjpRequestOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyRequest(*this, symbols, getCalleeAttr(), getActive());
}
LogicalResult VmapRequestOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyRequest(*this, symbols, getCalleeAttr(), getBatched());
}

LogicalResult CallOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched, SmallVectorImpl<Value> &results) {
  return emitOpError("no batch rule yet");
}

LogicalResult CallOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  return interpreter.call(*this, getCallee(), operands, results);
}

LogicalResult LaunchOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  Interpreter::Uncounted inside(interpreter);
  return interpreter.call(*this, getCallee(), operands, results);
}

//===-- kernel, copy ---------------------------------------------------------------------------------------------===//

LogicalResult KernelOp::verify() { return verifyBlock(*this, getBody().front(), getOperandTypes(), getResultTypes()); }

LogicalResult KernelOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  Interpreter::Uncounted inside(interpreter);
  return interpreter.runBlock(getBody().front(), operands, results);
}

LogicalResult CopyOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  results.push_back(operands[0]); // values never change, so the bytes may be shared
  return success();
}
