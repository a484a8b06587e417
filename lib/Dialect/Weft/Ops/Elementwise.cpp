// Decides the rules that all elementwise ops share; what each op computes stands in Elementwise.td.
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Batcher.h"
#include "weft/Transforms/Derivative.h"
#include <cmath>

using namespace mlir;
using namespace weft;

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Elementwise.cpp.inc"

//===-- verify, infer --------------------------------------------------------------------------------------------===//

LogicalResult weft::inferElementwise(ValueRange operands, Type element, SmallVectorImpl<Type> &types) {
  auto last = dyn_cast<RankedTensorType>(operands.back().getType());
  if (!last)
    return failure();
  types.push_back(withElement(last, element));
  return success();
}

LogicalResult weft::inferElementwise(ValueRange operands, ElementRule rule, SmallVectorImpl<Type> &types) {
  Type element = getElementTypeOrSelf(operands.back().getType());
  return inferElementwise(operands, rule == ElementRule::Bool ? IntegerType::get(element.getContext(), 1) : element,
                          types);
}

LogicalResult weft::verifyElementwise(Operation *op) {
  auto shape = [](Type t) { return withElement(t, IntegerType::get(t.getContext(), 1)); };
  for (Value operand : op->getOperands())
    if (shape(operand.getType()) != shape(op->getResult(0).getType()))
      return op->emitOpError("[WF1012] expected operands and result of one shape, got ")
             << operand.getType() << " and " << op->getResult(0).getType();
  if (isa<ConvertOp>(op) &&
      (isa<KeyType>(getElementTypeOrSelf(op->getOperand(0))) || isa<KeyType>(getElementTypeOrSelf(op->getResult(0)))))
    return op->emitOpError("[WF1022] keys are not numbers; hint: their words are weft.key_data");
  // All operands but a condition share one element type.
  ValueRange numbers = op->getOperands();
  if (numbers.size() == 3)
    numbers = numbers.drop_front();
  for (Value operand : numbers)
    if (getElementTypeOrSelf(operand) != getElementTypeOrSelf(numbers.front()))
      return op->emitOpError("[WF1021] expected operands of one element type, got ")
             << numbers.front().getType() << " and " << operand.getType();
  return success();
}

//===-- fold -----------------------------------------------------------------------------------------------------===//

namespace {

/// What all elements of an operand are, in questions that rules ask; no answer where they differ or are not known.
struct Uniform {
  DenseElementsAttr splat;
  explicit Uniform(Value value) : splat(uniformOf(value)) {}

