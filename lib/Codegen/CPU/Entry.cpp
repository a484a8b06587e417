// weft-lower-entry: decides how a planned program becomes native control flow over bare pointers: where each value's
// pointer comes from (its slot), how loops swap the places of their carries, how failures leave.
#include "EntryBeside.h"
#include "EntryCode.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "weft/Codegen/Passes.h"
#include "weft/Dialect/Weft/Effects.h"
#include "weft/Dialect/Weft/Linalg.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Kernels/Beside.h"
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
  bool isInlined = false;
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

/// Where a loop's carries are while it runs. Each has a home, where its init and its last value stand. It is in place;
/// or swaps two places each trip; or stands in the row that the last trip wrote; or is held in registers, to which the
/// next value is moved at the end of each trip.
struct CarryPlaces {
  enum Kind { InPlace, Swapped, Row, Held };
  SmallVector<Kind> kinds;
  SmallVector<Value> homes, present, next;
  SmallVector<Value> initial; // of the head block: the trip, then the present places that change, those that swap twice
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
  LogicalResult lower(Operation *op, const Surroundings &around);
  using Ops = llvm::iterator_range<Block::iterator>;
  LogicalResult lowerBeside(ArrayRef<Ops> parts, const Surroundings &around);
  LogicalResult lowerKept();
  LogicalResult lower(LaunchOp launch, const Surroundings &around);
  LogicalResult lower(CallOp call, const Surroundings &around);
  LogicalResult lower(ForOp loop, const Surroundings &around);
  LogicalResult lower(WhileOp loop, const Surroundings &around);
  LogicalResult lower(IfOp op, const Surroundings &around);
  LogicalResult lower(SizedOp op, const Surroundings &around);
  void lower(CopyOp copy, const Surroundings &around);
  using Swap = std::pair<Value, Value>; // the first present and next place
  CarryPlaces beginCarries(Operation *loop, const Surroundings &around,
                           llvm::function_ref<Swap(unsigned, Value home, Value spare)> swap);
  Block *enterHead(CarryPlaces &carries);
  void nextTrip(Operation *loop, YieldOp yield, const CarryPlaces &carries, Block *head);
  void endCarries(Operation *loop, const CarryPlaces &carries);
  bool isShort(Operation *loop);
  void poll(Operation *loop, Value trip);
  void lower(EffectOpInterface effect, const Surroundings &around);
  void lower(LibraryOpInterface op, const Surroundings &around);

  Value place(Attribute slot, const Surroundings &around);
  Value bytesOfValue(Value value) { return code.hoisted(bytesOf(value.getType())); }
  /// Sets the pointers of an op's results from its slots.
  SmallVector<Value> placeResults(Operation *op, const Surroundings &around);
  Value pointerTo(Value value) { return pointers.lookup(value); }
  /// The operands and results of an op as the runtime takes them.
  Value runtimeArguments(Operation *op);
  Value requestArena();
  /// Asks for the memory of the results whose sizes have values by now, and had none before.
  void requestResults();

