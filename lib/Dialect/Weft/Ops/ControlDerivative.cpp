// Decides the derivatives of for, if and call: how what the linear part needs leaves a region (forwarded, hoisted,
// stacked, in shared slots), and how the linear loop, branch or call is turned around.
#include "ControlRules.h"
#include "weft/Dialect/Weft/Simplify.h"

using namespace mlir;
using namespace weft;

//===-- for ------------------------------------------------------------------------------------------------------===//

/// Which of the body's arguments have a tangent. Fills the same of what is yielded.
static SmallVector<bool> activeArguments(ForOp op, ArrayRef<bool> operands, SmallVector<bool> &yields) {
  SmallVector<bool> arguments{false};
  llvm::append_range(arguments, operands);
  return settleCarries(op.getBodyBlock(), 1, op.getNumCarries(), arguments, Linearizer::activity, yields);
}

SmallVector<bool> ForOp::activeResults(ArrayRef<bool> active) {
  SmallVector<bool> yields;
  SmallVector<bool> arguments = activeArguments(*this, active, yields);
  std::copy_n(arguments.begin() + 1, getNumCarries(), yields.begin());
  return yields;
}

/// Values of a body that are the same at every step: captures, and what pure ops make of them.
static DenseSet<Value> stepInvariants(Block &body, ArrayRef<BlockArgument> captures) {
  DenseSet<Value> values(captures.begin(), captures.end());
  for (Operation &op : body.without_terminator())
    if (mayRunEarly(&op) && llvm::all_of(op.getOperands(), [&](Value v) { return values.contains(v); }))
      values.insert(op.result_begin(), op.result_end());
  return values;
}

/// Ops that are computed again at each step rather than kept even if they could be hoisted: no arithmetic in them.
static bool isView(Operation *op) {
  auto fusion = dyn_cast<FusionOpInterface>(op);
  return op->getNumOperands() == 0 ||
         (fusion && fusion.getFusionKind() != FusionKind::Map &&
          (fusion.getFusionKind() == FusionKind::View || fusion.getFusionKind() == FusionKind::Alias));
}

/// Clones the op of a step-invariant value, and what it needs, before the loop.
static Value hoist(Value value, OpBuilder &builder, IRMapping &outside) {
  if (Value done = outside.lookupOrNull(value))
    return done;
  Operation *op = value.getDefiningOp();
  for (Value operand : op->getOperands())
    hoist(operand, builder, outside);
  builder.clone(*op, outside);
  return outside.lookup(value);
}

/// Forward mode: the loop with tangents beside its values.
static LogicalResult forward(ForOp op, Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                             ArrayRef<bool> active, SmallVector<bool> yields, SmallVectorImpl<Value> &results,
                             SmallVectorImpl<Value> &resultTangents) {
  unsigned carries = op.getNumCarries(), xs = op.getXs().size(), captures = op.getCaptures().size();
  ForwardBody body;
  if (failed(body.build(linearizer, op.getBodyBlock(), {1, carries, xs, captures}, active)))
    return failure();
  unsigned groups[] = {carries, op.getNumStacked()};
  std::copy_n(active.begin() + 1, carries, yields.begin());
  body.yield(op.getYield().getLoc(), groups, yields);
  GraphBuilder zeros(linearizer.linear, op.getLoc());
  auto operands = [&](unsigned begin, unsigned size) {
    return forwardOperands(zeros, primals.slice(begin, size), tangents.slice(begin, size),
                           active.slice(1 + begin, size));
  };
  auto inits = operands(0, carries), slices = operands(carries, xs), captured = operands(carries + xs, captures);
  auto loop = ForOp::create(linearizer.primal, op.getLoc(), forwardTypes(op.getResultTypes(), groups, yields),
                            op.getCountAttr(), inits, slices, captured, op.getReverseAttr());
  loop.getBody().takeBody(body.region);
  splitForward(loop.getResults(), groups, yields, results, resultTangents);
  return success();
}

