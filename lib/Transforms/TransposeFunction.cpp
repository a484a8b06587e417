// Decides how a linear computation is turned around: residual ops are kept, linear ops are walked backwards by the
// adjoint that their one rule gives. Adjoints stand at the location of the op they come from.
#include "weft/Transforms/Derivative.h"
#include "weft/Transforms/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_TRANSPOSE
#include "weft/Transforms/Passes.h.inc"

SmallVector<bool> Transposer::linearity(Block &block, ArrayRef<bool> isLinear) {
  DenseSet<Value> linear;
  for (auto [argument, flag] : llvm::zip_equal(block.getArguments(), isLinear))
    if (flag)
      linear.insert(argument);
  auto isIn = [&](Value v) { return linear.contains(v); };
  for (Operation &op : block.without_terminator())
    if (llvm::any_of(op.getOperands(), isIn))
      linear.insert(op.result_begin(), op.result_end());
  return llvm::map_to_vector(block.getTerminator()->getOperands(), isIn);
}

static LogicalResult notLinear(Operation *op, unsigned operand) {
  return op->emitOpError("[WF3004] is not linear in operand ")
         << operand << ", so it has no transpose\n  Hint: only what "
         << "weft-linearize makes, or a custom rule that is linear in its tangents, can be transposed";
}

