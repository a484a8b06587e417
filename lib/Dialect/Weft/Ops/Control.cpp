// Decides the rules of for, if, calls and the forms of the kernel stage; per op: verify | canonicalize | batch |
// reference (derivatives: ControlDerivative.cpp; while, sized, map: in files of their own).
#include "ControlRules.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Reference/Interpreter.h"

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Control.cpp.inc"

//===-- for ------------------------------------------------------------------------------------------------------===//

YieldOp ForOp::getYield() { return cast<YieldOp>(getBodyBlock().getTerminator()); }

LogicalResult ForOp::verify() {
  SizeExpr count = getCount().getSize();
  if (auto n = count.constant(); n && *n < 0)
    return emitOpError("[WF2013] expected a count of 0 or more, got ") << *n;
  if (getNumResults() < getInits().size())
    return emitOpError("[WF2014] expected at least one result per carry");
  SmallVector<Type> arguments{RankedTensorType::get({}, IntegerType::get(getContext(), 64))};
  llvm::append_range(arguments, getInits().getTypes());
  for (Type type : getXs().getTypes()) {
    auto slice = rowType(*this, count, type, "sliced inputs");
    if (failed(slice))
      return failure();
    arguments.push_back(*slice);
  }
  llvm::append_range(arguments, getCaptures().getTypes());
  SmallVector<Type> yields(getInits().getTypes());
  for (Type type : llvm::drop_begin(getResultTypes(), getInits().size())) {
    auto slice = rowType(*this, count, type, "stacked outputs");
    if (failed(slice))
      return failure();
    yields.push_back(*slice);
  }
  if (TypeRange(getResultTypes()).take_front(getInits().size()) != TypeRange(getInits().getTypes()))
    return emitOpError("[WF2016] expected results of the carries' types");
  return verifyBlock(*this, getBodyBlock(), arguments, yields);
}

namespace {

/// Drops what a loop does not need: carries that never change become captures; carries, slices and stacked results that
/// lead to no used result go; so do captures that are unused, given twice, or cheap to make inside.
struct SimplifyFor : OpRewritePattern<ForOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ForOp op, PatternRewriter &rewriter) const override {
    unsigned numCarries = op.getNumCarries(), numXs = op.getXs().size();
    Block &body = op.getBodyBlock();
    ValueRange yields = op.getYield().getOperands();
    BitVector dead = unreadResults(op, yields, /*first=*/1, numCarries, /*read=*/{});
    BitVector constant(numCarries), deadXs, deadCaptures;
    for (unsigned i = 0; i < numCarries; ++i)
      if (!dead.test(i) && yields[i] == op.getCarryArguments()[i])
        constant.set(i);

    // Captures first: it reads the body as it stands.
    bool changed = reduceCaptures(op, op.getCaptures(), MutableArrayRef(op.getBody()), 1 + numCarries + numXs,
                                  deadCaptures, rewriter);
    changed |= reduceSlices(op.getXs(), body, 1 + numCarries, deadXs, rewriter);
    if (!changed && dead.none() && constant.none())
      return failure();
    rebuild(op, dead, constant, deadXs, deadCaptures, rewriter);
    return success();
  }

