// Decides how tangents are made: which values have one (activity), and one linear op or few per primal op, by the op's
// one rule. Linear ops stand at the primal op's location.
#include "weft/Transforms/Derivative.h"
#include "weft/Transforms/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_LINEARIZE
#include "weft/Transforms/Passes.h.inc"

bool hasTangent(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<FloatType>(tensor.getElementType());
}

//===-- activity -------------------------------------------------------------------------------------------------===//

/// Which results of an op depend smoothly on its active operands. An op without a rule counts as smooth, so that the
/// linearizer gets to say that it has none.
static SmallVector<bool> activeResults(Operation *op, ArrayRef<bool> active) {
  if (auto region = dyn_cast<RegionDerivativeOpInterface>(op))
    return region.activeResults(active);
  bool any = false;
  auto partials = dyn_cast<PartialsOpInterface>(op);
  auto transpose = dyn_cast<TransposeOpInterface>(op);
  for (unsigned i = 0; i < active.size(); ++i) {
    if (!active[i])
      continue;
    if (partials)
      any |= partials.hasPartial(i);
    else if (transpose && !isa<JvpOpInterface>(op))
      any |= transpose.isLinearIn(i);
    else
      any = true;
  }
  SmallVector<bool> results;
  for (Type type : op->getResultTypes())
    results.push_back(any && hasTangent(type));
  return results;
}

SmallVector<bool> Linearizer::activity(Block &block, ArrayRef<bool> active) {
  DenseSet<Value> values;
  for (auto [argument, isActive] : llvm::zip_equal(block.getArguments(), active))
    if (isActive && hasTangent(argument.getType()))
      values.insert(argument);
  auto flags = [&](ValueRange range) {
    return llvm::map_to_vector(range, [&](Value v) { return values.contains(v); });
  };
  for (Operation &op : block.without_terminator()) {
    SmallVector<bool> operands = flags(op.getOperands());
    if (!llvm::is_contained(operands, true))
      continue;
    for (auto [result, isActive] : llvm::zip_equal(op.getResults(), weft::activeResults(&op, operands)))
      if (isActive)
        values.insert(result);
  }
  return flags(block.getTerminator()->getOperands());
}

//===-- blocks ---------------------------------------------------------------------------------------------------===//

/// Ops that do not depend on a tangent belong to the primal part, wherever a jvp rule built them.
static void moveToPrimal(Block &linear, Operation *last, OpBuilder &primal) {
  for (auto it = last ? std::next(Block::iterator(last)) : linear.begin(); it != linear.end();) {
    Operation *op = &*it++;
    if (llvm::none_of(op->getOperands(), [&](Value v) { return v.getParentBlock() == &linear; }))
      op->moveBefore(primal.getInsertionBlock(), primal.getInsertionPoint());
  }
}

/// The tangent of an op with one result; `op` is the primal clone, so its operands and result are primal values.
LogicalResult Linearizer::linearizeOp(Operation *op, ValueRange tangents, Value &tangent) {
  GraphBuilder p(primal, op->getLoc()), l(linear, op->getLoc());
  auto accumulate = [&](Value term) {
    if (term)
      tangent = tangent ? l.add(tangent, term) : term;
  };
  if (auto rule = dyn_cast<PartialsOpInterface>(op)) {
    for (unsigned i = 0; i < tangents.size(); ++i)
      if (tangents[i] && rule.hasPartial(i))
        accumulate(l.scale(rule.partial(p, i, op->getOperands(), op->getResult(0)), tangents[i], isStrongProduct(op)));
    return success();
  }
  auto transpose = dyn_cast<TransposeOpInterface>(op);
  auto isLinear = [&](unsigned i) { return transpose && transpose.isLinearIn(i); };
  bool allLinear =
      llvm::all_of(llvm::seq<unsigned>(0, tangents.size()), [&](unsigned i) { return !tangents[i] || isLinear(i); });
  if (transpose && (allLinear || !isa<JvpOpInterface>(op))) {
    // The op itself on tangents: all at once, or one at a time where it is linear in each alone.
    auto apply = [&](ArrayRef<Value> operands) -> Value {
      Operation *copy = linear.clone(*op);
      copy->setOperands(operands);
      return copy->getResult(0);
    };
    SmallVector<Value> operands(op->getOperands());
    if (transpose.isJointlyLinear()) {
      for (unsigned i = 0; i < tangents.size(); ++i)
        if (isLinear(i))
          operands[i] = tangents[i] ? tangents[i] : l.zeros(operands[i].getType());
      tangent = apply(operands);
      return success();
    }
    for (unsigned i = 0; i < tangents.size(); ++i)
      if (tangents[i] && isLinear(i)) {
        SmallVector<Value> one = operands;
        one[i] = tangents[i];
        accumulate(apply(one));
      }
    return success();
  }
  if (auto rule = dyn_cast<JvpOpInterface>(op)) {
    Block &block = *linear.getInsertionBlock();
    Operation *last = block.empty() ? nullptr : &block.back();
    tangent = rule.jvp(l, op->getOperands(), op->getResult(0), tangents);
    if (primal.getInsertionBlock() != &block)
      moveToPrimal(block, last, primal);
    return success(tangent != nullptr);
  }
  auto none = dyn_cast<NoDerivativeOpInterface>(op);
  return op->emitOpError("[WF3003] has no derivative")
         << (none ? ": " + none.whyNoDerivative().str() : "")
         << "\n  Hint: weft.stop_gradient on its operands takes them as constants";
}

