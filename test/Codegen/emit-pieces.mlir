// RUN: weft-run %s --reference --function make --output %t.npy
// RUN: weft-run %s --reference --input %t.npy | FileCheck %s
// RUN: weft-run %s --input %t.npy | FileCheck %s

// What is padded is made in the kernel, and has a named size that no array of the kernel has: each part still ends where
// it ends.
// CHECK:      [0., 1., 2., 9., 9.]
// CHECK-NEXT: [9., 0., 1., 2., 3., 9.]
// CHECK-NEXT: [0, 1, 2, 0, 1, 2]
func.func @main(%x: tensor<?xf32, #weft.dims<N>>) -> (tensor<?xf32, #weft.dims<N+2>>, tensor<?xf32, #weft.dims<N+3>>, tensor<?xi32, #weft.dims<2*N>>) {
  %v = weft.constant {value = dense<9.0> : tensor<f32>} : () -> tensor<f32>
  %i = weft.iota {dim = 0 : i64} : () -> tensor<?xf32, #weft.dims<N>>
  %a = weft.pad %i, %v {low = array<i64: 0>, high = array<i64: 2>, interior = array<i64: 0>}
      : (tensor<?xf32, #weft.dims<N>>, tensor<f32>) -> tensor<?xf32, #weft.dims<N+2>>
  %j = weft.iota {dim = 0 : i64} : () -> tensor<?xf32, #weft.dims<N+1>>
  %b = weft.pad %j, %v {low = array<i64: 1>, high = array<i64: 1>, interior = array<i64: 0>}
      : (tensor<?xf32, #weft.dims<N+1>>, tensor<f32>) -> tensor<?xf32, #weft.dims<N+3>>
  %k = weft.iota {dim = 0 : i64} : () -> tensor<?xi32, #weft.dims<N>>
  %c = weft.concat %k, %k {dim = 0 : i64} : (tensor<?xi32, #weft.dims<N>>, tensor<?xi32, #weft.dims<N>>) -> tensor<?xi32, #weft.dims<2*N>>
  return %a, %b, %c : tensor<?xf32, #weft.dims<N+2>>, tensor<?xf32, #weft.dims<N+3>>, tensor<?xi32, #weft.dims<2*N>>
}
func.func private @make() -> tensor<3xf32> {
  %c = weft.constant {value = dense<0.0> : tensor<3xf32>} : () -> tensor<3xf32>
  return %c : tensor<3xf32>
}
