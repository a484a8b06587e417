// Decides what lowering rules build with: PayloadBuilder makes scalar arith and math ops inside a linalg.generic,
// LowerContext makes the generics on tensors, with sizes from the kernel's index arguments.
#ifndef WEFT_DIALECT_WEFT_LOWER_H
#define WEFT_DIALECT_WEFT_LOWER_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "weft/Dialect/Weft/Shape.h"

namespace weft {

/// The second evaluator of elementwise expressions: emits arith and math ops on scalars, which the sweep emitter turns
/// to vectors op by op. Types: signless integers (signedness is kept beside, see `isUnsigned`), bool as i1; f16 and
/// bf16 are computed in f32 by `emitElementwise`.
class PayloadBuilder {
public:
  using V = mlir::Value;
  PayloadBuilder(mlir::OpBuilder &builder, mlir::Location loc, bool isUnsigned, bool resultUnsigned)
      : b(builder), loc(loc), isUnsigned(isUnsigned), resultUnsigned(resultUnsigned) {}

  V c(V like, double value);
  V neg(V x);
  V abs(V x);
  V sign(V x);
  V floor(V x);
  V ceil(V x);
  V trunc(V x);
  V roundeven(V x);
  V sqrt(V x);
  V cbrt(V x);
  V exp(V x);
  V exp2(V x);
  V expm1(V x);
  V log(V x);
  V log2(V x);
  V log10(V x);
  V log1p(V x);
  V logistic(V x);
  V sin(V x);
  V cos(V x);
  V tan(V x);
  V asin(V x);
  V acos(V x);
  V atan(V x);
  V sinh(V x);
  V cosh(V x);
  V tanh(V x);
  V asinh(V x);
  V acosh(V x);
  V atanh(V x);
  V erf(V x);
  V erfc(V x);
  V erfInv(V x);
  V erfInvCoarse(V x);
  V geluTanh(V x);
  V isNan(V x);
  V not_(V x);
  V add(V x, V y);
  V sub(V x, V y);
  V mul(V x, V y);
  V div(V x, V y); // integers: truncates, x / 0 = 0, min / -1 wraps
  V rem(V x, V y);
  V pow(V x, V y);
  V atan2(V x, V y);
  V max(V x, V y); // NaN propagates
  V min(V x, V y);
  V and_(V x, V y);
  V or_(V x, V y);
  V xor_(V x, V y);
  V shl(V x, V y); // 0 past the width
  V shr(V x, V y); // the sign past the width
  V eq(V x, V y);
  V ne(V x, V y);
  V lt(V x, V y);
  V le(V x, V y);
  V gt(V x, V y);
  V ge(V x, V y);
  V select(V c, V x, V y);
  V convert(V x, mlir::Type to); // saturates float to integer, NaN to 0

  mlir::OpBuilder &b;
  mlir::Location loc;
  bool isUnsigned;     // of the operands
  bool resultUnsigned; // of the result (convert)
};

/// Builds the ops of one rule on tensors. What it makes carries `loc`, payloads included.
class LowerContext {
public:
  /// `sizes` gives the index value of each symbol; sizes made of them are kept there too, under their text.
  LowerContext(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringMap<mlir::Value> &sizes)
      : builder(builder), loc(loc), sizes(sizes) {}

  mlir::OpBuilder &builder;
  mlir::Location loc; // the op's, set before each rule
  llvm::StringMap<mlir::Value> &sizes;

  /// A size expression as an index value; every symbol must have one (WeftToLinalg sees to it).
  mlir::Value size(const SizeExpr &expr);
  /// The element type at linalg: signless integers.
  static mlir::Type loweredElement(mlir::Type element);
  /// The type at linalg: no names, signless integers.
  static mlir::RankedTensorType lowered(mlir::Type type);
  /// tensor.empty of the lowered type of `type` (its sizes from its names).
  mlir::Value empty(mlir::Type type);

  /// The payload on the operands `x` of a graph op of operand type `from` (signedness) and result type `to`.
  PayloadBuilder payload(mlir::OpBuilder &b, mlir::Type from, mlir::Type to) const;
  /// A value in the type in which its element type computes (f16, bf16: f32), and back.
  static mlir::Value widen(PayloadBuilder &p, mlir::Value x);
  static mlir::Value narrow(PayloadBuilder &p, mlir::Value x, mlir::Type element);

  using Body = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;
  /// One linalg.generic: inputs read by maps[i], one output by the last map; the body gets the input scalars and then
  /// the output's, and returns what is stored. Without `init` the output is a fresh tensor of type `type`.
  mlir::Value generic(mlir::Type type, mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps,
                      llvm::ArrayRef<mlir::utils::IteratorType> iterators, mlir::Value init, Body body);
  /// A generic that writes every element of a fresh tensor of type `type`, in order: maps are the inputs' only.
  mlir::Value map(mlir::Type type, mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps, Body body);
  /// A running fold along `dim`, from its end if `reverse`: a generic with `weft.scan` (and `weft.reverse`), in whose
  /// body the output's scalar is what was folded so far. `init` holds the identity; the order is Scan.cpp's.
  mlir::Value scan(mlir::Type type, mlir::Value input, int64_t dim, bool reverse, mlir::Value init, Body body);
  /// Rows along `dim` in order, or the positions of their elements, or the first ones, as many as `type` has: a generic
  /// with `weft.sort`; its body gives no order, which is Sorting.td's for elements of type `from`.
  mlir::Value sort(mlir::Type from, mlir::Type type, mlir::Value input, int64_t dim, bool descending, bool positions);
  /// Windows written one after the other into `init`: a generic with `weft.scatter`, whose first inputs are the starts
  /// (-1: not written) by which the output's dimensions `dims` are moved. The first `batch` loops are independent of
  /// each other, the rest run in order. `sizes` are those of the loops.
  mlir::Value scatter(mlir::Type type, mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps, mlir::Value init,
                      llvm::ArrayRef<int64_t> dims, int64_t batch, llvm::ArrayRef<SizeExpr> sizes, Body body);
  /// The same value everywhere.
  mlir::Value fill(mlir::Type type, llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location)> value);
  /// The input map of an operand read at the element's own index.
  mlir::AffineMap identity(mlir::Type type) const;
};

/// Where loop `dim` of `extent` steps reads or writes a dimension: at stride * step + offset. linalg's verifier takes a
/// bare step as "the whole dimension", so a leading part of a static one is written `step mod extent`.
mlir::AffineExpr partOfDim(mlir::AffineExpr dim, int64_t offset, int64_t stride, const SizeExpr &extent,
                           const SizeExpr &whole);
/// A map of a lowered kernel without those `mod`s: each result is constant, or stride * step + offset.
mlir::AffineMap stripParts(mlir::AffineMap map);

} // namespace weft
#endif
