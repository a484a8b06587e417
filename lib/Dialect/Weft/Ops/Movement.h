// Decides what the rules of rearranging elements share.
#ifndef WEFT_LIB_DIALECT_WEFT_OPS_MOVEMENT_H
#define WEFT_LIB_DIALECT_WEFT_OPS_MOVEMENT_H

#include "weft/Dialect/Weft/Weft.h"
#include "weft/Reference/Interpreter.h"

namespace weft {

/// The sizes of an op's result in the interpreter's frame.
inline mlir::FailureOr<llvm::SmallVector<int64_t, 4>> resultShape(mlir::Operation *op, Interpreter &interpreter) {
  auto shape = interpreter.shape(op->getResult(0).getType());
  if (!shape)
    return op->emitOpError("[WF1404] the sizes of ") << op->getResult(0).getType() << " have no value here";
  return *shape;
}

/// What a list says of the dimensions, `first` for a batch axis in front of them; `shift` where it names dimensions.
inline llvm::SmallVector<int64_t> withBatch(llvm::ArrayRef<int64_t> entries, int64_t first, int64_t shift = 0) {
  llvm::SmallVector<int64_t> all{first};
  for (int64_t entry : entries)
    all.push_back(entry + shift);
  return all;
}

inline mlir::Value copyScalar(mlir::OpBuilder &, mlir::Location, mlir::ValueRange v) { return v[0]; }

} // namespace weft
#endif
