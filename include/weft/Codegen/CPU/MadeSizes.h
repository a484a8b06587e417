// Decides how the sizes of what a kernel makes are known: by the named type that weft-to-linalg leaves with what it
// starts from (`weft.type` of tensor.empty).
#ifndef WEFT_CODEGEN_CPU_MADESIZES_H
#define WEFT_CODEGEN_CPU_MADESIZES_H

#include "weft/Codegen/CPU/KernelGraph.h"

namespace weft {

/// The sizes of a value of a kernel, read from a buffer or made here.
Shape sizesOf(KernelGraph &graph, mlir::Value value);

} // namespace weft
#endif
