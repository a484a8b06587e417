// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// The value everywhere, then the operand into it through a map with offset and stride.
// CHECK-DAG:   #[[AT:.*]] = affine_map<(d0, d1) -> (d0 * 3 + 1, d1 mod 4)>
// CHECK-LABEL: func.func private @k(
// CHECK:         %[[FILLED:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<f32>)
// CHECK:         linalg.generic {indexing_maps = [#{{.*}}, #[[AT]]], {{.*}} outs(%[[FILLED]] : tensor<9x5xf32>)
func.func private @k(%x: tensor<3x4xf32>, %v: tensor<f32>) -> tensor<9x5xf32> attributes {weft.kernel} {
  %r = weft.pad %x, %v {low = array<i64: 1, 0>, high = array<i64: 1, 1>, interior = array<i64: 2, 0>}
      : (tensor<3x4xf32>, tensor<f32>) -> tensor<9x5xf32>
  return %r : tensor<9x5xf32>
}

// VALUE:      [9, 1, 9, 2, 9, 3, 9, 9]
func.func @main() -> tensor<8xi32> {
  %x = weft.constant {value = dense<[1, 2, 3]> : tensor<3xi32>} : () -> tensor<3xi32>
  %v = weft.constant {value = dense<9> : tensor<i32>} : () -> tensor<i32>
  %r = weft.pad %x, %v {low = array<i64: 1>, high = array<i64: 2>, interior = array<i64: 1>}
      : (tensor<3xi32>, tensor<i32>) -> tensor<8xi32>
  return %r : tensor<8xi32>
}
