// weft-plan-memory: decides where each value of the program lives (the attributes are described in Passes.td).
//
// A value is written straight to where its last reader wants it: a result buffer, the next place of a carry, a row of a
// stacked output, the result of an `if`; what is left lives in the function's frame of the arena. PlanOverwrites.cpp
// has said what is written over an operand, and PlanCopies.cpp has put copies where one value is wanted in two places,
// so here each value has one place.
#include "Arena.h"
#include "PlanCopies.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "weft/Dialect/Weft/Effects.h"
#include "weft/Dialect/Weft/Linalg.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/SizeBounds.h"
#include "weft/Kernels/Beside.h"
#include "weft/Kernels/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace weft {
#define GEN_PASS_DEF_PLANMEMORY
#include "weft/Kernels/Passes.h.inc"
} // namespace weft

using namespace mlir;
using namespace weft;

namespace {

/// Where a value lives: a temporary (by number), or a place that is not the function's own.
struct SlotPlace {
  SlotKind kind = SlotKind::Arena;
  int64_t index = 0;
};

/// Whether the bytes of a value cannot be counted: then no machine has them, and no formula about them is right.
bool isBeyondMemory(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  int64_t bytes = 16; // of the widest element
  for (int64_t size : tensor.getShape())
    if (size == 0)
      return false;
  for (int64_t size : tensor.getShape())
    if (!ShapedType::isDynamic(size) && __builtin_mul_overflow(bytes, size, &bytes))
      return true;
  return false;
}

/// The plan of one function.
class FunctionPlan {
public:
  FunctionPlan(func::FuncOp function, SymbolTable &symbols, const DenseMap<Operation *, SizeExpr> &frames)
      : function(function), symbols(symbols), frames(frames) {}

  /// Plans, and writes the plan into attributes; fails with a diagnostic on an op that has no place in this stage.
  LogicalResult run() {
    if (failed(check(function.getBody())))
      return failure();
    planOverwrites(function.getBody(), symbols);
    insertCopies(function.getBody());
    number(function.getBody());
    if (failed(assign(function.getBody().front())))
      return failure();
    planArenas();
    annotate();
    return success();
  }

  const ArenaPlan &getArena() const { return arena; }
  std::optional<int64_t> getPeak() const { return peakBytes(temporaries); }

private:
  LogicalResult check(Region &region);
  void number(Region &region);

  int64_t beginOf(Operation *op) const { return positions.lookup(op).first; }
  int64_t endOf(Operation *op) const { return positions.lookup(op).second; }
  int64_t lastReadOf(Value root);
  Operation *firstWriterOf(Value root);
  bool isInPlace(Operation *loop, unsigned carry);

  /// A temporary for a value of the block: in the arena, or, where its size has a value in a `sized` only, in memory
  /// that is asked for where that begins.
  SlotPlace makeTemporary(Block &block, const SizeExpr &bytes, int64_t begin, int64_t end);
  bool isInlined(LaunchOp launch) { return symbols.lookup<func::FuncOp>(launch.getCallee())->hasAttr("weft.inline"); }
  bool isReadInline(Value root);
  bool isMadeInline(Value root);
  bool fitsRegister(Value root) { return isMadeInline(root) && isReadInline(root); }
  bool fitsRegister(Operation *loop, unsigned carry);
  SlotPlace makeRegister() { return {SlotKind::Register, numRegisters++}; }
  SlotPlace makeKept(Type type) {
    SlotPlace place{SlotKind::Kept, keptBytes};
    keptBytes += llvm::alignTo(*bytesOf(type).constant(), 64);
    return place;
  }
  void planArenas();
  void keepAlive(SlotPlace place, int64_t begin, int64_t end) {
    if (place.kind != SlotKind::Arena)
      return;
    Temporary &t = temporaries[place.index];
    t.begin = std::min(t.begin, begin);
    t.end = std::max(t.end, end);
  }

  void claim(Block &block);
  LogicalResult assign(Block &block);
  LogicalResult assignLoop(Operation *loop);
  SmallVector<int64_t> pairDonations();
  LogicalResult bindSymbols(Operation *op, func::FuncOp callee, llvm::StringMap<SizeExpr> &bindings);

