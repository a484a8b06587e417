// Decides the parts of simplification that passes share: each may run alone or in the driver's round.
#ifndef WEFT_TRANSFORMS_SIMPLIFY_H
#define WEFT_TRANSFORMS_SIMPLIFY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"

namespace weft {

/// The constant that an op's result is, evaluated by its reference: as materialize takes it; null where an operand is
/// not constant, or the result would be too large.
mlir::Attribute evaluateConstant(mlir::Operation *op);

/// Merges equal ops of each block under `root`; true if there were any.
bool mergeEqualOps(mlir::Operation *root);

/// Drops private functions that no op of the module names; true if there were any.
bool eraseUnusedFunctions(mlir::ModuleOp module);

/// Runs patterns on all ops under `root` until nothing changes, dropping dead ops. Nothing is folded beside the
/// patterns and no constant moves, since upstream's folder forgets places.
void applyPatterns(mlir::Operation *root, mlir::RewritePatternSet patterns);

/// The pattern that replaces ops on constants by constants.
void populateConstantFold(mlir::RewritePatternSet &patterns);

/// The pattern that moves elementwise ops before a reshape that only makes room, where what is around it gains by that.
void populateUnitsLast(mlir::RewritePatternSet &patterns);

/// The pattern that drops ops without effects that nothing reads (calls and region ops too, which upstream keeps).
void populateDeadOps(mlir::RewritePatternSet &patterns);

} // namespace weft
#endif
