// Decides how math functions appear in code: the one definition of each (weft/Math), emitted as arith and math ops on
// scalars or vectors. Bit for bit what the reference computes; never a call.
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Math/Definitions.h"

using namespace mlir;

namespace weft {
namespace {

/// The evaluator of the definitions (weft/Math/Evaluator.h) that makes ops.
class VectorEval {
public:
  using F = Value;
  using I = Value;
  using M = Value;

  VectorEval(OpBuilder &b, const Target &target, Location loc, Type type) : b(b), target(target), loc(loc), type(type) {
    element = getElementTypeOrSelf(type);
    integer = like(IntegerType::get(b.getContext(), element.getIntOrFloatBitWidth()));
  }

  bool isF64() const { return element.isF64(); }
  F f(double value) {
    APFloat number(value);
    bool losesInfo;
    number.convert(cast<FloatType>(element).getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    return constant(type, FloatAttr::get(element, number));
  }
  I i(int64_t value) { return constant(integer, IntegerAttr::get(getElementTypeOrSelf(integer), value)); }

  F add(F x, F y) { return arith::AddFOp::create(b, loc, x, y); }
  F sub(F x, F y) { return arith::SubFOp::create(b, loc, x, y); }
  F mul(F x, F y) { return arith::MulFOp::create(b, loc, x, y); }
  F div(F x, F y) { return arith::DivFOp::create(b, loc, x, y); }
  F fma(F x, F y, F z) { return mlir::math::FmaOp::create(b, loc, x, y, z); }
  F neg(F x) { return arith::NegFOp::create(b, loc, x); }
  F abs(F x) { return mlir::math::AbsFOp::create(b, loc, x); }
  F sqrt(F x) { return mlir::math::SqrtOp::create(b, loc, x); }
  F roundeven(F x) { return mlir::math::RoundEvenOp::create(b, loc, x); }
  F floor(F x) { return mlir::math::FloorOp::create(b, loc, x); }
  F trunc(F x) { return mlir::math::TruncOp::create(b, loc, x); }
  F copysign(F x, F sign) { return mlir::math::CopySignOp::create(b, loc, x, sign); }

  M lt(F x, F y) { return compare(arith::CmpFPredicate::OLT, x, y); }
  M le(F x, F y) { return compare(arith::CmpFPredicate::OLE, x, y); }
  M gt(F x, F y) { return compare(arith::CmpFPredicate::OGT, x, y); }
  M ge(F x, F y) { return compare(arith::CmpFPredicate::OGE, x, y); }
  M eq(F x, F y) { return compare(arith::CmpFPredicate::OEQ, x, y); }
  M ne(F x, F y) { return compare(arith::CmpFPredicate::UNE, x, y); }
  M isNan(F x) { return compare(arith::CmpFPredicate::UNO, x, x); }
  M and_(M x, M y) { return arith::AndIOp::create(b, loc, x, y); }
  M or_(M x, M y) { return arith::OrIOp::create(b, loc, x, y); }
  M not_(M x) {
    Type mask = like(b.getI1Type());
    return arith::XOrIOp::create(b, loc, x, constant(mask, b.getBoolAttr(true)));
  }
  F select(M m, F x, F y) { return arith::SelectOp::create(b, loc, m, x, y); }
  I selectI(M m, I x, I y) { return arith::SelectOp::create(b, loc, m, x, y); }

  I bits(F x) { return arith::BitcastOp::create(b, loc, integer, x); }
  F fromBits(I x) { return arith::BitcastOp::create(b, loc, type, x); }
  I addI(I x, I y) { return arith::AddIOp::create(b, loc, x, y); }
  I subI(I x, I y) { return arith::SubIOp::create(b, loc, x, y); }
  I andI(I x, I y) { return arith::AndIOp::create(b, loc, x, y); }
  I orI(I x, I y) { return arith::OrIOp::create(b, loc, x, y); }
  I xorI(I x, I y) { return arith::XOrIOp::create(b, loc, x, y); }
  I shlI(I x, int n) { return arith::ShLIOp::create(b, loc, x, i(n)); }
  I lshrI(I x, int n) { return arith::ShRUIOp::create(b, loc, x, i(n)); }
  M eqI(I x, I y) { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y); }
  M ltI(I x, I y) { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, y); }

