// The passes from graph to graph; see Passes.td.
#ifndef WEFT_TRANSFORMS_PASSES_H
#define WEFT_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "weft/Dialect/Weft/Weft.h"

namespace weft {
#define GEN_PASS_DECL
#include "weft/Transforms/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "weft/Transforms/Passes.h.inc"
} // namespace weft
#endif
