// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-decompose | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// What it is made of: of integer labels, one class at most is picked from the differences.
// CHECK-LABEL: func.func private @labels(
// CHECK:         %[[M:.*]] = weft.reduce %{{.*}} {dims = array<i64: 1>, kind = #weft.reduce_kind<max>}
// CHECK:         %[[C:.*]] = weft.stop_gradient %[[M]]
// CHECK:         %[[CB:.*]] = weft.broadcast %[[C]] {dims = array<i64: 0>}
// CHECK:         %[[D:.*]] = weft.sub %{{.*}}, %[[CB]]
// CHECK:         %[[E:.*]] = weft.exp %[[D]]
// CHECK:         %[[T:.*]] = weft.reduce %[[E]] {dims = array<i64: 1>, kind = #weft.reduce_kind<add>}
// CHECK:         %[[L:.*]] = weft.log %[[T]]
// CHECK:         %[[K:.*]] = weft.eq
// CHECK:         %[[P:.*]] = weft.select %[[K]], %[[D]],
// CHECK:         %[[Q:.*]] = weft.reduce %[[P]] {dims = array<i64: 1>, kind = #weft.reduce_kind<add>}
// CHECK:         %[[R:.*]] = weft.sub %[[L]], %[[Q]]
// CHECK:         weft.select %{{.*}}, %[[R]],
func.func private @labels(%x: tensor<?x4xf32, #weft.dims<B, _>>, %y: tensor<?xui8, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>> {
  %r = weft.cross_entropy %x, %y : (tensor<?x4xf32, #weft.dims<B, _>>, tensor<?xui8, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %r : tensor<?xf32, #weft.dims<B>>
}

// Of probabilities, of a named number of classes; f16 is computed in f32 and rounded once.
// CHECK-LABEL: func.func private @probabilities(
// CHECK:         weft.convert %{{.*}} {dtype = f32}
// CHECK:         %[[L:.*]] = weft.sub
// CHECK:         %[[P:.*]] = weft.mul %{{.*}}, %{{.*}}
// CHECK:         %[[S:.*]] = weft.reduce %[[P]] {dims = array<i64: 1>, kind = #weft.reduce_kind<add>}
// CHECK:         %[[R:.*]] = weft.neg %[[S]]
// CHECK:         weft.convert %[[R]] {dtype = f16}
func.func private @probabilities(%x: tensor<3x?xf16, #weft.dims<_, C>>, %y: tensor<3x?xf32, #weft.dims<_, C>>) -> tensor<3xf16> {
  %r = weft.cross_entropy %x, %y : (tensor<3x?xf16, #weft.dims<_, C>>, tensor<3x?xf32, #weft.dims<_, C>>) -> tensor<3xf16>
  return %r : tensor<3xf16>
}

// Labels outside of the classes give 0; large logits lose nothing.
// VALUE: 0.693147{{[0-9]*}}, 1000., 0., 0.
// VALUE-NEXT: 500.
func.func @main() -> (tensor<4xf32>, tensor<f32>) {
  %x = weft.constant {value = dense<[[5.0, 5.0], [0.0, 1000.0], [1.0, 2.0], [1.0, 2.0]]> : tensor<4x2xf32>} : () -> tensor<4x2xf32>
  %y = weft.constant {value = dense<[1, 0, -1, 2]> : tensor<4xi32>} : () -> tensor<4xi32>
  %r = weft.cross_entropy %x, %y : (tensor<4x2xf32>, tensor<4xi32>) -> tensor<4xf32>
  %a = weft.constant {value = dense<[0.0, 1000.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %p = weft.constant {value = dense<0.5> : tensor<2xf32>} : () -> tensor<2xf32>
  %s = weft.cross_entropy %a, %p : (tensor<2xf32>, tensor<2xf32>) -> tensor<f32>
  return %r, %s : tensor<4xf32>, tensor<f32>
}

// -----

func.func @f(%x: tensor<3x2xf32>, %y: tensor<2xi32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1012] expected labels of type 'tensor<3xi32>', got 'tensor<2xi32>'}}
  %r = weft.cross_entropy %x, %y : (tensor<3x2xf32>, tensor<2xi32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

func.func @f(%x: tensor<3x2xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1012] expected labels of type 'tensor<3x2xf32>', got 'tensor<3xf32>'}}
  %r = weft.cross_entropy %x, %y : (tensor<3x2xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

func.func @f(%x: tensor<f32>, %y: tensor<i32>) -> tensor<f32> {
  // expected-error @below {{[WF1011] expected logits with a dimension of classes}}
  %r = weft.cross_entropy %x, %y : (tensor<f32>, tensor<i32>) -> tensor<f32>
  return %r : tensor<f32>
}
