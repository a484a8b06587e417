// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Pad: amounts of 0 or more.
func.func @f(%x: tensor<3xf32>, %y: tensor<f32>) -> tensor<2xf32> {
  // expected-error @below {{[WF1015] expected amounts of 0 or more}}
  %r = weft.pad %x, %y {low = array<i64: -1>, high = array<i64: 0>, interior = array<i64: 0>} : (tensor<3xf32>, tensor<f32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// Pad: a scalar of the element type.
func.func @f(%x: tensor<3xf32>, %y: tensor<i32>) -> tensor<4xf32> {
  // expected-error @below {{[WF1021] expected a scalar of the operand's element type as value}}
  %r = weft.pad %x, %y {low = array<i64: 1>, high = array<i64: 0>, interior = array<i64: 0>} : (tensor<3xf32>, tensor<i32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