  func::FuncOp source;
  const llvm::StringMap<Signature> &signatures;
  EntryCode code;
  Value arena;
  Value kept;                 // the memory that stays from call to call
  Value frame;                // the memory of the `sized` around
  SmallVector<Value> results; // null while its size has no value
  Value shapeBuffer;          // of the program, for the shape of a result
  DenseMap<Value, Value> pointers;
  DenseMap<int64_t, Value> registers;
  SmallVector<BesideSite> besides;
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
    for (Value result : op->getResults()) {
      if (isSizedInside(result))
        continue; // checked where it is yielded
      for (const SizeExpr &size : shapeOf(result.getType()))
        if (failed(check(op, size)))
          return WalkResult::interrupt();
    }
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

void FunctionLowering::requestResults() {
  for (auto [index, type] : llvm::enumerate(source.getResultTypes())) {
    Shape shape = shapeOf(type);
    bool known = llvm::all_of(shape, [&](const SizeExpr &size) {
      return llvm::all_of(size.symbols(), [&](StringRef symbol) { return code.sizes.isBound(symbol); });
    });
    if (results[index] || !known)
      continue;
    for (auto [d, size] : llvm::enumerate(shape))
      code.store(code.hoisted(size), code.address(shapeBuffer, SizeExpr(8 * d)));
    Value bytes = code.byteCount(bytesOf(type));
    results[index] = code.callRuntime("weft_rt_result", code.pointerType(),
                                      {code.call, code.i32(index), bytes, code.i32(shape.size()), shapeBuffer});
    code.returnIfNull(results[index]);
  }
}

LogicalResult FunctionLowering::lowerMain() {
  SmallVector<Value> arguments;
  int64_t greatestRank = 1;
  for (Type type : source.getResultTypes())
    greatestRank = std::max(greatestRank, cast<RankedTensorType>(type).getRank());
  shapeBuffer = LLVM::AllocaOp::create(code.builder, code.loc, code.pointerType(), code.builder.getI64Type(),
                                       code.i64(greatestRank));
  if (failed(readArguments(code, source, code.function.getArgument(1), arguments)) ||
      failed(checkSizes(source.getBody())))
    return failure();
  for (auto [argument, pointer] : llvm::zip(source.getArguments(), arguments))
    pointers[argument] = pointer;
  arena = requestArena();
  results.resize(source.getNumResults());
  requestResults();
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
  if (failed(lowerKept()) || failed(lower(source.getBody().front(), {})))
    return failure();
  code.loc = source.getBody().front().getTerminator()->getLoc();
  code.finish();
  for (auto [number, site] : llvm::enumerate(besides))
    outlineParts(code, site, (code.function.getName() + "_beside" + Twine(number)).str());
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
  case SlotKind::Kept:
    return code.address(kept, slot.getPlace());
  case SlotKind::Result:
    return results[slot.getIndex()];
  case SlotKind::Next:
    return around.next[slot.getIndex()];
  case SlotKind::Row:
    return around.rows[slot.getIndex()];
  case SlotKind::Branch:
    return around.branches[slot.getIndex()];
  case SlotKind::Register: {
    Value &memory = registers[slot.getIndex()];
    if (!memory)
      memory = code.stack(registerBytes);
    return memory;
  }
  case SlotKind::Alias:
  case SlotKind::Over:
  case SlotKind::InPlace:
    break;
  }
  return {};
}

/// Which result of the program a value is whose size is known in a region only: the regions around hand it out.
static unsigned resultOfProgram(Value value) {
  OpOperand &use = *value.use_begin();
  auto sized = dyn_cast<SizedOp>(use.getOwner()->getParentOp());
  return sized ? resultOfProgram(sized.getResult(use.getOperandNumber())) : use.getOperandNumber();
}

SmallVector<Value> FunctionLowering::placeResults(Operation *op, const Surroundings &around) {
  SmallVector<Value> places;
  if (auto slots = op->getAttrOfType<ArrayAttr>("weft.slots"))
    for (auto [result, slot] : llvm::zip(op->getResults(), slots)) {
      auto attribute = cast<SlotAttr>(slot);
      SlotKind kind = attribute.getKind();
      pointers[result] = kind == SlotKind::Alias  ? pointerTo(op->getOperand(0))
                         : kind == SlotKind::Over ? pointerTo(op->getOperand(attribute.getIndex()))
                         : isSizedInside(result)  ? results[resultOfProgram(result)]
                                                  : place(attribute, around);
      places.push_back(pointers[result]);
    }
  return places;
}

/// The parts of the group that `first` is of, as far as they stand together, each in one piece.
static SmallVector<llvm::iterator_range<Block::iterator>> partsFrom(Block::iterator first) {
  SmallVector<llvm::iterator_range<Block::iterator>> parts;
  llvm::SmallDenseSet<int64_t> seen;
  auto mark = besideOf(&*first), begin = mark;
  for (Block::iterator it = first; mark && mark->group == begin->group && seen.insert(mark->part).second;) {
    Block::iterator start = it;
    int64_t part = mark->part;
    do
      mark = besideOf(&*++it); // the terminator has none
    while (mark && mark->group == begin->group && mark->part == part);
    parts.push_back({start, it});
  }
  return parts;
}

LogicalResult FunctionLowering::lower(Block &block, const Surroundings &around) {
  for (Block::iterator it = block.begin(), end = block.getTerminator()->getIterator(); it != end;) {
    auto parts = partsFrom(it);
    if (failed(parts.size() > 1 ? lowerBeside(parts, around) : lower(&*it, around)))
      return failure();
    it = parts.size() > 1 ? parts.back().end() : std::next(it);
  }
  return success();
}

