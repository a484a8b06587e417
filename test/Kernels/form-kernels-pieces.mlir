// RUN: weft-opt %s -weft-form-kernels -split-input-file | FileCheck %s
// RUN: weft-opt %s -weft-form-kernels -weft-share-kernels -weft-check-contract=kernels -split-input-file > /dev/null

// What parts are made of is computed where they are written; a slice is a read.
// CHECK-LABEL: @before(
// CHECK: weft.kernel(
// CHECK-NEXT: ^bb0
// CHECK-NEXT: weft.exp
// CHECK-NEXT: weft.slice
// CHECK-NEXT: weft.neg
// CHECK-NEXT: weft.concat
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @before(%x: tensor<64x64xf32>, %y: tensor<64x64xf32>) -> tensor<64x96xf32> {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = weft.slice %y {starts = array<i64: 0, 8>, strides = array<i64: 1, 1>} : (tensor<64x64xf32>) -> tensor<64x32xf32>
  %n = weft.neg %s : (tensor<64x32xf32>) -> tensor<64x32xf32>
  %c = weft.concat %a, %n {dim = 1 : i64} : (tensor<64x64xf32>, tensor<64x32xf32>) -> tensor<64x96xf32>
  return %c : tensor<64x96xf32>
}

// -----

// What is computed behind a padding is computed for each piece.
// CHECK-LABEL: @behind(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @behind(%x: tensor<62x62xf32>, %y: tensor<64x64xf32>, %k: tensor<64xf32>) -> tensor<64x64xf32> {
  %v = weft.constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %a = weft.exp %x : (tensor<62x62xf32>) -> tensor<62x62xf32>
  %p = weft.pad %a, %v {low = array<i64: 1, 1>, high = array<i64: 1, 1>, interior = array<i64: 0, 0>} : (tensor<62x62xf32>, tensor<f32>) -> tensor<64x64xf32>
  %m = weft.mul %p, %y : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = weft.broadcast %k {dims = array<i64: 1>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %c = weft.add %m, %b : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// Joins of joins, cut at sizes that have names.
// CHECK-LABEL: @named(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @named(%x: tensor<?xf32, #weft.dims<N>>, %y: tensor<?xf32, #weft.dims<M>>, %z: tensor<?xf32, #weft.dims<M+N+1>>) -> tensor<?xf32, #weft.dims<M+N+1>> {
  %v = weft.constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %p = weft.pad %x, %v {low = array<i64: 1>, high = array<i64: 0>, interior = array<i64: 0>} : (tensor<?xf32, #weft.dims<N>>, tensor<f32>) -> tensor<?xf32, #weft.dims<N+1>>
  %a = weft.concat %p, %y {dim = 0 : i64} : (tensor<?xf32, #weft.dims<N+1>>, tensor<?xf32, #weft.dims<M>>) -> tensor<?xf32, #weft.dims<M+N+1>>
  %c = weft.add %a, %z : (tensor<?xf32, #weft.dims<M+N+1>>, tensor<?xf32, #weft.dims<M+N+1>>) -> tensor<?xf32, #weft.dims<M+N+1>>
  return %c : tensor<?xf32, #weft.dims<M+N+1>>
}

// -----

// A reduction keeps what it reads: of two kernels the second one reads the joined rows once.
// CHECK-LABEL: @reduced(
// CHECK: weft.kernel(
// CHECK: weft.concat
// CHECK-NEXT: weft.yield
// CHECK: weft.kernel(
// CHECK: weft.mul
// CHECK-NEXT: weft.reduce
// CHECK: weft.mul
// CHECK-NEXT: weft.yield
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @reduced(%x: tensor<64x64xf32>, %y: tensor<64x64xf32>) -> tensor<64x128xf32> {
  %c = weft.concat %x, %y {dim = 1 : i64} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x128xf32>
  %s = weft.mul %c, %c : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %r = weft.reduce %s {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x128xf32>) -> tensor<64xf32>
  %b = weft.broadcast %r {dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<64x128xf32>
  %m = weft.mul %c, %b : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  return %m : tensor<64x128xf32>
}

// -----

// Rows that are computed and stacked: the room for the new axis is made in what they are computed of.
// CHECK-LABEL: @stacked(
// CHECK-COUNT-1: weft.kernel(
// CHECK: weft.broadcast %{{.*}} {dims = array<i64: 1>} : (tensor<64xf32>) -> tensor<1x64xf32>
// CHECK: weft.concat
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @stacked(%x: tensor<64xf32>, %y: tensor<64xf32>) -> tensor<2x64xf32> {
  %i = weft.iota {dim = 0 : i64} : () -> tensor<64xf32>
  %a = weft.add %x, %y : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  %b = weft.mul %a, %i : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  %c = weft.exp %y : (tensor<64xf32>) -> tensor<64xf32>
  %d = weft.reshape %b : (tensor<64xf32>) -> tensor<1x64xf32>
  %e = weft.reshape %c : (tensor<64xf32>) -> tensor<1x64xf32>
  %s = weft.concat %d, %e {dim = 0 : i64} : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<2x64xf32>
  return %s : tensor<2x64xf32>
}

// -----

// But a sum keeps what is computed of it.
// CHECK-LABEL: @stacked_sums(
// CHECK: weft.kernel(
// CHECK: weft.reduce
// CHECK-NEXT: weft.exp
// CHECK: weft.kernel(
// CHECK-NOT: weft.exp
// CHECK: return
func.func @stacked_sums(%x: tensor<64x64xf32>) -> tensor<2x64xf32> {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %a = weft.exp %r : (tensor<64xf32>) -> tensor<64xf32>
  %d = weft.reshape %a : (tensor<64xf32>) -> tensor<1x64xf32>
  %s = weft.concat %d, %d {dim = 0 : i64} : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<2x64xf32>
  return %s : tensor<2x64xf32>
}
