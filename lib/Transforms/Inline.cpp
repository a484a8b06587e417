// Decides which calls are replaced by what they call: calls of functions called once, and of small ones.
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Transforms/Derivative.h"
#include "weft/Transforms/Passes.h"
#include "weft/Transforms/Simplify.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_INLINE
#include "weft/Transforms/Passes.h.inc"

namespace {

using Bindings = llvm::StringMap<SizeExpr>;

/// Speaks of the caller's sizes and of the caller's place in an op that came from the callee, and in what it holds.
void moveToCaller(Operation *op, const Bindings &bindings, Location caller) {
  op->walk([&](Operation *inner) {
    substituteSizes(inner, bindings);
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
  // A size that the callee binds inside gets a name that the caller does not use, so that it takes no other's place.
  llvm::StringSet<> used;
  callee.walk([&](Operation *op) {
    StringRef name = boundSymbol(op);
    if (name.empty())
      return;
    if (used.empty())
      used = symbolsOf(call->getParentOfType<func::FuncOp>());
    std::string fresh = name.str();
    for (int i = 1; used.contains(fresh); ++i)
      fresh = name.str() + "_" + std::to_string(i);
    if (fresh != name)
      bindings[name] = SizeExpr::symbol(fresh);
  });
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