LogicalResult ForOp::linearize(Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                               SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  unsigned numCarries = getNumCarries(), numXs = getXs().size();
  SmallVector<bool> yields;
  SmallVector<bool> active = activeArguments(*this, nonNull(tangents), yields);
  if (linearizer.isForward())
    return forward(*this, linearizer, primals, tangents, active, yields, results, resultTangents);

  // The two bodies.
  Region primalRegion, linearRegion;
  Block &body = getBodyBlock(), &primal = primalRegion.emplaceBlock(), &linear = linearRegion.emplaceBlock();
  SmallVector<Value> argumentTangents;
  linear.addArgument(getStep().getType(), getStep().getLoc());
  for (auto [argument, isActive] : llvm::zip_equal(body.getArguments(), active)) {
    primal.addArgument(argument.getType(), argument.getLoc());
    argumentTangents.push_back(isActive ? linear.addArgument(argument.getType(), argument.getLoc()) : Value());
  }
  Linearizer inner(linearizer.module, atEnd(getContext(), primal), atEnd(getContext(), linear));
  SmallVector<Value> values, valueTangents, linearYields;
  if (failed(inner.linearizeBlock(body, primal.getArguments(), argumentTangents, values, valueTangents))) {
    linear.dropAllReferences();
    return failure();
  }
  GraphBuilder zeros(inner.linear, getLoc());
  for (auto [i, tangent] : llvm::enumerate(valueTangents))
    if (i < numCarries ? active[1 + i] : tangent != nullptr)
      linearYields.push_back(orZeros(zeros, tangent, values[i].getType()));
  auto primalYield = YieldOp::create(inner.primal, getYield().getLoc(), values);
  YieldOp::create(inner.linear, getYield().getLoc(), linearYields);
  eraseDeadOps(linear, /*isLinearPart=*/true);
  eraseDeadOps(primal, /*isLinearPart=*/false);

  // What the linear body needs: slices, captures and stacked outputs are at hand, what does not depend on the step is
  // hoisted, the rest is stacked.
  auto primalArguments = primal.getArguments();
  auto captureArguments = primalArguments.drop_front(1 + numCarries + numXs);
  DenseSet<Value> invariants = stepInvariants(primal, captureArguments);
  auto stackedOutputs = llvm::drop_begin(values, numCarries);
  chooseResiduals(primal, linear, [&](Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return argument.getArgNumber() == 0 || argument.getArgNumber() > numCarries ? Keep::Free : Keep::Stored;
    bool hoisted = invariants.contains(value) && !isView(value.getDefiningOp());
    return hoisted ? Keep::Free : llvm::is_contained(stackedOutputs, value) ? Keep::AtHand : Keep::Stored;
  });
  eraseDeadOps(primal, /*isLinearPart=*/false);
  SmallVector<Value> primalCaptures(primals.drop_front(numCarries + numXs));
  SmallVector<Value> linearInits, linearXs, linearCaptures, stacked;
  SmallVector<std::pair<Value, unsigned>> residualRows; // value of the body, result of the primal loop
  IRMapping outside;
  outside.map(captureArguments, primals.drop_front(numCarries + numXs));
  GraphBuilder linearBuilder(linearizer.linear, getLoc());
  for (unsigned i = 0; i < primals.size(); ++i)
    if (active[1 + i]) {
      auto &list = i < numCarries ? linearInits : i < numCarries + numXs ? linearXs : linearCaptures;
      list.push_back(orZeros(linearBuilder, tangents[i], primals[i].getType()));
    }
  auto addSlice = [&](Value value, Value rows) {
    Value slice = linear.insertArgument(1 + linearInits.size() + linearXs.size(), value.getType(), value.getLoc());
    linearXs.push_back(rows);
    replaceIn(linear, value, slice);
  };
  for (Value value : crossingValues(primal, linear)) {
    auto argument = dyn_cast<BlockArgument>(value);
    unsigned number = argument ? argument.getArgNumber() : 0;
    auto output = llvm::find(stackedOutputs, value);
    if (argument && number == 0) {
      replaceIn(linear, value, linear.getArgument(0));
    } else if (argument && number > numCarries && number <= numCarries + numXs) {
      addSlice(value, primals[number - 1]);
    } else if (invariants.contains(value)) {
      Value capture = linear.addArgument(value.getType(), value.getLoc());
      linearCaptures.push_back(hoist(value, linearizer.primal, outside));
      replaceIn(linear, value, capture);
      if (!argument) {
        // The primal loop need not compute it at each step either.
        Value again = primal.addArgument(value.getType(), value.getLoc());
        outside.map(again, linearCaptures.back());
        primalCaptures.push_back(linearCaptures.back());
        value.replaceAllUsesWith(again);
      }
    } else if (output != stackedOutputs.end()) {
      residualRows.push_back({value, numCarries + unsigned(output - stackedOutputs.begin())});
    } else {
      residualRows.push_back({value, unsigned(values.size() + stacked.size())});
      stacked.push_back(value);
    }
  }
  eraseDeadOps(primal, /*isLinearPart=*/false);

  // The two loops.
  SmallVector<Type> types(getResultTypes());
  for (Value value : stacked)
    types.push_back(stackedType(getCountAttr(), value.getType()));
  primalYield->insertOperands(primalYield->getNumOperands(), stacked);
  auto primalLoop = ForOp::create(linearizer.primal, getLoc(), types, getCountAttr(), primals.take_front(numCarries),
                                  primals.slice(numCarries, numXs), primalCaptures, getReverseAttr());
  for (auto [value, result] : residualRows)
    addSlice(value, primalLoop.getResult(result));
  primalLoop.getBody().takeBody(primalRegion);
  SmallVector<Type> linearTypes;
  for (auto [i, type] : llvm::enumerate(getResultTypes()))
    if (i < numCarries ? active[1 + i] : valueTangents[i] != nullptr)
      linearTypes.push_back(type);
  auto linearLoop = ForOp::create(linearizer.linear, getLoc(), linearTypes, getCountAttr(), linearInits, linearXs,
                                  linearCaptures, getReverseAttr());
  linearLoop.getBody().takeBody(linearRegion);

  llvm::append_range(results, primalLoop.getResults().take_front(getNumResults()));
  unsigned next = 0;
  for (unsigned i = 0; i < getNumResults(); ++i)
    resultTangents.push_back(
        (i < numCarries ? active[1 + i] : valueTangents[i] != nullptr) ? linearLoop.getResult(next++) : Value());
  return success();
}

