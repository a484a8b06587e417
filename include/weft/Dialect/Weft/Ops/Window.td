// Decides the window family: ops whose result elements each see a window of the operand. Along one dimension, step o of
// the result and position k of the window meet at o * stride + k * window dilation - low of the operand, whose
// neighbours stand its own dilation apart; what stands between and outside reads as the neutral element.
#ifndef WEFT_WINDOW
#define WEFT_WINDOW

include "weft/Dialect/Weft/WeftBase.td"

def Weft_ConvolutionOp : Weft_StructuredOp<"convolution", Weft_Linear> {
  let summary = "the general product over windows: dot with window dimensions";
  let description = [{
    As `dot`, with pairs of window dimensions: those of rhs slide over those of lhs. Result dimensions: the batch
    dimensions, the free ones of lhs, the free ones of rhs, the steps of the windows (in the order of `lhs_window`).
    Groups are batch dimensions. `strides`, `low`, `high` (which may be negative: they cut), `lhs_dilation` and
    `rhs_dilation` have one entry per window dimension; zeros stand where lhs is padded, and take part as any element,
    and between its dilated elements. There no product is made (an infinite weight makes no NaN) along dimensions
    without a stride, a dilated window or named sizes, if their dilations make 16 parts or less together. The number
    of steps is (size + low + high - window) / stride + 1 of the dilated sizes, 0 where the window does not fit. The
    order of summing: the contracted dimensions in the order given, then the window's positions, row-major; one fused
    multiply-add a step, as in `dot`.

    Example: two-dimensional, NCHW and OIHW, padded by 1
    ```mlir
    %r = weft.convolution %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>,
        rhs_contract = array<i64: 1>, lhs_window = array<i64: 2, 3>, rhs_window = array<i64: 2, 3>,
        strides = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, lhs_dilation = array<i64: 1, 1>,
        rhs_dilation = array<i64: 1, 1>} : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x8x8xf32>
    ```
  }];
  let arguments = (ins Weft_Number:$lhs, Weft_Number:$rhs, DenseI64ArrayAttr:$lhs_batch, DenseI64ArrayAttr:$rhs_batch,
                       DenseI64ArrayAttr:$lhs_contract, DenseI64ArrayAttr:$rhs_contract, DenseI64ArrayAttr:$lhs_window,
                       DenseI64ArrayAttr:$rhs_window, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$low,
                       DenseI64ArrayAttr:$high, DenseI64ArrayAttr:$lhs_dilation, DenseI64ArrayAttr:$rhs_dilation);
  let results = (outs Weft_Number:$result);
  let hasCanonicalizer = 1;
}

def Weft_ReduceWindowOp : Weft_StructuredOp<"reduce_window", Weft_Jvp, [Weft_Linear]> {
  let summary = "folds each window with add, min, max";
  let description = [{
    All attributes but `kind` have one entry per dimension: `sizes` of the window, `strides`, `low` and `high` (which
    may be negative), `dilation` of the operand and `window_dilation`. Where there is no element, the neutral one of the
    kind is read. The window's positions are folded in row-major order, as `reduce` folds that many elements. Linear for
    `add` (then the transpose rule holds); for min and max the elements that equal the result share its tangent equally.

    Example: the greatest of each 2 by 2
    ```mlir
    %r = weft.reduce_window %x {kind = #weft.reduce_kind<max>, sizes = array<i64: 2, 2>, strides = array<i64: 2, 2>,
        low = array<i64: 0, 0>, high = array<i64: 0, 0>, dilation = array<i64: 1, 1>,
        window_dilation = array<i64: 1, 1>} : (tensor<4x6xf32>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins Weft_Number:$x, Weft_ReduceKindAttr:$kind, DenseI64ArrayAttr:$sizes, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, DenseI64ArrayAttr:$dilation,
                       DenseI64ArrayAttr:$window_dilation);
  let results = (outs Weft_Number:$result);
  let hasCanonicalizer = 1;
}

#endif
