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

// -----

func.func @main(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  // expected-error @below {{[WF4008] breaks the contract of stage 'optimized'}}
  %y = weft.map #weft.size<3> xs(%x : tensor<3x2xf32>) -> (tensor<3x2xf32>) {
  ^bb0(%xi: tensor<2xf32>):
    %n = weft.neg %xi : (tensor<2xf32>) -> tensor<2xf32>
    weft.yield %n : tensor<2xf32>
  }
  return %y : tensor<3x2xf32>
}

// -----

func.func @main(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  // expected-error @below {{[WF4009] breaks the contract of stage 'optimized'}}
  %y = weft.softmax %x {dims = array<i64: 1>, log = false} : (tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
