// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// A leading part of a static dimension is written `d mod extent`: linalg takes a bare d for the whole dimension.
// CHECK-DAG:   #[[READ:.*]] = affine_map<(d0, d1, d2) -> (d0 * 2 + 1, d1 mod 2, d2)>
// CHECK-LABEL: func.func private @k(
// CHECK:         linalg.generic {indexing_maps = [#[[READ]], #{{.*}}]
func.func private @k(%x: tensor<7x4x5xf32>) -> tensor<3x2x5xf32> attributes {weft.kernel} {
  %r = weft.slice %x {starts = array<i64: 1, 0, 0>, strides = array<i64: 2, 1, 1>} : (tensor<7x4x5xf32>) -> tensor<3x2x5xf32>
  return %r : tensor<3x2x5xf32>
}

// VALUE:      [1, 3, 5]
// VALUE-NEXT: {{\[}}[5, 6]]
// VALUE-NEXT: []
func.func @main() -> (tensor<3xi32>, tensor<1x2xi32>, tensor<0xi32>) {
  %x = weft.constant {value = dense<[0, 1, 2, 3, 4, 5, 6]> : tensor<7xi32>} : () -> tensor<7xi32>
  %odd = weft.slice %x {starts = array<i64: 1>, strides = array<i64: 2>} : (tensor<7xi32>) -> tensor<3xi32>
  %y = weft.constant {value = dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>} : () -> tensor<2x3xi32>
  %corner = weft.slice %y {starts = array<i64: 1, 1>, strides = array<i64: 1, 1>} : (tensor<2x3xi32>) -> tensor<1x2xi32>
  %none = weft.slice %x {starts = array<i64: 7>, strides = array<i64: 1>} : (tensor<7xi32>) -> tensor<0xi32>
  return %odd, %corner, %none : tensor<3xi32>, tensor<1x2xi32>, tensor<0xi32>
}
