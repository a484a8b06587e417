// Decides how the reference runs programs: frames of sizes, calls, blocks, and the count of live bytes.
#include "weft/Reference/Interpreter.h"
#include "weft/Dialect/Weft/Assumption.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include <unistd.h>

using namespace mlir;
using namespace weft;

/// Deeper than this a program calls itself; recursion has no meaning in the dialect.
static constexpr unsigned kMaxDepth = 200;

//===-- Sizes
//--------------------------------------------------------------------------------------------------------===//

std::optional<SmallVector<int64_t, 4>> Interpreter::shape(Type type) const {
  SmallVector<int64_t, 4> sizes;
  for (const SizeExpr &expr : shapeOf(type)) {
    auto value = size(expr);
    if (!value || *value < 0)
      return std::nullopt;
    sizes.push_back(*value);
  }
  return sizes;
}

/// Solves `expr == value` for the one symbol in it that has no value: expr = coefficient * symbol + known.
static bool solve(const SizeExpr &expr, int64_t value, llvm::StringMap<int64_t> &values) {
  SmallVector<std::string> open;
  for (const std::string &name : expr.symbols())
    if (!values.count(name))
      open.push_back(name);
  if (open.size() != 1)
    return false;
  SizeExpr known = expr.substitute([&](StringRef name) -> std::optional<SizeExpr> {
    auto it = values.find(name);
    return it == values.end() ? std::nullopt : std::optional<SizeExpr>(it->second);
  });
  auto at = [&](int64_t n) {
    return known.substitute([&](StringRef) -> std::optional<SizeExpr> { return SizeExpr(n); }).constant();
  };
  auto base = at(0), one = at(1);
  if (!base || !one || *one == *base)
    return false;
  int64_t slope = *one - *base, n = (value - *base) / slope;
  // A product of the symbol with itself, or a floor division, is not solved: the candidate must fit.
  auto check = at(n);
  if (n < 0 || !check || *check != value || *at(2) - *one != slope)
    return false;
  values[open.front()] = n;
  return true;
}

/// Binds the symbols of a function's argument types from the arguments, and checks shapes and element types.
static LogicalResult bind(func::FuncOp function, Location where, ArrayRef<Tensor> arguments,
                          llvm::StringMap<int64_t> &values) {
  StringRef name = function.getName();
  if (arguments.size() != function.getNumArguments())
    return emitError(where) << "[WF1601] @" << name << " takes " << function.getNumArguments() << " inputs, got "
                            << arguments.size();
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[i]);
    if (!type)
      return emitError(where) << "[WF1507] argument " << i << " of @" << name << " is no tensor";
    if (type.getElementType() != argument.getElementType())
      return emitError(where) << "[WF1603] input " << i << " of @" << name << ": expected elements of type "
                              << type.getElementType() << ", got " << argument.getElementType();
    if (type.getRank() != argument.getRank())
      return emitError(where) << "[WF1602] input " << i << " of @" << name << ": expected " << type.getRank()
                              << " dimensions, got " << argument.getRank();
  }
  // Sizes such as 2*S are solved as soon as no other symbol of theirs is open.
  for (bool progress = true; progress;) {
    progress = false;
    for (auto [type, argument] : llvm::zip(function.getArgumentTypes(), arguments))
      for (auto [expr, value] : llvm::zip(shapeOf(type), argument.getShape()))
        progress |= !expr.evaluate(values) && solve(expr, value, values);
  }
  for (auto [i, argument] : llvm::enumerate(arguments))
    for (auto [d, expr] : llvm::enumerate(shapeOf(function.getArgumentTypes()[i]))) {
      auto value = expr.evaluate(values);
      if (!value)
        return emitError(where) << "[WF1404] nothing gives the size " << expr.str() << " of input " << i << " of @"
                                << name << " a value";
      if (*value != argument.getShape()[d])
        return emitError(where) << (expr.constant() ? "[WF1602]" : "[WF1407]") << " input " << i << " of @" << name
                                << ": expected size " << expr.str()
                                << (expr.constant() ? "" : " = " + std::to_string(*value)) << " in dimension " << d
                                << ", got " << argument.getShape()[d];
    }
  return success();
}

