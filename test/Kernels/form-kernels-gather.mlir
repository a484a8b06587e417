// RUN: weft-opt %s -weft-form-kernels -split-input-file | FileCheck %s

// What says places is computed where it is read, over the places' own index space; a reshape that makes room for it goes
// before it.
// CHECK-LABEL: @places(
// CHECK: weft.kernel(
// CHECK: weft.add
// CHECK: weft.gather
// CHECK-NEXT: weft.mul
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @places(%x: tensor<50x16xf32>, %i: tensor<30xi64>, %y: tensor<30x16xf32>) -> tensor<30x16xf32> {
  %one = weft.constant {value = dense<1> : tensor<30xi64>} : () -> tensor<30xi64>
  %j = weft.add %i, %one : (tensor<30xi64>, tensor<30xi64>) -> tensor<30xi64>
  %k = weft.reshape %j : (tensor<30xi64>) -> tensor<30x1xi64>
  %g = weft.gather %x, %k {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>} : (tensor<50x16xf32>, tensor<30x1xi64>) -> tensor<30x16xf32>
  %c = weft.mul %g, %y : (tensor<30x16xf32>, tensor<30x16xf32>) -> tensor<30x16xf32>
  return %c : tensor<30x16xf32>
}

// -----

// A reduction of what is picked.
// CHECK-LABEL: @folded(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @folded(%x: tensor<50x16xf32>, %i: tensor<30x1xi32>) -> tensor<30xf32> {
  %g = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>} : (tensor<50x16xf32>, tensor<30x1xi32>) -> tensor<30x16xf32>
  %r = weft.reduce %g {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<30x16xf32>) -> tensor<30xf32>
  return %r : tensor<30xf32>
}

// -----

// Places that something else reads too stand in memory; so do several starts of one window.
// CHECK-LABEL: @read_too(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @read_too(%x: tensor<50x16xf32>, %i: tensor<30x1xi64>) -> (tensor<30x16xf32>, tensor<30x1xi64>) {
  %j = weft.add %i, %i : (tensor<30x1xi64>, tensor<30x1xi64>) -> tensor<30x1xi64>
  %g = weft.gather %x, %j {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>} : (tensor<50x16xf32>, tensor<30x1xi64>) -> tensor<30x16xf32>
  return %g, %j : tensor<30x16xf32>, tensor<30x1xi64>
}

// CHECK-LABEL: @starts(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @starts(%x: tensor<50x16xf32>, %i: tensor<2xi64>) -> tensor<8x4xf32> {
  %j = weft.add %i, %i : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %g = weft.gather %x, %j {batch = 0 : i64, dims = array<i64: 0, 1>, at = 0 : i64, bounds = #weft.bounds<clamp>} : (tensor<50x16xf32>, tensor<2xi64>) -> tensor<8x4xf32>
  return %g : tensor<8x4xf32>
}

// -----

// An epilogue is the contraction's; what is picked goes through memory.
// CHECK-LABEL: @residual(
// CHECK: weft.kernel(
// CHECK: weft.gather
// CHECK: weft.kernel(
// CHECK: weft.dot
// CHECK-NEXT: weft.add
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @residual(%x: tensor<50x16xf32>, %i: tensor<30x1xi64>, %a: tensor<30x8xf32>, %b: tensor<8x16xf32>) -> tensor<30x16xf32> {
  %g = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>} : (tensor<50x16xf32>, tensor<30x1xi64>) -> tensor<30x16xf32>
  %d = weft.dot %a, %b {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<30x8xf32>, tensor<8x16xf32>) -> tensor<30x16xf32>
  %c = weft.add %g, %d : (tensor<30x16xf32>, tensor<30x16xf32>) -> tensor<30x16xf32>
  return %c : tensor<30x16xf32>
}
