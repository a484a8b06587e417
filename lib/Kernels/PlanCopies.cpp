// Decides which values must stand in a second place, and puts a weft.copy with the reason there. Every other value is
// written once, where its last reader wants it.
#include "PlanCopies.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace weft {

bool isAlias(Operation *op) {
  auto fusion = dyn_cast_or_null<FusionOpInterface>(op);
  return fusion && fusion.getFusionKind() == FusionKind::Alias;
}

Value rootOf(Value value) {
  while (isAlias(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

void forEachUse(Value root, llvm::function_ref<void(OpOperand &)> visit) {
  SmallVector<Value> work{root};
  while (!work.empty())
    for (OpOperand &use : work.pop_back_val().getUses()) {
      if (isAlias(use.getOwner()))
        work.push_back(use.getOwner()->getResult(0));
      else
        visit(use);
    }
}

/// Replaces one operand by a copy made just before its user.
static void copyOperand(OpOperand &operand, StringRef reason) {
  Operation *user = operand.getOwner();
  OpBuilder builder(user);
  // The copy stems from the line of what is copied, where an op made it.
  Operation *maker = operand.get().getDefiningOp();
  operand.set(CopyOp::create(builder, maker ? maker->getLoc() : user->getLoc(), operand.get(), reason));
}

/// Why a terminator may not hand out `root` as its operand `index`; empty where it may.
static StringRef whyCopyYielded(Operation *terminator, unsigned index, Value root, bool taken) {
  auto loop = dyn_cast<ForOp>(terminator->getParentOp());
  bool carry = loop && index < loop.getNumCarries();
  if (carry && root == loop.getCarryArguments()[index])
    return {};
  if (isa<BlockArgument>(root)) {
    if (carry)
      return "a carry takes over a value that lives elsewhere";
    return loop                                   ? "a row is a value that lives elsewhere"
           : isa<IfOp>(terminator->getParentOp()) ? "a branch yields a value that lives elsewhere"
                                                  : "an argument is returned";
  }
  if (taken)
    return loop                                   ? "one value is yielded twice"
           : isa<IfOp>(terminator->getParentOp()) ? "one value is yielded twice"
                                                  : "one value is returned twice";
  return {};
}

static StringRef whyCopyInit(ForOp loop, OpOperand &init) {
  Value root = rootOf(init.get());
  if (isa<BlockArgument>(root))
    return "a loop does not write over its function's or region's arguments";
  StringRef reason;
  forEachUse(root, [&](OpOperand &use) {
    if (&use == &init)
      return;
    if (use.getOwner() == loop)
      reason = "the loop reads its init in another way too";
    else if (!use.getOwner()->isBeforeInBlock(loop) && reason.empty())
      reason = "the loop's init is read after it began";
  });
  return reason;
}

void insertCopies(Region &region) {
  for (Block &block : region) {
    Operation *terminator = block.getTerminator();
    llvm::SmallPtrSet<Value, 8> taken;
    for (OpOperand &operand : terminator->getOpOperands()) {
      Value root = rootOf(operand.get());
      StringRef reason = whyCopyYielded(terminator, operand.getOperandNumber(), root, taken.contains(root));
      if (!reason.empty())
        copyOperand(operand, reason);
      taken.insert(root);
    }
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto loop = dyn_cast<ForOp>(op))
        for (OpOperand &init : loop.getInitsMutable())
          if (StringRef reason = whyCopyInit(loop, init); !reason.empty())
            copyOperand(init, reason);
      for (Region &inner : op.getRegions())
        insertCopies(inner);
    }
  }
}

} // namespace weft
