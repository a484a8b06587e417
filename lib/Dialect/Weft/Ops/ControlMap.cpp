// Decides the rules of `map`: verify | canonicalize | derivative | batch | reference. Its transpose is a map again:
// slices and stacks change places, and so do captures and sums.
#include "ControlRules.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Reference/Interpreter.h"

using namespace mlir;
using namespace weft;

YieldOp MapOp::getYield() { return cast<YieldOp>(getBodyBlock().getTerminator()); }

LogicalResult MapOp::verify() {
  SizeExpr count = getCount().getSize();
  if (auto n = count.constant(); n && *n < 0)
    return emitOpError("[WF2013] expected a count of 0 or more, got ") << *n;
  if (getSums() > getNumResults())
    return emitOpError("[WF2014] expected at most as many sums as results");
  SmallVector<Type> arguments, yields;
  for (Type type : getXs().getTypes()) {
    auto slice = rowType(*this, count, type, "sliced inputs");
    if (failed(slice))
      return failure();
    arguments.push_back(*slice);
  }
  llvm::append_range(arguments, getCaptures().getTypes());
  for (Type type : TypeRange(getResultTypes()).take_front(getNumStacked())) {
    auto slice = rowType(*this, count, type, "stacked outputs");
    if (failed(slice))
      return failure();
    yields.push_back(*slice);
  }
  for (Type type : TypeRange(getResultTypes()).drop_front(getNumStacked())) {
    Type element = getElementTypeOrSelf(type);
    if (!isa<FloatType>(element) && !(element.isInteger() && !element.isInteger(1)))
      return emitOpError("[WF2033] expected sums of numbers, got ") << type;
    yields.push_back(type);
  }
  return verifyBlock(*this, getBodyBlock(), arguments, yields);
}

//===-- canonicalize ---------------------------------------------------------------------------------------------===//

namespace {

/// Drops what a map does not need: results that nothing reads, slices and captures as a `for`'s.
struct SimplifyMap : OpRewritePattern<MapOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MapOp op, PatternRewriter &rewriter) const override {
    unsigned numXs = op.getXs().size(), sums = 0;
    Block &body = op.getBodyBlock();
    BitVector gone(op.getNumResults()), deadXs, deadCaptures;
    SmallVector<Type> types;
    for (OpResult result : op.getResults()) {
      if (result.use_empty()) {
        gone.set(result.getResultNumber());
        continue;
      }
      types.push_back(result.getType());
      sums += result.getResultNumber() >= op.getNumStacked();
    }
    if (gone.any()) {
      YieldOp yield = op.getYield();
      SmallVector<Value> kept = without(ValueRange(yield.getOperands()), gone);
      rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(kept); });
      eraseUnread(body, rewriter);
    }
    bool changed = reduceCaptures(op, op.getCaptures(), op->getRegions(), numXs, deadCaptures, rewriter);
    changed |= reduceSlices(op.getXs(), body, 0, deadXs, rewriter);
    if (!changed && gone.none())
      return failure();
    BitVector arguments = deadXs;
    arguments.resize(body.getNumArguments());
    for (unsigned i : deadCaptures.set_bits())
      arguments.set(numXs + i);
    body.eraseArguments(arguments);
    auto map = MapOp::create(rewriter, op.getLoc(), types, op.getCountAttr(), without(op.getXs(), deadXs),
                             without(op.getCaptures(), deadCaptures), sums);
    map->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    map.getBody().takeBody(op.getBody());
    unsigned next = 0;
    for (OpResult result : op.getResults())
      if (!gone.test(result.getResultNumber()))
        rewriter.replaceAllUsesWith(result, map.getResult(next++));
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void MapOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SimplifyMap>(context);
}

//===-- derivative -----------------------------------------------------------------------------------------------===//

SmallVector<bool> MapOp::activeResults(ArrayRef<bool> active) { return Linearizer::activity(getBodyBlock(), active); }

