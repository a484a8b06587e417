// Decides which values share memory with others, and which must stand in a second place: there a weft.copy is put, with
// the reason.
#ifndef WEFT_LIB_KERNELS_PLANCOPIES_H
#define WEFT_LIB_KERNELS_PLANCOPIES_H

#include "mlir/IR/SymbolTable.h"
#include "weft/Dialect/Weft/Weft.h"

namespace weft {

/// Whether the op's result is its operand's bytes under another type.
bool isAlias(mlir::Operation *op);

/// The number of the operand that `result` is written over, as planOverwrites() decided; -1: it has a place of its own.
int64_t overOf(mlir::OpResult result);

/// The value that was made where `value` lives: through aliases and what is written over, within the block.
mlir::Value rootOf(mlir::Value value);

/// Calls `visit` for each use of `root` and of what lives in its place, alias ops themselves left out.
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

/// The result of a loop whose rows are the next values of a carry, which then needs no place for them; -1: none.
int64_t rowsOfCarry(const Carries &carries, unsigned carry);

/// Replaces one operand by a copy made just before `where` (its user, if that is null).
void copyOperand(mlir::OpOperand &operand, llvm::StringRef reason, mlir::Operation *where = nullptr);
/// Why a terminator may not hand out the argument `root` of its block as its operand `index`; empty where it may.
llvm::StringRef whyCopyArgument(mlir::Operation *terminator, unsigned index, mlir::Value root);

/// Decides what is written over: what an op changes in few places (FusionOpInterface::getOverwritten), in loops and
/// branches too. Afterwards `weft.over` on such an op, and on its kernel, says for each result which operand (-1:
/// none), and nothing reads that operand's value any more.
void planOverwrites(mlir::Region &region, mlir::SymbolTable &symbols);

/// Afterwards, in this region and those inside it: each operand of a terminator is the only one of its root and the
/// root is made by an op of the block (or is the memory that it continues: then nothing moves; or is both a carry and a
/// row); each init of a loop that is not written over is made by an op of the block and read by nothing else from the
/// loop on.
void insertCopies(mlir::Region &region);

} // namespace weft
#endif
