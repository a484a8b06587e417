// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-linearize="function=f active=1,0" -mlir-print-debuginfo -mlir-print-local-scope | FileCheck %s

// Fires: values and tangents part; what the tangents need is an argument of @f.lin, and its record says where it is found
// (0 and 1: arguments of @f.fwd; 4: its result number 2).
// CHECK-LABEL: func.func private @f.fwd
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>{{.*}}, %[[Y:.*]]: tensor<4xf32>{{.*}}) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
// CHECK: %[[S:.*]] = weft.sin %[[X]]
// CHECK: %[[C:.*]] = weft.cos %[[X]]
// CHECK: %[[M:.*]] = weft.mul %[[S]], %[[Y]]
// CHECK: return %[[M]], %[[Y]], %[[C]]
// The tangent of sin stands at the line of sin; y is inactive, so one product is all there is of mul.
// CHECK-LABEL: func.func private @f.lin
// CHECK-SAME: residuals = array<i64: 1, 4>, results = array<i1: true, false>
// CHECK: weft.mul {{.*}} loc("user.py":1:0)
// CHECK: weft.mul {{.*}} loc("user.py":2:0)
// CHECK-NOT: weft.
// CHECK: return
func.func private @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %s = weft.sin %x : (tensor<4xf32>) -> tensor<4xf32> loc("user.py":1:0)
  %m = weft.mul %s, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("user.py":2:0)
  return %m, %y : tensor<4xf32>, tensor<4xf32>
}

// -----

// Does not fire: integers, steps and stop_gradient carry no tangent; @f.lin takes one and gives none.
// CHECK-LABEL: func.func private @f.lin(%{{.*}}: tensor<4xf32> loc({{.*}})) attributes
// CHECK-SAME: residuals = array<i64>, results = array<i1: false>
// CHECK-NEXT: return
func.func private @f(%x: tensor<4xf32>, %n: tensor<4xi32>) -> tensor<4xf32> {
  %a = weft.floor %x : (tensor<4xf32>) -> tensor<4xf32>
  %b = weft.stop_gradient %x : (tensor<4xf32>) -> tensor<4xf32>
  %i = weft.convert %x {dtype = i32} : (tensor<4xf32>) -> tensor<4xi32>
  %j = weft.add %i, %n : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %k = weft.convert %j {dtype = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %c = weft.add %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %d = weft.add %c, %k : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %d : tensor<4xf32>
}

// -----

// A loop: the carry is active only through the capture (a fixed point). The slice is forwarded, the product of captures is
// hoisted out of both loops, the carry is stacked.
// CHECK-LABEL: func.func private @f.fwd(
// CHECK-SAME: %[[W:[a-z0-9]*]]: tensor<f32>{{.*}}, %[[XS:[a-z0-9]*]]: tensor<8xf32>
// CHECK: %[[E:.*]] = weft.exp %[[W]]
// CHECK: %[[R:.*]]:2 = weft.for <8> carries(%{{[^:]*}} : tensor<f32>) xs(%[[XS]] : tensor<8xf32>) captures(%[[W]], %[[E]] :
// CHECK-NOT: weft.exp
// CHECK: return %[[R]]#0, %[[E]], %[[R]]#1
// CHECK-LABEL: func.func private @f.lin
// CHECK-SAME: residuals = array<i64: 1, 3, 4>
// CHECK: weft.for <8> carries
// CHECK-NOT: weft.exp
// CHECK: return
func.func private @f(%w: tensor<f32>, %xs: tensor<8xf32>) -> tensor<f32> {
  %z = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %r = weft.for #weft.size<8> carries(%z : tensor<f32>) xs(%xs : tensor<8xf32>) captures(%w : tensor<f32>) -> (tensor<f32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<f32>, %x: tensor<f32>, %v: tensor<f32>):
    %e = weft.exp %v : (tensor<f32>) -> tensor<f32>
    %a = weft.mul %c, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %b = weft.mul %a, %e : (tensor<f32>, tensor<f32>) -> tensor<f32>
    weft.yield %b : tensor<f32>
  }
  return %r : tensor<f32>
}

// -----

// expected-error @+1 {{[WF3002] argument 0 of @f is active but of type 'tensor<i32>'}}
func.func private @f(%x: tensor<i32>, %y: tensor<f32>) -> tensor<f32> {
  return %y : tensor<f32>
}

// -----

// expected-error @+1 {{[WF3007] expected active to have 1 flags, got 2}}
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

// expected-error @+1 {{[WF3001] @f calls itself}}
func.func private @f(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
  %r = weft.call @f(%x, %y) : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// expected-error @+1 {{[WF3003] @f has no body}}
func.func private @f(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32>

// -----

// An error in a branch in a loop: a request that nobody resolved has no derivative.
func.func private @g(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
func.func private @f(%x: tensor<f32>, %p: tensor<i1>) -> tensor<f32> {
  %s = weft.for #weft.size<2> carries(%x : tensor<f32>) captures(%p : tensor<i1>) -> (tensor<f32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<f32>, %q: tensor<i1>):
    %d = weft.sin %c : (tensor<f32>) -> tensor<f32>
    %b = weft.if %q captures(%d : tensor<f32>) : tensor<i1> -> (tensor<f32>) {
    ^bb0(%u: tensor<f32>):
      %e = weft.cos %u : (tensor<f32>) -> tensor<f32>
      // expected-error @+1 {{[WF3003] has no derivative}}
      %y, %k = weft.vjp @g(%e, %u) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
      weft.yield %k : tensor<f32>
    }, {
    ^bb0(%u: tensor<f32>):
      weft.yield %u : tensor<f32>
    }
    weft.yield %b : tensor<f32>
  }
  return %s : tensor<f32>
}
