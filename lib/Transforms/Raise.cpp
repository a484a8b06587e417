// Decides when ops written out become the composite that they are: first of all, so that derivatives and batches know
// it.
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Transforms/Passes.h"
#include "weft/Transforms/Simplify.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_RAISE
#include "weft/Transforms/Passes.h.inc"

namespace {
struct Raise : impl::RaiseBase<Raise> {
  using RaiseBase::RaiseBase;

  void runOnOperation() override {
    auto asks = [](Operation *op) {
      return isa<JvpRequestOp, VjpRequestOp>(op) ? WalkResult::interrupt() : WalkResult::advance();
    };
    if (forDerivatives && !getOperation().walk(asks).wasInterrupted())
      return;
    RewritePatternSet patterns(&getContext());
    populateRaisePatterns(patterns);
    applyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace

} // namespace weft
