// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Dot: contracted sizes that agree.
func.func @f(%x: tensor<3x4xf32>, %y: tensor<5x6xf32>) -> tensor<3x6xf32> {
  // expected-error @below {{[WF1012] the contracted dimension 1 of the left operand (4) must equal dimension 0 of the right (5)}}
  %r = weft.dot %x, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<3x4xf32>, tensor<5x6xf32>) -> tensor<3x6xf32>
  return %r : tensor<3x6xf32>
}

// -----

// Dot: one element type.
func.func @f(%x: tensor<3x4xf32>, %y: tensor<4x6xf64>) -> tensor<3x6xf32> {
  // expected-error @below {{[WF1021] expected operands of one element type}}
  %r = weft.dot %x, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<3x4xf32>, tensor<4x6xf64>) -> tensor<3x6xf32>
  return %r : tensor<3x6xf32>
}

// -----

// Dot: distinct dimensions.
func.func @f(%x: tensor<3x4xf32>, %y: tensor<4x6xf32>) -> tensor<3x6xf32> {
  // expected-error @below {{[WF1015] dot: expected paired, distinct dimensions below the ranks}}
  // expected-error @below {{failed to infer returned types}}
  %r = weft.dot %x, %y {lhs_batch = array<i64: 1>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
  return %r : tensor<3x6xf32>
}

// -----

// Dot: dimensions below the ranks.
func.func @f(%x: tensor<3x4xf32>, %y: tensor<4x6xf32>) -> tensor<3x6xf32> {
  // expected-error @below {{[WF1015] dot: expected paired, distinct dimensions below the ranks}}
  // expected-error @below {{failed to infer returned types}}
  %r = weft.dot %x, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 7>, rhs_contract = array<i64: -1>} : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
  return %r : tensor<3x6xf32>
}
