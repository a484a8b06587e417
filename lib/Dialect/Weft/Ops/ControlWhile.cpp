// Decides the rules of `while`: verify | canonicalize | derivative | batch | reference. Reverse mode counts the trips,
// then replays them as a counted loop in a region where that number is a size (`sized`).
#include "ControlRules.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Reference/Interpreter.h"

using namespace mlir;
using namespace weft;

YieldOp WhileOp::getYield() { return cast<YieldOp>(getBodyBlock().getTerminator()); }

static YieldOp conditionOf(WhileOp op) { return cast<YieldOp>(op.getConditionBlock().getTerminator()); }

static RankedTensorType scalarOf(MLIRContext *context, unsigned width) {
  return RankedTensorType::get({}, IntegerType::get(context, width));
}

LogicalResult WhileOp::verify() {
  SmallVector<Type> arguments(getInits().getTypes());
  llvm::append_range(arguments, getCaptures().getTypes());
  if (getResultTypes() != getInits().getTypes())
    return emitOpError("[WF2016] expected results of the carries' types");
  if (failed(verifyBlock(*this, getConditionBlock(), arguments, scalarOf(getContext(), 1))))
    return failure();
  return verifyBlock(*this, getBodyBlock(), arguments, getInits().getTypes());
}

//===-- canonicalize ---------------------------------------------------------------------------------------------===//

namespace {

/// Drops what a loop does not need: carries that never change become captures; carries that lead neither to the
/// condition nor to a used result go, and captures as a `for`'s. A loop whose condition never holds is its inits.
struct SimplifyWhile : OpRewritePattern<WhileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WhileOp op, PatternRewriter &rewriter) const override {
    DenseElementsAttr holds = uniformOf(conditionOf(op).getOperand(0));
    auto most = op.getMaxTrips();
    bool isAsked = !most || most->getSize().constant().value_or(0) > 0 || isMemoryEffectFree(op);
    if (holds && !holds.getSplatValue<bool>() && isAsked) {
      // It is asked once: what it prints and checks stays.
      rewriter.eraseOp(conditionOf(op));
      rewriter.inlineBlockBefore(&op.getConditionBlock(), op, op.getOperands());
      rewriter.replaceOp(op, op.getInits());
      return success();
    }
    unsigned numCarries = op.getNumCarries();
    BitVector dead = unreadResults(op, op.getYield().getOperands(), /*first=*/0, numCarries,
                                   /*read=*/{conditionOf(op).getOperand(0)});
    BitVector constant(numCarries), deadCaptures;
    for (unsigned i = 0; i < numCarries; ++i)
      if (!dead.test(i) && op.getYield().getOperand(i) == op.getCarryArguments()[i])
        constant.set(i);
    bool changed = reduceCaptures(op, op.getCaptures(), op->getRegions(), numCarries, deadCaptures, rewriter);
    if (!changed && dead.none() && constant.none())
      return failure();
    rebuild(op, dead, constant, deadCaptures, rewriter);
    return success();
  }

private:
  static void rebuild(WhileOp op, const BitVector &dead, const BitVector &constant, const BitVector &deadCaptures,
                      PatternRewriter &rewriter) {
    unsigned numCarries = op.getNumCarries();
    BitVector gone = dead;
    gone |= constant;
    SmallVector<Value> captures = without(op.getCaptures(), deadCaptures);
    for (unsigned i : constant.set_bits()) {
      captures.push_back(op.getInits()[i]);
      for (Region &region : op->getRegions()) {
        BlockArgument argument = region.getArgument(i);
        Value capture = region.addArgument(argument.getType(), argument.getLoc());
        rewriter.replaceAllUsesWith(argument, capture);
      }
    }
    YieldOp yield = op.getYield();
    SmallVector<Value> yielded = without(ValueRange(yield.getOperands()), gone);
    rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(yielded); });
    for (Region &region : op->getRegions()) {
      // What only the dropped yields read goes before its arguments do.
      eraseUnread(region.front(), rewriter);
      BitVector arguments(region.getNumArguments());
      for (unsigned i : gone.set_bits())
        arguments.set(i);
      for (unsigned i : deadCaptures.set_bits())
        arguments.set(numCarries + i);
      region.front().eraseArguments(arguments);
    }
    SmallVector<Value> inits = without(op.getInits(), gone);
    auto loop =
        WhileOp::create(rewriter, op.getLoc(), TypeRange(ValueRange(inits)), inits, captures, op.getMaxTripsAttr());
    loop->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    loop.getCondition().takeBody(op.getCondition());
    loop.getBody().takeBody(op.getBody());
    unsigned next = 0;
    for (unsigned i = 0; i < numCarries; ++i)
      if (constant.test(i))
        rewriter.replaceAllUsesWith(op.getResult(i), op.getInits()[i]);
      else if (!gone.test(i))
        rewriter.replaceAllUsesWith(op.getResult(i), loop.getResult(next++));
    rewriter.eraseOp(op);
  }
};

} // namespace

void WhileOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SimplifyWhile>(context);
}

//===-- derivative -----------------------------------------------------------------------------------------------===//

static SmallVector<bool> activeArguments(WhileOp op, ArrayRef<bool> operands) {
  SmallVector<bool> yields;
  return settleCarries(op.getBodyBlock(), 0, op.getNumCarries(), operands, Linearizer::activity, yields);
}

SmallVector<bool> WhileOp::activeResults(ArrayRef<bool> active) {
  SmallVector<bool> arguments = activeArguments(*this, active);
  arguments.resize(getNumCarries());
  return arguments;
}

/// Forward mode: the loop with tangents beside its values; the condition does not see them.
static LogicalResult forward(WhileOp op, Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                             ArrayRef<bool> active, SmallVectorImpl<Value> &results,
                             SmallVectorImpl<Value> &resultTangents) {
  unsigned carries = op.getNumCarries(), captures = op.getCaptures().size();
  ArrayRef<bool> activeCarries = active.take_front(carries), activeCaptures = active.drop_front(carries);
  ForwardBody body;
  if (failed(body.build(linearizer, op.getBodyBlock(), {carries, captures}, active)))
    return failure();
  body.yield(op.getYield().getLoc(), {carries}, activeCarries);
  GraphBuilder zeros(linearizer.linear, op.getLoc());
  SmallVector<Value> inits =
      forwardOperands(zeros, primals.take_front(carries), tangents.take_front(carries), activeCarries);
  SmallVector<Value> captured =
      forwardOperands(zeros, primals.drop_front(carries), tangents.drop_front(carries), activeCaptures);
  auto loop = WhileOp::create(linearizer.primal, op.getLoc(), TypeRange(ValueRange(inits)), inits, captured,
                              op.getMaxTripsAttr());
  IRMapping mapping;
  op.getCondition().cloneInto(&loop.getCondition(), mapping);
  Block &condition = loop.getConditionBlock();
  for (unsigned i = carries; i < inits.size(); ++i)
    condition.insertArgument(i, inits[i].getType(), op.getLoc());
  for (unsigned i = captures; i < captured.size(); ++i)
    condition.addArgument(captured[i].getType(), op.getLoc());
  loop.getBody().takeBody(body.region);
  splitForward(loop.getResults(), {carries}, activeCarries, results, resultTangents);
  return success();
}

/// The loop with one carry more: how many trips it made.
static WhileOp countTrips(WhileOp op, OpBuilder &builder, ValueRange primals) {
  unsigned carries = op.getNumCarries();
  RankedTensorType i64 = scalarOf(op.getContext(), 64);
  GraphBuilder b(builder, op.getLoc());
  SmallVector<Value> inits(primals.take_front(carries));
  inits.push_back(b.zeros(i64));
  auto loop = WhileOp::create(builder, op.getLoc(), TypeRange(ValueRange(inits)), inits, primals.drop_front(carries),
                              op.getMaxTripsAttr());
  IRMapping condition, body;
  op.getCondition().cloneInto(&loop.getCondition(), condition);
  op.getBody().cloneInto(&loop.getBody(), body);
  loop.getConditionBlock().insertArgument(carries, i64, op.getLoc());
  Value trips = loop.getBodyBlock().insertArgument(carries, i64, op.getLoc());
  YieldOp yield = loop.getYield();
  OpBuilder inside(yield);
  GraphBuilder counter(inside, op.getLoc());
  yield->insertOperands(carries, counter.add(trips, counter.splat(i64, 1)));
  return loop;
}

/// The body as a counted loop, before the op: calls in it are looked up from there. The caller erases it.
static ForOp asCounted(WhileOp op, SizeAttr count) {
  OpBuilder builder(op);
  auto loop = ForOp::create(builder, op.getLoc(), op.getResultTypes(), count, op.getInits(), ValueRange(),
                            op.getCaptures(), UnitAttr());
  IRMapping mapping;
  op.getBody().cloneInto(&loop.getBody(), mapping);
  loop.getBodyBlock().insertArgument(0u, scalarOf(op.getContext(), 64), op.getLoc());
  return loop;
}

