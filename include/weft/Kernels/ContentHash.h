// Decides when two functions are the same to whoever stores what is made of them: by their text without lines.
#ifndef WEFT_KERNELS_CONTENTHASH_H
#define WEFT_KERNELS_CONTENTHASH_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <string>

namespace weft {

/// The hash of a function's text, and of what else that depends on, as 32 hexadecimal digits. Constants count by
/// content, so none is elided; large ones are resources, whose names are hashes of theirs.
std::string contentHash(mlir::func::FuncOp function, llvm::StringRef surroundings = "");

/// The kernel function of equal body that the module has, or this one (in no module yet), named by the hash of its text
/// and inserted. Unless `keepLines`, its ops then say their number in it, which each launch maps to a line.
mlir::func::FuncOp internKernel(mlir::func::FuncOp function, mlir::SymbolTable &symbols, bool keepLines = false);

} // namespace weft

#endif // WEFT_KERNELS_CONTENTHASH_H
