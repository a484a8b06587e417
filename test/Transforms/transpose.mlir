// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-transpose="function=lin linear=0,1" -mlir-print-debuginfo -mlir-print-local-scope | FileCheck %s

// Fires: backwards, at the same lines; the residual's own op is kept.
// CHECK-LABEL: func.func private @lin.bwd
// CHECK-SAME: (%[[R:.*]]: tensor<3xf32>{{.*}}, %[[C:.*]]: tensor<f32>{{.*}}) -> tensor<3xf32>
// CHECK: %[[N:.*]] = weft.exp %[[R]] : {{.*}} loc("user.py":1:0)
// CHECK: %[[B:.*]] = weft.broadcast %[[C]] {{.*}} loc("user.py":3:0)
// CHECK: %[[M:.*]] = weft.mul %[[N]], %[[B]] : {{.*}} loc("user.py":2:0)
// CHECK: return %[[M]]
func.func private @lin(%r: tensor<3xf32>, %t: tensor<3xf32>) -> tensor<f32> {
  %e = weft.exp %r : (tensor<3xf32>) -> tensor<3xf32> loc("user.py":1:0)
  %m = weft.mul %e, %t : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32> loc("user.py":2:0)
  %s = weft.reduce %m {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32> loc("user.py":3:0)
  return %s : tensor<f32>
}

// -----

// Fires: a loop runs the other way round; the cotangent of a capture is summed over the steps.
// CHECK-LABEL: func.func private @lin.bwd
// CHECK: weft.for <4> reverse carries(%{{.*}}, %{{.*}} : tensor<f32>, tensor<f32>)
func.func private @lin(%r: tensor<4xf32>, %t: tensor<f32>) -> tensor<f32> {
  %z = weft.constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %s = weft.for #weft.size<4> carries(%z : tensor<f32>) xs(%r : tensor<4xf32>) captures(%t : tensor<f32>) -> (tensor<f32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<f32>, %x: tensor<f32>, %u: tensor<f32>):
    %m = weft.mul %x, %u : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %a = weft.add %c, %m : (tensor<f32>, tensor<f32>) -> tensor<f32>
    weft.yield %a : tensor<f32>
  }
  return %s : tensor<f32>
}

// -----

// Does not fire: the result does not depend on the tangent, so its cotangent is zeros.
// CHECK-LABEL: func.func private @lin.bwd
// CHECK: %[[Z:.*]] = weft.constant {value = dense<0.000000e+00> : tensor<f32>}
// CHECK: return %[[Z]]
func.func private @lin(%r: tensor<f32>, %t: tensor<f32>) -> tensor<f32> {
  return %r : tensor<f32>
}

// -----

func.func private @lin(%r: tensor<f32>, %t: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{[WF3004] is not linear in operand 0}}
  %s = weft.mul %t, %t : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %s : tensor<f32>
}

// -----

func.func private @lin(%r: tensor<f32>, %t: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{[WF3004] is not linear in operand 0}}
  %s = weft.sin %t : (tensor<f32>) -> tensor<f32>
  return %s : tensor<f32>
}

// -----

// expected-error @+1 {{[WF3008] the size N is not known in @lin.bwd}}
func.func private @lin(%r: tensor<f32>, %t: tensor<?xf32, #weft.dims<N>>) -> tensor<f32> {
  %s = weft.reduce %t {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<N>>) -> tensor<f32>
  return %s : tensor<f32>
}

// -----

// An error in a region leaves no half-made function behind.
func.func private @lin(%r: tensor<2xf32>, %t: tensor<?xf32, #weft.dims<N>>) -> tensor<4xf32> {
  %z = weft.constant {value = dense<0.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %s = weft.for #weft.size<2> carries(%z : tensor<4xf32>) captures(%t : tensor<?xf32, #weft.dims<N>>) -> (tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>, %u: tensor<?xf32, #weft.dims<N>>):
    %p = weft.slice %u {starts = array<i64: 0>, strides = array<i64: 1>} : (tensor<?xf32, #weft.dims<N>>) -> tensor<4xf32>
    // expected-error @+1 {{[WF3004] is not linear in operand 0}}
    %v = weft.sin %p : (tensor<4xf32>) -> tensor<4xf32>
    %a = weft.add %c, %v : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    weft.yield %a : tensor<4xf32>
  }
  return %s : tensor<4xf32>
}
