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