LogicalResult Linearizer::linearizeBlock(Block &block, ValueRange arguments, ValueRange tangents,
                                         SmallVectorImpl<Value> &results, SmallVectorImpl<Value> &resultTangents) {
  IRMapping primals;
  DenseMap<Value, Value> tangentOf;
  primals.map(block.getArguments(), arguments);
  for (auto [argument, tangent] : llvm::zip_equal(block.getArguments(), tangents))
    tangentOf[argument] = tangent;
  auto lookup = [&](ValueRange values) {
    return llvm::map_to_vector(values, [&](Value v) { return tangentOf.lookup(v); });
  };

  for (Operation &op : block.without_terminator()) {
    SmallVector<Value> operandTangents = lookup(op.getOperands());
    SmallVector<bool> active = llvm::map_to_vector(operandTangents, [](Value v) { return v != nullptr; });
    bool isActive = llvm::is_contained(active, true) && llvm::is_contained(activeResults(&op, active), true);
    auto region = dyn_cast<RegionDerivativeOpInterface>(op);
    if (isActive && region) {
      SmallVector<Value> operands, opResults, opTangents;
      for (Value operand : op.getOperands())
        operands.push_back(primals.lookup(operand));
      if (failed(region.linearize(*this, operands, operandTangents, opResults, opTangents)))
        return failure();
      for (auto [result, primalResult, tangent] : llvm::zip_equal(op.getResults(), opResults, opTangents)) {
        primals.map(result, primalResult);
        tangentOf[result] = tangent;
      }
      continue;
    }
    Operation *copy = primal.clone(op, primals);
    if (isActive && failed(linearizeOp(copy, operandTangents, tangentOf[op.getResult(0)])))
      return failure();
  }
  for (Value value : block.getTerminator()->getOperands())
    results.push_back(primals.lookup(value));
  llvm::append_range(resultTangents, lookup(block.getTerminator()->getOperands()));
  return success();
}

//===-- functions ------------------------------------------------------------------------------------------------===//

/// Whether an op is a contraction, or a composite with one in it.
static bool holdsContraction(Operation *op) {
  if (isa<DecomposeOpInterface>(op))
    return llvm::any_of(*decompositionOf(op), [](Operation &inner) { return holdsContraction(&inner); });
  auto fusion = dyn_cast<FusionOpInterface>(op);
  return fusion && fusion.getFusionKind() == FusionKind::Contract;
}

/// Follows the policy of weft.checkpoint: "nothing", "everything", "dots", or the names of the values that are kept.
static void checkpoint(Attribute policy, Block &primal, Block &linear, StringRef id) {
  auto kind = dyn_cast<StringAttr>(policy);
  if (kind && kind.getValue() == "everything")
    return;
  computeAgain(
      primal, linear,
      [&](Value value) {
        if (kind && kind.getValue() == "nothing")
          return false;
        if (kind)
          return value.getDefiningOp() && holdsContraction(value.getDefiningOp());
        StringRef name = checkpointName(value);
        return !name.empty() && llvm::any_of(cast<ArrayAttr>(policy), [&](Attribute wanted) {
          return cast<StringAttr>(wanted).getValue() == name;
        });
      },
      id);
}