  bool isFloat(double number) const {
    if (!splat || !isa<FloatType>(splat.getElementType()))
      return false;
    // Bits are compared: -0 is not +0. What rounding made of `number` is not that number.
    APFloat value = splat.getSplatValue<APFloat>(), wanted(number);
    bool losesInfo;
    wanted.convert(value.getSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    return !losesInfo && value.bitwiseIsEqual(wanted);
  }
  bool isInt(int64_t number) const {
    if (!splat || !splat.getElementType().isInteger())
      return false;
    APInt value = splat.getSplatValue<APInt>();
    return value == APInt(64, uint64_t(number)).zextOrTrunc(value.getBitWidth());
  }
  /// Of either kind; a zero is +0.
  bool is(int64_t number) const { return isInt(number) || isFloat(double(number)); }
  bool isAllOnes() const {
    return splat && splat.getElementType().isInteger() && splat.getSplatValue<APInt>().isAllOnes();
  }
};

/// All elements of `type` an integer (or bool).
DenseElementsAttr integers(Type type, int64_t number) {
  Type element = getElementTypeOrSelf(type);
  APInt value = APInt(64, uint64_t(number)).zextOrTrunc(element.getIntOrFloatBitWidth());
  return uniformLike(type, DenseElementsAttr::get(RankedTensorType::get({}, element), value));
}

/// Whether a type holds every value of another.
bool holds(Type wide, Type narrow) {
  auto significand = [](Type t) { return int(APFloat::semanticsPrecision(cast<FloatType>(t).getFloatSemantics())); };
  if (wide == narrow)
    return true;
  if (!wide.isIntOrFloat() || !narrow.isIntOrFloat())
    return false;
  bool isBool = narrow.isInteger(1);
  int bits = narrow.getIntOrFloatBitWidth();
  if (isa<FloatType>(wide)) {
    if (isa<FloatType>(narrow)) // f16 and bf16 hold neither each other
      return int(wide.getIntOrFloatBitWidth()) > bits;
    return bits <= significand(wide);
  }
  if (isa<FloatType>(narrow) || wide.isInteger(1))
    return false;
  bool fromUnsigned = narrow.isUnsignedInteger() || isBool;
  return int(wide.getIntOrFloatBitWidth()) > bits && (fromUnsigned || !wide.isUnsignedInteger());
}

} // namespace

/// x op y = x, y, or one number, for integers, bools and floats alike where it is exact.
static OpFoldResult foldBinary(Operation *op) {
  Value x = op->getOperand(0), y = op->getOperand(1);
  Type type = op->getResult(0).getType(), element = getElementTypeOrSelf(x);
  bool isInt = element.isInteger(), isBool = element.isInteger(1);
  Uniform a(x), b(y);
  if (isa<AddOp>(op)) {
    // x + (-0) = x for every x; x + (+0) is +0 for x = -0.
    if (b.isFloat(-0.0) || b.isInt(0))
      return x;
    if (a.isFloat(-0.0) || a.isInt(0))
      return y;
  } else if (isa<SubOp>(op)) {
    if (b.is(0)) // x - (+0) = x for every x
      return x;
    if (isInt && x == y)
      return integers(type, 0);
  } else if (isa<MulOp>(op)) {
    if (b.is(1))
      return x;
    if (a.is(1))
      return y;
    if (a.isInt(0) || b.isInt(0)) // not of floats: 0 * inf is NaN, 0 * -1 is -0
      return integers(type, 0);
  } else if (isa<DivOp>(op)) {
    if (b.is(1))
      return x;
    if (a.isInt(0) || b.isInt(0)) // x / 0 = 0
      return integers(type, 0);
  } else if (isa<RemOp>(op)) {
    if (a.isInt(0) || b.isInt(0) || b.isInt(1)) // x rem 0 = 0
      return integers(type, 0);
  } else if (isa<PowOp>(op)) {
    if (isInt && b.is(1))
      return x;
    if (isInt && b.is(0))
      return integers(type, 1);
  } else if (isa<MaxOp, MinOp>(op)) {
    if (x == y)
      return x;
  } else if (isa<AndOp>(op)) {
    if (x == y || b.isAllOnes())
      return x;
    if (a.isAllOnes())
      return y;
    if (a.isInt(0) || b.isInt(0))
      return integers(type, 0);
  } else if (isa<OrOp>(op)) {
    if (x == y || b.isInt(0))
      return x;
    if (a.isInt(0))
      return y;
    if (a.isAllOnes() || b.isAllOnes())
      return integers(type, -1);
  } else if (isa<XorOp>(op)) {
    if (b.isInt(0))
      return x;
    if (a.isInt(0))
      return y;
    if (x == y)
      return integers(type, 0);
  } else if (isa<ShiftLeftOp, ShiftRightOp>(op)) {
    if (b.isInt(0))
      return x;
  } else if (isInt && x == y) { // comparisons: a NaN differs from itself, no integer does
    if (isa<EqOp, LeOp, GeOp>(op))
      return integers(type, 1);
    if (isa<NeOp, LtOp, GtOp>(op))
      return integers(type, 0);
  } else if (isBool && isa<EqOp>(op) && b.isInt(1)) {
    return x;
  } else if (isBool && isa<NeOp>(op) && b.isInt(0)) {
    return x;
  }
  return {};
}

static OpFoldResult foldUnary(Operation *op) {
  Operation *inner = op->getOperand(0).getDefiningOp();
  if (!inner)
    return {};
  // f(f(x)) = x.
  if ((isa<NegOp>(op) && isa<NegOp>(inner)) || (isa<NotOp>(op) && isa<NotOp>(inner)))
    return inner->getOperand(0);
  // f(g(x)) = g(x).
  bool isWhole = isa<FloorOp, CeilOp, TruncOp, RoundOp>(inner);
  if ((isa<AbsOp>(op) && isa<AbsOp>(inner)) || (isa<SignOp>(op) && isa<SignOp>(inner)) ||
      (isa<FloorOp, CeilOp, TruncOp, RoundOp>(op) && isWhole))
    return op->getOperand(0);
  // |-x| = |x|, but of unsigned numbers, which wrap and have no sign to lose.
  if (isa<AbsOp>(op) && isa<NegOp>(inner) && !getElementTypeOrSelf(op->getResult(0)).isUnsignedInteger()) {
    op->setOperand(0, inner->getOperand(0));
    return op->getResult(0);
  }
  return {};
}

static OpFoldResult foldSelect(SelectOp op) {
  Uniform condition(op.getCondition()), x(op.getX()), y(op.getY());
  if (condition.isInt(1) || op.getX() == op.getY())
    return op.getX();
  if (condition.isInt(0))
    return op.getY();
  if (x.splat && y.splat && x.splat.getElementType() == y.splat.getElementType() &&
      x.splat.getRawData() == y.splat.getRawData())
    return op.getX();
  if (getElementTypeOrSelf(op.getResult()).isInteger(1) && x.isInt(1) && y.isInt(0))
    return op.getCondition();
  if (auto inverse = op.getCondition().getDefiningOp<NotOp>()) {
    SmallVector<Value> operands{inverse.getX(), op.getY(), op.getX()};
    op->setOperands(operands);
    return op.getResult();
  }
  return {};
}

static OpFoldResult foldConvert(ConvertOp op) {
  Type to = getElementTypeOrSelf(op.getResult());
  if (getElementTypeOrSelf(op.getX()) == to)
    return op.getX();
  auto inner = op.getX().getDefiningOp<ConvertOp>();
  if (!inner)
    return {};
  // Through a type that holds every value of the first, the detour changes nothing.
  Type from = getElementTypeOrSelf(inner.getX()), through = getElementTypeOrSelf(inner.getResult());
  if (!holds(through, from))
    return {};
  // A float saturates where an integer wraps.
  if (isa<FloatType>(through) && from.isInteger() && to.isInteger() && !to.isInteger(1) && !holds(to, from))
    return {};
  if (from == to)
    return inner.getX();
  op->setOperand(0, inner.getX());
  return op.getResult();
}

OpFoldResult weft::foldElementwise(Operation *op, ArrayRef<Attribute> operands) {
  if (auto select = dyn_cast<SelectOp>(op))
    return foldSelect(select);
  if (auto convert = dyn_cast<ConvertOp>(op))
    return foldConvert(convert);
  return op->getNumOperands() == 1 ? foldUnary(op) : op->getNumOperands() == 2 ? foldBinary(op) : OpFoldResult();
}

//===-- canonicalize ---------------------------------------------------------------------------------------------===//

namespace {

/// (-0) - x = -x, for integers 0 - x.
struct SubFromZero : OpRewritePattern<SubOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SubOp op, PatternRewriter &rewriter) const override {
    Uniform x(op.getX());
    if (!x.isFloat(-0.0) && !x.isInt(0))
      return failure();
    rewriter.replaceOpWithNewOp<NegOp>(op, op.getY());
    return success();
  }
};