LogicalResult WhileOp::linearize(Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                                 SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  SmallVector<bool> active = activeArguments(*this, nonNull(tangents));
  if (linearizer.isForward())
    return forward(*this, linearizer, primals, tangents, active, results, resultTangents);
  unsigned carries = getNumCarries();
  WhileOp counting = countTrips(*this, linearizer.primal, primals);
  llvm::append_range(results, counting.getResults().take_front(carries));

  Region region;
  Block &block = region.emplaceBlock();
  SmallVector<Value> captures(primals), arguments, argumentTangents(primals.size()), values, valueTangents;
  for (Value primal : primals)
    arguments.push_back(block.addArgument(primal.getType(), primal.getLoc()));
  for (auto [i, tangent] : llvm::enumerate(tangents))
    if (tangent) {
      captures.push_back(tangent);
      argumentTangents[i] = block.addArgument(tangent.getType(), tangent.getLoc());
    }
  SizeExpr trips = freshSize(*this, "trips");
  ForOp counted = asCounted(*this, SizeAttr::get(getContext(), trips));
  Linearizer inner(linearizer.module, atEnd(getContext(), block), atEnd(getContext(), block));
  LogicalResult done = counted.linearize(inner, arguments, argumentTangents, values, valueTangents);
  counted.erase();
  if (failed(done))
    return failure();
  SmallVector<Value> yields;
  llvm::copy_if(valueTangents, std::back_inserter(yields), [](Value v) { return v != nullptr; });
  YieldOp::create(inner.linear, getYield().getLoc(), yields);
  eraseDeadOps(block, /*isLinearPart=*/true);
  auto replay = SizedOp::create(linearizer.linear, getLoc(), TypeRange(ValueRange(yields)),
                                counting.getResults().back(), captures, trips.str(), getMaxTripsAttr());
  replay.getBody().takeBody(region);
  unsigned next = 0;
  for (Value tangent : valueTangents)
    resultTangents.push_back(tangent ? replay.getResult(next++) : Value());
  return success();
}

LogicalResult WhileOp::transposeRegion(Transposer &, ValueRange, ArrayRef<bool>, ValueRange, SmallVectorImpl<Value> &) {
  return emitOpError("[WF3004] carries tangents, and a loop of which nothing says how often it runs has no transpose\n"
                     "  Hint: write the linear loop as a weft.for");
}

//===-- batch ----------------------------------------------------------------------------------------------------===//

/// All lanes at once until none goes on; a lane that has ended keeps its carries. For bodies of which lower-map says
/// that they may run for lanes that have ended.
static LogicalResult batchMasked(WhileOp op, Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                 SmallVectorImpl<Value> &results) {
  unsigned carries = op.getNumCarries();
  Location end = op.getYield().getLoc(), asked = conditionOf(op).getLoc();
  SmallVector<bool> mask(batched);
  std::fill_n(mask.begin(), carries, true);
  auto goesOn = [&](Batcher &at, ArrayRef<Value> carried, ValueRange captures) -> Value {
    SmallVector<Value> arguments(carried), holds;
    llvm::append_range(arguments, captures);
    SmallVector<bool> has;
    if (failed(at.batchBlock(op.getConditionBlock(), arguments, mask, holds, has)))
      return {};
    return at.materialize(asked, holds.front(), has.front());
  };
  SmallVector<Value> inits =
      batcher.materializeAll(op.getLoc(), operands.take_front(carries), batched.take_front(carries));
  ValueRange captures = operands.drop_front(carries);
  Value live = goesOn(batcher, inits, captures);
  if (!live)
    return failure();
  inits.push_back(live);
  auto loop = WhileOp::create(batcher.builder, op.getLoc(), TypeRange(ValueRange(inits)), inits, captures,
                              op.getMaxTripsAttr());
  SmallVector<Block *> blocks;
  for (Region *region : {&loop.getCondition(), &loop.getBody()}) {
    Block &block = region->emplaceBlock();
    for (Value value : llvm::concat<Value>(inits, llvm::to_vector(captures)))
      block.addArgument(value.getType(), value.getLoc());
    blocks.push_back(&block);
  }
  OpBuilder asking = OpBuilder::atBlockEnd(blocks[0]), builder = OpBuilder::atBlockEnd(blocks[1]);
  YieldOp::create(asking, asked,
                  GraphBuilder(asking, asked).reduce(blocks[0]->getArgument(carries), ReduceKind::Or, {0}));

  Batcher inner = batcher.at(builder);
  SmallVector<Value> arguments(blocks[1]->getArguments().begin(), blocks[1]->getArguments().end()), next;
  live = arguments[carries];
  arguments.erase(arguments.begin() + carries);
  SmallVector<bool> has;
  if (failed(inner.batchBlock(op.getBodyBlock(), arguments, mask, next, has)))
    return failure();
  next = inner.materializeAll(end, next, has);
  GraphBuilder b(builder, end);
  for (auto [after, before] : llvm::zip(next, arguments))
    after = b.select(b.broadcast(live, withElement(after.getType(), builder.getI1Type()), {0}), after, before);
  Value more = goesOn(inner, next, ValueRange(arguments).drop_front(carries));
  if (!more)
    return failure();
  next.push_back(b.create<AndOp>(live, more));
  YieldOp::create(builder, end, next);
  llvm::append_range(results, loop.getResults().take_front(carries));
  return success();
}

