// Decides whether a set of ops can be one kernel; the rules stand in KernelShape.h.
#include "weft/Kernels/KernelShape.h"
#include "weft/Dialect/Weft/Pieces.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSwitch.h"

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

StringRef codeOf(FusionReason reason) {
  static constexpr StringLiteral codes[] = {
#define WEFT_FUSION_REASON(name, code, text) code,
#include "weft/Kernels/FusionReasons.def"
  };
  return codes[size_t(reason)];
}

StringRef textOf(FusionReason reason) {
  static constexpr StringLiteral texts[] = {
#define WEFT_FUSION_REASON(name, code, text) text,
#include "weft/Kernels/FusionReasons.def"
  };
  return texts[size_t(reason)];
}

StringRef textOfFusionCode(StringRef code) {
  return llvm::StringSwitch<StringRef>(code)
#define WEFT_FUSION_REASON(name, number, text) .Case(number, text)
#include "weft/Kernels/FusionReasons.def"
      .Default("");
}

bool permutesElements(Operation *view) {
  return numElements(shapeOf(view->getOperand(0))) == numElements(shapeOf(view->getResult(0)));
}

bool widensElements(Operation *op) {
  if (!isa<ElementwiseOpInterface>(op) || fusionKind(op) != FusionKind::Map || op->getNumOperands() != 1)
    return false;
  Type from = getElementTypeOrSelf(op->getOperand(0)), to = getElementTypeOrSelf(op->getResult(0));
  return from.isIntOrFloat() && to.isIntOrFloat() && from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth() &&
         to.getIntOrFloatBitWidth() > 8;
}

std::string describe(ArrayRef<SizeExpr> shape) {
  return "[" + llvm::join(llvm::map_range(shape, [](const SizeExpr &s) { return s.str(); }), ", ") + "]";
}

namespace {

/// Checks one set of ops against the rules; `why` says which one it breaks.
class Checker {
public:
  Checker(ArrayRef<Operation *> all, FusionReason &why) : why(why) {
    for (Operation *op : all)
      if (!isLeaf(op))
        ops.push_back(op);
    set.insert(ops.begin(), ops.end());
  }

