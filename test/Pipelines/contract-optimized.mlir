// RUN: weft-opt %s --weft-check-contract=optimized -split-input-file -verify-diagnostics

// Keeps the contract.
func.func @main(%x: tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>> {
  %r = weft.call @f(%x) : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %r : tensor<?xf32, #weft.dims<B>>
}
func.func private @f(%x: tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>> {
  %r = weft.neg %x : (tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>>
  return %r : tensor<?xf32, #weft.dims<S>>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF4007] breaks the contract of stage 'optimized'}}
  %a = weft.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  return %x : tensor<4xf32>
}