  SlotAttr slot(SlotPlace place) {
    if (place.kind != SlotKind::Arena)
      return SlotAttr::get(function.getContext(), place.kind, SizeExpr(place.index));
    return SlotAttr::get(function.getContext(), frameOf[place.index] ? SlotKind::Frame : SlotKind::Arena,
                         offsets[place.index]);
  }
  void annotate();

  func::FuncOp function;
  SymbolTable &symbols;
  const DenseMap<Operation *, SizeExpr> &frames;
  DenseMap<Operation *, std::pair<int64_t, int64_t>> positions;
  int64_t counter = 0;
  std::vector<Temporary> temporaries;
  std::vector<Operation *> frameOf;  // by temporary: the `sized` whose memory it is in, or null
  std::vector<SizeExpr> offsets;     // by temporary
  DenseMap<Value, SlotPlace> places; // by root
  llvm::MapVector<Operation *, SmallVector<SlotPlace>> spares;
  llvm::MapVector<Operation *, SlotPlace> steps, callFrames;
  llvm::MapVector<Operation *, SizeExpr> frameBytes; // of each `sized`
  ArenaPlan arena;
  int64_t numRegisters = 0, keptBytes = 0;
};

} // namespace

LogicalResult FunctionPlan::check(Region &region) {
  if (!region.hasOneBlock())
    return region.getParentOp()->emitOpError("[WF1503] expected one block before memory is planned");
  for (Operation &op : region.front()) {
    if (!isa<LaunchOp, ForOp, WhileOp, IfOp, SizedOp, CallOp, CopyOp, YieldOp, func::ReturnOp, EffectOpInterface,
             LibraryOpInterface>(op) &&
        !isAlias(&op))
      return op.emitOpError("[WF1503] is not in a kernel: memory is planned for launches, control flow and calls");
    for (Value result : op.getResults()) {
      if (isBeyondMemory(result.getType()))
        return op.emitOpError("[WF1604] gives ") << result.getType() << ", more bytes than any machine has";
      if (result.use_empty() && isSizedInside(result))
        return op.emitOpError("[WF2032] gives ")
               << result.getType() << ", whose size is known inside only, and nothing hands it out";
    }
    for (Region &inner : op.getRegions())
      if (failed(check(inner)))
        return failure();
  }
  return success();
}

/// Ops that run side by side are all at work from the first one's begin to the last one's end.
void FunctionPlan::number(Region &region) {
  DenseMap<int64_t, std::pair<int64_t, int64_t>> groups;
  for (Operation &op : region.front()) {
    int64_t begin = counter++;
    for (Region &inner : op.getRegions())
      number(inner);
    positions[&op] = {begin, op.getNumRegions() ? counter++ : begin};
    if (auto beside = besideOf(&op))
      groups.try_emplace(beside->group, positions[&op]).first->second.second = positions[&op].second;
  }
  for (Operation &op : region.front())
    if (auto beside = besideOf(&op))
      positions[&op] = groups.lookup(beside->group);
}

/// A region op reads what it is given to its end: a loop in each step.
int64_t FunctionPlan::lastReadOf(Value root) {
  int64_t last = -1;
  forEachUse(root, [&](OpOperand &use) { last = std::max(last, endOf(use.getOwner())); });
  return last;
}

/// The op that first writes where a value lives: a loop's result lives where its init was made.
Operation *FunctionPlan::firstWriterOf(Value root) {
  Operation *maker = root.getDefiningOp();
  if (auto loop = carriesOf(maker))
    if (unsigned k = cast<OpResult>(root).getResultNumber(); k < loop->size())
      return firstWriterOf(rootOf(loop->inits[k].get()));
  return maker;
}

/// Whether the next value of a carry may overwrite the present one: it is made after that was read for the last time.
bool FunctionPlan::isInPlace(Operation *loop, unsigned carry) {
  auto carries = carriesOf(loop);
  Value present = carries->arguments[carry], next = rootOf(carries->yield.getOperand(carry));
  if (present == next)
    return true;
  return lastReadOf(present) < beginOf(firstWriterOf(next));
}