private:
  static void rebuild(ForOp op, const BitVector &dead, const BitVector &constant, const BitVector &deadXs,
                      const BitVector &deadCaptures, PatternRewriter &rewriter) {
    unsigned numCarries = op.getNumCarries(), numXs = op.getXs().size();
    Block &body = op.getBodyBlock();
    BitVector gone = dead;
    for (unsigned i : constant.set_bits())
      gone.set(i);
    BitVector goneCarries = gone;
    goneCarries.resize(numCarries);

    SmallVector<Value> captures = without(op.getCaptures(), deadCaptures);
    for (unsigned i : constant.set_bits()) {
      captures.push_back(op.getInits()[i]);
      BlockArgument argument = op.getCarryArguments()[i];
      Value capture = body.addArgument(argument.getType(), argument.getLoc());
      rewriter.replaceAllUsesWith(argument, capture);
    }
    auto yield = op.getYield();
    SmallVector<Value> yielded = without(ValueRange(yield.getOperands()), gone);
    rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(yielded); });
    // What only the dropped yields read goes before its arguments do.
    eraseUnread(body, rewriter);

    BitVector arguments(body.getNumArguments());
    for (unsigned i : goneCarries.set_bits())
      arguments.set(1 + i);
    for (unsigned i : deadXs.set_bits())
      arguments.set(1 + numCarries + i);
    for (unsigned i : deadCaptures.set_bits())
      arguments.set(1 + numCarries + numXs + i);
    body.eraseArguments(arguments);

    SmallVector<Type> types;
    for (auto [i, type] : llvm::enumerate(op.getResultTypes()))
      if (!gone.test(i))
        types.push_back(type);
    auto loop = ForOp::create(rewriter, op.getLoc(), types, op.getCountAttr(), without(op.getInits(), goneCarries),
                              without(op.getXs(), deadXs), captures, op.getReverse());
    loop->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    loop.getBody().takeBody(op.getBody());
    SmallVector<Value> results;
    unsigned next = 0;
    for (unsigned i = 0; i < op.getNumResults(); ++i)
      if (i < numCarries && constant.test(i))
        results.push_back(op.getInits()[i]);
      else
        results.push_back(gone.test(i) ? Value() : Value(loop.getResult(next++)));
    for (auto [from, to] : llvm::zip(op.getResults(), results))
      if (to)
        rewriter.replaceAllUsesWith(from, to);
    rewriter.eraseOp(op);
  }
};

} // namespace

void ForOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SimplifyFor>(context);
}

/// Which arguments of the body have the axis, and what is yielded: a carry from the start if any step makes it so.
static SmallVector<bool> batchedArguments(ForOp op, Batcher &batcher, ArrayRef<bool> batched,
                                          SmallVector<bool> &yields) {
  SmallVector<bool> arguments{false};
  llvm::append_range(arguments, batched);
  auto flow = [&](Block &block, ArrayRef<bool> has) { return batcher.batchedResults(block, has); };
  return settleCarries(op.getBodyBlock(), 1, op.getNumCarries(), arguments, flow, yields);
}

SmallVector<bool> ForOp::batchedResults(Batcher &batcher, ArrayRef<bool> batched) {
  SmallVector<bool> yields, mask = batchedArguments(*this, batcher, batched, yields);
  llvm::copy(ArrayRef(mask).slice(1, getNumCarries()), yields.begin());
  return yields;
}

LogicalResult ForOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                           SmallVectorImpl<Value> &results) {
  unsigned carries = getNumCarries(), xs = getXs().size();
  SmallVector<bool> rows, mask = batchedArguments(*this, batcher, batched, rows);
  SmallVector<Value> inits, slices;
  for (unsigned i = 0; i < carries; ++i)
    inits.push_back(mask[1 + i] ? batcher.materialize(getLoc(), operands[i], batched[i]) : operands[i]);
  for (unsigned i = carries; i < carries + xs; ++i)
    slices.push_back(batched[i] ? swapLeading(batcher.builder, getLoc(), operands[i]) : operands[i]);
  SmallVector<Type> types(ValueRange(inits).getTypes());
  for (auto [i, type] : llvm::enumerate(TypeRange(getResultTypes()).drop_front(carries))) {
    Shape shape = shapeOf(type);
    if (rows[carries + i])
      shape.insert(shape.begin() + 1, batcher.size);
    types.push_back(typeOf(shape, getElementTypeOrSelf(type)));
  }
  auto loop = ForOp::create(batcher.builder, getLoc(), types, getCountAttr(), inits, slices,
                            operands.drop_front(carries + xs), getReverse());
  Block &body = loop.getBody().emplaceBlock();
  addBatchedArguments(batcher, getBodyBlock(), mask, body);
  OpBuilder builder = OpBuilder::atBlockEnd(&body);
  Batcher inner = batcher.at(builder);
  SmallVector<Value> yielded;
  SmallVector<bool> has;
  if (failed(inner.batchBlock(getBodyBlock(), body.getArguments(), mask, yielded, has)))
    return failure();
  for (unsigned i = 0; i < yielded.size(); ++i)
    if (i < carries ? mask[1 + i] : rows[i])
      yielded[i] = inner.materialize(getYield().getLoc(), yielded[i], has[i]);
  YieldOp::create(builder, getYield().getLoc(), yielded);
  for (auto [i, result] : llvm::enumerate(loop.getResults())) {
    results.push_back(i >= carries && rows[i] ? swapLeading(batcher.builder, getLoc(), result) : Value(result));
  }
  return success();
}

