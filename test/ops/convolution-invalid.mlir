// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Convolution: contracted sizes that agree.
func.func @f(%x: tensor<2x3x8xf32>, %w: tensor<4x5x3xf32>) -> tensor<2x4x6xf32> {
  // expected-error @below {{[WF1012] the contracted dimension 1 of the left operand (3) must equal dimension 1 of the right (5)}}
  %r = weft.convolution %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 1>, lhs_window = array<i64: 2>, rhs_window = array<i64: 2>, strides = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>} : (tensor<2x3x8xf32>, tensor<4x5x3xf32>) -> tensor<2x4x6xf32>
  return %r : tensor<2x4x6xf32>
}

// -----

// Convolution: one element type.
func.func @f(%x: tensor<8xf32>, %w: tensor<3xf64>) -> tensor<6xf32> {
  // expected-error @below {{[WF1021] expected operands of one element type}}
  %r = weft.convolution %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64>, rhs_contract = array<i64>, lhs_window = array<i64: 0>, rhs_window = array<i64: 0>, strides = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>} : (tensor<8xf32>, tensor<3xf64>) -> tensor<6xf32>
  return %r : tensor<6xf32>
}

// -----

// Convolution: distinct dimensions.
func.func @f(%x: tensor<8xf32>, %w: tensor<3xf32>) -> tensor<6xf32> {
  // expected-error @below {{[WF1015] convolution: expected paired, distinct dimensions below the ranks}}
  // expected-error @below {{failed to infer returned types}}
  %r = weft.convolution %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 0>, rhs_contract = array<i64: 0>, lhs_window = array<i64: 0>, rhs_window = array<i64: 0>, strides = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>} : (tensor<8xf32>, tensor<3xf32>) -> tensor<6xf32>
  return %r : tensor<6xf32>
}

// -----

// Convolution: strides of 1 or more.
func.func @f(%x: tensor<8xf32>, %w: tensor<3xf32>) -> tensor<6xf32> {
  // expected-error @below {{[WF1015] convolution: expected one entry of strides, low, high and dilations per window dimension}}
  // expected-error @below {{failed to infer returned types}}
  %r = weft.convolution %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64>, rhs_contract = array<i64>, lhs_window = array<i64: 0>, rhs_window = array<i64: 0>, strides = array<i64: 0>, low = array<i64: 0>, high = array<i64: 0>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>} : (tensor<8xf32>, tensor<3xf32>) -> tensor<6xf32>
  return %r : tensor<6xf32>
}
