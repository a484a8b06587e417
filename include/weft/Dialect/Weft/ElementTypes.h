// Decides how element types are numbered outside of the compiler.
#ifndef WEFT_DIALECT_WEFT_ELEMENTTYPES_H
#define WEFT_DIALECT_WEFT_ELEMENTTYPES_H

#include "mlir/IR/Types.h"

namespace weft {

/// The runtime's number (WEFT_F32, ...; weft/Runtime/Image.h) of an element type that programs compute with; 0 for
/// others.
int32_t dtypeOf(mlir::Type element);

} // namespace weft
#endif
