// Decides which values must stand in a second place, and puts a weft.copy with the reason there. Every other value is
// written once, where its last reader wants it.
#include "PlanCopies.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "weft/Kernels/Beside.h"

using namespace mlir;

namespace weft {

bool isAlias(Operation *op) {
  auto fusion = dyn_cast_or_null<FusionOpInterface>(op);
  return fusion && fusion.getFusionKind() == FusionKind::Alias;
}

Value rootOf(Value value) {
  while (auto result = dyn_cast<OpResult>(value)) {
    int64_t operand = isAlias(result.getOwner()) ? 0 : overOf(result);
    if (operand < 0)
      break;
    value = result.getOwner()->getOperand(operand);
  }
  return value;
}

void forEachUse(Value root, llvm::function_ref<void(OpOperand &)> visit) {
  SmallVector<Value> work{root};
  while (!work.empty())
    for (OpOperand &use : work.pop_back_val().getUses()) {
      Operation *user = use.getOwner();
      if (isAlias(user)) {
        work.push_back(user->getResult(0));
        continue;
      }
      visit(use);
      for (OpResult result : user->getResults())
        if (overOf(result) == int64_t(use.getOperandNumber()))
          work.push_back(result);
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

int64_t rowsOfCarry(const Carries &carries, unsigned carry) {
  YieldOp yield = carries.yield;
  Value next = rootOf(yield.getOperand(carry));
  for (unsigned row = carries.size(); row < yield->getNumOperands(); ++row)
    if (!isa<BlockArgument>(next) && rootOf(yield.getOperand(row)) == next)
      return row;
  return -1;
}

void copyOperand(OpOperand &operand, StringRef reason, Operation *where) {
  Operation *user = operand.getOwner();
  where = where ? where : user;
  OpBuilder builder(where);
  // The copy stems from the line of what is copied, where an op made it.
  Operation *maker = operand.get().getDefiningOp();
  auto copy = CopyOp::create(builder, maker ? maker->getLoc() : user->getLoc(), operand.get(), reason);
  joinPart(copy, where);
  operand.set(copy);
}

StringRef whyCopyArgument(Operation *terminator, unsigned index, Value root) {
  Operation *parent = terminator->getParentOp();
  auto loop = carriesOf(parent);
  bool carry = loop && index < loop->size();
  if (carry && root == loop->arguments[index])
    return {};
  if (carry)
    return "a carry takes over a value that lives elsewhere";
  return loop                        ? "a row is a value that lives elsewhere"
         : isa<func::FuncOp>(parent) ? "an argument is returned"
                                     : "a branch yields a value that lives elsewhere";
}

/// Why a terminator may not hand out `root` as its operand `index`; empty where it may. `before` is the operand that
/// hands it out too, or null.
static StringRef whyCopyYielded(Operation *terminator, unsigned index, Value root, OpOperand *before) {
  Operation *parent = terminator->getParentOp();
  if (auto argument = dyn_cast<BlockArgument>(root)) {
    if (isa<IfOp, SizedOp>(parent)) { // the captures are the last operands
      int64_t first = parent->getNumOperands() - parent->getRegion(0).getNumArguments();
      if (overOf(parent->getResult(index)) == first + int64_t(argument.getArgNumber()))
        return {};
    }
    return whyCopyArgument(terminator, index, root);
  }
  if (!before)
    return {};
  auto loop = carriesOf(parent);
  if (loop && before->getOperandNumber() < loop->size() && rowsOfCarry(*loop, before->getOperandNumber()) == index)
    return {}; // the carry is read from the row
  return isa<func::FuncOp>(parent) ? "one value is returned twice" : "one value is yielded twice";
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
    else if (runBeside(use.getOwner(), loop) && reason.empty())
      reason = "what runs beside the loop reads its init";
    else if (!use.getOwner()->isBeforeInBlock(loop) && reason.empty())
      reason = "the loop's init is read after it began";
  });
  return reason;
}

void insertCopies(Region &region) {
  for (Block &block : region) {
    Operation *terminator = block.getTerminator();
    DenseMap<Value, OpOperand *> taken;
    for (OpOperand &operand : terminator->getOpOperands()) {
      if (isCondition(region))
        break;
      Value root = rootOf(operand.get());
      StringRef reason = whyCopyYielded(terminator, operand.getOperandNumber(), root, taken.lookup(root));
      if (!reason.empty())
        copyOperand(operand, reason);
      taken.try_emplace(root, &operand);
    }
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto loop = carriesOf(&op))
        for (OpOperand &init : loop->inits)
          if (overOf(op.getResult(init.getOperandNumber())) < 0)
            if (StringRef reason = whyCopyInit(&op, init); !reason.empty())
              copyOperand(init, reason);
      for (Region &inner : op.getRegions())
        insertCopies(inner);
    }
  }
}

} // namespace weft
