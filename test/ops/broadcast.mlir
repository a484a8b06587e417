// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// CHECK-DAG:   #[[ONE:.*]] = affine_map<(d0, d1) -> (0, d1)>
// CHECK-LABEL: func.func private @k(
// CHECK:         linalg.generic {indexing_maps = [#[[ONE]], #{{.*}}], iterator_types = ["parallel", "parallel"]}
func.func private @k(%x: tensor<1x2xf32>) -> tensor<3x2xf32> attributes {weft.kernel} {
  %r = weft.broadcast %x {dims = array<i64: 0, 1>} : (tensor<1x2xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// VALUE:      {{\[}}[1, 1, 1],
// VALUE-NEXT:  [2, 2, 2]]
// VALUE-NEXT: {{\[}}[1, 2],
// VALUE-NEXT:  [1, 2]]
func.func @main() -> (tensor<2x3xi32>, tensor<2x2xi32>) {
  %x = weft.constant {value = dense<[1, 2]> : tensor<2xi32>} : () -> tensor<2xi32>
  %columns = weft.broadcast %x {dims = array<i64: 0>} : (tensor<2xi32>) -> tensor<2x3xi32>
  %row = weft.reshape %x : (tensor<2xi32>) -> tensor<1x2xi32>
  %rows = weft.broadcast %row {dims = array<i64: 0, 1>} : (tensor<1x2xi32>) -> tensor<2x2xi32>
  return %columns, %rows : tensor<2x3xi32>, tensor<2x2xi32>
}
