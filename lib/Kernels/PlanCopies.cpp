// Decides which values must stand in a second place, and puts a weft.copy with the reason there. Every other value is
// written once, where its last reader wants it.
#include "PlanCopies.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
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

std::optional<Carries> carriesOf(Operation *op) {
  if (auto loop = dyn_cast_or_null<ForOp>(op))
    return Carries{loop.getInitsMutable(), loop.getCarryArguments(), loop.getYield()};
  if (auto loop = dyn_cast_or_null<WhileOp>(op))
    return Carries{loop.getInitsMutable(), loop.getCarryArguments(), loop.getYield()};
  return std::nullopt;
}

bool isCondition(Region &region) {
  auto loop = dyn_cast<WhileOp>(region.getParentOp());
  return loop && &region == &loop.getCondition();
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
  Operation *parent = terminator->getParentOp();
  auto loop = carriesOf(parent);
  bool carry = loop && index < loop->size();
  if (carry && root == loop->arguments[index])
    return {};
  bool isReturn = isa<func::FuncOp>(parent);
  if (isa<BlockArgument>(root)) {
    if (carry)
      return "a carry takes over a value that lives elsewhere";
    return loop       ? "a row is a value that lives elsewhere"
           : isReturn ? "an argument is returned"
                      : "a branch yields a value that lives elsewhere";
  }
  if (taken)
    return isReturn ? "one value is returned twice" : "one value is yielded twice";
  return {};
}

static StringRef whyCopyInit(Operation *loop, OpOperand &init) {
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
      if (isCondition(region))
        break;
      Value root = rootOf(operand.get());
      StringRef reason = whyCopyYielded(terminator, operand.getOperandNumber(), root, taken.contains(root));
      if (!reason.empty())
        copyOperand(operand, reason);
      taken.insert(root);
    }
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto loop = carriesOf(&op))
        for (OpOperand &init : loop->inits)
          if (StringRef reason = whyCopyInit(&op, init); !reason.empty())
            copyOperand(init, reason);
      for (Region &inner : op.getRegions())
        insertCopies(inner);
    }
  }
}

} // namespace weft
