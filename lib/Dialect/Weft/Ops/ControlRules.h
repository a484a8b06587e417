// Decides what the rules of control ops share: checks of their regions, what an isolated region needs no more, flags of
// operands, and bodies that compute values and tangents at once.
#ifndef WEFT_LIB_DIALECT_WEFT_OPS_CONTROLRULES_H
#define WEFT_LIB_DIALECT_WEFT_OPS_CONTROLRULES_H

#include "mlir/IR/PatternMatch.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Transforms/Batcher.h"
#include "weft/Transforms/Derivative.h"
#include "llvm/ADT/BitVector.h"

namespace weft {

/// Checks that a region's block has arguments of these types and ends in a yield of those.
mlir::LogicalResult verifyBlock(mlir::Operation *op, mlir::Block &block, mlir::TypeRange arguments,
                                mlir::TypeRange results);
/// The type of a slice of what a loop of `count` steps slices or stacks; fails with a diagnostic (`what`) if it has
/// none.
mlir::FailureOr<mlir::Type> rowType(mlir::Operation *op, const SizeExpr &count, mlir::Type type, llvm::StringRef what);
/// The other way round: rows stacked.
mlir::Type stackedType(mlir::Attribute count, mlir::Type row);

//===-- simplification -------------------------------------------------------------------------------------------===//

/// What of captures an isolated body needs no more: the unused, the equal, and those made again inside. Replaces their
/// arguments (from `first` on) in each block and marks them; true if there are any.
bool reduceCaptures(mlir::Operation *op, mlir::ValueRange captures, llvm::MutableArrayRef<mlir::Region> regions,
                    unsigned first, llvm::BitVector &dropped, mlir::PatternRewriter &rewriter);
/// The same for slices: the unused, the equal, and those of one number everywhere.
bool reduceSlices(mlir::ValueRange xs, mlir::Block &body, unsigned first, llvm::BitVector &dropped,
                  mlir::PatternRewriter &rewriter);
/// Results of a loop that nothing reads, neither outside nor, of a carry (they come first, and their arguments begin at
/// `first`), in a later step of something that is read. `read`: what is read in any case.
llvm::BitVector unreadResults(mlir::Operation *loop, mlir::ValueRange yields, unsigned first, unsigned numCarries,
                              llvm::SmallVector<mlir::Value> read);
/// Erases what nothing in the block reads.
void eraseUnread(mlir::Block &block, mlir::PatternRewriter &rewriter);

template <class RangeT> llvm::SmallVector<mlir::Value> without(RangeT values, const llvm::BitVector &dropped) {
  llvm::SmallVector<mlir::Value> kept;
  for (auto [i, value] : llvm::enumerate(values))
    if (!dropped.test(i))
      kept.push_back(value);
  return kept;
}

//===-- batches --------------------------------------------------------------------------------------------------===//

/// The batch axis behind the axis that a loop slices, or back in front of it.
mlir::Value swapLeading(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value);
/// A block with the arguments of `from`, those of the mask batched.
void addBatchedArguments(const Batcher &batcher, mlir::Block &from, llvm::ArrayRef<bool> mask, mlir::Block &to);

//===-- derivatives ----------------------------------------------------------------------------------------------===//

inline llvm::SmallVector<bool> nonNull(mlir::ValueRange values) {
  return llvm::map_to_vector(values, [](mlir::Value v) { return v != nullptr; });
}

/// A builder at the end of a block that need not stand in an op yet.
inline mlir::OpBuilder atEnd(mlir::MLIRContext *context, mlir::Block &block) {
  mlir::OpBuilder builder(context);
  builder.setInsertionPointToEnd(&block);
  return builder;
}

inline mlir::Value orZeros(GraphBuilder &builder, mlir::Value value, mlir::Type type) {
  return value ? value : builder.zeros(type);
}

/// The operands of one flag, in order.
llvm::SmallVector<mlir::Value> where(mlir::ValueRange values, llvm::ArrayRef<bool> flags, bool flag);

/// Flags of a body's arguments from those of the operands, of which carries begin at `first`: carries are a fixed point
/// over the body, seeded from all. Fills the flags of what is yielded.
llvm::SmallVector<bool>
settleCarries(mlir::Block &body, unsigned first, unsigned numCarries, llvm::ArrayRef<bool> arguments,
              llvm::function_ref<llvm::SmallVector<bool>(mlir::Block &, llvm::ArrayRef<bool>)> flow,
              llvm::SmallVector<bool> &yields);

/// A body in forward mode: values and tangents side by side. Arguments come in groups (carries, slices, captures), each
/// as its values, then the tangents of those that are active.
struct ForwardBody {
  mlir::Region region;
  llvm::SmallVector<mlir::Value> values, tangents;

  /// `groups` are the numbers of arguments of each group.
  mlir::LogicalResult build(Linearizer &linearizer, mlir::Block &body, llvm::ArrayRef<unsigned> groups,
                            llvm::ArrayRef<bool> active);
  /// Ends it with the values of the groups of results, each followed by the tangents that are asked for.
  void yield(mlir::Location loc, llvm::ArrayRef<unsigned> groups, llvm::ArrayRef<bool> active);
};

/// The operands of such a body: values and tangents by group, zeros for those without.
llvm::SmallVector<mlir::Value> forwardOperands(GraphBuilder &builder, mlir::ValueRange primals,
                                               mlir::ValueRange tangents, llvm::ArrayRef<bool> active);
/// The types of its results, by group.
llvm::SmallVector<mlir::Type> forwardTypes(mlir::TypeRange types, llvm::ArrayRef<unsigned> groups,
                                           llvm::ArrayRef<bool> active);
/// Takes its results apart.
void splitForward(mlir::ValueRange made, llvm::ArrayRef<unsigned> groups, llvm::ArrayRef<bool> active,
                  llvm::SmallVectorImpl<mlir::Value> &results, llvm::SmallVectorImpl<mlir::Value> &tangents);

} // namespace weft
#endif
