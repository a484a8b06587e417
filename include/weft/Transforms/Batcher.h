// Decides what batch rules work with. A batched value has its batch axis in front; nothing else is asked.
#ifndef WEFT_TRANSFORMS_BATCHER_H
#define WEFT_TRANSFORMS_BATCHER_H

#include "weft/Dialect/Weft/GraphBuilder.h"
#include "mlir/IR/IRMapping.h"

namespace weft {

class Batcher {
public:
  Batcher(mlir::ModuleOp module, mlir::OpBuilder &builder, SizeExpr size)
      : module(module), builder(builder), size(std::move(size)) {}

  mlir::ModuleOp module;
  mlir::OpBuilder &builder;
  SizeExpr size;

  /// The type with the batch axis in front.
  mlir::RankedTensorType batchedType(mlir::Type type) const;
  /// The value with the batch axis: itself if it has it, else repeated.
  mlir::Value materialize(mlir::Location loc, mlir::Value value, bool isBatched);
  /// Clones `from`'s ops at the builder, batching those that depend on batched arguments. `arguments` replace the block's
  /// arguments; fills the terminator's operands and whether each is batched.
  mlir::LogicalResult batchBlock(mlir::Block &from, mlir::ValueRange arguments, llvm::ArrayRef<bool> batched,
                                 llvm::SmallVectorImpl<mlir::Value> &results,
                                 llvm::SmallVectorImpl<bool> &resultBatched);
  /// The function that is `callee` over a batch axis, made once per (callee, batched, size); all results batched.
  mlir::FailureOr<mlir::func::FuncOp> batchFunction(mlir::func::FuncOp callee, llvm::ArrayRef<bool> batched);
};

} // namespace weft
#endif