/// Forward mode: the lanes with tangents beside their values.
static LogicalResult forward(MapOp op, Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                             SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  unsigned xs = op.getXs().size(), captures = op.getCaptures().size(), sums = op.getSums();
  SmallVector<bool> active = nonNull(tangents);
  ForwardBody body;
  if (failed(body.build(linearizer, op.getBodyBlock(), {xs, captures}, active)))
    return failure();
  SmallVector<bool> flags = nonNull(body.tangents);
  unsigned groups[] = {op.getNumStacked(), sums};
  body.yield(op.getYield().getLoc(), groups, flags);
  GraphBuilder zeros(linearizer.linear, op.getLoc());
  auto slices =
      forwardOperands(zeros, primals.take_front(xs), tangents.take_front(xs), ArrayRef(active).take_front(xs));
  auto captured =
      forwardOperands(zeros, primals.drop_front(xs), tangents.drop_front(xs), ArrayRef(active).drop_front(xs));
  sums += llvm::count(ArrayRef(flags).take_back(sums), true);
  auto map = MapOp::create(linearizer.primal, op.getLoc(), forwardTypes(op.getResultTypes(), groups, flags),
                           op.getCountAttr(), slices, captured, sums);
  map.getBody().takeBody(body.region);
  splitForward(map.getResults(), groups, flags, results, resultTangents);
  return success();
}

LogicalResult MapOp::linearize(Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                               SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  if (linearizer.isForward())
    return forward(*this, linearizer, primals, tangents, results, resultTangents);
  unsigned numXs = getXs().size(), numStacked = getNumStacked(), numSums = getSums();
  Region primalRegion, linearRegion;
  Block &body = getBodyBlock(), &primal = primalRegion.emplaceBlock(), &linear = linearRegion.emplaceBlock();
  SmallVector<Value> argumentTangents, linearXs, linearCaptures;
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    primal.addArgument(argument.getType(), argument.getLoc());
    argumentTangents.push_back(tangents[i] ? linear.addArgument(argument.getType(), argument.getLoc()) : Value());
    if (tangents[i])
      (i < numXs ? linearXs : linearCaptures).push_back(tangents[i]);
  }
  Linearizer inner(linearizer.module, atEnd(getContext(), primal), atEnd(getContext(), linear));
  SmallVector<Value> values, valueTangents, linearYields, stacked;
  if (failed(inner.linearizeBlock(body, primal.getArguments(), argumentTangents, values, valueTangents))) {
    linear.dropAllReferences();
    return failure();
  }
  llvm::copy_if(valueTangents, std::back_inserter(linearYields), [](Value v) { return v != nullptr; });
  auto primalYield = YieldOp::create(inner.primal, getYield().getLoc(), values);
  YieldOp::create(inner.linear, getYield().getLoc(), linearYields);
  eraseDeadOps(linear, /*isLinearPart=*/true);
  eraseDeadOps(primal, /*isLinearPart=*/false);

  // Slices, captures and stacked outputs are at hand, the rest is stacked.
  auto stackedOutputs = ArrayRef(values).take_front(numStacked);
  chooseResiduals(primal, linear, [&](Value value) {
    return isa<BlockArgument>(value)                   ? Keep::Free
           : llvm::is_contained(stackedOutputs, value) ? Keep::AtHand
                                                       : Keep::Stored;
  });
  eraseDeadOps(primal, /*isLinearPart=*/false);
  SmallVector<std::pair<Value, unsigned>> residualRows; // value of the body, result of the primal map
  auto addSlice = [&](Value value, Value rows) {
    Value slice = linear.insertArgument(linearXs.size(), value.getType(), value.getLoc());
    linearXs.push_back(rows);
    replaceIn(linear, value, slice);
  };
  for (Value value : crossingValues(primal, linear)) {
    auto argument = dyn_cast<BlockArgument>(value);
    auto output = llvm::find(stackedOutputs, value);
    if (argument && argument.getArgNumber() < numXs) {
      addSlice(value, primals[argument.getArgNumber()]);
    } else if (argument) {
      linearCaptures.push_back(primals[argument.getArgNumber()]);
      replaceIn(linear, value, linear.addArgument(value.getType(), value.getLoc()));
    } else if (output != stackedOutputs.end()) {
      residualRows.push_back({value, unsigned(output - stackedOutputs.begin())});
    } else {
      residualRows.push_back({value, numStacked + unsigned(stacked.size())});
      stacked.push_back(value);
    }
  }

  SmallVector<Type> types(TypeRange(getResultTypes()).take_front(numStacked)), linearTypes;
  for (Value value : stacked)
    types.push_back(stackedType(getCountAttr(), value.getType()));
  llvm::append_range(types, TypeRange(getResultTypes()).drop_front(numStacked));
  primalYield->insertOperands(numStacked, stacked);
  auto primalMap = MapOp::create(linearizer.primal, getLoc(), types, getCountAttr(), primals.take_front(numXs),
                                 primals.drop_front(numXs), numSums);
  for (auto [value, result] : residualRows)
    addSlice(value, primalMap.getResult(result));
  primalMap.getBody().takeBody(primalRegion);
  for (auto [type, tangent] : llvm::zip_equal(getResultTypes(), valueTangents))
    if (tangent)
      linearTypes.push_back(type);
  unsigned linearSums = llvm::count(nonNull(ValueRange(valueTangents).drop_front(numStacked)), true);
  auto linearMap =
      MapOp::create(linearizer.linear, getLoc(), linearTypes, getCountAttr(), linearXs, linearCaptures, linearSums);
  linearMap.getBody().takeBody(linearRegion);
  llvm::append_range(results, primalMap.getResults().take_front(numStacked));
  llvm::append_range(results, primalMap.getResults().take_back(numSums));
  unsigned next = 0;
  for (Value tangent : valueTangents)
    resultTangents.push_back(tangent ? linearMap.getResult(next++) : Value());
  return success();
}

