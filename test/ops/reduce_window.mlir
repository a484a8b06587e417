// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE
// RUN: weft-run %s --verify | FileCheck %s --check-prefix=VALUE

// The lowering: one read for each position of the window, folded in f32 and rounded once.
// CHECK-DAG:   #[[FIRST:.*]] = affine_map<(d0) -> (d0 * 2)>
// CHECK-DAG:   #[[SECOND:.*]] = affine_map<(d0) -> (d0 * 2 + 1)>
// CHECK-LABEL: func.func private @k(
// CHECK:         linalg.generic {indexing_maps = [#[[FIRST]], #[[SECOND]],
// CHECK-COUNT-3: arith.addf {{.*}} : f32
// CHECK:         arith.truncf {{.*}} : f32 to bf16
func.func private @k(%x: tensor<6xbf16>) -> tensor<3xbf16> attributes {weft.kernel} {
  %r = weft.reduce_window %x {kind = #weft.reduce_kind<add>, sizes = array<i64: 2>, strides = array<i64: 2>,
      low = array<i64: 0>, high = array<i64: 0>, dilation = array<i64: 1>, window_dilation = array<i64: 1>}
      : (tensor<6xbf16>) -> tensor<3xbf16>
  return %r : tensor<3xbf16>
}

// What is padded changes no maximum.
// VALUE:      [-2, -1, -2]
// NaN propagates, and only where a window sees it.
// VALUE-NEXT: [nan, nan, 3.]
// Elements 1 0 2 0 3 with zeros between them, every second position of windows of three.
// VALUE-NEXT: [3., 0., 5.]
func.func @main() -> (tensor<3xi32>, tensor<3xf32>, tensor<3xf32>) {
  %i = weft.constant {value = dense<[-1, -2, -3]> : tensor<3xi32>} : () -> tensor<3xi32>
  %n = weft.constant {value = dense<[1.0, 0x7FC00000, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %x = weft.constant {value = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %max = weft.reduce_window %i {kind = #weft.reduce_kind<max>, sizes = array<i64: 2>, strides = array<i64: 1>,
      low = array<i64: 1>, high = array<i64: 1>, dilation = array<i64: 1>, window_dilation = array<i64: 2>}
      : (tensor<3xi32>) -> tensor<3xi32>
  %min = weft.reduce_window %n {kind = #weft.reduce_kind<min>, sizes = array<i64: 2>, strides = array<i64: 1>,
      low = array<i64: 0>, high = array<i64: 0>, dilation = array<i64: 1>, window_dilation = array<i64: 1>}
      : (tensor<4xf32>) -> tensor<3xf32>
  %add = weft.reduce_window %x {kind = #weft.reduce_kind<add>, sizes = array<i64: 2>, strides = array<i64: 1>,
      low = array<i64: 0>, high = array<i64: 0>, dilation = array<i64: 2>, window_dilation = array<i64: 2>}
      : (tensor<3xf32>) -> tensor<3xf32>
  return %max, %min, %add : tensor<3xi32>, tensor<3xf32>, tensor<3xf32>
}
