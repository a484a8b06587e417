// Decides the rules of weft.recompute: verify | canonicalize | derivative | batch | reference. Its derivative computes
// again in its turn: what the linear part needs is made anew from the captures.
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"
#include "weft/Transforms/Derivative.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Recompute.cpp.inc"

LogicalResult RecomputeOp::verify() {
  Block &block = getBodyBlock();
  if (block.getArgumentTypes() != getOperandTypes())
    return emitOpError("[WF2010] expected block arguments of types ")
           << getOperandTypes() << ", got " << block.getArgumentTypes();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return emitOpError("[WF2011] expected a region that ends in weft.yield");
  if (yield.getOperandTypes() != getResultTypes())
    return emitOpError("[WF2012] expected to yield types ") << getResultTypes() << ", got " << yield.getOperandTypes();
  return success();
}

//===-- canonicalize ---------------------------------------------------------------------------------------------===//

namespace {
/// Drops results that nothing reads, and captures that the body does not read or gets twice.
struct SimplifyRecompute : OpRewritePattern<RecomputeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RecomputeOp op, PatternRewriter &rewriter) const override {
    Block &body = op.getBodyBlock();
    Operation *yield = body.getTerminator();
    SmallVector<Value> yielded, captures;
    SmallVector<Type> types;
    SmallVector<OpResult> kept;
    for (auto [result, value] : llvm::zip_equal(op.getResults(), yield->getOperands()))
      if (!result.use_empty()) {
        kept.push_back(result);
        yielded.push_back(value);
        types.push_back(result.getType());
      }
    bool fewerResults = kept.size() < op.getNumResults();
    if (fewerResults) {
      rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(yielded); });
      for (Operation &inner : llvm::make_early_inc_range(llvm::reverse(body)))
        if (inner.use_empty() && !inner.hasTrait<OpTrait::IsTerminator>() && isMemoryEffectFree(&inner))
          rewriter.eraseOp(&inner);
    }
    BitVector dropped(op.getNumOperands());
    SmallVector<unsigned> places; // of the captures that stay
    for (auto [i, capture] : llvm::enumerate(op.getCaptures())) {
      BlockArgument argument = body.getArgument(i);
      auto same = llvm::find(captures, capture);
      if (same != captures.end() && !argument.use_empty())
        rewriter.replaceAllUsesWith(argument, body.getArgument(places[same - captures.begin()]));
      if (argument.use_empty()) {
        dropped.set(i);
      } else {
        captures.push_back(capture);
        places.push_back(i);
      }
    }
    if (!fewerResults && dropped.none())
      return failure();
    body.eraseArguments(dropped);
    auto made = RecomputeOp::create(rewriter, op.getLoc(), types, op.getIdAttr(), captures);
    made->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    made.getBody().takeBody(op.getBody());
    for (auto [from, to] : llvm::zip_equal(kept, made.getResults()))
      rewriter.replaceAllUsesWith(from, to);
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void RecomputeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SimplifyRecompute>(context);
}

//===-- derivative -----------------------------------------------------------------------------------------------===//

SmallVector<bool> RecomputeOp::activeResults(ArrayRef<bool> active) {
  return Linearizer::activity(getBodyBlock(), active);
}

