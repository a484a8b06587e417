// Decides how a program of the dialect runs by definition: op by op, walking the reference interface.
#ifndef WEFT_REFERENCE_INTERPRETER_H
#define WEFT_REFERENCE_INTERPRETER_H

#include "weft/Dialect/Weft/SizeExpr.h"
#include "weft/Reference/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

namespace weft {

class Interpreter {
public:
  explicit Interpreter(mlir::ModuleOp module) : module(module) {}

  /// Runs a function: binds its symbols from the arguments' shapes, checks the types, evaluates. Diagnostics on failure.
  mlir::LogicalResult run(mlir::func::FuncOp function, llvm::ArrayRef<Tensor> arguments,
                          llvm::SmallVectorImpl<Tensor> &results);
  /// Runs a function by name, from an op (diagnostics there).
  mlir::LogicalResult call(mlir::Operation *from, llvm::StringRef callee, llvm::ArrayRef<Tensor> arguments,
                           llvm::SmallVectorImpl<Tensor> &results);
  /// Runs a block with its arguments bound; results are the terminator's operands. Symbols of the frame stay visible.
  mlir::LogicalResult runBlock(mlir::Block &block, llvm::ArrayRef<Tensor> arguments,
                               llvm::SmallVectorImpl<Tensor> &results);

  /// The value of a size in the current frame.
  std::optional<int64_t> size(const SizeExpr &expr) const { return expr.evaluate(symbols.back()); }
  /// The shape that a type has in the current frame; nothing if a name is unknown.
  std::optional<llvm::SmallVector<int64_t, 4>> shape(mlir::Type type) const;

  /// Bytes of live values: now, and the greatest seen (what plan-memory is measured against).
  int64_t liveBytes = 0, peakBytes = 0;

private:
  mlir::ModuleOp module;
  llvm::SmallVector<llvm::StringMap<int64_t>, 4> symbols;
  unsigned depth = 0;
};

} // namespace weft
#endif