LogicalResult ForOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto count = interpreter.size(getCount().getSize());
  if (!count || *count < 0)
    return emitOpError("[WF1404] the count ") << getCount().getSize().str() << " has no value of 0 or more here";
  size_t carries = getNumCarries();
  ArrayRef<Tensor> xs = operands.slice(carries, getXs().size()), captures = operands.drop_front(carries + xs.size());
  SmallVector<Tensor> carried(operands.take_front(carries)), stacked;
  int64_t stackedBytes = 0, carriedBytes = 0;
  for (Value result : getResults().drop_front(carries)) {
    auto shape = interpreter.shape(result.getType());
    if (!shape)
      return emitOpError("[WF1404] the sizes of ") << result.getType() << " have no value here";
    stacked.emplace_back(getElementTypeOrSelf(result.getType()), *shape);
    stackedBytes += interpreter.counts(result) ? stacked.back().getNumBytes() : 0;
  }
  interpreter.hold(stackedBytes);
  Type i64 = IntegerType::get(getContext(), 64);
  for (int64_t k = 0; k < *count; ++k) {
    int64_t step = getReverse() ? *count - 1 - k : k;
    SmallVector<Tensor> arguments{Tensor::scalar(Scalar::ofInt(i64, step))}, yielded;
    llvm::append_range(arguments, carried);
    for (const Tensor &x : xs)
      arguments.push_back(x.row(step));
    llvm::append_range(arguments, captures);
    if (failed(interpreter.runBlock(getBodyBlock(), arguments, yielded)))
      return failure();
    for (auto [rows, row] : llvm::zip(stacked, ArrayRef(yielded).drop_front(carries)))
      rows.setRow(step, row);
    carried.assign(yielded.begin(), yielded.begin() + carries);
    // A carry that an op made lives on into the next step; one passed through lies where it did.
    interpreter.hold(-carriedBytes);
    carriedBytes = 0;
    for (auto [value, carry] : llvm::zip(getYield().getOperands(), carried))
      carriedBytes += value.getDefiningOp() ? carry.getNumBytes() : 0;
    interpreter.hold(carriedBytes);
  }
  interpreter.hold(-carriedBytes - stackedBytes);
  llvm::append_range(results, carried);
  llvm::append_range(results, stacked);
  return success();
}

//===-- if -------------------------------------------------------------------------------------------------------===//

LogicalResult IfOp::verify() {
  if (getBranches().empty())
    return emitOpError("[WF2017] expected at least one region");
  for (Region &branch : getBranches())
    if (failed(verifyBlock(*this, branch.front(), getCaptures().getTypes(), getResultTypes())))
      return failure();
  return success();
}

