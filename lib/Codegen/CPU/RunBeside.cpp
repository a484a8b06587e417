// weft-run-beside: decides which ops of a block run side by side, on different threads: those that depend on none of
// each other, take long, and could not use the threads well themselves (loops, calls, factorisations).
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "weft/Codegen/Passes.h"
#include "weft/Codegen/Target.h"
#include "weft/Dialect/Weft/Effects.h"
#include "weft/Dialect/Weft/Linalg.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Kernels/Beside.h"
#include "weft/Kernels/KernelShape.h"

namespace weft {
#define GEN_PASS_DEF_RUNBESIDE
#include "weft/Codegen/Passes.h.inc"
} // namespace weft

using namespace mlir;
using namespace weft;

namespace {

/// What is worth a part: as often as a thread is late to a join, that costs about as much.
constexpr double kPartNs = 10000;
/// A kernel that takes less is not divided among threads, or gains little by it (TileSchedule.cpp does not cut it).
constexpr double kSharedNs = 20000;
/// Of loops without a known end.
constexpr double kTrips = 1000;
/// A call of a kernel; a trip of a loop.
constexpr double kCallNs = 20, kTripNs = 2;
/// What elementwise code reaches of the rate of products, and the second cache of that of memory.
constexpr double kSweepRate = 0.5, kCacheRate = 4;
/// Library routines: operations in a nanosecond (lib/Runtime/Linalg.cpp).
constexpr double kLibraryRate = 2;

/// An estimate in ns on one thread, and how much of it loops that kernels divide among threads take.
struct Cost {
  double all = 0, shared = 0;
  void add(const Cost &other, double times = 1) {
    all += other.all * times;
    shared += other.shared * times;
  }
};

/// A size for estimates: names count as 256.
double usual(const SizeExpr &size) {
  llvm::StringMap<int64_t> values;
  for (const std::string &name : size.symbols())
    values[name] = 256;
  return double(size.evaluate(values).value_or(256));
}
double usualElements(Value value) { return usual(numElements(shapeOf(value))); }
double usualBytes(Value value) { return usual(bytesOf(value.getType())); }

class Costs {
public:
  Costs(SymbolTable &symbols, const Target &target) : symbols(symbols), target(target) {}

  Cost of(Operation *op) {
    Cost cost;
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      cost = ofKernel(symbols.lookup<func::FuncOp>(launch.getCallee()));
    } else if (auto call = dyn_cast<CallOp>(op)) {
      cost = of(symbols.lookup<func::FuncOp>(call.getCallee()).getBody());
    } else if (auto library = dyn_cast<LibraryOpInterface>(op)) {
      cost.all = library.getCost() / kLibraryRate;
      auto lanes = shapeOf(op->getOperand(0)); // a thread takes whole matrices
      if (lanes.size() > 2 && usual(numElements(ArrayRef(lanes).drop_back(2))) > 1)
        cost.shared = cost.all;
    } else if (auto copy = dyn_cast<CopyOp>(op)) {
      cost.all = usualBytes(copy) / target.bytesPerNs;
    } else if (auto loop = dyn_cast<ForOp>(op)) {
      cost.add(of(loop.getBody()), usual(loop.getCount().getSize()));
    } else if (auto loop = dyn_cast<WhileOp>(op)) {
      auto most = loop.getMaxTrips();
      double trips = most ? std::min(kTrips, usual(most->getSize())) : kTrips;
      for (Region &region : op->getRegions())
        cost.add(of(region), trips);
    } else {
      for (Region &region : op->getRegions()) // one of them runs
        cost.add(of(region), 1.0 / op->getNumRegions());
    }
    return cost;
  }

private:
  Cost of(Region &region) {
    Cost sum{kTripNs, 0};
    for (Operation &op : region.front())
      sum.add(of(&op));
    return sum;
  }

  Cost ofKernel(func::FuncOp kernel) {
    auto [it, isNew] = kernels.try_emplace(kernel);
    if (!isNew || kernel.isExternal())
      return it->second;
    double ns = 0;
    for (Operation &op : kernel.front().without_terminator())
      if (!isLeaf(&op))
        ns += nanoseconds(&op);
    bool isInline = kernel->hasAttr("weft.inline");
    return it->second = {ns + (isInline ? 0 : kCallNs), ns >= kSharedNs ? ns : 0};
  }

  double nanoseconds(Operation *op) {
    auto fusion = dyn_cast<FusionOpInterface>(op);
    double elements = 0, product = 1, bytes = 0;
    // Of what is written over an operand, only what changes counts: as much as the last one (the update) has.
    bool isUpdate = fusion && fusion.getOverwritten();
    auto count = [&](Value value) {
      elements = std::max(elements, usualElements(value));
      product *= usualElements(value);
      bytes += usualBytes(value);
    };
    for (Value operand : isUpdate ? op->getOperands().take_back() : op->getOperands())
      count(operand);
    if (!isUpdate)
      for (Value result : op->getResults())
        count(result);
    double ns = fusion && fusion.getFusionKind() == FusionKind::Contract
                    ? 2 * std::sqrt(product) / target.flopsPerNs // m*k by k*n makes m*n: m*k*n products
                    : elements * (fusion ? fusion.getOpsPerElement() : 1) / (kSweepRate * target.flopsPerNs);
    return std::max(ns, bytes / (kCacheRate * target.bytesPerNs));
  }

