// Decides which ops write a result over an operand instead of to a place of its own: those that change it in few
// places, and loops and branches around them. An operand whose value may be read later is copied first, with the
// reason.
#include "PlanCopies.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "weft/Kernels/Beside.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace weft {

int64_t overOf(OpResult result) {
  auto over = result.getOwner()->getAttrOfType<DenseI64ArrayAttr>("weft.over");
  return over ? over[result.getResultNumber()] : -1;
}

static void setOver(Operation *op, unsigned result, int64_t operand) {
  SmallVector<int64_t> over(op->getNumResults(), -1);
  if (auto known = op->getAttrOfType<DenseI64ArrayAttr>("weft.over"))
    over.assign(known.asArrayRef().begin(), known.asArrayRef().end());
  over[result] = operand;
  op->setAttr("weft.over", DenseI64ArrayAttr::get(op->getContext(), over));
}

namespace {

class Overwrites {
public:
  explicit Overwrites(SymbolTable &symbols) : symbols(symbols) {}

  /// `owned` are the arguments of the block whose memory may be written over, as that of values made here may.
  void plan(Block &block, ArrayRef<Value> owned);

private:
  int64_t overInKernel(LaunchOp launch, unsigned result);
  Value sourceOf(Value value);
  int64_t captureOf(Operation *op, unsigned result);
  StringRef whyCopy(Operation *op, OpOperand &operand, ArrayRef<Value> owned);
  void plan(LaunchOp launch, ArrayRef<Value> owned);
  void planLoop(Operation *loop, Carries carries, ArrayRef<Value> owned);
  void planBranches(Operation *op, ArrayRef<Value> owned);

  SymbolTable &symbols;
};

} // namespace

/// The operand that a kernel writes a result over, if nothing else in the kernel reads it; else -1.
int64_t Overwrites::overInKernel(LaunchOp launch, unsigned result) {
  auto kernel = symbols.lookup<func::FuncOp>(launch.getCallee());
  if (!kernel || kernel.isExternal())
    return -1;
  auto maker = kernel.getBody().front().getTerminator()->getOperand(result).getDefiningOp<FusionOpInterface>();
  auto operand = maker ? maker.getOverwritten() : std::nullopt;
  auto argument = operand ? dyn_cast<BlockArgument>(maker->getOperand(*operand)) : BlockArgument();
  return argument && argument.hasOneUse() ? int64_t(argument.getArgNumber()) : -1;
}

/// The argument of its block that a value may live in, if all that can be written over is; else null.
Value Overwrites::sourceOf(Value value) {
  while (auto result = dyn_cast<OpResult>(value)) {
    Operation *op = result.getOwner();
    unsigned number = result.getResultNumber();
    int64_t operand = -1;
    if (isAlias(op)) {
      operand = 0;
    } else if (auto launch = dyn_cast<LaunchOp>(op)) {
      operand = overInKernel(launch, number);
    } else if (auto carries = carriesOf(op)) {
      if (number < carries->size() && sourceOf(carries->yield.getOperand(number)) == carries->arguments[number])
        operand = number; // inits come first
    } else if (isa<IfOp, SizedOp>(op)) {
      operand = captureOf(op, number);
    }
    if (operand < 0)
      return {};
    value = op->getOperand(operand);
  }
  return value;
}

/// The operand that an `if` or `sized` gives as a result, changed in place in a branch or more; -1 where there is none.
int64_t Overwrites::captureOf(Operation *op, unsigned result) {
  Value source;
  bool isChanged = false;
  for (Region &region : op->getRegions()) {
    Value yielded = region.front().getTerminator()->getOperand(result), from = sourceOf(yielded);
    auto argument = dyn_cast_if_present<BlockArgument>(from);
    if (!argument)
      return -1;
    // The captures are the last operands, and the arguments of each region.
    Value captured = op->getOperand(op->getNumOperands() - region.getNumArguments() + argument.getArgNumber());
    if (source && source != captured)
      return -1;
    source = captured;
    isChanged |= yielded != from;
  }
  if (!isChanged)
    return -1;
  return llvm::find_if(op->getOpOperands(), [&](OpOperand &operand) { return operand.get() == source; })
      ->getOperandNumber();
}

