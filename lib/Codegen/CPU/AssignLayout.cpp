// weft-assign-layout: decides which operands of contractions are packed once for many launches: what a loop reads in
// each trip, before the loop; captured arrays, once for many calls.
#include "mlir/IR/SymbolTable.h"
#include "weft/Codegen/CPU/Schedule.h"
#include "weft/Codegen/Passes.h"
#include "weft/Conversion/WeftToLinalg.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Kernels/ContentHash.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

namespace weft {
#define GEN_PASS_DEF_ASSIGNLAYOUT
#include "weft/Codegen/Passes.h.inc"
} // namespace weft

using namespace mlir;
using namespace weft;

namespace {

/// A value seen from outside of the regions that only pass it on.
struct Origin {
  Value value;
  SmallVector<Operation *> inside; // the ops whose regions it was passed into, from within outwards
  Operation *loop = nullptr;       // the outermost loop among them
  Value given;                     // the value that this loop is given, and how many of the ops it was passed into then
  unsigned upToLoop = 0;
};

/// The operand that a block argument stands for, where its op only passes it on.
Value captureOf(BlockArgument argument) {
  Operation *op = argument.getOwner()->getParentOp();
  auto of = [&](ValueRange captures) -> Value {
    unsigned first = argument.getOwner()->getNumArguments() - captures.size();
    return argument.getArgNumber() < first ? Value() : captures[argument.getArgNumber() - first];
  };
  return TypeSwitch<Operation *, Value>(op)
      .Case<ForOp, WhileOp, IfOp, SizedOp>([&](auto op) { return of(op.getCaptures()); })
      .Default([](Operation *) { return Value(); });
}

Origin originOf(Value value) {
  Origin origin{value, {}, nullptr, {}};
  while (auto argument = dyn_cast<BlockArgument>(origin.value)) {
    Value outer = captureOf(argument);
    if (!outer)
      break;
    Operation *op = argument.getOwner()->getParentOp();
    origin.value = outer;
    origin.inside.push_back(op);
    if (isa<ForOp, WhileOp>(op)) {
      origin.loop = op;
      origin.given = outer;
      origin.upToLoop = origin.inside.size();
    }
  }
  return origin;
}

/// Passes a value into the regions of an op; gives the argument of the block that `inner` stands in.
Value passInto(Operation *op, Value value, Block *inner) {
  TypeSwitch<Operation *>(op).Case<ForOp, WhileOp, IfOp, SizedOp>(
      [&](auto op) { op.getCapturesMutable().append(value); });
  Value found;
  for (Region &region : op->getRegions()) {
    Value argument = region.addArgument(value.getType(), value.getLoc());
    if (region.findAncestorBlockInRegion(*inner))
      found = argument;
  }
  return found;
}

/// Whether the array is the same from call to call, as far as the program is concerned.
bool isKept(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  if (!function || function.getName() != "main")
    return false;
  auto role = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "weft.role");
  return role && role.getValue() == "captured" && !function.getArgAttr(argument.getArgNumber(), "weft.donated");
}

struct AssignLayoutPass : weft::impl::AssignLayoutBase<AssignLayoutPass> {
  using AssignLayoutBase::AssignLayoutBase;

  void runOnOperation() override {
    machine = targetByName(target);
    if (machine.triple.empty()) {
      getOperation().emitError("[WF4110] no target named ") << target << "; known: host, x86-64-v3, x86-64-v4, aarch64";
      return signalPassFailure();
    }
    SymbolTable table(getOperation());
    symbols = &table;
    SmallVector<LaunchOp> launches;
    getOperation().walk([&](LaunchOp launch) { launches.push_back(launch); });
    for (LaunchOp launch : launches)
      if (failed(assign(launch)))
        return signalPassFailure();
    // Nothing launches the kernels whose operands all came packed.
    llvm::StringSet<> launched;
    getOperation().walk([&](LaunchOp launch) { launched.insert(launch.getCallee()); });
    for (auto &[name, unused] : wanted)
      if (!launched.contains(name))
        table.erase(table.lookup(name));
  }

  LogicalResult assign(LaunchOp launch) {
    SmallVector<std::pair<unsigned, Origin>> same; // operands that other launches, of other trips or calls, read too
    for (auto [i, operand] : llvm::enumerate(launch.getOperands()))
      if (Origin origin = originOf(operand);
          cast<RankedTensorType>(operand.getType()).hasStaticShape() && (origin.loop || isKept(origin.value)))
        same.push_back({i, origin});
    if (same.empty())
      return success();
    auto kernel = symbols->lookup<func::FuncOp>(launch.getCallee());
    auto best = layoutsOf(kernel);
    if (failed(best))
      return failure();
    SmallVector<Type> types(kernel.getArgumentTypes());
    for (auto &[i, origin] : same)
      if (PanelAttr panel = best->panels[i]) {
        bool kept = isKept(origin.value) && mayKeep(origin.value, panel);
        if (!kept && (!origin.loop || (best->hasFewRows && !paysInLoop(origin))))
          continue;
        Value packed = pack(origin, kept, panel, launch.getLoc());
        for (Operation *op :
             llvm::reverse(kept ? ArrayRef(origin.inside) : ArrayRef(origin.inside).take_front(origin.upToLoop)))
          packed = passed(op, packed, launch->getBlock());
        launch->setOperand(i, packed);
        types[i] = packed.getType();
      }
    if (!llvm::equal(types, kernel.getArgumentTypes()))
      launch.setCallee(withArguments(kernel, types).getName());
    return success();
  }

