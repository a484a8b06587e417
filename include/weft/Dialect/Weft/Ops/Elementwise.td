// Decides the elementwise family: one line an op. A line gives the name, the element types, the value and the partial
// derivatives as expressions over x, y, z (operands), r (the result), and what it is.
// `value` is instantiated for the reference (Scalar) and the lowering (PayloadBuilder); each of `partials` for the graph
// (GraphBuilder); "" says that the derivative is zero. See docs/add-an-op.md.
#ifndef WEFT_ELEMENTWISE
#define WEFT_ELEMENTWISE

include "weft/Dialect/Weft/WeftBase.td"

/// `result`: "same" (element type of the last operand), or "bool".
class Weft_ElementwiseBase<string mnemonic, dag operands, Type resultType, string result, string value,
                           string derivative, string what, string example, list<Trait> traits>
    : Weft_PureOp<mnemonic, [
        DeclareOpInterfaceMethods<ElementwiseOpInterface>, DeclareOpInterfaceMethods<FusionOpInterface>,
        DeclareOpInterfaceMethods<ReferenceOpInterface>, DeclareOpInterfaceMethods<LowerOpInterface>,
        DeclareOpInterfaceMethods<BatchOpInterface>] # traits> {
  let summary = what;
  let description = "Elementwise: " # what # ".\n\nExample:\n```mlir\n" # example # "\n```\n";
  let arguments = operands;
  let results = (outs resultType:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
  /// Bound of the error against the exact result, in units in the last place (0: exact up to the final rounding).
  int ulp = 2;
  let extraClassDeclaration = [{
    /// What is not exact is a polynomial or a chain of them: about a dozen operations.
    double getOpsPerElement() { return }] # !if(!eq(ulp, 0), "1.0", "12.0") # [{; }
    template <class E> static typename E::V compute(E &e, ::llvm::ArrayRef<typename E::V> v, ::mlir::Type to) {
      [[maybe_unused]] auto x = v[0];
      [[maybe_unused]] auto y = v[v.size() > 1 ? 1 : 0];
      [[maybe_unused]] auto z = v[v.size() > 2 ? 2 : 0];
      return }] # value # [{;
    }
  }];
  let extraClassDefinition = [{
    ::weft::Scalar $cppClass::evalScalar(::weft::ScalarEval &e, ::llvm::ArrayRef<::weft::Scalar> v) {
      return compute(e, v, ::mlir::getElementTypeOrSelf(getResult().getType()));
    }
    ::mlir::Value $cppClass::emitScalar(::weft::PayloadBuilder &e, ::llvm::ArrayRef<::mlir::Value> v) {
      return compute(e, v, ::mlir::getElementTypeOrSelf(getResult().getType()));
    }
    ::mlir::LogicalResult $cppClass::inferReturnTypes(::mlir::MLIRContext *, std::optional<::mlir::Location>,
        ::mlir::ValueRange operands, ::mlir::DictionaryAttr attributes, ::mlir::OpaqueProperties properties,
        ::mlir::RegionRange, ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      return ::weft::inferElementwise(operands, }] # result # [{, types);
    }
    ::mlir::LogicalResult $cppClass::verify() { return ::weft::verifyElementwise(*this); }
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor adaptor) { return ::weft::foldElementwise(*this, adaptor.getOperands()); }
    ::weft::FusionKind $cppClass::getFusionKind() { return ::weft::FusionKind::Map; }
    ::mlir::LogicalResult $cppClass::evaluate(::weft::Interpreter &interpreter, ::llvm::ArrayRef<::weft::Tensor> operands,
        ::llvm::SmallVectorImpl<::weft::Tensor> &results) {
      return ::weft::evaluateElementwise(*this, operands, results);
    }
    ::mlir::LogicalResult $cppClass::lower(::weft::LowerContext &context, ::mlir::ValueRange operands,
        ::llvm::SmallVectorImpl<::mlir::Value> &results) {
      return ::weft::lowerElementwise(*this, context, operands, results);
    }
    ::mlir::LogicalResult $cppClass::batch(::weft::Batcher &batcher, ::mlir::ValueRange operands, ::llvm::ArrayRef<bool> batched,
        ::llvm::SmallVectorImpl<::mlir::Value> &results) {
      return ::weft::batchElementwise(*this, batcher, operands, batched, results);
    }
  }] # derivative;
}