/// Checks `weft.assume` of the program's entry, as its native code does.
static LogicalResult checkAssumptions(func::FuncOp function, const llvm::StringMap<int64_t> &values) {
  auto list = function->getAttrOfType<ArrayAttr>("weft.assume");
  for (Attribute entry : list ? list.getValue() : ArrayRef<Attribute>()) {
    auto text = dyn_cast<StringAttr>(entry);
    auto assumption = text ? Assumption::parse(text.getValue()) : std::nullopt;
    if (!assumption)
      return function.emitError("[WF1402] malformed assumption ") << entry;
    auto lhs = assumption->lhs.evaluate(values), rhs = assumption->rhs.evaluate(values);
    if (!lhs || !rhs)
      return function.emitError("[WF1404] a size of assumption ") << entry << " has no value";
    if (!Assumption::compare(assumption->op, *lhs, *rhs))
      return function.emitError("[WF5022] @")
             << function.getName() << " assumes " << entry << ": expected " << *rhs << ", got " << *lhs;
  }
  return success();
}

//===-- Calls
//--------------------------------------------------------------------------------------------------------===//

LogicalResult Interpreter::enter(func::FuncOp function, Location where, Frame frame, ArrayRef<Tensor> arguments,
                                 SmallVectorImpl<Tensor> &results) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return emitError(where) << "[WF1507] @" << function.getName() << " has no body of one block to run";
  if (depth >= kMaxDepth)
    return emitError(where) << "[WF1205] @" << function.getName() << " calls itself; hint: loops are weft.for";
  if (failed(bind(function, where, arguments, frame)) || (!depth && failed(checkAssumptions(function, frame))))
    return failure();
  symbols.push_back(std::move(frame));
  ++depth;
  LogicalResult done = runBlock(function.getBody().front(), arguments, results);
  --depth;
  symbols.pop_back();
  return done;
}

LogicalResult Interpreter::run(func::FuncOp function, ArrayRef<Tensor> arguments, SmallVectorImpl<Tensor> &results) {
  if (!depth && !function.getBody().empty()) {
    // What the program returns lies in buffers of its caller.
    program = &function.getBody().front();
    returned.clear();
    SmallVector<Value> open(program->getTerminator()->getOperands());
    while (!open.empty()) {
      Value value = open.pop_back_val();
      auto op = value.getDefiningOp<FusionOpInterface>();
      if (returned.insert(value).second && op && op.getFusionKind() == FusionKind::Alias)
        open.push_back(op->getOperand(0));
    }
  }
  return enter(function, function.getLoc(), Frame(), arguments, results);
}

LogicalResult Interpreter::call(Operation *from, StringRef callee, ArrayRef<Tensor> arguments,
                                SmallVectorImpl<Tensor> &results) {
  auto function = module.lookupSymbol<func::FuncOp>(callee);
  if (!function)
    return from->emitOpError("[WF1502] no function named @") << callee;
  Frame frame;
  auto names = function->getAttrOfType<ArrayAttr>("weft.symbols"), sizes = from->getAttrOfType<ArrayAttr>("weft.sizes");
  if (names && sizes)
    for (auto [name, given] : llvm::zip(names.getAsRange<StringAttr>(), sizes.getAsRange<SizeAttr>())) {
      auto value = size(given.getSize());
      if (!value)
        return from->emitOpError("[WF1404] the size ") << given.getSize().str() << " has no value here";
      frame[name.getValue()] = *value;
    }
  return enter(function, from->getLoc(), std::move(frame), arguments, results);
}

LogicalResult Interpreter::runDecomposed(Operation *op, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto &block = decomposed[op];
  if (!block)
    block = decompositionOf(op);
  return runBlock(*block, operands, results); // the block stays where it is while the map grows
}

std::optional<int64_t> Interpreter::setSize(StringRef name, std::optional<int64_t> value) {
  Frame &frame = symbols.back();
  auto it = frame.find(name);
  std::optional<int64_t> before = it == frame.end() ? std::nullopt : std::optional<int64_t>(it->second);
  if (value)
    frame[name] = *value;
  else
    frame.erase(name);
  return before;
}

//===-- Live bytes
//-----------------------------------------------------------------------------------------------------===//

