// Decides how one number everywhere is recognised and made, and which place a merged op has.
#include "weft/Dialect/Weft/Simplify.h"
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
  if (leaves.empty())
    return UnknownLoc::get(context);
  return FusedLoc::get(leaves.getArrayRef().take_front(kMost), /*metadata=*/nullptr, context);
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

/// `path`: the functions being asked, so that one that calls itself is not asked again.
static bool hasNoEffects(Operation *op, SmallVectorImpl<Operation *> &path) {
  return !op->walk([&](Operation *inner) {
              if (auto call = dyn_cast<CallOp>(inner)) {
                Operation *callee = SymbolTable::lookupNearestSymbolFrom(call, call.getCalleeAttr());
                if (!callee || llvm::is_contained(path, callee))
                  return callee ? WalkResult::advance() : WalkResult::interrupt();
                path.push_back(callee);
                bool pure = llvm::all_of(callee->getRegion(0).getOps(),
                                         [&](Operation &part) { return hasNoEffects(&part, path); });
                path.pop_back();
                return pure ? WalkResult::advance() : WalkResult::interrupt();
              }
              // A region op has the effects of what it holds, which this walk meets by itself.
              bool pure = inner->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
                          inner->hasTrait<OpTrait::IsTerminator>() || isMemoryEffectFree(inner);
              return pure ? WalkResult::advance() : WalkResult::interrupt();
            }).wasInterrupted();
}

bool hasNoEffects(Operation *op) {
  SmallVector<Operation *> path;
  return hasNoEffects(op, path);
}

} // namespace weft