LogicalResult ForOp::transposeRegion(Transposer &transposer, ValueRange operands, ArrayRef<bool> linear,
                                     ValueRange cotangents, SmallVectorImpl<Value> &operandCotangents) {
  // Every carry of a linear loop is a tangent, also one that starts from zeros.
  unsigned numCarries = getNumCarries(), numXs = getXs().size();
  SmallVector<bool> flags(linear), isLinear{false};
  std::fill_n(flags.begin(), numCarries, true);
  llvm::append_range(isLinear, flags);
  ArrayRef<bool> xFlags = ArrayRef(flags).slice(numCarries, numXs),
                 captureFlags = ArrayRef(flags).drop_front(numCarries + numXs);

  // Carries: cotangents of the carries, then a sum per linear capture. Stacked outputs: cotangents of the linear
  // slices.
  GraphBuilder outer(transposer.builder, getLoc());
  SmallVector<Value> inits, xs = where(operands.slice(numCarries, numXs), xFlags, false);
  SmallVector<Value> captures = where(operands.drop_front(numCarries + numXs), captureFlags, false);
  SmallVector<Value> linearXs = where(getXs(), xFlags, true), linearCaptures = where(getCaptures(), captureFlags, true);
  for (unsigned i = 0; i < numCarries; ++i)
    inits.push_back(orZeros(outer, cotangents[i], getInits()[i].getType()));
  for (Value capture : linearCaptures)
    inits.push_back(outer.zeros(capture.getType()));

  Region region;
  Block &block = region.emplaceBlock();
  auto addArguments = [&](ValueRange like) {
    SmallVector<Value> arguments;
    for (Value value : like)
      arguments.push_back(block.addArgument(value.getType(), value.getLoc()));
    return arguments;
  };
  SmallVector<Value> residuals = addArguments(Value(getStep()));
  SmallVector<Value> carries = addArguments(inits);
  SmallVector<Value> sliceArguments =
      where(llvm::map_to_vector(getSliceArguments(), [](BlockArgument a) { return Value(a); }), xFlags, false);
  llvm::append_range(residuals, addArguments(sliceArguments));
  SmallVector<Value> yieldCotangents = llvm::to_vector(ArrayRef(carries).take_front(numCarries));
  for (auto [i, cotangent] : llvm::enumerate(cotangents.drop_front(numCarries))) {
    Value row;
    if (cotangent) {
      xs.push_back(cotangent);
      row = addArguments(getYield().getOperand(numCarries + i)).front();
    }
    yieldCotangents.push_back(row);
  }
  llvm::append_range(residuals, addArguments(captures));

  Transposer inner(transposer.module, atEnd(getContext(), block), transposer.isMasked);
  SmallVector<Value> found, yields;
  if (failed(inner.transposeBlock(getBodyBlock(), isLinear, residuals, yieldCotangents, found)))
    return failure();
  GraphBuilder b(inner.builder, getLoc());
  auto foundSlices = ArrayRef(found).drop_front(numCarries).take_front(linearXs.size());
  auto foundCaptures = ArrayRef(found).drop_front(numCarries + linearXs.size());
  for (unsigned i = 0; i < numCarries; ++i)
    yields.push_back(orZeros(b, found[i], carries[i].getType()));
  for (auto [i, cotangent] : llvm::enumerate(foundCaptures))
    yields.push_back(cotangent ? b.add(carries[numCarries + i], cotangent) : carries[numCarries + i]);
  SmallVector<Type> types = llvm::to_vector(ValueRange(inits).getTypes());
  unsigned next = 0;
  for (auto [argument, flag] : llvm::zip_equal(getSliceArguments(), xFlags))
    if (flag)
      yields.push_back(orZeros(b, foundSlices[next++], argument.getType()));
  llvm::append_range(types, ValueRange(linearXs).getTypes());
  YieldOp::create(inner.builder, getYield().getLoc(), yields);
  eraseDeadOps(block, /*isLinearPart=*/true);

  auto reversed = getReverse() ? UnitAttr() : UnitAttr::get(getContext());
  auto loop = ForOp::create(transposer.builder, getLoc(), types, getCountAttr(), inits, xs, captures, reversed);
  loop.getBody().takeBody(region);
  unsigned nextCapture = numCarries, nextX = inits.size();
  for (unsigned i = 0; i < linear.size(); ++i) {
    if (i < numCarries)
      operandCotangents.push_back(linear[i] ? loop.getResult(i) : Value());
    else
      operandCotangents.push_back(!linear[i] ? Value()
                                             : loop.getResult(i < numCarries + numXs ? nextX++ : nextCapture++));
  }
  return success();
}

