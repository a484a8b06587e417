// Decides when composites become the ops that they are made of: when derivatives and batches, which know them by name,
// are made.
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Transforms/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_DECOMPOSE
#include "weft/Transforms/Passes.h.inc"

namespace {
struct Decompose : impl::DecomposeBase<Decompose> {
  void runOnOperation() override {
    // A composite may be made of others: what a round leaves is the next one's.
    SmallVector<DecomposeOpInterface> composites;
    do {
      composites.clear();
      getOperation().walk([&](DecomposeOpInterface op) { composites.push_back(op); });
      for (DecomposeOpInterface op : composites) {
        OpBuilder builder(op);
        GraphBuilder graph(builder, op->getLoc());
        op->getResult(0).replaceAllUsesWith(op.decompose(graph, op->getOperands()));
        op->erase();
      }
    } while (!composites.empty());
  }
};
} // namespace

} // namespace weft
