// Decides the network family: composites of neural networks, as weft.nn has them. f16 and bf16 are computed in f32 and
// rounded once. Rules: Network.cpp (of one operand), NetworkNorm.cpp, NetworkAttention.cpp, NetworkLoss.cpp.
#ifndef WEFT_NETWORK
#define WEFT_NETWORK

include "weft/Dialect/Weft/WeftBase.td"

def Weft_GeluOp : Weft_Composite<"gelu", Weft_Jvp> {
  let summary = "x times the probability that a normal number is below x";
  let description = [{
    x/2 * erfc(-x / sqrt(2)), by the error function (`weft.gelu_tanh` is the approximation); what is left of x below 0
    is not lost to cancellation.

    Example:
    ```mlir
    %r = weft.gelu %x : (tensor<3x4xf32>) -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Weft_Float:$x);
  let results = (outs Weft_Float:$result);
}

def Weft_LogsumexpOp : Weft_Composite<"logsumexp", Weft_Jvp> {
  let summary = "log(sum(exp(x))) over dimensions";
  let description = [{
    The result has the dimensions of the operand but `dims`, which are sorted and distinct. With m the greatest element
    over them, or 0 where that is infinite or NaN, it is log(sum(exp(x - m))) + m: a row of -inf alone, or of no
    elements, gives -inf.

    Example:
    ```mlir
    %r = weft.logsumexp %x {dims = array<i64: 1>} : (tensor<3x4xf32>) -> tensor<3xf32>
    ```
  }];
  let arguments = (ins Weft_Float:$x, DenseI64ArrayAttr:$dims);
  let results = (outs Weft_Float:$result);
}

//===-- Norms --------------------------------------------------------------------------------------------------------===//

class Weft_Norm<string mnemonic> : Weft_Composite<mnemonic, Weft_Jvp> {
  let arguments = (ins Weft_Float:$x, DenseI64ArrayAttr:$dims, F64Attr:$eps);
  let results = (outs Weft_Float:$result);
}

def Weft_LayerNormOp : Weft_Norm<"layer_norm"> {
  let summary = "(x - mean(x)) / sqrt(variance(x) + eps) over dimensions";
  let description = [{
    The result has the operand's type; `dims` are sorted and distinct. The variance is the mean of the squares of
    d = x - mean(x), and the result d * rsqrt(variance + eps).

    Example:
    ```mlir
    %r = weft.layer_norm %x {dims = array<i64: 1>, eps = 1.0e-5 : f64} : (tensor<3x4xf32>) -> tensor<3x4xf32>
    ```
  }];
}

def Weft_RmsNormOp : Weft_Norm<"rms_norm"> {
  let summary = "x / sqrt(mean(x^2) + eps) over dimensions";
  let description = [{
    The result has the operand's type; `dims` are sorted and distinct. It is x * rsqrt(mean(x * x) + eps).

    Example:
    ```mlir
    %r = weft.rms_norm %x {dims = array<i64: 1>, eps = 1.0e-6 : f64} : (tensor<3x4xf32>) -> tensor<3x4xf32>
    ```
  }];
}

def Weft_BatchNormOp : Weft_Composite<"batch_norm", Weft_Jvp> {
  let summary = "(x - mean) / sqrt(variance + eps), by statistics that are given";
  let description = [{
    The result has the type of x; `mean` and `variance` have its dimensions but `dims`, which are sorted and distinct. It
    is (x - mean) * rsqrt(variance + eps), with the statistics repeated over `dims`. Where the statistics are those of x
    itself, it is `weft.layer_norm` over the same dimensions.

    Example:
    ```mlir
    %r = weft.batch_norm %x, %mean, %variance {dims = array<i64: 0>, eps = 1.0e-5 : f64}
        : (tensor<3x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Weft_Float:$x, Weft_Float:$mean, Weft_Float:$variance, DenseI64ArrayAttr:$dims, F64Attr:$eps);
  let results = (outs Weft_Float:$result);
}

//===-- Attention ----------------------------------------------------------------------------------------------------===//

def Weft_AttentionOp : Weft_Composite<"attention", Weft_Jvp, [AttrSizedOperandSegments]> {
  let summary = "softmax(query key^T * scale + bias) value, for each head";
  let description = [{
    `query` is (..., heads, length, features), `key` (..., key heads, key length, features) and `value` (..., key heads,
    key length, value features), with the same leading dimensions; the key heads divide the heads, and each serves as
    many that stand side by side. The result is (..., heads, length, value features).

    `bias` (numbers, added to the scores) and `mask` (which keys a query attends to) have the dimensions of the scores,
    (..., heads, length, key length), or 1 in the place of any. With `causal`, query i attends to keys up to i only. A
    query that attends to no key gives zeros. Narrow floats are computed in float32; the softmax of bfloat16 is rounded
    to bfloat16, as instructions for its products take it.

    Example:
    ```mlir
    %r = weft.attention %q, %k, %v {scale = 0.5 : f64, causal = true, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}
        : (tensor<6x9x4xf32>, tensor<2x7x4xf32>, tensor<2x7x5xf32>) -> tensor<6x9x5xf32>
    ```
  }];
  let arguments = (ins Weft_Float:$query, Weft_Float:$key, Weft_Float:$value, Optional<Weft_Float>:$bias,
                       Optional<Weft_Bool>:$mask, F64Attr:$scale, BoolAttr:$causal);
  let results = (outs Weft_Float:$result);
}

//===-- Losses -------------------------------------------------------------------------------------------------------===//

def Weft_CrossEntropyOp : Weft_Composite<"cross_entropy", Weft_Jvp> {
  let summary = "minus the logarithm of the probability that softmax gives to labels";
  let description = [{
    `logits` is (..., classes). `labels` are integers of shape (...), where one outside 0 .. classes-1 gives 0; or floats
    of the shape of the logits, the probability of each class, whose products with the logarithms are summed. The result
    is (...).

    Example:
    ```mlir
    %r = weft.cross_entropy %x, %labels : (tensor<3x4xf32>, tensor<3xi64>) -> tensor<3xf32>
    ```
  }];
  let arguments = (ins Weft_Float:$logits, Weft_Number:$labels);
  let results = (outs Weft_Float:$result);
}

#endif
