// RUN: weft-opt %s --weft-resolve-requests | FileCheck %s

// What does not depend on the batch is computed once; results that do not are repeated.
// CHECK-LABEL: func.func private @f.vmap(
// CHECK-SAME: %[[X:.*]]: tensor<8x4xf32>, %[[W:.*]]: tensor<4xf32>)
// CHECK-NEXT: %[[E:.*]] = weft.exp %[[W]] : (tensor<4xf32>) -> tensor<4xf32>
// CHECK-NEXT: %[[B:.*]] = weft.broadcast %[[E]] {dims = array<i64: 1>} : (tensor<4xf32>) -> tensor<8x4xf32>
// CHECK-NEXT: %[[M:.*]] = weft.mul %[[X]], %[[B]]
// CHECK-NEXT: %[[S:.*]] = weft.reduce %[[M]] {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<8x4xf32>) -> tensor<8xf32>
// CHECK-NEXT: %[[R:.*]] = weft.broadcast %[[E]] {dims = array<i64: 1>} : (tensor<4xf32>) -> tensor<8x4xf32>
// CHECK-NEXT: return %[[S]], %[[R]]
// CHECK-NOT: @f.vmap{{[^(]}}
func.func @main(%x: tensor<8x4xf32>, %w: tensor<4xf32>) -> (tensor<8xf32>, tensor<8x4xf32>, tensor<8xf32>) {
  %y:2 = weft.vmap @f(%x, %w) {batched = array<i1: true, false>, size = #weft.size<8>} : (tensor<8x4xf32>, tensor<4xf32>) -> (tensor<8xf32>, tensor<8x4xf32>)
  // The same function, mask and size: made once.
  %z:2 = weft.vmap @f(%x, %w) {batched = array<i1: true, false>, size = #weft.size<8>} : (tensor<8x4xf32>, tensor<4xf32>) -> (tensor<8xf32>, tensor<8x4xf32>)
  return %y#0, %y#1, %z#0 : tensor<8xf32>, tensor<8x4xf32>, tensor<8xf32>
}
func.func private @f(%x: tensor<4xf32>, %w: tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>) {
  %e = weft.exp %w : (tensor<4xf32>) -> tensor<4xf32>
  %m = weft.mul %x, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %s = weft.reduce %m {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
  return %s, %e : tensor<f32>, tensor<4xf32>
}
