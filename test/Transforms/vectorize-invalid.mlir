// RUN: weft-opt %s --weft-resolve-requests -split-input-file -verify-diagnostics

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
