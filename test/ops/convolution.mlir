// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE
// RUN: weft-run %s --verify | FileCheck %s --check-prefix=VALUE

// The lowering: loops are the result's dimensions, then the contracted one, then the window's.
// CHECK-DAG:   #[[L:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d3, d2 * 2 + d4 * 3)>
// CHECK-DAG:   #[[R:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, d3, d4)>
// CHECK-DAG:   #[[OUT:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2)>
// CHECK-LABEL: func.func private @k(
// CHECK:         linalg.generic {indexing_maps = [#[[L]], #[[R]], #[[OUT]]], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
func.func private @k(%x: tensor<2x3x11xf32>, %w: tensor<4x3x2xf32>) -> tensor<2x4x4xf32> attributes {weft.kernel} {
  %r = weft.convolution %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>,
      rhs_contract = array<i64: 1>, lhs_window = array<i64: 2>, rhs_window = array<i64: 2>, strides = array<i64: 2>,
      low = array<i64: 0>, high = array<i64: 0>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 3>}
      : (tensor<2x3x11xf32>, tensor<4x3x2xf32>) -> tensor<2x4x4xf32>
  return %r : tensor<2x4x4xf32>
}

// Padded by 1 on the left: 0*1 + 1*2, 1*1 + 2*2, 2*1 + 3*2.
// VALUE:      [2., 5., 8.]
// Dilated operand 1 0 2 0 3, window 1 2 4: 1 + 4*2, 0 + 2*2, 2 + 4*3.
// VALUE-NEXT: [9., 4., 14.]
// The window does not fit.
// VALUE-NEXT: []
// Cut by one at each end: 2 * 3.
// VALUE-NEXT: [6]
func.func @main() -> (tensor<3xf32>, tensor<3xf32>, tensor<0xf32>, tensor<1xi32>) {
  %x = weft.constant {value = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %w = weft.constant {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %v = weft.constant {value = dense<[1.0, 2.0, 4.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %i = weft.constant {value = dense<[1, 2, 3]> : tensor<3xi32>} : () -> tensor<3xi32>
  %j = weft.constant {value = dense<3> : tensor<1xi32>} : () -> tensor<1xi32>
  %padded = weft.convolution %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64>,
      rhs_contract = array<i64>, lhs_window = array<i64: 0>, rhs_window = array<i64: 0>, strides = array<i64: 1>,
      low = array<i64: 1>, high = array<i64: 0>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>}
      : (tensor<3xf32>, tensor<2xf32>) -> tensor<3xf32>
  %dilated = weft.convolution %x, %v {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64>,
      rhs_contract = array<i64>, lhs_window = array<i64: 0>, rhs_window = array<i64: 0>, strides = array<i64: 1>,
      low = array<i64: 0>, high = array<i64: 0>, lhs_dilation = array<i64: 2>, rhs_dilation = array<i64: 1>}
      : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %none = weft.convolution %w, %v {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64>,
      rhs_contract = array<i64>, lhs_window = array<i64: 0>, rhs_window = array<i64: 0>, strides = array<i64: 1>,
      low = array<i64: 0>, high = array<i64: 0>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>}
      : (tensor<2xf32>, tensor<3xf32>) -> tensor<0xf32>
  %cut = weft.convolution %i, %j {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64>,
      rhs_contract = array<i64>, lhs_window = array<i64: 0>, rhs_window = array<i64: 0>, strides = array<i64: 1>,
      low = array<i64: -1>, high = array<i64: -1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>}
      : (tensor<3xi32>, tensor<1xi32>) -> tensor<1xi32>
  return %padded, %dilated, %none, %cut : tensor<3xf32>, tensor<3xf32>, tensor<0xf32>, tensor<1xi32>
}
