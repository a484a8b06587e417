// RUN: weft-opt %s -weft-form-kernels -split-input-file | FileCheck %s

// Two sweeps over one root that read the same value: one kernel of two results.
// CHECK-LABEL: @siblings(
// CHECK: %[[K:.*]]:2 = weft.kernel(%arg0
// CHECK-NOT: weft.kernel(
// CHECK: return %[[K]]#0, %[[K]]#1
func.func @siblings(%x: tensor<64x128xf32>) -> (tensor<64x128xf32>, tensor<64xf32>) {
  %a = weft.exp %x : (tensor<64x128xf32>) -> tensor<64x128xf32>
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x128xf32>) -> tensor<64xf32>
  return %a, %r : tensor<64x128xf32>, tensor<64xf32>
}

// -----

// They share only a scalar: nothing is saved, so they stay apart.
// CHECK-LABEL: @scalar_only(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @scalar_only(%x: tensor<64x128xf32>, %y: tensor<64x128xf32>, %k: tensor<f32>) -> (tensor<64x128xf32>, tensor<64x128xf32>) {
  %b = weft.broadcast %k {dims = array<i64>} : (tensor<f32>) -> tensor<64x128xf32>
  %a = weft.mul %x, %b : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %c = weft.mul %y, %b : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  return %a, %c : tensor<64x128xf32>, tensor<64x128xf32>
}

// -----

// One depends on the other through a third kernel: no cycle.
// CHECK-LABEL: @through(
// CHECK-COUNT-3: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @through(%x: tensor<64x64xf32>) -> (tensor<64x64xf32>) {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %d = weft.dot %a, %a {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = weft.reduce %d {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %rb = weft.broadcast %r {dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %c = weft.mul %x, %rb : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// An optimiser step over one parameter: four values in, three out, one kernel.
// CHECK-LABEL: @step(
// CHECK: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @step(%p: tensor<64x128xf32>, %g: tensor<64x128xf32>, %m: tensor<64x128xf32>, %v: tensor<64x128xf32>, %b: tensor<f32>) -> (tensor<64x128xf32>, tensor<64x128xf32>, tensor<64x128xf32>) {
  %bb = weft.broadcast %b {dims = array<i64>} : (tensor<f32>) -> tensor<64x128xf32>
  %m1 = weft.mul %m, %bb : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %m2 = weft.add %m1, %g : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %g2 = weft.mul %g, %g : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %v1 = weft.mul %v, %bb : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %v2 = weft.add %v1, %g2 : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %s = weft.sqrt %v2 : (tensor<64x128xf32>) -> tensor<64x128xf32>
  %d = weft.div %m2, %s : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %q = weft.sub %p, %d : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  return %q, %m2, %v2 : tensor<64x128xf32>, tensor<64x128xf32>, tensor<64x128xf32>
}

// -----

// A cheap producer of two kernels that cannot be one is computed in both, and never stored.
// CHECK-LABEL: @again(
// CHECK: weft.kernel(%arg0
// CHECK: weft.neg
// CHECK: weft.kernel(%arg0
// CHECK: weft.neg
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @again(%x: tensor<64x128xf32>) -> (tensor<128xf32>, tensor<64xf32>) {
  %n = weft.neg %x : (tensor<64x128xf32>) -> tensor<64x128xf32>
  %r = weft.reduce %n {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64x128xf32>) -> tensor<128xf32>
  %q = weft.reduce %n {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x128xf32>) -> tensor<64xf32>
  return %r, %q : tensor<128xf32>, tensor<64xf32>
}

// -----

// A transcendental function is not: it is computed once and stored.
// CHECK-LABEL: @once(
// CHECK: weft.exp
// CHECK-NOT: weft.exp
// CHECK: return
func.func @once(%x: tensor<64x128xf32>) -> (tensor<128xf32>, tensor<64xf32>) {
  %n = weft.exp %x : (tensor<64x128xf32>) -> tensor<64x128xf32>
  %r = weft.reduce %n {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64x128xf32>) -> tensor<128xf32>
  %q = weft.reduce %n {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x128xf32>) -> tensor<64xf32>
  return %r, %q : tensor<128xf32>, tensor<64xf32>
}

// -----

// A difference from a mean of columns is computed again, with the broadcast that it reads through, not stored: reading x
// twice takes no more than reading it once and the difference twice.
// CHECK-LABEL: @centred(
// CHECK: weft.kernel(
// CHECK: weft.broadcast
// CHECK-NEXT: weft.sub
// CHECK-NEXT: weft.mul
// CHECK-NEXT: weft.reduce
// CHECK: weft.kernel(
// CHECK: weft.sub
// CHECK: weft.div
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @centred(%x: tensor<128x64xf32>, %mean: tensor<64xf32>) -> tensor<128x64xf32> {
  %m = weft.broadcast %mean {dims = array<i64: 1>} : (tensor<64xf32>) -> tensor<128x64xf32>
  %c = weft.sub %x, %m : (tensor<128x64xf32>, tensor<128x64xf32>) -> tensor<128x64xf32>
  %q = weft.mul %c, %c : (tensor<128x64xf32>, tensor<128x64xf32>) -> tensor<128x64xf32>
  %v = weft.reduce %q {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<128x64xf32>) -> tensor<64xf32>
  %b = weft.broadcast %v {dims = array<i64: 1>} : (tensor<64xf32>) -> tensor<128x64xf32>
  %r = weft.div %c, %b : (tensor<128x64xf32>, tensor<128x64xf32>) -> tensor<128x64xf32>
  return %r : tensor<128x64xf32>
}
