// Decides what a counted loop computes before it starts: dear ops on what does not change from step to step, once, and
// contractions of a step's slices with such values, over all steps together; or, where the products of all steps would
// be large, over blocks of steps, each of which is a loop in the loop.
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Transforms/Batcher.h"
#include "weft/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_HOIST
#include "weft/Transforms/Passes.h.inc"

namespace {

/// What a value inside a loop depends on.
enum class From { Outside, Slices, Steps };

/// The bytes of a value at one step, where they are a number times what its names say.
SizeExpr bytesOf(Value value) {
  Type element = getElementTypeOrSelf(value);
  int64_t bits = element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 64;
  return numElements(shapeOf(value.getType())) * SizeExpr(std::max<int64_t>(bits / 8, 1));
}

class LoopHoister {
public:
  /// `takesTogether`: whether what slices are made into is computed over all steps, too.
  LoopHoister(ModuleOp module, ForOp loop, bool takesTogether = true)
      : module(module), loop(loop), body(loop.getBodyBlock()), takesTogether(takesTogether) {}

  LogicalResult run() {
    classify();
    SmallVector<Value> once, together;
    for (Operation &op : body.without_terminator()) {
      auto fusion = dyn_cast<FusionOpInterface>(op);
      if (!fusion || op.getNumResults() != 1 || op.getNumRegions())
        continue;
      FusionKind kind = fusion.getFusionKind();
      bool dear = kind == FusionKind::Contract || kind == FusionKind::Reduce || kind == FusionKind::Other;
      if (dear && from.lookup(op.getResult(0)) == From::Outside && !isCheapToRemake(op.getResult(0)))
        once.push_back(op.getResult(0));
      else if (takesTogether && kind == FusionKind::Contract && sharesOperand(&op) && staysSmall(&op))
        together.push_back(op.getResult(0));
    }
    if (once.empty() && together.empty())
      return success();
    OpBuilder builder(loop);
    if (int64_t steps = stepsOfBlock(together)) {
      auto [blocks, inner] = inBlocks(builder, steps);
      return failure(failed(LoopHoister(module, inner).run()) ||
                     failed(LoopHoister(module, blocks, /*takesTogether=*/false).run()));
    }
    SmallVector<Value> outside = made(builder, once), stacked;
    if (failed(madeTogether(builder, together, stacked)))
      return failure();
    rebuild(builder, once, outside, together, stacked);
    return success();
  }

private:
  ModuleOp module;
  ForOp loop;
  Block &body;
  bool takesTogether;
  llvm::DenseMap<Value, From> from;

  void classify() {
    for (Value argument : body.getArguments())
      from[argument] = From::Steps;
    for (Value argument : loop.getSliceArguments())
      from[argument] = From::Slices;
    for (Value argument : loop.getCaptureArguments())
      from[argument] = From::Outside;
    for (Operation &op : body.without_terminator()) {
      From most = op.getNumRegions() || !mayRunEarly(&op) ? From::Steps : From::Outside;
      for (Value operand : op.getOperands())
        most = std::max(most, from.lookup(operand));
      for (Value result : op.getResults())
        from[result] = most;
    }
  }

  /// A contraction of slices with what all steps share, which over all steps reads the shared operand once.
  bool sharesOperand(Operation *op) {
    return from.lookup(op->getResult(0)) == From::Slices &&
           llvm::any_of(op->getOperands(), [&](Value v) { return from.lookup(v) == From::Outside; });
  }

  /// What stands for all steps at once takes at most four times the room of the slices that it is made of.
  bool staysSmall(Operation *op) {
    SizeExpr slices = 0;
    llvm::SetVector<Operation *> needed = backward({op->getResult(0)});
    for (BlockArgument slice : loop.getSliceArguments())
      if (llvm::any_of(slice.getUsers(), [&](Operation *user) { return needed.contains(user); }))
        slices = slices + bytesOf(slice);
    SizeExpr results = bytesOf(op->getResult(0));
    auto most = (slices * SizeExpr(4)).constant(), bytes = results.constant();
    if (most && bytes)
      return *bytes <= *most;
    // With names: where one is a multiple of the other.
    for (int64_t factor : {1, 2, 3, 4})
      if (results == slices * SizeExpr(factor) || results * SizeExpr(factor) == slices)
        return true;
    return false;
  }

  /// How many steps make a block, so that the products of one stay in a core's second cache; 0: no blocks. All blocks
  /// have as many steps, and a body that reads the number of its step has none.
  int64_t stepsOfBlock(ArrayRef<Value> together) {
    constexpr int64_t most = 1 << 20;
    SizeExpr step = 0;
    for (Value value : together)
      step = step + bytesOf(value);
    auto count = loop.getCount().getSize().constant(), bytes = step.constant();
    if (!count || !bytes || *count * *bytes <= most || !loop.getStep().use_empty())
      return 0;
    int64_t steps = most / std::max<int64_t>(*bytes, 1);
    while (steps > 1 && *count % steps)
      --steps;
    return steps > 1 && steps * *bytes >= most / 8 ? steps : 0;
  }