namespace {

/// A choice that is known, or none, stands without the `if`.
struct InlineIf : OpRewritePattern<IfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(IfOp op, PatternRewriter &rewriter) const override {
    uint64_t last = op.getBranches().size() - 1, taken = 0;
    if (last) {
      DenseElementsAttr index = uniformOf(op.getIndex());
      if (!index)
        return failure();
      APInt value = index.getSplatValue<APInt>();
      Type type = index.getElementType();
      bool isSigned = !type.isUnsignedInteger() && !type.isInteger(1);
      taken = isSigned && value.isNegative() ? 0 : value.getLimitedValue(last);
    }
    Block &block = op.getBranches()[taken].front();
    auto yield = cast<YieldOp>(block.getTerminator());
    rewriter.inlineBlockBefore(&block, op, op.getCaptures());
    SmallVector<Value> results(yield.getOperands());
    rewriter.eraseOp(yield);
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// Drops results that nothing reads or that each branch only hands on, and captures as a loop's.
struct SimplifyIf : OpRewritePattern<IfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(IfOp op, PatternRewriter &rewriter) const override {
    BitVector gone(op.getNumResults()), deadCaptures;
    auto yields = [&](Region &branch) { return branch.front().getTerminator()->getOperands(); };
    for (unsigned i = 0; i < op.getNumResults(); ++i) {
      if (Value same = commonCapture(op, i); same && !op.getResult(i).use_empty())
        rewriter.replaceAllUsesWith(op.getResult(i), same);
      if (op.getResult(i).use_empty())
        gone.set(i);
    }
    for (Region &branch : op.getBranches())
      if (gone.any()) {
        Operation *yield = branch.front().getTerminator();
        SmallVector<Value> kept = without(ValueRange(yields(branch)), gone);
        rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(kept); });
      }
    if (!reduceCaptures(op, op.getCaptures(), op.getBranches(), 0, deadCaptures, rewriter) && gone.none())
      return failure();
    for (Region &branch : op.getBranches())
      branch.front().eraseArguments(deadCaptures);
    SmallVector<Type> types;
    for (auto [i, type] : llvm::enumerate(op.getResultTypes()))
      if (!gone.test(i))
        types.push_back(type);
    auto choice = IfOp::create(rewriter, op.getLoc(), types, op.getIndex(), without(op.getCaptures(), deadCaptures),
                               op.getBranches().size());
    choice->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    for (auto [to, from] : llvm::zip(choice.getBranches(), op.getBranches()))
      to.takeBody(from);
    unsigned next = 0;
    for (unsigned i = 0; i < op.getNumResults(); ++i)
      if (!gone.test(i))
        rewriter.replaceAllUsesWith(op.getResult(i), choice.getResult(next++));
    rewriter.eraseOp(op);
    return success();
  }

private:
  /// The captured value that every branch yields as result i.
  static Value commonCapture(IfOp op, unsigned i) {
    Value common;
    for (Region &branch : op.getBranches()) {
      auto argument = dyn_cast<BlockArgument>(branch.front().getTerminator()->getOperand(i));
      if (!argument)
        return {};
      Value capture = op.getCaptures()[argument.getArgNumber()];
      if (common && common != capture)
        return {};
      common = capture;
    }
    return common;
  }
};

} // namespace

void IfOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<InlineIf, SimplifyIf>(context);
}

/// All branches, and of each element that of its index: for bodies of which lower-map says that they may run for all.
static LogicalResult chooseByElement(IfOp op, Batcher &batcher, ValueRange operands, ArrayRef<bool> mask,
                                     SmallVectorImpl<Value> &results) {
  Value index = operands.front();
  SmallVector<SmallVector<Value>> choices;
  for (Region &branch : op.getBranches()) {
    SmallVector<Value> values;
    SmallVector<bool> has;
    if (failed(batcher.batchBlock(branch.front(), operands.drop_front(), mask, values, has)))
      return failure();
    choices.push_back(batcher.materializeAll(op.getLoc(), values, has));
  }
  GraphBuilder b(batcher.builder, op.getLoc());
  bool isBool = getElementTypeOrSelf(index.getType()).isInteger(1);
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    Value chosen = choices.back()[i];
    for (int64_t k = int64_t(choices.size()) - 2; k >= 0; --k) {
      Value other = choices[k][i];
      if (other == chosen)
        continue;
      // Up to k: below it a branch of a smaller number is chosen next.
      Value upTo = isBool ? Value(b.create<NotOp>(index)) : Value(b.create<LeOp>(index, b.c(index, double(k))));
      chosen = b.select(b.broadcast(upTo, withElement(chosen.getType(), b.builder.getI1Type()), {0}), other, chosen);
    }
    results.push_back(chosen);
  }
  return success();
}

SmallVector<bool> IfOp::batchedResults(Batcher &batcher, ArrayRef<bool> batched) {
  SmallVector<bool> any(getNumResults(), batched[0]);
  for (Region &branch : getBranches())
    for (auto [i, has] : llvm::enumerate(batcher.batchedResults(branch.front(), batched.drop_front())))
      any[i] |= has;
  return any;
}