  /// Whether a product of few rows, which reads each element once or a few times, makes up in a loop for the packing of
  /// what it reads: that takes as long as some ten trips save. What the second cache holds is packed soon.
  bool paysInLoop(const Origin &origin) {
    int64_t bytes = *bytesOf(cast<RankedTensorType>(origin.given.getType())).constant();
    auto loop = dyn_cast<ForOp>(origin.loop);
    auto trips = loop ? loop.getCount().getSize().constant() : std::nullopt;
    return bytes <= machine.l2Bytes || (trips && *trips >= 64 && bytes <= machine.l3Bytes / 4);
  }

  /// The layouts in which a kernel would best be given its operands (null: as they are).
  struct Layouts {
    SmallVector<PanelAttr> panels;
    bool hasFewRows = false;
  };

  FailureOr<Layouts> layoutsOf(func::FuncOp kernel) {
    auto [it, isNew] = wanted.try_emplace(kernel.getName());
    if (!isNew)
      return it->second;
    it->second.panels.resize(kernel.getNumArguments());
    if (!llvm::any_of(kernel.front(), [](Operation &op) {
          auto fusion = dyn_cast<FusionOpInterface>(op);
          return fusion && fusion.getFusionKind() == FusionKind::Contract;
        }))
      return it->second;
    OwningOpRef<func::FuncOp> seen(kernel.clone()); // as code generation will see it
    if (failed(lowerKernelToLinalg(*seen)))
      return failure();
    auto graph = KernelGraph::build(*seen);
    if (failed(graph))
      return failure();
    auto schedule = chooseSchedule(*graph, machine);
    if (failed(schedule))
      return failure();
    // A product that sums nothing is lowered as an elementwise one; a chain packs for itself.
    if (schedule->form != Form::Tile)
      return it->second;
    auto contraction = Contraction::build(*graph, graph->contraction);
    if (failed(contraction))
      return failure();
    return it->second = {weft::panelsOf(*graph, *contraction, *schedule, machine),
                         extent(*graph, contraction->rows) <= 4};
  }

  /// Whether a captured array may stay in that layout: the first ones that fit do.
  bool mayKeep(Value value, PanelAttr panel) {
    auto [it, isNew] = keeps.try_emplace({value, panel}, keepBytes < 0);
    if (isNew && keepBytes >= 0) {
      auto type = cast<RankedTensorType>(value.getType());
      Type packed = RankedTensorType::get(type.getShape(), type.getElementType(), panel);
      int64_t bytes = llvm::alignTo(*bytesOf(packed).constant(), 64);
      it->second = keptBytes + bytes <= keepBytes;
      keptBytes += it->second ? bytes : 0;
    }
    return it->second;
  }

  /// The value in that layout, made once for all that read it: at the beginning, or before the loop.
  Value pack(Origin &origin, bool kept, PanelAttr panel, Location loc) {
    Value value = kept ? origin.value : origin.given;
    Value &packed = packs[{value, kept ? nullptr : origin.loop, panel}];
    if (packed)
      return packed;
    auto from = cast<RankedTensorType>(value.getType());
    auto to = RankedTensorType::get(from.getShape(), from.getElementType(), panel);
    OpBuilder builder(&getContext());
    auto function = func::FuncOp::create(loc, "k", builder.getFunctionType({from}, {to}));
    function.setPrivate();
    function->setAttr("weft.kernel", builder.getUnitAttr());
    builder.setInsertionPointToStart(function.addEntryBlock());
    auto op = PackOp::create(builder, loc, to, function.getArgument(0));
    func::ReturnOp::create(builder, loc, op.getResult());
    function = internKernel(function, *symbols, keepLines);

    if (kept)
      builder.setInsertionPointToStart(value.getParentBlock());
    else
      builder.setInsertionPoint(origin.loop);
    auto launch = LaunchOp::create(builder, loc, to, function.getName(), value, builder.getArrayAttr({loc}));
    if (kept)
      launch->setAttr("weft.kept", builder.getUnitAttr());
    return packed = launch.getResult(0);
  }

  Value passed(Operation *op, Value value, Block *inner) {
    Value &argument = arguments[{op, value, op->getRegions().size() > 1 ? inner : nullptr}];
    return argument ? argument : argument = passInto(op, value, inner);
  }

  /// The kernel for operands of other layouts.
  func::FuncOp withArguments(func::FuncOp kernel, ArrayRef<Type> types) {
    func::FuncOp &found = variants[{kernel, FunctionType::get(&getContext(), types, {})}];
    if (found)
      return found;
    found = kernel.clone();
    found.setType(FunctionType::get(&getContext(), types, kernel.getResultTypes()));
    for (auto [argument, type] : llvm::zip(found.getArguments(), types))
      argument.setType(type);
    return found = internKernel(found, *symbols, keepLines);
  }

  Target machine;
  SymbolTable *symbols = nullptr;
  llvm::MapVector<StringRef, Layouts, llvm::StringMap<unsigned>> wanted; // by kernel
  DenseMap<std::tuple<Value, Operation *, Attribute>, Value> packs;
  DenseMap<std::pair<Value, Attribute>, bool> keeps;
  int64_t keptBytes = 0;
  DenseMap<std::tuple<Operation *, Value, Block *>, Value> arguments;
  DenseMap<std::pair<Operation *, Type>, func::FuncOp> variants;
};

} // namespace
