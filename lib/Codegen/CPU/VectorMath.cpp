// Decides how math functions appear in code: the one definition of each (weft/Math), emitted as arith and math ops on
// scalars or vectors. Bit for bit what the reference computes; never a call.
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
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

  F lookup(ArrayRef<double> table, I j) {
    auto shape = dyn_cast<VectorType>(type);
    if (!shape)
      return pick(table, j);
    // By as many lanes as the instructions take, the last ones filled up.
    int64_t lanes = shape.getNumElements(), step = lanesPerLookup();
    SmallVector<Value> parts;
    for (int64_t first = 0; first < lanes; first += step) {
      SmallVector<int64_t> taken;
      for (int64_t k = first; k < first + step; ++k)
        taken.push_back(std::min(k, lanes - 1));
      parts.push_back(lookupPart(table, step == lanes ? j : Value(vector::ShuffleOp::create(b, loc, j, j, taken))));
    }
    while (parts.size() > 1) {
      SmallVector<Value> joined;
      for (size_t k = 0; k + 1 < parts.size(); k += 2)
        joined.push_back(join(parts[k], parts[k + 1]));
      if (parts.size() % 2)
        joined.push_back(parts.back());
      parts = joined;
    }
    if (cast<VectorType>(parts[0].getType()) == shape)
      return parts[0];
    return vector::ShuffleOp::create(b, loc, parts[0], parts[0], llvm::to_vector(llvm::seq<int64_t>(0, lanes)));
  }

  bool scales() { return hasExponents(); }
  template <class Fn> F scaled(F y, F n, Fn byParts) {
    if (!hasExponents())
      return byParts();
    return inParts({y, n}, [&](ArrayRef<Value> part) { return exponents("scalef", {part[0], part[1], part[0]}); });
  }

  template <class Fn> std::array<F, 2> split(F x, Fn byBits) {
    if (!hasExponents())
      return byBits();
    auto exponent = [&](F of) {
      return inParts({of}, [&](ArrayRef<Value> part) { return exponents("getexp", {part[0], part[0]}); });
    };
    // Between 3/4 and 3/2; NaN of negative numbers.
    F m = inParts({x}, [&](ArrayRef<Value> part) {
      Value how = arith::ConstantIntOp::create(b, loc, b.getI32Type(), 0b1011);
      return exponents("getmant", {part[0], how, part[0]});
    });
    return {sub(m, f(1)), sub(exponent(x), exponent(m))};
  }

  /// The greatest or the least of two, NaN first and +0 above -0, where an instruction tells zeros apart; else null.
  F extreme(F x, F y, bool greatest) {
    if (!hasExponents())
      return {};
    F number = inParts({x, y}, [&](ArrayRef<Value> part) { // the other one of NaN
      Value how = arith::ConstantIntOp::create(b, loc, b.getI32Type(), greatest ? 0b0101 : 0b0100);
      return exponents("range", {part[0], part[1], how, part[0]});
    });
    return select(compare(arith::CmpFPredicate::ORD, x, y), number, add(x, y));
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
  Value join(Value x, Value y) {
    int64_t lanes = cast<VectorType>(x.getType()).getNumElements() + cast<VectorType>(y.getType()).getNumElements();
    return vector::ShuffleOp::create(b, loc, x, y, llvm::to_vector(llvm::seq<int64_t>(0, lanes)));
  }
  Value call(Type result, StringRef name, ValueRange args) {
    return LLVM::CallIntrinsicOp::create(b, loc, result, b.getStringAttr(name), args).getResults();
  }

  /// Numbers of a table as a constant, from one on, around and around.
  Value entries(ArrayRef<double> table, int64_t first, int64_t count) {
    SmallVector<float> numbers;
    for (int64_t k = first; k < first + count; ++k)
      numbers.push_back(float(table[k % table.size()]));
    auto shape = VectorType::get(count, element);
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(shape, ArrayRef<float>(numbers)));
  }
  Value pick(ArrayRef<double> table, Value j) {
    Value mask = arith::ConstantIntOp::create(b, loc, j.getType(), table.size() - 1);
    Value place = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), arith::AndIOp::create(b, loc, j, mask));
    return vector::ExtractOp::create(b, loc, entries(table, 0, table.size()), ArrayRef<OpFoldResult>{place});
  }
  int64_t lanesPerLookup() const {
    switch (target.lookup) {
    case Target::Lookup::sixteen:
      return 16;
    case Target::Lookup::eight:
      return 8;
    default:
      return 4;
    }
  }
  Value lookupPart(ArrayRef<double> table, Value j) {
    int64_t lanes = lanesPerLookup();
    auto shape = VectorType::get(lanes, element);
    auto number = [&](int64_t value) {
      return arith::ConstantOp::create(
          b, loc, DenseElementsAttr::get(cast<VectorType>(j.getType()), b.getI32IntegerAttr(value)));
    };
    switch (target.lookup) {
    case Target::Lookup::sixteen:
      return call(shape, "llvm.x86.avx512.permvar.sf.512", {entries(table, 0, 16), j});
    case Target::Lookup::eight: {
      auto half = [&](int64_t first) { return call(shape, "llvm.x86.avx2.permps", {entries(table, first, 8), j}); };
      if (table.size() == 8)
        return half(0);
      // Bit 3 chooses the half, as a sign.
      Value sign = arith::ShLIOp::create(b, loc, j, number(28));
      Value upper = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, sign, number(0));
      return arith::SelectOp::create(b, loc, upper, half(8), half(0));
    }
    case Target::Lookup::bytes: {
      auto bytes = VectorType::get(16, b.getI8Type());
      SmallVector<Value> args;
      for (size_t first = 0; first < table.size(); first += 4)
        args.push_back(vector::BitCastOp::create(b, loc, bytes, entries(table, first, 4)));
      Value places = arith::AndIOp::create(b, loc, j, number(table.size() - 1));
      places = arith::MulIOp::create(b, loc, places, number(0x04040404));
      places = arith::AddIOp::create(b, loc, places, number(0x03020100));
      args.push_back(vector::BitCastOp::create(b, loc, bytes, places));
      StringRef name = table.size() == 8 ? "llvm.aarch64.neon.tbl2.v16i8" : "llvm.aarch64.neon.tbl4.v16i8";
      return vector::BitCastOp::create(b, loc, shape, call(bytes, name, args));
    }
    case Target::Lookup::none:
      break;
    }
    Value result = arith::ConstantOp::create(b, loc, b.getZeroAttr(shape));
    for (int64_t k = 0; k < lanes; ++k)
      result = vector::InsertOp::create(b, loc, pick(table, vector::ExtractOp::create(b, loc, j, k)), result, k);
    return result;
  }

  /// Whether the target has instructions for exponents, and these numbers are vectors of a size that they take.
  bool hasExponents() const {
    auto shape = dyn_cast<VectorType>(type);
    int64_t bits = shape ? shape.getNumElements() * element.getIntOrFloatBitWidth() : 0;
    return target.scales && bits >= 128 && llvm::isPowerOf2_64(bits);
  }
  /// What a function makes of vectors of one size, by halves where they are wider than registers.
  Value inParts(ArrayRef<Value> args, llvm::function_ref<Value(ArrayRef<Value>)> make) {
    int64_t lanes = cast<VectorType>(args[0].getType()).getNumElements();
    if (lanes * element.getIntOrFloatBitWidth() <= 512)
      return make(args);
    auto half = [&](int64_t first) {
      return inParts(llvm::map_to_vector(args,
                                         [&](Value whole) -> Value {
                                           auto places = llvm::to_vector(llvm::seq(first, first + lanes / 2));
                                           return vector::ShuffleOp::create(b, loc, whole, whole, places);
                                         }),
                     make);
    };
    Value low = half(0);
    return join(low, half(lanes / 2));
  }
  /// An instruction of AVX-512 with a mask: its operands and what lanes without a mask would keep, then the mask, and
  /// at 512 bits how to round: as ever (4).
  Value exponents(StringRef what, SmallVector<Value> args) {
    auto shape = cast<VectorType>(args[0].getType());
    int64_t lanes = shape.getNumElements(), bits = lanes * element.getIntOrFloatBitWidth();
    auto number = [&](unsigned width, int64_t value) {
      args.push_back(arith::ConstantIntOp::create(b, loc, b.getIntegerType(width), value));
    };
    number(std::max<unsigned>(8, lanes), -1);
    if (bits == 512)
      number(32, 4);
    return call(shape, ("llvm.x86.avx512.mask." + what + (isF64() ? ".pd." : ".ps.") + Twine(bits)).str(), args);
  }
  M compare(arith::CmpFPredicate predicate, F x, F y) { return arith::CmpFOp::create(b, loc, predicate, x, y); }
};

} // namespace

Value expandMath(OpBuilder &b, const Target &target, Location loc, Operation *op, ArrayRef<Value> operands,
                 llvm::function_ref<bool()> isNonPositive) {
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
  if (isa<arith::MaximumFOp, arith::MinimumFOp>(op)) // of a constant, which is no NaN, LLVM's way is as short
    return matchPattern(operands[0], m_Constant()) || matchPattern(operands[1], m_Constant())
               ? Value()
               : e.extreme(args[0], args[1], isa<arith::MaximumFOp>(op));
  StringRef name = op->getName().stripDialect();
  if (name == "powf")
    name = "pow";
  if (name == "exp")
    return weft::math::exp(e, args[0], isNonPositive());
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
