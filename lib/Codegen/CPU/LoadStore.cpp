// Decides how addresses, loads and stores look in the emitted code, and where a kernel's own memory is.
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "weft/Codegen/CPU/Emitter.h"

using namespace mlir;

namespace weft {

Type Emitter::memoryType(Type element) {
  if (element.isInteger(1))
    return IntegerType::get(element.getContext(), 8);
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), integer.getWidth());
  return element;
}

unsigned Emitter::byteWidth(Type element) { return memoryType(element).getIntOrFloatBitWidth() / 8; }

Value Emitter::offset(const Linear &linear, const Point &point) {
  Value sum = index(linear.offset);
  for (auto [coef, i] : llvm::zip(linear.coefs, point.indices))
    if (coef != SizeExpr(0) && i)
      sum = add(sum, mul(i, coef));
  return sum;
}

Value Emitter::address(Value pointer, Type element, Value offset) {
  Value i = toI64(offset);
  return once({memoryType(element).getAsOpaquePointer(), pointer.getAsOpaquePointer(), i.getAsOpaquePointer(), 0}, [&] {
    return LLVM::GEPOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext()), memoryType(element), pointer,
                               ArrayRef<LLVM::GEPArg>{i});
  });
}

/// Takes numbers out of an index: what is added to it, or all of it (null then).
static Value withoutNumbers(Value index, int64_t &number) {
  APInt value;
  while (auto sum = index.getDefiningOp<arith::AddIOp>()) {
    if (!matchPattern(sum.getRhs(), m_ConstantInt(&value)))
      break;
    number += value.getSExtValue();
    index = sum.getLhs();
  }
  if (!matchPattern(index, m_ConstantInt(&value)))
    return index;
  number += value.getSExtValue();
  return {};
}

Value Emitter::place(Value pointer, Type element, const Linear &linear, const Point &point) {
  SizeExpr numbers = linear.offset;
  Value sum;
  for (auto [coef, i] : llvm::zip(linear.coefs, point.indices)) {
    if (coef == SizeExpr(0) || !i)
      continue;
    int64_t number = 0;
    Value rest = withoutNumbers(i, number);
    numbers = numbers + coef * SizeExpr(number);
    if (rest)
      sum = sum ? add(sum, mul(rest, coef)) : mul(rest, coef);
  }
  Value shared = sum ? address(pointer, element, sum) : pointer;
  if (numbers == SizeExpr(0))
    return shared;
  auto number = numbers.constant();
  if (!number || !llvm::isInt<32>(*number))
    return address(shared, element, index(numbers));
  return once({memoryType(element).getAsOpaquePointer(), shared.getAsOpaquePointer(), nullptr, *number}, [&] {
    return LLVM::GEPOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext()), memoryType(element), shared,
                               ArrayRef<LLVM::GEPArg>{int32_t(*number)});
  });
}

Value Emitter::laneSteps(const SizeExpr &coef, unsigned width) {
  auto steps = llvm::to_vector(llvm::seq<int64_t>(0, width));
  auto type = vectorOf(b.getI64Type(), width);
  Value lanes = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, ArrayRef(steps)));
  return arith::MulIOp::create(b, loc, lanes, widen(toI64(index(coef)), width));
}

Value Emitter::laneAddresses(Value base, Type memory, Value offsets) {
  unsigned width = cast<VectorType>(offsets.getType()).getNumElements();
  auto type = VectorType::get({width}, LLVM::LLVMPointerType::get(b.getContext()));
  return LLVM::GEPOp::create(b, loc, type, memory, base, ArrayRef<LLVM::GEPArg>{offsets});
}

Value Emitter::maskOf(const Point &point) {
  if (point.mask)
    return point.mask;
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vectorOf(b.getI1Type(), point.width), true));
}

