// Decides how weft.jvp, weft.vjp and weft.vmap become calls of made functions: innermost first, so that a function is
// differentiated only when no request is left in it or in what it calls.
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Transforms/Batcher.h"
#include "weft/Transforms/Derivative.h"
#include "weft/Transforms/Passes.h"
#include "weft/Transforms/Simplify.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_RESOLVEREQUESTS
#include "weft/Transforms/Passes.h.inc"

namespace {
class Resolver {
public:
  explicit Resolver(ModuleOp module) : module(module) {}

  LogicalResult resolveFunction(func::FuncOp function) {
    State &state = states[function.getSymName()];
    if (state == State::Done)
      return success();
    if (state == State::Open)
      return function.emitError("[WF3001] @")
             << function.getSymName() << " calls itself\n  Hint: write the recursion as a "
             << "loop (weft.for)";
    state = State::Open;
    SmallVector<Operation *> requests;
    bool ok = !function
                   .walk([&](Operation *op) {
                     FlatSymbolRefAttr callee;
                     if (isa<JvpRequestOp, VjpRequestOp, VmapRequestOp, CallOp>(op))
                       callee = op->getAttrOfType<FlatSymbolRefAttr>("callee");
                     auto inner = callee ? module.lookupSymbol<func::FuncOp>(callee.getAttr()) : func::FuncOp();
                     if (inner && failed(resolveFunction(inner)))
                       return WalkResult::interrupt();
                     if (inner && !isa<CallOp>(op))
                       requests.push_back(op);
                     return WalkResult::advance();
                   })
                   .wasInterrupted();
    for (Operation *op : requests)
      ok = ok && succeeded(resolve(op));
    states[function.getSymName()] = State::Done;
    // Its own rules may call it.
    for (func::FuncOp rule : customRules(function))
      ok = ok && succeeded(resolveFunction(rule));
    return success(ok);
  }

private:
  enum class State { New, Open, Done };

  LogicalResult resolve(Operation *op) {
    if (auto request = dyn_cast<JvpRequestOp>(op))
      return resolveJvp(request);
    if (auto request = dyn_cast<VjpRequestOp>(op))
      return resolveVjp(request);
    return resolveVmap(cast<VmapRequestOp>(op));
  }

  /// Checks the operands and results of a request against the callee: `operands` and `results` are the types expected
  /// beyond the callee's own, in the callee's symbols.
  LogicalResult verifyTypes(Operation *op, func::FuncOp callee, TypeRange operands, TypeRange results) {
    FunctionType type = callee.getFunctionType();
    llvm::StringMap<SizeExpr> bindings;
    SmallVector<Type> inputs(type.getInputs()), outputs(type.getResults());
    llvm::append_range(inputs, operands);
    llvm::append_range(outputs, results);
    bool ok = unify(inputs, op->getOperandTypes(), bindings) && outputs.size() == op->getNumResults();
    SmallVector<Type> expected;
    for (Type output : outputs)
      expected.push_back(substitute(output, bindings));
    if (ok && TypeRange(expected) == op->getResultTypes())
      return success();
    return op->emitOpError("[WF3005] of @")
           << callee.getSymName() << " takes (" << inputs << ") and gives (" << outputs << "), got ("
           << op->getOperandTypes() << ") and (" << op->getResultTypes() << ")";
  }

  /// Only floating-point arguments are active.
  template <class RequestT> LogicalResult verifyActive(RequestT request, func::FuncOp callee) {
    for (auto [i, type, active] : llvm::enumerate(callee.getArgumentTypes(), request.getActive()))
      if (active && !hasTangent(type))
        return request.emitOpError("[WF3002] argument ")
               << i << " of @" << callee.getSymName() << " is active but of type " << type
               << ": only floating-point values have tangents\n  Hint: convert it to a floating-point type, or "
               << "leave it inactive";
    return success();
  }

  static SmallVector<Type> select(TypeRange types, ArrayRef<bool> flags) {
    SmallVector<Type> some;
    for (auto [type, flag] : llvm::zip_equal(types, flags))
      if (flag)
        some.push_back(type);
    return some;
  }

  LogicalResult resolveJvp(JvpRequestOp op) {
    auto callee = module.lookupSymbol<func::FuncOp>(op.getCallee());
    auto results = callee.getFunctionType().getResults();
    if (failed(verifyActive(op, callee)))
      return failure();
    SmallVector<bool> activeResults;
    auto jvp = forwardFunction(module, callee, op.getActive(), activeResults);
    if (failed(jvp) || failed(verifyTypes(op, callee, select(callee.getArgumentTypes(), op.getActive()),
                                          select(results, llvm::map_to_vector(results, hasTangent)))))
      return failure();
    OpBuilder builder(op);
    CallOp call = createCall(builder, op.getLoc(), *jvp, op.getOperands());
    SmallVector<Value> values(call.getResults().take_front(results.size()));
    unsigned next = results.size();
    for (unsigned i = 0; i < results.size(); ++i)
      if (hasTangent(results[i]))
        values.push_back(activeResults[i] ? call.getResult(next++)
                                          : GraphBuilder(builder, op.getLoc()).zeros(op.getResult(i).getType()));
    op->replaceAllUsesWith(values);
    op->erase();
    return success();
  }

