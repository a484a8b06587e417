// Decides how one number everywhere is recognised and made, how a place of a dimension is read without it, and which
// place a merged op has.
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace weft {

DenseElementsAttr uniformOf(Value value) {
  while (auto broadcast = value.getDefiningOp<BroadcastOp>())
    value = broadcast.getX();
  auto constant = value.getDefiningOp<ConstantOp>();
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  return dense && dense.isSplat() ? dense : DenseElementsAttr();
}

DenseElementsAttr uniformLike(Type type, DenseElementsAttr splat) {
  auto tensor = cast<RankedTensorType>(type);
  auto shaped =
      RankedTensorType::get(tensor.hasStaticShape() ? tensor.getShape() : ArrayRef<int64_t>(), tensor.getElementType());
  return splat.resizeSplat(shaped);
}

Value materialize(OpBuilder &builder, Location loc, Attribute value, Type type) {
  auto elements = dyn_cast<ElementsAttr>(value);
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!elements || !tensor || elements.getElementType() != tensor.getElementType())
    return {};
  if (elements.getShapedType() == type)
    return ConstantOp::create(builder, loc, elements);
  if (elements.getShapedType().getRank() != 0)
    return {};
  Value scalar = ConstantOp::create(builder, loc, elements);
  return BroadcastOp::create(builder, loc, type, scalar, ArrayRef<int64_t>());
}

/// Adds the places that a location is fused of.
static void addLeaves(Location location, llvm::SetVector<Location, SmallVector<Location, 8>> &leaves) {
  if (auto fused = dyn_cast<FusedLoc>(LocationAttr(location))) {
    for (Location part : fused.getLocations())
      addLeaves(part, leaves);
    return;
  }
  if (!isa<UnknownLoc>(LocationAttr(location)))
    leaves.insert(location);
}

Location mergeLocations(MLIRContext *context, ArrayRef<Location> locations) {
  constexpr size_t kMost = 8;
  llvm::SetVector<Location, SmallVector<Location, 8>> leaves;
  for (Location location : locations)
    addLeaves(location, leaves);
  if (leaves.empty()) // none is known: as good as any
    return locations.front();
  return FusedLoc::get(leaves.getArrayRef().take_front(kMost), /*metadata=*/nullptr, context);
}

/// Where each dimension stands among more of them, the others of size 1; nothing if they do not.
static std::optional<SmallVector<int64_t>> placesAmong(const Shape &few, const Shape &many) {
  SmallVector<int64_t> places;
  for (auto [i, size] : llvm::enumerate(many))
    if (places.size() < few.size() && few[places.size()] == size)
      places.push_back(i);
    else if (size != SizeExpr(1))
      return std::nullopt;
  return places.size() == few.size() ? std::optional(places) : std::nullopt;
}

std::optional<SmallVector<int64_t>> addedUnits(ReshapeOp reshape) {
  return placesAmong(shapeOf(reshape.getX()), shapeOf(reshape.getResult()));
}

bool movesUnits(ReshapeOp reshape) {
  auto others = [](Value value) {
    return llvm::to_vector(llvm::make_filter_range(shapeOf(value), [](const SizeExpr &s) { return s != SizeExpr(1); }));
  };
  return others(reshape.getX()) == others(reshape.getResult());
}

std::optional<SmallVector<SmallVector<int64_t>>> joinedDims(const Shape &inner, const Shape &outer) {
  SmallVector<SmallVector<int64_t>> joined(outer.size());
  size_t next = 0;
  for (auto [dim, size] : llvm::enumerate(outer)) {
    SizeExpr product(1);
    for (; product != size && next < inner.size(); ++next)
      if (inner[next] != SizeExpr(1)) {
        product = product * inner[next];
        joined[dim].push_back(next);
      }
    if (product != size)
      return std::nullopt;
  }
  return joined;
}