LogicalResult MapOp::transposeRegion(Transposer &transposer, ValueRange operands, ArrayRef<bool> linear,
                                     ValueRange cotangents, SmallVectorImpl<Value> &operandCotangents) {
  unsigned numXs = getXs().size(), numStacked = getNumStacked();
  Region region;
  Block &block = region.emplaceBlock();
  SmallVector<Value> xs, captures, residuals, captureResiduals, given(getNumResults());
  auto argumentLike = [&](Value value) { return block.addArgument(value.getType(), value.getLoc()); };
  for (unsigned i = 0; i < numXs; ++i)
    if (!linear[i]) {
      xs.push_back(operands[i]);
      residuals.push_back(argumentLike(getBodyBlock().getArgument(i)));
    }
  for (unsigned i = 0; i < numStacked; ++i)
    if (cotangents[i]) {
      xs.push_back(cotangents[i]);
      given[i] = argumentLike(getYield().getOperand(i));
    }
  for (unsigned i = numXs; i < operands.size(); ++i)
    if (!linear[i]) {
      captures.push_back(operands[i]);
      residuals.push_back(argumentLike(operands[i]));
    }
  for (unsigned i = numStacked; i < getNumResults(); ++i)
    if (cotangents[i]) {
      captures.push_back(cotangents[i]);
      given[i] = argumentLike(cotangents[i]);
    }
  Transposer inner(transposer.module, atEnd(getContext(), block), transposer.isMasked);
  SmallVector<Value> found, yields;
  if (failed(inner.transposeBlock(getBodyBlock(), linear, residuals, given, found)))
    return failure();
  SmallVector<Type> types;
  unsigned next = 0, sums = 0, made = 0;
  for (unsigned i = 0; i < linear.size(); ++i) {
    if (!linear[i] || !found[next++])
      continue;
    yields.push_back(found[next - 1]);
    types.push_back(getOperand(i).getType());
    sums += i >= numXs;
  }
  if (yields.empty()) {
    operandCotangents.append(linear.size(), Value());
    return success();
  }
  YieldOp::create(inner.builder, getYield().getLoc(), yields);
  eraseDeadOps(block, /*isLinearPart=*/true);
  auto map = MapOp::create(transposer.builder, getLoc(), types, getCountAttr(), xs, captures, sums);
  map.getBody().takeBody(region);
  next = 0;
  for (bool flag : linear)
    operandCotangents.push_back(flag && found[next++] ? map.getResult(made++) : Value());
  return success();
}

