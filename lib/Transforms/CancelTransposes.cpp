// Decides where elementwise ops are computed in their operands' order of dimensions, so that the transposes before and
// after them cancel: networks that permute around each convolution, and graphs that come from frameworks with another
// order.
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/IRMapping.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Transforms/Passes.h"
#include "weft/Transforms/Simplify.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_CANCELTRANSPOSES
#include "weft/Transforms/Passes.h.inc"

namespace {

/// What is made in any order at no cost.
bool isFree(Value value) {
  auto transpose = value.getDefiningOp<TransposeOp>();
  return transpose ? isFree(transpose.getX()) : uniformOf(value) || value.getDefiningOp<BroadcastOp>();
}

/// Connected elementwise ops of one block, some of which read `transpose(x, permutation)`, and what it would save to
/// compute all of them in the order of x.
class Group {
public:
  Group(TransposeOp seed)
      : permutation(seed.getPermutation()), inverse(invertPermutationVector(permutation)), block(seed->getBlock()) {
    for (Operation *user : seed->getUsers())
      add(user);
    for (size_t i = 0; i < members.size(); ++i) { // grows
      for (Operation *user : members[i]->getUsers())
        add(user);
      for (Value operand : members[i]->getOperands())
        add(operand.getDefiningOp());
    }
  }

  /// Transposes that would go, less those that would come. One that would come behind the group counts twice: it is a
  /// pass over memory of its own, while one in front is part of the kernel that reads it. So it is for a contraction,
  /// as long as rows stay rows.
  int64_t gain() const {
    const bool turnsRows = permutation.back() != int64_t(permutation.size()) - 1;
    int64_t gain = 0;
    llvm::SmallDenseSet<Value> seen;
    for (Operation *member : members) {
      for (Value operand : member->getOperands())
        if (!contains(operand.getDefiningOp()) && seen.insert(operand).second)
          gain += gainOf(operand);
      bool isReadElsewhere = false;
      for (Operation *user : member->getUsers()) {
        auto transpose = dyn_cast<TransposeOp>(user);
        if (transpose && isBetween(transpose))
          continue; // counted as an operand
        if (transpose)
          gain += transpose.getPermutation() == ArrayRef(inverse);
        else
          isReadElsewhere |= !contains(user) && (turnsRows || !contracts(user));
      }
      gain -= 2 * isReadElsewhere;
    }
    return gain;
  }

  /// The transposes that would have begun the same group.
  template <typename F> void eachSeed(F visit) const {
    for (Operation *member : members)
      for (Value operand : member->getOperands())
        if (auto transpose = operand.getDefiningOp<TransposeOp>();
            transpose && transpose.getPermutation() == ArrayRef(permutation))
          visit(transpose);
  }

