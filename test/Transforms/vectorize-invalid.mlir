// RUN: weft-opt %s --weft-resolve-requests -split-input-file -verify-diagnostics

func.func @main(%p: tensor<8xi1>, %x: tensor<4xf32>) -> tensor<8x4xf32> {
  %y = weft.vmap @f(%p, %x) {batched = array<i1: true, false>, size = #weft.size<8>} : (tensor<8xi1>, tensor<4xf32>) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}
func.func private @f(%p: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF1313] the choice differs from element to element of a batch}}
  %r = weft.if %p captures(%x : tensor<4xf32>) : tensor<i1> -> (tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>):
    weft.yield %a : tensor<4xf32>
  }, {
  ^bb0(%a: tensor<4xf32>):
    %n = weft.neg %a : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %n : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<7x4xf32>) -> tensor<8x4xf32> {
  // expected-error @below {{[WF1311] expected a leading axis of size 8, got 'tensor<7x4xf32>'}}
  %y = weft.vmap @f(%x) {batched = array<i1: true>, size = #weft.size<8>} : (tensor<7x4xf32>) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<8x5xf32>) -> tensor<8x5xf32> {
  // expected-error @below {{[WF3005] of @f takes}}
  %y = weft.vmap @f(%x) {batched = array<i1: true>, size = #weft.size<8>} : (tensor<8x5xf32>) -> tensor<8x5xf32>
  return %y : tensor<8x5xf32>
}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
