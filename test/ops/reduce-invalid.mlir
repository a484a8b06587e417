// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Reduce: sorted, distinct dims.
func.func @f(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  // expected-error @below {{[WF1015] expected sorted, distinct dims below the rank 2}}
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// Reduce: and, or on integers only.
func.func @f(%x: tensor<2xf32>) -> tensor<f32> {
  // expected-error @below {{[WF1021] and, or fold bool or integers, got 'f32'}}
  %r = weft.reduce %x {kind = #weft.reduce_kind<and>, dims = array<i64: 0>} : (tensor<2xf32>) -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// Reduce: bool by and, or only.
func.func @f(%x: tensor<2xi1>) -> tensor<i1> {
  // expected-error @below {{[WF1021] bool folds by and, or, got add}}
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<2xi1>) -> tensor<i1>
  return %r : tensor<i1>
}
