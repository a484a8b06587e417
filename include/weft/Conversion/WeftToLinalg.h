// Decides what weft-to-linalg offers to passes that want to see a kernel as code generation will.
#ifndef WEFT_CONVERSION_WEFTTOLINALG_H
#define WEFT_CONVERSION_WEFTTOLINALG_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace weft {

/// Turns one kernel function of graph ops into linalg, as the pass does; its launches are not touched.
mlir::LogicalResult lowerKernelToLinalg(mlir::func::FuncOp kernel);

} // namespace weft
#endif
