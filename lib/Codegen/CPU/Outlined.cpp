// Decides what of a kernel is a function of its own: bodies of parallel loops, which the runtime's pool calls, and
// parts that other threads of the compiler may take.
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/RegionUtils.h"
#include "weft/Codegen/CPU/Emitter.h"

using namespace mlir;

namespace weft {

void Emitter::apart(llvm::function_ref<void()> body) {
  auto here = scf::ExecuteRegionOp::create(b, loc, TypeRange());
  Region &region = here.getRegion();
  {
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&region);
    body();
  }
  // What it reads of what is outside: vectors (masks) and constants are made again, scalars and pointers passed.
  llvm::SetVector<Value> outside;
  getUsedValuesDefinedAbove(region, outside);
  auto isMadeAgain = [](Value value) {
    Operation *op = value.getDefiningOp();
    return op && isPure(op) && (op->hasTrait<OpTrait::ConstantLike>() || isa<VectorType>(value.getType()));
  };
  for (const Value *found; (found = llvm::find_if(outside, isMadeAgain)) != outside.end();) {
    Value value = *found;
    OpBuilder builder = OpBuilder::atBlockBegin(&region.front());
    replaceAllUsesInRegionWith(value, builder.clone(*value.getDefiningOp())->getResult(0), region);
    outside.clear();
    getUsedValuesDefinedAbove(region, outside);
  }
  SmallVector<Value> passed;
  for (Value value : outside)
    passed.push_back(value.getType().isIndex() ? toI64(value) : value);
  LLVM::LLVMFuncOp function = newFunction(llvm::to_vector(ValueRange(passed).getTypes()));
  LLVM::CallOp::create(b, loc, function, passed);

  OpBuilder::InsertionGuard guard(b);
  Block &block = function.front();
  b.setInsertionPointToStart(&block);
  for (auto [value, argument] : llvm::zip(outside, block.getArguments())) {
    Value inside = argument;
    if (value.getType().isIndex())
      inside = b.createOrFold<arith::IndexCastOp>(loc, value.getType(), inside);
    replaceAllUsesInRegionWith(value, inside, region);
  }
  block.getOperations().splice(block.end(), region.front().getOperations());
  b.setInsertionPointToEnd(&block);
  LLVM::ReturnOp::create(b, loc, ValueRange{});
  here.erase();
}

LLVM::LLVMFuncOp Emitter::newFunction(ArrayRef<Type> arguments) {
  std::string name = (graph.function.getName() + "_body").str();
  if (bodies++)
    name += std::to_string(bodies);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(graph.function);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), arguments);
  auto function = LLVM::LLVMFuncOp::create(b, loc, name, type, LLVM::Linkage::Internal);
  function.addEntryBlock(b);
  return function;
}