  std::optional<KernelShape> check(ArrayRef<Operation *> all) {
    SmallVector<Operation *> contracts;
    bool joins = false, gathers = false;
    for (Operation *op : ops) {
      auto kind = fusionKind(op);
      if (!kind)
        return no(FusionReason::NoKernelOp);
      if (*kind == FusionKind::Other && ops.size() > 1)
        return no(FusionReason::Single);
      if ((*kind == FusionKind::Other || *kind == FusionKind::Join) && ops.size() == 1)
        return KernelShape{KernelShape::Single, shapeOf(op->getResult(0)), {}};
      joins |= *kind == FusionKind::Join;
      gathers |= *kind == FusionKind::Gather;
      if (*kind == FusionKind::Contract)
        contracts.push_back(op);
      if (*kind == FusionKind::Reduce)
        reduces.push_back(op);
      if (widensForContractions(op) && readsOutside(op->getOperand(0))) {
        outsideViews.insert(op);
      } else if (*kind == FusionKind::View && readsOutside(op->getOperand(0))) {
        if (ops.size() > 1 && !readsLeafPlainly(op)) // alone, it is emitted at its operand's index
          return no(FusionReason::ViewOfIndices);
        outsideViews.insert(op);
      }
    }
    if (ops.empty())
      return KernelShape{KernelShape::Sweep, all.empty() ? Shape() : shapeOf(all.back()->getResult(0)), {}};
    if (gathers && (joins || !contracts.empty()))
      return no(FusionReason::GatherOfMade);
    if (joins && (!reduces.empty() || contracts.size() > 1))
      return no(FusionReason::JoinBesideFold);
    if (joins && contracts.empty())
      return pieces();
    if (contracts.size() == 2 && !reduces.empty())
      return chain(contracts[0], contracts[1]);
    if (contracts.size() > 1)
      return no(FusionReason::TwoContractions);
    if (contracts.size() == 1 && !reduces.empty())
      return no(FusionReason::ReductionBesideContraction);
    return contracts.empty() ? sweep() : contraction(contracts.front());
  }

private:
  std::nullopt_t no(FusionReason reason) {
    why = reason;
    return std::nullopt;
  }
  bool inside(Value value) const {
    Operation *op = value.getDefiningOp();
    return op && set.contains(op);
  }
  /// An operand of the kernel, a leaf, or a View of one.
  bool readsOutside(Value value) const { return !inside(value) || outsideViews.contains(value.getDefiningOp()); }
  /// A leaf that is no constant is computed at its reader's index, which a broadcast along new dimensions keeps.
  bool readsLeafPlainly(Operation *view) const {
    Operation *leaf = view->getOperand(0).getDefiningOp();
    if (outsideViews.contains(leaf) && inside(view->getOperand(0))) { // a chain: what stands at its end
      while (leaf && fusionKind(leaf) == FusionKind::View)
        leaf = leaf->getOperand(0).getDefiningOp();
      return !leaf || !isLeaf(leaf) || leaf->hasTrait<OpTrait::ConstantLike>();
    }
    if (!leaf || !isLeaf(leaf) || leaf->hasTrait<OpTrait::ConstantLike>())
      return true;
    return isa<BroadcastOp>(view) && !llvm::is_contained(shapeOf(leaf->getResult(0)), SizeExpr(1));
  }
  /// A conversion that only contractions of the kernel read: as a View, it is how they read what it converts.
  bool widensForContractions(Operation *op) const {
    Operation *maker = op->getOperand(0).getDefiningOp();
    return widensElements(op) && !(maker && isLeaf(maker)) && llvm::all_of(op->getUsers(), [&](Operation *user) {
             return set.contains(user) && fusionKind(user) == FusionKind::Contract;
           });
  }
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
        return no(FusionReason::ComputedOperand);
    for (Operation *op : ops) {
      if (op == contract)
        continue;
      if (fusionKind(op) == FusionKind::Join) {
        if (!isBorder(op, root))
          return no(FusionReason::JoinBesideFold);
        continue;
      }
      if (fusionKind(op) == FusionKind::View || outsideViews.contains(op)) {
        bool widens = fusionKind(op) != FusionKind::View;
        if (inside(op->getOperand(0)) && !widens)
          return no(FusionReason::InnerView);
        auto leadsIn = [&](Operation *user) {
          return user == contract || (outsideViews.contains(user) && fusionKind(user) == FusionKind::Map);
        };
        bool before = llvm::any_of(op->getUsers(), leadsIn);
        if (before && !llvm::all_of(op->getUsers(), leadsIn))
          return no(FusionReason::SharedView);
        if (before ? !widens && !permutesElements(op) : !isa<BroadcastOp>(op))
          return no(before ? FusionReason::OperandView : FusionReason::EpilogueView);
        if (!before && shapeOf(op->getResult(0)) != root)
          return no(FusionReason::EpilogueSpace);
      } else if (!isMapOver(op, root)) {
        return no(FusionReason::EpilogueSpace);
      }
    }
    return KernelShape{KernelShape::Contraction, root, {}};
  }

  /// Whether a join only puts a border of one number around what the kernel gives, and is all that it gives: the
  /// register tiles are written into the middle of it.
  bool isBorder(Operation *join, const Shape &root) const {
    bool hasMiddle = false;
    auto places = cast<FusionOpInterface>(join).getPlaces();
    for (auto [operand, place] : llvm::zip(join->getOperands(), places)) {
      bool isFill = place.starts.empty() && !(inside(operand) && !isLeaf(operand.getDefiningOp()));
      bool isMiddle = !hasMiddle && !place.starts.empty() && inside(operand) && shapeOf(operand) == root &&
                      llvm::all_of(place.steps, [](int64_t step) { return step == 1; });
      hasMiddle |= isMiddle;
      if (!isFill && !isMiddle)
        return false;
    }
    auto isKnown = [](const SizeExpr &size) { return size.constant().has_value(); };
    return hasMiddle && llvm::all_of(shapeOf(join->getResult(0)), isKnown) &&
           llvm::all_of(ops, [&](Operation *op) { return op == join ? escapes(op) : !escapes(op); }) &&
           llvm::none_of(join->getUsers(), [&](Operation *user) { return set.contains(user); });
  }