/// x * -1 = -x.
struct MulByMinusOne : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    for (auto [factor, other] : {std::pair(op.getX(), op.getY()), std::pair(op.getY(), op.getX())})
      if (Uniform(factor).is(-1)) {
        rewriter.replaceOpWithNewOp<NegOp>(op, other);
        return success();
      }
    return failure();
  }
};

/// x + (-y) = x - y and x - (-y) = x + y: that is what a difference is.
template <class FromT, class ToT> struct TakeSignIn : OpRewritePattern<FromT> {
  using OpRewritePattern<FromT>::OpRewritePattern;
  LogicalResult matchAndRewrite(FromT op, PatternRewriter &rewriter) const override {
    Value x = op.getX();
    auto negative = op.getY().template getDefiningOp<NegOp>();
    if (!negative && isa<AddOp>(op)) {
      x = op.getY();
      negative = op.getX().template getDefiningOp<NegOp>();
    }
    if (!negative)
      return failure();
    Location loc = mergeLocations(op.getContext(), {op.getLoc(), negative.getLoc()});
    rewriter.replaceOp(op, ToT::create(rewriter, loc, x, negative.getX()));
    return success();
  }
};

/// x / 2^k = x * 2^-k: both are the one number rounded once. Not where the inverse is denormal or not exact.
struct DivByPowerOfTwo : OpRewritePattern<DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DivOp op, PatternRewriter &rewriter) const override {
    DenseElementsAttr splat = uniformOf(op.getY());
    if (!splat || !isa<FloatType>(splat.getElementType()))
      return failure();
    APFloat divisor = splat.getSplatValue<APFloat>(), inverse(divisor.getSemantics());
    if (!divisor.getExactInverse(&inverse))
      return failure();
    auto scalar = DenseElementsAttr::get(RankedTensorType::get({}, splat.getElementType()), inverse);
    Type type = op.getType();
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getX(),
                                       materialize(rewriter, op.getLoc(), uniformLike(type, scalar), type));
    return success();
  }
};

/// not (x = y) is x != y, and back; of integers also the orders (a NaN has none).
struct NotOfCompare : OpRewritePattern<NotOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(NotOp op, PatternRewriter &rewriter) const override {
    Operation *compare = op.getX().getDefiningOp();
    if (!compare || compare->getNumOperands() != 2 || !getElementTypeOrSelf(op.getType()).isInteger(1))
      return failure();
    bool ordered = getElementTypeOrSelf(compare->getOperand(0)).isInteger();
    return success(
        replace<EqOp, NeOp>(op, compare, rewriter) || replace<NeOp, EqOp>(op, compare, rewriter) ||
        (ordered && (replace<LtOp, GeOp>(op, compare, rewriter) || replace<GeOp, LtOp>(op, compare, rewriter) ||
                     replace<LeOp, GtOp>(op, compare, rewriter) || replace<GtOp, LeOp>(op, compare, rewriter))));
  }