/// Lanes that stand a few elements apart, or the other way round: of whole vectors, as many as steps are long, of which
/// the last ends with the last lane. An element of memory is read where the lane at it or after it is.
Value Emitter::loadSteps(Value at, Type element, int64_t step, const Point &point) {
  const int64_t width = point.width, vectors = std::abs(step);
  const unsigned align = byteWidth(element);
  VectorType type = vectorOf(memoryType(element), width);
  auto startOf = [&](int64_t v) { return step < 0 ? 1 - width : std::min(v * width, (width - 1) * step + 1 - width); };
  SmallVector<Value> parts;
  for (int64_t v = 0; v < vectors; ++v) {
    Value from = address(at, element, index(startOf(v)));
    if (!point.mask) {
      parts.push_back(LLVM::LoadOp::create(b, loc, type, from, align));
      continue;
    }
    SmallVector<int64_t> lanes;
    for (int64_t i = startOf(v); i < startOf(v) + width; ++i)
      lanes.push_back(step < 0 ? -i : llvm::divideCeil(i, step));
    Value inside = vector::ShuffleOp::create(b, loc, point.mask, point.mask, lanes);
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
    parts.push_back(LLVM::MaskedLoadOp::create(b, loc, type, from, inside, zero, align));
  }
  return picked(parts, [&](int64_t i) {
    const int64_t v = step < 0 ? 0 : i * step / width;
    return std::pair(v, i * step - startOf(v));
  });
}

Value Emitter::load(Value pointer, Type element, const Linear &linear, const Point &point) {
  Type memory = memoryType(element);
  Value at = place(pointer, element, linear, point);
  SizeExpr coef = point.lane < 0 ? SizeExpr(0) : linear.coefs[point.lane];
  unsigned align = byteWidth(element);
  Value value;
  if (coef == SizeExpr(0)) {
    value = LLVM::LoadOp::create(b, loc, memory, at, align);
  } else {
    VectorType type = vectorOf(memory, point.width);
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
    auto step = coef.constant();
    if (step && ((*step >= 2 && *step <= 4) || *step == -1)) {
      value = loadSteps(at, element, *step, point);
    } else if (coef != SizeExpr(1)) {
      value = LLVM::masked_gather::create(b, loc, type, laneAddresses(at, memory, laneSteps(coef, point.width)),
                                          maskOf(point), zero, align);
    } else if (point.mask) {
      value = LLVM::MaskedLoadOp::create(b, loc, type, at, point.mask, zero, align);
    } else {
      value = LLVM::LoadOp::create(b, loc, type, at, align);
    }
  }
  if (element.isInteger(1)) { // not cut to a bit: that of reversed lanes of a constant mask LLVM 22 never ends to lower
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(value.getType()));
    value = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, zero);
  }
  return pairs && element.isBF16() ? fromPairs(value) : value;
}

/// How many lanes a mask (laneMask) holds, if that is known.
static std::optional<int64_t> lanesOf(Value mask) {
  auto below = mask.getDefiningOp<arith::CmpIOp>();
  Value count = below ? below.getRhs() : Value();
  if (auto repeated = count ? count.getDefiningOp<vector::BroadcastOp>() : vector::BroadcastOp())
    count = repeated.getSource();
  APInt lanes;
  if (!count || !matchPattern(count, m_ConstantInt(&lanes)))
    return std::nullopt;
  return lanes.getSExtValue();
}

