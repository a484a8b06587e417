// Decides how a user's own derivative of a function (weft.jvp, or weft.fwd and weft.bwd) becomes the pair and the
// transpose that the passes ask for, and what becomes of it over a batch axis.
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Transforms/Batcher.h"
#include "weft/Transforms/Derivative.h"

using namespace mlir;

namespace weft {

static constexpr StringLiteral jvpName = "weft.jvp", fwdName = "weft.fwd", bwdName = "weft.bwd",
                               customName = "weft.custom";

static func::FuncOp rule(func::FuncOp function, StringRef name) {
  auto symbol = function->getAttrOfType<FlatSymbolRefAttr>(name);
  return symbol ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(function, symbol) : func::FuncOp();
}

bool hasCustomRule(func::FuncOp function) { return function->hasAttr(jvpName) || function->hasAttr(fwdName); }

SmallVector<func::FuncOp> customRules(func::FuncOp function) {
  SmallVector<func::FuncOp> rules;
  for (StringRef name : {jvpName, fwdName, bwdName})
    if (auto found = rule(function, name))
      rules.push_back(found);
  return rules;
}

SmallVector<bool> customActivity(func::FuncOp function, ArrayRef<bool> active) {
  bool any = llvm::is_contained(active, true);
  return llvm::map_to_vector(function.getResultTypes(), [&](Type type) { return any && hasTangent(type); });
}

void dropCustomRules(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    for (StringRef name : {jvpName, fwdName, bwdName})
      function->removeAttr(name);
}

/// The numbers of the arguments that the rule speaks of: the first `count` floating ones.
static SmallVector<unsigned> ruledArguments(func::FuncOp function, unsigned count) {
  SmallVector<unsigned> numbers;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
    if (hasTangent(type) && numbers.size() < count)
      numbers.push_back(i);
  return numbers;
}

static unsigned countReal(TypeRange types) { return llvm::count_if(types, hasTangent); }

/// Fails where a derivative is asked for by an argument that the rule says nothing of.
static LogicalResult verifyRuled(func::FuncOp function, ArrayRef<unsigned> ruled, ArrayRef<bool> active) {
  for (auto [i, isActive] : llvm::enumerate(active))
    if (isActive && !llvm::is_contained(ruled, i)) {
      InFlightDiagnostic error = function.emitError("[WF3011] the derivative rule of @")
                                 << function.getSymName() << " gives nothing for a value that it reads from outside, "
                                 << "which the result depends on";
      error.attachNote(function.getArgument(i).getLoc()) << "the value is read here";
      return error;
    }
  return success();
}

static InFlightDiagnostic misfit(func::FuncOp function, func::FuncOp rule) {
  return function.emitError("[WF3010] the rule @") << rule.getSymName() << " does not fit @" << function.getSymName();
}

//===-- weft.jvp -------------------------------------------------------------------------------------------------===//

/// Fails at an op of the rule that takes from a tangent something that is not smooth, hence not linear.
static LogicalResult verifySmoothInTangents(func::FuncOp rule, ArrayRef<bool> isTangent) {
  DenseSet<Value> dependent;
  Block &body = rule.getBody().front();
  for (auto [argument, flag] : llvm::zip_equal(body.getArguments(), isTangent))
    if (flag)
      dependent.insert(argument);
  for (Operation &op : body.without_terminator()) {
    if (op.use_empty() || llvm::none_of(op.getOperands(), [&](Value v) { return dependent.contains(v); }))
      continue;
    if (llvm::none_of(op.getResultTypes(), hasTangent))
      return op.emitOpError("[WF3004] is not linear in the tangents of the rule @") << rule.getSymName();
    dependent.insert(op.result_begin(), op.result_end());
  }
  return success();
}

/// The rule is linear in the tangents, so it is its own derivative by them, wherever they stand; at zeros, the part
/// that does not depend on them is all that is left of the primal part.
static FailureOr<LinearPair> linearizeJvp(ModuleOp module, func::FuncOp function, ArrayRef<bool> active) {
  func::FuncOp rule = weft::rule(function, jvpName);
  unsigned numArguments = function.getNumArguments(), numResults = function.getNumResults();
  if (!rule || rule.getNumArguments() < numArguments ||
      rule.getNumResults() != numResults + countReal(function.getResultTypes()))
    return function.emitError("[WF3010] weft.jvp of @") << function.getSymName() << " does not fit it";
  SmallVector<unsigned> ruled = ruledArguments(function, rule.getNumArguments() - numArguments);
  if (failed(verifyRuled(function, ruled, active)))
    return failure();
  SmallVector<bool> isTangent(numArguments, false);
  for (unsigned i : ruled)
    isTangent.push_back(active[i]);
  if (isTangent.size() != rule.getNumArguments())
    return misfit(function, rule);
  if (failed(verifySmoothInTangents(rule, isTangent)))
    return failure();
  auto inner = linearizeFunction(module, rule, isTangent);
  if (failed(inner))
    return failure();
  // Neither a result nor a residual may depend on the tangents.
  SmallVector<bool> depends = Linearizer::activity(inner->fwd.getBody().front(), isTangent);
  for (auto [i, at] : llvm::enumerate(inner->residuals))
    if (size_t(at) < isTangent.size() ? isTangent[at] : depends[at - isTangent.size()]) {
      for (Operation &op : rule.getBody().front())
        for (Value tangent : op.getOperands())
          if (auto argument = dyn_cast<BlockArgument>(tangent); argument && isTangent[argument.getArgNumber()])
            return op.emitError("[WF3004] the rule @") << rule.getSymName() << " is not linear in its tangents";
    }
  for (unsigned i = 0; i < numResults; ++i)
    if (inner->activeResults[i])
      return rule.emitError("[WF3010] result ") << i << " of the rule @" << rule.getSymName()
                                                << " depends on the tangents: only the tangents of results may";

  LinearPair pair;
  pair.active.assign(active.begin(), active.end());
  SmallVector<Type> tangents;
  for (auto [type, isActive] : llvm::zip_equal(function.getArgumentTypes(), active))
    if (isActive)
      tangents.push_back(type);
  Location loc = rule.getLoc();
  pair.fwd = createFunction(module, function, function.getSymName() + ".fwd", function.getArgumentTypes());
  OpBuilder builder = OpBuilder::atBlockEnd(&pair.fwd.getBody().front());
  SmallVector<Value> operands(pair.fwd.getArguments());
  for (unsigned i : ruled)
    operands.push_back(GraphBuilder(builder, loc).zeros(function.getArgumentTypes()[i]));
  CallOp primal = createCall(builder, loc, inner->fwd, operands);
  SmallVector<Value> results(primal.getResults().take_front(numResults));
  SmallVector<Type> residualTypes;
  for (int64_t at : inner->residuals) {
    if (size_t(at) < numArguments) {
      pair.residuals.push_back(at);
      residualTypes.push_back(function.getArgumentTypes()[at]);
      continue;
    }
    Value value = size_t(at) < isTangent.size() ? operands[at] : primal.getResult(at - isTangent.size());
    pair.residuals.push_back(numArguments + results.size());
    residualTypes.push_back(value.getType());
    results.push_back(value);
  }
  func::ReturnOp::create(builder, loc, results);
  pair.fwd.setFunctionType(builder.getFunctionType(function.getArgumentTypes(), ValueRange(results).getTypes()));

  llvm::append_range(residualTypes, tangents);
  pair.lin = createFunction(module, function, function.getSymName() + ".lin", residualTypes);
  builder.setInsertionPointToEnd(&pair.lin.getBody().front());
  CallOp linear = createCall(builder, loc, inner->lin, pair.lin.getArguments());
  func::ReturnOp::create(builder, loc, linear.getResults());
  pair.lin.setFunctionType(builder.getFunctionType(residualTypes, linear.getResultTypes()));
  unsigned next = numResults;
  for (Type type : function.getResultTypes())
    pair.activeResults.push_back(hasTangent(type) && inner->activeResults[next++]);
  pair.record(function.getSymName());
  return pair;
}

//===-- weft.fwd and weft.bwd ------------------------------------------------------------------------------------===//

/// fwd is the user's; what it returns of its arguments is at hand. lin is a name only: its transpose is bwd.
static FailureOr<LinearPair> linearizeFwdBwd(ModuleOp module, func::FuncOp function, ArrayRef<bool> active) {
  func::FuncOp fwd = rule(function, fwdName), bwd = rule(function, bwdName);
  unsigned numArguments = function.getNumArguments(), numResults = function.getNumResults();
  if (!fwd || !bwd || fwd.isExternal() || fwd.getArgumentTypes() != function.getArgumentTypes() ||
      fwd.getNumResults() < numResults ||
      TypeRange(fwd.getResultTypes()).take_front(numResults) != TypeRange(function.getResultTypes()) ||
      bwd.getNumArguments() != fwd.getNumResults() - numResults + countReal(function.getResultTypes()))
    return function.emitError("[WF3010] weft.fwd and weft.bwd of @") << function.getSymName() << " do not fit it";
  SmallVector<unsigned> ruled = ruledArguments(function, bwd.getNumResults());
  if (ruled.size() != bwd.getNumResults())
    return misfit(function, bwd);
  if (failed(verifyRuled(function, ruled, active)))
    return failure();
  LinearPair pair;
  pair.fwd = fwd;
  pair.active.assign(active.begin(), active.end());
  pair.activeResults = customActivity(function, active);
  SmallVector<Type> inputs, results;
  auto returned = fwd.getBody().front().getTerminator()->getOperands();
  for (unsigned i = numResults; i < fwd.getNumResults(); ++i) {
    auto argument = dyn_cast<BlockArgument>(returned[i]);
    pair.residuals.push_back(argument ? argument.getArgNumber() : numArguments + i);
    inputs.push_back(returned[i].getType());
  }
  for (auto [type, isActive] : llvm::zip_equal(function.getArgumentTypes(), active))
    if (isActive)
      inputs.push_back(type);
  for (auto [type, isActive] : llvm::zip_equal(function.getResultTypes(), pair.activeResults))
    if (isActive)
      results.push_back(type);
  pair.lin = createFunction(module, function, function.getSymName() + ".lin", inputs);
  pair.lin.getBody().getBlocks().clear();
  Builder b(module.getContext());
  pair.lin.setFunctionType(b.getFunctionType(inputs, results));
  // Which of bwd's results lin's arguments stand for.
  SmallVector<bool> wanted = llvm::map_to_vector(ruled, [&](unsigned i) { return bool(active[i]); });
  pair.lin->setAttr(customName,
                    b.getDictionaryAttr({b.getNamedAttr(bwdName, FlatSymbolRefAttr::get(bwd.getSymNameAttr())),
                                         b.getNamedAttr("wanted", b.getDenseBoolArrayAttr(wanted))}));
  pair.record(function.getSymName());
  return pair;
}

FailureOr<LinearPair> linearizeCustom(ModuleOp module, func::FuncOp function, ArrayRef<bool> active) {
  return function->hasAttr(jvpName) ? linearizeJvp(module, function, active)
                                    : linearizeFwdBwd(module, function, active);
}

bool isCustomLinear(func::FuncOp lin) { return lin.isExternal() && lin->hasAttr(customName); }

static std::pair<func::FuncOp, ArrayRef<bool>> customBwd(func::FuncOp lin) {
  auto record = lin->getAttrOfType<DictionaryAttr>(customName);
  return {SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(lin, record.getAs<FlatSymbolRefAttr>(bwdName)),
          record.getAs<DenseBoolArrayAttr>("wanted").asArrayRef()};
}

LogicalResult transposeCustom(func::FuncOp lin, func::FuncOp bwd, ArrayRef<bool> isZero) {
  auto [rule, wanted] = customBwd(lin);
  OpBuilder builder = OpBuilder::atBlockEnd(&bwd.getBody().front());
  unsigned numResiduals = rule.getNumArguments() - lin.getNumResults();
  SmallVector<Value> operands(bwd.getArguments().take_front(numResiduals));
  unsigned next = numResiduals;
  for (auto [i, type] : llvm::enumerate(lin.getResultTypes()))
    operands.push_back(isCotangentGiven(type, !isZero.empty() && isZero[i])
                           ? Value(bwd.getArgument(next++))
                           : GraphBuilder(builder, rule.getLoc()).zeros(type));
  CallOp call = createCall(builder, rule.getLoc(), rule, operands);
  SmallVector<Value> results;
  for (auto [result, isWanted] : llvm::zip_equal(call.getResults(), wanted))
    if (isWanted)
      results.push_back(result);
  func::ReturnOp::create(builder, rule.getLoc(), results);
  return success();
}

LogicalResult completeCustom(ModuleOp module, func::FuncOp lin) {
  auto [rule, wanted] = customBwd(lin);
  unsigned numResiduals = rule.getNumArguments() - lin.getNumResults();
  SmallVector<bool> isLinear(rule.getNumArguments(), true), isZero;
  std::fill_n(isLinear.begin(), numResiduals, false);
  SmallVector<Value> zeros;
  Block *body = lin.addEntryBlock();
  OpBuilder builder = OpBuilder::atBlockEnd(body);
  SmallVector<Value> operands(body->getArguments().take_front(numResiduals));
  unsigned next = numResiduals;
  for (auto [type, isWanted] : llvm::zip_equal(rule.getResultTypes(), wanted)) {
    isZero.push_back(!isWanted);
    if (isCotangentGiven(type, isZero.back()))
      operands.push_back(isWanted ? Value(body->getArgument(next++))
                                  : GraphBuilder(builder, rule.getLoc()).zeros(type));
  }
  auto transposed = transposeFunction(module, rule, isLinear, isZero);
  if (failed(transposed))
    return failure();
  CallOp call = createCall(builder, rule.getLoc(), *transposed, operands);
  func::ReturnOp::create(builder, rule.getLoc(), call.getResults());
  lin->removeAttr(customName);
  return success();
}

//===-- over a batch axis ----------------------------------------------------------------------------------------===//

/// bwd over a batch axis gives each argument's cotangent at each index; an argument without the axis gets their sum.
static func::FuncOp sumUnbatched(ModuleOp module, func::FuncOp rule, func::FuncOp made, ArrayRef<bool> ruledBatched) {
  if (llvm::all_of(ruledBatched, [](bool b) { return b; }))
    return made;
  auto function = createFunction(module, made, made.getSymName() + ".sum", made.getArgumentTypes());
  OpBuilder builder = OpBuilder::atBlockEnd(&function.getBody().front());
  CallOp call = createCall(builder, rule.getLoc(), made, function.getArguments());
  SmallVector<Value> results;
  for (auto [result, has] : llvm::zip_equal(call.getResults(), ruledBatched))
    results.push_back(has ? Value(result) : GraphBuilder(builder, rule.getLoc()).reduce(result, ReduceKind::Add, {0}));
  func::ReturnOp::create(builder, rule.getLoc(), results);
  function.setFunctionType(builder.getFunctionType(made.getArgumentTypes(), ValueRange(results).getTypes()));
  return function;
}

LogicalResult batchCustom(ModuleOp module, func::FuncOp function, func::FuncOp batchedFunction, ArrayRef<bool> batched,
                          const SizeExpr &size) {
  OpBuilder builder(module.getContext());
  Batcher batcher(module, builder, size);
  auto set = [&](StringRef name, func::FuncOp rule) {
    batchedFunction->setAttr(name, FlatSymbolRefAttr::get(rule.getSymNameAttr()));
  };
  if (func::FuncOp jvp = rule(function, jvpName)) {
    SmallVector<bool> flags(batched);
    for (unsigned i : ruledArguments(function, jvp.getNumArguments() - function.getNumArguments()))
      flags.push_back(batched[i]);
    auto made = batcher.batchFunction(jvp, flags);
    if (failed(made))
      return failure();
    set(jvpName, *made);
    return success();
  }
  func::FuncOp fwd = rule(function, fwdName), bwd = rule(function, bwdName);
  if (!fwd || !bwd || fwd.isExternal())
    return function.emitError("[WF3010] weft.fwd and weft.bwd of @") << function.getSymName() << " do not fit it";
  // Residuals that do not depend on the batch stay whole.
  SmallVector<bool> has = batcher.batchedResults(fwd.getBody().front(), batched), whole(has.size(), false), flags;
  unsigned numResults = function.getNumResults();
  for (unsigned i = numResults; i < has.size(); ++i) {
    whole[i] = !has[i];
    flags.push_back(has[i]);
  }
  flags.resize(bwd.getNumArguments(), true); // cotangents: every result has the axis
  auto madeFwd = batcher.batchFunction(fwd, batched, whole), madeBwd = batcher.batchFunction(bwd, flags);
  if (failed(madeFwd) || failed(madeBwd))
    return failure();
  SmallVector<bool> ruledBatched;
  for (unsigned i : ruledArguments(function, bwd.getNumResults()))
    ruledBatched.push_back(batched[i]);
  if (ruledBatched.size() != bwd.getNumResults())
    return misfit(function, bwd);
  set(fwdName, *madeFwd);
  set(bwdName, sumUnbatched(module, bwd, *madeBwd, ruledBatched));
  return success();
}

} // namespace weft