/// Which arguments of the body have the axis, and whether what the condition says has it.
static std::pair<SmallVector<bool>, bool> batchedArguments(WhileOp op, Batcher &batcher, ArrayRef<bool> batched) {
  auto flow = [&](Block &block, ArrayRef<bool> has) { return batcher.batchedResults(block, has); };
  SmallVector<bool> yields, mask = settleCarries(op.getBodyBlock(), 0, op.getNumCarries(), batched, flow, yields);
  return {mask, flow(op.getConditionBlock(), mask).front()};
}

SmallVector<bool> WhileOp::batchedResults(Batcher &batcher, ArrayRef<bool> batched) {
  auto [mask, differ] = batchedArguments(*this, batcher, batched);
  mask.truncate(getNumCarries());
  return differ ? SmallVector<bool>(mask.size(), true) : mask;
}

LogicalResult WhileOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                             SmallVectorImpl<Value> &results) {
  unsigned carries = getNumCarries();
  auto [flags, differ] = batchedArguments(*this, batcher, batched);
  SmallVector<bool> mask = flags; // a name that lambdas may read
  if (differ)
    return batcher.selects ? batchMasked(*this, batcher, operands, batched, results)
                           : batcher.mapOver(*this, operands, batched, results);
  // All lanes make the same trips.
  SmallVector<Value> inits;
  for (unsigned i = 0; i < carries; ++i)
    inits.push_back(mask[i] ? batcher.materialize(getLoc(), operands[i], batched[i]) : operands[i]);
  auto loop = WhileOp::create(batcher.builder, getLoc(), TypeRange(ValueRange(inits)), inits,
                              operands.drop_front(carries), getMaxTripsAttr());
  auto batchInto = [&](Block &from, Region &to, ArrayRef<bool> flags) {
    Block &block = to.emplaceBlock();
    addBatchedArguments(batcher, from, mask, block);
    OpBuilder builder = OpBuilder::atBlockEnd(&block);
    Batcher inner = batcher.at(builder);
    SmallVector<Value> values;
    SmallVector<bool> has;
    if (failed(inner.batchBlock(from, block.getArguments(), mask, values, has)))
      return failure();
    Location end = from.getTerminator()->getLoc();
    for (auto [value, is, flag] : llvm::zip_equal(values, has, flags))
      if (flag)
        value = inner.materialize(end, value, is);
    YieldOp::create(builder, end, values);
    return success();
  };
  ArrayRef<bool> batchedCarries = ArrayRef(mask).take_front(carries);
  if (failed(batchInto(getConditionBlock(), loop.getCondition(), {false})) ||
      failed(batchInto(getBodyBlock(), loop.getBody(), batchedCarries)))
    return failure();
  llvm::append_range(results, loop.getResults());
  return success();
}

//===-- reference ------------------------------------------------------------------------------------------------===//

LogicalResult WhileOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  std::optional<int64_t> most;
  if (auto bound = getMaxTrips()) {
    most = interpreter.size(bound->getSize());
    if (!most)
      return emitOpError("[WF1404] max_trips ") << bound->getSize().str() << " has no value here";
  }
  size_t carries = getNumCarries();
  SmallVector<Tensor> carried(operands.take_front(carries));
  int64_t carriedBytes = 0;
  for (int64_t trip = 0; !most || trip < *most; ++trip) {
    SmallVector<Tensor> arguments(carried), holds, next;
    llvm::append_range(arguments, operands.drop_front(carries));
    if (failed(interpreter.runBlock(getConditionBlock(), arguments, holds)))
      return failure();
    if (!holds.front().at(0).i)
      break;
    if (failed(interpreter.runBlock(getBodyBlock(), arguments, next)))
      return failure();
    carried = next;
    interpreter.hold(-carriedBytes);
    carriedBytes = 0;
    for (auto [value, carry] : llvm::zip(getYield().getOperands(), carried))
      carriedBytes += value.getDefiningOp() ? carry.getNumBytes() : 0;
    interpreter.hold(carriedBytes);
  }
  interpreter.hold(-carriedBytes);
  llvm::append_range(results, carried);
  return success();
}
