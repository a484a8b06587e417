// RUN: weft-opt %s --weft-vectorize="function=f size=3" | FileCheck %s
// RUN: not weft-run %s --reference 2>&1 | FileCheck %s --check-prefix=HOST
// RUN: not weft-run %s 2>&1 | FileCheck %s --check-prefix=HOST

// A batch is one more axis of lanes, in front.
// CHECK-LABEL: func.func private @f.vmap(
// CHECK:         weft.callback "g"(%{{.*}} : tensor<3x4xf32>) {lanes = 1 : i64} -> (tensor<3x4xf32>, tensor<3xi32>)
func.func private @f(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<i32>) {
  %y, %n = weft.callback "g" (%x : tensor<4xf32>) {lanes = 0 : i64} -> (tensor<4xf32>, tensor<i32>)
  return %y, %n : tensor<4xf32>, tensor<i32>
}

// Without a host there is nobody to call.
// HOST: the program calls `g` of its host, which is not here
func.func @main() -> tensor<4xf32> {
  %x = weft.constant {value = dense<1.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %y, %n = weft.call @f(%x) : (tensor<4xf32>) -> (tensor<4xf32>, tensor<i32>)
  return %y : tensor<4xf32>
}
