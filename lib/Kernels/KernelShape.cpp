// Decides whether a set of ops can be one kernel; the rules stand in KernelShape.h.
#include "weft/Kernels/KernelShape.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace weft {

bool isLeaf(Operation *op) {
  auto fusion = dyn_cast<FusionOpInterface>(op);
  return fusion && fusion.getFusionKind() == FusionKind::Map && op->getNumOperands() == 0 && isMemoryEffectFree(op);
}

std::optional<FusionKind> fusionKind(Operation *op) {
  auto fusion = dyn_cast<FusionOpInterface>(op);
  if (!fusion || fusion.getFusionKind() == FusionKind::Alias)
    return std::nullopt;
  return fusion.getFusionKind();
}

bool permutesElements(Operation *view) {
  return numElements(shapeOf(view->getOperand(0))) == numElements(shapeOf(view->getResult(0)));
}

std::string describe(ArrayRef<SizeExpr> shape) {
  return "[" + llvm::join(llvm::map_range(shape, [](const SizeExpr &s) { return s.str(); }), ", ") + "]";
}

namespace {

/// Checks one set of ops against the rules; `why` says which one it breaks.
class Checker {
public:
  Checker(ArrayRef<Operation *> all, StringRef &why) : why(why) {
    for (Operation *op : all)
      if (!isLeaf(op))
        ops.push_back(op);
    set.insert(ops.begin(), ops.end());
  }

  std::optional<KernelShape> check(ArrayRef<Operation *> all) {
    SmallVector<Operation *> contracts;
    for (Operation *op : ops) {
      auto kind = fusionKind(op);
      if (!kind)
        return no("an op that is no part of a kernel");
      if (*kind == FusionKind::Other && ops.size() > 1)
        return no("this op is a kernel of its own");
      if (*kind == FusionKind::Other)
        return KernelShape{KernelShape::Single, shapeOf(op->getResult(0)), {}};
      if (*kind == FusionKind::Contract)
        contracts.push_back(op);
      if (*kind == FusionKind::Reduce)
        reduces.push_back(op);
      if (*kind == FusionKind::View && readsOutside(op->getOperand(0)))
        outsideViews.insert(op);
    }
    if (ops.empty())
      return KernelShape{KernelShape::Sweep, all.empty() ? Shape() : shapeOf(all.back()->getResult(0)), {}};
    if (contracts.size() > 1)
      return no("two contractions");
    if (contracts.size() == 1 && !reduces.empty())
      return no("a reduction beside a contraction");
    return contracts.empty() ? sweep() : contraction(contracts.front());
  }

private:
  std::nullopt_t no(StringRef reason) {
    why = reason;
    return std::nullopt;
  }
  bool inside(Value value) const {
    Operation *op = value.getDefiningOp();
    return op && set.contains(op);
  }
  /// An operand of the kernel, a leaf, or a View of one.
  bool readsOutside(Value value) const { return !inside(value) || outsideViews.contains(value.getDefiningOp()); }
  /// A View that only other Views read: no value of it exists.
  bool isInnerView(Operation *op) const {
    return outsideViews.contains(op) && llvm::all_of(op->getUsers(), [&](Operation *user) {
             return set.contains(user) && fusionKind(user) == FusionKind::View;
           });
  }

  //===-- contractions --------------------------------------------------------------------------------------------===//

  std::optional<KernelShape> contraction(Operation *contract) {
    Shape root = shapeOf(contract->getResult(0));
    for (Value operand : contract->getOperands())
      if (inside(operand) && !outsideViews.contains(operand.getDefiningOp()))
        return no("a contraction reads its operands from memory");
    for (Operation *op : ops) {
      if (op == contract)
        continue;
      if (fusionKind(op) == FusionKind::View) {
        if (inside(op->getOperand(0)))
          return no("a view of a value computed in the same kernel");
        bool before = llvm::any_of(op->getUsers(), [&](Operation *user) { return user == contract; });
        if (before && !llvm::all_of(op->getUsers(), [&](Operation *user) { return user == contract; }))
          return no("a view that feeds a contraction and something else");
        if (before ? !permutesElements(op) : !isa<BroadcastOp>(op))
          return no(before ? "a contraction reads its operands transposed, not through other views"
                           : "an epilogue reads other operands by broadcast only");
        if (!before && shapeOf(op->getResult(0)) != root)
          return no("another index space than the contraction's result");
      } else if (!isMapOver(op, root)) {
        return no("another index space than the contraction's result");
      }
    }
    return KernelShape{KernelShape::Contraction, root, {}};
  }

  static bool isMapOver(Operation *op, const Shape &shape) {
    return llvm::all_of(
        llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(op->getResults())),
        [&](Value v) { return shapeOf(v) == shape; });
  }

