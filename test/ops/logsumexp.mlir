// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-decompose | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// What it is made of: the greatest element is a constant to derivatives, and 0 where it is infinite; f16 is computed in
// f32 and rounded once.
// CHECK-LABEL: func.func private @half(
// CHECK:         %[[X:.*]] = weft.convert %{{.*}} {dtype = f32}
// CHECK:         %[[M:.*]] = weft.reduce %[[X]] {dims = array<i64: 0, 2>, kind = #weft.reduce_kind<max>}
// CHECK:         %[[S:.*]] = weft.stop_gradient %[[M]]
// CHECK:         %[[F:.*]] = weft.is_finite %[[S]]
// CHECK:         %[[G:.*]] = weft.select %[[F]], %[[S]],
// CHECK:         %[[B:.*]] = weft.broadcast %[[G]] {dims = array<i64: 1>}
// CHECK:         %[[D:.*]] = weft.sub %[[X]], %[[B]]
// CHECK:         %[[E:.*]] = weft.exp %[[D]]
// CHECK:         %[[T:.*]] = weft.reduce %[[E]] {dims = array<i64: 0, 2>, kind = #weft.reduce_kind<add>}
// CHECK:         %[[L:.*]] = weft.log %[[T]]
// CHECK:         %[[R:.*]] = weft.add %[[L]], %[[G]]
// CHECK:         weft.convert %[[R]] {dtype = f16}
func.func private @half(%x: tensor<2x?x4xf16, #weft.dims<_, B, _>>) -> tensor<?xf16, #weft.dims<B>> {
  %r = weft.logsumexp %x {dims = array<i64: 0, 2>} : (tensor<2x?x4xf16, #weft.dims<_, B, _>>) -> tensor<?xf16, #weft.dims<B>>
  return %r : tensor<?xf16, #weft.dims<B>>
}

// Large elements do not overflow; -inf alone and no elements give -inf; over no dimensions each element is a row.
// VALUE: 1000.693{{[0-9]*}}, 0., inf, nan, -inf
// VALUE-NEXT: -inf, -inf
// VALUE-NEXT: 1000., 2.
func.func @main() -> (tensor<5xf32>, tensor<2xf32>, tensor<2xf32>) {
  %x = weft.constant {value = dense<[[1000.0, 1000.0], [0xFF800000, 0.0], [0x7F800000, 0.0], [0x7FC00000, 0.0],
      [0xFF800000, 0xFF800000]]> : tensor<5x2xf32>} : () -> tensor<5x2xf32>
  %r = weft.logsumexp %x {dims = array<i64: 1>} : (tensor<5x2xf32>) -> tensor<5xf32>
  %y = weft.constant {value = dense<> : tensor<2x0xf32>} : () -> tensor<2x0xf32>
  %e = weft.logsumexp %y {dims = array<i64: 1>} : (tensor<2x0xf32>) -> tensor<2xf32>
  %z = weft.constant {value = dense<[1000.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %n = weft.logsumexp %z {dims = array<i64>} : (tensor<2xf32>) -> tensor<2xf32>
  return %r, %e, %n : tensor<5xf32>, tensor<2xf32>, tensor<2xf32>
}

// -----

func.func @f(%x: tensor<3x2xf32>) -> tensor<f32> {
  // expected-error @below {{[WF1015] expected sorted, distinct dims below the rank 2, got 1, 0}}
  %r = weft.logsumexp %x {dims = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<f32>
  return %r : tensor<f32>
}
