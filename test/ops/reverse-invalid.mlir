// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Reverse: dims in range.
func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{[WF1015] expected sorted, distinct dims below the rank}}
  %r = weft.reverse %x {dims = array<i64: 1>} : (tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}
