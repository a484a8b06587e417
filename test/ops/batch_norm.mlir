// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-decompose | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// What it is made of; f16 is computed in f32 and rounded once.
// CHECK-LABEL: func.func private @half(
// CHECK-SAME:      %[[M:[a-z0-9]+]]: tensor<?xf32
// CHECK-SAME:      %[[V:[a-z0-9]+]]: tensor<?xf32
// CHECK:         %[[X:.*]] = weft.convert %{{.*}} {dtype = f32}
// CHECK:         %[[W:.*]] = weft.add %[[V]],
// CHECK:         %[[R:.*]] = weft.rsqrt %[[W]]
// CHECK:         %[[MB:.*]] = weft.broadcast %[[M]] {dims = array<i64: 1>}
// CHECK:         %[[D:.*]] = weft.sub %[[X]], %[[MB]]
// CHECK:         %[[RB:.*]] = weft.broadcast %[[R]] {dims = array<i64: 1>}
// CHECK:         %[[Y:.*]] = weft.mul %[[D]], %[[RB]]
// CHECK:         weft.convert %[[Y]] {dtype = f16}
func.func private @half(%x: tensor<2x?x4xf16, #weft.dims<_, B, _>>, %m: tensor<?xf32, #weft.dims<B>>,
                        %v: tensor<?xf32, #weft.dims<B>>) -> tensor<2x?x4xf16, #weft.dims<_, B, _>> {
  %r = weft.batch_norm %x, %m, %v {dims = array<i64: 0, 2>, eps = 1.0e-5 : f64}
      : (tensor<2x?x4xf16, #weft.dims<_, B, _>>, tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>)
      -> tensor<2x?x4xf16, #weft.dims<_, B, _>>
  return %r : tensor<2x?x4xf16, #weft.dims<_, B, _>>
}

// VALUE{LITERAL}: [[0., 1.],
// VALUE-NEXT:      2., -1.]]
func.func @main() -> tensor<2x2xf32> {
  %x = weft.constant {value = dense<[[1.0, 3.0], [2.0, -1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %m = weft.constant {value = dense<1.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %v = weft.constant {value = dense<[0.25, 4.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %r = weft.batch_norm %x, %m, %v {dims = array<i64: 0>, eps = 0.0 : f64}
      : (tensor<2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// -----

// The statistics have the dimensions that stay.
func.func @f(%x: tensor<3x2xf32>, %m: tensor<3xf32>, %v: tensor<2xf32>) -> tensor<3x2xf32> {
  // expected-error @below {{[WF1012] expected statistics of type 'tensor<2xf32>', got 'tensor<3xf32>'}}
  %r = weft.batch_norm %x, %m, %v {dims = array<i64: 0>, eps = 0.0 : f64}
      : (tensor<3x2xf32>, tensor<3xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

func.func @f(%x: tensor<3x2xf32>, %m: tensor<2xf32>) -> tensor<3x2xf32> {
  // expected-error @below {{[WF1015] expected sorted, distinct dims below the rank 2, got 2}}
  %r = weft.batch_norm %x, %m, %m {dims = array<i64: 2>, eps = 0.0 : f64}
      : (tensor<3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}