void Emitter::parallel(const SizeExpr &items, const SizeExpr &bytesPerItem, double nsPerItem,
                       llvm::function_ref<void(Value, Value)> body, ArrayRef<Value *> captured) {
  // Chunks of about 64 KB of traffic, or 20 us of arithmetic where an item is dear: by size, never by thread count.
  // Large loops have larger chunks, up to 16 times, so that a thread reads long stretches; small ones have smaller
  // chunks, down to 2 us, so that they are shared out at all.
  constexpr double inlineNs = 4000;
  int64_t chunkBytes = 64 << 10;
  double chunkNs = 20000;
  auto staticItems = items.constant(), staticBytes = bytesPerItem.constant();
  if (staticItems && staticBytes) {
    double factor = std::clamp(double(*staticItems) * double(*staticBytes) / 128 / double(chunkBytes), 1.0, 16.0);
    chunkBytes = int64_t(double(chunkBytes) * factor);
    chunkNs *= factor;
    chunkBytes = std::min(chunkBytes, std::max<int64_t>(8 << 10, *staticItems * *staticBytes / 16));
    chunkNs = std::min(chunkNs, std::max(2000.0, double(*staticItems) * nsPerItem / 16));
  }
  // A body of its own has scratch of its own: in line it would take that of the loop which prepared what it captures.
  if (staticItems && *staticItems * nsPerItem < inlineNs && captured.empty()) {
    body(index(0), index(items));
    return;
  }
  int64_t byTime = std::max<int64_t>(1, int64_t(chunkNs / std::max(nsPerItem, 0.01)));
  Value grain;
  int64_t threads = 0;
  if (staticBytes) {
    int64_t known = std::clamp<int64_t>(chunkBytes / std::max<int64_t>(1, *staticBytes), 1, byTime);
    grain = index(known);
    threads = staticItems ? (*staticItems + known - 1) / known : 0;
  } else
    grain = b.createOrFold<arith::MaxSIOp>(
        loc, index(1),
        minimum(index(byTime),
                b.createOrFold<arith::DivUIOp>(loc, index(chunkBytes),
                                               b.createOrFold<arith::MaxSIOp>(loc, index(1), index(bytesPerItem)))));

  // The closure: pointers, sizes, then what else the body reads, 8 bytes each.
  auto pointerType = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  unsigned slots = pointers.size() + graph.symbols.size() + captured.size();
  Value closure = stack(i64, std::max(1u, slots));
  auto slot = [&](OpBuilder &builder, Value base, unsigned i) {
    return LLVM::GEPOp::create(builder, loc, pointerType, i64, base, ArrayRef<LLVM::GEPArg>{int32_t(i)}).getResult();
  };
  unsigned n = 0;
  for (Value pointer : pointers)
    LLVM::StoreOp::create(b, loc, pointer, slot(b, closure, n++));
  for (const std::string &name : graph.symbols)
    LLVM::StoreOp::create(b, loc, toI64(symbols.lookup(name)), slot(b, closure, n++));
  for (Value *value : captured)
    LLVM::StoreOp::create(b, loc, value->getType().isIndex() ? toI64(*value) : *value, slot(b, closure, n++));

  LLVM::LLVMFuncOp outlined = newFunction({pointerType, pointerType, i64, i64});
  {
    OpBuilder::InsertionGuard guard(b);
    Block *block = &outlined.front();
    b.setInsertionPointToStart(block);
    auto savedPointers = pointers;
    auto savedSymbols = symbols;
    Value savedCall = call;
    call = block->getArgument(0);
    n = 0;
    for (Value &pointer : pointers)
      pointer = LLVM::LoadOp::create(b, loc, pointerType, slot(b, block->getArgument(1), n++));
    for (const std::string &symbol : graph.symbols)
      symbols[symbol] = b.createOrFold<arith::IndexCastOp>(
          loc, b.getIndexType(), LLVM::LoadOp::create(b, loc, i64, slot(b, block->getArgument(1), n++)));
    SmallVector<Value> outside;
    for (Value *value : captured) {
      outside.push_back(*value);
      bool isIndex = value->getType().isIndex();
      *value = LLVM::LoadOp::create(b, loc, isIndex ? i64 : value->getType(), slot(b, block->getArgument(1), n++));
      if (isIndex)
        *value = b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), *value);
    }
    Value begin = b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), block->getArgument(2));
    Value end = b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), block->getArgument(3));
    bodyThreads = threads;
    body(begin, end);
    bodyThreads.reset();
    LLVM::ReturnOp::create(b, loc, ValueRange{});
    for (auto [value, saved] : llvm::zip(captured, outside))
      *value = saved;
    pointers = savedPointers;
    symbols = savedSymbols;
    call = savedCall;
  }
  auto runtime = service("weft_rt_parallel", LLVM::LLVMVoidType::get(b.getContext()),
                         {pointerType, pointerType, pointerType, i64, i64, i64});
  Value count = toI64(index(items));
  // The estimate in ns: a constant where sizes are static, else items times the (rounded up) cost of one.
  Value cost;
  if (staticItems)
    cost = arith::ConstantIntOp::create(b, loc, i64, int64_t(*staticItems * nsPerItem));
  else
    cost = b.createOrFold<arith::DivUIOp>(
        loc,
        b.createOrFold<arith::MulIOp>(
            loc, count, arith::ConstantIntOp::create(b, loc, i64, std::max<int64_t>(1, int64_t(nsPerItem * 1024)))),
        arith::ConstantIntOp::create(b, loc, i64, 1024));
  Value function = LLVM::AddressOfOp::create(b, loc, outlined);
  LLVM::CallOp::create(b, loc, runtime, ValueRange{call, function, closure, count, toI64(grain), cost});
}

} // namespace weft
