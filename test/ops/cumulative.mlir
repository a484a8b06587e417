// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-to-linalg | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// The lowering: a fill with the identity, and one generic whose output's scalar is what was folded before; f16 folds in
// f32 and each element rounds once.
// CHECK-LABEL: func.func private @k(
// CHECK:         arith.constant 0.000000e+00 : f32
// CHECK:         linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]{{.*}}attrs = {{.*}}weft.reverse, weft.scan = 1 : i64
// CHECK-NEXT:    ^bb0(%[[IN:.*]]: f16, %[[BEFORE:.*]]: f32):
// CHECK-NEXT:      %[[WIDE:.*]] = arith.extf %[[IN]] : f16 to f32
// CHECK-NEXT:      arith.addf %[[WIDE]], %[[BEFORE]] : f32
// CHECK:           arith.truncf %{{.*}} : f32 to f16
func.func private @k(%x: tensor<3x4xf16>) -> tensor<3x4xf16> attributes {weft.kernel} {
  %r = weft.cumulative %x {kind = #weft.reduce_kind<add>, dim = 1 : i64, reverse = true} : (tensor<3x4xf16>) -> tensor<3x4xf16>
  return %r : tensor<3x4xf16>
}

// VALUE{LITERAL}: [[1., 2., 3.],
// VALUE-NEXT{LITERAL}: [5., 7., 9.]]
// VALUE-NEXT: {{\[\[}}6., 5., 3.],
// VALUE: 3., 3., nan, nan
// VALUE-NEXT: -4, 56, 112
// The order, in numbers that show it: element 1 takes in 2^24 (and 1 vanishes, ties to even); elements 2 and 3 are
// folded first, so that their sum does not; in ascending order it would vanish twice.
// VALUE-NEXT: 16777216., 16777216., 16777216., 16777218.
func.func @main() -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<4xf32>, tensor<3xi8>, tensor<4xf32>) {
  %x = weft.constant {value = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>} : () -> tensor<2x3xf32>
  %down = weft.cumulative %x {kind = #weft.reduce_kind<add>, dim = 0 : i64, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %back = weft.cumulative %x {kind = #weft.reduce_kind<add>, dim = 1 : i64, reverse = true} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %nan = weft.constant {value = dense<[3.0, 1.0, 0x7FC00000, 5.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %most = weft.cumulative %nan {kind = #weft.reduce_kind<max>, dim = 0 : i64, reverse = false} : (tensor<4xf32>) -> tensor<4xf32>
  %i = weft.constant {value = dense<[-4, -14, 2]> : tensor<3xi8>} : () -> tensor<3xi8>
  %product = weft.cumulative %i {kind = #weft.reduce_kind<mul>, dim = 0 : i64, reverse = false} : (tensor<3xi8>) -> tensor<3xi8>
  %big = weft.constant {value = dense<[16777216.0, 1.0, 1.0, 1.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %ordered = weft.cumulative %big {kind = #weft.reduce_kind<add>, dim = 0 : i64, reverse = false} : (tensor<4xf32>) -> tensor<4xf32>
  return %down, %back, %most, %product, %ordered
      : tensor<2x3xf32>, tensor<2x3xf32>, tensor<4xf32>, tensor<3xi8>, tensor<4xf32>
}

// -----

// A dimension below the rank.
func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1015] expected a dimension below the rank 1, got 1}}
  %r = weft.cumulative %x {kind = #weft.reduce_kind<add>, dim = 1 : i64, reverse = false} : (tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// No bitwise folds.
func.func @f(%x: tensor<3xi32>) -> tensor<3xi32> {
  // expected-error @below {{[WF1021] folds with add, mul, min, max, got and}}
  %r = weft.cumulative %x {kind = #weft.reduce_kind<and>, dim = 0 : i64, reverse = false} : (tensor<3xi32>) -> tensor<3xi32>
  return %r : tensor<3xi32>
}
