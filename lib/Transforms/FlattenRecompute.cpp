// Decides when recomputation stops being apart: when equal ops are merged and kernels are about to be formed. Each op
// put in place keeps the id of its region, so that no kernel computes it together with what ran before.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Transforms/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_FLATTENRECOMPUTE
#include "weft/Transforms/Passes.h.inc"

namespace {
struct FlattenRecompute : impl::FlattenRecomputeBase<FlattenRecompute> {
  void runOnOperation() override {
    int64_t number = 0;
    SmallVector<RecomputeOp> ops;
    getOperation().walk([&](RecomputeOp op) { ops.push_back(op); }); // inner ones first
    for (RecomputeOp op : ops) {
      Block &body = op.getBodyBlock();
      auto mark = IntegerAttr::get(IntegerType::get(&getContext(), 64), number++);
      for (auto [argument, capture] : llvm::zip_equal(body.getArguments(), op.getCaptures()))
        argument.replaceAllUsesWith(capture);
      op->replaceAllUsesWith(body.getTerminator()->getOperands());
      body.getTerminator()->erase();
      for (Operation &inner : body)
        inner.setAttr("weft.recompute", mark);
      op->getBlock()->getOperations().splice(op->getIterator(), body.getOperations());
      op.erase();
    }
  }
};
} // namespace

} // namespace weft