//===-- if -------------------------------------------------------------------------------------------------------===//

SmallVector<bool> IfOp::activeResults(ArrayRef<bool> active) {
  SmallVector<bool> results(getNumResults(), false);
  for (Region &branch : getBranches())
    for (auto [result, isActive] : llvm::zip_equal(results, Linearizer::activity(branch.front(), active.drop_front())))
      result |= isActive;
  return results;
}

/// Forward mode: each branch with the tangents beside its values.
static LogicalResult forward(IfOp op, Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                             SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  SmallVector<bool> active = nonNull(tangents.drop_front()), flags = op.activeResults(nonNull(tangents));
  unsigned groups[] = {op->getNumResults()};
  std::vector<ForwardBody> bodies(op.getBranches().size());
  for (auto [body, branch] : llvm::zip_equal(bodies, op.getBranches())) {
    if (failed(body.build(linearizer, branch.front(), {unsigned(active.size())}, active)))
      return failure();
    body.yield(branch.front().getTerminator()->getLoc(), groups, flags);
  }
  GraphBuilder zeros(linearizer.linear, op.getLoc());
  auto captures = forwardOperands(zeros, primals.drop_front(), tangents.drop_front(), active);
  auto choice = IfOp::create(linearizer.primal, op.getLoc(), forwardTypes(op.getResultTypes(), groups, flags),
                             primals.front(), captures, bodies.size());
  for (auto [to, body] : llvm::zip_equal(choice.getBranches(), bodies))
    to.takeBody(body.region);
  splitForward(choice.getResults(), groups, flags, results, resultTangents);
  return success();
}

