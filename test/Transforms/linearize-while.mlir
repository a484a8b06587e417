// RUN: weft-opt %s --weft-linearize=function=f | FileCheck %s
// RUN: weft-opt %s --weft-linearize=function=f --weft-transpose=function=f.lin | FileCheck %s --check-prefix=BWD

// The values: the loop and how often it ran. The tangents: so many trips again, as a counted loop whose rows live in a
// region where that number is a size; nothing of that size leaves it.
// CHECK-LABEL: func.func private @f.fwd(
// CHECK: %[[W:.*]]:2 = weft.while carries(%{{.*}}, %{{.*}} : tensor<f32>, tensor<i64>)
// CHECK: return %[[W]]#0, %[[W]]#1 : tensor<f32>, tensor<i64>
// CHECK-LABEL: func.func private @f.lin(
// CHECK-SAME: %{{.*}}: tensor<f32>, %[[N:.*]]: tensor<i64>, %{{.*}}: tensor<f32>) -> tensor<f32>
// CHECK: weft.sized "trips" = %[[N]] captures(
// CHECK: weft.for <trips> {{.*}} -> (tensor<f32>, tensor<?xf32, #weft.dims<trips>>)
// CHECK: weft.cos
// CHECK: weft.for <trips> carries(%{{.*}} : tensor<f32>) xs(%{{.*}} : tensor<?xf32, #weft.dims<trips>>)
// BWD-LABEL: func.func private @f.bwd(
// BWD: weft.sized "trips"
// BWD: weft.for <trips> {{.*}} -> (tensor<f32>, tensor<?xf32, #weft.dims<trips>>)
// BWD: weft.for <trips> reverse carries(
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  %r = weft.while carries(%x : tensor<f32>) -> (tensor<f32>) {
  ^bb0(%c: tensor<f32>):
    %t = weft.constant {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
    %p = weft.gt %c, %t : (tensor<f32>, tensor<f32>) -> tensor<i1>
    weft.yield %p : tensor<i1>
  } do {
  ^bb0(%c: tensor<f32>):
    %n = weft.sin %c : (tensor<f32>) -> tensor<f32>
    weft.yield %n : tensor<f32>
  }
  return %r : tensor<f32>
}