/// Checks that a function has a body to take the derivative of; makes that of a rule's which has none yet.
static LogicalResult checkBody(ModuleOp module, func::FuncOp function) {
  if (isCustomLinear(function) && failed(completeCustom(module, function)))
    return failure();
  if (function.isExternal())
    return function.emitError("[WF3003] @") << function.getSymName() << " has no body, hence no derivative";
  return verifyNotRecursive(function);
}

FailureOr<LinearPair> linearizeFunction(ModuleOp module, func::FuncOp function, ArrayRef<bool> active, bool choose,
                                        int64_t maxBytes) {
  for (auto lin : module.getOps<func::FuncOp>())
    if (auto made = LinearPair::of(lin))
      if (lin->getAttrOfType<DictionaryAttr>("weft.linear").getAs<StringAttr>("of") == function.getSymNameAttr() &&
          ArrayRef<bool>(made->active) == active && made->maxBytes == maxBytes)
        return *made;
  if (hasCustomRule(function))
    return linearizeCustom(module, function, active);
  if (failed(checkBody(module, function)))
    return failure();
  Block &body = function.getBody().front();
  SmallVector<Type> tangentTypes;
  for (auto [i, type, isActive] : llvm::enumerate(body.getArgumentTypes(), active)) {
    if (isActive && !hasTangent(type))
      return function.emitError("[WF3002] argument ")
             << i << " of @" << function.getSymName() << " is active but of type " << type
             << ": only floating-point values have tangents";
    if (isActive)
      tangentTypes.push_back(type);
  }

  LinearPair pair;
  pair.active.assign(active.begin(), active.end());
  pair.lin = createFunction(module, function, function.getSymName() + ".lin", tangentTypes);
  pair.lin->removeAttr("weft.checkpoint");
  pair.fwd = createFunction(module, function, function.getSymName() + ".fwd", body.getArgumentTypes());
  Block &primal = pair.fwd.getBody().front(), &linear = pair.lin.getBody().front();
  SmallVector<Value> tangents(active.size()), results, resultTangents;
  unsigned next = 0;
  for (unsigned i = 0; i < active.size(); ++i)
    if (active[i])
      tangents[i] = linear.getArgument(next++);
  Linearizer linearizer(module, OpBuilder::atBlockEnd(&primal), OpBuilder::atBlockEnd(&linear));
  if (failed(linearizer.linearizeBlock(body, primal.getArguments(), tangents, results, resultTangents))) {
    linear.dropAllDefinedValueUses();
    pair.lin.erase();
    pair.fwd.erase();
    return failure();
  }
  SmallVector<Value> some;
  for (Value tangent : resultTangents) {
    pair.activeResults.push_back(tangent != nullptr);
    if (tangent)
      some.push_back(tangent);
  }
  Location loc = body.getTerminator()->getLoc();
  func::ReturnOp::create(linearizer.primal, loc, results);
  func::ReturnOp::create(linearizer.linear, loc, some);
  eraseDeadOps(linear, /*isLinearPart=*/true);
  eraseDeadOps(primal, /*isLinearPart=*/false);
  auto keep = [&](Value value) {
    return isa<BlockArgument>(value) ? Keep::Free : llvm::is_contained(results, value) ? Keep::AtHand : Keep::Stored;
  };
  if (Attribute policy = function->getAttr("weft.checkpoint"))
    checkpoint(policy, primal, linear, pair.lin.getSymName());
  else if (maxBytes >= 0)
    boundResiduals(primal, linear, keep, maxBytes, pair.lin.getSymName());
  else if (choose)
    chooseResiduals(primal, linear, keep);
  pair.maxBytes = maxBytes;
  eraseDeadOps(primal, /*isLinearPart=*/false);
  pair.split();
  pair.record(function.getSymName());
  return pair;
}