LogicalResult IfOp::linearize(Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                              SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  if (linearizer.isForward())
    return forward(*this, linearizer, primals, tangents, results, resultTangents);
  ValueRange captures = primals.drop_front(), captureTangents = tangents.drop_front();
  unsigned numBranches = getBranches().size();
  struct Branch {
    Region primal, linear;
    SmallVector<Value> values, tangents, slots;
    /// What the linear branch needs: an index into captures, results, slots -> the value here.
    llvm::SmallMapVector<unsigned, Value, 4> residuals;
  };
  std::vector<Branch> branches(numBranches);
  SmallVector<bool> active(getNumResults(), false);
  for (auto [region, branch] : llvm::zip_equal(getBranches(), branches)) {
    Block &body = region.front(), &primal = branch.primal.emplaceBlock(), &linear = branch.linear.emplaceBlock();
    SmallVector<Value> argumentTangents;
    for (auto [argument, tangent] : llvm::zip_equal(body.getArguments(), captureTangents)) {
      primal.addArgument(argument.getType(), argument.getLoc());
      argumentTangents.push_back(tangent ? linear.addArgument(argument.getType(), argument.getLoc()) : Value());
    }
    Linearizer inner(linearizer.module, atEnd(getContext(), primal), atEnd(getContext(), linear));
    if (failed(inner.linearizeBlock(body, primal.getArguments(), argumentTangents, branch.values, branch.tangents))) {
      for (Branch &open : branches)
        if (!open.linear.empty())
          open.linear.front().dropAllReferences();
      return failure();
    }
    for (auto [isActive, tangent] : llvm::zip_equal(active, branch.tangents))
      isActive |= tangent != nullptr;
  }

  // Slots are shared between branches by type: a branch takes the first of the type that it has not taken.
  SmallVector<Type> slotTypes;
  llvm::SetVector<unsigned> residuals;
  unsigned numCaptures = captures.size();
  for (unsigned k = 0; k < numBranches; ++k) {
    Branch &branch = branches[k];
    Block &primal = branch.primal.front(), &linear = branch.linear.front();
    OpBuilder builder = atEnd(getContext(), linear);
    Location loc = getBranches()[k].front().getTerminator()->getLoc();
    GraphBuilder zeros(builder, loc);
    SmallVector<Value> yields;
    for (auto [i, tangent] : llvm::enumerate(branch.tangents))
      if (active[i])
        yields.push_back(orZeros(zeros, tangent, branch.values[i].getType()));
    YieldOp::create(builder, loc, yields);
    // The terminator holds what is yielded while dead ops go.
    OpBuilder primalBuilder = atEnd(getContext(), primal);
    YieldOp::create(primalBuilder, loc, branch.values);
    eraseDeadOps(linear, /*isLinearPart=*/true);
    eraseDeadOps(primal, /*isLinearPart=*/false);
    chooseResiduals(primal, linear, [&](Value value) {
      return isa<BlockArgument>(value)                  ? Keep::Free
             : llvm::is_contained(branch.values, value) ? Keep::AtHand
                                                        : Keep::Stored;
    });
    eraseDeadOps(primal, /*isLinearPart=*/false);
    for (Value value : crossingValues(primal, linear)) {
      unsigned index;
      if (auto argument = dyn_cast<BlockArgument>(value)) {
        index = argument.getArgNumber();
      } else if (auto it = llvm::find(branch.values, value); it != branch.values.end()) {
        index = numCaptures + (it - branch.values.begin());
      } else {
        unsigned slot = 0;
        while (slot < slotTypes.size() &&
               (slotTypes[slot] != value.getType() || (slot < branch.slots.size() && branch.slots[slot])))
          ++slot;
        if (slot == slotTypes.size())
          slotTypes.push_back(value.getType());
        branch.slots.resize(std::max<size_t>(branch.slots.size(), slot + 1));
        branch.slots[slot] = value;
        index = numCaptures + getNumResults() + slot;
      }
      branch.residuals[index] = value;
      residuals.insert(index);
    }
  }

  SmallVector<Type> types(getResultTypes()), linearTypes;
  llvm::append_range(types, slotTypes);
  for (auto [type, isActive] : llvm::zip_equal(getResultTypes(), active))
    if (isActive)
      linearTypes.push_back(type);
  auto typeAt = [&](unsigned index) {
    return index < numCaptures ? captures[index].getType() : types[index - numCaptures];
  };
  for (Branch &branch : branches) {
    for (unsigned index : residuals) {
      Value argument = branch.linear.front().addArgument(typeAt(index), getLoc());
      if (Value value = branch.residuals.lookup(index))
        replaceIn(branch.linear.front(), value, argument);
    }
    Operation *yield = branch.primal.front().getTerminator();
    OpBuilder builder(yield);
    GraphBuilder zeros(builder, getLoc());
    branch.slots.resize(slotTypes.size());
    for (auto [slot, type] : llvm::zip_equal(branch.slots, slotTypes))
      yield->insertOperands(yield->getNumOperands(), orZeros(zeros, slot, type));
  }
  auto primalIf = IfOp::create(linearizer.primal, getLoc(), types, primals.front(), captures, numBranches);
  SmallVector<Value> linearCaptures;
  for (Value tangent : captureTangents)
    if (tangent)
      linearCaptures.push_back(tangent);
  for (unsigned index : residuals)
    linearCaptures.push_back(index < numCaptures ? captures[index] : primalIf.getResult(index - numCaptures));
  auto linearIf = IfOp::create(linearizer.linear, getLoc(), linearTypes, primals.front(), linearCaptures, numBranches);
  for (unsigned i = 0; i < numBranches; ++i) {
    primalIf.getBranches()[i].takeBody(branches[i].primal);
    linearIf.getBranches()[i].takeBody(branches[i].linear);
  }
  llvm::append_range(results, primalIf.getResults().take_front(getNumResults()));
  unsigned next = 0;
  for (bool isActive : active)
    resultTangents.push_back(isActive ? linearIf.getResult(next++) : Value());
  return success();
}