LogicalResult FunctionLowering::lower(Operation *op, const Surroundings &around) {
  if (op->getNumResults() && !op->hasAttr("weft.slots"))
    return op->emitOpError("[WF1503] has no weft.slots: weft-plan-memory comes before weft-lower-entry");
  code.loc = op->getLoc();
  if (op->hasAttr("weft.kept")) {
    placeResults(op, around); // lowerKept() has computed them
    return success();
  }
  if (auto launch = dyn_cast<LaunchOp>(op))
    return lower(launch, around);
  if (auto call = dyn_cast<CallOp>(op))
    return lower(call, around);
  if (auto loop = dyn_cast<ForOp>(op))
    return lower(loop, around);
  if (auto loop = dyn_cast<WhileOp>(op))
    return lower(loop, around);
  if (auto branches = dyn_cast<IfOp>(op))
    return lower(branches, around);
  if (auto sized = dyn_cast<SizedOp>(op))
    return lower(sized, around);
  if (auto copy = dyn_cast<CopyOp>(op))
    lower(copy, around);
  else if (auto effect = dyn_cast<EffectOpInterface>(op))
    lower(effect, around);
  else if (auto library = dyn_cast<LibraryOpInterface>(op))
    lower(library, around);
  else
    placeResults(op, around);
  return success();
}

/// Each part in blocks of its own, which become a function when all is written (outlineParts); what follows finds the
/// results in their places.
LogicalResult FunctionLowering::lowerBeside(ArrayRef<Ops> parts, const Surroundings &around) {
  OpBuilder &b = code.builder;
  Block *before = b.getInsertionBlock();
  Location loc = parts.front().begin()->getLoc();
  BesideSite site;
  for (const Ops &part : parts) {
    EntryPart &lowered = site.parts.emplace_back();
    Block *first = code.newBlock();
    b.setInsertionPointToEnd(first);
    for (Operation &op : part) {
      if (failed(lower(&op, around)))
        return failure();
      if (auto ns = op.getAttrOfType<DenseI64ArrayAttr>("weft.beside_ns"); ns && ns.size() == 2) {
        lowered.all += ns[0];
        lowered.shared += ns[1];
      }
    }
    // The last one goes on in `leave`: nothing else is put there.
    Block *last = b.getInsertionBlock();
    for (Block &block : llvm::make_range(first->getIterator(), code.getExit()->getIterator()))
      if (&block != last)
        lowered.blocks.push_back(&block);
    lowered.blocks.push_back(last);
  }
  b.setInsertionPointToEnd(before);
  code.loc = loc;
  Value status = code.callRuntime("weft_rt_poll", b.getI32Type(), {code.call});
  site.at = status.getDefiningOp();
  code.returnIfFailed(status);
  for (const Ops &part : parts)
    for (Operation &op : part)
      placeResults(&op, around);
  besides.push_back(std::move(site));
  return success();
}

/// What stays from call to call is computed where the runtime has nothing that was computed from these arrays.
LogicalResult FunctionLowering::lowerKept() {
  auto bytes = source->getAttrOfType<SizeAttr>("weft.kept");
  if (!bytes)
    return success();
  Value isNew = code.stack(sizeof(int64_t));
  kept = code.callRuntime("weft_rt_kept", code.pointerType(), {code.call, code.byteCount(bytes.getSize()), isNew});
  code.returnIfNull(kept);
  Block *compute = code.newBlock(), *after = code.newBlock();
  Value holds = code.load(code.builder.getI32Type(), isNew);
  cf::CondBranchOp::create(code.builder, code.loc, code.compare(arith::CmpIPredicate::ne, holds, code.i32(0)), compute,
                           after);
  code.builder.setInsertionPointToEnd(compute);
  for (auto launch : source.getBody().front().getOps<LaunchOp>())
    if (launch->hasAttr("weft.kept") && failed(lower(launch, {})))
      return failure();
  code.callRuntime("weft_rt_keep", Type(), {code.call});
  code.continueIn(after);
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
  Value to = placeResults(copy, around).front(), from = pointerTo(copy.getX());
  // Where a donated argument gave its memory to the result, all is there.
  auto slot = cast<SlotAttr>(copy->getAttrOfType<ArrayAttr>("weft.slots")[0]);
  if (slot.getKind() != SlotKind::Result || !source->hasAttr("weft.donations"))
    return code.copyValue(to, from, copy.getX().getType());
  Value isApart = LLVM::ICmpOp::create(code.builder, code.loc, LLVM::ICmpPredicate::ne, to, from);
  code.copyBytes(to, from,
                 arith::SelectOp::create(code.builder, code.loc, isApart, bytesOfValue(copy.getX()), code.i64(0)));
}

