// weft-lower-entry: decides how a planned program becomes native control flow over bare pointers: where each value's
// pointer comes from (its slot), how loops swap the places of their carries, how failures leave.
#include "EntryCode.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "weft/Codegen/Passes.h"
#include "weft/Dialect/Weft/Effects.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"
#include "llvm/ADT/StringSet.h"

namespace weft {
#define GEN_PASS_DEF_LOWERENTRY
#include "weft/Codegen/Passes.h.inc"
} // namespace weft

using namespace mlir;
using namespace weft;

namespace {

/// What a function of the program looked like before any was lowered.
struct Signature {
  FunctionType type;
  SmallVector<std::string> symbols; // in the order in which they are passed
};

/// The symbols of a function, in the order of `weft.symbols` if it has that, else as its types name them.
SmallVector<std::string> symbolsOf(func::FuncOp function) {
  SmallVector<std::string> symbols;
  if (auto list = function->getAttrOfType<ArrayAttr>("weft.symbols")) {
    for (auto name : list.getAsRange<StringAttr>())
      symbols.push_back(name.str());
    return symbols;
  }
  FunctionType type = function.getFunctionType();
  for (Type t : llvm::concat<const Type>(type.getInputs(), type.getResults()))
    if (isa<RankedTensorType>(t))
      for (const SizeExpr &size : shapeOf(t))
        for (const std::string &name : size.symbols())
          if (!llvm::is_contained(symbols, name))
            symbols.push_back(name);
  return symbols;
}

/// The places that a region's `next k`, `row k` and `branch k` mean.
struct Surroundings {
  SmallVector<Value> next, rows, branches;
};

class FunctionLowering {
public:
  FunctionLowering(func::FuncOp source, func::FuncOp target, const llvm::StringMap<Signature> &signatures)
      : source(source), signatures(signatures), code(target) {}

  LogicalResult lowerMain();
  LogicalResult lowerInner();

private:
  /// Of what stands in a region, those inside a `sized` (whose sizes come later) left out.
  LogicalResult checkSizes(Region &region);
  LogicalResult lowerBody();
  LogicalResult lower(Block &block, const Surroundings &around);
  LogicalResult lower(LaunchOp launch, const Surroundings &around);
  LogicalResult lower(CallOp call, const Surroundings &around);
  LogicalResult lower(ForOp loop, const Surroundings &around);
  LogicalResult lower(WhileOp loop, const Surroundings &around);
  LogicalResult lower(IfOp op, const Surroundings &around);
  LogicalResult lower(SizedOp op, const Surroundings &around);
  void lower(CopyOp copy, const Surroundings &around);
  void poll(Operation *loop, Value trip);
  void lower(EffectOpInterface effect, const Surroundings &around);

  Value place(Attribute slot, const Surroundings &around);
  /// Sets the pointers of an op's results from its slots.
  SmallVector<Value> placeResults(Operation *op, const Surroundings &around);
  Value pointerTo(Value value) { return pointers.lookup(value); }
  Value requestArena();
  Value requestResult(unsigned index, Type type, Value shapeBuffer);

  func::FuncOp source;
  const llvm::StringMap<Signature> &signatures;
  EntryCode code;
  Value arena;
  Value frame; // the memory of the `sized` around
  SmallVector<Value> results;
  DenseMap<Value, Value> pointers;
};

} // namespace

//===-- The two kinds of functions -------------------------------------------------------------------------------===//

/// Whether some values of the symbols make it negative, as far as its signs show.
static bool mayBeNegative(const SizeExpr &size) {
  return llvm::any_of(size.getTerms(), [](const auto &term) {
    return term.second < 0 ||
           llvm::any_of(
               term.first,
               [](const SizeExpr::Atom &atom) { return atom.divisor && mayBeNegative(atom.dividend.front()); });
  });
}