LogicalResult IfOp::transposeRegion(Transposer &transposer, ValueRange operands, ArrayRef<bool> linear,
                                    ValueRange cotangents, SmallVectorImpl<Value> &operandCotangents) {
  ArrayRef<bool> isLinear = linear.drop_front();
  SmallVector<Value> captures = where(operands.drop_front(), isLinear, false);
  unsigned numResiduals = captures.size(), numBranches = getBranches().size();
  for (Value cotangent : cotangents)
    if (cotangent)
      captures.push_back(cotangent);
  std::vector<Region> regions(numBranches);
  std::vector<SmallVector<Value>> found(numBranches);
  SmallVector<Value> linearCaptures = where(getCaptures(), isLinear, true);
  SmallVector<bool> reached(linearCaptures.size(), false);
  for (unsigned k = 0; k < numBranches; ++k) {
    Block &block = regions[k].emplaceBlock();
    for (Value capture : captures)
      block.addArgument(capture.getType(), capture.getLoc());
    auto arguments = ValueRange(block.getArguments());
    SmallVector<Value> rows;
    unsigned next = numResiduals;
    for (Value cotangent : cotangents)
      rows.push_back(cotangent ? arguments[next++] : Value());
    Transposer inner(transposer.module, atEnd(getContext(), block), transposer.isMasked);
    if (failed(inner.transposeBlock(getBranches()[k].front(), isLinear, arguments.take_front(numResiduals), rows,
                                    found[k])))
      return failure();
    for (auto [is, value] : llvm::zip_equal(reached, found[k]))
      is |= value != nullptr;
  }
  SmallVector<Type> types;
  for (auto [value, is] : llvm::zip_equal(linearCaptures, reached))
    if (is)
      types.push_back(value.getType());
  operandCotangents.push_back({});
  if (types.empty()) {
    operandCotangents.append(isLinear.size(), Value());
    return success();
  }
  auto branch = IfOp::create(transposer.builder, getLoc(), types, operands.front(), captures, numBranches);
  for (unsigned k = 0; k < numBranches; ++k) {
    Block &block = regions[k].front();
    OpBuilder builder = atEnd(getContext(), block);
    GraphBuilder zeros(builder, getLoc());
    SmallVector<Value> yields;
    for (auto [i, is] : llvm::enumerate(reached))
      if (is)
        yields.push_back(orZeros(zeros, found[k][i], linearCaptures[i].getType()));
    YieldOp::create(builder, getBranches()[k].front().getTerminator()->getLoc(), yields);
    eraseDeadOps(block, /*isLinearPart=*/true);
    branch.getBranches()[k].takeBody(regions[k]);
  }
  unsigned nextLinear = 0, next = 0;
  for (bool flag : isLinear)
    operandCotangents.push_back(flag && reached[nextLinear++] ? branch.getResult(next++) : Value());
  return success();
}

