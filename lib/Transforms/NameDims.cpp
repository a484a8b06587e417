// Decides the names of sizes that a text leaves bare: a `?` of an argument is a size of its own; every other size
// follows from the arguments, or is an error. Text written by hand may leave names out; from `traced` on none is
// missing.
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Transforms/Derivative.h"
#include "weft/Transforms/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_NAMEDIMS
#include "weft/Transforms/Passes.h.inc"

namespace {

bool isBare(const SizeExpr &size) {
  return llvm::any_of(size.symbols(), [](StringRef name) { return name.starts_with("unnamed"); });
}
bool isBare(Type type) {
  return isa<RankedTensorType>(type) && llvm::any_of(shapeOf(type), [](const SizeExpr &s) { return isBare(s); });
}

class Namer {
public:
  explicit Namer(ModuleOp module) : module(module) {}

  LogicalResult visit(func::FuncOp function) {
    if (!visited.insert(function).second || function.isExternal())
      return success();
    nameArguments(function);
    Block &body = function.getBody().front();
    for (Operation &op : body.without_terminator())
      if (failed(nameResults(&op)))
        return failure();
    function.setFunctionType(
        FunctionType::get(function.getContext(), body.getArgumentTypes(), body.getTerminator()->getOperandTypes()));
    return success();
  }

private:
  /// d0, d1, ...: those that the function does not use.
  void nameArguments(func::FuncOp function) {
    auto used = symbolsOf(function);
    unsigned next = 0;
    for (BlockArgument argument : function.getArguments()) {
      if (!isBare(argument.getType()))
        continue;
      Shape shape = shapeOf(argument);
      for (SizeExpr &size : shape)
        if (isBare(size)) {
          while (used.contains("d" + std::to_string(next)))
            ++next;
          size = SizeExpr::symbol("d" + std::to_string(next++));
        }
      argument.setType(typeOf(shape, getElementTypeOrSelf(argument.getType())));
    }
  }

  LogicalResult nameResults(Operation *op) {
    if (auto call = dyn_cast<CallOp>(op)) {
      auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
      llvm::StringMap<SizeExpr> bindings;
      if (!callee || failed(visit(callee)) || !unify(callee.getArgumentTypes(), call.getOperandTypes(), bindings))
        return failure();
      for (auto [result, type] : llvm::zip_equal(call.getResults(), callee.getFunctionType().getResults()))
        result.setType(substitute(type, bindings));
    } else if (auto infer = dyn_cast<InferTypeOpInterface>(op)) {
      SmallVector<Type> types;
      if (failed(infer.inferReturnTypes(op->getContext(), op->getLoc(), op->getOperands(),
                                        op->getDiscardableAttrDictionary(), op->getPropertiesStorage(),
                                        op->getRegions(), types)))
        return failure();
      for (auto [result, type] : llvm::zip_equal(op->getResults(), types))
        result.setType(type);
    } else if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
      Shape from = shapeOf(broadcast.getX()), to = shapeOf(broadcast.getResult());
      for (auto [i, dim] : llvm::enumerate(broadcast.getDims()))
        if (isBare(to[dim]) && from[i] != SizeExpr(1))
          to[dim] = from[i];
      broadcast.getResult().setType(typeOf(to, getElementTypeOrSelf(broadcast.getType())));
    } else if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      nameReshape(reshape);
    }
    auto bare = [](Type type) { return isBare(type); };
    bool inside = false;
    for (Region &region : op->getRegions())
      for (Block &block : region)
        inside |= llvm::any_of(block.getArgumentTypes(), bare);
    if (inside || llvm::any_of(op->getResultTypes(), bare))
      return op->emitError("[WF1408] a size of ") << (inside ? "a region" : "the result")
                                                  << " has no name, and nothing gives it one\n  Hint: name it, as in "
                                                  << "tensor<?xf32, #weft.dims<B>>";
    return success();
  }

  /// One size is what the others leave.
  static void nameReshape(ReshapeOp reshape) {
    Shape to = shapeOf(reshape.getResult());
    SizeExpr known(1);
    SmallVector<unsigned> open;
    for (auto [i, size] : llvm::enumerate(to))
      if (isBare(size))
        open.push_back(i);
      else
        known = known * size;
    auto rest = numElements(shapeOf(reshape.getX())).exactDiv(known);
    if (open.size() != 1 || !rest)
      return;
    to[open.front()] = *rest;
    reshape.getResult().setType(typeOf(to, getElementTypeOrSelf(reshape.getType())));
  }

  ModuleOp module;
  DenseSet<Operation *> visited;
};

struct NameDimsPass : impl::NameDimsBase<NameDimsPass> {
  void runOnOperation() override {
    Namer namer(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function->hasAttr("weft.kernel") && failed(namer.visit(function)))
        return signalPassFailure();
  }
};

} // namespace

} // namespace weft
