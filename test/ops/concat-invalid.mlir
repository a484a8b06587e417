// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Concat: sizes that agree.
func.func @f(%x: tensor<3x2xf32>, %y: tensor<3x3xf32>) -> tensor<6x2xf32> {
  // expected-error @below {{[WF1012] expected operands that agree but in dimension 0}}
  %r = weft.concat %x, %y {dim = 0 : i64} : (tensor<3x2xf32>, tensor<3x3xf32>) -> tensor<6x2xf32>
  return %r : tensor<6x2xf32>
}

// -----

// Concat: one element type.
func.func @f(%x: tensor<3xf32>, %y: tensor<3xf64>) -> tensor<6xf32> {
  // expected-error @below {{[WF1021] expected operands of one element type}}
  %r = weft.concat %x, %y {dim = 0 : i64} : (tensor<3xf32>, tensor<3xf64>) -> tensor<6xf32>
  return %r : tensor<6xf32>
}

// -----

// Concat: a dimension below the rank.
func.func @f(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<6xf32> {
  // expected-error @below {{[WF1015] concat: expected a dimension below the rank, got 1}}
  // expected-error @below {{failed to infer returned types}}
  %r = weft.concat %x, %y {dim = 1 : i64} : (tensor<3xf32>, tensor<3xf32>) -> tensor<6xf32>
  return %r : tensor<6xf32>
}