  //===-- sweeps --------------------------------------------------------------------------------------------------===//

  std::optional<KernelShape> sweep() {
    KernelShape kernel;
    if (!findRoot(kernel))
      return std::nullopt;
    Shape row, unitRow;
    SmallVector<int64_t> kept;
    for (auto [i, size] : llvm::enumerate(kernel.root)) {
      bool folded = llvm::is_contained(kernel.folded, int64_t(i));
      unitRow.push_back(folded ? SizeExpr(1) : size);
      if (!folded) {
        row.push_back(size);
        kept.push_back(i);
      }
    }
    bool reduces = !kernel.folded.empty();
    auto isRow = [&](const Shape &shape) { return reduces && (shape == row || shape == unitRow); };
    DenseSet<Operation *> afterReduce;
    for (Operation *op : ops) {
      if (fusionKind(op) == FusionKind::Reduce || llvm::any_of(op->getOperands(), [&](Value v) {
            return v.getDefiningOp() && afterReduce.contains(v.getDefiningOp());
          }))
        afterReduce.insert(op);
      if (isInnerView(op))
        continue;
      Shape shape = shapeOf(op->getResult(0));
      if (shape != kernel.root && !isRow(shape) && !shape.empty())
        return no("another index space");
      switch (*fusionKind(op)) {
      case FusionKind::Map:
        if (!isMapOver(op, shape))
          return no("another index space");
        break;
      case FusionKind::Reduce:
        if (shape != row)
          return no("another index space");
        break;
      default: {
        if (outsideViews.contains(op))
          break;
        auto broadcast = dyn_cast<BroadcastOp>(op);
        if (!broadcast)
          return no("a view of a value computed in the same kernel");
        Shape from = shapeOf(broadcast.getX());
        if (from.empty() && !afterReduce.contains(op))
          break; // a scalar that no reduction made goes anywhere
        if (!isRow(from))
          return no("a broadcast of a value computed in the same kernel that is no row value");
        SmallVector<int64_t> identity = llvm::to_vector(llvm::seq<int64_t>(0, from.size()));
        bool straight = from.size() == row.size() && shape.size() != row.size()
                            ? ArrayRef<int64_t>(broadcast.getDims()) == ArrayRef<int64_t>(kept)
                            : ArrayRef<int64_t>(broadcast.getDims()) == ArrayRef<int64_t>(identity);
        if (!straight)
          return no("a broadcast that turns the dimensions of a row value around");
        if (shape == kernel.root && !rowsComeBack(kernel))
          return std::nullopt;
      }
      }
    }
    return kernel;
  }

  /// The root: what the reductions fold, else the one shape of all values that are not scalars.
  bool findRoot(KernelShape &kernel) {
    if (!reduces.empty()) {
      kernel.root = shapeOf(reduces.front()->getOperand(0));
      kernel.folded = llvm::to_vector(cast<FusionOpInterface>(reduces.front()).getFoldedDims());
      for (Operation *op : reduces)
        if (shapeOf(op->getOperand(0)) != kernel.root ||
            cast<FusionOpInterface>(op).getFoldedDims() != ArrayRef(kernel.folded))
          return no("reductions of different dimensions"), false;
      if (kernel.folded.empty() && ops.size() > 1)
        return no("a reduction of no dimensions is a kernel of its own"), false;
      return true;
    }
    for (Operation *op : ops)
      if (Shape shape = shapeOf(op->getResult(0)); !shape.empty() && !isInnerView(op)) {
        kernel.root = shape;
        break;
      }
    return true;
  }

  /// Whether values of the root's shape may depend on row values: the row is swept twice, so it must stay in cache.
  bool rowsComeBack(const KernelShape &kernel) {
    int64_t rank = kernel.root.size(), count = kernel.folded.size();
    SizeExpr elements(1);
    for (auto [i, dim] : llvm::enumerate(kernel.folded)) {
      if (dim != rank - count + int64_t(i))
        return no("a broadcast back after a reduction of other than the trailing dimensions"), false;
      elements = elements * kernel.root[dim];
    }
    auto fixed = elements.constant();
    if (fixed && *fixed > maxRowElements)
      return no("a row too long to stay in cache until it is read again"), false;
    if (!fixed && count == rank)
      return no("a reduction of everything, of a size not known, leaves no rows to run in parallel"), false;
    return true;
  }

  StringRef &why;
  SmallVector<Operation *> ops, reduces;
  llvm::SmallPtrSet<Operation *, 32> set;
  DenseSet<Operation *> outsideViews;
};

} // namespace

std::optional<KernelShape> kernelShape(ArrayRef<Operation *> ops, StringRef &why) {
  return Checker(ops, why).check(ops);
}

} // namespace weft
