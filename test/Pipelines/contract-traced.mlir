// RUN: weft-opt %s --weft-check-contract=traced -split-input-file -verify-diagnostics

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
  // expected-error @below {{[WF4001] breaks the contract of stage 'traced'}}
  %c = arith.constant dense<1.0> : tensor<4xf32>
  return %c : tensor<4xf32>
}

// -----

// expected-error @below {{[WF4002] breaks the contract of stage 'traced'}}
func.func @main(%x: tensor<?xf32>) {
  return
}

// -----

func.func @main() {
  return
}
// expected-error @below {{[WF4004] breaks the contract of stage 'traced'}}
func.func @second() {
  return
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF4005] breaks the contract of stage 'traced'}}
  %r = weft.copy %x {reason = "returned twice"} : tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func @main() {
  return
}
// expected-error @below {{[WF4005] breaks the contract of stage 'traced'}}
func.func private @k() attributes {weft.kernel} {
  return
}

// -----

// No entry at all.
// expected-error @below {{[WF4004] breaks the contract of stage 'traced'}}
module {
  func.func private @f() {
    return
  }
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF4005] breaks the contract of stage 'traced'}}
  %r = weft.launch @k(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func private @k(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF4005] breaks the contract of stage 'traced'}}
  %r = weft.kernel(%x : tensor<4xf32>) -> (tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>):
    weft.yield %a : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
