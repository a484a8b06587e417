// Decides softmax, the composite that others are made of. Composites of networks stand in Network.td.
#ifndef WEFT_COMPOSITE
#define WEFT_COMPOSITE

include "weft/Dialect/Weft/WeftBase.td"

def Weft_SoftmaxOp : Weft_Composite<"softmax", Weft_Jvp> {
  let summary = "exp(x) / sum(exp(x)) over dimensions, or its logarithm";
  let description = [{
    The result has the operand's type; `dims` are sorted and distinct. With m the greatest element over them, it is
    exp(x - m) / sum(exp(x - m)); with `log`, (x - m) - log(sum(exp(x - m))). f16 and bf16 are computed in f32 and
    rounded once. A row that holds NaN or +inf, or -inf alone, is NaN.

    Example:
    ```mlir
    %r = weft.softmax %x {dims = array<i64: 1>, log = false} : (tensor<3x4xf32>) -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Weft_Float:$x, DenseI64ArrayAttr:$dims, BoolAttr:$log);
  let results = (outs Weft_Float:$result);
}

#endif