void Emitter::store(Value value, Value pointer, Type element, const Linear &linear, const Point &point) {
  Type memory = memoryType(element);
  SizeExpr coef = point.lane < 0 ? SizeExpr(0) : linear.coefs[point.lane];
  bool wide = point.lane >= 0;
  if (wide)
    value = widen(value, point.width);
  if (element.isInteger(1))
    value = arith::ExtUIOp::create(b, loc, wide ? Type(vectorOf(memory, point.width)) : memory, value);
  if (pairs && element.isBF16())
    value = toPairs(value);
  Value at = place(pointer, element, linear, point);
  unsigned align = byteWidth(element);
  if (!wide || coef == SizeExpr(1)) {
    auto known = wide && point.mask ? lanesOf(point.mask) : std::nullopt;
    // As a masked store one lane would write four bytes where the value is cut to one or two (LLVM 22, AVX-512).
    if (known && *known == 1)
      LLVM::StoreOp::create(b, loc, vector::ExtractOp::create(b, loc, value, 0), at, align);
    else if (known && *known > 1 && !target.cheapMaskedStore)
      for (int64_t from = 0, part; from < *known; from += part) { // powers of two
        part = llvm::bit_floor(uint64_t(*known - from));
        auto lanes = llvm::to_vector(llvm::seq(from, from + part));
        Value some = part > 1 ? Value(vector::ShuffleOp::create(b, loc, value, value, lanes))
                              : Value(vector::ExtractOp::create(b, loc, value, from));
        LLVM::StoreOp::create(b, loc, some, address(at, element, index(from)), align);
      }
    else if (wide && point.mask)
      LLVM::MaskedStoreOp::create(b, loc, value, at, point.mask, align);
    else if (wide && streaming)
      LLVM::StoreOp::create(b, loc, value, at, std::min(64u, point.width * align), /*isVolatile=*/false,
                            /*isNonTemporal=*/true);
    else
      LLVM::StoreOp::create(b, loc, value, at, align);
    return;
  }
  LLVM::masked_scatter::create(b, loc, value, laneAddresses(at, memory, laneSteps(coef, point.width)), maskOf(point),
                               align);
}

void Emitter::prefetch(Value pointer, Type element, const Linear &linear, const Point &point, bool forWriting,
                       bool intoFirst) {
  LLVM::Prefetch::create(b, loc, place(pointer, element, linear, point), /*rw=*/forWriting, /*hint=*/intoFirst ? 3 : 2,
                         /*cache=*/1);
}

Value Emitter::beforeLine(Value address, Type element) {
  Value at = LLVM::PtrToIntOp::create(b, loc, b.getI64Type(), address);
  auto number = [&](int64_t value) { return arith::ConstantIntOp::create(b, loc, b.getI64Type(), value); };
  Value bytes = arith::AndIOp::create(b, loc, arith::SubIOp::create(b, loc, number(0), at), number(63));
  Value elements = arith::DivUIOp::create(b, loc, bytes, number(byteWidth(element)));
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), elements);
}

void Emitter::fenceStreams() {
  LLVM::CallIntrinsicOp::create(b, loc, b.getStringAttr("llvm.x86.sse.sfence"), ValueRange{});
}

Value Emitter::stack(Type element, int64_t count) {
  OpBuilder::InsertionGuard guard(b);
  Block *entry = b.getInsertionBlock();
  while (!isa<FunctionOpInterface>(entry->getParentOp()))
    entry = entry->getParentOp()->getBlock();
  b.setInsertionPointToStart(entry);
  Value n = LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(count));
  return LLVM::AllocaOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext()), memoryType(element), n, 64);
}

LLVM::LLVMFuncOp Emitter::service(StringRef name, Type result, ArrayRef<Type> arguments) {
  auto module = graph.function->getParentOfType<ModuleOp>();
  if (auto known = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return known;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(module.getBody());
  return LLVM::LLVMFuncOp::create(b, module.getLoc(), name, LLVM::LLVMFunctionType::get(result, arguments));
}

SmallVector<Value> Emitter::scratch(ArrayRef<SizeExpr> bytes) {
  SizeExpr total(0);
  SmallVector<Value> offsets;
  for (const SizeExpr &size : bytes) {
    offsets.push_back(index(total));
    total = total + (size + SizeExpr(63)).floordiv(64) * SizeExpr(64);
  }
  scratchUse.include(bodyThreads ? Scratch{0, total, *bodyThreads} : Scratch{total, 0});
  Type pointer = LLVM::LLVMPointerType::get(b.getContext()), i64 = b.getI64Type();
  auto function = service("weft_rt_scratch", pointer, {pointer, i64});
  Value base = LLVM::CallOp::create(b, loc, function, ValueRange{call, toI64(index(total))}).getResult();
  for (Value &offset : offsets)
    offset = address(base, b.getI8Type(), offset);
  return offsets;
}

} // namespace weft