//===-- call -----------------------------------------------------------------------------------------------------===//

static func::FuncOp calleeOf(CallOp op) {
  return SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
}

SmallVector<bool> CallOp::activeResults(ArrayRef<bool> active) {
  auto callee = calleeOf(*this);
  if (hasCustomRule(callee))
    return customActivity(callee, active);
  // A function without a body counts as active: linearizing it says what is wrong.
  return callee.isExternal() ? SmallVector<bool>(getNumResults(), true)
                             : Linearizer::activity(callee.getBody().front(), active);
}

LogicalResult CallOp::linearize(Linearizer &linearizer, ValueRange primals, ValueRange tangents,
                                SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  if (linearizer.isForward()) {
    SmallVector<bool> active = nonNull(tangents), activeResults;
    auto jvp = forwardFunction(linearizer.module, calleeOf(*this), active, activeResults);
    if (failed(jvp))
      return failure();
    GraphBuilder zeros(linearizer.linear, getLoc());
    CallOp call = createCall(linearizer.primal, getLoc(), *jvp, forwardOperands(zeros, primals, tangents, active));
    splitForward(call.getResults(), getNumResults(), activeResults, results, resultTangents);
    return success();
  }
  auto pair = linearizeFunction(linearizer.module, calleeOf(*this), nonNull(tangents));
  if (failed(pair))
    return failure();
  CallOp fwd = createCall(linearizer.primal, getLoc(), pair->fwd, primals);
  SmallVector<Value> operands = pair->pick(primals, fwd.getResults());
  llvm::copy_if(tangents, std::back_inserter(operands), [](Value v) { return v != nullptr; });
  CallOp lin = createCall(linearizer.linear, getLoc(), pair->lin, operands);
  llvm::append_range(results, fwd.getResults().take_front(getNumResults()));
  unsigned next = 0;
  for (bool active : pair->activeResults)
    resultTangents.push_back(active ? lin.getResult(next++) : Value());
  return success();
}

LogicalResult CallOp::transposeRegion(Transposer &transposer, ValueRange operands, ArrayRef<bool> linear,
                                      ValueRange cotangents, SmallVectorImpl<Value> &operandCotangents) {
  SmallVector<bool> isZero;
  for (Value cotangent : cotangents)
    isZero.push_back(!cotangent);
  auto bwd = transposeFunction(transposer.module, calleeOf(*this), linear, isZero, transposer.isMasked);
  if (failed(bwd))
    return failure();
  GraphBuilder zeros(transposer.builder, getLoc());
  SmallVector<Value> arguments = where(operands, linear, false);
  for (auto [cotangent, type, zero] : llvm::zip_equal(cotangents, getResultTypes(), isZero))
    if (isCotangentGiven(type, zero))
      arguments.push_back(orZeros(zeros, cotangent, type));
  CallOp call = createCall(transposer.builder, getLoc(), *bwd, arguments);
  unsigned next = 0;
  for (bool flag : linear)
    operandCotangents.push_back(flag ? call.getResult(next++) : Value());
  return success();
}
