// Decides the one entry of BFloat16.cpp.
#ifndef WEFT_LIB_CODEGEN_BFLOAT16_H
#define WEFT_LIB_CODEGEN_BFLOAT16_H

#include "mlir/IR/BuiltinOps.h"

namespace weft {

/// Makes every bfloat16 of a bufferized module an integer of its bits.
void bfloat16AsBits(mlir::ModuleOp module);

} // namespace weft
#endif
