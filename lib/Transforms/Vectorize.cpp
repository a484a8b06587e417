// Decides how a function acts on a batch: which values have the batch axis (those that depend on a batched argument),
// and one batched op or few per op, by the op's rule. What does not depend on the batch is computed once.
#include "weft/Transforms/Batcher.h"
#include "weft/Transforms/Derivative.h"
#include "weft/Transforms/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_VECTORIZE
#include "weft/Transforms/Passes.h.inc"

//===-- values ---------------------------------------------------------------------------------------------------===//

RankedTensorType Batcher::batchedType(Type type) const {
  Shape shape{size};
  llvm::append_range(shape, shapeOf(type));
  return typeOf(shape, getElementTypeOrSelf(type));
}

Value Batcher::materialize(Location loc, Value value, bool isBatched) {
  if (isBatched)
    return value;
  auto dims = llvm::to_vector(llvm::seq<int64_t>(1, cast<RankedTensorType>(value.getType()).getRank() + 1));
  return BroadcastOp::create(builder, loc, batchedType(value.getType()), value, dims);
}

SmallVector<Value> Batcher::materializeAll(Location loc, ValueRange values, ArrayRef<bool> isBatched) {
  SmallVector<Value> all;
  for (auto [value, has] : llvm::zip_equal(values, isBatched))
    all.push_back(materialize(loc, value, has));
  return all;
}

Value Batcher::cloneBatched(Operation *op, ValueRange operands) {
  Operation *copy = op->clone();
  copy->setOperands(operands);
  copy->getResult(0).setType(batchedType(op->getResult(0).getType()));
  return builder.insert(copy)->getResult(0);
}

LogicalResult Batcher::mapOver(Operation *op, ValueRange operands, ArrayRef<bool> batched,
                               SmallVectorImpl<Value> &results) {
  SmallVector<Value> xs, captures, lane(operands.size());
  for (auto [operand, has] : llvm::zip_equal(operands, batched))
    (has ? xs : captures).push_back(operand);
  Region region;
  Block &body = region.emplaceBlock();
  for (bool flag : {true, false})
    for (auto [i, operand] : llvm::enumerate(op->getOperands()))
      if (batched[i] == flag)
        lane[i] = body.addArgument(operand.getType(), operand.getLoc());
  IRMapping mapping;
  mapping.map(op->getOperands(), lane);
  // One operand may stand at two places: each place has an argument of its own.
  OpBuilder inner(op->getContext());
  inner.setInsertionPointToEnd(&body);
  Operation *copy = inner.clone(*op, mapping);
  copy->setOperands(lane);
  YieldOp::create(inner, op->getLoc(), copy->getResults());
  SmallVector<Type> types;
  for (Type type : op->getResultTypes())
    types.push_back(batchedType(type));
  auto map = MapOp::create(builder, op->getLoc(), types, SizeAttr::get(op->getContext(), size), xs, captures);
  map.getBody().takeBody(region);
  llvm::append_range(results, map.getResults());
  return success();
}

//===-- blocks ---------------------------------------------------------------------------------------------------===//

SmallVector<bool> Batcher::batchedResults(Block &block, ArrayRef<bool> batched) {
  DenseSet<Value> values;
  auto isBatched = [&](Value value) { return values.contains(value); };
  for (auto [argument, has] : llvm::zip_equal(block.getArguments(), batched))
    if (has)
      values.insert(argument);
  for (Operation &op : block.without_terminator()) {
    SmallVector<bool> operands = llvm::map_to_vector(op.getOperands(), isBatched);
    if (!llvm::is_contained(operands, true))
      continue;
    auto rule = dyn_cast<BatchOpInterface>(op);
    SmallVector<bool> has = rule ? rule.batchedResults(*this, operands) : SmallVector<bool>(op.getNumResults(), true);
    for (auto [result, is] : llvm::zip_equal(op.getResults(), has))
      if (is)
        values.insert(result);
  }
  return llvm::map_to_vector(block.getTerminator()->getOperands(), isBatched);
}

SmallVector<bool> Batcher::batchedResults(func::FuncOp callee, ArrayRef<bool> batched) {
  if (!llvm::is_contained(batched, true))
    return SmallVector<bool>(callee.getNumResults(), false);
  if (hasCustomRule(callee) || callee.isExternal() || failed(verifyNotRecursive(callee)))
    return SmallVector<bool>(callee.getNumResults(), true);
  std::pair<Operation *, std::vector<bool>> key(callee, std::vector<bool>(batched.begin(), batched.end()));
  auto found = ofFunctions->find(key);
  if (found == ofFunctions->end())
    found = ofFunctions->try_emplace(key, batchedResults(callee.getBody().front(), batched)).first;
  return found->second;
}

