// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Broadcast: only size 1 repeats.
func.func @f(%x: tensor<2xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1014] operand dimension 0 of size 2 cannot become result dimension 0 of size 3}}
  %r = weft.broadcast %x {dims = array<i64: 0>} : (tensor<2xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// Broadcast: ascending dims.
func.func @f(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{[WF1015] expected ascending dims below the result's rank}}
  %r = weft.broadcast %x {dims = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}
