// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-decompose | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// What it is made of; f16 is computed in f32 and rounded once.
// CHECK-LABEL: func.func private @half(
// CHECK:         %[[X:.*]] = weft.convert %{{.*}} {dtype = f32}
// CHECK:         %[[M:.*]] = weft.reduce %[[X]] {dims = array<i64: 0, 2>, kind = #weft.reduce_kind<max>}
// CHECK:         %[[MB:.*]] = weft.broadcast %[[M]] {dims = array<i64: 1>}
// CHECK:         %[[S:.*]] = weft.sub %[[X]], %[[MB]]
// CHECK:         %[[E:.*]] = weft.exp %[[S]]
// CHECK:         %[[T:.*]] = weft.reduce %[[E]] {dims = array<i64: 0, 2>, kind = #weft.reduce_kind<add>}
// CHECK:         %[[L:.*]] = weft.log %[[T]]
// CHECK:         %[[LB:.*]] = weft.broadcast %[[L]] {dims = array<i64: 1>}
// CHECK:         %[[R:.*]] = weft.sub %[[S]], %[[LB]]
// CHECK:         weft.convert %[[R]] {dtype = f16}
func.func private @half(%x: tensor<2x?x4xf16, #weft.dims<_, B, _>>) -> tensor<2x?x4xf16, #weft.dims<_, B, _>> {
  %r = weft.softmax %x {dims = array<i64: 0, 2>, log = true}
      : (tensor<2x?x4xf16, #weft.dims<_, B, _>>) -> tensor<2x?x4xf16, #weft.dims<_, B, _>>
  return %r : tensor<2x?x4xf16, #weft.dims<_, B, _>>
}

// Large elements do not overflow; a row with +inf or NaN, or of -inf alone, is NaN; over no dimensions each element is
// a row.
// VALUE{LITERAL}: [[0.5, 0.5],
// VALUE-NEXT:      0., 1.],
// VALUE-NEXT:      nan, nan],
// VALUE-NEXT:      nan, nan],
// VALUE-NEXT:      nan, nan]]
// VALUE-NEXT: -1000., 0.
// VALUE-NEXT: 1., 1.
func.func @main() -> (tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %x = weft.constant {value = dense<[[1000.0, 1000.0], [0xFF800000, 0.0], [0x7F800000, 0.0], [0x7FC00000, 0.0],
      [0xFF800000, 0xFF800000]]> : tensor<5x2xf32>} : () -> tensor<5x2xf32>
  %p = weft.softmax %x {dims = array<i64: 1>, log = false} : (tensor<5x2xf32>) -> tensor<5x2xf32>
  %y = weft.constant {value = dense<[0.0, 1000.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %l = weft.softmax %y {dims = array<i64: 0>, log = true} : (tensor<2xf32>) -> tensor<2xf32>
  %n = weft.softmax %y {dims = array<i64>, log = false} : (tensor<2xf32>) -> tensor<2xf32>
  return %p, %l, %n : tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>
}

// -----

// Dimensions of the operand, each once, in order.
func.func @f(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  // expected-error @below {{[WF1015] expected sorted, distinct dims below the rank 2, got 1, 0}}
  %r = weft.softmax %x {dims = array<i64: 1, 0>, log = false} : (tensor<3x2xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1015] expected sorted, distinct dims below the rank 1, got 1}}
  %r = weft.softmax %x {dims = array<i64: 1>, log = false} : (tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// Of floats.
func.func @f(%x: tensor<3xi32>) -> tensor<3xi32> {
  // expected-error @below {{operand #0 must be}}
  %r = weft.softmax %x {dims = array<i64: 0>, log = false} : (tensor<3xi32>) -> tensor<3xi32>
  return %r : tensor<3xi32>
}