class Weft_PartialCase<int i, list<string> partials> {
  defvar has = !lt(i, !size(partials));
  defvar text = !if(has, partials[!if(has, i, 0)], "");
  string clause = !if(!empty(text), "", "if (i == " # i # ") return " # text # ";\n");
  string exists = !if(!empty(text), "", " || i == " # i);
}
class Weft_Elementwise<string mnemonic, dag operands, Type resultType, string result, string value, list<string> partials,
                       string what, string example, list<Trait> traits = []>
    : Weft_ElementwiseBase<mnemonic, operands, resultType, result, value, [{
        ::mlir::Value $cppClass::partial(::weft::GraphBuilder &e, unsigned i, ::mlir::ValueRange v, ::mlir::Value r) {
          [[maybe_unused]] ::mlir::Value x = v[0];
          [[maybe_unused]] ::mlir::Value y = v[v.size() > 1 ? 1 : 0];
          [[maybe_unused]] ::mlir::Value z = v[v.size() > 2 ? 2 : 0];
          }] # Weft_PartialCase<0, partials>.clause # Weft_PartialCase<1, partials>.clause # Weft_PartialCase<2, partials>.clause # [{
          return {};
        }
        bool $cppClass::hasPartial(unsigned i) { return false}] # Weft_PartialCase<0, partials>.exists #
          Weft_PartialCase<1, partials>.exists # Weft_PartialCase<2, partials>.exists # [{; }
      }], what, example, [DeclareOpInterfaceMethods<PartialsOpInterface>] # traits>;

defvar Weft_SameResult = "::weft::ElementRule::Same";
defvar Weft_BoolResult = "::weft::ElementRule::Bool";

class Weft_Unary<string m, Type t, string value, string partial, string what>
    : Weft_Elementwise<m, (ins t:$x), t, Weft_SameResult, value, [partial], what,
                       "%r = weft." # m # " %x : (tensor<4xf32>) -> tensor<4xf32>">;
class Weft_UnaryInt<string m, Type t, string value, string what>
    : Weft_Elementwise<m, (ins t:$x), t, Weft_SameResult, value, [""], what,
                       "%r = weft." # m # " %x : (tensor<4xi32>) -> tensor<4xi32>">;
class Weft_Test<string m, Type t, string value, string what>
    : Weft_Elementwise<m, (ins t:$x), Weft_Bool, Weft_BoolResult, value, [""], what,
                       "%r = weft." # m # " %x : (tensor<4xf32>) -> tensor<4xi1>">;
class Weft_Binary<string m, Type t, string value, list<string> partials, string what, list<Trait> traits = []>
    : Weft_Elementwise<m, (ins t:$x, t:$y), t, Weft_SameResult, value, partials, what,
                       "%r = weft." # m # " %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>", traits>;
class Weft_BinaryInt<string m, Type t, string value, string what, list<Trait> traits = []>
    : Weft_Elementwise<m, (ins t:$x, t:$y), t, Weft_SameResult, value, ["", ""], what,
                       "%r = weft." # m # " %x, %y : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>", traits>;
class Weft_Compare<string m, Type t, string what>
    : Weft_Elementwise<m, (ins t:$x, t:$y), Weft_Bool, Weft_BoolResult, "e." # m # "(x, y)", ["", ""], what,
                       "%r = weft." # m # " %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>">;