LogicalResult RecomputeOp::linearize(Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                                     SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  if (linearizer.isForward()) // nothing is kept, so nothing is computed again
    return linearizer.linearizeBlock(getBodyBlock(), primals, tangents, results, resultTangents);
  IRMapping mapping;
  mapping.map(getCaptures(), primals);
  Operation *again = linearizer.primal.clone(*getOperation(), mapping);
  llvm::append_range(results, again->getResults());

  // The linear ops go straight into the linear part; the primal ones that they read, into a region of their own there.
  Block primal, linear;
  OpBuilder primalBuilder(getContext()), linearBuilder(getContext());
  SmallVector<Value> values;
  for (BlockArgument argument : getBodyBlock().getArguments())
    primal.addArgument(argument.getType(), argument.getLoc());
  // Arguments of its own: what a rule builds of them is told by its block from what belongs to the primal part.
  SmallVector<Value> inside = llvm::map_to_vector(
      tangents, [&](Value v) { return v ? Value(linear.addArgument(v.getType(), v.getLoc())) : Value(); });
  primalBuilder.setInsertionPointToEnd(&primal);
  linearBuilder.setInsertionPointToEnd(&linear);
  Linearizer inner(linearizer.module, primalBuilder, linearBuilder);
  if (failed(inner.linearizeBlock(getBodyBlock(), primal.getArguments(), inside, values, resultTangents))) {
    linear.dropAllReferences();
    return failure();
  }
  computeAgain(primal, linear, [](Value) { return false; }, (getId() + "'").str());
  for (auto [argument, value] : llvm::zip_equal(primal.getArguments(), primals))
    replaceIn(linear, argument, value);
  for (auto [argument, tangent] : llvm::zip_equal(inside, tangents))
    if (argument) {
      argument.replaceAllUsesWith(tangent);
      llvm::replace(resultTangents, argument, tangent);
    }
  Block *into = linearizer.linear.getInsertionBlock();
  into->getOperations().splice(linearizer.linear.getInsertionPoint(), linear.getOperations());
  return success();
}

LogicalResult RecomputeOp::transposeRegion(Transposer &transposer, ValueRange operands, ArrayRef<bool> linear,
                                           ValueRange cotangents, SmallVectorImpl<Value> &operandCotangents) {
  SmallVector<Value> residuals, found;
  for (auto [operand, flag] : llvm::zip_equal(operands, linear))
    if (!flag)
      residuals.push_back(operand);
  if (failed(transposer.transposeBlock(getBodyBlock(), linear, residuals, cotangents, found)))
    return failure();
  unsigned next = 0;
  for (bool flag : linear)
    operandCotangents.push_back(flag ? found[next++] : Value());
  return success();
}

//===-- batch ----------------------------------------------------------------------------------------------------===//

SmallVector<bool> RecomputeOp::batchedResults(Batcher &batcher, ArrayRef<bool> batched) {
  return batcher.batchedResults(getBodyBlock(), batched);
}

LogicalResult RecomputeOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                 SmallVectorImpl<Value> &results) {
  SmallVector<bool> has = batchedResults(batcher, batched);
  SmallVector<Type> types;
  for (auto [type, isBatched] : llvm::zip_equal(getResultTypes(), has))
    types.push_back(isBatched ? Type(batcher.batchedType(type)) : type);
  auto made = RecomputeOp::create(batcher.builder, getLoc(), types, getIdAttr(), operands);
  Block &body = made.getBody().emplaceBlock();
  for (auto [argument, isBatched] : llvm::zip_equal(getBodyBlock().getArguments(), batched))
    body.addArgument(isBatched ? Type(batcher.batchedType(argument.getType())) : argument.getType(), argument.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(&body);
  Batcher inner(batcher.module, builder, batcher.size);
  SmallVector<Value> yielded;
  SmallVector<bool> yieldedHas;
  if (failed(inner.batchBlock(getBodyBlock(), body.getArguments(), batched, yielded, yieldedHas)))
    return failure();
  Location end = getBodyBlock().getTerminator()->getLoc();
  for (auto [value, isBatched, already] : llvm::zip_equal(yielded, has, yieldedHas))
    if (isBatched)
      value = inner.materialize(end, value, already);
  YieldOp::create(builder, end, yielded);
  llvm::append_range(results, made.getResults());
  return success();
}

//===-- reference ------------------------------------------------------------------------------------------------===//

LogicalResult RecomputeOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                    SmallVectorImpl<Tensor> &results) {
  return interpreter.runBlock(getBodyBlock(), operands, results);
}
