// Decides what families share that fold elements: the steps of a fold, and the two orders of summing of the reference.
#ifndef WEFT_LIB_DIALECT_WEFT_OPS_FOLDING_H
#define WEFT_LIB_DIALECT_WEFT_OPS_FOLDING_H

#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Tensor.h"

namespace weft {

/// The value that changes no other under the kind.
mlir::TypedAttr neutralElement(ReduceKind kind, mlir::Type element, bool isUnsigned);
/// One step of a fold, in a payload.
mlir::Value foldStep(PayloadBuilder &p, ReduceKind kind, mlir::Value x, mlir::Value y);

/// Folds each row of `extent` elements in the order of `reduce`.
Tensor foldRows(const Tensor &rows, llvm::ArrayRef<int64_t> shape, int64_t extent, ReduceKind kind);
/// Sums of products in the order of `dot`: lhs as [batch, m, depth], rhs as [batch, depth, n]; those alone that `there`
/// says, which is as lhs.
Tensor sumProducts(const Tensor &lhs, const Tensor &rhs, llvm::ArrayRef<int64_t> shape, int64_t batch, int64_t m,
                   int64_t depth, int64_t n, const std::optional<Tensor> &there = std::nullopt);

} // namespace weft
#endif
