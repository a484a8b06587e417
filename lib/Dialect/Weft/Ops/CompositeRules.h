// Decides what the rules of composites share: folds of a value that are repeated to its shape, that short floats are
// computed in f32, and what becomes of written-out forms and of batches that a composite has no form for.
#ifndef WEFT_LIB_DIALECT_WEFT_OPS_COMPOSITERULES_H
#define WEFT_LIB_DIALECT_WEFT_OPS_COMPOSITERULES_H

#include "mlir/IR/PatternMatch.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Transforms/Batcher.h"

namespace weft {

/// Checks that `dims` are sorted, distinct dimensions of x.
mlir::LogicalResult verifyDims(mlir::Operation *op, mlir::Value x, llvm::ArrayRef<int64_t> dims);
/// The dimensions of x that stay when `dims` are folded, ascending.
llvm::SmallVector<int64_t> keptDims(mlir::Value x, llvm::ArrayRef<int64_t> dims);
/// The same dimensions behind a batch axis.
inline llvm::SmallVector<int64_t> batchedDims(llvm::ArrayRef<int64_t> dims) {
  return llvm::map_to_vector(dims, [](int64_t dim) { return dim + 1; });
}

/// What has the dimensions of x but `dims`, repeated to the shape of x.
mlir::Value back(GraphBuilder &b, mlir::Value folded, mlir::Value x, llvm::ArrayRef<int64_t> dims);
/// x folded over `dims`, repeated to the shape of x after `f`.
mlir::Value foldedBack(GraphBuilder &b, mlir::Value x, ReduceKind kind, llvm::ArrayRef<int64_t> dims,
                       llvm::function_ref<mlir::Value(mlir::Value)> f = nullptr);
/// The greatest elements, taken as constants (what is made of them does not depend on them); 0 where that is infinite
/// or NaN.
mlir::Value greatest(GraphBuilder &b, mlir::Value x, llvm::ArrayRef<int64_t> dims);
/// A size as a number, like `like`.
mlir::Value sizeLike(GraphBuilder &b, mlir::Value like, const SizeExpr &size);

/// Whether x has elements of f16 or bf16; as elements that such ones are computed in.
bool isShort(mlir::Value x);
mlir::Value wide(GraphBuilder &b, mlir::Value x);

/// What a value repeats, and which of its dimensions are that one's; reshapes that add sizes of 1 are looked through.
struct Repeated {
  explicit Repeated(mlir::Value value);
  void intoUnits();

  mlir::Value folded; // null: the value is no repetition
  llvm::SmallVector<int64_t> places;
};

/// Puts a composite in the place of its last op, with the places of all that it stands for.
template <class OpT, class... Args>
void replaceByComposite(mlir::PatternRewriter &rewriter, mlir::Operation *last,
                        llvm::ArrayRef<mlir::Operation *> others, Args... args) {
  llvm::SmallVector<mlir::Location> places;
  for (mlir::Operation *op : others)
    places.push_back(op->getLoc());
  places.push_back(last->getLoc());
  mlir::Location loc = mergeLocations(last->getContext(), places);
  rewriter.replaceOp(last, OpT::create(rewriter, loc, args...).getResult());
}
/// The parts of populateRaisePatterns that are the network family's, and its norms'.
void populateNetworkRaisePatterns(mlir::RewritePatternSet &patterns);
void populateNormRaisePatterns(mlir::RewritePatternSet &patterns);

/// What a composite is made of, over a batch: where some of its operands have no batch axis and its own form would
/// repeat them.
mlir::LogicalResult batchDecomposed(mlir::Operation *op, Batcher &batcher, mlir::ValueRange operands,
                                    llvm::ArrayRef<bool> batched, llvm::SmallVectorImpl<mlir::Value> &results);

} // namespace weft
#endif
