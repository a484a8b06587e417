// Decides what the rules of control ops share (ControlRules.h).
#include "ControlRules.h"
#include "weft/Dialect/Weft/Simplify.h"

using namespace mlir;
using llvm::BitVector;

namespace weft {

LogicalResult verifyBlock(Operation *op, Block &block, TypeRange arguments, TypeRange results) {
  if (block.getArgumentTypes() != arguments)
    return op->emitOpError("[WF2010] expected block arguments of types ")
           << arguments << ", got " << block.getArgumentTypes();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return op->emitOpError("[WF2011] expected a region that ends in weft.yield");
  if (yield.getOperandTypes() != results)
    return op->emitOpError("[WF2012] expected to yield types ") << results << ", got " << yield.getOperandTypes();
  return success();
}

FailureOr<Type> rowType(Operation *op, const SizeExpr &count, Type type, StringRef what) {
  Shape shape = shapeOf(type);
  if (shape.empty() || shape.front() != count)
    return op->emitOpError("[WF2015] expected ")
           << what << " with a leading size of " << count.str() << ", got " << type;
  return Type(typeOf(ArrayRef(shape).drop_front(), getElementTypeOrSelf(type)));
}

Type stackedType(Attribute count, Type row) {
  Shape shape{cast<SizeAttr>(count).getSize()};
  llvm::append_range(shape, shapeOf(row));
  return typeOf(shape, getElementTypeOrSelf(row));
}

//===-- simplification -------------------------------------------------------------------------------------------===//

/// Makes a value again at the builder, from what it is made of (isCheapToRemake).
static Value remake(OpBuilder &builder, Value value, Location user) {
  Operation *op = value.getDefiningOp();
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, remake(builder, operand, user));
  Operation *copy = builder.clone(*op, mapping);
  copy->setLoc(user); // a constant moved to its user has the user's line
  return copy->getResult(cast<OpResult>(value).getResultNumber());
}

/// The first of the values that is the same as value i and stays.
static unsigned firstEqual(ValueRange values, unsigned i, const BitVector &dropped) {
  unsigned same = 0;
  while (same < i && (values[same] != values[i] || dropped.test(same)))
    ++same;
  return same;
}

bool reduceCaptures(Operation *op, ValueRange captures, MutableArrayRef<Region> regions, unsigned first,
                    BitVector &dropped, PatternRewriter &rewriter) {
  dropped.resize(captures.size());
  for (unsigned i = 0; i < captures.size(); ++i) {
    Value capture = captures[i];
    unsigned same = firstEqual(captures, i, dropped);
    bool again = isCheapToRemake(capture);
    bool unused = llvm::all_of(regions, [&](Region &r) { return r.getArgument(first + i).use_empty(); });
    if (!unused && !again && same == i)
      continue;
    dropped.set(i);
    for (Region &region : regions) {
      BlockArgument argument = region.getArgument(first + i);
      if (argument.use_empty())
        continue;
      Value other = region.getArgument(first + same);
      if (again) {
        OpBuilder::InsertionGuard guard(rewriter);
        rewriter.setInsertionPointToStart(&region.front());
        other = remake(rewriter, capture, (*argument.user_begin())->getLoc());
      }
      rewriter.replaceAllUsesWith(argument, other);
    }
  }
  return dropped.any();
}

bool reduceSlices(ValueRange xs, Block &body, unsigned first, BitVector &dropped, PatternRewriter &rewriter) {
  dropped.resize(xs.size());
  for (unsigned i = 0; i < xs.size(); ++i) {
    BlockArgument slice = body.getArgument(first + i);
    DenseElementsAttr splat = uniformOf(xs[i]);
    if (splat && !slice.use_empty()) {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(&body);
      Location loc = (*slice.user_begin())->getLoc();
      rewriter.replaceAllUsesWith(slice,
                                  materialize(rewriter, loc, uniformLike(slice.getType(), splat), slice.getType()));
    }
    unsigned same = firstEqual(xs, i, dropped);
    if (same != i && !slice.use_empty())
      rewriter.replaceAllUsesWith(slice, body.getArgument(first + same));
    if (slice.use_empty())
      dropped.set(i);
  }
  return dropped.any();
}

BitVector unreadResults(Operation *loop, ValueRange yields, unsigned first, unsigned numCarries,
                        SmallVector<Value> read) {
  BitVector unread(loop->getNumResults(), true);
  DenseSet<Value> live;
  auto revive = [&](unsigned i) {
    if (unread.test(i)) {
      unread.reset(i);
      read.push_back(yields[i]);
    }
  };
  for (auto [i, result] : llvm::enumerate(loop->getResults()))
    if (!result.use_empty())
      revive(i);
  for (Region &region : loop->getRegions())
    for (Operation &inner : region.front())
      if (!hasNoEffects(&inner))
        llvm::append_range(read, inner.getOperands());
  while (!read.empty()) {
    Value value = read.pop_back_val();
    if (!live.insert(value).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (unsigned i = argument.getArgNumber(); i >= first && i < first + numCarries)
        revive(i - first);
    } else {
      // Regions of the body are isolated, so operands are all that an op reads.
      assert(value.getParentRegion()->getParentOp() == loop && "an isolated body reads nothing outside");
      llvm::append_range(read, value.getDefiningOp()->getOperands());
    }
  }
  return unread;
}

