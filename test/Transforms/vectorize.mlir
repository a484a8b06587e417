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

// Of a loop in a loop, and of a call in it, only what depends on the batch has the axis: not the count of the trips.
// CHECK-LABEL: func.func private @nested.vmap(
// CHECK-SAME: -> (tensor<3xf32>, tensor<i64>)
// CHECK: weft.for <2> carries({{.*}} : tensor<3xf32>, tensor<i64>)
// CHECK: weft.for <4> carries({{.*}} : tensor<3xf32>, tensor<i64>)
// CHECK: weft.call @counted.vmap{{.*}} -> (tensor<3xf32>, tensor<i64>)
func.func private @counted(%x: tensor<f32>, %n: tensor<i64>) -> (tensor<f32>, tensor<i64>) {
  %0 = weft.mul %x, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %1 = weft.add %n, %n : (tensor<i64>, tensor<i64>) -> tensor<i64>
  return %0, %1 : tensor<f32>, tensor<i64>
}
func.func private @nested(%x: tensor<f32>, %n: tensor<i64>) -> (tensor<f32>, tensor<i64>) {
  %0, %1 = weft.for #weft.size<2> carries(%x, %n : tensor<f32>, tensor<i64>) -> (tensor<f32>, tensor<i64>) {
  ^bb0(%i: tensor<i64>, %c: tensor<f32>, %m: tensor<i64>):
    %2, %3 = weft.for #weft.size<4> carries(%c, %m : tensor<f32>, tensor<i64>) -> (tensor<f32>, tensor<i64>) {
    ^bb0(%j: tensor<i64>, %d: tensor<f32>, %k: tensor<i64>):
      %4, %5 = weft.call @counted(%d, %k) : (tensor<f32>, tensor<i64>) -> (tensor<f32>, tensor<i64>)
      weft.yield %4, %5 : tensor<f32>, tensor<i64>
    }
    weft.yield %2, %3 : tensor<f32>, tensor<i64>
  }
  return %0, %1 : tensor<f32>, tensor<i64>
}
func.func @uses_nested(%x: tensor<3xf32>, %n: tensor<i64>) -> (tensor<3xf32>, tensor<i64>) {
  %r:2 = weft.vmap @nested(%x, %n) {batched = array<i1: true, false>, size = #weft.size<3>, whole = array<i1: false, true>} : (tensor<3xf32>, tensor<i64>) -> (tensor<3xf32>, tensor<i64>)
  return %r#0, %r#1 : tensor<3xf32>, tensor<i64>
}

// A gather that leaves out what it picks one element along is batched with it.
// CHECK-LABEL: func.func private @picked.vmap(
// CHECK: %[[G:.*]] = weft.gather {{.*}}dims = array<i64: 1>} : (tensor<4x5xf32>, tensor<2x3x1xi64>) -> tensor<4x2x3x1xf32>
// CHECK-NEXT: %[[T:.*]] = weft.transpose %[[G]] {permutation = array<i64: 1, 0, 2, 3>}
// CHECK-NEXT: weft.reshape %[[T]] : (tensor<2x4x3x1xf32>) -> tensor<2x4x3xf32>
func.func @main_of_picked(%x: tensor<4x5xf32>, %i: tensor<2x3x1xi64>) -> tensor<2x4x3xf32> {
  %r = weft.vmap @picked(%x, %i) {batched = array<i1: false, true>, size = #weft.size<2>} : (tensor<4x5xf32>, tensor<2x3x1xi64>) -> tensor<2x4x3xf32>
  return %r : tensor<2x4x3xf32>
}
func.func private @picked(%x: tensor<4x5xf32>, %i: tensor<3x1xi64>) -> tensor<4x3xf32> {
  %r = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 1>, at = 1 : i64, bounds = #weft.bounds<clamp>} : (tensor<4x5xf32>, tensor<3x1xi64>) -> tensor<4x3xf32>
  return %r : tensor<4x3xf32>
}
