// Decides what sums of products share of their dimension numbers: lists of distinct dimensions, and pairs that agree.
#ifndef WEFT_LIB_DIALECT_WEFT_OPS_DIMENSIONNUMBERS_H
#define WEFT_LIB_DIALECT_WEFT_OPS_DIMENSIONNUMBERS_H

#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"

namespace weft {

/// Whether the lists name distinct dimensions of the rank.
inline bool areDistinct(llvm::ArrayRef<llvm::ArrayRef<int64_t>> lists, int64_t rank) {
  llvm::SmallVector<bool> seen(rank, false);
  for (llvm::ArrayRef<int64_t> list : lists)
    for (int64_t dim : list) {
      if (dim < 0 || dim >= rank || seen[dim])
        return false;
      seen[dim] = true;
    }
  return true;
}

/// Checks that the operands have one element type and that batch and contracted dimensions agree in their sizes.
/// `arePaired`: whether the lists are distinct dimensions, as many on either side; where not, the inference says so.
template <class Op> mlir::LogicalResult verifyPairs(Op op, bool arePaired) {
  auto lhs = mlir::cast<mlir::RankedTensorType>(op.getLhs().getType());
  auto rhs = mlir::cast<mlir::RankedTensorType>(op.getRhs().getType());
  if (lhs.getElementType() != rhs.getElementType())
    return op.emitOpError("[WF1021] expected operands of one element type, got ") << lhs << " and " << rhs;
  if (!arePaired)
    return mlir::success();
  Shape l = shapeOf(lhs), r = shapeOf(rhs);
  auto agree = [&](llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b, llvm::StringRef what) -> mlir::LogicalResult {
    for (auto [i, j] : llvm::zip(a, b))
      if (l[i] != r[j])
        return op.emitOpError("[WF1012] the ")
               << what << " dimension " << i << " of the left operand (" << l[i].str() << ") must equal dimension " << j
               << " of the right (" << r[j].str() << ")";
    return mlir::success();
  };
  return mlir::success(succeeded(agree(op.getLhsBatch(), op.getRhsBatch(), "batch")) &&
                       succeeded(agree(op.getLhsContract(), op.getRhsContract(), "contracted")));
}

} // namespace weft
#endif
