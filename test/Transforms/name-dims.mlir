// RUN: weft-opt %s --weft-name-dims | FileCheck %s
// RUN: weft-opt %s --weft-name-dims | weft-opt --weft-name-dims | FileCheck %s

// Each `?` of an argument is a size of its own, under a name that the function does not use.
// CHECK-LABEL: @main(
// CHECK-SAME: %arg0: tensor<?x?xf32, #weft.dims<d0, d2>>, %arg1: tensor<?xf32, #weft.dims<d1>>)
// CHECK-SAME: -> (tensor<?x?xf32, #weft.dims<d2, d0>>, tensor<7x?xf32, #weft.dims<_, d2>>, tensor<?xf32, #weft.dims<d0*d2>>, tensor<?xf32, #weft.dims<d1>>)
// CHECK: weft.transpose {{.*}} -> tensor<?x?xf32, #weft.dims<d2, d0>>
// CHECK: weft.reduce {{.*}} -> tensor<?xf32, #weft.dims<d2>>
// CHECK: weft.broadcast {{.*}} -> tensor<7x?xf32, #weft.dims<_, d2>>
// CHECK: weft.call @g(%arg1) : (tensor<?xf32, #weft.dims<d1>>) -> tensor<?xf32, #weft.dims<d1>>
func.func @main(%x: tensor<?x?xf32>, %y: tensor<?xf32, #weft.dims<d1>>)
    -> (tensor<?x?xf32>, tensor<7x?xf32>, tensor<?xf32>, tensor<?xf32, #weft.dims<d1>>) {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %s = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?x?xf32>) -> tensor<?xf32>
  %b = weft.broadcast %s {dims = array<i64: 1>} : (tensor<?xf32>) -> tensor<7x?xf32>
  %r = weft.reshape %x : (tensor<?x?xf32>) -> tensor<?xf32>
  %c = weft.call @g(%y) : (tensor<?xf32, #weft.dims<d1>>) -> tensor<?xf32, #weft.dims<d1>>
  return %t, %b, %r, %c : tensor<?x?xf32>, tensor<7x?xf32>, tensor<?xf32>, tensor<?xf32, #weft.dims<d1>>
}
func.func private @g(%x: tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>> {
  return %x : tensor<?xf32, #weft.dims<S>>
}