SlotPlace FunctionPlan::makeTemporary(Block &block, const SizeExpr &size, int64_t begin, int64_t end) {
  SizeExpr bytes = size;
  Operation *innermost = nullptr, *frame = nullptr;
  for (Operation *op = block.getParentOp(); op != function; op = op->getParentOp()) {
    auto sized = dyn_cast<SizedOp>(op);
    if (!sized)
      continue;
    innermost = innermost ? innermost : op;
    if (!llvm::is_contained(bytes.symbols(), sized.getSymbol()))
      continue;
    auto bound = sized.getBound();
    if (auto most = bound ? atMost(bytes, sized.getSymbol(), bound->getSize()) : std::nullopt)
      bytes = *most;
    else
      frame = innermost; // whichever around it binds the size, a slot means the memory of the nearest
  }
  std::vector<Beside> within;
  for (Operation *op = block.getParentOp(); op != function; op = op->getParentOp())
    if (auto beside = besideOf(op))
      within.push_back(*beside);
  temporaries.push_back({bytes, begin, end, within});
  frameOf.push_back(frame);
  return {SlotKind::Arena, int64_t(temporaries.size()) - 1};
}

/// Whether only code that is inlined into the function reads a value small enough for registers (of a vector machine).
bool FunctionPlan::isReadInline(Value root) {
  constexpr int64_t registerBytes = 64;
  if (auto bytes = bytesOf(root.getType()).constant(); !bytes || *bytes > registerBytes)
    return false;
  bool all = true;
  forEachUse(root, [&](OpOperand &use) {
    Operation *op = use.getOwner();
    unsigned number = use.getOperandNumber(), fromEnd = op->getNumOperands() - number;
    if (auto launch = dyn_cast<LaunchOp>(op))
      all &= isInlined(launch);
    else if (op->getNumRegions() == 0)
      all &= isa<CopyOp, YieldOp, func::ReturnOp>(op); // what is yielded has its place there
    else if (auto counted = dyn_cast<ForOp>(op); counted && llvm::is_contained(counted.getXs(), use.get()))
      all = false;                                                           // rows are addresses
    else if (auto loop = carriesOf(op); number >= (loop ? loop->size() : 1)) // a capture: no init and no index
      for (Region &region : op->getRegions())
        all &= isReadInline(region.getArgument(region.getNumArguments() - fromEnd));
  });
  return all;
}

bool FunctionPlan::isMadeInline(Value root) {
  auto launch = root.getDefiningOp<LaunchOp>();
  return launch ? isInlined(launch) : isa<CopyOp, ForOp, WhileOp, IfOp, SizedOp>(root.getDefiningOp());
}

/// Whether a loop may hold a carry in registers: copies in front of the loop, at its end and from trip to trip cost
/// nothing then.
bool FunctionPlan::fitsRegister(Operation *loop, unsigned carry) {
  auto carries = carriesOf(loop);
  Value next = rootOf(carries->yield.getOperand(carry)), present = carries->arguments[carry];
  if (auto whileOp = dyn_cast<WhileOp>(loop); whileOp && !isReadInline(whileOp.getConditionBlock().getArgument(carry)))
    return false;
  return next != present && isReadInline(present) && isMadeInline(next);
}

/// The function's own temporaries, then those of each `sized`.
void FunctionPlan::planArenas() {
  llvm::MapVector<Operation *, SmallVector<size_t>> groups;
  groups[nullptr] = {};
  for (size_t i = 0; i < temporaries.size(); ++i)
    groups[frameOf[i]].push_back(i);
  offsets.resize(temporaries.size());
  for (auto &[frame, members] : groups) {
    std::vector<Temporary> some;
    for (size_t i : members)
      some.push_back(temporaries[i]);
    ArenaPlan plan = planArena(some);
    for (auto [i, offset] : llvm::zip(members, plan.offsets))
      offsets[i] = offset;
    if (frame)
      frameBytes[frame] = plan.total;
    else
      arena = plan;
  }
}

/// Gives what the block's terminator hands out the place where it is wanted.
void FunctionPlan::claim(Block &block) {
  Operation *terminator = block.getTerminator(), *parent = terminator->getParentOp();
  if (isCondition(*block.getParent()))
    return;
  for (OpOperand &operand : terminator->getOpOperands()) {
    int64_t index = operand.getOperandNumber();
    Value root = rootOf(operand.get());
    SlotKind kind = isa<func::FuncOp>(parent) ? SlotKind::Result : SlotKind::Branch;
    if (auto loop = carriesOf(parent))
      kind = index < loop->size() ? SlotKind::Next : SlotKind::Row;
    if (!isa<BlockArgument>(root))
      places[root] = {kind, index};
  }
}