/// Whether the adjoint of a linear op puts zeros in place of what a choice left out.
static bool masks(Operation *op, DenseSet<Operation *> &visited) {
  return op
      ->walk([&](Operation *inner) {
        bool found = isa<SelectOp>(inner) || isStrongProduct(inner);
        if (auto call = dyn_cast<CallOp>(inner)) {
          auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, call.getCalleeAttr());
          found = callee && visited.insert(callee).second && masks(callee, visited);
        }
        return found ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

LogicalResult Transposer::transposeOp(Operation *op, bool masked, ValueRange operands, ArrayRef<bool> linear,
                                      ValueRange cotangents, SmallVectorImpl<Value> &operandCotangents) {
  if (auto region = dyn_cast<RegionDerivativeOpInterface>(op)) {
    Transposer inside(module, builder, masked);
    return region.transposeRegion(inside, operands, linear, cotangents, operandCotangents);
  }
  GraphBuilder b(builder, op->getLoc());
  Value cotangent = cotangents.front();
  operandCotangents.assign(linear.size(), Value());
  if (auto rule = dyn_cast<PartialsOpInterface>(op)) {
    // An elementwise op is linear in an operand if the partial derivative does not depend on the unknown operands: they
    // are stood in for by arguments of a block that nothing may use.
    Block unknown;
    SmallVector<Value> known(operands);
    for (unsigned i = 0; i < linear.size(); ++i)
      if (linear[i])
        known[i] = unknown.addArgument(op->getOperand(i).getType(), op->getLoc());
    Value result = unknown.addArgument(op->getResult(0).getType(), op->getLoc());
    for (unsigned i = 0; i < linear.size(); ++i) {
      if (!linear[i] || !rule.hasPartial(i))
        continue;
      Value partial = rule.partial(b, i, known, result);
      bool isKnown = partial.getParentBlock() != &unknown &&
                     llvm::all_of(unknown.getArguments(), [](BlockArgument a) { return a.use_empty(); });
      if (!isKnown) {
        unknown.dropAllDefinedValueUses();
        return notLinear(op, i);
      }
      operandCotangents[i] = b.scale(partial, cotangent, masked);
    }
    return success();
  }
  auto rule = dyn_cast<TransposeOpInterface>(op);
  for (unsigned i = 0; i < linear.size(); ++i) {
    if (!linear[i])
      continue;
    if (!rule || !rule.isLinearIn(i) || (!rule.isJointlyLinear() && llvm::count(linear, true) > 1))
      return notLinear(op, i);
    operandCotangents[i] = rule.transposeTo(b, i, operands, cotangent);
    if (!operandCotangents[i])
      return failure(); // the rule has said why
  }
  return success();
}

LogicalResult Transposer::transposeBlock(Block &block, ArrayRef<bool> isLinear, ValueRange residuals,
                                         ValueRange cotangents, SmallVectorImpl<Value> &argumentCotangents) {
  IRMapping known;
  DenseSet<Value> linear;
  unsigned next = 0;
  for (auto [argument, flag] : llvm::zip_equal(block.getArguments(), isLinear)) {
    if (flag)
      linear.insert(argument);
    else
      known.map(argument, residuals[next++]);
  }
  for (Operation &op : block.without_terminator()) {
    if (llvm::any_of(op.getOperands(), [&](Value v) { return linear.contains(v); }))
      linear.insert(op.result_begin(), op.result_end());
    else
      builder.clone(op, known);
  }

  DenseMap<Value, Value> cotangentOf;
  DenseSet<Value> maskedValues; // of `block`: their cotangents may hold zeros in place of what a choice left out
  auto accumulate = [&](Location loc, Value value, Value cotangent) {
    if (!cotangent || !linear.contains(value))
      return;
    Value &sum = cotangentOf[value];
    sum = sum ? GraphBuilder(builder, loc).add(sum, cotangent) : cotangent;
  };
  Operation *terminator = block.getTerminator();
  for (auto [value, cotangent] : llvm::zip_equal(terminator->getOperands(), cotangents))
    accumulate(terminator->getLoc(), value, cotangent);

  for (Operation &op : llvm::reverse(block.without_terminator())) {
    SmallVector<Value> resultCotangents =
        llvm::map_to_vector(op.getResults(), [&](Value v) { return cotangentOf.lookup(v); });
    if (llvm::all_of(resultCotangents, [](Value v) { return !v; }))
      continue;
    SmallVector<Value> operands, operandCotangents;
    SmallVector<bool> flags;
    for (Value operand : op.getOperands()) {
      flags.push_back(linear.contains(operand));
      operands.push_back(flags.back() ? Value() : known.lookup(operand));
    }
    DenseSet<Operation *> visited;
    bool masked = isMasked || llvm::any_of(op.getResults(), [&](Value v) { return maskedValues.contains(v); });
    bool stays = masked || masks(&op, visited);
    // Of a loop or a call it is not known what comes first.
    if (failed(transposeOp(&op, isa<RegionDerivativeOpInterface>(op) ? stays : masked || isStrongProduct(&op), operands,
                           flags, resultCotangents, operandCotangents)))
      return failure();
    if (stays)
      maskedValues.insert(op.operand_begin(), op.operand_end());
    for (auto [operand, cotangent] : llvm::zip_equal(op.getOperands(), operandCotangents))
      accumulate(op.getLoc(), operand, cotangent);
  }
  for (auto [argument, flag] : llvm::zip_equal(block.getArguments(), isLinear))
    if (flag)
      argumentCotangents.push_back(cotangentOf.lookup(argument));
  return success();
}

FailureOr<func::FuncOp> transposeFunction(ModuleOp module, func::FuncOp function, ArrayRef<bool> isLinear,
                                          ArrayRef<bool> isZero, bool isMasked) {
  Builder b(module.getContext());
  SmallVector<NamedAttribute> entries{b.getNamedAttr("of", function.getSymNameAttr()),
                                      b.getNamedAttr("linear", b.getDenseBoolArrayAttr(isLinear))};
  if (llvm::is_contained(isZero, true))
    entries.push_back(b.getNamedAttr("zero", b.getDenseBoolArrayAttr(isZero)));
  if (isMasked)
    entries.push_back(b.getNamedAttr("masked", b.getUnitAttr()));
  auto record = b.getDictionaryAttr(entries);
  auto isZeroAt = [&](unsigned i) { return !isZero.empty() && isZero[i]; };
  for (auto made : module.getOps<func::FuncOp>())
    if (made->getAttr("weft.transpose") == record)
      return made;
  bool isCustom = isCustomLinear(function);
  if (function.isExternal() && !isCustom)
    return function.emitError("[WF3003] @") << function.getSymName() << " has no body, hence no transpose";
  SmallVector<Type> types, results;
  for (auto [type, flag] : llvm::zip_equal(function.getArgumentTypes(), isLinear))
    (flag ? results : types).push_back(type);
  unsigned numResiduals = types.size();
  for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
    if (isCotangentGiven(type, isZeroAt(i)))
      types.push_back(type);

  StringRef name = function.getSymName();
  name.consume_back(".lin");
  auto bwd = createFunction(module, function, name + ".bwd", types);
  bwd->removeAttr("weft.checkpoint");
  Block &block = bwd.getBody().front();
  if (isCustom) {
    bwd.setFunctionType(b.getFunctionType(types, results));
    bwd->setAttr("weft.transpose", record);
    if (succeeded(transposeCustom(function, bwd, isZero)))
      return bwd;
    bwd.erase();
    return failure();
  }
  Block &body = function.getBody().front();
  Transposer transposer(module, OpBuilder::atBlockEnd(&block), isMasked);
  SmallVector<Value> cotangents, given;
  auto arguments = ValueRange(block.getArguments());
  unsigned next = numResiduals;
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
    Value cotangent = isCotangentGiven(type, isZeroAt(i)) ? Value(arguments[next++]) : Value();
    given.push_back(isZeroAt(i) ? Value() : cotangent);
  }
  if (failed(transposer.transposeBlock(body, isLinear, arguments.take_front(numResiduals), given, cotangents))) {
    bwd.erase();
    return failure();
  }
  Location loc = body.getTerminator()->getLoc();
  for (auto [cotangent, type] : llvm::zip_equal(cotangents, results))
    if (!cotangent)
      cotangent = GraphBuilder(transposer.builder, loc).zeros(type);
  func::ReturnOp::create(transposer.builder, loc, cotangents);
  eraseDeadOps(block, /*isLinearPart=*/true);
  bwd.setFunctionType(b.getFunctionType(block.getArgumentTypes(), results));
  bwd->setAttr("weft.transpose", record);
  if (failed(verifySymbolsBound(bwd))) {
    bwd.erase();
    return failure();
  }
  return bwd;
}

namespace {
struct Transpose : impl::TransposeBase<Transpose> {
  using TransposeBase::TransposeBase;
  void runOnOperation() override {
    auto f = getOperation().lookupSymbol<func::FuncOp>(function);
    if (!f) {
      getOperation().emitError("[WF3007] no function named @") << function;
      return signalPassFailure();
    }
    SmallVector<bool> flags = llvm::map_to_vector(*linear, [](int64_t flag) { return flag != 0; });
    if (auto pair = LinearPair::of(f); flags.empty() && pair) {
      flags.assign(f.getNumArguments(), true);
      std::fill_n(flags.begin(), pair->residuals.size(), false);
    }
    if (flags.size() != f.getNumArguments()) {
      f.emitError("[WF3007] expected linear to have ") << f.getNumArguments() << " flags, got " << flags.size();
      return signalPassFailure();
    }
    if (failed(transposeFunction(getOperation(), f, flags)))
      signalPassFailure();
  }
};
} // namespace

} // namespace weft