  void rewrite() {
    // In program order, each where it was, so that what it reads stands before it.
    SmallVector<Operation *> order(members.begin(), members.end());
    llvm::sort(order, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    IRMapping inOrderOfOperands;
    for (Operation *member : order) {
      OpBuilder builder(member);
      for (Value operand : member->getOperands())
        if (!inOrderOfOperands.contains(operand))
          inOrderOfOperands.map(operand, transposed(builder, member->getLoc(), operand, inverse));
      Operation *moved = builder.clone(*member, inOrderOfOperands);
      Shape before = shapeOf(member->getResult(0));
      applyPermutationToVector(before, inverse);
      moved->getResult(0).setType(typeOf(before, getElementTypeOrSelf(member->getResult(0).getType())));
    }
    for (Operation *member : order) {
      Value result = member->getResult(0), moved = inOrderOfOperands.lookup(result);
      OpBuilder builder(member);
      Value restored;
      for (OpOperand &use : llvm::make_early_inc_range(result.getUses())) {
        if (contains(use.getOwner()))
          continue;
        auto transpose = dyn_cast<TransposeOp>(use.getOwner());
        if (transpose) {
          builder.setInsertionPoint(transpose);
          Location loc = transpose.getLoc();
          transpose.getResult().replaceAllUsesWith(
              transposed(builder, loc, moved, applyPermutation(permutation, transpose.getPermutation())));
          transpose.erase();
          continue;
        }
        if (!restored) {
          builder.setInsertionPoint(member);
          restored = transposed(builder, member->getLoc(), moved, permutation);
        }
        use.set(restored);
      }
    }
    for (Operation *member : llvm::reverse(order)) {
      llvm::SmallSetVector<Value, 4> operands(member->operand_begin(), member->operand_end()); // each once: it may go
      member->erase();
      for (Value operand : operands)
        if (auto transpose = operand.getDefiningOp<TransposeOp>(); transpose && transpose.use_empty())
          transpose.erase();
    }
  }

private:
  bool contains(Operation *op) const { return op && members.contains(op); }
  static bool contracts(Operation *op) {
    auto fusion = dyn_cast<FusionOpInterface>(op);
    return fusion && fusion.getFusionKind() == FusionKind::Contract;
  }
  bool isBetween(TransposeOp transpose) const {
    return llvm::any_of(transpose->getUsers(), [&](Operation *user) { return contains(user); });
  }

  void add(Operation *op) {
    if (op && op->getBlock() == block && isa<ElementwiseOpInterface>(op) && op->getNumResults() == 1)
      members.insert(op);
  }

  int64_t gainOf(Value operand) const {
    if (isFree(operand))
      return 0;
    auto transpose = operand.getDefiningOp<TransposeOp>();
    if (!transpose)
      return -1;
    bool goes = llvm::all_of(transpose->getUsers(), [&](Operation *user) { return contains(user); });
    if (contains(transpose.getX().getDefiningOp())) // as many in either order (x + x.T)
      return goes || transpose.getPermutation() == ArrayRef(inverse) ? 0 : -1;
    if (transpose.getPermutation() == ArrayRef(permutation))
      return goes; // else it stays for others
    return goes - 1;
  }

  static Value transposed(OpBuilder &builder, Location loc, Value x, ArrayRef<int64_t> by) {
    SmallVector<int64_t> order(by);
    if (auto inner = x.getDefiningOp<TransposeOp>()) {
      order = applyPermutation(inner.getPermutation(), by);
      loc = mergeLocations(builder.getContext(), {loc, inner.getLoc()});
      x = inner.getX();
    }
    return llvm::is_sorted(order) ? x : TransposeOp::create(builder, loc, x, order).getResult();
  }

  SmallVector<int64_t> permutation, inverse;
  Block *block;
  llvm::SetVector<Operation *> members;
};

/// Cancels what can be in one block. Each rewrite leaves fewer transposes of what is not free, so there are no more
/// rewrites than transposes.
bool cancelIn(Block &block) {
  bool changed = false, again = true;
  for (int64_t most = std::distance(block.op_begin<TransposeOp>(), block.op_end<TransposeOp>()); again && most > 0;
       --most) {
    again = false;
    DenseSet<Operation *> tried;
    for (auto transpose : block.getOps<TransposeOp>()) {
      if (tried.contains(transpose) || isFree(transpose))
        continue;
      Group group(transpose);
      if (group.gain() <= 0) {
        group.eachSeed([&](TransposeOp seed) { tried.insert(seed); });
        continue;
      }
      group.rewrite();
      changed = again = true;
      break;
    }
  }
  return changed;
}

struct CancelTransposes : impl::CancelTransposesBase<CancelTransposes> {
  void runOnOperation() override {
    bool changed = false;
    getOperation()->walk([&](Block *block) { changed |= cancelIn(*block); });
    if (!changed)
      return;
    // Transposes of broadcasts and of constants are still there, and what they kept from contractions is their
    // epilogue.
    RewritePatternSet patterns(&getContext());
    TransposeOp::getCanonicalizationPatterns(patterns, &getContext());
    populateConstantFold(patterns);
    populateUnitsLast(patterns);
    populateDeadOps(patterns);
    applyPatterns(getOperation(), std::move(patterns));
    mergeEqualOps(getOperation());
  }
};

} // namespace
} // namespace weft