  //===-- pieces --------------------------------------------------------------------------------------------------===//

  /// What a value is made of in the kernel: of operands at its own index, or of parts.
  Made madeOf(Value value) const {
    Made made;
    if (!inside(value) || outsideViews.contains(value.getDefiningOp()))
      return made;
    Operation *op = value.getDefiningOp();
    made.isJoin = fusionKind(op) == FusionKind::Join;
    made.sizes = shapeOf(value);
    SmallVector<Place, 0> places = cast<FusionOpInterface>(op).getPlaces();
    for (auto [i, operand] : llvm::enumerate(op->getOperands()))
      if (made.isJoin)
        made.from.push_back({operand, places[i], shapeOf(operand)});
      else
        made.from.push_back({operand, Place(), {}});
    return made;
  }

  std::optional<KernelShape> pieces() {
    SmallVector<Value> results;
    for (Operation *op : ops) {
      if (escapes(op) || op->use_empty())
        results.push_back(op->getResult(0));
      switch (*fusionKind(op)) {
      case FusionKind::Map:
        if (!isMapOver(op, shapeOf(op->getResult(0))))
          return no(FusionReason::IndexSpace);
        break;
      case FusionKind::View:
        if (!outsideViews.contains(op) && (!isa<BroadcastOp>(op) || !shapeOf(op->getOperand(0)).empty()))
          return no(isa<BroadcastOp>(op) ? FusionReason::InnerBroadcast : FusionReason::InnerView);
        if (outsideViews.contains(op) && readsAcross(op))
          return no(FusionReason::RowsAcross);
        break;
      default:
        break;
      }
    }
    KernelShape kernel{KernelShape::Pieces, shapeOf(results.front()), {}};
    for (Value result : results)
      if (shapeOf(result) != kernel.root)
        return no(FusionReason::PieceEscapes);
    auto made = [&](Value value) { return madeOf(value); };
    auto boxes = cutPieces(results, kernel.root, made, maxPieces);
    if (!boxes)
      return no(FusionReason::UnlikeCuts);
    // How often each op is in the code, and how many elements of it are computed.
    size_t count = 0;
    DenseMap<Operation *, SizeExpr> computed;
    for (const Box &box : *boxes)
      visitBox(results, box, made, [&](Value value, const Place &, int) {
        if (!inside(value))
          return;
        ++count;
        SizeExpr &elements = computed[value.getDefiningOp()];
        elements = elements + numElements(box.sizes);
      });
    if (count > maxPieceOps)
      return no(FusionReason::TooManyOps);
    for (auto &[op, elements] : computed) {
      auto more = (elements - numElements(shapeOf(op->getResult(0)))).constant();
      if (cast<FusionOpInterface>(op).getOpsPerElement() > maxAgain && !(more && *more <= 0) &&
          !shapeOf(op->getResult(0)).empty())
        return no(FusionReason::PieceTwice);
    }
    return kernel;
  }

  /// Whether a view of an operand too large for the caches steps across its lines.
  static bool readsAcross(Operation *view) {
    auto elements = numElements(shapeOf(view->getResult(0))).constant();
    return (!elements || *elements > fewElements) && cast<FusionOpInterface>(view).turnsRows();
  }

