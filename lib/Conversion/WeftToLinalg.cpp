// Decides how a kernel function of graph ops becomes one of linalg.generic: a walk over the lowering interface that
// knows no op, and the border at which names of sizes end.
#include "weft/Conversion/WeftToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "weft/Conversion/Passes.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"
#include "llvm/ADT/SetVector.h"

namespace weft {
#define GEN_PASS_DEF_WEFTTOLINALG
#include "weft/Conversion/Passes.h.inc"
} // namespace weft

using namespace mlir;
using namespace weft;

namespace {

constexpr StringLiteral kKernel = "weft.kernel", kSymbols = "weft.symbols", kSizes = "weft.sizes",
                        kTypes = "weft.types", // of arguments, then results, with names
    kLowered = "weft.lowered";                 // the kernel is linalg or further

/// The symbols of a kernel: those its maker listed, else in order of appearance in arguments, ops, results.
SmallVector<StringAttr> symbolsOf(func::FuncOp kernel) {
  MLIRContext *context = kernel.getContext();
  llvm::SetVector<StringAttr> found;
  if (auto listed = kernel->getAttrOfType<ArrayAttr>(kSymbols))
    for (StringAttr name : listed.getAsRange<StringAttr>())
      found.insert(name);
  auto add = [&](const SizeExpr &size) {
    for (const std::string &name : size.symbols())
      found.insert(StringAttr::get(context, name));
  };
  auto addType = [&](Type type) {
    if (isa<RankedTensorType>(type))
      for (const SizeExpr &size : shapeOf(type))
        add(size);
  };
  for (Type type : kernel.getArgumentTypes())
    addType(type);
  kernel.walk([&](Operation *op) {
    for (NamedAttribute attr : op->getAttrs())
      if (auto size = dyn_cast<SizeAttr>(attr.getValue()))
        add(size.getSize());
    for (Type type : op->getResultTypes())
      addType(type);
  });
  for (Type type : kernel.getResultTypes())
    addType(type);
  return found.takeVector();
}

/// Writes on a launch what the kernel's symbols are in the caller.
LogicalResult bindSizes(LaunchOp launch, func::FuncOp kernel, ArrayRef<StringAttr> symbols) {
  if (symbols.empty() || launch->hasAttr(kSizes))
    return success();
  llvm::StringMap<SizeExpr> bindings;
  for (auto [formal, actual] : llvm::zip(kernel.getArgumentTypes(), launch.getOperandTypes()))
    unify(formal, actual, bindings);
  for (auto [formal, actual] : llvm::zip(kernel.getResultTypes(), launch.getResultTypes()))
    unify(formal, actual, bindings);
  SmallVector<Attribute> sizes;
  for (StringAttr name : symbols) {
    auto it = bindings.find(name.getValue());
    if (it == bindings.end())
      return launch.emitOpError("[WF1404] nothing says what size ")
             << name.getValue() << " of @" << kernel.getName() << " is; hint: list it in " << kSymbols << " and "
             << kSizes;
    sizes.push_back(SizeAttr::get(launch.getContext(), it->second));
  }
  launch->setAttr(kSizes, ArrayAttr::get(launch.getContext(), sizes));
  return success();
}

/// A value that may be returned: the result of a generic of its own. `type` is its type in the graph.
Value returnable(LowerContext &context, Value value, Type type, SmallPtrSetImpl<Operation *> &returned) {
  Operation *maker = value.getDefiningOp();
  if (isa_and_nonnull<linalg::GenericOp>(maker) && returned.insert(maker).second)
    return value;
  return context.map(type, value, context.identity(type), [](OpBuilder &, Location, ValueRange v) { return v[0]; });
}

LogicalResult lowerKernel(func::FuncOp kernel, ArrayRef<StringAttr> symbols) {
  if (!kernel.getBody().hasOneBlock())
    return kernel.emitOpError("[WF1503] expected a kernel of one block");
  MLIRContext *context = kernel.getContext();
  Block *from = &kernel.getBody().front(), *to = new Block;
  kernel.getBody().push_back(to);
  OpBuilder builder = OpBuilder::atBlockEnd(to);
  IRMapping map;
  for (BlockArgument argument : from->getArguments())
    map.map(argument, to->addArgument(LowerContext::lowered(argument.getType()), argument.getLoc()));
  llvm::StringMap<Value> sizes;
  for (StringAttr name : symbols)
    sizes[name.getValue()] = to->addArgument(builder.getIndexType(), kernel.getLoc());

  LowerContext lowering(builder, kernel.getLoc(), sizes);
  SmallPtrSet<Operation *, 4> returned;
  for (Operation &op : *from) {
    lowering.loc = op.getLoc();
    SmallVector<Value> operands, results;
    for (Value operand : op.getOperands())
      operands.push_back(map.lookup(operand));
    if (isa<func::ReturnOp>(op)) {
      // The copy of a value has the line of the op that made it, if one did.
      for (auto [operand, value] : llvm::zip(op.getOperands(), operands)) {
        lowering.loc = operand.getDefiningOp() ? operand.getDefiningOp()->getLoc() : op.getLoc();
        results.push_back(returnable(lowering, value, operand.getType(), returned));
      }
      func::ReturnOp::create(builder, op.getLoc(), results);
      break;
    }
    auto rule = dyn_cast<LowerOpInterface>(op);
    if (!rule)
      return op.emitOpError("[WF1503] has no lowering: a kernel holds graph ops and a return");
    if (failed(rule.lower(lowering, operands, results)))
      return failure();
    map.map(op.getResults(), results);
  }
  // The types with names stay beside: code generation reads extents and strides off them.
  SmallVector<Attribute> types;
  for (Type type : llvm::concat<const Type>(kernel.getArgumentTypes(), kernel.getResultTypes()))
    types.push_back(TypeAttr::get(type));
  kernel->setAttr(kTypes, ArrayAttr::get(context, types));
  from->dropAllReferences();
  from->erase();
  SmallVector<Type> resultTypes;
  for (Type type : kernel.getResultTypes())
    resultTypes.push_back(LowerContext::lowered(type));
  if (ArrayAttr attrs = kernel.getArgAttrsAttr()) {
    SmallVector<Attribute> extended(attrs.begin(), attrs.end());
    extended.resize(to->getNumArguments(), DictionaryAttr::get(context));
    kernel.setArgAttrsAttr(ArrayAttr::get(context, extended));
  }
  kernel.setType(FunctionType::get(context, to->getArgumentTypes(), resultTypes));
  SmallVector<Attribute> names(symbols.begin(), symbols.end());
  kernel->setAttr(kSymbols, ArrayAttr::get(context, names));
  kernel->setAttr(kLowered, UnitAttr::get(context));
  return success();
}

struct WeftToLinalgPass : weft::impl::WeftToLinalgBase<WeftToLinalgPass> {
  void runOnOperation() override {
    llvm::MapVector<func::FuncOp, SmallVector<StringAttr>> kernels;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(kKernel) && !function.isExternal() && !function->hasAttr(kLowered))
        kernels[function] = symbolsOf(function);
    // The launches first: their binding reads the names in the kernels' types.
    SymbolTable table(getOperation());
    WalkResult walk = getOperation().walk([&](LaunchOp launch) {
      auto kernel = table.lookup<func::FuncOp>(launch.getCallee());
      auto it = kernel ? kernels.find(kernel) : kernels.end();
      bool bad = it != kernels.end() && failed(bindSizes(launch, kernel, it->second));
      return bad ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();
    for (auto &[kernel, symbols] : kernels)
      if (failed(lowerKernel(kernel, symbols)))
        return signalPassFailure();
  }
};

} // namespace

LogicalResult weft::lowerKernelToLinalg(func::FuncOp kernel) { return lowerKernel(kernel, symbolsOf(kernel)); }
