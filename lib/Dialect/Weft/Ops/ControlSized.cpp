// Decides the rules of `sized`: verify | canonicalize | derivative | batch | reference. What it holds leaves with the
// size it binds only as a result of the program, so its derivative computes the region's values again where it needs
// them.
#include "ControlRules.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Reference/Interpreter.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace weft;

YieldOp SizedOp::getYield() { return cast<YieldOp>(getBodyBlock().getTerminator()); }

/// Whether all that reads a result is the end of the program, or of a `sized` around that ends in it.
static bool isHandedOut(OpResult result) {
  if (!result.hasOneUse())
    return result.use_empty();
  Operation *user = *result.user_begin();
  return isa<func::ReturnOp>(user) || (isa<YieldOp>(user) && isa_and_nonnull<SizedOp>(user->getParentOp()));
}

LogicalResult SizedOp::verify() {
  if (!SizeExpr::parse(getSymbol()).value_or(SizeExpr()).isSymbol())
    return emitOpError("[WF2031] expected the name of a size, got '") << getSymbol() << "'";
  for (Type type : getCaptures().getTypes())
    for (const SizeExpr &size : shapeOf(type))
      if (llvm::is_contained(size.symbols(), getSymbol()))
        return emitOpError("[WF2032] expected captures that do not speak of ")
               << getSymbol() << ", which has a value inside only, got " << type;
  if (failed(verifyBlock(*this, getBodyBlock(), getCaptures().getTypes(), getResultTypes())))
    return failure();
  for (OpResult result : getResults())
    if (isSizedInside(result) && !isHandedOut(result))
      return emitOpError("[WF2032] expected that a result whose size is known inside only is handed out by the end of "
                         "the program, once, got ")
             << result.getType();
  return success();
}

//===-- canonicalize ---------------------------------------------------------------------------------------------===//

namespace {

/// Drops results that nothing reads, and captures as a loop's.
struct SimplifySized : OpRewritePattern<SizedOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SizedOp op, PatternRewriter &rewriter) const override {
    BitVector gone(op.getNumResults()), deadCaptures;
    SmallVector<Type> types;
    for (OpResult result : op.getResults())
      if (result.use_empty())
        gone.set(result.getResultNumber());
      else
        types.push_back(result.getType());
    bool changed = reduceCaptures(op, op.getCaptures(), op->getRegions(), 0, deadCaptures, rewriter);
    if (!changed && gone.none())
      return failure();
    YieldOp yield = op.getYield();
    SmallVector<Value> kept = without(ValueRange(yield.getOperands()), gone);
    rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(kept); });
    op.getBodyBlock().eraseArguments(deadCaptures);
    auto sized = SizedOp::create(rewriter, op.getLoc(), types, op.getValue(), without(op.getCaptures(), deadCaptures),
                                 op.getSymbolAttr(), op.getBoundAttr());
    sized->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    sized.getBody().takeBody(op.getBody());
    unsigned next = 0;
    for (OpResult result : op.getResults())
      if (!gone.test(result.getResultNumber()))
        rewriter.replaceAllUsesWith(result, sized.getResult(next++));
    rewriter.eraseOp(op);
    return success();
  }
};

/// Whether a region inside binds a name, which speaks of another size there.
bool binds(SizedOp op, StringRef symbol) {
  bool found = false;
  op.getBodyBlock().walk([&](Operation *inner) { found |= boundSymbol(inner) == symbol; });
  return found;
}

/// Puts a size in the place of the symbol in all that the region holds.
void nameInside(SizedOp op, const SizeExpr &size) {
  llvm::StringMap<SizeExpr> bindings;
  bindings[op.getSymbol()] = size;
  op.getBodyBlock().walk([&](Operation *inner) { substituteSizes(inner, bindings); });
}

