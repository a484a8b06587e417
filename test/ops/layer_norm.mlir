// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-decompose | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// What it is made of; f16 is computed in f32 and rounded once.
// CHECK-LABEL: func.func private @half(
// CHECK:         %[[X:.*]] = weft.convert %{{.*}} {dtype = f32}
// CHECK:         %[[S:.*]] = weft.reduce %[[X]] {dims = array<i64: 1>, kind = #weft.reduce_kind<add>}
// CHECK:         %[[N:.*]] = weft.dim_size {size = #weft.size<B>}
// CHECK:         %[[C:.*]] = weft.convert %[[N]] {dtype = f32}
// CHECK:         %[[CB:.*]] = weft.broadcast %[[C]]
// CHECK:         %[[M:.*]] = weft.div %[[S]], %[[CB]]
// CHECK:         %[[MB:.*]] = weft.broadcast %[[M]] {dims = array<i64: 0>}
// CHECK:         %[[D:.*]] = weft.sub %[[X]], %[[MB]]
// CHECK:         %[[Q:.*]] = weft.mul %[[D]], %[[D]]
// CHECK:         %[[T:.*]] = weft.reduce %[[Q]] {dims = array<i64: 1>, kind = #weft.reduce_kind<add>}
// CHECK:         %[[V:.*]] = weft.div %[[T]],
// CHECK:         %[[W:.*]] = weft.add %[[V]],
// CHECK:         %[[R:.*]] = weft.rsqrt %[[W]]
// CHECK:         %[[RB:.*]] = weft.broadcast %[[R]] {dims = array<i64: 0>}
// CHECK:         %[[Y:.*]] = weft.mul %[[D]], %[[RB]]
// CHECK:         weft.convert %[[Y]] {dtype = f16}
func.func private @half(%x: tensor<2x?xf16, #weft.dims<_, B>>) -> tensor<2x?xf16, #weft.dims<_, B>> {
  %r = weft.layer_norm %x {dims = array<i64: 1>, eps = 1.0e-5 : f64}
      : (tensor<2x?xf16, #weft.dims<_, B>>) -> tensor<2x?xf16, #weft.dims<_, B>>
  return %r : tensor<2x?xf16, #weft.dims<_, B>>
}

// Over no dimensions each element is its own mean; a constant row has no variance to divide by.
// VALUE{LITERAL}: [[-1., 1.],
// VALUE-NEXT:      nan, nan]]
// VALUE-NEXT: 0., 0.
func.func @main() -> (tensor<2x2xf32>, tensor<2xf32>) {
  %x = weft.constant {value = dense<[[1.0, 3.0], [2.0, 2.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %r = weft.layer_norm %x {dims = array<i64: 1>, eps = 0.0 : f64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = weft.constant {value = dense<[4.0, -2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %n = weft.layer_norm %y {dims = array<i64>, eps = 1.0 : f64} : (tensor<2xf32>) -> tensor<2xf32>
  return %r, %n : tensor<2x2xf32>, tensor<2xf32>
}

// -----

func.func @f(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  // expected-error @below {{[WF1015] expected sorted, distinct dims below the rank 2, got 1, 1}}
  %r = weft.layer_norm %x {dims = array<i64: 1, 1>, eps = 1.0e-5 : f64} : (tensor<3x2xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}