  template <class Fn> F scaled(F y, F n, Fn byParts) {
    auto shape = dyn_cast<VectorType>(type);
    int64_t bits = shape ? shape.getNumElements() * element.getIntOrFloatBitWidth() : 0;
    return target.scales && bits >= 128 && llvm::isPowerOf2_64(bits) ? scaledVector(y, n) : byParts();
  }

  /// Rare long paths stand under a branch that is taken if any lane needs it.
  template <size_t N, class Fn> std::array<F, N> whenAny(M condition, std::array<F, N> usual, Fn slow) {
    Value any = condition;
    if (isa<VectorType>(condition.getType()))
      any = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, condition);
    SmallVector<Type> types(N, type);
    auto branch = scf::IfOp::create(b, loc, types, any, /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      std::array<F, N> values = slow();
      SmallVector<Value> chosen;
      for (size_t k = 0; k < N; ++k)
        chosen.push_back(select(condition, values[k], usual[k]));
      scf::YieldOp::create(b, loc, chosen);
      b.setInsertionPointToStart(branch.elseBlock());
      scf::YieldOp::create(b, loc, SmallVector<Value>(usual.begin(), usual.end()));
    }
    std::array<F, N> results;
    for (size_t k = 0; k < N; ++k)
      results[k] = branch.getResult(k);
    return results;
  }

private:
  OpBuilder &b;
  const Target &target;
  Location loc;
  Type type, element, integer;

  Type like(Type other) const {
    if (auto vector = dyn_cast<VectorType>(type))
      return VectorType::get(vector.getShape(), other);
    return other;
  }
  Value constant(Type t, TypedAttr value) {
    if (auto vector = dyn_cast<VectorType>(t))
      return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, Attribute(value)));
    return arith::ConstantOp::create(b, loc, value);
  }
  /// y * 2^n by the instruction; of wider vectors than it takes, by halves.
  F scaledVector(F y, F n) {
    auto shape = cast<VectorType>(y.getType());
    int64_t lanes = shape.getNumElements(), bits = lanes * element.getIntOrFloatBitWidth();
    if (bits > 512) {
      auto half = [&](F whole, int64_t first) -> F {
        return vector::ShuffleOp::create(b, loc, whole, whole,
                                         llvm::to_vector(llvm::seq<int64_t>(first, first + lanes / 2)));
      };
      F low = scaledVector(half(y, 0), half(n, 0)), high = scaledVector(half(y, lanes / 2), half(n, lanes / 2));
      return vector::ShuffleOp::create(b, loc, low, high, llvm::to_vector(llvm::seq<int64_t>(0, lanes)));
    }
    // The operands, what lanes without a mask would keep, the mask; at 512 bits how to round: as ever (4).
    std::string name = "llvm.x86.avx512.mask.scalef." + std::string(isF64() ? "pd." : "ps.") + std::to_string(bits);
    SmallVector<Value> args{y, n, y};
    auto number = [&](unsigned width, int64_t value) {
      args.push_back(arith::ConstantIntOp::create(b, loc, b.getIntegerType(width), value));
    };
    number(std::max<unsigned>(8, lanes), -1);
    if (bits == 512)
      number(32, 4);
    return LLVM::CallIntrinsicOp::create(b, loc, shape, b.getStringAttr(name), args).getResults();
  }
  M compare(arith::CmpFPredicate predicate, F x, F y) { return arith::CmpFOp::create(b, loc, predicate, x, y); }
};

} // namespace

Value expandMath(OpBuilder &b, const Target &target, Location loc, Operation *op, ArrayRef<Value> operands) {
  Type type = operands[0].getType();
  Type element = getElementTypeOrSelf(type);
  if (!element.isF32() && !element.isF64())
    return {};
  // Operands of a binary function may be a scalar and a vector.
  SmallVector<Value> args(operands);
  for (Value arg : operands)
    if (isa<VectorType>(arg.getType()))
      type = arg.getType();
  for (Value &arg : args)
    if (arg.getType() != type)
      arg = vector::BroadcastOp::create(b, loc, type, arg);
  VectorEval e(b, target, loc, type);
  StringRef name = op->getName().stripDialect();
  if (name == "powf")
    name = "pow";
#define UNARY(function)                                                                                                \
  if (name == #function)                                                                                               \
    return weft::math::function(e, args[0]);
#define BINARY(function)                                                                                               \
  if (name == #function)                                                                                               \
    return weft::math::function(e, args[0], args[1]);
#include "weft/Math/Functions.def"
  return {};
}

} // namespace weft