/// Every symbol in the function has a value by now, or this says which has none; sizes such as S-3 are checked to be
/// sizes before anything is computed with them.
LogicalResult FunctionLowering::checkSizes(Region &region) {
  llvm::StringSet<> checked;
  auto check = [&](Operation *op, const SizeExpr &size) -> LogicalResult {
    for (const std::string &symbol : size.symbols())
      if (!code.sizes.isBound(symbol))
        return op->emitOpError("[WF1404] size ")
               << symbol << " does not follow from the arguments of @" << source.getName();
    if (mayBeNegative(size) && checked.insert(size.str()).second) {
      Value value = code.hoisted(size), zero = code.i64(0);
      code.require(code.compare(arith::CmpIPredicate::sge, value, zero), WEFT_ERR_ASSUMPTION, /*where=*/-1, zero,
                   value);
    }
    return success();
  };
  WalkResult walk = region.walk<WalkOrder::PreOrder>([&](Operation *op) -> WalkResult {
    for (NamedAttribute attribute : op->getAttrDictionary())
      if (auto size = dyn_cast<SizeAttr>(attribute.getValue());
          size && !attribute.getName().strref().starts_with("weft.") && failed(check(op, size.getSize())))
        return WalkResult::interrupt();
    for (Type type : op->getResultTypes())
      for (const SizeExpr &size : shapeOf(type))
        if (failed(check(op, size)))
          return WalkResult::interrupt();
    return isa<SizedOp>(op) ? WalkResult::skip() : WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

Value FunctionLowering::requestArena() {
  SizeExpr size = source->getAttrOfType<SizeAttr>("weft.arena").getSize();
  if (size == SizeExpr(0))
    return LLVM::ZeroOp::create(code.builder, code.loc, code.pointerType());
  Value pointer = code.callRuntime("weft_rt_arena", code.pointerType(), {code.call, code.byteCount(size)});
  code.returnIfNull(pointer);
  return pointer;
}

Value FunctionLowering::requestResult(unsigned index, Type type, Value shapeBuffer) {
  Shape shape = shapeOf(type);
  for (auto [d, size] : llvm::enumerate(shape))
    code.store(code.hoisted(size), code.address(shapeBuffer, SizeExpr(8 * d)));
  Value bytes = code.byteCount(bytesOf(type));
  Value pointer = code.callRuntime("weft_rt_result", code.pointerType(),
                                   {code.call, code.i32(index), bytes, code.i32(shape.size()), shapeBuffer});
  code.returnIfNull(pointer);
  return pointer;
}

LogicalResult FunctionLowering::lowerMain() {
  SmallVector<Value> arguments;
  int64_t greatestRank = 1;
  for (Type type : source.getResultTypes())
    greatestRank = std::max(greatestRank, cast<RankedTensorType>(type).getRank());
  Value shapeBuffer = LLVM::AllocaOp::create(code.builder, code.loc, code.pointerType(), code.builder.getI64Type(),
                                             code.i64(greatestRank));
  if (failed(readArguments(code, source, code.function.getArgument(1), arguments)) ||
      failed(checkSizes(source.getBody())))
    return failure();
  for (auto [argument, pointer] : llvm::zip(source.getArguments(), arguments))
    pointers[argument] = pointer;
  arena = requestArena();
  for (auto [i, type] : llvm::enumerate(source.getResultTypes()))
    results.push_back(requestResult(i, type, shapeBuffer));
  return lowerBody();
}

LogicalResult FunctionLowering::lowerInner() {
  ArrayRef<BlockArgument> given = code.function.getArguments().drop_front();
  for (BlockArgument argument : source.getArguments()) {
    pointers[argument] = given.front();
    given = given.drop_front();
  }
  llvm::append_range(results, given.take_front(source.getNumResults()));
  given = given.drop_front(source.getNumResults());
  arena = given.front();
  for (auto [name, value] : llvm::zip(symbolsOf(source), given.drop_front()))
    code.sizes.bind(name, value);
  return success(succeeded(checkSizes(source.getBody())) && succeeded(lowerBody()));
}

LogicalResult FunctionLowering::lowerBody() {
  code.beginBody();
  if (failed(lower(source.getBody().front(), {})))
    return failure();
  code.loc = source.getBody().front().getTerminator()->getLoc();
  code.finish();
  return success();
}

//===-- Ops ------------------------------------------------------------------------------------------------------===//

Value FunctionLowering::place(Attribute attribute, const Surroundings &around) {
  auto slot = cast<SlotAttr>(attribute);
  switch (slot.getKind()) {
  case SlotKind::Arena:
    return code.address(arena, slot.getPlace());
  case SlotKind::Frame:
    return code.address(frame, slot.getPlace());
  case SlotKind::Result:
    return results[slot.getIndex()];
  case SlotKind::Next:
    return around.next[slot.getIndex()];
  case SlotKind::Row:
    return around.rows[slot.getIndex()];
  case SlotKind::Branch:
    return around.branches[slot.getIndex()];
  case SlotKind::Alias:
  case SlotKind::InPlace:
    break;
  }
  return {};
}

SmallVector<Value> FunctionLowering::placeResults(Operation *op, const Surroundings &around) {
  SmallVector<Value> places;
  if (auto slots = op->getAttrOfType<ArrayAttr>("weft.slots"))
    for (auto [result, slot] : llvm::zip(op->getResults(), slots)) {
      bool alias = cast<SlotAttr>(slot).getKind() == SlotKind::Alias;
      pointers[result] = alias ? pointerTo(op->getOperand(0)) : place(slot, around);
      places.push_back(pointers[result]);
    }
  return places;
}

LogicalResult FunctionLowering::lower(Block &block, const Surroundings &around) {
  for (Operation &op : block.without_terminator()) {
    if (op.getNumResults() && !op.hasAttr("weft.slots"))
      return op.emitOpError("[WF1503] has no weft.slots: weft-plan-memory comes before weft-lower-entry");
    code.loc = op.getLoc();
    LogicalResult done = success();
    if (auto launch = dyn_cast<LaunchOp>(op))
      done = lower(launch, around);
    else if (auto call = dyn_cast<CallOp>(op))
      done = lower(call, around);
    else if (auto loop = dyn_cast<ForOp>(op))
      done = lower(loop, around);
    else if (auto loop = dyn_cast<WhileOp>(op))
      done = lower(loop, around);
    else if (auto branches = dyn_cast<IfOp>(op))
      done = lower(branches, around);
    else if (auto sized = dyn_cast<SizedOp>(op))
      done = lower(sized, around);
    else if (auto copy = dyn_cast<CopyOp>(op))
      lower(copy, around);
    else if (auto effect = dyn_cast<EffectOpInterface>(op))
      lower(effect, around);
    else
      placeResults(&op, around);
    if (failed(done))
      return failure();
  }
  return success();
}

LogicalResult FunctionLowering::lower(LaunchOp launch, const Surroundings &around) {
  SmallVector<Value> operands{code.call};
  for (Value operand : launch.getOperands())
    operands.push_back(pointerTo(operand));
  llvm::append_range(operands, placeResults(launch, around));
  // In the order of the kernel's `weft.symbols`: share-kernels wrote them.
  if (auto sizes = launch->getAttrOfType<ArrayAttr>("weft.sizes"))
    for (auto size : sizes.getAsRange<SizeAttr>())
      operands.push_back(code.hoisted(size.getSize()));
  func::CallOp::create(code.builder, code.loc, launch.getCallee(), TypeRange(), operands);
  return success();
}

LogicalResult FunctionLowering::lower(CallOp call, const Surroundings &around) {
  SmallVector<Value> operands{code.call};
  for (Value operand : call.getOperands())
    operands.push_back(pointerTo(operand));
  llvm::append_range(operands, placeResults(call, around));
  operands.push_back(place(call->getAttr("weft.frame"), around));
  const Signature &signature = signatures.find(call.getCallee())->second;
  llvm::StringMap<SizeExpr> bindings;
  auto formals = llvm::concat<const Type>(signature.type.getInputs(), signature.type.getResults());
  SmallVector<Type> actuals(call.getOperandTypes());
  llvm::append_range(actuals, call.getResultTypes());
  for (auto [formal, actual] : llvm::zip(formals, actuals))
    unify(formal, actual, bindings); // the op's verifier and plan-memory have seen that they fit
  for (const std::string &symbol : signature.symbols)
    operands.push_back(code.hoisted(bindings.lookup(symbol)));
  auto op =
      func::CallOp::create(code.builder, code.loc, call.getCallee(), TypeRange(code.builder.getI32Type()), operands);
  code.returnIfFailed(op.getResult(0));
  return success();
}

void FunctionLowering::lower(CopyOp copy, const Surroundings &around) {
  Value to = placeResults(copy, around).front();
  code.copyBytes(to, pointerTo(copy.getX()), code.hoisted(bytesOf(copy.getX().getType())));
}

/// A call of the runtime with the site and what it reads and writes; a check of one truth value that holds calls
/// nothing.
void FunctionLowering::lower(EffectOpInterface effect, const Surroundings &around) {
  placeResults(effect, around);
  SmallVector<Value> values(effect->getOperands());
  llvm::append_range(values, effect->getResults());
  OpBuilder &b = code.builder;
  Block *done = code.newBlock();
  if (effect.isPerformedUnless() && cast<RankedTensorType>(values[0].getType()).getRank() == 0) {
    Value holds = code.compare(arith::CmpIPredicate::ne, code.load(b.getI8Type(), pointerTo(values[0])),
                               arith::ConstantOp::create(b, code.loc, b.getI8IntegerAttr(0)));
    Block *perform = code.newBlock();
    cf::CondBranchOp::create(b, code.loc, holds, done, perform);
    b.setInsertionPointToEnd(perform);
  }
  int64_t sizes = 0;
  for (Value value : values)
    sizes += cast<RankedTensorType>(value.getType()).getRank();
  // For each value its data and its shape (WeftArg), then the shapes.
  Value arguments = code.stack(16 * values.size() + 8 * sizes);
  int64_t at = 16 * values.size();
  for (auto [i, value] : llvm::enumerate(values)) {
    code.store(pointerTo(value), code.address(arguments, SizeExpr(int64_t(16 * i))));
    code.store(code.address(arguments, SizeExpr(at)), code.address(arguments, SizeExpr(int64_t(16 * i + 8))));
    for (const SizeExpr &size : shapeOf(value)) {
      code.store(code.hoisted(size), code.address(arguments, SizeExpr(at)));
      at += 8;
    }
  }
  Value site = code.text(describeEffect(effect));
  code.returnIfFailed(code.callRuntime("weft_rt_effect", b.getI32Type(), {code.call, site, arguments}));
  code.continueIn(done);
}

/// Whether a trip of the loop surely takes little time: no loops or calls in it, and few elements.
static bool isShort(Operation *loop) {
  constexpr int64_t kFew = 256;
  int64_t elements = 0;
  return !loop->walk([&](Operation *op) {
                if (op == loop)
                  return WalkResult::advance();
                if (isa<ForOp, WhileOp, CallOp, SizedOp>(op))
                  return WalkResult::interrupt();
                for (Type type : llvm::concat<const Type>(llvm::to_vector(op->getOperandTypes()),
                                                          llvm::to_vector(op->getResultTypes()))) {
                  auto tensor = dyn_cast<RankedTensorType>(type);
                  if (!tensor || !tensor.hasStaticShape() || tensor.getNumElements() > kFew)
                    return WalkResult::interrupt();
                  elements += tensor.getNumElements();
                }
                return elements > kFew ? WalkResult::interrupt() : WalkResult::advance();
              })
              .wasInterrupted();
}

/// Asks at a back-edge whether to stop; reading the clock costs as much as a short trip, so after those not each time.
void FunctionLowering::poll(Operation *loop, Value trip) {
  OpBuilder &b = code.builder;
  Block *after = nullptr;
  if (isShort(loop)) {
    Block *ask = code.newBlock();
    after = code.newBlock();
    Value rest = arith::AndIOp::create(b, code.loc, trip, code.i64(255));
    Value now = code.compare(arith::CmpIPredicate::eq, rest, code.i64(255));
    cf::CondBranchOp::create(b, code.loc, now, ask, after);
    b.setInsertionPointToEnd(ask);
  }
  code.returnIfFailed(code.callRuntime("weft_rt_poll", b.getI32Type(), {code.call}));
  if (after)
    code.continueIn(after);
}

LogicalResult FunctionLowering::lower(ForOp loop, const Surroundings &around) {
  OpBuilder &b = code.builder;
  Location loc = code.loc;
  SmallVector<Value> homes = placeResults(loop, around);
  auto spares = loop->getAttrOfType<ArrayAttr>("weft.spares");
  SizeExpr countExpr = loop.getCount().getSize();
  Value count = code.hoisted(countExpr), zero = code.i64(0), one = code.i64(1);

  // The present and the next place of each carry that swaps; the last value ends in the home place.
  SmallVector<Value> initial{zero};
  SmallVector<unsigned> argumentOf(loop.getNumCarries(), 0); // of the head block; 0: in place
  for (unsigned k = 0; k < loop.getNumCarries(); ++k) {
    if (cast<SlotAttr>(spares[k]).getKind() == SlotKind::InPlace)
      continue;
    Value home = homes[k], spare = place(spares[k], around);
    argumentOf[k] = initial.size();
    if (auto constant = countExpr.constant()) {
      initial.push_back(*constant % 2 ? spare : home);
      initial.push_back(*constant % 2 ? home : spare);
      continue;
    }
    Value odd = code.compare(arith::CmpIPredicate::ne, arith::AndIOp::create(b, loc, count, one), zero);
    Value bytes = code.hoisted(bytesOf(loop.getResult(k).getType()));
    code.copyBytes(spare, home, arith::SelectOp::create(b, loc, odd, bytes, zero));
    initial.push_back(arith::SelectOp::create(b, loc, odd, spare, home));
    initial.push_back(arith::SelectOp::create(b, loc, odd, home, spare));
  }

  SmallVector<Type> types(ValueRange(initial).getTypes());
  Block *head = code.newBlock(types), *body = code.newBlock(), *done = code.newBlock();
  code.continueIn(head, initial);
  Value i = head->getArgument(0);
  cf::CondBranchOp::create(b, loc, code.compare(arith::CmpIPredicate::slt, i, count), body, done);
  b.setInsertionPointToEnd(body);

  Value row = i;
  if (loop.getReverse())
    row = arith::SubIOp::create(b, loc, arith::SubIOp::create(b, loc, count, one), i);
  auto rowOf = [&](Value base, Type rowType) {
    return code.address(base, Value(arith::MulIOp::create(b, loc, row, code.hoisted(bytesOf(rowType)))));
  };
  Surroundings inside;
  for (auto [k, argument] : llvm::enumerate(loop.getCarryArguments())) {
    unsigned at = argumentOf[k];
    pointers[argument] = at ? Value(head->getArgument(at)) : homes[k];
    inside.next.push_back(at ? Value(head->getArgument(at + 1)) : homes[k]);
  }
  inside.rows.resize(loop.getNumCarries()); // rows are numbered as results are
  for (unsigned k = loop.getNumCarries(); k < loop.getNumResults(); ++k)
    inside.rows.push_back(rowOf(homes[k], loop.getYield().getOperand(k).getType()));
  for (auto [argument, stacked] : llvm::zip(loop.getSliceArguments(), loop.getXs()))
    pointers[argument] = rowOf(pointerTo(stacked), argument.getType());
  for (auto [argument, captured] : llvm::zip(loop.getCaptureArguments(), loop.getCaptures()))
    pointers[argument] = pointerTo(captured);
  if (Attribute slot = loop->getAttr("weft.step")) {
    pointers[loop.getStep()] = place(slot, around);
    code.store(row, pointerTo(loop.getStep()));
  }
  if (failed(lower(loop.getBodyBlock(), inside)))
    return failure();

  code.loc = loc;
  poll(loop, i);
  SmallVector<Value> next{arith::AddIOp::create(b, loc, i, one)};
  for (unsigned at = 1; at < initial.size(); at += 2) {
    next.push_back(head->getArgument(at + 1));
    next.push_back(head->getArgument(at));
  }
  cf::BranchOp::create(b, loc, head, next);
  b.setInsertionPointToEnd(done);
  return success();
}

LogicalResult FunctionLowering::lower(WhileOp loop, const Surroundings &around) {
  OpBuilder &b = code.builder;
  Location loc = code.loc;
  SmallVector<Value> homes = placeResults(loop, around);
  auto spares = loop->getAttrOfType<ArrayAttr>("weft.spares");
  // The trip, then the present and the next place of each carry that swaps.
  SmallVector<Value> initial{code.i64(0)};
  SmallVector<unsigned> argumentOf(loop.getNumCarries(), 0); // of the head block; 0: in place
  for (unsigned k = 0; k < loop.getNumCarries(); ++k) {
    if (cast<SlotAttr>(spares[k]).getKind() == SlotKind::InPlace)
      continue;
    argumentOf[k] = initial.size();
    initial.push_back(homes[k]);
    initial.push_back(place(spares[k], around));
  }
  SmallVector<Type> types(ValueRange(initial).getTypes());
  Block *head = code.newBlock(types), *body = code.newBlock(), *done = code.newBlock();
  code.continueIn(head, initial);
  Surroundings inside;
  for (unsigned k = 0; k < loop.getNumCarries(); ++k) {
    unsigned at = argumentOf[k];
    Value present = at ? Value(head->getArgument(at)) : homes[k];
    pointers[loop.getCarryArguments()[k]] = pointers[loop.getConditionBlock().getArgument(k)] = present;
    inside.next.push_back(at ? Value(head->getArgument(at + 1)) : homes[k]);
  }
  for (auto [k, captured] : llvm::enumerate(loop.getCaptures()))
    for (Region *region : {&loop.getCondition(), &loop.getBody()})
      pointers[region->getArgument(loop.getNumCarries() + k)] = pointerTo(captured);
  if (auto most = loop.getMaxTrips()) {
    Block *ask = code.newBlock();
    Value less = code.compare(arith::CmpIPredicate::slt, head->getArgument(0), code.hoisted(most->getSize()));
    cf::CondBranchOp::create(b, loc, less, ask, done);
    b.setInsertionPointToEnd(ask);
  }
  if (failed(lower(loop.getConditionBlock(), {})))
    return failure();
  code.loc = loc;
  Value holds = code.load(b.getI8Type(), pointerTo(loop.getConditionBlock().getTerminator()->getOperand(0)));
  Value none = arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(0));
  cf::CondBranchOp::create(b, loc, code.compare(arith::CmpIPredicate::ne, holds, none), body, done);
  b.setInsertionPointToEnd(body);
  if (failed(lower(loop.getBodyBlock(), inside)))
    return failure();

  code.loc = loc;
  poll(loop, head->getArgument(0));
  SmallVector<Value> next{arith::AddIOp::create(b, loc, head->getArgument(0), code.i64(1))};
  for (unsigned at = 1; at < initial.size(); at += 2) {
    next.push_back(head->getArgument(at + 1));
    next.push_back(head->getArgument(at));
  }
  cf::BranchOp::create(b, loc, head, next);

  // After an odd number of trips the last values stand in the second places.
  b.setInsertionPointToEnd(done);
  if (initial.size() == 1)
    return success();
  Block *move = code.newBlock(), *end = code.newBlock();
  Value odd = code.compare(arith::CmpIPredicate::ne, arith::AndIOp::create(b, loc, head->getArgument(0), code.i64(1)),
                           code.i64(0));
  cf::CondBranchOp::create(b, loc, odd, move, end);
  b.setInsertionPointToEnd(move);
  for (unsigned k = 0; k < loop.getNumCarries(); ++k)
    if (unsigned at = argumentOf[k])
      code.copyBytes(homes[k], head->getArgument(at), code.hoisted(bytesOf(loop.getResult(k).getType())));
  code.continueIn(end);
  return success();
}

LogicalResult FunctionLowering::lower(SizedOp op, const Surroundings &around) {
  OpBuilder &b = code.builder;
  Location loc = code.loc;
  Surroundings inside;
  inside.branches = placeResults(op, around);
  Value size = arith::MaxSIOp::create(b, loc, code.load(b.getI64Type(), pointerTo(op.getValue())), code.i64(0));
  if (auto bound = op.getBound())
    size = arith::MinSIOp::create(b, loc, size, code.hoisted(bound->getSize()));
  for (auto [argument, captured] : llvm::zip(op.getBodyBlock().getArguments(), op.getCaptures()))
    pointers[argument] = pointerTo(captured);
  code.beginScope(op.getSymbol(), size);
  if (failed(checkSizes(op.getBody())))
    return failure();
  auto bytes = op->getAttrOfType<SizeAttr>("weft.bytes");
  Value outer = frame;
  if (bytes) {
    frame = code.callRuntime("weft_rt_push", code.pointerType(), {code.call, code.byteCount(bytes.getSize())});
    code.returnIfNull(frame);
  }
  code.beginScopeBody();
  if (failed(lower(op.getBodyBlock(), inside)))
    return failure();
  code.loc = loc;
  if (bytes)
    code.callRuntime("weft_rt_pop", Type(), {code.call});
  frame = outer;
  code.endScope();
  return success();
}

LogicalResult FunctionLowering::lower(IfOp op, const Surroundings &around) {
  OpBuilder &b = code.builder;
  Location loc = code.loc;
  Surroundings inside;
  inside.branches = placeResults(op, around);

  auto element = cast<IntegerType>(getElementTypeOrSelf(op.getIndex().getType()));
  bool isUnsigned = element.isUnsigned() || element.getWidth() == 1;
  Type stored = b.getIntegerType(std::max(8u, element.getWidth())), i64 = b.getI64Type();
  Value index = code.load(stored, pointerTo(op.getIndex()));
  if (stored != i64)
    index = isUnsigned ? Value(arith::ExtUIOp::create(b, loc, i64, index)) : arith::ExtSIOp::create(b, loc, i64, index);
  Value last = code.i64(op.getBranches().size() - 1);
  if (isUnsigned)
    index = arith::MinUIOp::create(b, loc, index, last);
  else
    index = arith::MaxSIOp::create(b, loc, arith::MinSIOp::create(b, loc, index, last), code.i64(0));
  index = arith::TruncIOp::create(b, loc, b.getI32Type(), index);

  SmallVector<Block *> blocks;
  SmallVector<int32_t> cases;
  for (Region &branch : op.getBranches()) {
    cases.push_back(blocks.size());
    blocks.push_back(code.newBlock());
    for (auto [argument, captured] : llvm::zip(branch.getArguments(), op.getCaptures()))
      pointers[argument] = pointerTo(captured);
  }
  Block *done = code.newBlock();
  cases.pop_back(); // the last branch is the default
  SmallVector<ValueRange> none(cases.size());
  cf::SwitchOp::create(b, loc, index, blocks.back(), ValueRange(), ArrayRef<int32_t>(cases),
                       ArrayRef<Block *>(blocks).drop_back(), none);
  for (auto [block, branch] : llvm::zip(blocks, op.getBranches())) {
    b.setInsertionPointToEnd(block);
    if (failed(lower(branch.front(), inside)))
      return failure();
    code.loc = loc;
    cf::BranchOp::create(b, loc, done);
  }
  b.setInsertionPointToEnd(done);
  return success();
}

//===-- The pass -------------------------------------------------------------------------------------------------===//

namespace {
struct LowerEntryPass : weft::impl::LowerEntryBase<LowerEntryPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::StringMap<Signature> signatures;
    SmallVector<func::FuncOp> planned, kernels;
    for (auto function : module.getOps<func::FuncOp>()) {
      signatures[function.getName()] = {function.getFunctionType(), symbolsOf(function)};
      (function->hasAttr("weft.kernel") ? kernels : planned).push_back(function);
    }
    for (func::FuncOp function : planned)
      if (!function->hasAttr("weft.arena")) {
        function.emitError("[WF1503] has no weft.arena: weft-plan-memory comes before weft-lower-entry");
        return signalPassFailure();
      }
    for (func::FuncOp function : planned)
      if (failed(lower(function, signatures)))
        return signalPassFailure();
    for (func::FuncOp function : planned)
      function.erase();
    for (func::FuncOp kernel : kernels)
      declare(kernel, signatures[kernel.getName()].symbols.size());
  }

  LogicalResult lower(func::FuncOp source, const llvm::StringMap<Signature> &signatures) {
    MLIRContext *context = source.getContext();
    Type pointer = LLVM::LLVMPointerType::get(context), i32 = IntegerType::get(context, 32);
    bool isMain = source.getName() == "main";
    SmallVector<Type> inputs(2, pointer);
    if (!isMain) {
      inputs.assign(2 + source.getNumArguments() + source.getNumResults(), pointer);
      inputs.append(signatures.find(source.getName())->second.symbols.size(), IntegerType::get(context, 64));
    }
    OpBuilder builder(source);
    auto target = func::FuncOp::create(builder, source.getLoc(), isMain ? "weft_entry" : source.getName(),
                                       builder.getFunctionType(inputs, {i32}));
    target.setVisibility(isMain ? SymbolTable::Visibility::Public : SymbolTable::Visibility::Private);
    FunctionLowering lowering(source, target, signatures);
    return isMain ? lowering.lowerMain() : lowering.lowerInner();
  }

  /// A kernel still on tensors becomes a declaration; its code is made elsewhere and linked by name.
  void declare(func::FuncOp kernel, size_t numSymbols) {
    MLIRContext *context = kernel.getContext();
    Type pointer = LLVM::LLVMPointerType::get(context);
    FunctionType type = kernel.getFunctionType();
    if (type.getNumInputs() && type.getInput(0) == pointer)
      return;
    SmallVector<Type> inputs(1 + type.getNumInputs() + type.getNumResults(), pointer);
    inputs.append(numSymbols, IntegerType::get(context, 64));
    OpBuilder builder(kernel);
    auto declaration =
        func::FuncOp::create(builder, kernel.getLoc(), kernel.getName(), builder.getFunctionType(inputs, {}));
    declaration.setPrivate();
    declaration->setAttr("weft.kernel", builder.getUnitAttr());
    kernel.erase();
  }
};
} // namespace
