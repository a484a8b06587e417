// Decides how a program of the dialect runs by definition: op by op, walking the reference interface.
#ifndef WEFT_REFERENCE_INTERPRETER_H
#define WEFT_REFERENCE_INTERPRETER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "weft/Dialect/Weft/SizeExpr.h"
#include "weft/Reference/Tensor.h"

namespace weft {

class Interpreter {
public:
  explicit Interpreter(mlir::ModuleOp module) : module(module), symbols(1) {}

  /// Runs a function: binds its symbols from the arguments' shapes, checks the types, evaluates. Diagnostics on
  /// failure.
  mlir::LogicalResult run(mlir::func::FuncOp function, llvm::ArrayRef<Tensor> arguments,
                          llvm::SmallVectorImpl<Tensor> &results);
  /// Runs a function by name, from an op (diagnostics there). The op's `weft.sizes`, if any, give the values of the
  /// callee's `weft.symbols` in the current frame.
  mlir::LogicalResult call(mlir::Operation *from, llvm::StringRef callee, llvm::ArrayRef<Tensor> arguments,
                           llvm::SmallVectorImpl<Tensor> &results);
  /// Runs a block with its arguments bound; results are the terminator's operands. Symbols of the frame stay visible.
  mlir::LogicalResult runBlock(mlir::Block &block, llvm::ArrayRef<Tensor> arguments,
                               llvm::SmallVectorImpl<Tensor> &results);

  /// Runs what a composite is made of.
  mlir::LogicalResult runDecomposed(mlir::Operation *op, llvm::ArrayRef<Tensor> operands,
                                    llvm::SmallVectorImpl<Tensor> &results);

  /// The value of a size in the current frame.
  std::optional<int64_t> size(const SizeExpr &expr) const { return expr.evaluate(symbols.back()); }
  /// Gives a name of a size a value in the current frame (nothing: takes it away); returns the value before.
  std::optional<int64_t> setSize(llvm::StringRef name, std::optional<int64_t> value);
  /// The shape that a type has in the current frame; nothing if a name is unknown or a size negative.
  std::optional<llvm::SmallVector<int64_t, 4>> shape(mlir::Type type) const;

  /// Bytes of live values: now, and the greatest seen (what plan-memory is measured against). A value made by an op is
  /// live from its making to its last use in its block; what is inside kernels, aliases, the program's arguments and
  /// the values that the program returns count nothing (they have no place in the arena).
  int64_t liveBytes = 0, peakBytes = 0;

  /// Counts bytes that an op holds while it runs (a loop's carries and stacked outputs); negative: gives them back.
  void hold(int64_t bytes);
  /// Whether a value's bytes count: not if the program returns it.
  bool counts(mlir::Value value) const;

  /// While one stands, nothing counts: inside kernels values live in registers.
  struct Uncounted {
    Interpreter &interpreter;
    explicit Uncounted(Interpreter &i) : interpreter(i) { ++i.uncounted; }
    ~Uncounted() { --interpreter.uncounted; }
  };

private:
  using Frame = llvm::StringMap<int64_t>;
  mlir::LogicalResult enter(mlir::func::FuncOp function, mlir::Location where, Frame frame,
                            llvm::ArrayRef<Tensor> arguments, llvm::SmallVectorImpl<Tensor> &results);
  const llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Value, 2>> &lastUses(mlir::Block &block);

  mlir::ModuleOp module;
  llvm::SmallVector<Frame, 4> symbols;
  mlir::Block *program = nullptr; // the block whose return is the program's
  llvm::SmallPtrSet<mlir::Value, 4> returned;
  llvm::DenseMap<mlir::Block *, llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Value, 2>>> lastUsesOf;
  llvm::DenseMap<mlir::Operation *, std::unique_ptr<mlir::Block>> decomposed; // each made once, and kept
  unsigned depth = 0, uncounted = 0;
};

} // namespace weft
#endif
