// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// Result dimension i is operand dimension permutation[i], so the operand is read by the inverse.
// CHECK-DAG:   #[[READ:.*]] = affine_map<(d0, d1, d2) -> (d1, d2, d0)>
// CHECK-LABEL: func.func private @k(
// CHECK:         linalg.generic {indexing_maps = [#[[READ]], #{{.*}}]
func.func private @k(%x: tensor<2x3x4xf32>) -> tensor<4x2x3xf32> attributes {weft.kernel} {
  %r = weft.transpose %x {permutation = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  return %r : tensor<4x2x3xf32>
}

// VALUE:      {{\[}}[1, 4],
// VALUE-NEXT:  [2, 5],
// VALUE-NEXT:  [3, 6]]
// VALUE-NEXT: {{\[}}{{\[}}[1, 3],
// VALUE-NEXT:   [5, 7]],
// VALUE-NEXT:  {{\[}}[2, 4],
// VALUE-NEXT:   [6, 8]]]
func.func @main() -> (tensor<3x2xi32>, tensor<2x2x2xi32>) {
  %x = weft.constant {value = dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>} : () -> tensor<2x3xi32>
  %r = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xi32>) -> tensor<3x2xi32>
  %y = weft.constant {value = dense<[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]> : tensor<2x2x2xi32>} : () -> tensor<2x2x2xi32>
  %s = weft.transpose %y {permutation = array<i64: 2, 0, 1>} : (tensor<2x2x2xi32>) -> tensor<2x2x2xi32>
  return %r, %s : tensor<3x2xi32>, tensor<2x2x2xi32>
}
