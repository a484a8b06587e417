// Decides how a split function is kept: which functions, under which names, and where its residuals are found.
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Transforms/Derivative.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace weft {

//===-- values that cross from a primal block to a linear one ----------------------------------------------------===//

SmallVector<Value> crossingValues(Block &primal, Block &linear) {
  auto crosses = [&](Value value) {
    return llvm::any_of(value.getUsers(), [&](Operation *user) { return user->getBlock() == &linear; });
  };
  SmallVector<Value> values;
  llvm::copy_if(primal.getArguments(), std::back_inserter(values), crosses);
  for (Operation &op : primal)
    llvm::copy_if(op.getResults(), std::back_inserter(values), crosses);
  return values;
}

void replaceIn(Block &linear, Value from, Value to) {
  from.replaceUsesWithIf(to, [&](OpOperand &use) { return use.getOwner()->getBlock() == &linear; });
}

void eraseDeadOps(Block &block, bool isLinearPart) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (op.use_empty() && !op.hasTrait<OpTrait::IsTerminator>() && (isLinearPart || isMemoryEffectFree(&op)))
      op.erase();
}

//===-- functions ------------------------------------------------------------------------------------------------===//

static constexpr StringLiteral linearName = "weft.linear", transposeName = "weft.transpose", batchName = "weft.batched",
                               forwardName = "weft.forward";
/// What says how one function was made, or how it alone is differentiated.
static constexpr StringLiteral ownNames[] = {linearName, transposeName, batchName, forwardName,
                                             "weft.jvp", "weft.fwd",    "weft.bwd"};

func::FuncOp createFunction(ModuleOp module, func::FuncOp like, const Twine &name, TypeRange inputs) {
  OpBuilder builder(module.getContext());
  auto function = func::FuncOp::create(builder, like.getLoc(), name.str(), builder.getFunctionType(inputs, {}));
  function.setPrivate();
  // Numerics and the like hold for what is made of the function; how it was made does not.
  for (NamedAttribute attribute : like->getDiscardableAttrs())
    if (!llvm::is_contained(ownNames, attribute.getName().strref()))
      function->setAttr(attribute.getName(), attribute.getValue());
  SymbolTable(module).insert(function, std::next(Block::iterator(like)));
  function.addEntryBlock();
  return function;
}

CallOp createCall(OpBuilder &builder, Location loc, func::FuncOp function, ValueRange operands) {
  llvm::StringMap<SizeExpr> bindings;
  unify(function.getFunctionType().getInputs(), operands.getTypes(), bindings);
  SmallVector<Type> types;
  for (Type type : function.getFunctionType().getResults())
    types.push_back(substitute(type, bindings));
  return CallOp::create(builder, loc, types, FlatSymbolRefAttr::get(function.getSymNameAttr()), operands);
}

/// Depth first over callees; `visited` says which are on the path still (true) and which are done (false).
static LogicalResult visitCallees(func::FuncOp function, DenseMap<Operation *, bool> &visited) {
  auto [it, isNew] = visited.insert({function, true});
  if (!isNew && it->second)
    return function.emitError("[WF3001] @")
           << function.getSymName() << " calls itself; a derivative needs a function that "
           << "ends\n  Hint: write the recursion as a loop (weft.for)";
  if (!isNew)
    return success();
  WalkResult result = function.walk([&](CallOp call) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
    return callee && failed(visitCallees(callee, visited)) ? WalkResult::interrupt() : WalkResult::advance();
  });
  visited[function] = false;
  return failure(result.wasInterrupted());
}

LogicalResult verifyNotRecursive(func::FuncOp function) {
  DenseMap<Operation *, bool> visited;
  return visitCallees(function, visited);
}

//===-- pairs ----------------------------------------------------------------------------------------------------===//