/// Why an op may not write over an operand; empty where it may. What reads the value later and can do so before, goes
/// before.
StringRef Overwrites::whyCopy(Operation *op, OpOperand &operand, ArrayRef<Value> owned) {
  Value root = rootOf(operand.get());
  if (isa<BlockArgument>(root) && !llvm::is_contained(owned, root))
    return isa<func::FuncOp>(op->getParentOp()) ? "an argument is changed"
                                                : "a value that lives elsewhere, or is read in each trip, is changed";
  SmallVector<OpOperand *> later;
  bool readsTwice = false, isReadBeside = false;
  forEachUse(root, [&](OpOperand &use) {
    readsTwice |= use.getOwner() == op && &use != &operand;
    isReadBeside |= runBeside(use.getOwner(), op);
    if (use.getOwner() != op && !use.getOwner()->isBeforeInBlock(op))
      later.push_back(&use);
  });
  if (readsTwice)
    return "what changes a value reads it in another way too";
  if (isReadBeside)
    return "what runs beside it reads the value before the change";
  auto isBefore = [&](Value value) {
    Operation *maker = value.getDefiningOp();
    while (isAlias(maker) && !maker->isBeforeInBlock(op))
      maker = maker->getOperand(0).getDefiningOp();
    return !maker || (maker != op && maker->isBeforeInBlock(op));
  };
  auto isMovable = [&](OpOperand *use) {
    Operation *reader = use->getOwner();
    auto launch = dyn_cast<LaunchOp>(reader);
    if (launch &&
        llvm::all_of(llvm::seq(launch.getNumResults()), [&](unsigned r) { return overInKernel(launch, r) < 0; }))
      return llvm::all_of(reader->getOperands(), isBefore);
    return isa<CopyOp>(reader) || (reader->hasTrait<OpTrait::IsTerminator>() && isa<BlockArgument>(root) &&
                                   !whyCopyArgument(reader, use->getOperandNumber(), root).empty());
  };
  if (!llvm::all_of(later, isMovable))
    return "its value before the change is read later";
  for (OpOperand *use : later) {
    Operation *reader = use->getOwner();
    if (reader->hasTrait<OpTrait::IsTerminator>()) {
      copyOperand(*use, whyCopyArgument(reader, use->getOperandNumber(), root), op);
      reader = use->get().getDefiningOp();
    }
    for (Value read : reader->getOperands()) {
      SmallVector<Operation *> aliases;
      for (Operation *maker = read.getDefiningOp(); isAlias(maker) && !maker->isBeforeInBlock(op);
           maker = maker->getOperand(0).getDefiningOp())
        aliases.push_back(maker);
      for (Operation *alias : llvm::reverse(aliases))
        alias->moveBefore(op);
    }
    reader->moveBefore(op);
  }
  return {};
}

void Overwrites::plan(LaunchOp launch, ArrayRef<Value> owned) {
  for (unsigned result = 0; result < launch.getNumResults(); ++result) {
    int64_t number = overInKernel(launch, result);
    if (number < 0)
      continue;
    OpOperand &operand = launch->getOpOperand(number);
    if (StringRef reason = whyCopy(launch, operand, owned); !reason.empty())
      copyOperand(operand, reason);
    setOver(launch, result, number);
    // Its code need not know where the rest comes from.
    auto kernel = symbols.lookup<func::FuncOp>(launch.getCallee());
    kernel->setAttr("weft.over", launch->getAttr("weft.over"));
  }
}

/// A loop writes its carries over their inits. Where those are values of the block, the plan gives them the loop's
/// place.
void Overwrites::planLoop(Operation *loop, Carries carries, ArrayRef<Value> owned) {
  SmallVector<Value> inside(carries.arguments.begin(), carries.arguments.end());
  for (Region &region : loop->getRegions())
    plan(region.front(), isCondition(region) ? ArrayRef<Value>() : ArrayRef(inside));
  for (unsigned k = 0; k < carries.size(); ++k) {
    OpOperand &init = loop->getOpOperand(k);
    bool stays = rootOf(carries.yield.getOperand(k)) == carries.arguments[k];
    if (stays && isa<BlockArgument>(rootOf(init.get())) && whyCopy(loop, init, owned).empty())
      setOver(loop, k, k);
  }
}

void Overwrites::planBranches(Operation *op, ArrayRef<Value> owned) {
  SmallVector<std::pair<unsigned, int64_t>> over;
  for (unsigned result = 0; result < op->getNumResults(); ++result)
    if (int64_t number = captureOf(op, result); number >= 0 && whyCopy(op, op->getOpOperand(number), owned).empty()) {
      over.push_back({result, number});
      setOver(op, result, number);
    }
  for (Region &region : op->getRegions()) {
    int64_t first = op->getNumOperands() - region.getNumArguments();
    SmallVector<Value> inside;
    for (auto [result, number] : over)
      inside.push_back(region.getArgument(number - first));
    plan(region.front(), inside);
    // A copy inside has the result made elsewhere after all.
    for (auto [result, number] : over)
      if (rootOf(region.front().getTerminator()->getOperand(result)) != region.getArgument(number - first))
        setOver(op, result, -1);
  }
}

void Overwrites::plan(Block &block, ArrayRef<Value> owned) {
  // Readers that are moved stay readers, so each op is looked at once.
  for (Operation *op : llvm::to_vector(llvm::make_pointer_range(block))) {
    if (auto launch = dyn_cast<LaunchOp>(op))
      plan(launch, owned);
    else if (auto carries = carriesOf(op))
      planLoop(op, *carries, owned);
    else if (isa<IfOp, SizedOp>(op))
      planBranches(op, owned);
  }
}

void planOverwrites(Region &region, SymbolTable &symbols) { Overwrites(symbols).plan(region.front(), {}); }

} // namespace weft
