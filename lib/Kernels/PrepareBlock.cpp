// Decides what of a block is put another way before its ops become kernels: what a reshape or a shared view would keep
// apart.
#include "PrepareBlock.h"
#include "mlir/IR/IRMapping.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Kernels/KernelShape.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace weft {

static void eraseDead(Block &block) {
  // Backwards, stepping on before an op goes: a reverse iterator would stand on the erased op.
  for (Operation *op = block.getTerminator()->getPrevNode(), *before; op; op = before) {
    before = op->getPrevNode();
    if (isOpTriviallyDead(op))
      op->erase();
  }
}

/// A reshape stands between two kernels: where it only adds dimensions of size 1, or drops one of which one place is
/// read, what reads it takes it from where that lies. Not what repeats it: a copy lies side by side.
static void readPartsInPlace(Block &block) {
  for (ReshapeOp reshape : llvm::make_early_inc_range(block.getOps<ReshapeOp>())) {
    Operation *part = reshape.getX().getDefiningOp();
    if (!part || part->getNumOperands() != 1 || fusionKind(part) != FusionKind::View ||
        !llvm::all_of(reshape->getUsers(), [](Operation *user) {
          auto kind = fusionKind(user);
          return kind == FusionKind::Map || kind == FusionKind::Reduce || kind == FusionKind::Join;
        }))
      continue;
    Operation *maker = part->getOperand(0).getDefiningOp();
    if (maker && (fusionKind(maker) == FusionKind::View || isLeaf(maker)))
      continue; // a view of what stands nowhere
    OpBuilder builder(reshape);
    if (SliceOp slice = sliceOfReshaped(builder, reshape)) {
      reshape.replaceAllUsesWith(slice.getResult());
      reshape.erase();
    }
  }
  eraseDead(block);
}

static bool isJoin(Operation *op) { return fusionKind(op) == FusionKind::Join; }

/// Whether a value is only there to say at which places a gather reads.
static bool saysPlaces(Operation *user, Value value) {
  return fusionKind(user) == FusionKind::Gather && user->getOperand(0) != value;
}

/// Whether no reduction or contraction is near above a value: their kernels would rather take what reads it.
static bool isFree(Value value, int steps = 10) {
  Operation *maker = value.getDefiningOp();
  auto kind = maker ? fusionKind(maker) : std::nullopt;
  if (kind == FusionKind::Map || kind == FusionKind::View)
    return steps > 0 && llvm::all_of(maker->getOperands(), [&](Value v) { return isFree(v, steps - 1); });
  return kind != FusionKind::Reduce && kind != FusionKind::Contract;
}

/// A value in another shape, for all who ask for it in that one.
static Value reshaped(Block &block, Value value, Type type) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getX();
  if (value.getType() == type)
    return value;
  OpBuilder builder(&block, block.begin());
  if (Operation *maker = value.getDefiningOp(); maker && maker->getBlock() == &block)
    builder.setInsertionPointAfter(maker);
  for (Operation *user : value.getUsers())
    if (auto reshape = dyn_cast<ReshapeOp>(user);
        reshape && reshape->getBlock() == &block && reshape.getType() == type) {
      reshape->moveBefore(&block, builder.getInsertionPoint());
      return reshape;
    }
  return ReshapeOp::create(builder, value.getLoc(), type, value);
}

/// A reshape that makes room for a join (stack) or a gather in what is computed stands between two kernels. It goes
/// before what is computed, up to what is read from memory: an alias there, or part of a broadcast.
static void makeRoomFirst(Block &block) {
  llvm::SmallSetVector<Operation *, 8> work;
  for (ReshapeOp reshape : block.getOps<ReshapeOp>())
    if (llvm::all_of(reshape->getUsers(),
                     [&](Operation *user) { return isJoin(user) || saysPlaces(user, reshape.getResult()); }))
      work.insert(reshape);
  for (bool changed = true; std::exchange(changed, false);)
    for (Operation *op : llvm::to_vector(llvm::reverse(work))) {
      auto reshape = cast<ReshapeOp>(op);
      auto places = addedUnits(reshape);
      Operation *maker = reshape.getX().getDefiningOp();
      if (!places || !maker || maker->getBlock() != &block || !isa<ElementwiseOpInterface>(maker) ||
          !maker->hasOneUse() || !isFree(reshape.getX()))
        continue;
      OpBuilder builder(maker);
      IRMapping mapping;
      for (Value operand : maker->getOperands()) {
        if (mapping.contains(operand))
          continue;
        Location loc = operand.getLoc();
        auto type = typeOf(shapeOf(reshape.getResult()), getElementTypeOrSelf(operand));
        auto broadcast = operand.getDefiningOp<BroadcastOp>();
        if (broadcast) {
          auto dims = llvm::map_to_vector(broadcast.getDims(), [&](int64_t dim) { return (*places)[dim]; });
          mapping.map(operand, BroadcastOp::create(builder, loc, type, broadcast.getX(), dims).getResult());
        } else if (operand.getDefiningOp() && isLeaf(operand.getDefiningOp())) {
          mapping.map(operand, BroadcastOp::create(builder, loc, type, operand, *places).getResult());
        } else {
          Value roomy = reshaped(block, operand, type);
          if (auto made = roomy.getDefiningOp<ReshapeOp>())
            work.insert(made);
          mapping.map(operand, roomy);
        }
      }
      Operation *roomy = builder.clone(*maker, mapping);
      roomy->getResult(0).setType(typeOf(shapeOf(reshape.getResult()), getElementTypeOrSelf(maker->getResult(0))));
      reshape.replaceAllUsesWith(roomy->getResult(0));
      work.remove(reshape);
      reshape.erase();
      maker->erase();
      changed = true;
    }
  eraseDead(block);
}

bool isRead(Operation *op) { return fusionKind(op) == FusionKind::View || widensElements(op); }

bool absorbs(Operation *user, Operation *read) {
  auto kind = fusionKind(user);
  if (!kind || *kind == FusionKind::Other || (*kind == FusionKind::Gather && !saysPlaces(user, read->getResult(0))))
    return false;
  if (fusionKind(read) != FusionKind::View)
    return *kind == FusionKind::Contract;
  return *kind != FusionKind::Contract || permutesElements(read);
}

/// A read costs nothing, so each op that can read through it gets its own. Users first: chains split whole.
static void splitViews(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (!isRead(&op))
      continue;
    llvm::SmallSetVector<Operation *, 8> users(op.user_begin(), op.user_end());
    bool first = llvm::all_of(users, [&](Operation *user) { return absorbs(user, &op); });
    for (Operation *user : llvm::reverse(users)) { // in program order
      if (!absorbs(user, &op) || std::exchange(first, false))
        continue;
      Operation *copy = OpBuilder(user).clone(op);
      user->replaceUsesOfWith(op.getResult(0), copy->getResult(0));
    }
  }
}

void prepareBlock(Block &block) {
  eraseDead(block);
  makeRoomFirst(block);
  readPartsInPlace(block);
  splitViews(block);
}

} // namespace weft
