// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// The lowering: loops are batch, free of lhs, free of rhs, contracted; products are summed in f32 and rounded once.
// CHECK-DAG:   #[[L:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d0, d3)>
// CHECK-DAG:   #[[R:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>
// CHECK-DAG:   #[[OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-LABEL: func.func private @k(
// CHECK:         arith.constant 0.000000e+00 : f32
// CHECK:         linalg.generic {indexing_maps = [#[[L]], #[[R]], #[[OUT]]], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
// CHECK:           arith.extf
// CHECK:           arith.extf
// CHECK:           arith.mulf {{.*}} : f32
// CHECK:           arith.addf {{.*}} : f32
// CHECK:         arith.truncf {{.*}} : f32 to bf16
func.func private @k(%x: tensor<3x2x4xbf16>, %y: tensor<2x4x5xbf16>) -> tensor<2x3x5xbf16> attributes {weft.kernel} {
  %r = weft.dot %x, %y {lhs_batch = array<i64: 1>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 2>,
      rhs_contract = array<i64: 1>} : (tensor<3x2x4xbf16>, tensor<2x4x5xbf16>) -> tensor<2x3x5xbf16>
  return %r : tensor<2x3x5xbf16>
}

// VALUE:      {{\[}}[19., 22.],
// VALUE-NEXT:  [43., 50.]]
// VALUE-NEXT: [17., 53.]
// VALUE-NEXT: 70.
// 200 * 2 wraps in eight bits: 400 - 256.
// VALUE-NEXT: 144
// One rounding a step: (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24 if the product is not rounded first, else 0.
// VALUE-NEXT: 5.9604645e-08
func.func @main() -> (tensor<2x2xf32>, tensor<2xf32>, tensor<f32>, tensor<ui8>, tensor<f32>) {
  %a = weft.constant {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %b = weft.constant {value = dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %matrix = weft.dot %a, %b {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>,
      rhs_contract = array<i64: 0>} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %rows = weft.dot %a, %b {lhs_batch = array<i64: 0>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 1>,
      rhs_contract = array<i64: 1>} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %all = weft.dot %a, %b {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 0, 1>,
      rhs_contract = array<i64: 0, 1>} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<f32>
  %u = weft.constant {value = dense<[200, 0]> : tensor<2xui8>} : () -> tensor<2xui8>
  %v = weft.constant {value = dense<[2, 9]> : tensor<2xui8>} : () -> tensor<2xui8>
  %wrapped = weft.dot %u, %v {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 0>,
      rhs_contract = array<i64: 0>} : (tensor<2xui8>, tensor<2xui8>) -> tensor<ui8>
  %c = weft.constant {value = dense<[-1.00048828125, 1.000244140625]> : tensor<2xf32>} : () -> tensor<2xf32>
  %d = weft.constant {value = dense<[1.0, 1.000244140625]> : tensor<2xf32>} : () -> tensor<2xf32>
  %fused = weft.dot %c, %d {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 0>,
      rhs_contract = array<i64: 0>} : (tensor<2xf32>, tensor<2xf32>) -> tensor<f32>
  return %matrix, %rows, %all, %wrapped, %fused : tensor<2x2xf32>, tensor<2xf32>, tensor<f32>, tensor<ui8>, tensor<f32>
}