LogicalResult FunctionPlan::assignLoop(Operation *loop) {
  int64_t begin = beginOf(loop), end = endOf(loop);
  auto carries = carriesOf(loop);
  auto counted = dyn_cast<ForOp>(loop);
  for (unsigned k = 0; k < carries->size(); ++k) {
    SlotPlace home = places.lookup(loop->getResult(k)), spare{SlotKind::InPlace, 0}, start = home;
    if (overOf(loop->getResult(k)) >= 0) { // the init is there
      spares[loop].push_back(spare);
      continue;
    }
    keepAlive(home, begin, end);
    if (fitsRegister(loop, k)) {
      spare = makeRegister();
    } else if (int64_t row = rowsOfCarry(*carries, k); row >= 0) {
      spare = {SlotKind::Row, row};
    } else if (!isInPlace(loop, k)) {
      spare = makeTemporary(*loop->getBlock(), bytesOf(loop->getResult(k).getType()), begin, end);
      // The places swap each step and the last value belongs in `home`. Where the count is named, the entry moves the
      // init at run time if it is odd; where nothing says it beforehand, the last value.
      if (auto count = counted ? counted.getCount().getSize().constant() : std::nullopt; count && *count % 2)
        start = spare;
    }
    spares[loop].push_back(spare);
    places[rootOf(carries->inits[k].get())] = start;
  }
  for (Value stacked : loop->getResults().drop_front(carries->size()))
    keepAlive(places.lookup(stacked), begin, end);
  if (counted && !counted.getStep().use_empty())
    steps[loop] =
        isReadInline(counted.getStep()) ? makeRegister() : makeTemporary(*loop->getBlock(), SizeExpr(8), begin, end);
  for (Region &region : loop->getRegions())
    if (failed(assign(region.front())))
      return failure();
  return success();
}

/// Places the values of a block, last op first, since a loop says where its inits live.
LogicalResult FunctionPlan::assign(Block &block) {
  claim(block);
  for (Operation &op : llvm::reverse(block)) {
    if (isAlias(&op))
      continue;
    for (OpResult result : op.getResults()) {
      if (overOf(result) >= 0)
        continue;
      auto [it, isNew] = places.try_emplace(result);
      if (op.hasAttr("weft.kept"))
        it->second = makeKept(result.getType());
      else if (isNew)
        it->second = fitsRegister(result) ? makeRegister()
                                          : makeTemporary(block, bytesOf(result.getType()), beginOf(&op), endOf(&op));
      keepAlive(it->second, beginOf(&op), std::max(endOf(&op), lastReadOf(result)));
    }
    if (carriesOf(&op)) {
      if (failed(assignLoop(&op)))
        return failure();
    } else if (isa<IfOp, SizedOp>(op)) {
      for (Region &region : op.getRegions())
        if (failed(assign(region.front())))
          return failure();
    } else if (auto call = dyn_cast<CallOp>(op)) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      llvm::StringMap<SizeExpr> bindings;
      if (failed(bindSymbols(call, callee, bindings)))
        return failure();
      SizeExpr frame = frames.lookup(callee).substitute([&](StringRef name) -> std::optional<SizeExpr> {
        auto it = bindings.find(name);
        return it == bindings.end() ? std::nullopt : std::optional<SizeExpr>(it->second);
      });
      callFrames[call] = makeTemporary(block, frame, beginOf(call), endOf(call));
    }
  }
  return success();
}

/// What the callee's symbols are at this place: bound by the operands, then by the results (a constant's size).
LogicalResult FunctionPlan::bindSymbols(Operation *op, func::FuncOp callee, llvm::StringMap<SizeExpr> &bindings) {
  FunctionType type = callee.getFunctionType();
  for (auto [formal, actual] : llvm::zip(type.getInputs(), op->getOperandTypes()))
    if (!unify(formal, actual, bindings))
      return op->emitOpError("[WF2022] @") << callee.getName() << " takes " << formal << ", got " << actual;
  for (auto [formal, actual] : llvm::zip(type.getResults(), op->getResultTypes()))
    if (!unify(formal, actual, bindings))
      return op->emitOpError("[WF2023] @") << callee.getName() << " gives " << formal << ", got " << actual;
  return success();
}

