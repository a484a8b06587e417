// RUN: weft-opt %s --weft-check-contract=resolved -split-input-file -verify-diagnostics

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

func.func @main(%x: tensor<f32>, %d: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  // expected-error @below {{[WF4006] breaks the contract of stage 'resolved'}}
  %y, %t = weft.jvp @f(%x, %d) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %y, %t : tensor<f32>, tensor<f32>
}
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

func.func @main(%x: tensor<f32>, %d: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  // expected-error @below {{[WF4006] breaks the contract of stage 'resolved'}}
  %y, %t = weft.vjp @f(%x, %d) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %y, %t : tensor<f32>, tensor<f32>
}
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{[WF4006] breaks the contract of stage 'resolved'}}
  %y = weft.vmap @f(%x) {batched = array<i1: true>, size = #weft.size<8>} : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