LogicalResult IfOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                          SmallVectorImpl<Value> &results) {
  if (batched[0] && !batcher.selects)
    return batcher.mapOver(*this, operands, batched, results);
  ArrayRef<bool> mask = batched.drop_front();
  if (batched[0])
    return chooseByElement(*this, batcher, operands, mask, results);
  SmallVector<bool> any = batchedResults(batcher, batched);
  SmallVector<Type> types;
  for (auto [type, has] : llvm::zip_equal(getResultTypes(), any))
    types.push_back(has ? Type(batcher.batchedType(type)) : type);
  auto choice =
      IfOp::create(batcher.builder, getLoc(), types, operands[0], operands.drop_front(), getBranches().size());
  for (auto [to, from] : llvm::zip_equal(choice.getBranches(), getBranches())) {
    Block &body = to.emplaceBlock();
    for (auto [argument, has] : llvm::zip_equal(from.getArguments(), mask))
      body.addArgument(has ? Type(batcher.batchedType(argument.getType())) : argument.getType(), argument.getLoc());
    OpBuilder builder = OpBuilder::atBlockEnd(&body);
    Batcher inner = batcher.at(builder);
    SmallVector<Value> yielded;
    SmallVector<bool> has;
    if (failed(inner.batchBlock(from.front(), body.getArguments(), mask, yielded, has)))
      return failure();
    Location end = from.front().getTerminator()->getLoc();
    for (unsigned i = 0; i < yielded.size(); ++i)
      if (any[i])
        yielded[i] = inner.materialize(end, yielded[i], has[i]);
    YieldOp::create(builder, end, yielded);
  }
  llvm::append_range(results, choice.getResults());
  return success();
}

LogicalResult IfOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  Scalar index = operands[0].at(0);
  uint64_t last = getBranches().size() - 1;
  uint64_t taken = !index.isUnsigned() && index.i < 0 ? 0 : std::min(uint64_t(index.i), last);
  return interpreter.runBlock(getBranches()[taken].front(), operands.drop_front(), results);
}

//===-- call, launch, requests -----------------------------------------------------------------------------------===//

/// Matches operands and results with the callee's type, symbols bound by the operands (and, of a launch, by
/// `weft.sizes`).
static LogicalResult verifyCall(Operation *op, SymbolTableCollection &symbols, StringAttr callee, TypeRange operands,
                                TypeRange results, ArrayAttr sizes = {}) {
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(op, callee);
  if (!function)
    return op->emitOpError("[WF2020] no function named @") << callee.getValue();
  FunctionType type = function.getFunctionType();
  if (type.getNumInputs() != operands.size() || type.getNumResults() != results.size())
    return op->emitOpError("[WF2021] @") << callee.getValue() << " takes " << type.getNumInputs() << " and gives "
                                         << type.getNumResults() << " values, got " << operands.size() << " and "
                                         << results.size();
  llvm::StringMap<SizeExpr> bindings;
  if (sizes) {
    auto names = function->getAttrOfType<ArrayAttr>("weft.symbols");
    if (!names || names.size() != sizes.size() || !llvm::all_of(names, llvm::IsaPred<StringAttr>) ||
        !llvm::all_of(sizes, llvm::IsaPred<SizeAttr>))
      return op->emitOpError("[WF2030] expected one #weft.size per entry of @")
             << callee.getValue() << "'s weft.symbols";
    for (auto [name, size] : llvm::zip(names, sizes))
      bindings[cast<StringAttr>(name).getValue()] = cast<SizeAttr>(size).getSize();
  }
  if (!unify(type.getInputs(), operands, bindings))
    return op->emitOpError("[WF2022] @") << callee.getValue() << " takes " << type.getInputs() << ", got " << operands;
  for (auto [formal, actual] : llvm::zip(type.getResults(), results))
    if (substitute(formal, bindings) != actual)
      return op->emitOpError("[WF2023] @")
             << callee.getValue() << " gives " << substitute(formal, bindings) << ", got " << actual;
  return success();
}

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(verifyCall(*this, symbols, getCalleeAttr().getAttr(), getOperandTypes(), getResultTypes())))
    return failure();
  auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, getCalleeAttr());
  if (callee.isExternal())
    return success();
  for (Value result : callee.getBody().front().getTerminator()->getOperands())
    if (isSizedInside(result))
      return emitOpError("[WF2032] @") << getCallee() << " gives " << result.getType()
                                       << ", whose size is known inside only";
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // From linalg on the kernel's types have no names, and its arguments grow: the launch keeps the form of the graph.
  auto kernel = symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, getCalleeAttr().getAttr());
  if (kernel && kernel->hasAttr("weft.lowered"))
    return success();
  return verifyCall(*this, symbols, getCalleeAttr().getAttr(), getOperandTypes(), getResultTypes(),
                    (*this)->getAttrOfType<ArrayAttr>("weft.sizes"));
}

