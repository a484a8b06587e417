// The ops of the linear algebra family, for the few places that see to calls of libraries or count what they cost; see
// Linalg.td.
#ifndef WEFT_DIALECT_WEFT_LINALG_H
#define WEFT_DIALECT_WEFT_LINALG_H

#include "weft/Dialect/Weft/Weft.h"

#include "weft/Dialect/Weft/LinalgInterfaces.h.inc"

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Linalg.h.inc"

#endif
