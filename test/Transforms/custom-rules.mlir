// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-resolve-requests | FileCheck %s

// The rule in place of the body's own derivative; reverse mode is its transpose. The attribute is gone at the end.
// CHECK-LABEL: func.func private @f(
// CHECK-NOT:     weft.jvp
// CHECK-LABEL: func.func private @g.bwd(
// CHECK:         weft.mul
// CHECK-LABEL: func.func @main
// CHECK:         weft.call @f.fwd(
// CHECK:         weft.call @f.bwd(
func.func private @f(%x: tensor<f32>) -> tensor<f32> attributes {weft.jvp = @g} {
  %r = weft.floor %x : (tensor<f32>) -> tensor<f32>
  return %r : tensor<f32>
}
func.func private @g(%x: tensor<f32>, %t: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %r = weft.call @f(%x) : (tensor<f32>) -> tensor<f32>
  %d = weft.mul %x, %t : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %r, %d : tensor<f32>, tensor<f32>
}
func.func @main(%x: tensor<f32>, %c: tensor<f32>) -> tensor<f32> {
  %y, %d = weft.vjp @f(%x, %c) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %d : tensor<f32>
}

// -----

// Reverse mode calls bwd as it is, linear or not.
// CHECK-LABEL: func.func private @f.bwd(
// CHECK:         weft.call @bwd(
// CHECK-LABEL: func.func @main
// CHECK:         weft.call @fwd(
// CHECK:         weft.call @f.bwd(
func.func private @f(%x: tensor<f32>) -> tensor<f32> attributes {weft.fwd = @fwd, weft.bwd = @bwd} {
  return %x : tensor<f32>
}
func.func private @fwd(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  return %x, %x : tensor<f32>, tensor<f32>
}
func.func private @bwd(%x: tensor<f32>, %c: tensor<f32>) -> tensor<f32> {
  %d = weft.max %x, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %d : tensor<f32>
}
func.func @main(%x: tensor<f32>, %c: tensor<f32>) -> tensor<f32> {
  %y, %d = weft.vjp @f(%x, %c) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %d : tensor<f32>
}

// -----

// Forward mode is the transpose of bwd, which must be linear in the cotangent.
// CHECK-LABEL: func.func private @bwd.bwd(
// CHECK:         weft.mul
func.func private @f(%x: tensor<f32>) -> tensor<f32> attributes {weft.fwd = @fwd, weft.bwd = @bwd} {
  return %x : tensor<f32>
}
func.func private @fwd(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  return %x, %x : tensor<f32>, tensor<f32>
}
func.func private @bwd(%x: tensor<f32>, %c: tensor<f32>) -> tensor<f32> {
  %d = weft.mul %x, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %d : tensor<f32>
}
func.func @main(%x: tensor<f32>, %t: tensor<f32>) -> tensor<f32> {
  %y, %d = weft.jvp @f(%x, %t) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %d : tensor<f32>
}

// -----

// Over a batch axis all rules are; an argument without the axis gets the sum.
// CHECK-LABEL: func.func private @bwd.vmap.sum(
// CHECK:         weft.reduce
// CHECK-LABEL: func.func @main
func.func private @f(%x: tensor<f32>, %w: tensor<f32>) -> tensor<f32> attributes {weft.fwd = @fwd, weft.bwd = @bwd} {
  %r = weft.mul %x, %w : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %r : tensor<f32>
}
func.func private @fwd(%x: tensor<f32>, %w: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %r = weft.mul %x, %w : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %r, %x, %w : tensor<f32>, tensor<f32>, tensor<f32>
}
func.func private @bwd(%x: tensor<f32>, %w: tensor<f32>, %c: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %a = weft.mul %w, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %b = weft.mul %x, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %a, %b : tensor<f32>, tensor<f32>
}
func.func private @h(%x: tensor<3xf32>, %w: tensor<f32>) -> tensor<3xf32> {
  %r = weft.vmap @f(%x, %w) {batched = array<i1: true, false>, size = #weft.size<3>} : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}
func.func @main(%x: tensor<3xf32>, %w: tensor<f32>, %c: tensor<3xf32>) -> tensor<f32> {
  %y, %a, %b = weft.vjp @h(%x, %w, %c) {active = array<i1: true, true>}
      : (tensor<3xf32>, tensor<f32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<f32>)
  return %b : tensor<f32>
}

// -----

func.func private @f(%x: tensor<f32>) -> tensor<f32> attributes {weft.fwd = @fwd, weft.bwd = @bwd} {
  return %x : tensor<f32>
}
func.func private @fwd(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
func.func private @bwd(%c: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{[WF3004] is not linear in operand}}
  %d = weft.max %c, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %d : tensor<f32>
}
func.func @main(%x: tensor<f32>, %t: tensor<f32>) -> tensor<f32> {
  %y, %d = weft.jvp @f(%x, %t) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %d : tensor<f32>
}

// -----

func.func private @f(%x: tensor<f32>) -> tensor<f32> attributes {weft.jvp = @g} {
  return %x : tensor<f32>
}
func.func private @g(%x: tensor<f32>, %t: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  // expected-error @+1 {{[WF3004] the rule @g is not linear in its tangents}}
  %d = weft.mul %t, %t : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %x, %d : tensor<f32>, tensor<f32>
}
func.func @main(%x: tensor<f32>, %t: tensor<f32>) -> tensor<f32> {
  %y, %d = weft.jvp @f(%x, %t) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %d : tensor<f32>
}

// -----

// The second argument is read from outside: the rule says nothing of it.
// expected-error @+1 {{[WF3011] the derivative rule of @f gives nothing for a value that it reads from outside}}
func.func private @f(%x: tensor<f32>, %w: tensor<f32>) -> tensor<f32> attributes {weft.jvp = @g} {
  // expected-note @-1 {{the value is read here}}
  return %w : tensor<f32>
}
func.func private @g(%x: tensor<f32>, %w: tensor<f32>, %t: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  return %w, %t : tensor<f32>, tensor<f32>
}
func.func @main(%x: tensor<f32>, %w: tensor<f32>, %c: tensor<f32>) -> tensor<f32> {
  %y, %d = weft.vjp @f(%x, %w, %c) {active = array<i1: false, true>} : (tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %d : tensor<f32>
}
