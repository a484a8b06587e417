// Decides the reduction family: ops that fold dimensions. The order of folding is part of the meaning (reduceOrder in
// Reduction.cpp): 64 strided partial results over the flattened index, folded by halves, in chunks of 65,536 elements.
#ifndef WEFT_REDUCTION
#define WEFT_REDUCTION

include "weft/Dialect/Weft/WeftBase.td"

def Weft_ReduceOp : Weft_StructuredOp<"reduce", Weft_Jvp, [Weft_Linear]> {
  let summary = "folds dimensions with add, mul, min, max, and, or";
  let description = [{
    The result has the operand's dimensions without those in `dims` (sorted, distinct). A fold of nothing gives the
    identity of the kind (min and max: the greatest and least value). f16 and bf16 accumulate in f32 and round once.
    The order of folding is fixed and depends on the extents only. Linear for `add` (then the transpose rule holds);
    the jvp rule is that of the other kinds. NaN propagates through min and max.

    Example:
    ```mlir
    %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<3x4xf32>) -> tensor<3xf32>
    ```
  }];
  let arguments = (ins Weft_Any:$x, Weft_ReduceKindAttr:$kind, DenseI64ArrayAttr:$dims);
  let results = (outs Weft_Any:$result);
  let hasFolder = 1;
  let extraClassDeclaration = "::llvm::ArrayRef<int64_t> getFoldedDims() { return getDims(); }";
}

def Weft_CumulativeOp : Weft_StructuredOp<"cumulative", Weft_Jvp, [Weft_Linear]> {
  let summary = "running folds along a dimension with add, mul, min, max";
  let description = [{
    Element i along `dim` is the fold of elements 0 to i; with `reverse`, of elements i to the last. f16 and bf16
    accumulate in f32 and each element rounds once. The order of folding is fixed (cumulativeOrder in Reduction.cpp):
    blocks of 16 elements, each folded as a tree, then combined with what came before. Linear for `add` (then the
    transpose rule holds); the jvp rule is that of the other kinds. NaN propagates through min and max.

    Example:
    ```mlir
    %r = weft.cumulative %x {kind = #weft.reduce_kind<add>, dim = 1 : i64, reverse = false}
        : (tensor<3x4xf32>) -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Weft_Number:$x, Weft_ReduceKindAttr:$kind, I64Attr:$dim, BoolAttr:$reverse);
  let results = (outs Weft_Number:$result);
}

#endif
