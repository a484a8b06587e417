// Decides how parts that run side by side become a function: one body for all parts of a group, which the part's number
// chooses from; what it reads from the code around stands in a closure, 8 bytes each.
#include "EntryBeside.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace weft {

namespace {

class Outliner {
public:
  Outliner(EntryCode &code, StringRef name) : code(code), b(code.builder), loc(code.loc) {
    Type pointer = code.pointerType(), i64 = b.getI64Type();
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer, pointer, i64, i64});
    b.setInsertionPoint(code.function);
    body = LLVM::LLVMFuncOp::create(b, loc, name, type, LLVM::Linkage::Internal);
    entry = body.addEntryBlock(b);
    // A failure has been recorded in the call: those that wait for the part find it there.
    leave = b.createBlock(&body.getBody(), body.getBody().end(), {b.getI32Type()}, {loc});
    LLVM::ReturnOp::create(b, loc, ValueRange());
  }

  void move(const EntryPart &part) {
    b.setInsertionPointToEnd(part.blocks.back());
    cf::BranchOp::create(b, loc, leave, ValueRange{code.i32(0)});
    for (Block *block : part.blocks) {
      block->moveBefore(leave);
      for (BlockOperand &successor : block->getTerminator()->getBlockOperands())
        if (successor.get() == code.getExit())
          successor.set(leave);
    }
    starts.push_back(part.blocks.front());
  }

  /// Makes values from outside ones of the body; those that nothing else can make are the closure's, in order.
  ArrayRef<Value> bringInside() {
    llvm::MapVector<Value, SmallVector<OpOperand *>> outside;
    body.walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands())
        if (operand.get().getParentRegion() != &body.getBody())
          outside[operand.get()].push_back(&operand);
    });
    for (auto &[value, uses] : outside) {
      b.setInsertionPointToEnd(entry);
      Value inside = value == code.call ? body.getArgument(0) : remade(value, uses.size());
      if (!inside) {
        inside = code.load(value.getType(), slot(body.getArgument(1), closure.size()));
        closure.push_back(value);
      }
      for (OpOperand *use : uses)
        use->set(inside);
    }
    return closure;
  }

  /// The beginning of the body, when all that stands there is made.
  void choosePart() {
    b.setInsertionPointToEnd(entry);
    Value number = arith::TruncIOp::create(b, loc, b.getI32Type(), body.getArgument(2));
    SmallVector<int32_t> cases;
    for (size_t k = 0; k + 1 < starts.size(); ++k)
      cases.push_back(k);
    SmallVector<ValueRange> none(cases.size());
    cf::SwitchOp::create(b, loc, number, starts.back(), ValueRange(), cases, ArrayRef(starts).drop_back(), none);
  }

  Value slot(Value base, size_t number) { return code.address(base, code.i64(8 * int64_t(number))); }

  LLVM::LLVMFuncOp body;

private:
  /// What costs nothing to make again; and memory of the stack that nothing outside touches.
  Value remade(Value value, size_t numUses) {
    Operation *op = value.getDefiningOp();
    if (!op)
      return {};
    if (isa<arith::ConstantOp, LLVM::ZeroOp, LLVM::AddressOfOp>(op))
      return b.clone(*op)->getResult(0);
    auto memory = dyn_cast<LLVM::AllocaOp>(op);
    if (!memory || size_t(std::distance(value.use_begin(), value.use_end())) != numUses)
      return {};
    Operation *size = b.clone(*memory.getArraySize().getDefiningOp());
    IRMapping mapping;
    mapping.map(memory.getArraySize(), size->getResult(0));
    return b.clone(*op, mapping)->getResult(0);
  }

  EntryCode &code;
  OpBuilder &b;
  Location loc;
  Block *entry, *leave;
  SmallVector<Block *> starts;
  SmallVector<Value> closure;
};

} // namespace

/// The parts' times, which the runtime measures: memory of the program.
static Value timesOf(EntryCode &code, const BesideSite &site, StringRef name) {
  OpBuilder &b = code.builder;
  SmallVector<int64_t> times;
  for (const EntryPart &part : site.parts)
    times.push_back(part.all);
  LLVM::GlobalOp global;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(code.function->getParentOfType<ModuleOp>().getBody());
    auto type = LLVM::LLVMArrayType::get(b.getI64Type(), times.size());
    global = LLVM::GlobalOp::create(b, code.loc, type, /*isConstant=*/false, LLVM::Linkage::Internal,
                                    (name + "_times").str(), b.getI64TensorAttr(times), /*alignment=*/8);
  }
  return LLVM::AddressOfOp::create(b, code.loc, global);
}

void outlineParts(EntryCode &code, const BesideSite &site, StringRef name) {
  OpBuilder &b = code.builder;
  OpBuilder::InsertionGuard guard(b);
  code.loc = site.at->getLoc();
  Outliner outliner(code, name);
  double all = 0, shared = 0;
  for (const EntryPart &part : site.parts) {
    outliner.move(part);
    all += double(part.all);
    shared += double(part.shared);
  }
  ArrayRef<Value> closure = outliner.bringInside();
  outliner.choosePart();

  Value memory = code.stack(8 * std::max<int64_t>(1, closure.size()));
  b.setInsertionPoint(site.at);
  for (auto [number, value] : llvm::enumerate(closure))
    code.store(value, outliner.slot(memory, number));
  Value function = LLVM::AddressOfOp::create(b, code.loc, outliner.body), times = timesOf(code, site, name);
  code.callRuntime("weft_rt_beside", Type(),
                   {code.call, function, memory, code.i64(site.parts.size()), times,
                    code.i64(all > 0 ? int64_t(shared / all * 1024) : 0)});
}

} // namespace weft