  SymbolTable &symbols;
  const Target &target;
  DenseMap<Operation *, Cost> kernels;
};

/// Whether no one else sees that it runs, or when.
bool hasEffects(Operation *op, SymbolTable &symbols) {
  return op
      ->walk([&](Operation *inner) {
        if (auto call = dyn_cast<CallOp>(inner)) {
          if (hasEffects(symbols.lookup<func::FuncOp>(call.getCallee()), symbols))
            return WalkResult::interrupt();
        } else if (isa<EffectOpInterface>(inner)) {
          return WalkResult::interrupt();
        }
        return WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether the memory that it needs is all planned: what it asks for as it runs, the call has one stack of.
bool isPlanned(Operation *op, SymbolTable &symbols) {
  return !op->walk([&](Operation *inner) {
              auto call = dyn_cast<CallOp>(inner);
              if (isa<SizedOp>(inner) || (call && !isPlanned(symbols.lookup<func::FuncOp>(call.getCallee()), symbols)))
                return WalkResult::interrupt();
              return WalkResult::advance();
            }).wasInterrupted();
}

struct Candidate {
  Operation *op;
  Cost cost;
};

struct RunBesidePass : weft::impl::RunBesideBase<RunBesidePass> {
  using RunBesideBase::RunBesideBase;

  void runOnOperation() override {
    Target machine = targetByName(target);
    SymbolTable table(getOperation());
    Costs estimates(table, machine);
    symbols = &table;
    costs = &estimates;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function->hasAttr("weft.kernel") && !function.isExternal()) {
        numGroups = 0;
        choose(function.getBody());
      }
  }

private:
  /// From outside inwards: what runs inside of a part has no threads to run beside another.
  void choose(Region &region) {
    if (!region.hasOneBlock())
      return;
    chooseIn(region.front());
    for (Operation &op : region.front())
      if (!besideOf(&op))
        for (Region &inner : op.getRegions())
          choose(inner);
  }

  std::optional<Candidate> candidate(Operation *op) {
    if (!isa<ForOp, WhileOp, CallOp, LibraryOpInterface>(op) || hasEffects(op, *symbols) || !isPlanned(op, *symbols))
      return std::nullopt;
    // How long a loop without a known end takes is measured when it runs.
    Candidate found{op, costs->of(op)};
    bool isOpen = op->walk([](WhileOp) { return WalkResult::interrupt(); }).wasInterrupted();
    return found.cost.all >= kPartNs || isOpen ? std::optional<Candidate>(found) : std::nullopt;
  }

  void chooseIn(Block &block) {
    SmallVector<Candidate> group;
    llvm::SmallPtrSet<Operation *, 16> after; // what depends on the group
    auto close = [&] {
      if (group.size() > 1)
        mark(group, after);
      group.clear();
      after.clear();
    };
    for (Operation *op : llvm::to_vector(llvm::make_pointer_range(block))) {
      if (op->hasTrait<OpTrait::IsTerminator>() || hasEffects(op, *symbols)) {
        close(); // effects stay in order
        continue;
      }
      bool depends = llvm::any_of(op->getOperands(), [&](Value v) { return after.contains(v.getDefiningOp()); });
      auto found = candidate(op);
      // A group ends where the next loop waits for it: what could run beside that one is not drawn to the front.
      if (found && depends) {
        close();
        depends = false;
      }
      if (found)
        group.push_back(*found);
      if (found || (depends && !group.empty()))
        after.insert(op);
    }
    close();
  }

  /// Brings the group together: what it does not need and does not make it wait goes before its first op, the rest of
  /// what is between after its last.
  void mark(ArrayRef<Candidate> group, const llvm::SmallPtrSetImpl<Operation *> &after) {
    Operation *first = group.front().op, *last = group.back().op;
    SmallVector<Operation *> between;
    for (Operation *op = first->getNextNode(); op != last; op = op->getNextNode())
      between.push_back(op);
    for (Operation *op : between)
      if (!after.contains(op))
        op->moveBefore(first);
    for (auto [a, b] : llvm::zip(group, llvm::drop_begin(group)))
      b.op->moveAfter(a.op);
    for (auto [part, candidate] : llvm::enumerate(group)) {
      const Cost &cost = candidate.cost;
      setBeside(candidate.op, {numGroups, int64_t(part)});
      candidate.op->setAttr("weft.beside_ns",
                            DenseI64ArrayAttr::get(&getContext(), {clamped(cost.all), clamped(cost.shared)}));
    }
    ++numGroups;
  }

  static int64_t clamped(double ns) { return int64_t(std::min(ns, 1e15)); }

  SymbolTable *symbols = nullptr;
  Costs *costs = nullptr;
  int64_t numGroups = 0;
};

} // namespace
