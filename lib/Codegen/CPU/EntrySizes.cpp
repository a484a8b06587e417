// Decides how named sizes become numbers at run time.
#include "EntrySizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace weft {

static Value constant(OpBuilder &builder, Location loc, int64_t value) {
  return arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(value));
}

/// One step, and its overflow joined to what came before.
template <typename Wrapping, typename Checked>
static Value step(OpBuilder &builder, Location loc, Value a, Value b, Value *overflow) {
  if (!overflow)
    return Wrapping::create(builder, loc, a, b);
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {builder.getI64Type(), builder.getI1Type()});
  Value both = Checked::create(builder, loc, type, a, b);
  Value flag = LLVM::ExtractValueOp::create(builder, loc, both, 1);
  *overflow = *overflow ? Value(arith::OrIOp::create(builder, loc, *overflow, flag)) : flag;
  return LLVM::ExtractValueOp::create(builder, loc, both, 0);
}

/// Rounds down, as floordiv does; upstream's op for it would need one more pass to expand.
static Value floorDivide(OpBuilder &builder, Location loc, Value value, int64_t divisor) {
  if (llvm::isPowerOf2_64(divisor))
    return arith::ShRSIOp::create(builder, loc, value, constant(builder, loc, llvm::Log2_64(divisor)));
  Value by = constant(builder, loc, divisor), zero = constant(builder, loc, 0);
  Value quotient = arith::DivSIOp::create(builder, loc, value, by);
  Value rest = arith::RemSIOp::create(builder, loc, value, by);
  Value below = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, rest, zero);
  Value lower = arith::SubIOp::create(builder, loc, quotient, constant(builder, loc, 1));
  return arith::SelectOp::create(builder, loc, below, lower, quotient);
}

Value SizeEmitter::expand(OpBuilder &builder, Location loc, const SizeExpr &size, Value *overflow) {
  Value sum;
  for (auto &[atoms, coefficient] : size.getTerms()) {
    Value product;
    if (coefficient != 1 || atoms.empty())
      product = constant(builder, loc, coefficient);
    for (const SizeExpr::Atom &atom : atoms) {
      Value factor;
      if (!atom.divisor)
        factor = symbols.lookup(atom.symbol);
      else if ((factor = expand(builder, loc, atom.dividend.front(), overflow)))
        factor = floorDivide(builder, loc, factor, atom.divisor);
      if (!factor)
        return {};
      product =
          product ? step<arith::MulIOp, LLVM::SMulWithOverflowOp>(builder, loc, product, factor, overflow) : factor;
    }
    sum = sum ? step<arith::AddIOp, LLVM::SAddWithOverflowOp>(builder, loc, sum, product, overflow) : product;
  }
  return sum ? sum : constant(builder, loc, 0);
}

Value SizeEmitter::emit(OpBuilder &builder, Location loc, const SizeExpr &size) {
  Value &value = known[size.str()];
  if (!value)
    value = expand(builder, loc, size, nullptr);
  return value;
}

Value SizeEmitter::emitChecked(OpBuilder &builder, Location loc, const SizeExpr &size, Value &overflow) {
  Value &value = known[size.str()];
  value = expand(builder, loc, size, &overflow);
  return value;
}

std::optional<std::pair<SizeExpr, SizeExpr>> linearIn(const SizeExpr &size, llvm::StringRef symbol) {
  SizeExpr slope, rest;
  for (auto &[atoms, coefficient] : size.getTerms()) {
    SizeExpr term(coefficient);
    unsigned seen = 0;
    for (const SizeExpr::Atom &atom : atoms) {
      if (!atom.divisor && atom.symbol == symbol) {
        ++seen;
        continue;
      }
      if (atom.divisor && llvm::is_contained(atom.dividend.front().symbols(), symbol))
        return std::nullopt;
      term = term * (atom.divisor ? atom.dividend.front().floordiv(atom.divisor) : SizeExpr::symbol(atom.symbol));
    }
    if (seen > 1)
      return std::nullopt;
    (seen ? slope : rest) = (seen ? slope : rest) + term;
  }
  return std::make_pair(slope, rest);
}

} // namespace weft
