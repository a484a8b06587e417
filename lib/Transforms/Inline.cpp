// Decides which calls are replaced by what they call: calls of functions called once, and of small ones.
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Transforms/Passes.h"
#include "weft/Transforms/Simplify.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_INLINE
#include "weft/Transforms/Passes.h.inc"

namespace {

using Bindings = llvm::StringMap<SizeExpr>;

/// Whether a type or an attribute may hold a named size, and the same with the names bound.
Attribute substituteAttr(Attribute attr, const Bindings &bindings) {
  auto size = dyn_cast<SizeAttr>(attr);
  if (!size)
    return attr;
  return SizeAttr::get(attr.getContext(), size.getSize().substitute([&](StringRef name) -> std::optional<SizeExpr> {
    auto it = bindings.find(name);
    return it == bindings.end() ? std::nullopt : std::optional<SizeExpr>(it->second);
  }));
}

/// Speaks of the caller's sizes and of the caller's place in an op that came from the callee, and in what it holds.
void moveToCaller(Operation *op, const Bindings &bindings, Location caller) {
  op->walk([&](Operation *inner) {
    for (Value result : inner->getResults())
      result.setType(substitute(result.getType(), bindings));
    for (Region &region : inner->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          argument.setType(substitute(argument.getType(), bindings));
    for (NamedAttribute attribute : llvm::to_vector(inner->getAttrDictionary()))
      if (Attribute bound = substituteAttr(attribute.getValue(), bindings); bound != attribute.getValue())
        inner->setAttr(attribute.getName(), bound);
    inner->setLoc(CallSiteLoc::get(inner->getLoc(), caller));
  });
}

void inlineCall(CallOp call, func::FuncOp callee) {
  Bindings bindings;
  // The verifier of calls says that they match.
  unify(callee.getArgumentTypes(), call.getOperandTypes(), bindings);
  IRMapping mapping;
  Block &body = callee.getBody().front();
  mapping.map(body.getArguments(), call.getOperands());
  OpBuilder builder(call);
  for (Operation &op : body.without_terminator())
    moveToCaller(builder.clone(op, mapping), bindings, call.getLoc());
  for (auto [result, value] : llvm::zip_equal(call.getResults(), body.getTerminator()->getOperands()))
    result.replaceAllUsesWith(mapping.lookup(value));
  call.erase();
}

struct InlinePass : impl::InlineBase<InlinePass> {
  using InlineBase::InlineBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto function : llvm::to_vector(module.getOps<func::FuncOp>()))
      visit(function);
    eraseUnusedFunctions(module);
  }

private:
  /// How often the function is named: a request or any other symbol use keeps it as it is.
  int64_t uses(func::FuncOp function) {
    auto all = function.getSymbolUses(getOperation());
    return all ? std::distance(all->begin(), all->end()) : 2;
  }

  bool isWorth(func::FuncOp callee) {
    if (callee.isExternal() || !callee.getBody().hasOneBlock() || callee->hasAttr("weft.kernel"))
      return false;
    int64_t size = 0;
    callee.getBody().walk([&](Operation *) { ++size; });
    return size - 1 <= maxOps || (callee.isPrivate() && uses(callee) == 1);
  }

  /// Callees first, so that what is put in place is already small.
  void visit(func::FuncOp function) {
    if (!visited.insert(function).second)
      return;
    open.push_back(function);
    SmallVector<CallOp> calls;
    function.walk([&](CallOp call) { calls.push_back(call); });
    for (CallOp call : calls) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
      if (!callee || llvm::is_contained(open, callee))
        continue;
      visit(callee);
      if (isWorth(callee))
        inlineCall(call, callee);
    }
    open.pop_back();
  }

  DenseSet<Operation *> visited;
  SmallVector<func::FuncOp> open;
};

} // namespace

} // namespace weft
