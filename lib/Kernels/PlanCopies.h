// Decides which values must stand in a second place, and puts a weft.copy with the reason there.
#ifndef WEFT_LIB_KERNELS_PLANCOPIES_H
#define WEFT_LIB_KERNELS_PLANCOPIES_H

#include "weft/Dialect/Weft/Weft.h"

namespace weft {

/// Whether the op's result is its operand's bytes under another type.
bool isAlias(mlir::Operation *op);

/// The value that was made where `value` lives: through aliases, within the block.
mlir::Value rootOf(mlir::Value value);

/// Calls `visit` for each use of `root` and of its aliases, alias ops themselves left out.
void forEachUse(mlir::Value root, llvm::function_ref<void(mlir::OpOperand &)> visit);

/// The carries of a loop (for, while): inits, the body's arguments, what the body yields for them, the first results.
struct Carries {
  mlir::MutableOperandRange inits;
  llvm::ArrayRef<mlir::BlockArgument> arguments;
  YieldOp yield;
  unsigned size() const { return arguments.size(); }
};
/// Nothing for an op that is no loop.
std::optional<Carries> carriesOf(mlir::Operation *op);
/// Whether a region's results are only looked at: the condition of a loop.
bool isCondition(mlir::Region &region);

/// Afterwards, in this region and those inside it: each operand of a terminator is the only one of its root and the
/// root is made by an op of the block (or is the carry that it continues: then nothing moves); each init of a loop is
/// made by an op of the block and read by nothing else from the loop on.
void insertCopies(mlir::Region &region);

} // namespace weft
#endif
