// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels))' | FileCheck %s

// What nothing reads is not computed: ops one after another, and an op with regions together with what stands in them.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %[[R:.*]] = weft.kernel
// CHECK-NOT:     weft.if
// CHECK-NOT:     weft.exp
// CHECK:         return %[[R]]
func.func @main(%p: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %r = weft.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  %dead = weft.if %p captures(%x : tensor<4xf32>) : tensor<i1> -> (tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>):
    %e = weft.exp %a : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %e : tensor<4xf32>
  }, {
  ^bb0(%a: tensor<4xf32>):
    weft.yield %a : tensor<4xf32>
  }
  %also = weft.exp %dead : (tensor<4xf32>) -> tensor<4xf32>
  %too = weft.exp %also : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// Computed again in each of its readers, it is not computed beside them too.
// CHECK-LABEL: @again(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @again(%x: tensor<3x4x70xf16>) -> tensor<3x4x70xf32> {
  %c = weft.convert %x {dtype = f32} : (tensor<3x4x70xf16>) -> tensor<3x4x70xf32>
  %m = weft.reduce %c {dims = array<i64: 0>, kind = #weft.reduce_kind<max>} : (tensor<3x4x70xf32>) -> tensor<4x70xf32>
  %b = weft.broadcast %m {dims = array<i64: 1, 2>} : (tensor<4x70xf32>) -> tensor<3x4x70xf32>
  %s = weft.sub %c, %b : (tensor<3x4x70xf32>, tensor<3x4x70xf32>) -> tensor<3x4x70xf32>
  return %s : tensor<3x4x70xf32>
}
