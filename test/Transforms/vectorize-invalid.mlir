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

// -----

func.func @main(%k: tensor<8xi64>) -> tensor<8x?xf32, #weft.dims<_, n>> {
  %y = weft.vmap @f(%k) {batched = array<i1: true>, size = #weft.size<8>} : (tensor<8xi64>) -> tensor<8x?xf32, #weft.dims<_, n>>
  return %y : tensor<8x?xf32, #weft.dims<_, n>>
}
func.func private @f(%k: tensor<i64>) -> tensor<?xf32, #weft.dims<n>> {
  // expected-error @below {{[WF2032] expected results whose size is known outside}}
  %r = weft.sized "n" = %k : tensor<i64> -> (tensor<?xf32, #weft.dims<n>>) {
    %i = weft.iota {dim = 0} : () -> tensor<?xf32, #weft.dims<n>>
    weft.yield %i : tensor<?xf32, #weft.dims<n>>
  }
  return %r : tensor<?xf32, #weft.dims<n>>
}
