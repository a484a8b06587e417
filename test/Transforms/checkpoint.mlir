// RUN: weft-opt %s --split-input-file --weft-resolve-requests | FileCheck %s

// Nothing is kept but the argument: the pass back computes the sine again, apart from what was computed before.
// CHECK-LABEL: func.func private @f.fwd(%arg0: tensor<4xf32>) -> tensor<4xf32>
// CHECK-LABEL: func.func private @f.bwd(%arg0: tensor<4xf32>, %arg1: tensor<4xf32>)
// CHECK:         weft.recompute "f.lin"(%arg0 : tensor<4xf32>)
// CHECK:           weft.sin
// CHECK:           weft.yield
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> attributes {weft.checkpoint = "nothing"} {
  %s = weft.sin %x : (tensor<4xf32>) -> tensor<4xf32>
  %r = weft.sin %s : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>, %c: tensor<4xf32>) -> tensor<4xf32> {
  %r = weft.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %y, %g = weft.vjp @f(%x, %c) {active = array<i1: true>} : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return %g : tensor<4xf32>
}

// -----

// "dots" keeps the product; "everything" computes nothing again.
// CHECK-LABEL: func.func private @f.fwd(
// CHECK-SAME:    -> (tensor<4x4xf32>, tensor<4x4xf32>)
// CHECK-LABEL: func.func private @g.bwd(
// CHECK-NOT:     weft.recompute
// CHECK-LABEL: func.func @main
func.func private @f(%x: tensor<4x4xf32>, %w: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {weft.checkpoint = "dots"} {
  %d = weft.dot %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>}
      : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %s = weft.sin %d : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %r = weft.sin %s : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}
func.func private @g(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {weft.checkpoint = "everything"} {
  %s = weft.sin %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %r = weft.sin %s : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}
func.func @main(%x: tensor<4x4xf32>, %w: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %y, %g = weft.vjp @f(%x, %w, %x) {active = array<i1: true, false>}
      : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>)
  %z, %h = weft.vjp @g(%x, %x) {active = array<i1: true>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>)
  return %g, %h : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// A bound on the bytes: the dear product is the last to be computed again. 65 bytes hold one value of 64 (and one more
// for each value), 0 holds none.
// CHECK-LABEL: func.func @main
// CHECK:         weft.call @f.fwd(%arg0) : (tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>)
// CHECK:         weft.call @f.fwd_{{[0-9]+}}(%arg0) : (tensor<4x4xf32>) -> tensor<4x4xf32>
func.func private @f(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %d = weft.dot %x, %x {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>}
      : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %m = weft.reduce %d {kind = #weft.reduce_kind<max>, dims = array<i64: 1>} : (tensor<4x4xf32>) -> tensor<4xf32>
  %b = weft.broadcast %m {dims = array<i64: 0>} : (tensor<4xf32>) -> tensor<4x4xf32>
  %r = weft.mul %b, %d : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}
func.func @main(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %y, %g = weft.vjp @f(%x, %x) {active = array<i1: true>, max_bytes = 65 : i64}
      : (tensor<4x4xf32>, tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>)
  %z, %h = weft.vjp @f(%x, %x) {active = array<i1: true>, max_bytes = 0 : i64}
      : (tensor<4x4xf32>, tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>)
  return %g, %h : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// A rule that is no product of a factor and the tangent, in a region that is computed again: what reads the tangent is
// part of the pass back, and only the rest is computed again.
// CHECK-LABEL: func.func private @f.bwd(
// CHECK:         weft.recompute "again'"(%arg0 : tensor<4xf32>)
// CHECK:           weft.reduce {{.*}}#weft.reduce_kind<max>
// CHECK-NOT:       %arg1{{[^0-9]}}
// CHECK:           weft.yield
// CHECK:         weft.mul %{{.*}}, %arg1 : (tensor<f32>, tensor<f32>) -> tensor<f32>
func.func private @f(%x: tensor<4xf32>) -> tensor<f32> {
  %r = weft.recompute "again" (%x : tensor<4xf32>) -> (tensor<f32>) {
  ^bb0(%a: tensor<4xf32>):
    %m = weft.reduce %a {kind = #weft.reduce_kind<max>, dims = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
    weft.yield %m : tensor<f32>
  }
  return %r : tensor<f32>
}
func.func @main(%x: tensor<4xf32>, %c: tensor<f32>) -> tensor<4xf32> {
  %y, %g = weft.vjp @f(%x, %c) {active = array<i1: true>} : (tensor<4xf32>, tensor<f32>) -> (tensor<f32>, tensor<4xf32>)
  return %g : tensor<4xf32>
}
