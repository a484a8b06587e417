// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Elementwise: one shape.
func.func @f(%x: tensor<3xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF1012] expected operands and result of one shape}}
  %r = weft.add %x, %y : (tensor<3xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// Elementwise: sizes of one name.
func.func @f(%x: tensor<?xf32, #weft.dims<A>>, %y: tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>> {
  // expected-error @below {{[WF1012] expected operands and result of one shape}}
  %r = weft.add %x, %y : (tensor<?xf32, #weft.dims<A>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %r : tensor<?xf32, #weft.dims<B>>
}

// -----

// Elementwise: one element type.
func.func @f(%x: tensor<3xf32>, %y: tensor<3xf64>) -> tensor<3xf64> {
  // expected-error @below {{[WF1021] expected operands of one element type}}
  %r = weft.add %x, %y : (tensor<3xf32>, tensor<3xf64>) -> tensor<3xf64>
  return %r : tensor<3xf64>
}