/// For each value its data and its shape (WeftArg), then the shapes.
Value FunctionLowering::runtimeArguments(Operation *op) {
  SmallVector<Value> values(op->getOperands());
  llvm::append_range(values, op->getResults());
  int64_t sizes = 0, at = 16 * int64_t(values.size());
  for (Value value : values)
    sizes += cast<RankedTensorType>(value.getType()).getRank();
  Value arguments = code.stack(at + 8 * sizes);
  for (auto [i, value] : llvm::enumerate(values)) {
    code.store(pointerTo(value), code.address(arguments, SizeExpr(int64_t(16 * i))));
    code.store(code.address(arguments, SizeExpr(at)), code.address(arguments, SizeExpr(int64_t(16 * i + 8))));
    for (const SizeExpr &size : shapeOf(value)) {
      code.store(code.hoisted(size), code.address(arguments, SizeExpr(at)));
      at += 8;
    }
  }
  return arguments;
}

/// A call of the runtime with the site and what it reads and writes; a check of one truth value that holds calls
/// nothing.
void FunctionLowering::lower(EffectOpInterface effect, const Surroundings &around) {
  placeResults(effect, around);
  OpBuilder &b = code.builder;
  Block *done = code.newBlock();
  if (effect.isPerformedUnless() && cast<RankedTensorType>(effect->getOperand(0).getType()).getRank() == 0) {
    Value holds = code.compare(arith::CmpIPredicate::ne, code.load(b.getI8Type(), pointerTo(effect->getOperand(0))),
                               arith::ConstantOp::create(b, code.loc, b.getI8IntegerAttr(0)));
    Block *perform = code.newBlock();
    cf::CondBranchOp::create(b, code.loc, holds, done, perform);
    b.setInsertionPointToEnd(perform);
  }
  Value arguments = runtimeArguments(effect), site = code.text(describeEffect(effect));
  code.returnIfFailed(code.callRuntime("weft_rt_effect", b.getI32Type(), {code.call, site, arguments}));
  code.continueIn(done);
}

void FunctionLowering::lower(LibraryOpInterface op, const Surroundings &around) {
  placeResults(op, around);
  SmallVector<Value> operands{code.call, code.i64(op.getRoutine()), runtimeArguments(op)};
  code.returnIfFailed(code.callRuntime("weft_rt_linalg", code.builder.getI32Type(), operands));
}

/// Whether a trip of the loop surely takes little time: no loops or calls in it, and few elements.
bool FunctionLowering::isShort(Operation *loop) {
  constexpr int64_t kFew = 256;
  int64_t elements = 0;
  auto count = [&](TypeRange types) {
    for (Type type : types) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      bool few = tensor && tensor.hasStaticShape() && tensor.getNumElements() <= kFew;
      elements += few ? tensor.getNumElements() : kFew + 1;
    }
    return elements <= kFew;
  };
  return !loop->walk([&](Operation *op) {
                if (op == loop || isa<YieldOp>(op))
                  return WalkResult::advance();
                if (isa<ForOp, WhileOp, CallOp, SizedOp>(op))
                  return WalkResult::interrupt();
                // An inlined kernel takes and changes few elements, of whatever sizes.
                if (auto launch = dyn_cast<LaunchOp>(op); launch && signatures.lookup(launch.getCallee()).isInlined)
                  return (elements += launch.getNumResults()) <= kFew ? WalkResult::advance() : WalkResult::interrupt();
                bool few = isa<IfOp>(op) || (count(op->getOperandTypes()) && count(op->getResultTypes()));
                return few ? WalkResult::advance() : WalkResult::interrupt();
              })
              .wasInterrupted();
}