std::optional<LinearPair> LinearPair::of(func::FuncOp lin) {
  auto record = lin->getAttrOfType<DictionaryAttr>(linearName);
  if (!record)
    return std::nullopt;
  auto fwdName = record.getAs<StringAttr>("fwd");
  auto active = record.getAs<DenseBoolArrayAttr>("active"), results = record.getAs<DenseBoolArrayAttr>("results");
  auto residuals = record.getAs<DenseI64ArrayAttr>("residuals");
  if (!fwdName || !active || !results || !residuals)
    return std::nullopt;
  LinearPair pair;
  pair.lin = lin;
  pair.fwd = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(lin, fwdName);
  pair.active.assign(active.asArrayRef().begin(), active.asArrayRef().end());
  pair.activeResults.assign(results.asArrayRef().begin(), results.asArrayRef().end());
  pair.residuals.assign(residuals.asArrayRef().begin(), residuals.asArrayRef().end());
  if (auto bound = record.getAs<IntegerAttr>("max_bytes"))
    pair.maxBytes = bound.getInt();
  return pair.fwd ? std::optional(pair) : std::nullopt;
}

void LinearPair::record(StringRef name) const {
  func::FuncOp function = lin, primal = fwd;
  Builder b(function.getContext());
  // Strings, not symbols: a record keeps no function alive.
  SmallVector<NamedAttribute> entries{b.getNamedAttr("of", b.getStringAttr(name)),
                                      b.getNamedAttr("fwd", primal.getSymNameAttr()),
                                      b.getNamedAttr("active", b.getDenseBoolArrayAttr(active)),
                                      b.getNamedAttr("results", b.getDenseBoolArrayAttr(activeResults)),
                                      b.getNamedAttr("residuals", b.getDenseI64ArrayAttr(residuals))};
  if (maxBytes >= 0)
    entries.push_back(b.getNamedAttr("max_bytes", b.getI64IntegerAttr(maxBytes)));
  function->setAttr(linearName, b.getDictionaryAttr(entries));
}

SmallVector<Value> LinearPair::pick(ValueRange arguments, ValueRange results) const {
  SmallVector<Value> values;
  for (int64_t i : residuals)
    values.push_back(size_t(i) < arguments.size() ? arguments[i] : results[i - arguments.size()]);
  return values;
}

/// Adds the symbols that stand alone in the types: those that a call binds.
static void bind(TypeRange types, llvm::StringSet<> &names) {
  for (Type type : types)
    for (const SizeExpr &size : shapeOf(type))
      if (size.isSymbol())
        names.insert(size.symbols().front());
}

llvm::StringSet<> symbolsOf(func::FuncOp function) {
  llvm::StringSet<> names;
  auto addSizes = [&](TypeRange types) {
    for (Type type : types)
      for (const SizeExpr &size : shapeOf(type))
        for (const std::string &name : size.symbols())
          names.insert(name);
  };
  function.walk([&](Operation *op) {
    if (op != function.getOperation()) {
      addSizes(op->getResultTypes());
      for (NamedAttribute attribute : op->getAttrDictionary())
        if (auto size = dyn_cast<SizeAttr>(attribute.getValue()))
          for (const std::string &name : size.getSize().symbols())
            names.insert(name);
      if (StringRef name = boundSymbol(op); !name.empty())
        names.insert(name);
    }
    for (Region &region : op->getRegions())
      for (Block &block : region)
        addSizes(block.getArgumentTypes());
  });
  return names;
}

/// The first name used in the function that no argument binds; empty if there is none.
static std::string unboundSymbol(func::FuncOp function, TypeRange inputs) {
  llvm::StringSet<> bound;
  bind(inputs, bound);
  function.walk([&](Operation *op) {
    if (StringRef name = boundSymbol(op); !name.empty())
      bound.insert(name);
  });
  for (auto &name : symbolsOf(function))
    if (!bound.contains(name.getKey()))
      return name.getKey().str();
  return "";
}