  /// The loop as a loop over blocks of so many steps, and the loop within.
  std::pair<ForOp, ForOp> inBlocks(OpBuilder &builder, int64_t steps) {
    Location loc = loop.getLoc();
    int64_t count = *loop.getCount().getSize().constant() / steps;
    auto block = [&](Type row, int64_t number) { // of so many rows, or so many blocks of rows
      auto type = cast<RankedTensorType>(row);
      Shape shape = shapeOf(type);
      shape.insert(shape.begin(), SizeExpr(steps));
      if (number)
        shape.insert(shape.begin(), SizeExpr(number));
      return typeOf(shape, type.getElementType());
    };
    auto slices = loop.getSliceArguments();
    ValueRange rows = loop.getYield().getOperands().drop_front(loop.getNumCarries());
    SmallVector<Value> xs;
    for (auto [x, slice] : llvm::zip_equal(loop.getXs(), slices))
      xs.push_back(ReshapeOp::create(builder, loc, block(slice.getType(), count), x));
    SmallVector<Type> types(loop.getInits().getTypes()), innerTypes(types);
    for (Value row : rows) {
      types.push_back(block(row.getType(), count));
      innerTypes.push_back(block(row.getType(), 0));
    }
    auto outer = ForOp::create(builder, loc, types, SizeAttr::get(loop.getContext(), SizeExpr(count)), loop.getInits(),
                               xs, loop.getCaptures(), loop.getReverse());
    outer->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
    Block &around = outer.getBody().emplaceBlock();
    around.addArgument(loop.getStep().getType(), loc);
    for (Value argument : llvm::concat<const Value>(loop.getCarryArguments(), slices, loop.getCaptureArguments()))
      around.addArgument(argument.getType(), argument.getLoc());
    for (BlockArgument slice : outer.getSliceArguments())
      slice.setType(block(slice.getType(), 0));
    OpBuilder inside(loop.getContext());
    inside.setInsertionPointToEnd(&around);
    auto inner = ForOp::create(inside, loc, innerTypes, SizeAttr::get(loop.getContext(), SizeExpr(steps)),
                               ValueRange(outer.getCarryArguments()), ValueRange(outer.getSliceArguments()),
                               ValueRange(outer.getCaptureArguments()), loop.getReverse());
    inner->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
    inner.getBody().takeBody(loop.getBody());
    YieldOp::create(inside, loc, inner.getResults());
    for (auto [old, made] : llvm::zip_equal(loop.getResults(), outer.getResults()))
      old.replaceAllUsesWith(old.getType() == made.getType() ? Value(made)
                                                             : ReshapeOp::create(builder, loc, old.getType(), made));
    loop.erase();
    return {outer, inner};
  }

  /// The ops of the body that lead to some values, in order.
  llvm::SetVector<Operation *> backward(ArrayRef<Value> values) {
    llvm::SmallPtrSet<Operation *, 16> reached;
    SmallVector<Value> open(values);
    while (!open.empty())
      if (Operation *op = open.pop_back_val().getDefiningOp(); op && reached.insert(op).second)
        llvm::append_range(open, op->getOperands());
    llvm::SetVector<Operation *> ordered;
    for (Operation &op : body)
      if (reached.contains(&op))
        ordered.insert(&op);
    return ordered;
  }

  /// Values that depend on captures alone, before the loop.
  SmallVector<Value> made(OpBuilder &builder, ArrayRef<Value> values) {
    IRMapping mapping;
    mapping.map(loop.getCaptureArguments(), loop.getCaptures());
    for (Operation *op : backward(values))
      builder.clone(*op, mapping);
    return llvm::map_to_vector(values, [&](Value v) { return mapping.lookup(v); });
  }

  /// Values that depend on slices and captures, for all steps, before the loop.
  LogicalResult madeTogether(OpBuilder &builder, ArrayRef<Value> values, SmallVectorImpl<Value> &results) {
    if (values.empty())
      return success();
    Region region;
    Block &step = region.emplaceBlock();
    IRMapping mapping;
    SmallVector<bool> batched;
    SmallVector<Value> arguments;
    auto give = [&](ArrayRef<BlockArgument> inside, ValueRange outside, bool sliced) {
      for (auto [argument, value] : llvm::zip_equal(inside, outside)) {
        mapping.map(argument, step.addArgument(argument.getType(), argument.getLoc()));
        arguments.push_back(value);
        batched.push_back(sliced);
      }
    };
    give(loop.getSliceArguments(), loop.getXs(), true);
    give(loop.getCaptureArguments(), loop.getCaptures(), false);
    OpBuilder inner(loop.getContext());
    inner.setInsertionPointToEnd(&step);
    for (Operation *op : backward(values))
      inner.clone(*op, mapping);
    YieldOp::create(inner, loop.getLoc(), llvm::map_to_vector(values, [&](Value v) { return mapping.lookup(v); }));
    SmallVector<bool> has;
    return Batcher(module, builder, loop.getCount().getSize()).batchBlock(step, arguments, batched, results, has);
  }

  /// The loop with what was made as captures and slices.
  void rebuild(OpBuilder &builder, ArrayRef<Value> once, ValueRange outside, ArrayRef<Value> together,
               ValueRange stacked) {
    unsigned place = 1 + loop.getNumCarries() + loop.getXs().size();
    SmallVector<Value> xs(loop.getXs()), captures(loop.getCaptures());
    for (auto [value, all] : llvm::zip_equal(together, stacked)) {
      Value(value).replaceAllUsesWith(body.insertArgument(place++, value.getType(), value.getLoc()));
      xs.push_back(all);
    }
    for (auto [value, all] : llvm::zip_equal(once, outside)) {
      Value(value).replaceAllUsesWith(body.addArgument(value.getType(), value.getLoc()));
      captures.push_back(all);
    }
    auto better = ForOp::create(builder, loop.getLoc(), loop.getResultTypes(), loop.getCountAttr(), loop.getInits(), xs,
                                captures, loop.getReverse());
    better->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
    better.getBody().takeBody(loop.getBody());
    loop.replaceAllUsesWith(better.getResults());
    loop.erase();
  }
};

struct HoistPass : impl::HoistBase<HoistPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<ForOp> loops; // inner ones first: what leaves one may leave the next
    module.walk([&](ForOp loop) { loops.push_back(loop); });
    for (ForOp loop : loops)
      if (failed(LoopHoister(module, loop).run()))
        return signalPassFailure();
  }
};

} // namespace
} // namespace weft
