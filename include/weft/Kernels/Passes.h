// The passes from graph ops to shared kernels.
#ifndef WEFT_KERNELS_PASSES_H
#define WEFT_KERNELS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace weft {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "weft/Kernels/Passes.h.inc"

} // namespace weft
#endif
