// RUN: weft-run %s --reference --function make --output %t.x.npy
// RUN: weft-run %s --reference --input %t.x.npy | FileCheck %s
// RUN: weft-run %s --input %t.x.npy | FileCheck %s
// RUN: weft-opt %s --weft-pipeline="traced..planned" | FileCheck %s --check-prefix=PLAN

// Results whose sizes are known in a region, and in a region in that; the memory of both regions is in use at once.
// CHECK:      [0., 1., 2.]
// CHECK-NEXT: 3.
// CHECK-NEXT: {{\[}}[0., 3., 6.],
// CHECK-NEXT:  [0., 3., 6.]]
// CHECK-NEXT: [0., -1., -2.]
// PLAN: weft.sized "n" {{.*}}weft.slots = [#weft.slot<result 0>, #weft.slot<result 1>, #weft.slot<result 2>, #weft.slot<result 3>]
func.func @main(%x: tensor<8xf32>) -> (tensor<?xf32, #weft.dims<n>>, tensor<f32>, tensor<?x?xf32, #weft.dims<m, n>>,
                                       tensor<?xf32, #weft.dims<n>>) {
  %zero = weft.constant {value = dense<0.0> : tensor<8xf32>} : () -> tensor<8xf32>
  %p = weft.ne %x, %zero : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  %q = weft.convert %p {dtype = i64} : (tensor<8xi1>) -> tensor<8xi64>
  %k = weft.reduce %q {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<8xi64>) -> tensor<i64>
  %two = weft.constant {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %less = weft.sub %k, %two : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %more = weft.mul %less, %two : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %r, %s, %t, %u = weft.sized "n" = %k captures(%more : tensor<i64>) : tensor<i64>
      -> (tensor<?xf32, #weft.dims<n>>, tensor<f32>, tensor<?x?xf32, #weft.dims<m, n>>, tensor<?xf32, #weft.dims<n>>) {
  ^bb0(%j: tensor<i64>):
    %i = weft.iota {dim = 0} : () -> tensor<?xf32, #weft.dims<n>>
    %neg = weft.neg %i : (tensor<?xf32, #weft.dims<n>>) -> tensor<?xf32, #weft.dims<n>>
    %sum = weft.reduce %i {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<n>>) -> tensor<f32>
    %v, %w = weft.sized "m" = %j captures(%neg : tensor<?xf32, #weft.dims<n>>) : tensor<i64>
        -> (tensor<?x?xf32, #weft.dims<m, n>>, tensor<?xf32, #weft.dims<n>>) {
    ^bb0(%b: tensor<?xf32, #weft.dims<n>>):
      %c = weft.cumulative %b {kind = #weft.reduce_kind<min>, dim = 0, reverse = false} : (tensor<?xf32, #weft.dims<n>>) -> tensor<?xf32, #weft.dims<n>>
      %rows = weft.broadcast %c {dims = array<i64: 1>} : (tensor<?xf32, #weft.dims<n>>) -> tensor<?x?xf32, #weft.dims<m, n>>
      %f = weft.cumulative %rows {kind = #weft.reduce_kind<add>, dim = 0, reverse = false} : (tensor<?x?xf32, #weft.dims<m, n>>) -> tensor<?x?xf32, #weft.dims<m, n>>
      %g = weft.sub %rows, %f : (tensor<?x?xf32, #weft.dims<m, n>>, tensor<?x?xf32, #weft.dims<m, n>>) -> tensor<?x?xf32, #weft.dims<m, n>>
      %h = weft.reduce %g {kind = #weft.reduce_kind<max>, dims = array<i64: 0>} : (tensor<?x?xf32, #weft.dims<m, n>>) -> tensor<?xf32, #weft.dims<n>>
      %d = weft.sub %h, %c : (tensor<?xf32, #weft.dims<n>>, tensor<?xf32, #weft.dims<n>>) -> tensor<?xf32, #weft.dims<n>>
      %e = weft.add %d, %d : (tensor<?xf32, #weft.dims<n>>, tensor<?xf32, #weft.dims<n>>) -> tensor<?xf32, #weft.dims<n>>
      %full = weft.sub %e, %h : (tensor<?xf32, #weft.dims<n>>, tensor<?xf32, #weft.dims<n>>) -> tensor<?xf32, #weft.dims<n>>
      %half = weft.sub %d, %d : (tensor<?xf32, #weft.dims<n>>, tensor<?xf32, #weft.dims<n>>) -> tensor<?xf32, #weft.dims<n>>
      %out = weft.add %c, %half : (tensor<?xf32, #weft.dims<n>>, tensor<?xf32, #weft.dims<n>>) -> tensor<?xf32, #weft.dims<n>>
      %wide = weft.broadcast %full {dims = array<i64: 1>} : (tensor<?xf32, #weft.dims<n>>) -> tensor<?x?xf32, #weft.dims<m, n>>
      weft.yield %wide, %out : tensor<?x?xf32, #weft.dims<m, n>>, tensor<?xf32, #weft.dims<n>>
    }
    weft.yield %i, %sum, %v, %w
        : tensor<?xf32, #weft.dims<n>>, tensor<f32>, tensor<?x?xf32, #weft.dims<m, n>>, tensor<?xf32, #weft.dims<n>>
  }
  return %r, %s, %t, %u : tensor<?xf32, #weft.dims<n>>, tensor<f32>, tensor<?x?xf32, #weft.dims<m, n>>, tensor<?xf32, #weft.dims<n>>
}
func.func private @make() -> tensor<8xf32> {
  %x = weft.constant {value = dense<[1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0]> : tensor<8xf32>} : () -> tensor<8xf32>
  return %x : tensor<8xf32>
}