// Name, element types, value, partials, what it is.
// Signs and rounding
def Weft_NegOp : Weft_Unary<"neg", Weft_Number, "e.neg(x)", "e.c(x, -1)", "the number with its sign changed (integers wrap)"> { let ulp = 0; }
def Weft_AbsOp : Weft_Unary<"abs", Weft_Number, "e.abs(x)", "e.sign(x)", "the absolute value (the least integer stays)"> { let ulp = 0; }
def Weft_SignOp : Weft_Unary<"sign", Weft_Number, "e.sign(x)", "", "-1, 0 or 1 (0 of -0.0 too); NaN stays NaN"> { let ulp = 0; }
def Weft_FloorOp : Weft_Unary<"floor", Weft_Float, "e.floor(x)", "", "the greatest integer that is not above"> { let ulp = 0; }
def Weft_CeilOp : Weft_Unary<"ceil", Weft_Float, "e.ceil(x)", "", "the least integer that is not below"> { let ulp = 0; }
def Weft_TruncOp : Weft_Unary<"trunc", Weft_Float, "e.trunc(x)", "", "the integer part, towards zero"> { let ulp = 0; }
def Weft_RoundOp : Weft_Unary<"round", Weft_Float, "e.roundeven(x)", "", "the nearest integer, ties to even"> { let ulp = 0; }
def Weft_StopGradientOp : Weft_Unary<"stop_gradient", Weft_Any, "x", "", "the value itself, taken as a constant by derivatives"> { let ulp = 0; }
def Weft_CheckpointNameOp : Weft_Elementwise<"checkpoint_name", (ins Weft_Any:$x, StrAttr:$label), Weft_Any, Weft_SameResult, "x",
    ["e.c(x, 1)"], "the value itself, under a name that checkpoint policies know",
    "%r = weft.checkpoint_name %x {label = \"scores\"} : (tensor<4xf32>) -> tensor<4xf32>"> { let ulp = 0; }
