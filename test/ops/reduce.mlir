// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// The lowering: a fill with the identity, a fold of (element, accumulator); f16 folds in f32 and rounds once.
// CHECK-DAG:   #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG:   #[[KEPT:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func.func private @k(
// CHECK:         arith.constant 0.000000e+00 : f32
// CHECK:         %[[SUM:.*]] = linalg.generic {indexing_maps = [#[[ALL]], #[[KEPT]]], iterator_types = ["reduction", "parallel"]}
// CHECK-NEXT:    ^bb0(%[[IN:.*]]: f16, %[[ACC:.*]]: f32):
// CHECK-NEXT:      %[[WIDE:.*]] = arith.extf %[[IN]] : f16 to f32
// CHECK-NEXT:      arith.addf %[[WIDE]], %[[ACC]] : f32
// CHECK:         ins(%[[SUM]] : tensor<4xf32>)
// CHECK:           arith.truncf %{{.*}} : f32 to f16
func.func private @k(%x: tensor<3x4xf16>) -> tensor<4xf16> attributes {weft.kernel} {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<3x4xf16>) -> tensor<4xf16>
  return %r : tensor<4xf16>
}
// CHECK-LABEL: func.func private @least(
// CHECK:         arith.constant -1 : i8
// CHECK:         arith.minui
func.func private @least(%x: tensor<4xui8>) -> tensor<ui8> attributes {weft.kernel} {
  %r = weft.reduce %x {kind = #weft.reduce_kind<min>, dims = array<i64: 0>} : (tensor<4xui8>) -> tensor<ui8>
  return %r : tensor<ui8>
}

// VALUE:      [5., 7., 9.]
// VALUE-NEXT: [6., 120.]
// VALUE-NEXT: 6.
// VALUE-NEXT: 1.
// VALUE-NEXT: nan
// VALUE-NEXT: True
// VALUE-NEXT: 255
// VALUE-NEXT: -inf
// The order of folding, in numbers whose sum depends on it: element 0 = 2^24 and elements 1..63 = 1 are partials of
// their own, folded by halves: 2^24 takes in 1 (and stays, ties to even), then 2, 4, 8, 16, 32. In ascending order each
// 1 would vanish; exactly, the sum is 2^24 + 63.
// VALUE-NEXT: 16777278.
// Element 64 belongs to partial 0: 2^24 + 1 there is rounded to 2^24 first.
// VALUE-NEXT: 16777216.
func.func @main() -> (tensor<3xf32>, tensor<2xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<i1>, tensor<ui8>,
                      tensor<f32>, tensor<f32>, tensor<f32>) {
  %x = weft.constant {value = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %sum = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<3xf32>
  %product = weft.reduce %x {kind = #weft.reduce_kind<mul>, dims = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
  %most = weft.reduce %x {kind = #weft.reduce_kind<max>, dims = array<i64: 0, 1>} : (tensor<2x3xf32>) -> tensor<f32>
  %least = weft.reduce %x {kind = #weft.reduce_kind<min>, dims = array<i64: 0, 1>} : (tensor<2x3xf32>) -> tensor<f32>
  %nan = weft.constant {value = dense<[1.0, 0x7FC00000, 3.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %propagated = weft.reduce %nan {kind = #weft.reduce_kind<max>, dims = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
  %b = weft.constant {value = dense<[true, false]> : tensor<2xi1>} : () -> tensor<2xi1>
  %any = weft.reduce %b {kind = #weft.reduce_kind<or>, dims = array<i64: 0>} : (tensor<2xi1>) -> tensor<i1>
  %none8 = weft.constant {value = dense<> : tensor<0xui8>} : () -> tensor<0xui8>
  %least8 = weft.reduce %none8 {kind = #weft.reduce_kind<min>, dims = array<i64: 0>} : (tensor<0xui8>) -> tensor<ui8>
  %none = weft.constant {value = dense<> : tensor<0xf32>} : () -> tensor<0xf32>
  %greatest = weft.reduce %none {kind = #weft.reduce_kind<max>, dims = array<i64: 0>} : (tensor<0xf32>) -> tensor<f32>

  %big = weft.constant {value = dense<16777216.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %ones = weft.constant {value = dense<1.0> : tensor<63xf32>} : () -> tensor<63xf32>
  %mixed = weft.concat %big, %ones {dim = 0 : i64} : (tensor<1xf32>, tensor<63xf32>) -> tensor<64xf32>
  %ordered = weft.reduce %mixed {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<f32>
  %zeros = weft.constant {value = dense<0.0> : tensor<63xf32>} : () -> tensor<63xf32>
  %one = weft.constant {value = dense<1.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %lane = weft.concat %big, %zeros, %one {dim = 0 : i64} : (tensor<1xf32>, tensor<63xf32>, tensor<1xf32>) -> tensor<65xf32>
  %rounded = weft.reduce %lane {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<65xf32>) -> tensor<f32>
  return %sum, %product, %most, %least, %propagated, %any, %least8, %greatest, %ordered, %rounded
      : tensor<3xf32>, tensor<2xf32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<i1>, tensor<ui8>, tensor<f32>,
        tensor<f32>, tensor<f32>
}
