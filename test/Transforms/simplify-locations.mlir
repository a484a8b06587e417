// RUN: weft-opt %s --weft-inline --weft-simplify --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

// Two equal lines: one op with both places.
// CHECK-LABEL: @equal_lines(
// CHECK: weft.exp %arg0 {{.*}} loc(fused["user.py":3:1, "user.py":4:1])
func.func @equal_lines(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = weft.exp %x : (tensor<4xf32>) -> tensor<4xf32> loc("user.py":3:1)
  %b = weft.exp %x : (tensor<4xf32>) -> tensor<4xf32> loc("user.py":4:1)
  %c = weft.mul %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("user.py":5:1)
  return %c : tensor<4xf32> loc("user.py":6:1)
} loc("user.py":1:1)

// A constant made by folding has the line of the op that it stands for; one moved into a loop, that of its user there.
// CHECK-LABEL: @constants(
// CHECK: weft.constant {{.*}}5.000000e+00{{.*}} loc("user.py":15:1)
// CHECK-NEXT: weft.add {{.*}} loc("user.py":15:1)
func.func @constants(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = weft.constant {value = dense<2.0> : tensor<4xf32>} : () -> tensor<4xf32> loc("user.py":11:1)
  %b = weft.constant {value = dense<3.0> : tensor<4xf32>} : () -> tensor<4xf32> loc("user.py":12:1)
  %c = weft.add %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("user.py":13:1)
  %r = weft.for #weft.size<8> carries(%x : tensor<4xf32>) captures(%c : tensor<4xf32>) -> (tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %h: tensor<4xf32>, %k: tensor<4xf32>):
    %n = weft.add %h, %k : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("user.py":15:1)
    weft.yield %n : tensor<4xf32> loc("user.py":15:1)
  } loc("user.py":14:1)
  return %r : tensor<4xf32> loc("user.py":16:1)
} loc("user.py":10:1)

// An op that took over another's work has both places.
// CHECK-LABEL: @composed(
// CHECK: weft.transpose %arg0 {{.*}} loc(fused["user.py":22:1, "user.py":21:1])
func.func @composed(%x: tensor<2x3x4xf32>) -> tensor<3x4x2xf32> {
  %a = weft.transpose %x {permutation = array<i64: 2, 1, 0>} : (tensor<2x3x4xf32>) -> tensor<4x3x2xf32> loc("user.py":21:1)
  %b = weft.transpose %a {permutation = array<i64: 1, 0, 2>} : (tensor<4x3x2xf32>) -> tensor<3x4x2xf32> loc("user.py":22:1)
  return %b : tensor<3x4x2xf32> loc("user.py":23:1)
} loc("user.py":20:1)

// At most eight places.
// CHECK-LABEL: @many(
// CHECK: weft.exp {{.*}} loc(fused["user.py":31:1, "user.py":32:1, "user.py":33:1, "user.py":34:1, "user.py":35:1, "user.py":36:1, "user.py":37:1, "user.py":38:1])
func.func @many(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
  %a = weft.exp %x : (tensor<f32>) -> tensor<f32> loc("user.py":31:1)
  %b = weft.exp %x : (tensor<f32>) -> tensor<f32> loc("user.py":32:1)
  %c = weft.exp %x : (tensor<f32>) -> tensor<f32> loc("user.py":33:1)
  %d = weft.exp %x : (tensor<f32>) -> tensor<f32> loc("user.py":34:1)
  %e = weft.exp %x : (tensor<f32>) -> tensor<f32> loc("user.py":35:1)
  %f = weft.exp %x : (tensor<f32>) -> tensor<f32> loc("user.py":36:1)
  %g = weft.exp %x : (tensor<f32>) -> tensor<f32> loc("user.py":37:1)
  %h = weft.exp %x : (tensor<f32>) -> tensor<f32> loc("user.py":38:1)
  %i = weft.exp %x : (tensor<f32>) -> tensor<f32> loc("user.py":39:1)
  return %a, %b, %c, %d, %e, %f, %g, %h, %i : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
} loc("user.py":30:1)

// What was called stands where it was written, at the place of the call.
// CHECK-LABEL: @caller(
// CHECK: weft.sin {{.*}} loc(callsite("lib.py":2:1 at "user.py":41:1))
func.func @caller(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = weft.call @callee(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("user.py":41:1)
  return %a : tensor<4xf32> loc("user.py":42:1)
} loc("user.py":40:1)
func.func private @callee(%x: tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>> {
  %a = weft.sin %x : (tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>> loc("lib.py":2:1)
  return %a : tensor<?xf32, #weft.dims<S>> loc("lib.py":3:1)
} loc("lib.py":1:1)
