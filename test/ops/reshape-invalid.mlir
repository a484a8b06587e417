// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Reshape: as many elements.
func.func @f(%x: tensor<2x3xf32>) -> tensor<5xf32> {
  // expected-error @below {{[WF1013] expected as many elements in the result as in the operand, got 5 and 6}}
  %r = weft.reshape %x : (tensor<2x3xf32>) -> tensor<5xf32>
  return %r : tensor<5xf32>
}

// -----

// Reshape: equal as expressions.
func.func @f(%x: tensor<?x3xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<2*B>> {
  // expected-error @below {{[WF1013] expected as many elements in the result as in the operand, got 2*B and 3*B}}
  %r = weft.reshape %x : (tensor<?x3xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<2*B>>
  return %r : tensor<?xf32, #weft.dims<2*B>>
}

// -----

// Reshape: the same element type.
func.func @f(%x: tensor<2xf32>) -> tensor<2xi32> {
  // expected-error @below {{[WF1021] cannot change the element type}}
  %r = weft.reshape %x : (tensor<2xf32>) -> tensor<2xi32>
  return %r : tensor<2xi32>
}