/// Asks at a back-edge whether to stop; reading the clock costs as much as a short trip, so after those not each time.
void FunctionLowering::poll(Operation *loop, Value trip) {
  constexpr int64_t kTrips = 256;
  OpBuilder &b = code.builder;
  Block *after = nullptr;
  if (isShort(loop)) {
    Block *ask = code.newBlock();
    after = code.newBlock();
    Value rest = arith::AndIOp::create(b, code.loc, trip, code.i64(kTrips - 1));
    Value now = code.compare(arith::CmpIPredicate::eq, rest, code.i64(kTrips - 1));
    auto branch = cf::CondBranchOp::create(b, code.loc, now, ask, after);
    branch.setBranchWeights(ArrayRef<int32_t>{1, int32_t(kTrips - 1)}); // registers are kept for the other way
    b.setInsertionPointToEnd(ask);
  }
  code.returnIfFailed(code.callRuntime("weft_rt_poll", b.getI32Type(), {code.call}));
  if (after)
    code.continueIn(after);
}

//===-- Loops ----------------------------------------------------------------------------------------------------===//

CarryPlaces FunctionLowering::beginCarries(Operation *loop, const Surroundings &around,
                                           llvm::function_ref<Swap(unsigned, Value home, Value spare)> swap) {
  CarryPlaces carries;
  carries.homes = placeResults(loop, around);
  carries.initial.push_back(code.i64(0));
  auto spares = loop->getAttrOfType<ArrayAttr>("weft.spares"); // null: no carries
  for (auto [k, attribute] : llvm::enumerate(spares ? spares.getValue() : ArrayRef<Attribute>())) {
    auto spare = cast<SlotAttr>(attribute);
    Value home = carries.homes[k];
    auto kind = spare.getKind() == SlotKind::InPlace    ? CarryPlaces::InPlace
                : spare.getKind() == SlotKind::Register ? CarryPlaces::Held
                : spare.getKind() == SlotKind::Row      ? CarryPlaces::Row
                                                        : CarryPlaces::Swapped;
    carries.kinds.push_back(kind);
    carries.present.push_back(home);
    carries.next.push_back(home);
    if (kind == CarryPlaces::Held) {
      carries.present.back() = code.stack(registerBytes);
      carries.next.back() = place(spare, around);
      code.copyValue(carries.present.back(), home, loop->getResult(k).getType());
    } else if (kind == CarryPlaces::Row) {
      carries.initial.push_back(home);
    } else if (kind == CarryPlaces::Swapped) {
      auto [present, next] = swap(k, home, place(spare, around));
      carries.initial.append({present, next});
    }
  }
  return carries;
}

/// The block where each trip begins; its first argument is the number of the trip.
Block *FunctionLowering::enterHead(CarryPlaces &carries) {
  Block *head = code.newBlock(llvm::to_vector(ValueRange(carries.initial).getTypes()));
  code.continueIn(head, carries.initial);
  unsigned at = 1;
  for (auto [kind, present, next] : llvm::zip(carries.kinds, carries.present, carries.next))
    if (kind == CarryPlaces::Swapped || kind == CarryPlaces::Row) {
      present = head->getArgument(at++);
      if (kind == CarryPlaces::Swapped)
        next = head->getArgument(at++);
    }
  return head;
}

/// The end of a trip: goes back to the head.
void FunctionLowering::nextTrip(Operation *loop, YieldOp yield, const CarryPlaces &carries, Block *head) {
  OpBuilder &b = code.builder;
  poll(loop, head->getArgument(0));
  SmallVector<Value> arguments{arith::AddIOp::create(b, code.loc, head->getArgument(0), code.i64(1))};
  for (auto [k, kind] : llvm::enumerate(carries.kinds))
    if (kind == CarryPlaces::Swapped)
      arguments.append({carries.next[k], carries.present[k]});
    else if (kind == CarryPlaces::Row)
      arguments.push_back(pointerTo(yield.getOperand(k)));
    else if (kind == CarryPlaces::Held)
      code.copyValue(carries.present[k], pointerTo(yield.getOperand(k)), loop->getResult(k).getType());
  cf::BranchOp::create(b, code.loc, head, arguments);
}

void FunctionLowering::endCarries(Operation *loop, const CarryPlaces &carries) {
  for (auto [k, kind] : llvm::enumerate(carries.kinds))
    if (kind == CarryPlaces::Held || kind == CarryPlaces::Row)
      code.copyValue(carries.homes[k], carries.present[k], loop->getResult(k).getType());
}