private:
  template <class FromT, class ToT> static bool replace(NotOp op, Operation *compare, PatternRewriter &rewriter) {
    if (!isa<FromT>(compare))
      return false;
    Location loc = mergeLocations(op.getContext(), {op.getLoc(), compare->getLoc()});
    rewriter.replaceOp(op, ToT::create(rewriter, loc, compare->getOperand(0), compare->getOperand(1)));
    return true;
  }
};

/// What only speaks to derivatives goes when all are taken.
template <class OpT> struct DropForDerivatives : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, op.getX());
    return success();
  }
};

} // namespace

void weft::populateElementwisePatterns(RewritePatternSet &patterns, bool derivativesTaken) {
  patterns.add<SubFromZero, MulByMinusOne, TakeSignIn<AddOp, SubOp>, TakeSignIn<SubOp, AddOp>, DivByPowerOfTwo,
               NotOfCompare>(patterns.getContext());
  if (derivativesTaken)
    patterns.add<DropForDerivatives<StopGradientOp>, DropForDerivatives<CheckpointNameOp>>(patterns.getContext());
}

//===-- derivative (convert; the others' partials stand in the td)
//-------------------------------------------------===//

bool weft::isStrongProduct(Operation *op) { return isa<StrongMulOp>(op); }

StringRef weft::checkpointName(Value value) {
  for (Operation *user : value.getUsers())
    if (auto named = dyn_cast<CheckpointNameOp>(user))
      return named.getLabel();
  auto named = value.getDefiningOp<CheckpointNameOp>();
  return named ? named.getLabel() : StringRef();
}

bool ConvertOp::isLinearIn(unsigned) {
  return isa<FloatType>(getElementTypeOrSelf(getX())) && isa<FloatType>(getElementTypeOrSelf(getResult()));
}

Value ConvertOp::transposeTo(GraphBuilder &builder, unsigned, ValueRange, Value cotangent) {
  return builder.convert(cotangent, getElementTypeOrSelf(getX().getType()));
}

//===-- batch ----------------------------------------------------------------------------------------------------===//

LogicalResult weft::batchElementwise(Operation *op, Batcher &batcher, ValueRange operands, ArrayRef<bool> batched,
                                     SmallVectorImpl<Value> &results) {
  results.push_back(batcher.cloneBatched(op, batcher.materializeAll(op->getLoc(), operands, batched)));
  return success();
}

//===-- lower ----------------------------------------------------------------------------------------------------===//

LogicalResult weft::lowerElementwise(Operation *op, LowerContext &context, ValueRange operands,
                                     SmallVectorImpl<Value> &results) {
  // The operands that are numbers decide how the payload reads integers (a condition is bool in any case).
  Type from = op->getOperands().back().getType(), to = op->getResult(0).getType();
  Type element = LowerContext::loweredElement(getElementTypeOrSelf(to));
  for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
    if (!LowerContext::loweredElement(getElementTypeOrSelf(type)).isIntOrFloat())
      return op->emitOpError("[WF1507] elements of type ") << getElementTypeOrSelf(type) << " have no code yet";
  SmallVector<AffineMap> maps(operands.size(), context.identity(to));
  results.push_back(context.map(to, operands, maps, [&](OpBuilder &b, Location, ValueRange scalars) {
    PayloadBuilder p = context.payload(b, from, to);
    SmallVector<Value> wide;
    for (Value x : scalars.drop_back())
      wide.push_back(LowerContext::widen(p, x));
    return LowerContext::narrow(p, cast<ElementwiseOpInterface>(op).emitScalar(p, wide), element);
  }));
  return success();
}

//===-- reference ------------------------------------------------------------------------------------------------===//

LogicalResult weft::evaluateElementwise(Operation *op, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  auto rule = cast<ElementwiseOpInterface>(op);
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  Tensor result(element, operands.back().getShape());
  ScalarEval e;
  SmallVector<Scalar, 3> scalars(operands.size());
  for (int64_t i = 0, n = result.getNumElements(); i < n; ++i) {
    for (auto [scalar, operand] : llvm::zip(scalars, operands)) {
      scalar = operand.at(i);
      scalar.type = accumulatorType(scalar.type); // f16 and bf16 compute in f32, which holds them exactly
    }
    result.set(i, rule.evalScalar(e, scalars)); // and round here
  }
  results.push_back(result);
  return success();
}
