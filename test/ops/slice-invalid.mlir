// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Slice: inside the operand.
func.func @f(%x: tensor<7xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF1016] dimension 0: reads past the end (operand size 7, start 1, stride 2, result size 4)}}
  %r = weft.slice %x {starts = array<i64: 1>, strides = array<i64: 2>} : (tensor<7xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// Slice: positive strides.
func.func @f(%x: tensor<7xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF1015] expected starts of 0 or more and strides of 1 or more}}
  %r = weft.slice %x {starts = array<i64: 1>, strides = array<i64: 0>} : (tensor<7xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
