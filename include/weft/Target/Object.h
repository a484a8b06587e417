// Decides how a module in the LLVM dialect becomes an object file, or assembly to read.
#ifndef WEFT_TARGET_OBJECT_H
#define WEFT_TARGET_OBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "weft/Codegen/Target.h"

namespace weft {

enum class Emit { Object, Assembly, LLVMIR };

/// One object file and a function that it defines; the first defines `weft_entry`, the others a kernel each.
struct Object {
  std::string symbol, bytes;
};

/// Compiles in up to `threads` threads, one object for the entry and one for each kernel. On failure `error` says why.
mlir::LogicalResult emitObjects(mlir::ModuleOp module, const Target &target, unsigned threads,
                                llvm::SmallVectorImpl<Object> &objects, std::string &error);

/// All of it as one text, to read.
mlir::LogicalResult emitText(mlir::ModuleOp module, const Target &target, Emit kind, std::string &output,
                             std::string &error);

} // namespace weft
#endif
