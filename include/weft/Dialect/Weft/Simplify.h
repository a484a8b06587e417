// Decides what rules of simplification share: values that are one number everywhere, and the line of what is merged.
// Every rule is exact: it changes no bit but the sign and payload of NaN.
#ifndef WEFT_DIALECT_WEFT_SIMPLIFY_H
#define WEFT_DIALECT_WEFT_SIMPLIFY_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/PatternMatch.h"
#include "weft/Dialect/Weft/Shape.h"

namespace weft {

class ReshapeOp;
class SliceOp; // weft/Dialect/Weft/Weft.h

/// The splat that a value is: a constant of one number, or such a constant broadcast; null for any other value. The
/// attribute's shape is the constant's, not the value's.
mlir::DenseElementsAttr uniformOf(mlir::Value value);

/// All elements of `type` are the number of `splat`. Where sizes have names, which no attribute can say, a scalar: who
/// builds the constant broadcasts it (materialize).
mlir::DenseElementsAttr uniformLike(mlir::Type type, mlir::DenseElementsAttr splat);

/// A constant of `type` from what a fold gave (a scalar too, if the sizes of `type` have names); null if it does not
/// fit.
mlir::Value materialize(mlir::OpBuilder &builder, mlir::Location loc, mlir::Attribute value, mlir::Type type);

/// Where a reshape that only adds dimensions of size 1 puts each dimension of its operand; nothing for other reshapes.
std::optional<llvm::SmallVector<int64_t>> addedUnits(ReshapeOp reshape);

/// Whether a reshape only adds, drops and moves dimensions of size 1.
bool movesUnits(ReshapeOp reshape);

/// The dimensions of `inner` that each one of `outer` joins; those of size 1 are nowhere. Nothing where some are cut.
std::optional<llvm::SmallVector<llvm::SmallVector<int64_t>>> joinedDims(const Shape &inner, const Shape &outer);

/// A reshape behind a slice, as a slice alone of the operand with other dimensions: one that only adds dimensions of
/// size 1, or only drops some of which the slice takes one place (`x[:, 1]`), each of which becomes one dimension with
/// the one beside it. Null for other reshapes.
SliceOp sliceOfReshaped(mlir::OpBuilder &builder, ReshapeOp reshape);

/// The place of an op that stands for several: their distinct leaf places, in order, at most 8.
mlir::Location mergeLocations(mlir::MLIRContext *context, llvm::ArrayRef<mlir::Location> locations);

/// Whether a value costs less to make again than to hand on: a constant of one number or of few bytes, a size.
bool isCheapToRemake(mlir::Value value);

/// Whether an op may go when nothing reads its results: it, what it holds and what it calls have no effects.
bool hasNoEffects(mlir::Operation *op);

/// Whether an op may run where the program might not have run it: it has no effects and it ends.
bool mayRunEarly(mlir::Operation *op);

/// The symbol to which an op gives a value inside its regions; empty for other ops.
llvm::StringRef boundSymbol(mlir::Operation *op);
/// Whether the size of a value is known only in the region of the `sized` that gives it, or in one that this holds.
bool isSizedInside(mlir::Value value);
/// Replaces symbols in the types and attributes of an op (not of those that it holds).
void substituteSizes(mlir::Operation *op, const llvm::StringMap<SizeExpr> &bindings);

/// Rules that put another op in an op's place, beyond the fold hooks. `derivativesTaken` says that no derivative will
/// be asked for any more, so that what only speaks to derivatives may go.
void populateElementwisePatterns(mlir::RewritePatternSet &patterns, bool derivativesTaken);
void populateContractionPatterns(mlir::RewritePatternSet &patterns);

/// Rules that put a composite in the place of the same ops written out.
void populateRaisePatterns(mlir::RewritePatternSet &patterns);

} // namespace weft
#endif