  static bool isMapOver(Operation *op, const Shape &shape) {
    return llvm::all_of(
        llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(op->getResults())),
        [&](Value v) { return shapeOf(v) == shape; });
  }

  //===-- chains --------------------------------------------------------------------------------------------------===//

  /// Whether a dot makes rows of which each is the right operand's one free dimension.
  static bool makesRows(DotOp dot) {
    auto rank = [](Value v) { return int64_t(shapeOf(v).size()); };
    int64_t batch = dot.getLhsBatch().size(), folded = dot.getLhsContract().size();
    Type element = getElementTypeOrSelf(dot.getResult());
    return rank(dot.getRhs()) - batch - folded == 1 && rank(dot.getLhs()) - batch - folded >= 1 &&
           (element.isF32() || element.isF64()); // elements are what sums are kept in
  }

  bool chainPays(DotOp first, DotOp second) const {
    Shape root = shapeOf(first.getResult());
    SizeExpr keys = root.back();
    for (DotOp dot : {first, second}) {
      Shape right = shapeOf(dot.getRhs());
      for (int64_t dim : dot.getRhsBatch())
        right[dim] = 1;
      auto elements = numElements(right).constant(), length = keys.constant();
      if (!length) { // for each of them
        llvm::replace(right, keys, SizeExpr(1));
        elements = numElements(right).constant();
      }
      if (!elements || (*elements > maxChainFeatures * length.value_or(1) && (!length || *elements > maxChainOperand)))
        return false;
    }
    auto within = [](const SizeExpr &size, int64_t least, int64_t most) {
      auto number = size.constant();
      return !number || (*number >= least && *number <= most);
    };
    return llvm::all_of(root, [&](const SizeExpr &size) { return within(size, 1, INT64_MAX); }) &&
           within(keys, minChainElements, maxChainElements) && within(root[root.size() - 2], minChainRows, INT64_MAX) &&
           within(shapeOf(second.getResult()).back(), minChainElements, INT64_MAX);
  }

  std::optional<KernelShape> chain(Operation *one, Operation *two) {
    auto first = dyn_cast<DotOp>(one), second = dyn_cast<DotOp>(two);
    if (!first || !second || !makesRows(first) || !makesRows(second))
      return no(FusionReason::TwoContractions);
    Shape root = shapeOf(first.getResult());
    int64_t lane = root.size() - 1, row = lane - 1;
    Value rows = second.getLhs();
    if (!inside(rows) || shapeOf(rows) != root || second.getLhsContract() != ArrayRef<int64_t>(lane) ||
        llvm::is_contained(second.getLhsBatch(), row) || !chainPays(first, second))
      return no(FusionReason::TwoContractions);

    // What is computed after the second contraction, and between the two; views go with what reads them.
    enum Part { Operand, Between, After };
    DenseMap<Operation *, Part> parts;
    for (Operation *op : ops)
      if (op != first && op != second && !outsideViews.contains(op))
        parts[op] = llvm::any_of(op->getOperands(),
                                 [&](Value v) {
                                   Operation *maker = v.getDefiningOp();
                                   return maker && (maker == second || parts.lookup_or(maker, Between) == After);
                                 })
                        ? After
                        : Between;
    for (Operation *op : llvm::reverse(ops)) {
      if (!outsideViews.contains(op))
        continue;
      std::optional<Part> part;
      for (Operation *user : op->getUsers()) {
        if (!set.contains(user))
          return no(FusionReason::SharedView);
        Part of = user == first || user == second ? Operand : parts.lookup(user);
        if (part && *part != of)
          return no(FusionReason::SharedView);
        part = of;
      }
      parts[op] = part.value_or(Between);
    }
    SmallVector<Operation *> between, after{second};
    for (Operation *op : ops) {
      if (op == first || op == second)
        continue;
      if (parts[op] == Operand && fusionKind(op) == FusionKind::View && !permutesElements(op))
        return no(FusionReason::OperandView);
      if (parts[op] == Between)
        between.push_back(op);
      if (parts[op] == After)
        after.push_back(op);
      if (parts[op] != After && llvm::any_of(op->getUsers(), [&](Operation *user) {
            return !set.contains(user) || (parts[op] == Between && user != second && parts.lookup(user) == After);
          }))
        return no(FusionReason::TwoContractions); // what lies in a block of rows goes nowhere else
    }
    auto readsMade = [&](Value v) { return inside(v) && parts.lookup_or(v.getDefiningOp(), Between) != Operand; };
    if (escapes(first) || readsMade(first.getLhs()) || readsMade(first.getRhs()) || readsMade(second.getRhs()) ||
        llvm::any_of(first->getUsers(), [&](Operation *user) { return parts.lookup_or(user, Operand) != Between; }))
      return no(FusionReason::ComputedOperand);
    auto sweep = Checker(between, why).check(between);
    if (!sweep)
      return std::nullopt;
    if (sweep->family != KernelShape::Sweep || sweep->root != root || sweep->folded != ArrayRef<int64_t>(lane))
      return no(FusionReason::IndexSpace);
    if (!Checker(after, why).check(after))
      return std::nullopt;
    return KernelShape{KernelShape::Chain, root, {lane}};
  }

  //===-- sweeps --------------------------------------------------------------------------------------------------===//

  /// Ops that are there for gathers alone: they say at which places, over the index space of those.
  DenseSet<Operation *> findPlaces() const {
    DenseSet<Operation *> places;
    for (Operation *op : llvm::reverse(ops)) {
      auto kind = fusionKind(op);
      Shape shape = shapeOf(op->getResult(0));
      bool isScalar = kind == FusionKind::View && !outsideViews.contains(op) && isa<BroadcastOp>(op) &&
                      shapeOf(op->getOperand(0)).empty();
      if (!op->use_empty() &&
          (kind == FusionKind::Map ? isMapOver(op, shape) : isScalar || outsideViews.contains(op)) &&
          llvm::all_of(op->getUsers(), [&](Operation *user) {
            return places.contains(user) || (set.contains(user) && fusionKind(user) == FusionKind::Gather &&
                                             user->getOperand(0) != op->getResult(0));
          }))
        places.insert(op);
    }
    return places;
  }

  std::optional<KernelShape> sweep() {
    KernelShape kernel;
    DenseSet<Operation *> places = findPlaces();
    if (!findRoot(kernel, places))
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
    bool comesBack = false, wideOutput = false;
    for (Operation *op : ops) {
      if (fusionKind(op) == FusionKind::Reduce || llvm::any_of(op->getOperands(), [&](Value v) {
            return v.getDefiningOp() && afterReduce.contains(v.getDefiningOp());
          }))
        afterReduce.insert(op);
      if (isInnerView(op) || places.contains(op))
        continue;
      Shape shape = shapeOf(op->getResult(0));
      if (fusionKind(op) == FusionKind::Gather && inside(op->getOperand(0)))
        return no(FusionReason::GatherOfMade);
      if (shape != kernel.root && !isRow(shape) && !shape.empty())
        return no(FusionReason::IndexSpace);
      switch (*fusionKind(op)) {
      case FusionKind::Map:
        if (!isMapOver(op, shape))
          return no(FusionReason::IndexSpace);
        break;
      case FusionKind::Gather:
        if (Value at = op->getOperand(1);
            inside(at) &&
            (shapeOf(at).back() != SizeExpr(1) || (!places.contains(at.getDefiningOp()) && shapeOf(at) != kernel.root)))
          return no(FusionReason::IndexSpace);
        break;
      case FusionKind::Reduce:
        if (shape != row)
          return no(FusionReason::IndexSpace);
        break;
      default: {
        if (outsideViews.contains(op))
          break;
        auto broadcast = dyn_cast<BroadcastOp>(op);
        if (!broadcast)
          return no(FusionReason::InnerView);
        Shape from = shapeOf(broadcast.getX());
        if (from.empty() && !afterReduce.contains(op))
          break; // a scalar that no reduction made goes anywhere
        if (!isRow(from))
          return no(FusionReason::InnerBroadcast);
        SmallVector<int64_t> identity = llvm::to_vector(llvm::seq<int64_t>(0, from.size()));
        bool straight = from.size() == row.size() && shape.size() != row.size()
                            ? ArrayRef<int64_t>(broadcast.getDims()) == ArrayRef<int64_t>(kept)
                            : ArrayRef<int64_t>(broadcast.getDims()) == ArrayRef<int64_t>(identity);
        if (!straight)
          return no(FusionReason::TurnedBroadcast);
        comesBack |= shape == kernel.root;
      }
      }
      wideOutput |= shape == kernel.root && escapes(op);
    }
    if (!reduces)
      return kernel;
    if (comesBack && !rowsComeBack(kernel))
      return std::nullopt;
    if (readsRowsAcross(kernel))
      return no(FusionReason::RowsAcross);
    if ((comesBack || wideOutput) && !isRowwise(kernel))
      return no(FusionReason::WideBesideColumns);
    if (!wideOutput && !showsFoldedSizes(kernel))
      return no(FusionReason::HiddenSize);
    if (!isConnected(kernel.root))
      return no(FusionReason::LooseRow);
    return kernel;
  }

  bool escapes(Operation *op) const {
    return llvm::any_of(op->getUsers(), [&](Operation *user) { return !set.contains(user); });
  }

  /// Whether the folded dimensions are the trailing ones and every read steps through them as through one dimension:
  /// then a row is a stretch of memory, and values of the whole index space are made row by row.
  bool isRowwise(const KernelShape &kernel) const {
    int64_t rank = kernel.root.size(), count = kernel.folded.size(), wide = 0;
    for (auto [i, dim] : llvm::enumerate(kernel.folded)) {
      if (dim != rank - count + int64_t(i))
        return false;
      wide += kernel.root[dim] != SizeExpr(1);
    }
    if (wide <= 1)
      return true;
    for (Operation *op : ops) {
      bool isMap = fusionKind(op) == FusionKind::Map || fusionKind(op) == FusionKind::Gather;
      if (isMap && !isa<ElementwiseOpInterface>(op))
        return false;                         // it may depend on its index, dimension by dimension
      for (Value operand : op->getOperands()) // an iota asks for the dimensions one by one
        if (Operation *leaf = operand.getDefiningOp();
            leaf && isLeaf(leaf) && !leaf->hasTrait<OpTrait::ConstantLike>() && !shapeOf(operand).empty())
          return false;
      if (!outsideViews.contains(op) || shapeOf(op->getResult(0)) != kernel.root)
        continue;
      auto broadcast = dyn_cast<BroadcastOp>(op);
      if (!broadcast || inside(broadcast.getX()))
        return false;
      int64_t covered = 0;
      Shape from = shapeOf(broadcast.getX());
      for (auto [i, dim] : llvm::enumerate(broadcast.getDims()))
        covered += dim >= rank - count && from[i] != SizeExpr(1);
      if (covered != 0 && covered != wide)
        return false;
    }
    return true;
  }

  /// Whether rows are folded that an operand too large for the caches holds as columns: a line of it is read again for
  /// each of its numbers. Not so where some rows at a time can be turned in scratch.
  bool readsRowsAcross(const KernelShape &kernel) const {
    const int64_t last = int64_t(kernel.root.size()) - 1;
    auto elements = numElements(kernel.root).constant();
    if (!llvm::is_contained(kernel.folded, last))
      return false;
    bool fits = elements && kernel.folded.size() == 1 && canTurn(kernel.root[last]) &&
                *kernel.root[last].constant() <= maxTurnedRow;
    std::optional<int64_t> across; // what lies side by side in all operands that are turned
    for (Operation *op : ops) {
      if (!outsideViews.contains(op) || shapeOf(op->getResult(0)) != kernel.root || !readsAcross(op))
        continue;
      auto turn = dyn_cast<TransposeOp>(op);
      if (!fits || !turn || inside(turn.getX()) || getElementTypeOrSelf(turn.getX()).isInteger(1) ||
          llvm::any_of(op->getUsers(), [&](Operation *user) { return outsideViews.contains(user); }))
        return true;
      int64_t dim = llvm::find(turn.getPermutation(), last) - turn.getPermutation().begin();
      if (!canTurn(kernel.root[dim]) || across.value_or(dim) != dim)
        return true;
      across = dim;
    }
    return false;
  }

  /// Code generation takes the size of a loop from what is read plainly along it: a buffer, or a leaf that is made
  /// there.
  bool showsFoldedSizes(const KernelShape &kernel) const {
    return llvm::all_of(kernel.folded, [&](int64_t dim) {
      if (kernel.root[dim].constant())
        return true;
      return llvm::any_of(ops, [&](Operation *op) {
        auto isRead = [&](Value v) {
          return !inside(v) && !(v.getDefiningOp() && v.getDefiningOp()->hasTrait<OpTrait::ConstantLike>());
        };
        if (fusionKind(op) != FusionKind::View)
          return llvm::any_of(op->getOperands(), [&](Value v) { return isRead(v) && shapeOf(v) == kernel.root; });
        if (!isRead(op->getOperand(0)) || shapeOf(op->getResult(0)) != kernel.root)
          return false;
        Shape from = shapeOf(op->getOperand(0));
        if (auto broadcast = dyn_cast<BroadcastOp>(op))
          return llvm::any_of(llvm::enumerate(broadcast.getDims()),
                              [&](auto at) { return at.value() == dim && from[at.index()] == kernel.root[dim]; });
        // A view that changes the order of the sizes and drops none is a transposition.
        return permutesElements(op) && from != kernel.root;
      });
    });
  }

  /// Whether each op is tied to the root by values computed inside (scalars need no tie).
  bool isConnected(const Shape &root) const {
    llvm::EquivalenceClasses<Operation *> parts;
    for (Operation *op : ops) {
      parts.insert(op);
      for (Value operand : op->getOperands())
        if (inside(operand) && !shapeOf(operand).empty()) // a scalar ties nothing: it has no dimension to share
          parts.unionSets(op, operand.getDefiningOp());
    }
    DenseSet<Operation *> tied;
    for (Operation *op : ops)
      if (fusionKind(op) == FusionKind::Reduce || shapeOf(op->getResult(0)) == root)
        tied.insert(parts.getLeaderValue(op));
    return llvm::all_of(ops, [&](Operation *op) {
      return shapeOf(op->getResult(0)).empty() || tied.contains(parts.getLeaderValue(op));
    });
  }

  /// The root: what the reductions fold, else the one shape of all values that are not scalars.
  bool findRoot(KernelShape &kernel, const DenseSet<Operation *> &places) {
    if (!reduces.empty()) {
      kernel.root = shapeOf(reduces.front()->getOperand(0));
      kernel.folded = llvm::to_vector(cast<FusionOpInterface>(reduces.front()).getFoldedDims());
      for (Operation *op : reduces)
        if (shapeOf(op->getOperand(0)) != kernel.root ||
            cast<FusionOpInterface>(op).getFoldedDims() != ArrayRef(kernel.folded))
          return no(FusionReason::TwoReductions), false;
      if (kernel.folded.empty() && ops.size() > 1)
        return no(FusionReason::EmptyReduction), false;
      return true;
    }
    for (Operation *op : ops)
      if (Shape shape = shapeOf(op->getResult(0)); !shape.empty() && !isInnerView(op) && !places.contains(op)) {
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
        return no(FusionReason::BackFromColumns), false;
      elements = elements * kernel.root[dim];
    }
    auto fixed = elements.constant(), rows = numElements(ArrayRef(kernel.root).drop_back(count)).constant();
    bool few = rows && *rows < minLongRows;
    if (fixed && *fixed > (few ? maxShortRow : maxLongRow))
      return no(FusionReason::LongRow), false;
    if (!fixed && count == rank)
      return no(FusionReason::NoRows), false;
    return true;
  }

  /// A view of so few elements may step across lines.
  static constexpr int64_t fewElements = 1 << 15;

  FusionReason &why;
  SmallVector<Operation *> ops, reduces;
  llvm::SmallPtrSet<Operation *, 32> set;
  DenseSet<Operation *> outsideViews;
};

} // namespace

std::optional<KernelShape> kernelShape(ArrayRef<Operation *> ops, FusionReason &why) {
  return Checker(ops, why).check(ops);
}

} // namespace weft
