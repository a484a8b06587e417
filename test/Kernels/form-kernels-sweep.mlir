// RUN: weft-opt %s -weft-form-kernels -split-input-file | FileCheck %s

// Softmax over the trailing dimension: one kernel, both reductions and the broadcasts back.
// CHECK-LABEL: @softmax
// CHECK: %[[K:.*]] = weft.kernel(%arg0
// CHECK: weft.reduce
// CHECK: weft.exp
// CHECK: weft.reduce
// CHECK: weft.div
// CHECK-NOT: weft.kernel
// CHECK: return %[[K]]
func.func @softmax(%x: tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?x128xf32, #weft.dims<B, _>> {
  %m = weft.reduce %x {kind = #weft.reduce_kind<max>, dims = array<i64: 1>} : (tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  %mb = weft.broadcast %m {dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %s = weft.sub %x, %mb : (tensor<?x128xf32, #weft.dims<B, _>>, tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %e = weft.exp %s : (tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %t = weft.reduce %e {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  %tb = weft.broadcast %t {dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %r = weft.div %e, %tb : (tensor<?x128xf32, #weft.dims<B, _>>, tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  return %r : tensor<?x128xf32, #weft.dims<B, _>>
}

// -----

// Two sizes of different names never share a sweep, though both may be 128 at run time.
// CHECK-LABEL: @two_sizes
// CHECK-COUNT-2: weft.kernel(
// CHECK: return
func.func @two_sizes(%x: tensor<?xf32, #weft.dims<A>>, %y: tensor<?xf32, #weft.dims<B>>, %s: tensor<f32>) -> (tensor<?xf32, #weft.dims<A>>, tensor<?xf32, #weft.dims<B>>) {
  %n = weft.exp %s : (tensor<f32>) -> tensor<f32>
  %na = weft.broadcast %n {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<A>>
  %nb = weft.broadcast %n {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<B>>
  %a = weft.mul %x, %na : (tensor<?xf32, #weft.dims<A>>, tensor<?xf32, #weft.dims<A>>) -> tensor<?xf32, #weft.dims<A>>
  %b = weft.mul %y, %nb : (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %a, %b : tensor<?xf32, #weft.dims<A>>, tensor<?xf32, #weft.dims<B>>
}

// -----

// The same size in two texts of one normal form does fuse.
// CHECK-LABEL: @equal_sizes
// CHECK-COUNT-1: weft.kernel(
// CHECK: return
func.func @equal_sizes(%x: tensor<?xf32, #weft.dims<S+S>>) -> tensor<?xf32, #weft.dims<2*S>> {
  %a = weft.neg %x : (tensor<?xf32, #weft.dims<2*S>>) -> tensor<?xf32, #weft.dims<2*S>>
  %b = weft.exp %a : (tensor<?xf32, #weft.dims<S+S>>) -> tensor<?xf32, #weft.dims<2*S>>
  return %b : tensor<?xf32, #weft.dims<2*S>>
}