LogicalResult Batcher::batchBlock(Block &from, ValueRange arguments, ArrayRef<bool> batched,
                                  SmallVectorImpl<Value> &results, SmallVectorImpl<bool> &resultBatched) {
  IRMapping mapping;
  DenseSet<Value> values; // of `from`: those with the axis
  mapping.map(from.getArguments(), arguments);
  for (auto [argument, has] : llvm::zip_equal(from.getArguments(), batched))
    if (has)
      values.insert(argument);
  for (Operation &op : from.without_terminator()) {
    SmallVector<bool> has = llvm::map_to_vector(op.getOperands(), [&](Value v) { return values.contains(v); });
    if (!llvm::is_contained(has, true)) {
      builder.clone(op, mapping);
      continue;
    }
    SmallVector<Value> operands = llvm::map_to_vector(op.getOperands(), [&](Value v) { return mapping.lookup(v); });
    SmallVector<Value> made;
    auto rule = dyn_cast<BatchOpInterface>(op);
    if (failed(rule ? rule.batch(*this, operands, has, made) : mapOver(&op, operands, has, made)))
      return failure();
    mapping.map(op.getResults(), made);
    auto rank = [](Value value) { return cast<RankedTensorType>(value.getType()).getRank(); };
    for (auto [result, value] : llvm::zip_equal(op.getResults(), made))
      if (rank(value) > rank(result)) // a rule may give what is the same at each index without the axis
        values.insert(result);
  }
  for (Value value : from.getTerminator()->getOperands()) {
    results.push_back(mapping.lookup(value));
    resultBatched.push_back(values.contains(value));
  }
  return success();
}

//===-- functions ------------------------------------------------------------------------------------------------===//

static constexpr StringLiteral recordName = "weft.batched";

/// How a made function is found again. A size with names is any size: the call binds it.
static DictionaryAttr recordOf(func::FuncOp callee, ArrayRef<bool> batched, const SizeExpr &size,
                               ArrayRef<bool> whole) {
  Builder b(callee.getContext());
  SmallVector<NamedAttribute> entries{b.getNamedAttr("of", b.getStringAttr(callee.getSymName())),
                                      b.getNamedAttr("arguments", b.getDenseBoolArrayAttr(batched)),
                                      b.getNamedAttr("size", b.getStringAttr(size.constant() ? size.str() : "any"))};
  if (llvm::is_contained(whole, true))
    entries.push_back(b.getNamedAttr("whole", b.getDenseBoolArrayAttr(whole)));
  return b.getDictionaryAttr(entries);
}

FailureOr<func::FuncOp> Batcher::batchFunction(func::FuncOp callee, ArrayRef<bool> batched, ArrayRef<bool> whole) {
  DictionaryAttr record = recordOf(callee, batched, size, whole);
  for (auto function : module.getOps<func::FuncOp>())
    if (function->getAttr(recordName) == record)
      return function;
  if (isCustomLinear(callee) && failed(completeCustom(module, callee)))
    return failure();
  if (callee.isExternal() || failed(verifyNotRecursive(callee)))
    return failure();

  Batcher inner(module, builder, size.constant() ? size : freshSize(callee, "N"), selects);
  inner.ofFunctions = ofFunctions;
  SmallVector<Type> inputs;
  for (auto [type, has] : llvm::zip_equal(callee.getArgumentTypes(), batched))
    inputs.push_back(has ? Type(inner.batchedType(type)) : type);
  func::FuncOp function = createFunction(module, callee, callee.getSymName() + ".vmap", inputs);
  function->setAttr(recordName, record);

  OpBuilder::InsertionGuard guard(builder);
  Block &body = function.getBody().front();
  builder.setInsertionPointToEnd(&body);
  SmallVector<Value> results;
  SmallVector<bool> has;
  if (failed(inner.batchBlock(callee.getBody().front(), body.getArguments(), batched, results, has)))
    return failure();
  Location end = callee.getBody().front().getTerminator()->getLoc();
  for (auto [i, value] : llvm::enumerate(results)) {
    bool isWhole = !whole.empty() && whole[i];
    if (isWhole && has[i])
      return emitError(callee.getBody().front().getTerminator()->getOperand(i).getLoc(),
                       "[WF1314] a value that must be the same at each index of @")
             << callee.getSymName() << " comes of an op that depends on the mapped axis";
    if (!isWhole)
      value = inner.materialize(end, value, has[i]);
  }
  func::ReturnOp::create(builder, end, results);
  function.setFunctionType(builder.getFunctionType(inputs, ValueRange(results).getTypes()));
  if (hasCustomRule(callee) && failed(batchCustom(module, callee, function, batched, inner.size)))
    return failure();
  return function;
}

//===-- pass -----------------------------------------------------------------------------------------------------===//

namespace {
struct VectorizePass : impl::VectorizeBase<VectorizePass> {
  using VectorizeBase::VectorizeBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto callee = module.lookupSymbol<func::FuncOp>(function);
    auto batchSize = SizeExpr::parse(size);
    if (!callee || !batchSize) {
      module.emitError("[WF1502] ") << (callee ? "not a size: " + size : "no function named @" + function);
      return signalPassFailure();
    }
    SmallVector<bool> mask(callee.getNumArguments(), batched.empty());
    for (auto [flag, value] : llvm::zip(mask, ArrayRef<int64_t>(batched)))
      flag = value != 0;
    if (!batched.empty() && batched.size() != mask.size()) {
      callee.emitError("[WF2021] @") << function << " takes " << mask.size() << " values, got " << batched.size()
                                     << " flags";
      return signalPassFailure();
    }
    if (!llvm::is_contained(mask, true))
      return;
    OpBuilder builder(&getContext());
    if (failed(Batcher(module, builder, *batchSize).batchFunction(callee, mask)))
      signalPassFailure();
  }
};
} // namespace

} // namespace weft
