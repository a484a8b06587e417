// Decides the small vocabulary of which the code of entries is made.
#include "EntryCode.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Shape.h"

using namespace mlir;

namespace weft {

EntryCode::EntryCode(func::FuncOp function)
    : builder(function.getContext()), loc(function.getLoc()), function(function) {
  Block *entry = function.addEntryBlock();
  call = entry->getArgument(0);
  exit = builder.createBlock(&function.getBody(), function.getBody().end(), {builder.getI32Type()}, {loc});
  func::ReturnOp::create(builder, loc, exit->getArguments());
  builder.setInsertionPointToEnd(entry);
}

Value EntryCode::i64(int64_t value) {
  return arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(value));
}
Value EntryCode::i32(int32_t value) {
  return arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(value));
}
Value EntryCode::load(Type type, Value pointer) { return LLVM::LoadOp::create(builder, loc, type, pointer); }
void EntryCode::store(Value value, Value pointer) { LLVM::StoreOp::create(builder, loc, value, pointer); }

void EntryCode::copyBytes(Value to, Value from, Value bytes) {
  LLVM::MemcpyOp::create(builder, loc, to, from, bytes, /*isVolatile=*/false);
}

void EntryCode::copyValue(Value to, Value from, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  SizeExpr bytes = bytesOf(type);
  Type element = LowerContext::loweredElement(tensor.getElementType());
  auto size = bytes.constant();
  if (!size || *size == 0 || *size > registerBytes || !element.isIntOrFloat())
    return copyBytes(to, from, hoisted(bytes));
  // Typed as kernels access it, so that it can stay in a register of that kind.
  // Floats of 16 bits have no registers, and LLVM cannot move odd numbers of them.
  bool isHalf = element.isBF16() || element.isF16();
  Type memory = isHalf ? Type(builder.getI16Type()) : Emitter::memoryType(element);
  unsigned alignment = Emitter::byteWidth(element);
  if (tensor.getNumElements() > 1)
    memory = VectorType::get({tensor.getNumElements()}, memory);
  Value value = LLVM::LoadOp::create(builder, loc, memory, from, alignment);
  LLVM::StoreOp::create(builder, loc, value, to, alignment);
}

Value EntryCode::address(Value base, Value bytes) {
  return LLVM::GEPOp::create(builder, loc, pointerType(), builder.getI8Type(), base, ArrayRef<LLVM::GEPArg>{bytes});
}

Value EntryCode::address(Value base, const SizeExpr &bytes) {
  return bytes == SizeExpr(0) ? base : address(base, hoisted(bytes));
}

Value EntryCode::compare(arith::CmpIPredicate predicate, Value a, Value b) {
  return arith::CmpIOp::create(builder, loc, predicate, a, b);
}

Value EntryCode::stack(int64_t bytes) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AllocaOp::create(builder, loc, pointerType(), builder.getI64Type(), i64((bytes + 7) / 8));
}

Value EntryCode::text(StringRef text) {
  auto module = function->getParentOfType<ModuleOp>();
  std::string name;
  for (int i = 0; name.empty() || module.lookupSymbol(name); ++i)
    name = "weft_text_" + std::to_string(i);
  LLVM::GlobalOp global;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    std::string terminated = text.str() + '\0';
    auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), terminated.size());
    global = LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                                    builder.getStringAttr(terminated));
  }
  return LLVM::AddressOfOp::create(builder, loc, global);
}

Value EntryCode::callRuntime(StringRef name, Type result, ValueRange operands) {
  auto module = function->getParentOfType<ModuleOp>();
  auto callee = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!callee) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    Type returned = result ? result : LLVM::LLVMVoidType::get(builder.getContext());
    auto type = LLVM::LLVMFunctionType::get(returned, llvm::to_vector(operands.getTypes()));
    callee = LLVM::LLVMFuncOp::create(builder, function.getLoc(), name, type);
  }
  auto op = LLVM::CallOp::create(builder, loc, callee, operands);
  return result ? op.getResult() : Value();
}

void EntryCode::continueIn(Block *next, ValueRange operands) {
  cf::BranchOp::create(builder, loc, next, operands);
  builder.setInsertionPointToEnd(next);
}

Block *EntryCode::newBlock(TypeRange arguments) {
  OpBuilder::InsertionGuard guard(builder);
  return builder.createBlock(exit, arguments, SmallVector<Location>(arguments.size(), loc));
}

void EntryCode::returnIfFailed(Value status) {
  Block *next = newBlock();
  Value failed = compare(arith::CmpIPredicate::ne, status, i32(0));
  cf::CondBranchOp::create(builder, loc, failed, exit, ValueRange{status}, next, ValueRange{});
  builder.setInsertionPointToEnd(next);
}

void EntryCode::require(Value holds, WeftStatus code, int64_t where, Value expected, Value got) {
  Block *next = newBlock(), *failed = newBlock();
  cf::CondBranchOp::create(builder, loc, holds, next, failed);
  builder.setInsertionPointToEnd(failed);
  Value status = callRuntime("weft_rt_fail", builder.getI32Type(), {call, i32(code), i64(where), expected, got});
  cf::BranchOp::create(builder, loc, exit, ValueRange{status});
  builder.setInsertionPointToEnd(next);
}

void EntryCode::returnIfNull(Value pointer) {
  Block *next = newBlock();
  Value null = LLVM::ZeroOp::create(builder, loc, pointerType());
  Value none = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, pointer, null);
  cf::CondBranchOp::create(builder, loc, none, exit, ValueRange{i32(WEFT_ERR_NO_MEMORY)}, next, ValueRange{});
  builder.setInsertionPointToEnd(next);
}

Value EntryCode::byteCount(const SizeExpr &bytes) {
  Value overflow, value = sizes.emitChecked(builder, loc, bytes, overflow);
  if (overflow) {
    Value never = arith::ConstantOp::create(builder, loc, builder.getBoolAttr(false));
    require(compare(arith::CmpIPredicate::eq, overflow, never), WEFT_ERR_NO_MEMORY, 0,
            i64(std::numeric_limits<int64_t>::max()), i64(0));
  }
  return value;
}

void EntryCode::finish() { cf::BranchOp::create(builder, loc, exit, ValueRange{i32(0)}); }

void EntryCode::beginBody() {
  Block *body = newBlock();
  hoistBefore = cf::BranchOp::create(builder, loc, body);
  builder.setInsertionPointToEnd(body);
}

void EntryCode::beginScope(StringRef symbol, Value value) {
  scopes.push_back({symbol.str(), sizes});
  sizes.forget();
  sizes.bind(symbol, value);
}

void EntryCode::beginScopeBody() {
  Block *body = newBlock();
  scopes.back().hoistBefore = cf::BranchOp::create(builder, loc, body);
  builder.setInsertionPointToEnd(body);
}

void EntryCode::endScope() {
  sizes = scopes.back().outside;
  scopes.pop_back();
}

Value EntryCode::hoisted(const SizeExpr &size) {
  OpBuilder::InsertionGuard guard(builder);
  Operation *before = hoistBefore;
  std::vector<std::string> symbols = size.symbols();
  for (const Scope &scope : scopes)
    if (llvm::is_contained(symbols, scope.symbol))
      before = scope.hoistBefore;
  if (before)
    builder.setInsertionPoint(before);
  Value value = sizes.emit(builder, loc, size);
  assert(value && "a size has a symbol that nothing binds: checkSizes() comes first");
  return value;
}

} // namespace weft
