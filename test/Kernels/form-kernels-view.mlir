// RUN: weft-opt %s -weft-form-kernels -split-input-file | FileCheck %s

// A view of an operand is a read; each reader has its own, nothing is copied.
// CHECK-LABEL: @read(
// CHECK: weft.kernel(%arg0, %arg1
// CHECK-NEXT: ^bb0
// CHECK-NEXT: weft.transpose
// CHECK-NEXT: weft.add
// CHECK: weft.kernel(
// CHECK: weft.transpose
// CHECK-NEXT: weft.reduce
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @read(%x: tensor<128x64xf32>, %y: tensor<64x128xf32>) -> (tensor<64x128xf32>, tensor<128xf32>) {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<128x64xf32>) -> tensor<64x128xf32>
  %a = weft.add %t, %y : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  %r = weft.reduce %t {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64x128xf32>) -> tensor<128xf32>
  return %a, %r : tensor<64x128xf32>, tensor<128xf32>
}

// -----

// A view of a value computed beside it: the value goes through memory.
// CHECK-LABEL: @computed(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @computed(%x: tensor<64x64xf32>) -> (tensor<64x64xf32>) {
  %e = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %t = weft.transpose %e {permutation = array<i64: 1, 0>} : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %a = weft.add %t, %x : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %a : tensor<64x64xf32>
}

// -----

// A chain of views is one read.
// CHECK-LABEL: @chain(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @chain(%x: tensor<65x128xf32>) -> (tensor<128x64xf32>) {
  %s = weft.slice %x {starts = array<i64: 1, 0>, strides = array<i64: 1, 1>} : (tensor<65x128xf32>) -> tensor<64x128xf32>
  %t = weft.transpose %s {permutation = array<i64: 1, 0>} : (tensor<64x128xf32>) -> tensor<128x64xf32>
  %n = weft.neg %t : (tensor<128x64xf32>) -> tensor<128x64xf32>
  return %n : tensor<128x64xf32>
}

// -----

// Only a view: a kernel that copies.
// CHECK-LABEL: @only(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @only(%x: tensor<65x128xf32>) -> (tensor<64x128xf32>) {
  %s = weft.slice %x {starts = array<i64: 1, 0>, strides = array<i64: 1, 1>} : (tensor<65x128xf32>) -> tensor<64x128xf32>
  return %s : tensor<64x128xf32>
}

// -----

// Parts of a join are read through views, each its own.
// CHECK-LABEL: @other(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @other(%x: tensor<128x64xf32>, %y: tensor<64x128xf32>) -> (tensor<192x128xf32>) {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<128x64xf32>) -> tensor<64x128xf32>
  %a = weft.concat %t, %y, %t {dim = 0 : i64} : (tensor<64x128xf32>, tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<192x128xf32>
  return %a : tensor<192x128xf32>
}

// -----

// But columns of a large operand are turned once, by a kernel that knows how to.
// CHECK-LABEL: @turned(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @turned(%x: tensor<1024x512xf32>, %y: tensor<512x1024xf32>) -> (tensor<1536x1024xf32>) {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<1024x512xf32>) -> tensor<512x1024xf32>
  %a = weft.concat %t, %y, %t {dim = 0 : i64} : (tensor<512x1024xf32>, tensor<512x1024xf32>, tensor<512x1024xf32>) -> tensor<1536x1024xf32>
  return %a : tensor<1536x1024xf32>
}

// -----

// A scalar computed in the kernel goes anywhere by broadcast.
// CHECK-LABEL: @scalar(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @scalar(%x: tensor<64x128xf32>, %k: tensor<f32>) -> (tensor<64x128xf32>) {
  %n = weft.exp %k : (tensor<f32>) -> tensor<f32>
  %b = weft.broadcast %n {dims = array<i64>} : (tensor<f32>) -> tensor<64x128xf32>
  %a = weft.mul %x, %b : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  return %a : tensor<64x128xf32>
}

