// Decides the contraction family: sums of products. k ascends, one fused multiply-add a step in the accumulator type
// (f32 for f16 and bf16): that order is part of the meaning.
#ifndef WEFT_CONTRACTION
#define WEFT_CONTRACTION

include "weft/Dialect/Weft/WeftBase.td"

def Weft_DotOp : Weft_StructuredOp<"dot", Weft_Linear> {
  let summary = "the general product: batch, free and contracted dimensions";
  let description = [{
    Result dimensions: the batch dimensions (in the order of `lhs_batch`), the free ones of lhs, the free ones of rhs.
    Contracted dimensions are paired in the order given and run in row-major order of that list.

    Example:
    ```mlir
    %r = weft.dot %a, %b {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>,
        rhs_contract = array<i64: 0>} : (tensor<3x4xf32>, tensor<4x5xf32>) -> tensor<3x5xf32>
    ```
  }];
  let arguments = (ins Weft_Number:$lhs, Weft_Number:$rhs, DenseI64ArrayAttr:$lhs_batch, DenseI64ArrayAttr:$rhs_batch,
                       DenseI64ArrayAttr:$lhs_contract, DenseI64ArrayAttr:$rhs_contract);
  let results = (outs Weft_Number:$result);
}

#endif