SizeExpr freshSize(Operation *op, StringRef base) {
  auto function = isa<func::FuncOp>(op) ? cast<func::FuncOp>(op) : op->getParentOfType<func::FuncOp>();
  llvm::StringSet<> used = symbolsOf(function);
  // Regions around it may get names of their own as it is being made.
  int number = 0;
  for (Operation *parent = op->getParentOp(); parent && parent != function; parent = parent->getParentOp())
    ++number;
  std::string name = number ? (base + Twine(number)).str() : base.str();
  while (used.contains(name))
    name = (base + Twine(++number)).str();
  return SizeExpr::symbol(name);
}

LogicalResult verifySymbolsBound(func::FuncOp function) {
  std::string name = unboundSymbol(function, function.getBody().getArgumentTypes());
  if (name.empty())
    return success();
  return function.emitError("[WF3008] the size ")
         << name << " is not known in @" << function.getSymName()
         << ": no argument has it\n  Hint: pass a value of that size to the function";
}

void LinearPair::split() {
  Block &primal = fwd.getBody().front(), &linear = lin.getBody().front();
  auto fwdReturn = cast<func::ReturnOp>(primal.getTerminator());
  auto linReturn = cast<func::ReturnOp>(linear.getTerminator());
  SmallVector<Value> values = crossingValues(primal, linear);
  // A call binds the names of sizes by its operands, and so it will be in the transpose, which has the residuals and
  // the results' types: where those do not name a size, the argument that does is forwarded.
  SmallVector<Type> kept;
  for (Value value : values)
    kept.push_back(value.getType());
  llvm::StringSet<> inKept, inTangents, inResults;
  bind(kept, inKept);
  bind(linear.getArgumentTypes(), inTangents);
  bind(linReturn.getOperandTypes(), inResults);
  SmallVector<Value> sizes;
  llvm::StringSet<> used = symbolsOf(lin);
  for (BlockArgument argument : primal.getArguments()) {
    llvm::StringSet<> names;
    bind(argument.getType(), names);
    bool needed = llvm::any_of(names, [&](auto &name) {
      StringRef key = name.getKey();
      return used.contains(key) && !inKept.contains(key) && !(inTangents.contains(key) && inResults.contains(key));
    });
    if (!needed || llvm::is_contained(values, argument))
      continue;
    sizes.push_back(argument);
    bind(argument.getType(), inKept);
  }
  llvm::append_range(values, sizes);

  residuals.clear();
  for (auto [i, value] : llvm::enumerate(values)) {
    Value argument = linear.insertArgument(i, value.getType(), value.getLoc());
    replaceIn(linear, value, argument);
    if (auto block = dyn_cast<BlockArgument>(value)) {
      residuals.push_back(block.getArgNumber());
      continue;
    }
    auto operands = fwdReturn.getOperands();
    auto it = llvm::find(operands, value);
    residuals.push_back(primal.getNumArguments() + (it - operands.begin()));
    if (it == operands.end())
      fwdReturn->insertOperands(operands.size(), value);
  }
  Builder b(fwd.getContext());
  fwd.setFunctionType(b.getFunctionType(primal.getArgumentTypes(), fwdReturn.getOperandTypes()));
  lin.setFunctionType(b.getFunctionType(linear.getArgumentTypes(), linReturn.getOperandTypes()));
}

void LinearPair::join() {
  Block &primal = fwd.getBody().front(), &linear = lin.getBody().front();
  auto fwdReturn = primal.getTerminator();
  SmallVector<Value> values = pick(primal.getArguments(), fwdReturn->getOperands());
  for (auto [i, value] : llvm::enumerate(values))
    linear.getArgument(i).replaceAllUsesWith(value);
  linear.eraseArguments(0, values.size());
  unsigned numResults = activeResults.size();
  fwdReturn->eraseOperands(numResults, fwdReturn->getNumOperands() - numResults);
  residuals.clear();
}

} // namespace weft