  static bool isZeros(Value value) {
    DenseElementsAttr splat = uniformOf(value);
    return splat && splat.getSplatValue<APFloat>().isPosZero();
  }

  LogicalResult resolveVjp(VjpRequestOp op) {
    auto callee = module.lookupSymbol<func::FuncOp>(op.getCallee());
    auto results = callee.getFunctionType().getResults();
    if (failed(verifyActive(op, callee)))
      return failure();
    auto bound = op.getMaxBytes();
    if (bound && int64_t(*bound) < 0)
      return op.emitOpError("[WF3012] expected max_bytes of 0 or more, got ") << int64_t(*bound);
    auto pair = linearizeFunction(module, callee, op.getActive(), /*choose=*/true, bound ? int64_t(*bound) : -1);
    if (failed(pair) || failed(verifyTypes(op, callee, select(results, llvm::map_to_vector(results, hasTangent)),
                                           select(callee.getArgumentTypes(), op.getActive()))))
      return failure();
    OpBuilder builder(op);
    auto arguments = op.getOperands().take_front(callee.getNumArguments());
    CallOp fwd = createCall(builder, op.getLoc(), pair->fwd, arguments);
    SmallVector<Value> operands = pair->pick(arguments, fwd.getResults());
    SmallVector<bool> isZero; // per active result
    unsigned next = arguments.size();
    for (unsigned i = 0; i < results.size(); ++i) {
      if (!hasTangent(results[i]))
        continue;
      Value cotangent = op.getOperand(next++);
      if (!pair->activeResults[i])
        continue;
      isZero.push_back(isZeros(cotangent));
      if (isCotangentGiven(cotangent.getType(), isZero.back()))
        operands.push_back(cotangent);
    }
    SmallVector<bool> isLinear(pair->lin.getNumArguments(), true);
    std::fill_n(isLinear.begin(), pair->residuals.size(), false);
    auto bwd = transposeFunction(module, pair->lin, isLinear, isZero);
    if (failed(bwd))
      return failure();
    CallOp call = createCall(builder, op.getLoc(), *bwd, operands);
    SmallVector<Value> values(fwd.getResults().take_front(results.size()));
    llvm::append_range(values, call.getResults());
    op->replaceAllUsesWith(values);
    op->erase();
    return success();
  }

  LogicalResult resolveVmap(VmapRequestOp op) {
    auto callee = module.lookupSymbol<func::FuncOp>(op.getCallee());
    OpBuilder builder(op);
    Batcher batcher(module, builder, op.getSize().getSize());
    // Without the axis the operands are the callee's; with it the results are.
    SmallVector<Type> plain;
    for (auto [type, batched] : llvm::zip_equal(op.getOperandTypes(), op.getBatched())) {
      Shape shape = shapeOf(type);
      if (batched && (shape.empty() || shape.front() != batcher.size))
        return op.emitOpError("[WF1311] expected a leading axis of size ") << batcher.size.str() << ", got " << type;
      plain.push_back(batched ? typeOf(ArrayRef(shape).drop_front(), getElementTypeOrSelf(type)) : type);
    }
    llvm::StringMap<SizeExpr> bindings;
    SmallVector<Type> results;
    bool fits = unify(callee.getArgumentTypes(), plain, bindings);
    SmallVector<bool> whole(op.getWhole().value_or(ArrayRef<bool>()));
    whole.resize(callee.getNumResults(), false);
    for (auto [type, isWhole] : llvm::zip_equal(callee.getFunctionType().getResults(), whole)) {
      Type plainType = substitute(type, bindings);
      results.push_back(isWhole ? plainType : batcher.batchedType(plainType));
    }
    if (!fits || TypeRange(results) != op.getResultTypes())
      return op.emitOpError("[WF3005] of @")
             << callee.getSymName() << " takes " << callee.getArgumentTypes() << " at each index and gives (" << results
             << "), got " << plain << " and (" << op.getResultTypes() << ")";
    // What does not depend on the batch is the same at each index.
    bool any = llvm::is_contained(op.getBatched(), true);
    FailureOr<func::FuncOp> target = any ? batcher.batchFunction(callee, op.getBatched(), whole) : callee;
    if (failed(target))
      return failure();
    CallOp call = createCall(builder, op.getLoc(), *target, op.getOperands());
    auto has = llvm::map_to_vector(whole, [&](bool isWhole) { return any || isWhole; });
    op->replaceAllUsesWith(batcher.materializeAll(op.getLoc(), call.getResults(), has));
    op->erase();
    return success();
  }

  ModuleOp module;
  llvm::StringMap<State> states;
};

struct ResolveRequests : impl::ResolveRequestsBase<ResolveRequests> {
  using ResolveRequestsBase::ResolveRequestsBase;
  void runOnOperation() override {
    Resolver resolver(getOperation());
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (failed(resolver.resolveFunction(function)))
        return signalPassFailure();
    dropCustomRules(getOperation());
    if (llvm::none_of(getOperation().getOps<func::FuncOp>(), isCustomLinear))
      return;
    // Only those that forward mode calls must have a body.
    eraseUnusedFunctions(getOperation());
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (isCustomLinear(function) && failed(completeCustom(getOperation(), function)))
        return signalPassFailure();
  }
};
} // namespace

} // namespace weft
