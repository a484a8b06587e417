// The ops of the network family; no pass names them. See Network.td.
#ifndef WEFT_DIALECT_WEFT_NETWORK_H
#define WEFT_DIALECT_WEFT_NETWORK_H

#include "weft/Dialect/Weft/Weft.h"

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Network.h.inc"

#endif
