// RUN: weft-opt %s --weft-pipeline=traced..optimized | FileCheck %s

// The gradient of sum(tanh(x * w) / 4): nothing is multiplied by one, no zero is added, nothing is broadcast twice.
// CHECK-LABEL: @main(
// CHECK-NEXT: %[[M:.*]] = weft.mul %arg0, %arg1
// CHECK-NEXT: %[[T:.*]] = weft.tanh %[[M]]
// CHECK-NEXT: %[[S:.*]] = weft.reduce %[[T]]
// CHECK-NEXT: %[[Q:.*]] = weft.constant {value = dense<2.500000e-01> : tensor<f32>}
// CHECK-NEXT: %[[L:.*]] = weft.mul %[[S]], %[[Q]]
// CHECK-NEXT: %[[C:.*]] = weft.constant {value = dense<1.000000e+00> : tensor<f32>}
// CHECK-NEXT: %[[O:.*]] = weft.broadcast %[[C]]
// CHECK-NEXT: %[[TT:.*]] = weft.mul %[[T]], %[[T]]
// CHECK-NEXT: %[[D:.*]] = weft.sub %[[O]], %[[TT]]
// CHECK-NEXT: %[[B:.*]] = weft.broadcast %[[Q]]
// CHECK-NEXT: %[[P:.*]] = weft.mul %[[D]], %[[B]]
// CHECK-NEXT: %[[G:.*]] = weft.mul %arg0, %[[P]]
// CHECK-NEXT: return %[[L]], %[[G]]
// CHECK-NOT: func
!v = tensor<?xf32, #weft.dims<B>>
func.func @main(%x: !v, %w: !v) -> (tensor<f32>, !v) {
  %one = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %l, %g = weft.vjp @loss(%x, %w, %one) {active = array<i1: false, true>} : (!v, !v, tensor<f32>) -> (tensor<f32>, !v)
  return %l, %g : tensor<f32>, !v
}
func.func private @loss(%x: !v, %w: !v) -> tensor<f32> {
  %m = weft.mul %x, %w : (!v, !v) -> !v
  %t = weft.tanh %m : (!v) -> !v
  %s = weft.reduce %t {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (!v) -> tensor<f32>
  %c = weft.constant {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  %d = weft.div %s, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %d : tensor<f32>
}
