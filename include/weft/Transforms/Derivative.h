// Decides what derivative rules of region ops work with: Linearizer splits a computation into a primal part and a linear
// part; Transposer turns a linear part around. Null values mean "no tangent" and "zero cotangent".
#ifndef WEFT_TRANSFORMS_DERIVATIVE_H
#define WEFT_TRANSFORMS_DERIVATIVE_H

#include "weft/Dialect/Weft/GraphBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

namespace weft {

/// Builds, for one block, the primal ops at `primal` and the linear ops at `linear`. While building, the linear ops use
/// primal values directly; whoever owns the two blocks then makes those uses explicit (residuals).
class Linearizer {
public:
  Linearizer(mlir::ModuleOp module, mlir::OpBuilder primal, mlir::OpBuilder linear)
      : module(module), primal(primal), linear(linear) {}

  mlir::ModuleOp module;
  mlir::OpBuilder primal;
  mlir::OpBuilder linear;

  /// Clones the ops of `block` into the primal part and their tangents into the linear part. `tangents[i]` is null for an
  /// inactive argument. Fills the terminator's operands and their tangents (null: inactive).
  mlir::LogicalResult linearizeBlock(mlir::Block &block, mlir::ValueRange arguments, mlir::ValueRange tangents,
                                     llvm::SmallVectorImpl<mlir::Value> &results,
                                     llvm::SmallVectorImpl<mlir::Value> &resultTangents);
  /// Which of the block's terminator operands depend on active arguments (no code is built).
  static llvm::SmallVector<bool> activity(mlir::Block &block, llvm::ArrayRef<bool> active);
};

/// Walks the linear ops of a block backwards and builds their adjoints at `builder`.
class Transposer {
public:
  Transposer(mlir::ModuleOp module, mlir::OpBuilder builder) : module(module), builder(builder) {}

  mlir::ModuleOp module;
  mlir::OpBuilder builder;

  /// `isLinear[i]`: argument i is a tangent; the others are residuals, given in `residuals` (in order). Fills one
  /// cotangent per linear argument (null: zero).
  mlir::LogicalResult transposeBlock(mlir::Block &block, llvm::ArrayRef<bool> isLinear, mlir::ValueRange residuals,
                                     mlir::ValueRange cotangents, llvm::SmallVectorImpl<mlir::Value> &argumentCotangents);
};

} // namespace weft
#endif
