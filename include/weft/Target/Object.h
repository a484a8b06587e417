// Decides how a module in the LLVM dialect becomes an object file, or a text to read.
#ifndef WEFT_TARGET_OBJECT_H
#define WEFT_TARGET_OBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "weft/Codegen/Target.h"
#include "weft/Target/PassTimes.h"

namespace weft {

enum class Emit { Object, Assembly, LLVMIR };

/// Registers what a context needs for the functions below; before any of its threads calls them.
void prepareTranslation(mlir::MLIRContext &context);

/// Compiles a module into one object file, in which all that is not private can be called. Modules of one context may
/// be compiled side by side in threads. `times`: counts LLVM's part. On failure `error` says why.
mlir::LogicalResult emitObject(mlir::ModuleOp module, const Target &target, std::string &object, std::string &error,
                               PassTimes &times);

/// The same as a text, to read.
mlir::LogicalResult emitText(mlir::ModuleOp module, const Target &target, Emit kind, std::string &output,
                             std::string &error);

} // namespace weft
#endif