void Interpreter::hold(int64_t bytes) {
  if (uncounted)
    return;
  liveBytes += bytes;
  peakBytes = std::max(peakBytes, liveBytes);
}

bool Interpreter::counts(Value value) const {
  return value.getParentBlock() != program || depth != 1 || !returned.contains(value);
}

/// The value whose bytes an alias shares.
static Value rootOf(Value value) {
  while (auto op = value.getDefiningOp<FusionOpInterface>()) {
    if (op.getFusionKind() != FusionKind::Alias)
      break;
    value = op->getOperand(0);
  }
  return value;
}

const DenseMap<Operation *, SmallVector<Value, 2>> &Interpreter::lastUses(Block &block) {
  auto [it, isNew] = lastUsesOf.try_emplace(&block);
  if (isNew) {
    llvm::DenseMap<Value, Operation *> last;
    for (Operation &op : block) {
      for (Value operand : op.getOperands())
        last[rootOf(operand)] = &op;
      for (Value result : op.getResults())
        last[rootOf(result)] = &op;
    }
    for (Operation &op : block)
      for (Value result : op.getResults())
        if (rootOf(result) == result)
          it->second[last[result]].push_back(result);
  }
  return it->second;
}

//===-- Blocks
//---------------------------------------------------------------------------------------------------------===//

/// Refuses a result that this machine could not hold.
static LogicalResult checkMemory(Operation &op, ArrayRef<int64_t> shape, Type element) {
  static const double memory = double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGE_SIZE));
  double bytes = double(Tensor::byteWidth(element));
  for (int64_t size : shape)
    bytes *= double(size);
  if (bytes > memory)
    return op.emitOpError("[WF1604] no memory: the result needs ") << bytes << " bytes, this machine has " << memory;
  return success();
}

LogicalResult Interpreter::runBlock(Block &block, ArrayRef<Tensor> arguments, SmallVectorImpl<Tensor> &results) {
  const auto dying = lastUses(block); // a copy: the map may grow while inner blocks run
  llvm::DenseMap<Value, Tensor> values;
  for (auto [argument, value] : llvm::zip_equal(block.getArguments(), arguments))
    values[argument] = value;
  auto bytesOf = [&](Value value) { return counts(value) ? values[value].getNumBytes() : 0; };
  for (Operation &op : block) {
    SmallVector<Tensor> operands, made;
    for (Value operand : op.getOperands())
      operands.push_back(values.lookup(operand));
    if (op.hasTrait<OpTrait::IsTerminator>()) {
      results.assign(operands.begin(), operands.end());
      auto last = dying.find(&op);
      if (last != dying.end())
        for (Value value : last->second)
          hold(-bytesOf(value));
      return success();
    }
    for (Value result : op.getResults()) {
      if (isSizedInside(result))
        continue; // checked where it is made
      Type type = result.getType();
      auto sizes = isa<RankedTensorType>(type) ? shape(type) : std::nullopt;
      if (!sizes)
        return op.emitOpError("[WF1404] the sizes of the result ") << type << " have no value here";
      if (!Tensor::byteWidth(getElementTypeOrSelf(type)))
        return op.emitOpError("[WF1507] elements of type ") << getElementTypeOrSelf(type) << " have no reference yet";
      if (failed(checkMemory(op, *sizes, getElementTypeOrSelf(type))))
        return failure();
    }
    auto rule = dyn_cast<ReferenceOpInterface>(op);
    if (!rule)
      return op.emitOpError(
          "[WF1507] has no reference: requests are resolved first, and from linalg on nothing runs here");
    if (failed(rule.evaluate(*this, operands, made)))
      return failure();
    for (auto [result, value] : llvm::zip_equal(op.getResults(), made)) {
      if ((!isSizedInside(result) && ArrayRef(*shape(result.getType())) != value.getShape()) ||
          getElementTypeOrSelf(result) != value.getElementType())
        return op.emitOpError("[WF1990] the reference made a value of another type than ") << result.getType();
      values[result] = value;
      if (rootOf(result) == result)
        hold(bytesOf(result));
    }
    auto last = dying.find(&op);
    if (last != dying.end())
      for (Value value : last->second) {
        hold(-bytesOf(value));
        values.erase(value);
      }
  }
  return success();
}