//===-- batch ----------------------------------------------------------------------------------------------------===//

SmallVector<bool> MapOp::batchedResults(Batcher &batcher, ArrayRef<bool> batched) {
  return batcher.batchedResults(getBodyBlock(), batched);
}

LogicalResult MapOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                           SmallVectorImpl<Value> &results) {
  unsigned numXs = getXs().size(), numStacked = getNumStacked();
  SmallVector<Value> slices;
  for (unsigned i = 0; i < numXs; ++i)
    slices.push_back(batched[i] ? swapLeading(batcher.builder, getLoc(), operands[i]) : operands[i]);
  Region region;
  Block &block = region.emplaceBlock();
  addBatchedArguments(batcher, getBodyBlock(), batched, block);
  OpBuilder builder = atEnd(getContext(), block);
  Batcher inner = batcher.at(builder);
  SmallVector<Value> values;
  SmallVector<bool> has;
  if (failed(inner.batchBlock(getBodyBlock(), block.getArguments(), batched, values, has)))
    return failure();
  YieldOp::create(builder, getYield().getLoc(), values);
  SmallVector<Type> types;
  for (auto [i, value] : llvm::enumerate(values))
    types.push_back(i < numStacked ? stackedType(getCountAttr(), value.getType()) : value.getType());
  auto map =
      MapOp::create(batcher.builder, getLoc(), types, getCountAttr(), slices, operands.drop_front(numXs), getSums());
  map.getBody().takeBody(region);
  for (auto [i, result] : llvm::enumerate(map.getResults())) {
    results.push_back(has[i] && i < numStacked ? swapLeading(batcher.builder, getLoc(), result) : Value(result));
  }
  return success();
}

//===-- reference ------------------------------------------------------------------------------------------------===//

LogicalResult MapOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto count = interpreter.size(getCount().getSize());
  if (!count || *count < 0)
    return emitOpError("[WF1404] the count ") << getCount().getSize().str() << " has no value of 0 or more here";
  size_t numXs = getXs().size(), numStacked = getNumStacked();
  int64_t heldBytes = 0;
  for (Value result : getResults()) {
    auto shape = interpreter.shape(result.getType());
    if (!shape)
      return emitOpError("[WF1404] the sizes of ") << result.getType() << " have no value here";
    results.emplace_back(getElementTypeOrSelf(result.getType()), *shape);
    heldBytes += interpreter.counts(result) ? results.back().getNumBytes() : 0;
  }
  interpreter.hold(heldBytes);
  ScalarEval e;
  for (int64_t lane = 0; lane < *count; ++lane) {
    SmallVector<Tensor> arguments, yielded;
    for (const Tensor &x : operands.take_front(numXs))
      arguments.push_back(x.row(lane));
    llvm::append_range(arguments, operands.drop_front(numXs));
    if (failed(interpreter.runBlock(getBodyBlock(), arguments, yielded)))
      return failure();
    for (auto [i, value] : llvm::enumerate(yielded)) {
      if (i < numStacked) {
        results[i].setRow(lane, value);
        continue;
      }
      for (int64_t k = 0; k < value.getNumElements(); ++k)
        results[i].set(k, e.add(results[i].at(k), value.at(k)));
    }
  }
  interpreter.hold(-heldBytes);
  return success();
}