/// A number that is known, or that is a size, needs no name of its own; but the program's type speaks of that of a
/// result.
struct InlineSized : OpRewritePattern<SizedOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SizedOp op, PatternRewriter &rewriter) const override {
    if (llvm::any_of(op.getResults(), isSizedInside))
      return failure();
    SizeExpr size;
    if (auto constant = op.getValue().getDefiningOp<ConstantOp>()) {
      int64_t number = cast<DenseElementsAttr>(constant.getValue()).getSplatValue<APInt>().getSExtValue();
      auto bound = op.getBound() ? op.getBound()->getSize().constant() : std::nullopt;
      if (op.getBound() && !bound)
        return failure();
      size = std::max<int64_t>(0, bound ? std::min(number, *bound) : number);
    } else if (auto dim = op.getValue().getDefiningOp<DimSizeOp>(); dim && !op.getBound()) {
      size = dim.getSize().getSize();
    } else {
      return failure();
    }
    if (binds(op, op.getSymbol()))
      return failure();
    nameInside(op, size);
    Block &block = op.getBodyBlock();
    YieldOp yield = op.getYield();
    rewriter.inlineBlockBefore(&block, op, op.getCaptures());
    SmallVector<Value> results(yield.getOperands());
    rewriter.eraseOp(yield);
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// Two regions of one number become one, in the place of the first: what the second computes again, as the region of a
/// derivative does, is then computed once.
struct MergeSized : OpRewritePattern<SizedOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SizedOp second, PatternRewriter &rewriter) const override {
    SizedOp first = firstOf(second);
    SmallVector<Operation *> early;
    if (!first || !mayRunEarly(second) || llvm::any_of(second.getResults(), isSizedInside) ||
        binds(second, first.getSymbol()) || binds(second, second.getSymbol()) || !readsEarly(second, first, early))
      return failure();
    for (Operation *op : early)
      rewriter.moveOpBefore(op, first);

    rewriter.setInsertionPoint(first);
    SmallVector<Value> captures(first.getCaptures()), yields(first.getYield().getOperands());
    llvm::append_range(captures, second.getCaptures());
    SmallVector<Type> types(first.getResultTypes());
    llvm::append_range(types, second.getResultTypes());
    auto merged = SizedOp::create(rewriter, mergeLocations(getContext(), {first.getLoc(), second.getLoc()}), types,
                                  first.getValue(), captures, first.getSymbolAttr(), first.getBoundAttr());
    nameInside(second, SizeExpr::symbol(first.getSymbol()));
    SmallVector<Value> arguments;
    for (BlockArgument argument : second.getBodyBlock().getArguments())
      arguments.push_back(first.getBodyBlock().addArgument(argument.getType(), argument.getLoc()));
    YieldOp end = second.getYield();
    rewriter.inlineBlockBefore(&second.getBodyBlock(), first.getYield(), arguments);
    llvm::append_range(yields, end.getOperands());
    rewriter.eraseOp(end);
    rewriter.modifyOpInPlace(first.getYield(), [&] { first.getYield()->setOperands(yields); });
    merged.getBody().takeBody(first.getBody());
    unsigned count = first.getNumResults();
    rewriter.replaceOp(first, merged.getResults().take_front(count));
    rewriter.replaceOp(second, merged.getResults().drop_front(count));
    return success();
  }

private:
  /// A region of the same number before it in its block.
  static SizedOp firstOf(SizedOp second) {
    for (Operation *user : second.getValue().getUsers())
      if (auto first = dyn_cast<SizedOp>(user);
          first && first.getValue() == second.getValue() && first.getBoundAttr() == second.getBoundAttr() &&
          first->getBlock() == second->getBlock() && first->isBeforeInBlock(second))
        return first;
    return {};
  }

  /// Whether what `second` reads can be made before `first`; `early` is what makes it and comes after that, in order.
  static bool readsEarly(SizedOp second, SizedOp first, SmallVectorImpl<Operation *> &early) {
    llvm::SmallPtrSet<Operation *, 8> found;
    SmallVector<Value> read(second.getCaptures());
    while (!read.empty()) {
      Operation *op = read.pop_back_val().getDefiningOp();
      if (!op || op->isBeforeInBlock(first) || found.contains(op))
        continue;
      if (op == first || !mayRunEarly(op))
        return false;
      found.insert(op);
      early.push_back(op);
      llvm::append_range(read, op->getOperands());
    }
    llvm::sort(early, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    return true;
  }
};

} // namespace

void SizedOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SimplifySized, InlineSized, MergeSized>(context);
}

//===-- derivative -----------------------------------------------------------------------------------------------===//

SmallVector<bool> SizedOp::activeResults(ArrayRef<bool> active) {
  return Linearizer::activity(getBodyBlock(), active.drop_front());
}

/// Forward mode: the region with tangents beside its values.
static LogicalResult forward(SizedOp op, Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                             SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  SmallVector<bool> active = nonNull(tangents.drop_front());
  ForwardBody body;
  if (failed(body.build(linearizer, op.getBodyBlock(), {unsigned(active.size())}, active)))
    return failure();
  SmallVector<bool> flags = nonNull(body.tangents);
  body.yield(op.getYield().getLoc(), {op->getNumResults()}, flags);
  GraphBuilder zeros(linearizer.linear, op.getLoc());
  SmallVector<Value> captures = forwardOperands(zeros, primals.drop_front(), tangents.drop_front(), active);
  auto sized =
      SizedOp::create(linearizer.primal, op.getLoc(), forwardTypes(op.getResultTypes(), {op->getNumResults()}, flags),
                      primals.front(), captures, op.getSymbolAttr(), op.getBoundAttr());
  sized.getBody().takeBody(body.region);
  splitForward(sized.getResults(), {op->getNumResults()}, flags, results, resultTangents);
  return success();
}

LogicalResult SizedOp::linearize(Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                                 SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  if (linearizer.isForward())
    return forward(*this, linearizer, primals, tangents, results, resultTangents);
  IRMapping mapping;
  mapping.map(getOperands(), primals);
  llvm::append_range(results, linearizer.primal.clone(*getOperation(), mapping)->getResults());

  // Values of this size cannot leave the region as residuals: the linear part begins by computing them.
  Region region;
  Block &block = region.emplaceBlock();
  SmallVector<Value> captures(primals.drop_front()), arguments, argumentTangents, values, valueTangents;
  for (Value capture : primals.drop_front())
    arguments.push_back(block.addArgument(capture.getType(), capture.getLoc()));
  for (Value tangent : tangents.drop_front()) {
    argumentTangents.push_back(tangent ? block.addArgument(tangent.getType(), tangent.getLoc()) : Value());
    if (tangent)
      captures.push_back(tangent);
  }
  Linearizer inner(linearizer.module, atEnd(getContext(), block), atEnd(getContext(), block));
  if (failed(inner.linearizeBlock(getBodyBlock(), arguments, argumentTangents, values, valueTangents)))
    return failure();
  SmallVector<Value> yields;
  llvm::copy_if(valueTangents, std::back_inserter(yields), [](Value v) { return v != nullptr; });
  YieldOp::create(inner.linear, getYield().getLoc(), yields);
  eraseDeadOps(block, /*isLinearPart=*/true);
  auto sized = SizedOp::create(linearizer.linear, getLoc(), TypeRange(ValueRange(yields)), primals.front(), captures,
                               getSymbolAttr(), getBoundAttr());
  sized.getBody().takeBody(region);
  unsigned next = 0;
  for (Value tangent : valueTangents)
    resultTangents.push_back(tangent ? sized.getResult(next++) : Value());
  return success();
}

