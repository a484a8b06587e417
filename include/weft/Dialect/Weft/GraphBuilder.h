// Decides how rules and passes build graph ops: by names, types inferred, one location.
#ifndef WEFT_DIALECT_WEFT_GRAPHBUILDER_H
#define WEFT_DIALECT_WEFT_GRAPHBUILDER_H

#include "mlir/IR/Builders.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"

namespace weft {

/// The third evaluator of elementwise expressions (beside ScalarEval and PayloadBuilder): makes ops of the dialect.
class GraphBuilder {
public:
  using V = mlir::Value;
  GraphBuilder(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;

  template <class OpT, class... Args> auto create(Args &&...args) {
    return OpT::create(builder, loc, std::forward<Args>(args)...);
  }
  mlir::MLIRContext *context() { return builder.getContext(); }

  V add(V x, V y) { return create<AddOp>(x, y); }
  V sub(V x, V y) { return create<SubOp>(x, y); }
  V mul(V x, V y) { return create<MulOp>(x, y); }
  V div(V x, V y) { return create<DivOp>(x, y); }
  V pow(V x, V y) { return create<PowOp>(x, y); }
  V neg(V x) { return create<NegOp>(x); }
  V abs(V x) { return create<AbsOp>(x); }
  V sign(V x) { return create<SignOp>(x); }
  V rsqrt(V x) { return create<RsqrtOp>(x); }
  V exp(V x) { return create<ExpOp>(x); }
  V log(V x) { return create<LogOp>(x); }
  V sin(V x) { return create<SinOp>(x); }
  V cos(V x) { return create<CosOp>(x); }
  V sinh(V x) { return create<SinhOp>(x); }
  V cosh(V x) { return create<CoshOp>(x); }
  V gt(V x, V y) { return create<GtOp>(x, y); }
  V lt(V x, V y) { return create<LtOp>(x, y); }
  V eq(V x, V y) { return create<EqOp>(x, y); }
  V select(V c, V x, V y) { return create<SelectOp>(c, x, y); }
  V convert(V x, mlir::Type element);

  /// `value` in every element of a tensor of `type`: a splat constant, or a broadcast one where a size has a name.
  V splat(mlir::Type type, double value);
  /// A constant like x.
  V c(V x, double value) { return splat(x.getType(), value); }
  V zeros(mlir::Type type) { return splat(type, 0); }
  /// 1 where `greater`, 1/2 where `equal`, else 0, in the element type of `like`: how max and min share a gradient.
  V half(V like, V greater, V equal);
  /// a where the condition holds, else b, as numbers of the type of `like`.
  V choose(V like, V condition, double a, double b);
  /// The derivative of r = gelu_tanh(x).
  V geluTanhSlope(V x, V r);

  /// factor * tangent, where the factor often is a constant: 1 gives the tangent itself, 0 null (no tangent). A factor
  /// chosen by a condition becomes a choice of products, and so does a tangent chosen against zeros, so that what was
  /// not chosen never enters (0 * inf would be NaN). `isStrong`: the zeros are not to be seen any more, so the product
  /// is one where zero wins.
  V scale(V factor, V tangent, bool isStrong = false);

  V reshape(V x, mlir::Type type);
  /// Operand dimension i becomes result dimension dims[i].
  V broadcast(V x, mlir::Type type, llvm::ArrayRef<int64_t> dims);
  V transpose(V x, llvm::ArrayRef<int64_t> permutation);
  V reduce(V x, ReduceKind kind, llvm::ArrayRef<int64_t> dims);
  V slice(V x, llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> strides, mlir::Type type);
  V pad(V x, V value, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high, llvm::ArrayRef<int64_t> interior);
  /// Both have the dimension numbers of Indexing.td.
  V gather(mlir::Type type, V x, V indices, int64_t batch, llvm::ArrayRef<int64_t> dims, int64_t at, Bounds bounds);
  V scatter(V x, V indices, V updates, ScatterKind kind, int64_t batch, llvm::ArrayRef<int64_t> dims, int64_t at,
            Bounds bounds);
  /// The elements along dimension `dim` at the indices, which have the shape of the result.
  V takeAlong(V x, V indices, int64_t dim);
  V dot(V lhs, V rhs, llvm::ArrayRef<int64_t> lhsBatch, llvm::ArrayRef<int64_t> rhsBatch,
        llvm::ArrayRef<int64_t> lhsContract, llvm::ArrayRef<int64_t> rhsContract);
};

/// What a composite is made of, as a block: its operands are the arguments, its result is what the block yields.
std::unique_ptr<mlir::Block> decompositionOf(mlir::Operation *op);

} // namespace weft
#endif
