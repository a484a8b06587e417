// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Transpose: a permutation.
func.func @f(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @below {{[WF1015] expected a permutation of the operand's dimensions}}
  %r = weft.transpose %x {permutation = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}
