// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Reduce_window: kinds that have all rules.
func.func @f(%x: tensor<4xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1021] folds windows by add, min or max, got mul}}
  %r = weft.reduce_window %x {kind = #weft.reduce_kind<mul>, sizes = array<i64: 2>, strides = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, dilation = array<i64: 1>, window_dilation = array<i64: 1>} : (tensor<4xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// Reduce_window: one entry per dimension, sizes of 1 or more.
func.func @f(%x: tensor<4xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1015] reduce_window: expected one entry of sizes, strides, low, high and dilations per dimension}}
  // expected-error @below {{failed to infer returned types}}
  %r = weft.reduce_window %x {kind = #weft.reduce_kind<max>, sizes = array<i64: 0>, strides = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, dilation = array<i64: 1>, window_dilation = array<i64: 1>} : (tensor<4xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}
