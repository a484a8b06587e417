// weft-inline-kernels: decides which kernels are so small that they become part of the code that launches them.
#include "weft/Kernels/KernelShape.h"
#include "weft/Kernels/Passes.h"

namespace weft {
#define GEN_PASS_DEF_INLINEKERNELS
#include "weft/Kernels/Passes.h.inc"
} // namespace weft

using namespace mlir;
using namespace weft;

/// Elements of each value made in such a kernel: a vector or two, so no loop of more than two steps.
static constexpr int64_t kFewElements = 16;
/// Operations that are inlined wherever they are launched: about what a call and its arguments take.
static constexpr double kFewOps = 32;
/// All launches of one kernel together: what one function may add to the program.
static constexpr double kMaxOps = 512;

/// What computes an element at a computed place takes, beside the operations of the element itself.
static constexpr double kPlaceOps = 8;

/// The operations of a kernel; nothing where its code is long: folds keep many partial results, whatever their sizes.
static std::optional<double> straightOps(func::FuncOp kernel) {
  double ops = 0;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    auto fusion = cast<FusionOpInterface>(op);
    // What is written over an operand is as much as the last one (the update) has.
    Value written = fusion.getOverwritten() ? op.getOperands().back() : op.getResult(0);
    auto elements = numElements(shapeOf(written)).constant();
    if (!elements || *elements > kFewElements)
      return std::nullopt;
    if (isLeaf(&op))
      continue;
    auto kind = fusionKind(&op);
    if (kind == FusionKind::Reduce || kind == FusionKind::Contract)
      return std::nullopt;
    double place = kind == FusionKind::Other || kind == FusionKind::Gather ? kPlaceOps : 0;
    ops += double(*elements) * (place + fusion.getOpsPerElement());
  }
  return ops;
}

namespace {
struct InlineKernelsPass : weft::impl::InlineKernelsBase<InlineKernelsPass> {
  void runOnOperation() override {
    llvm::StringMap<int64_t> launches;
    getOperation().walk([&](LaunchOp launch) { ++launches[launch.getCallee()]; });
    for (auto kernel : getOperation().getOps<func::FuncOp>()) {
      if (!kernel->hasAttr("weft.kernel") || kernel.isExternal())
        continue;
      auto ops = straightOps(kernel);
      if (ops && (*ops <= kFewOps || *ops * double(launches.lookup(kernel.getName())) <= kMaxOps))
        kernel->setAttr("weft.inline", UnitAttr::get(&getContext()));
    }
  }
};
} // namespace
