// Decides how bytes and other small whole numbers are divided by a constant (pixels by 255): by its reciprocal and one
// correction, if that is the quotient of each of them; they are few enough to try.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "weft/Codegen/CPU/Emitter.h"
#include <cmath>

using namespace mlir;

namespace weft {

namespace {

struct Range {
  int64_t least, most;
};

/// The whole numbers that a float was made of, where those are few.
std::optional<Range> fewNumbers(Value x) {
  Operation *made = x.getDefiningOp();
  if (!isa_and_nonnull<arith::UIToFPOp, arith::SIToFPOp>(made))
    return std::nullopt;
  Value from = made->getOperand(0);
  bool isSigned = isa<arith::SIToFPOp>(made);
  if (Operation *wider = from.getDefiningOp(); isa_and_nonnull<arith::ExtUIOp, arith::ExtSIOp>(wider)) {
    from = wider->getOperand(0);
    isSigned = isa<arith::ExtSIOp>(wider);
  }
  const unsigned bits = getElementTypeOrSelf(from.getType()).getIntOrFloatBitWidth();
  if (bits > 16)
    return std::nullopt;
  return isSigned ? Range{-(1 << (bits - 1)), (1 << (bits - 1)) - 1} : Range{0, (1 << bits) - 1};
}

/// Whether x * (1 / y), corrected by what is left of x, is x / y for each x. (For most y, by Markstein's theorem:
/// Computation of elementary functions on the IBM RISC System/6000 processor, 1990.)
template <typename Float> bool isExact(Float y, const Range &range) {
  const Float reciprocal = 1 / y;
  if (!std::isnormal(y) || !std::isnormal(reciprocal))
    return false;
  for (int64_t number = range.least; number <= range.most; ++number) {
    const Float x = Float(number), near = x * reciprocal;
    const Float corrected = std::fma(std::fma(-near, y, x), reciprocal, near), wanted = x / y;
    if (corrected != wanted || std::signbit(corrected) != std::signbit(wanted))
      return false;
  }
  return true;
}

} // namespace

Value quotientOf(Emitter &e, Value x, Value y) {
  llvm::APFloat divisor(0.0);
  auto range = fewNumbers(x);
  Type element = getElementTypeOrSelf(x.getType());
  if (!range || !matchPattern(y, m_ConstantFloat(&divisor)) || !(element.isF32() || element.isF64()))
    return {};
  if (!(element.isF32() ? isExact(divisor.convertToFloat(), *range) : isExact(divisor.convertToDouble(), *range)))
    return {};
  OpBuilder &b = e.b;
  auto vector = dyn_cast<VectorType>(x.getType());
  auto number = [&](const llvm::APFloat &value) -> Value {
    Value constant = arith::ConstantOp::create(b, e.loc, b.getFloatAttr(element, value));
    return vector ? e.widen(constant, vector.getNumElements()) : constant;
  };
  llvm::APFloat one(divisor.getSemantics(), 1);
  one.divide(divisor, llvm::APFloat::rmNearestTiesToEven);
  Value reciprocal = number(one), by = number(divisor);
  Value near = arith::MulFOp::create(b, e.loc, x, reciprocal);
  Value rest = math::FmaOp::create(b, e.loc, arith::NegFOp::create(b, e.loc, near), by, x);
  return math::FmaOp::create(b, e.loc, rest, reciprocal, near);
}

} // namespace weft