// -----

// A vector computed in the kernel does not: without a reduction there are no rows.
// CHECK-LABEL: @vector(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @vector(%x: tensor<64x128xf32>, %k: tensor<128xf32>) -> (tensor<64x128xf32>) {
  %n = weft.exp %k : (tensor<128xf32>) -> tensor<128xf32>
  %b = weft.broadcast %n {dims = array<i64: 1>} : (tensor<128xf32>) -> tensor<64x128xf32>
  %a = weft.mul %x, %b : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  return %a : tensor<64x128xf32>
}

// -----

// Constants are cloned into each reader, also through a view; one that is returned is a kernel too.
// CHECK-LABEL: @constants(
// CHECK: %[[C:.*]] = weft.kernel ->
// CHECK: weft.constant
// CHECK: %[[A:.*]] = weft.kernel(%arg0
// CHECK: weft.constant
// CHECK: weft.broadcast
// CHECK: weft.add
// CHECK: return %[[A]], %[[C]]
func.func @constants(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<3xf32>) {
  %c = weft.constant {value = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %b = weft.broadcast %c {dims = array<i64: 1>} : (tensor<3xf32>) -> tensor<2x3xf32>
  %a = weft.add %x, %b : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %a, %c : tensor<2x3xf32>, tensor<3xf32>
}

// -----

// One place of a dimension, which is dropped: every third element of the two dimensions as one.
// CHECK-LABEL: @place(
// CHECK: %[[J:.*]] = weft.reshape %arg0 : (tensor<8x10x3xf32>) -> tensor<8x30xf32>
// CHECK: weft.kernel(%[[J]], %arg1
// CHECK: weft.slice %{{.*}} {starts = array<i64: 0, 1>, strides = array<i64: 1, 3>}
// CHECK-NEXT: weft.mul
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @place(%x: tensor<8x10x3xf32>, %y: tensor<8x10xf32>) -> tensor<8x10xf32> {
  %s = weft.slice %x {starts = array<i64: 0, 0, 1>, strides = array<i64: 1, 1, 1>} : (tensor<8x10x3xf32>) -> tensor<8x10x1xf32>
  %r = weft.reshape %s : (tensor<8x10x1xf32>) -> tensor<8x10xf32>
  %m = weft.mul %r, %y : (tensor<8x10xf32>, tensor<8x10xf32>) -> tensor<8x10xf32>
  return %m : tensor<8x10xf32>
}

// -----

// The first dimension goes with the next one. What repeats a place copies it first.
// CHECK-LABEL: @rows(
// CHECK: weft.slice %{{.*}} {starts = array<i64: 53>, strides = array<i64: 2>}
// CHECK-NEXT: weft.exp
// CHECK: weft.slice
// CHECK-NOT: weft.broadcast
// CHECK: weft.kernel(
// CHECK: weft.broadcast
// CHECK: return
func.func @rows(%x: tensor<8x10xf32>, %y: tensor<4x8xf32>) -> (tensor<4xf32>, tensor<4x8xf32>) {
  %s = weft.slice %x {starts = array<i64: 5, 3>, strides = array<i64: 1, 2>} : (tensor<8x10xf32>) -> tensor<1x4xf32>
  %r = weft.reshape %s : (tensor<1x4xf32>) -> tensor<4xf32>
  %e = weft.exp %r : (tensor<4xf32>) -> tensor<4xf32>
  %t = weft.slice %x {starts = array<i64: 0, 9>, strides = array<i64: 1, 1>} : (tensor<8x10xf32>) -> tensor<8x1xf32>
  %u = weft.reshape %t : (tensor<8x1xf32>) -> tensor<8xf32>
  %b = weft.broadcast %u {dims = array<i64: 1>} : (tensor<8xf32>) -> tensor<4x8xf32>
  %m = weft.mul %b, %y : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %e, %m : tensor<4xf32>, tensor<4x8xf32>
}