// Roots, exponentials, logarithms
def Weft_SqrtOp : Weft_Unary<"sqrt", Weft_Float, "e.sqrt(x)", "e.div(e.c(x, 0.5), r)", "the square root"> { let ulp = 0; }
def Weft_RsqrtOp : Weft_Unary<"rsqrt", Weft_Float, "e.div(e.c(x, 1), e.sqrt(x))", "e.mul(e.c(x, -0.5), e.div(r, x))", "one over the square root">;
def Weft_CbrtOp : Weft_Unary<"cbrt", Weft_Float, "e.cbrt(x)", "e.div(e.c(x, 1), e.mul(e.c(x, 3), e.mul(r, r)))", "the cube root">;
def Weft_ExpOp : Weft_Unary<"exp", Weft_Float, "e.exp(x)", "r", "e to the power of x">;
def Weft_Exp2Op : Weft_Unary<"exp2", Weft_Float, "e.exp2(x)", "e.mul(r, e.c(x, 0.6931471805599453))", "2 to the power of x">;
def Weft_Expm1Op : Weft_Unary<"expm1", Weft_Float, "e.expm1(x)", "e.exp(x)", "exp(x) - 1 without cancellation">;
def Weft_LogOp : Weft_Unary<"log", Weft_Float, "e.log(x)", "e.div(e.c(x, 1), x)", "the natural logarithm">;
def Weft_Log2Op : Weft_Unary<"log2", Weft_Float, "e.log2(x)", "e.div(e.c(x, 1.4426950408889634), x)", "the logarithm to base 2">;
def Weft_Log10Op : Weft_Unary<"log10", Weft_Float, "e.log10(x)", "e.div(e.c(x, 0.4342944819032518), x)", "the logarithm to base 10">;
def Weft_Log1pOp : Weft_Unary<"log1p", Weft_Float, "e.log1p(x)", "e.div(e.c(x, 1), e.add(x, e.c(x, 1)))", "log(1 + x) without cancellation">;
def Weft_SoftplusOp : Weft_Unary<"softplus", Weft_Float, "e.add(e.max(x, e.c(x, 0)), e.log1p(e.exp(e.neg(e.abs(x)))))", "e.div(e.c(x, 1), e.add(e.exp(e.neg(x)), e.c(x, 1)))", "log(1 + exp(x)) without overflow">;
def Weft_LogisticOp : Weft_Unary<"logistic", Weft_Float, "e.logistic(x)", "e.mul(r, e.sub(e.c(x, 1), r))", "1 / (1 + exp(-x))">;
def Weft_GeluTanhOp : Weft_Unary<"gelu_tanh", Weft_Float, "e.geluTanh(x)", "e.geluTanhSlope(x, r)", "x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); the bound holds above -4, and doubles by -6"> { let ulp = 32; }
// Trigonometric and hyperbolic
def Weft_SinOp : Weft_Unary<"sin", Weft_Float, "e.sin(x)", "e.cos(x)", "the sine of an angle in radians">;
def Weft_CosOp : Weft_Unary<"cos", Weft_Float, "e.cos(x)", "e.neg(e.sin(x))", "the cosine of an angle in radians">;
def Weft_TanOp : Weft_Unary<"tan", Weft_Float, "e.tan(x)", "e.add(e.mul(r, r), e.c(x, 1))", "the tangent of an angle in radians">;
def Weft_AsinOp : Weft_Unary<"asin", Weft_Float, "e.asin(x)", "e.rsqrt(e.mul(e.sub(e.c(x, 1), x), e.add(x, e.c(x, 1))))", "the angle whose sine is x">;
def Weft_AcosOp : Weft_Unary<"acos", Weft_Float, "e.acos(x)", "e.neg(e.rsqrt(e.mul(e.sub(e.c(x, 1), x), e.add(x, e.c(x, 1)))))", "the angle whose cosine is x">;
def Weft_AtanOp : Weft_Unary<"atan", Weft_Float, "e.atan(x)", "e.div(e.c(x, 1), e.add(e.mul(x, x), e.c(x, 1)))", "the angle whose tangent is x">;
def Weft_SinhOp : Weft_Unary<"sinh", Weft_Float, "e.sinh(x)", "e.cosh(x)", "the hyperbolic sine">;
def Weft_CoshOp : Weft_Unary<"cosh", Weft_Float, "e.cosh(x)", "e.sinh(x)", "the hyperbolic cosine">;
def Weft_TanhOp : Weft_Unary<"tanh", Weft_Float, "e.tanh(x)", "e.sub(e.c(x, 1), e.mul(r, r))", "the hyperbolic tangent">;
def Weft_AsinhOp : Weft_Unary<"asinh", Weft_Float, "e.asinh(x)", "e.rsqrt(e.add(e.mul(x, x), e.c(x, 1)))", "the number whose sinh is x">;
def Weft_AcoshOp : Weft_Unary<"acosh", Weft_Float, "e.acosh(x)", "e.mul(e.rsqrt(e.sub(x, e.c(x, 1))), e.rsqrt(e.add(x, e.c(x, 1))))", "the number whose cosh is x">;
def Weft_AtanhOp : Weft_Unary<"atanh", Weft_Float, "e.atanh(x)", "e.div(e.c(x, 1), e.mul(e.sub(e.c(x, 1), x), e.add(x, e.c(x, 1))))", "the number whose tanh is x">;
def Weft_ErfOp : Weft_Unary<"erf", Weft_Float, "e.erf(x)", "e.mul(e.c(x, 1.1283791670955126), e.exp(e.neg(e.mul(x, x))))", "the error function">;
def Weft_ErfcOp : Weft_Unary<"erfc", Weft_Float, "e.erfc(x)", "e.mul(e.c(x, -1.1283791670955126), e.exp(e.neg(e.mul(x, x))))", "1 - erf(x) without cancellation">;
defvar Weft_ErfInvPartial = "e.mul(e.c(x, 0.8862269254527580), e.exp(e.mul(r, r)))";
def Weft_ErfInvOp : Weft_Unary<"erf_inv", Weft_Float, "e.erfInv(x)", Weft_ErfInvPartial, "the number whose erf is x"> { let ulp = 4; }
def Weft_ErfInvCoarseOp : Weft_Unary<"erf_inv_coarse", Weft_Float, "e.erfInvCoarse(x)", Weft_ErfInvPartial, "the number whose erf is x, losing up to half of the digits near 1 and -1 (the bound is that below 0.95), as distributions are made of it"> { let ulp = 24; }
// Tests and bits
def Weft_IsNanOp : Weft_Test<"is_nan", Weft_Float, "e.isNan(x)", "whether x is not a number"> { let ulp = 0; }
def Weft_IsInfOp : Weft_Test<"is_inf", Weft_Float, "e.eq(e.abs(x), e.c(x, INFINITY))", "whether x is infinite"> { let ulp = 0; }
def Weft_IsFiniteOp : Weft_Test<"is_finite", Weft_Float, "e.lt(e.abs(x), e.c(x, INFINITY))", "whether x is finite"> { let ulp = 0; }
def Weft_NotOp : Weft_UnaryInt<"not", Weft_IntOrBool, "e.not_(x)", "each bit changed"> { let ulp = 0; }
// Arithmetic
def Weft_AddOp : Weft_Binary<"add", Weft_Number, "e.add(x, y)", ["e.c(x, 1)", "e.c(y, 1)"], "the sum (integers wrap)", [Commutative]> { let ulp = 0; }
def Weft_SubOp : Weft_Binary<"sub", Weft_Number, "e.sub(x, y)", ["e.c(x, 1)", "e.c(y, -1)"], "the difference (integers wrap)"> { let ulp = 0; }
def Weft_MulOp : Weft_Binary<"mul", Weft_Number, "e.mul(x, y)", ["y", "x"], "the product (integers wrap)", [Commutative]> { let ulp = 0; }
def Weft_StrongMulOp : Weft_Binary<"strong_mul", Weft_Float, "e.select(e.eq(x, e.c(x, 0)), e.c(x, 0), e.select(e.eq(y, e.c(y, 0)), e.c(y, 0), e.mul(x, y)))", ["y", "x"], "the product in derivatives of what a choice left out: +0 if either is zero, whatever the other is", [Commutative]> { let ulp = 0; }
def Weft_DivOp : Weft_Binary<"div", Weft_Number, "e.div(x, y)", ["e.div(e.c(y, 1), y)", "e.neg(e.div(r, y))"], "the quotient; integers truncate, and x / 0 = 0"> { let ulp = 0; }
def Weft_RemOp : Weft_Binary<"rem", Weft_Number, "e.rem(x, y)", ["e.c(x, 1)", "e.div(e.sub(r, x), y)"], "the remainder of truncated division, with x's sign; integers: x rem 0 = 0"> { let ulp = 0; }
// x^0 is 1 at 0 too, and 0^y is 0 for all y > 0.
defvar Weft_PowBasePartial = "e.mul(y, e.pow(e.select(e.eq(y, e.c(y, 0)), e.select(e.eq(x, e.c(x, 0)), e.c(x, 1), x), x), e.sub(y, e.c(y, 1))))";
defvar Weft_PowExponentPartial = "e.mul(r, e.log(e.select(e.eq(x, e.c(x, 0)), e.c(x, 1), x)))";
def Weft_PowOp : Weft_Binary<"pow", Weft_Number, "e.pow(x, y)", [Weft_PowBasePartial, Weft_PowExponentPartial], "x to the power of y; integers: a negative power gives 0 unless x is 1 or -1">;
// y / (x^2 + y^2) without squares that leave the range: divided by the larger of the two, t being their quotient.
class Weft_Atan2Partial<string steep, string flat> {
  string text = "[&] { auto isSteep = e.gt(e.abs(x), e.abs(y)); auto large = e.select(isSteep, x, y);"
      " auto t = e.div(e.select(isSteep, y, x), large);"
      " return e.div(e.div(e.select(isSteep, " # steep # ", " # flat # "), e.add(e.mul(t, t), e.c(x, 1))), large); }()";
}
def Weft_Atan2Op : Weft_Binary<"atan2", Weft_Float, "e.atan2(x, y)", [Weft_Atan2Partial<"t", "e.c(x, 1)">.text, "e.neg(" # Weft_Atan2Partial<"e.c(x, 1)", "t">.text # ")"], "the angle of the point (y, x), x being the ordinate">;
def Weft_MaxOp : Weft_Binary<"max", Weft_Number, "e.max(x, y)", ["e.half(r, e.gt(x, y), e.eq(x, y))", "e.half(r, e.gt(y, x), e.eq(x, y))"], "the greater; NaN if either is NaN; +0 is above -0", [Commutative]> { let ulp = 0; }
def Weft_MinOp : Weft_Binary<"min", Weft_Number, "e.min(x, y)", ["e.half(r, e.lt(x, y), e.eq(x, y))", "e.half(r, e.lt(y, x), e.eq(x, y))"], "the smaller; NaN if either is NaN; -0 is below +0", [Commutative]> { let ulp = 0; }
// Bits
def Weft_AndOp : Weft_BinaryInt<"and", Weft_IntOrBool, "e.and_(x, y)", "bitwise and", [Commutative]> { let ulp = 0; }
def Weft_OrOp : Weft_BinaryInt<"or", Weft_IntOrBool, "e.or_(x, y)", "bitwise or", [Commutative]> { let ulp = 0; }
def Weft_XorOp : Weft_BinaryInt<"xor", Weft_IntOrBool, "e.xor_(x, y)", "bitwise exclusive or", [Commutative]> { let ulp = 0; }
def Weft_ShiftLeftOp : Weft_BinaryInt<"shift_left", Weft_Int, "e.shl(x, y)", "x shifted left by y bits; 0 where y is past the width"> { let ulp = 0; }
def Weft_ShiftRightOp : Weft_BinaryInt<"shift_right", Weft_Int, "e.shr(x, y)", "x shifted right by y bits, keeping the sign of signed x"> { let ulp = 0; }
// Comparisons
def Weft_EqOp : Weft_Compare<"eq", Weft_Plain, "whether x = y"> { let ulp = 0; }
def Weft_NeOp : Weft_Compare<"ne", Weft_Plain, "whether x differs from y (true for NaN)"> { let ulp = 0; }
def Weft_LtOp : Weft_Compare<"lt", Weft_Number, "whether x < y"> { let ulp = 0; }
def Weft_LeOp : Weft_Compare<"le", Weft_Number, "whether x <= y"> { let ulp = 0; }
def Weft_GtOp : Weft_Compare<"gt", Weft_Number, "whether x > y"> { let ulp = 0; }
def Weft_GeOp : Weft_Compare<"ge", Weft_Number, "whether x >= y"> { let ulp = 0; }
// Choice and conversion
def Weft_SelectOp : Weft_Elementwise<"select", (ins Weft_Bool:$condition, Weft_Any:$x, Weft_Any:$y), Weft_Any, Weft_SameResult,
    "e.select(x, y, z)", ["", "e.choose(r, x, 1, 0)", "e.choose(r, x, 0, 1)"], "x where the condition holds, else y",
    "%r = weft.select %c, %x, %y : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>"> { let ulp = 0; }
def Weft_ConvertOp : Weft_ElementwiseBase<"convert", (ins Weft_Any:$x, TypeAttr:$dtype), Weft_Any,
    "properties.as<Properties *>()->getDtype().getValue()", "e.convert(x, to)", "",
    "the value in another element type: floats round to even, float to integer truncates and saturates (NaN gives 0), to bool is x != 0",
    "%r = weft.convert %x {dtype = f16} : (tensor<4xf32>) -> tensor<4xf16>",
    [DeclareOpInterfaceMethods<TransposeOpInterface, ["isLinearIn"]>]> { let ulp = 0; }

#endif
