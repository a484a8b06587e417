// RUN: weft-opt %s --weft-resolve-requests | FileCheck %s

// The function has a size N of its own: a batch of batches gets another name, for the size B of @main may be anything.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT: weft.call @f.vmap(%arg0) : (tensor<?x?xf32, #weft.dims<B, N>>) -> tensor<?xf32, #weft.dims<B>>
// CHECK: func.func private @f.vmap(%arg0: tensor<?x?xf32, #weft.dims<N1, N>>) -> tensor<?xf32, #weft.dims<N1>>
// CHECK-NEXT: weft.reduce %arg0 {dims = array<i64: 1>, kind = #weft.reduce_kind<add>}
func.func @main(%x: tensor<?x?xf32, #weft.dims<B, N>>) -> tensor<?xf32, #weft.dims<B>> {
  %y = weft.vmap @f(%x) {batched = array<i1: true>, size = #weft.size<B>} : (tensor<?x?xf32, #weft.dims<B, N>>) -> tensor<?xf32, #weft.dims<B>>
  return %y : tensor<?xf32, #weft.dims<B>>
}
func.func private @f(%x: tensor<?xf32, #weft.dims<N>>) -> tensor<f32> {
  %s = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<N>>) -> tensor<f32>
  return %s : tensor<f32>
}
