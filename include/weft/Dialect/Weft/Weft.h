// The dialect: its types, attributes, interfaces and ops.
#ifndef WEFT_DIALECT_WEFT_WEFT_H
#define WEFT_DIALECT_WEFT_WEFT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "weft/Dialect/Weft/Rules.h"
#include "weft/Dialect/Weft/SizeExpr.h"
#include "weft/Reference/Scalar.h"

#include "weft/Dialect/Weft/WeftDialect.h.inc"
#include "weft/Dialect/Weft/WeftEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "weft/Dialect/Weft/WeftTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "weft/Dialect/Weft/WeftAttrs.h.inc"
#include "weft/Dialect/Weft/WeftInterfaces.h.inc"

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Elementwise.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Reduction.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Movement.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Indexing.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Contraction.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Window.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Sorting.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Creation.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Control.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Random.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Recompute.h.inc"
#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Composite.h.inc"

#endif