SliceOp sliceOfReshaped(OpBuilder &builder, ReshapeOp reshape) {
  auto slice = reshape.getX().getDefiningOp<SliceOp>();
  if (!slice)
    return {};
  Shape from = shapeOf(slice.getX());
  auto of = [&](const Shape &shape, ArrayRef<int64_t> starts, ArrayRef<int64_t> strides) {
    Type type = typeOf(shape, getElementTypeOrSelf(slice.getX()));
    Value x = ReshapeOp::create(builder, slice.getLoc(), type, slice.getX());
    return SliceOp::create(builder, slice.getLoc(), reshape.getType(), x, starts, strides);
  };
  if (auto places = addedUnits(reshape)) {
    Shape to(shapeOf(reshape.getResult()).size(), SizeExpr(1));
    SmallVector<int64_t> starts(to.size(), 0), strides(to.size(), 1);
    for (auto [i, place] : llvm::enumerate(*places)) {
      to[place] = from[i];
      starts[place] = slice.getStarts()[i];
      strides[place] = slice.getStrides()[i];
    }
    return of(to, starts, strides);
  }
  auto kept = placesAmong(shapeOf(reshape.getResult()), shapeOf(slice.getResult()));
  if (!kept || kept->empty() || kept->size() == from.size() ||
      !llvm::all_of(from, [](const SizeExpr &size) { return size.constant().has_value(); }))
    return {};
  SmallVector<int64_t> starts(slice.getStarts()), strides(slice.getStrides());
  for (int64_t dim = int64_t(from.size()) - 1; dim >= 0; --dim) {
    if (llvm::is_contained(*kept, dim))
      continue;
    // With the dimension before, or the first one with the next.
    int64_t with = dim ? dim - 1 : 1, inner = *from[std::max(dim, with)].constant();
    starts[with] = starts[std::min(dim, with)] * inner + starts[std::max(dim, with)];
    strides[with] *= dim ? inner : 1;
    from[with] = from[with] * from[dim];
    from.erase(from.begin() + dim);
    starts.erase(starts.begin() + dim);
    strides.erase(strides.begin() + dim);
  }
  return of(from, starts, strides);
}

bool isCheapToRemake(Value value) {
  constexpr int64_t kFewBytes = 64;
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (uniformOf(value) || isa<DimSizeOp>(op))
    return true;
  auto constant = dyn_cast<ConstantOp>(op);
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  return dense && int64_t(dense.getRawData().size()) <= kFewBytes;
}

StringRef boundSymbol(Operation *op) {
  auto sized = dyn_cast<SizedOp>(op);
  return sized ? sized.getSymbol() : StringRef();
}

bool isSizedInside(Value value) {
  auto sized = value.getDefiningOp<SizedOp>();
  if (!sized)
    return false;
  bool own = llvm::any_of(shapeOf(value.getType()),
                          [&](const SizeExpr &size) { return llvm::is_contained(size.symbols(), sized.getSymbol()); });
  return own || isSizedInside(sized.getYield().getOperand(cast<OpResult>(value).getResultNumber()));
}

void substituteSizes(Operation *op, const llvm::StringMap<SizeExpr> &bindings) {
  for (Value result : op->getResults())
    result.setType(substitute(result.getType(), bindings));
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (BlockArgument argument : block.getArguments())
        argument.setType(substitute(argument.getType(), bindings));
  for (NamedAttribute attribute : llvm::to_vector(op->getAttrDictionary()))
    if (auto size = dyn_cast<SizeAttr>(attribute.getValue())) {
      SizeExpr bound = size.getSize().substitute([&](StringRef name) -> std::optional<SizeExpr> {
        auto it = bindings.find(name);
        return it == bindings.end() ? std::nullopt : std::optional<SizeExpr>(it->second);
      });
      if (bound != size.getSize())
        op->setAttr(attribute.getName(), SizeAttr::get(op->getContext(), bound));
    }
  if (auto sized = dyn_cast<SizedOp>(op))
    if (auto it = bindings.find(sized.getSymbol()); it != bindings.end() && it->second.isSymbol())
      sized.setSymbol(it->second.str());
}

/// Whether `holds` is true of the op, of all that it holds, and of all that it calls. `path`: the functions being
/// asked, so that one that calls itself is not asked again.
static bool allInside(Operation *op, function_ref<bool(Operation *)> holds, SmallVectorImpl<Operation *> &path) {
  return !op->walk([&](Operation *inner) {
              if (auto call = dyn_cast<CallOp>(inner)) {
                Operation *callee = SymbolTable::lookupNearestSymbolFrom(call, call.getCalleeAttr());
                if (!callee || llvm::is_contained(path, callee))
                  return callee ? WalkResult::advance() : WalkResult::interrupt();
                path.push_back(callee);
                bool all = llvm::all_of(callee->getRegion(0).getOps(),
                                        [&](Operation &part) { return allInside(&part, holds, path); });
                path.pop_back();
                return all ? WalkResult::advance() : WalkResult::interrupt();
              }
              return holds(inner) ? WalkResult::advance() : WalkResult::interrupt();
            }).wasInterrupted();
}

/// A region op has the effects of what it holds, which a walk meets by itself.
static bool isPureAlone(Operation *op) {
  return op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() || op->hasTrait<OpTrait::IsTerminator>() ||
         isMemoryEffectFree(op);
}

bool hasNoEffects(Operation *op) {
  SmallVector<Operation *> path;
  return allInside(op, isPureAlone, path);
}

bool mayRunEarly(Operation *op) {
  SmallVector<Operation *> path;
  return allInside(op, [](Operation *inner) { return isPureAlone(inner) && !isa<WhileOp>(inner); }, path);
}

} // namespace weft
