// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-resolve-requests | FileCheck %s

// Fires, innermost first: the vjp in @g is calls before @g is differentiated; each level is made of functions.
// CHECK-LABEL: func.func private @f.bwd.jvp
// CHECK-LABEL: func.func private @g(
// CHECK: weft.call @f.fwd
// CHECK: weft.call @f.bwd
// CHECK-LABEL: func.func private @g.jvp(
// CHECK: weft.call @f.bwd.jvp(
// CHECK-LABEL: func.func @main
// CHECK-NOT: weft.jvp
// CHECK: %[[A:.*]]:2 = weft.call @g.jvp(%[[X:.*]], %[[C:.*]], %[[T:.*]]) :
// CHECK: return
func.func private @f(%x: tensor<4xf32>) -> tensor<f32> {
  %s = weft.sin %x : (tensor<4xf32>) -> tensor<4xf32>
  %r = weft.reduce %s {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
  return %r : tensor<f32>
}
func.func private @g(%x: tensor<4xf32>, %c: tensor<f32>) -> tensor<4xf32> {
  %y, %d = weft.vjp @f(%x, %c) {active = array<i1: true>} : (tensor<4xf32>, tensor<f32>) -> (tensor<f32>, tensor<4xf32>)
  return %d : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>, %c: tensor<f32>, %t: tensor<4xf32>) -> tensor<4xf32> {
  %g, %h = weft.jvp @g(%x, %c, %t) {active = array<i1: true, false>}
      : (tensor<4xf32>, tensor<f32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return %h : tensor<4xf32>
}

// -----

// One pair serves every request of the same mask; names of sizes are the caller's. The result is a scalar, so x comes
// along for its size.
// CHECK-LABEL: func.func private @f.fwd
// CHECK-NOT: @f.fwd_
// CHECK-LABEL: func.func @main
// CHECK: weft.call @f.bwd(%arg0, %arg1) : (tensor<?xf32, #weft.dims<2*N>>, tensor<f32>) -> tensor<?xf32, #weft.dims<2*N>>
// CHECK: weft.call @f.bwd(
func.func private @f(%x: tensor<?xf32, #weft.dims<B>>) -> tensor<f32> {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<f32>
  return %r : tensor<f32>
}
func.func @main(%x: tensor<?xf32, #weft.dims<2*N>>, %c: tensor<f32>, %n: tensor<?xi1, #weft.dims<N>>) -> tensor<?xf32, #weft.dims<2*N>> {
  %y, %g = weft.vjp @f(%x, %c) {active = array<i1: true>}
      : (tensor<?xf32, #weft.dims<2*N>>, tensor<f32>) -> (tensor<f32>, tensor<?xf32, #weft.dims<2*N>>)
  %z, %h = weft.vjp @f(%g, %c) {active = array<i1: true>}
      : (tensor<?xf32, #weft.dims<2*N>>, tensor<f32>) -> (tensor<f32>, tensor<?xf32, #weft.dims<2*N>>)
  return %h : tensor<?xf32, #weft.dims<2*N>>
}

// -----

// Does not fire: without a request nothing is made.
// CHECK-LABEL: func.func private @f(
// CHECK-NOT: @f.
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  %r = weft.call @f(%x) : (tensor<f32>) -> tensor<f32>
  return %r : tensor<f32>
}

// -----

func.func private @f(%n: tensor<i32>) -> tensor<i32> {
  return %n : tensor<i32>
}
func.func @main(%n: tensor<i32>) -> tensor<i32> {
  // expected-error @+1 {{[WF3002] argument 0 of @f is active but of type 'tensor<i32>'}}
  %r, %g = weft.vjp @f(%n) {active = array<i1: true>} : (tensor<i32>) -> (tensor<i32>, tensor<i32>)
  return %g : tensor<i32>
}

// -----

func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{[WF3005] of @f takes}}
  %r, %g = weft.vjp @f(%x) {active = array<i1: true>} : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %g : tensor<f32>
}

// -----

// expected-error @+1 {{[WF3001] @f calls itself}}
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  %y, %g = weft.vjp @f(%x, %x) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %g : tensor<f32>
}