FailureOr<func::FuncOp> forwardFunction(ModuleOp module, func::FuncOp function, ArrayRef<bool> active,
                                        SmallVector<bool> &activeResults) {
  Builder b(module.getContext());
  for (auto made : module.getOps<func::FuncOp>())
    if (auto record = made->getAttrOfType<DictionaryAttr>("weft.forward"))
      if (record.getAs<StringAttr>("of") == function.getSymNameAttr() &&
          record.getAs<DenseBoolArrayAttr>("active").asArrayRef() == active) {
        auto flags = record.getAs<DenseBoolArrayAttr>("results");
        activeResults.assign(flags.asArrayRef().begin(), flags.asArrayRef().end());
        return made;
      }
  if (failed(checkBody(module, function)))
    return failure();
  Block &body = function.getBody().front();
  SmallVector<Type> types(body.getArgumentTypes());
  for (auto [type, isActive] : llvm::zip_equal(body.getArgumentTypes(), active))
    if (isActive)
      types.push_back(type);
  auto jvp = createFunction(module, function, function.getSymName() + ".jvp", types);
  Block &block = jvp.getBody().front();
  SmallVector<Value> tangents(active.size()), results, resultTangents;
  unsigned next = active.size();
  for (unsigned i = 0; i < active.size(); ++i)
    if (active[i])
      tangents[i] = block.getArgument(next++);
  Linearizer linearizer(module, OpBuilder::atBlockEnd(&block), Linearizer::Forward);
  auto primals = ValueRange(block.getArguments()).take_front(active.size());
  auto build = [&]() -> LogicalResult {
    if (!hasCustomRule(function))
      return linearizer.linearizeBlock(body, primals, tangents, results, resultTangents);
    auto pair = linearizeFunction(module, function, active);
    if (failed(pair))
      return failure();
    SmallVector<Value> arguments(primals);
    CallOp fwd = createCall(linearizer.primal, function.getLoc(), pair->fwd, arguments);
    SmallVector<Value> operands = pair->pick(arguments, fwd.getResults());
    llvm::copy_if(tangents, std::back_inserter(operands), [](Value v) { return v != nullptr; });
    CallOp lin = createCall(linearizer.linear, function.getLoc(), pair->lin, operands);
    llvm::append_range(results, fwd.getResults().take_front(function.getNumResults()));
    unsigned nextResult = 0;
    for (bool isActive : pair->activeResults)
      resultTangents.push_back(isActive ? lin.getResult(nextResult++) : Value());
    return success();
  };
  if (failed(build())) {
    jvp.erase();
    return failure();
  }
  for (Value tangent : resultTangents) {
    activeResults.push_back(tangent != nullptr);
    if (tangent)
      results.push_back(tangent);
  }
  func::ReturnOp::create(linearizer.linear, body.getTerminator()->getLoc(), results);
  eraseDeadOps(block, /*isLinearPart=*/false);
  jvp.setFunctionType(b.getFunctionType(types, ValueRange(results).getTypes()));
  jvp->setAttr("weft.forward",
               b.getDictionaryAttr({b.getNamedAttr("of", function.getSymNameAttr()),
                                    b.getNamedAttr("active", b.getDenseBoolArrayAttr(active)),
                                    b.getNamedAttr("results", b.getDenseBoolArrayAttr(activeResults))}));
  return jvp;
}

namespace {
struct Linearize : impl::LinearizeBase<Linearize> {
  using LinearizeBase::LinearizeBase;
  void runOnOperation() override {
    auto f = getOperation().lookupSymbol<func::FuncOp>(function);
    if (!f) {
      getOperation().emitError("[WF3007] no function named @") << function;
      return signalPassFailure();
    }
    SmallVector<bool> mask = llvm::map_to_vector(*active, [](int64_t flag) { return flag != 0; });
    if (mask.empty())
      mask = llvm::map_to_vector(f.getArgumentTypes(), hasTangent);
    if (mask.size() != f.getNumArguments()) {
      f.emitError("[WF3007] expected active to have ") << f.getNumArguments() << " flags, got " << mask.size();
      return signalPassFailure();
    }
    if (failed(linearizeFunction(getOperation(), f, mask, /*choose=*/false)))
      signalPassFailure();
  }
};
} // namespace

} // namespace weft
