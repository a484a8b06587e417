// Decides which ops are equal, and that the one that stays has the places of all.
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Transforms/Passes.h"
#include "weft/Transforms/Simplify.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_CSE
#include "weft/Transforms/Passes.h.inc"

namespace {

struct EqualOps : DenseMapInfo<Operation *> {
  static unsigned getHashValue(const Operation *op) {
    return OperationEquivalence::computeHash(const_cast<Operation *>(op), OperationEquivalence::directHashValue,
                                             OperationEquivalence::ignoreHashValue,
                                             OperationEquivalence::IgnoreLocations);
  }
  static bool isEqual(const Operation *a, const Operation *b) {
    if (a == b)
      return true;
    if (a == getEmptyKey() || a == getTombstoneKey() || b == getEmptyKey() || b == getTombstoneKey())
      return false;
    return OperationEquivalence::isEquivalentTo(const_cast<Operation *>(a), const_cast<Operation *>(b),
                                                OperationEquivalence::IgnoreLocations);
  }
};

/// Equal regions are not merged: one may be there to be computed again.
bool mayMerge(Operation &op) { return op.getNumResults() && !op.getNumRegions() && isMemoryEffectFree(&op); }

bool mergeBlock(Block &block) {
  llvm::DenseSet<Operation *, EqualOps> seen;
  bool changed = false;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (!mayMerge(op))
      continue;
    auto [it, isNew] = seen.insert(&op);
    if (isNew)
      continue;
    Operation *first = *it;
    first->setLoc(mergeLocations(op.getContext(), {first->getLoc(), op.getLoc()}));
    op.replaceAllUsesWith(first->getResults());
    op.erase();
    changed = true;
  }
  return changed;
}

struct CSEPass : impl::CSEBase<CSEPass> {
  void runOnOperation() override { mergeEqualOps(getOperation()); }
};

} // namespace

bool mergeEqualOps(Operation *root) {
  bool changed = false;
  root->walk([&](Block *block) {
    // A module's block holds symbols, which are not equal however they look.
    if (!isa_and_nonnull<ModuleOp>(block->getParentOp()))
      changed |= mergeBlock(*block);
  });
  return changed;
}

} // namespace weft
