// Runs a program as native code.
#ifndef WEFT_RUN_COMPILED_H
#define WEFT_RUN_COMPILED_H

#include "mlir/IR/BuiltinOps.h"
#include "weft/Reference/Tensor.h"
#include "llvm/Support/Error.h"

namespace weft {

/// Compiles @main of the module (which is spent) for this machine and calls it; `repeats` more calls are timed, and the
/// times told on standard error.
llvm::Error runCompiled(mlir::ModuleOp module, llvm::ArrayRef<Tensor> arguments, llvm::ArrayRef<mlir::Type> resultTypes,
                        llvm::SmallVectorImpl<Tensor> &results, unsigned repeats = 0);

} // namespace weft
#endif
