// Decides what goes because nothing reads it: ops without effects, private functions without a caller.
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Transforms/Passes.h"
#include "weft/Transforms/Simplify.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_DCE
#include "weft/Transforms/Passes.h.inc"

namespace {

struct DropDeadOp : RewritePattern {
  explicit DropDeadOp(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/4, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!op->use_empty() || op->hasTrait<OpTrait::IsTerminator>() || isa<SymbolOpInterface>(op) || !hasNoEffects(op))
      return failure();
    rewriter.eraseOp(op);
    return success();
  }
};

struct DCEPass : impl::DCEBase<DCEPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateDeadOps(patterns);
    applyPatterns(getOperation(), std::move(patterns));
    eraseUnusedFunctions(getOperation());
  }
};

} // namespace

void populateDeadOps(RewritePatternSet &patterns) { patterns.add<DropDeadOp>(patterns.getContext()); }

bool eraseUnusedFunctions(ModuleOp module) {
  bool changed = false;
  // What only a function that goes has named goes in the next round.
  for (bool again = true; again;) {
    again = false;
    SymbolUserMap users = [&] {
      SymbolTableCollection tables;
      return SymbolUserMap(tables, module);
    }();
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (function.isPrivate() && users.useEmpty(function)) {
        function.erase();
        again = changed = true;
      }
  }
  return changed;
}

} // namespace weft