LogicalResult FunctionLowering::lower(ForOp loop, const Surroundings &around) {
  OpBuilder &b = code.builder;
  Location loc = code.loc;
  SizeExpr countExpr = loop.getCount().getSize();
  Value count = code.hoisted(countExpr), zero = code.i64(0), one = code.i64(1);
  // The last value ends in the home place: after an odd count of swaps the init begins in the spare one.
  CarryPlaces carries = beginCarries(loop, around, [&](unsigned k, Value home, Value spare) -> Swap {
    if (auto constant = countExpr.constant())
      return *constant % 2 ? Swap{spare, home} : Swap{home, spare};
    Value odd = code.compare(arith::CmpIPredicate::ne, arith::AndIOp::create(b, loc, count, one), zero);
    code.copyBytes(spare, home, arith::SelectOp::create(b, loc, odd, bytesOfValue(loop.getResult(k)), zero));
    return {arith::SelectOp::create(b, loc, odd, spare, home), arith::SelectOp::create(b, loc, odd, home, spare)};
  });
  Block *head = enterHead(carries), *body = code.newBlock(), *done = code.newBlock();
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
  inside.next = carries.next;
  inside.rows.resize(loop.getNumCarries()); // rows are numbered as results are
  for (unsigned k = loop.getNumCarries(); k < loop.getNumResults(); ++k)
    inside.rows.push_back(rowOf(carries.homes[k], loop.getYield().getOperand(k).getType()));
  for (auto [argument, present] : llvm::zip(loop.getCarryArguments(), carries.present))
    pointers[argument] = present;
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
  nextTrip(loop, loop.getYield(), carries, head);
  b.setInsertionPointToEnd(done);
  endCarries(loop, carries);
  return success();
}

LogicalResult FunctionLowering::lower(WhileOp loop, const Surroundings &around) {
  OpBuilder &b = code.builder;
  Location loc = code.loc;
  CarryPlaces carries = beginCarries(loop, around, [](unsigned, Value home, Value spare) { return Swap{home, spare}; });
  Block *head = enterHead(carries), *body = code.newBlock(), *done = code.newBlock();
  Surroundings inside;
  inside.next = carries.next;
  for (auto [k, present] : llvm::enumerate(carries.present)) {
    pointers[loop.getCarryArguments()[k]] = present; // not in one statement: the map may move what it holds
    pointers[loop.getConditionBlock().getArgument(k)] = present;
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
  nextTrip(loop, loop.getYield(), carries, head);

  b.setInsertionPointToEnd(done);
  endCarries(loop, carries);
  if (!llvm::is_contained(carries.kinds, CarryPlaces::Swapped))
    return success();
  // After an odd number of trips the last values of those that swap stand in the second places.
  Block *move = code.newBlock(), *end = code.newBlock();
  Value odd = code.compare(arith::CmpIPredicate::ne, arith::AndIOp::create(b, loc, head->getArgument(0), code.i64(1)),
                           code.i64(0));
  cf::CondBranchOp::create(b, loc, odd, move, end);
  b.setInsertionPointToEnd(move);
  for (auto [k, kind] : llvm::enumerate(carries.kinds))
    if (kind == CarryPlaces::Swapped)
      code.copyValue(carries.homes[k], carries.present[k], loop.getResult(k).getType());
  code.continueIn(end);
  return success();
}

LogicalResult FunctionLowering::lower(SizedOp op, const Surroundings &around) {
  OpBuilder &b = code.builder;
  Location loc = code.loc;
  Value size = code.load(b.getI64Type(), pointerTo(op.getValue()));
  if (auto bound = op.getBound())
    size = arith::MinSIOp::create(b, loc, size, code.hoisted(bound->getSize()));
  size = arith::MaxSIOp::create(b, loc, size, code.i64(0));
  for (auto [argument, captured] : llvm::zip(op.getBodyBlock().getArguments(), op.getCaptures()))
    pointers[argument] = pointerTo(captured);
  code.beginScope(op.getSymbol(), size);
  if (failed(checkSizes(op.getBody())))
    return failure();
  requestResults();
  Surroundings inside;
  inside.branches = placeResults(op, around);
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
      signatures[function.getName()] = {function.getFunctionType(), symbolsOf(function),
                                        function->hasAttr("weft.inline")};
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