/// Results that may take the memory of a donated argument of their type: (result, argument), one after the other. The
/// argument must have been read for the last time before anything is written to the result; one kernel that reads the
/// one and writes the other does not do, since kernels take their results to be memory of its own. A copy of the one to
/// the other does: it is left out where they are the same.
SmallVector<int64_t> FunctionPlan::pairDonations() {
  SmallVector<int64_t> pairs;
  llvm::SmallDenseSet<unsigned> taken;
  for (OpOperand &operand : function.getBody().front().getTerminator()->getOpOperands()) {
    Value root = rootOf(operand.get());
    if (isa<BlockArgument>(root) || places.lookup(root).kind != SlotKind::Result ||
        places.lookup(root).index != operand.getOperandNumber())
      continue;
    for (BlockArgument arg : function.getArguments()) {
      unsigned n = arg.getArgNumber();
      Operation *writer = firstWriterOf(root);
      auto copy = dyn_cast<CopyOp>(writer);
      int64_t read = lastReadOf(arg), written = beginOf(writer);
      bool isFree = read < written || (copy && rootOf(copy.getX()) == arg && read == written);
      if (!function.getArgAttr(n, "weft.donated") || taken.contains(n) || arg.getType() != operand.get().getType() ||
          !isFree)
        continue;
      taken.insert(n);
      pairs.append({int64_t(operand.getOperandNumber()), int64_t(n)});
      break;
    }
  }
  return pairs;
}

void FunctionPlan::annotate() {
  MLIRContext *context = function.getContext();
  if (SmallVector<int64_t> pairs = pairDonations(); !pairs.empty())
    function->setAttr("weft.donations", DenseI64ArrayAttr::get(context, pairs));
  function.walk([&](Operation *op) {
    SmallVector<Attribute> slots;
    for (OpResult result : op->getResults())
      slots.push_back(isAlias(op)           ? SlotAttr::get(context, SlotKind::Alias)
                      : overOf(result) >= 0 ? SlotAttr::get(context, SlotKind::Over, SizeExpr(overOf(result)))
                                            : slot(places.lookup(result)));
    op->removeAttr("weft.over");
    if (!slots.empty())
      op->setAttr("weft.slots", ArrayAttr::get(context, slots));
  });
  for (auto &[loop, list] : spares)
    loop->setAttr("weft.spares", ArrayAttr::get(context, llvm::map_to_vector(
                                                             list, [&](SlotPlace p) -> Attribute { return slot(p); })));
  for (auto &[loop, place] : steps)
    loop->setAttr("weft.step", slot(place));
  for (auto &[call, place] : callFrames)
    call->setAttr("weft.frame", slot(place));
  for (auto &[sized, bytes] : frameBytes)
    sized->setAttr("weft.bytes", SizeAttr::get(context, bytes));
  function->setAttr("weft.arena", SizeAttr::get(context, arena.total));
  if (keptBytes)
    function->setAttr("weft.kept", SizeAttr::get(context, SizeExpr(keptBytes)));
}

namespace {
struct PlanMemoryPass : weft::impl::PlanMemoryBase<PlanMemoryPass> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    DenseMap<Operation *, SizeExpr> frames;
    llvm::DenseSet<Operation *> active;
    for (auto function : module.getOps<func::FuncOp>())
      if (!function->hasAttr("weft.kernel") && failed(plan(function, symbols, frames, active)))
        return signalPassFailure();
  }

  /// Callees first: a call needs the size of their frame.
  LogicalResult plan(func::FuncOp function, SymbolTable &symbols, DenseMap<Operation *, SizeExpr> &frames,
                     llvm::DenseSet<Operation *> &active) {
    if (frames.count(function) || function.isExternal())
      return success();
    if (!active.insert(function).second)
      return function.emitError("[WF1503] @")
             << function.getName() << " calls itself: a program's functions are not recursive";
    WalkResult callees = function.walk([&](CallOp call) {
      return WalkResult(plan(symbols.lookup<func::FuncOp>(call.getCallee()), symbols, frames, active));
    });
    if (callees.wasInterrupted())
      return failure();
    FunctionPlan plan(function, symbols, frames);
    if (failed(plan.run()))
      return failure();
    frames[function] = plan.getArena().total;
    if (printPeak) {
      auto remark = function.emitRemark("arena ") << plan.getArena().total.str() << " bytes";
      if (auto peak = plan.getPeak())
        remark << ", greatest sum of live bytes " << *peak;
    }
    return success();
  }
};
} // namespace
