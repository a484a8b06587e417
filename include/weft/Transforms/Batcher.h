// Decides what batch rules work with. A batched value has its batch axis in front; nothing else is asked.
#ifndef WEFT_TRANSFORMS_BATCHER_H
#define WEFT_TRANSFORMS_BATCHER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include <map>

namespace weft {

/// Builds, at `builder`, what ops do over a batch axis of a size.
class Batcher {
public:
  Batcher(mlir::ModuleOp module, mlir::OpBuilder &builder, SizeExpr size, bool selects = false)
      : module(module), builder(builder), size(std::move(size)), selects(selects) {}

  mlir::ModuleOp module;
  mlir::OpBuilder &builder;
  SizeExpr size;
  /// Whether control flow on a batched predicate may compute what not every element asks for (lower-map has checked
  /// that it is total and cheap). Otherwise it becomes a map: a branch never silently becomes a select.
  bool selects;

  /// The same at another place.
  Batcher at(mlir::OpBuilder &other) const {
    Batcher made(module, other, size, selects);
    made.ofFunctions = ofFunctions;
    return made;
  }

  /// The type with the batch axis in front.
  mlir::RankedTensorType batchedType(mlir::Type type) const;
  /// The value with the batch axis: itself if it has it, else repeated.
  mlir::Value materialize(mlir::Location loc, mlir::Value value, bool isBatched);
  /// All of them with the batch axis.
  llvm::SmallVector<mlir::Value> materializeAll(mlir::Location loc, mlir::ValueRange values,
                                                llvm::ArrayRef<bool> isBatched);
  /// A copy of an op with one result of the same meaning at each index of the batch, on operands that all have the
  /// axis.
  mlir::Value cloneBatched(mlir::Operation *op, mlir::ValueRange operands);

  /// A map over the batch that holds the op as it is: for what has no form over a batch.
  mlir::LogicalResult mapOver(mlir::Operation *op, mlir::ValueRange operands, llvm::ArrayRef<bool> batched,
                              llvm::SmallVectorImpl<mlir::Value> &results);

  /// Clones `from`'s ops at the builder, batching those that depend on batched arguments. `arguments` replace the
  /// block's arguments; fills the terminator's operands and whether each is batched.
  mlir::LogicalResult batchBlock(mlir::Block &from, mlir::ValueRange arguments, llvm::ArrayRef<bool> batched,
                                 llvm::SmallVectorImpl<mlir::Value> &results,
                                 llvm::SmallVectorImpl<bool> &resultBatched);
  /// Which of the block's terminator operands will be batched (no code is built).
  llvm::SmallVector<bool> batchedResults(mlir::Block &block, llvm::ArrayRef<bool> batched);
  /// The same of a function's results, found once per (function, batched).
  llvm::SmallVector<bool> batchedResults(mlir::func::FuncOp callee, llvm::ArrayRef<bool> batched);
  /// The function that is `callee` over a batch axis, made once per (callee, batched, size, whole); all results batched
  /// but those with `whole` (default: none), which must not depend on a batched argument. At least one argument is. A
  /// size with names is a name of its own in the function, which its arguments bind.
  mlir::FailureOr<mlir::func::FuncOp> batchFunction(mlir::func::FuncOp callee, llvm::ArrayRef<bool> batched,
                                                    llvm::ArrayRef<bool> whole = {});

private:
  using Flow = std::map<std::pair<mlir::Operation *, std::vector<bool>>, llvm::SmallVector<bool>>;
  std::shared_ptr<Flow> ofFunctions = std::make_shared<Flow>();
};

} // namespace weft
#endif
