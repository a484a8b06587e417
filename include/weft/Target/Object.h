// Decides how a module in the LLVM dialect becomes an object file, or assembly to read.
#ifndef WEFT_TARGET_OBJECT_H
#define WEFT_TARGET_OBJECT_H

#include "weft/Codegen/Target.h"
#include "mlir/IR/BuiltinOps.h"

namespace weft {

enum class Emit { Object, Assembly, LLVMIR };

/// Translates and compiles; on failure `error` says why.
mlir::LogicalResult emitObject(mlir::ModuleOp module, const Target &target, Emit kind, std::string &output, std::string &error);

} // namespace weft
#endif