/// A request's callee exists and has as many arguments as `flags`; the resolving pass checks the rest.
static LogicalResult verifyRequest(Operation *op, SymbolTableCollection &symbols, FlatSymbolRefAttr callee,
                                   ArrayRef<bool> flags) {
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(op, callee.getAttr());
  if (!function)
    return op->emitOpError("[WF2020] no function named @") << callee.getValue();
  if (function.getNumArguments() != flags.size())
    return op->emitOpError("[WF2021] @") << callee.getValue() << " takes " << function.getNumArguments()
                                         << " values, got " << flags.size() << " flags";
  return success();
}

LogicalResult JvpRequestOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyRequest(*this, symbols, getCalleeAttr(), getActive());
}
LogicalResult VjpRequestOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyRequest(*this, symbols, getCalleeAttr(), getActive());
}
LogicalResult VmapRequestOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyRequest(*this, symbols, getCalleeAttr(), getBatched());
}

SmallVector<bool> CallOp::batchedResults(Batcher &batcher, ArrayRef<bool> batched) {
  return batcher.batchedResults(batcher.module.lookupSymbol<func::FuncOp>(getCallee()), batched);
}

LogicalResult CallOp::batch(Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                            SmallVectorImpl<Value> &results) {
  auto callee = batcher.module.lookupSymbol<func::FuncOp>(getCallee());
  SmallVector<bool> whole = llvm::map_to_vector(batchedResults(batcher, batched), [](bool has) { return !has; });
  auto target = batcher.batchFunction(callee, batched, whole);
  if (failed(target))
    return failure();
  CallOp call = createCall(batcher.builder, getLoc(), *target, operands);
  llvm::append_range(results, call.getResults());
  return success();
}

LogicalResult CallOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  return interpreter.call(*this, getCallee(), operands, results);
}

LogicalResult LaunchOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                 SmallVectorImpl<Tensor> &results) {
  Interpreter::Uncounted inside(interpreter);
  return interpreter.call(*this, getCallee(), operands, results);
}

//===-- kernel, copy, pack ---------------------------------------------------------------------------------------===//

LogicalResult KernelOp::verify() { return verifyBlock(*this, getBody().front(), getOperandTypes(), getResultTypes()); }

LogicalResult KernelOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                 SmallVectorImpl<Tensor> &results) {
  Interpreter::Uncounted inside(interpreter);
  return interpreter.runBlock(getBody().front(), operands, results);
}

LogicalResult CopyOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  results.push_back(operands[0]); // values never change, so the bytes may be shared
  return success();
}

LogicalResult PackOp::verify() {
  auto from = cast<RankedTensorType>(getX().getType()), to = cast<RankedTensorType>(getType());
  PanelAttr panel = panelOf(to);
  if (!panel || from.getEncoding() || !from.hasStaticShape() || withoutNames(to) != from)
    return emitOpError("[WF2034] expected static sizes and a result of the same ones as a panel, got ")
           << from << " and " << to;
  SmallVector<int64_t> dims(panel.getLanes());
  llvm::append_range(dims, panel.getFolded());
  llvm::sort(dims);
  if (panel.getStrip() < 1 || !llvm::equal(dims, llvm::seq<int64_t>(0, from.getRank())))
    return emitOpError("[WF2034] expected a panel that has each dimension of ") << from << " once, got " << panel;
  return success();
}

FusionKind PackOp::getFusionKind() { return FusionKind::Other; }

LogicalResult PackOp::lower(LowerContext &context, ValueRange operands, SmallVectorImpl<Value> &results) {
  AffineMap same = context.identity(getType());
  results.push_back(
      context.map(getType(), operands[0], same, [](OpBuilder &, Location, ValueRange v) { return v[0]; }));
  return success();
}

LogicalResult PackOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  results.push_back(operands[0]); // a layout changes no value
  return success();
}