void eraseUnread(Block &block, PatternRewriter &rewriter) {
  for (Operation &inner : llvm::make_early_inc_range(llvm::reverse(block)))
    if (inner.use_empty() && !inner.hasTrait<OpTrait::IsTerminator>() && hasNoEffects(&inner))
      rewriter.eraseOp(&inner);
}

//===-- batches --------------------------------------------------------------------------------------------------===//

Value swapLeading(OpBuilder &builder, Location loc, Value value) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, cast<RankedTensorType>(value.getType()).getRank()));
  std::swap(order[0], order[1]);
  return TransposeOp::create(builder, loc, value, order);
}

void addBatchedArguments(const Batcher &batcher, Block &from, ArrayRef<bool> mask, Block &to) {
  for (auto [argument, isBatched] : llvm::zip_equal(from.getArguments(), mask))
    to.addArgument(isBatched ? Type(batcher.batchedType(argument.getType())) : argument.getType(), argument.getLoc());
}

//===-- derivatives ----------------------------------------------------------------------------------------------===//

SmallVector<Value> where(ValueRange values, ArrayRef<bool> flags, bool flag) {
  SmallVector<Value> some;
  for (auto [value, is] : llvm::zip_equal(values, flags))
    if (is == flag)
      some.push_back(value);
  return some;
}

SmallVector<bool> settleCarries(Block &body, unsigned first, unsigned numCarries, ArrayRef<bool> arguments,
                                llvm::function_ref<SmallVector<bool>(Block &, ArrayRef<bool>)> flow,
                                SmallVector<bool> &yields) {
  SmallVector<bool> flags(arguments);
  for (bool changed = true; changed;) {
    changed = false;
    yields = flow(body, flags);
    for (unsigned i = 0; i < numCarries; ++i)
      if (yields[i] && !flags[first + i])
        changed = flags[first + i] = true;
  }
  return flags;
}

//===-- forward mode ---------------------------------------------------------------------------------------------===//

LogicalResult ForwardBody::build(Linearizer &linearizer, Block &body, ArrayRef<unsigned> groups,
                                 ArrayRef<bool> active) {
  Block &block = region.emplaceBlock();
  SmallVector<Value> primals, argumentTangents(active.size());
  unsigned begin = 0;
  for (unsigned size : groups) {
    for (unsigned i = begin; i < begin + size; ++i)
      primals.push_back(block.addArgument(body.getArgument(i).getType(), body.getArgument(i).getLoc()));
    for (unsigned i = begin; i < begin + size; ++i)
      if (active[i])
        argumentTangents[i] = block.addArgument(body.getArgument(i).getType(), body.getArgument(i).getLoc());
    begin += size;
  }
  Linearizer inner(linearizer.module, atEnd(body.getParentOp()->getContext(), block), Linearizer::Forward);
  return inner.linearizeBlock(body, primals, argumentTangents, values, tangents);
}

void ForwardBody::yield(Location loc, ArrayRef<unsigned> groups, ArrayRef<bool> active) {
  OpBuilder builder = atEnd(loc.getContext(), region.front());
  GraphBuilder zeros(builder, loc);
  SmallVector<Value> yields;
  unsigned begin = 0;
  for (unsigned size : groups) {
    for (unsigned i = begin; i < begin + size; ++i)
      yields.push_back(values[i]);
    for (unsigned i = begin; i < begin + size; ++i)
      if (active[i])
        yields.push_back(orZeros(zeros, tangents[i], values[i].getType()));
    begin += size;
  }
  YieldOp::create(builder, loc, yields);
  eraseDeadOps(region.front(), /*isLinearPart=*/false);
}

SmallVector<Value> forwardOperands(GraphBuilder &builder, ValueRange primals, ValueRange tangents,
                                   ArrayRef<bool> active) {
  SmallVector<Value> operands(primals);
  for (auto [primal, tangent, isActive] : llvm::zip_equal(primals, tangents, active))
    if (isActive)
      operands.push_back(orZeros(builder, tangent, primal.getType()));
  return operands;
}

SmallVector<Type> forwardTypes(TypeRange types, ArrayRef<unsigned> groups, ArrayRef<bool> active) {
  SmallVector<Type> all;
  unsigned begin = 0;
  for (unsigned size : groups) {
    llvm::append_range(all, types.slice(begin, size));
    for (unsigned i = begin; i < begin + size; ++i)
      if (active[i])
        all.push_back(types[i]);
    begin += size;
  }
  return all;
}

void splitForward(ValueRange made, ArrayRef<unsigned> groups, ArrayRef<bool> active, SmallVectorImpl<Value> &results,
                  SmallVectorImpl<Value> &tangents) {
  unsigned begin = 0, next = 0;
  for (unsigned size : groups) {
    for (unsigned i = 0; i < size; ++i)
      results.push_back(made[next++]);
    for (unsigned i = begin; i < begin + size; ++i)
      tangents.push_back(active[i] ? made[next++] : Value());
    begin += size;
  }
}

} // namespace weft
