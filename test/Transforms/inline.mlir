// RUN: weft-opt %s --weft-inline=max-ops=2 | FileCheck %s

// Small, or called once: in place, with the sizes of the call. Large and called twice: a call.
// CHECK-LABEL: @main(
// CHECK-NEXT: weft.neg %arg0 : (tensor<?xf32, #weft.dims<B>>)
// CHECK-NEXT: weft.dim_size {size = #weft.size<2*B>}
// CHECK-NEXT: weft.iota {dim = 0 : i64} : () -> tensor<?xi64, #weft.dims<2*B>>
// CHECK-NEXT: weft.iota
// CHECK-NEXT: weft.call @large
// CHECK-NEXT: weft.call @large
// CHECK-NOT: @small
// CHECK-NOT: @once
// CHECK: @large
func.func @main(%x: tensor<?xf32, #weft.dims<B>>, %y: tensor<?xf32, #weft.dims<2*B>>)
    -> (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>, tensor<?xi64, #weft.dims<2*B>>, tensor<i64>) {
  %a = weft.call @small(%x) : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %i:2 = weft.call @once(%y) : (tensor<?xf32, #weft.dims<2*B>>) -> (tensor<?xi64, #weft.dims<2*B>>, tensor<i64>)
  %b = weft.call @large(%a) : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %c = weft.call @large(%b) : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %b, %c, %i#0, %i#1 : tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>, tensor<?xi64, #weft.dims<2*B>>, tensor<i64>
}
func.func private @small(%x: tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>> {
  %n = weft.neg %x : (tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>>
  return %n : tensor<?xf32, #weft.dims<S>>
}
func.func private @once(%x: tensor<?xf32, #weft.dims<S>>) -> (tensor<?xi64, #weft.dims<S>>, tensor<i64>) {
  %s = weft.dim_size {size = #weft.size<S>} : () -> tensor<i64>
  %i = weft.iota {dim = 0 : i64} : () -> tensor<?xi64, #weft.dims<S>>
  %j = weft.iota {dim = 0 : i64} : () -> tensor<?xi64, #weft.dims<S>>
  return %i, %s : tensor<?xi64, #weft.dims<S>>, tensor<i64>
}
func.func private @large(%x: tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>> {
  %a = weft.exp %x : (tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>>
  %b = weft.sin %a : (tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>>
  %c = weft.cos %b : (tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>>
  return %c : tensor<?xf32, #weft.dims<S>>
}
