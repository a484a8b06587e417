// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels)' -split-input-file -mlir-print-debuginfo=false -mlir-print-local-scope | FileCheck %s

// Two places of one body, in sizes of different names: one function, whose symbol is s0; each launch says its size.
// CHECK-LABEL: func.func @twice
// CHECK: weft.launch @[[K:k_[0-9a-f]+]](%arg0) {lines = [loc({{.*}}), loc({{.*}})], weft.sizes = [#weft.size<A>]}
// CHECK: weft.launch @[[K]](%arg1) {{.*}}weft.sizes = [#weft.size<B>]
// CHECK: return
// CHECK: func.func private @[[K]](%arg0: tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>> attributes {weft.kernel, weft.symbols = ["s0"]}
// CHECK-NOT: func.func
func.func @twice(%x: tensor<?xf32, #weft.dims<A>>, %y: tensor<?xf32, #weft.dims<B>>) -> (tensor<?xf32, #weft.dims<A>>, tensor<?xf32, #weft.dims<B>>) {
  %a = weft.exp %x : (tensor<?xf32, #weft.dims<A>>) -> tensor<?xf32, #weft.dims<A>>
  %b = weft.neg %a : (tensor<?xf32, #weft.dims<A>>) -> tensor<?xf32, #weft.dims<A>>
  %c = weft.exp %y : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %d = weft.neg %c : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %b, %d : tensor<?xf32, #weft.dims<A>>, tensor<?xf32, #weft.dims<B>>
}

// -----

// Equal but for a constant, an attribute, the order of operands: not shared.
// CHECK-LABEL: func.func @different
// CHECK-COUNT-6: func.func private @k_
// CHECK-NOT: func.func
func.func @different(%x: tensor<4xf32>, %y: tensor<4xf32>, %m: tensor<4x4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %one = weft.constant {value = dense<1.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %two = weft.constant {value = dense<2.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %a = weft.pow %x, %one : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %ar = weft.reshape %a : (tensor<4xf32>) -> tensor<4xf32>
  %b = weft.pow %ar, %two : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %br = weft.reshape %b : (tensor<4xf32>) -> tensor<4xf32>
  %c = weft.reduce %m {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<4x4xf32>) -> tensor<4xf32>
  %d = weft.reduce %m {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<4x4xf32>) -> tensor<4xf32>
  %n = weft.neg %br : (tensor<4xf32>) -> tensor<4xf32>
  %e = weft.sub %n, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %f = weft.reshape %e : (tensor<4xf32>) -> tensor<4xf32>
  %g = weft.neg %f : (tensor<4xf32>) -> tensor<4xf32>
  %h = weft.sub %y, %g : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %ar, %br, %c, %d, %e, %h : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// A kernel in a loop body is launched there, and shares with one outside.
// CHECK-LABEL: func.func @loop
// CHECK: weft.launch @[[K:k_[0-9a-f]+]](%arg0)
// CHECK: weft.for
// CHECK: weft.launch @[[K]](
// CHECK: weft.yield
// CHECK-COUNT-1: func.func private
// CHECK-NOT: func.func
func.func @loop(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = weft.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %r = weft.for #weft.size<5> carries(%a : tensor<4xf32>) -> (tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>):
    %n = weft.exp %c : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %n : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