LogicalResult SizedOp::transposeRegion(Transposer &transposer, ValueRange operands, ArrayRef<bool> linear,
                                       ValueRange cotangents, SmallVectorImpl<Value> &operandCotangents) {
  ArrayRef<bool> isLinear = linear.drop_front();
  SmallVector<Value> captures = where(operands.drop_front(), isLinear, false);
  unsigned numResiduals = captures.size();
  llvm::copy_if(cotangents, std::back_inserter(captures), [](Value v) { return v != nullptr; });
  Region region;
  Block &block = region.emplaceBlock();
  for (Value capture : captures)
    block.addArgument(capture.getType(), capture.getLoc());
  auto arguments = ValueRange(block.getArguments());
  SmallVector<Value> given, found, yields;
  unsigned next = numResiduals;
  for (Value cotangent : cotangents)
    given.push_back(cotangent ? arguments[next++] : Value());
  Transposer inner(transposer.module, atEnd(getContext(), block), transposer.isMasked);
  if (failed(inner.transposeBlock(getBodyBlock(), isLinear, arguments.take_front(numResiduals), given, found)))
    return failure();
  llvm::copy_if(found, std::back_inserter(yields), [](Value v) { return v != nullptr; });
  operandCotangents.push_back({});
  if (yields.empty()) {
    operandCotangents.append(isLinear.size(), Value());
    return success();
  }
  YieldOp::create(inner.builder, getYield().getLoc(), yields);
  eraseDeadOps(block, /*isLinearPart=*/true);
  auto sized = SizedOp::create(transposer.builder, getLoc(), TypeRange(ValueRange(yields)), operands.front(), captures,
                               getSymbolAttr(), getBoundAttr());
  sized.getBody().takeBody(region);
  unsigned nextLinear = 0, nextFound = 0;
  for (bool flag : isLinear)
    operandCotangents.push_back(flag && found[nextLinear++] ? sized.getResult(nextFound++) : Value());
  return success();
}

//===-- batch ----------------------------------------------------------------------------------------------------===//

SmallVector<bool> SizedOp::batchedResults(Batcher &batcher, ArrayRef<bool> batched) {
  return batched.front() ? SmallVector<bool>(getNumResults(), true)
                         : batcher.batchedResults(getBodyBlock(), batched.drop_front());
}

LogicalResult SizedOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                             SmallVectorImpl<Value> &results) {
  for (Value result : getResults())
    if (isSizedInside(result))
      return emitOpError("[WF2032] expected results whose size is known outside, which a batch can stack, got ")
             << result.getType();
  if (batched.front())
    return batcher.mapOver(*this, operands, batched, results);
  ArrayRef<bool> mask = batched.drop_front();
  Region region;
  Block &block = region.emplaceBlock();
  addBatchedArguments(batcher, getBodyBlock(), mask, block);
  OpBuilder builder = atEnd(getContext(), block);
  Batcher inner = batcher.at(builder);
  SmallVector<Value> values;
  SmallVector<bool> has;
  if (failed(inner.batchBlock(getBodyBlock(), block.getArguments(), mask, values, has)))
    return failure();
  YieldOp::create(builder, getYield().getLoc(), values);
  auto sized = SizedOp::create(batcher.builder, getLoc(), TypeRange(ValueRange(values)), operands.front(),
                               operands.drop_front(), getSymbolAttr(), getBoundAttr());
  sized.getBody().takeBody(region);
  llvm::append_range(results, sized.getResults());
  return success();
}

//===-- reference ------------------------------------------------------------------------------------------------===//

LogicalResult SizedOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  int64_t size = operands[0].at(0).i;
  if (auto bound = getBound()) {
    auto most = interpreter.size(bound->getSize());
    if (!most)
      return emitOpError("[WF1404] the bound ") << bound->getSize().str() << " has no value here";
    size = std::min(size, *most);
  }
  auto before = interpreter.setSize(getSymbol(), std::max<int64_t>(0, size));
  llvm::scope_exit restore([&] { interpreter.setSize(getSymbol(), before); });
  return interpreter.runBlock(getBodyBlock(), operands.drop_front(), results);
}
