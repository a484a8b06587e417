// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-decompose | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// What it is made of: the heads are split into those of the keys and the group that each serves, the mask before it is
// repeated; a query that attends to nothing divides by 1.
// CHECK-LABEL: func.func private @grouped(
// CHECK-SAME:      %[[Q:[a-z0-9]+]]: {{.*}} %[[K:[a-z0-9]+]]: {{.*}} %[[V:[a-z0-9]+]]: {{.*}} %[[M:[a-z0-9]+]]: tensor<6x1x7xi1>
// CHECK:         %[[QS:.*]] = weft.reshape %[[Q]] : {{.*}} -> tensor<2x3x?x4xf32
// CHECK:         %[[S:.*]] = weft.dot %[[QS]], %[[K]] {lhs_batch = array<i64: 0>, lhs_contract = array<i64: 3>, rhs_batch = array<i64: 0>, rhs_contract = array<i64: 2>}
// CHECK:         %[[SS:.*]] = weft.mul %[[S]],
// CHECK:         %[[MS:.*]] = weft.reshape %[[M]] : (tensor<6x1x7xi1>) -> tensor<2x3x1x7xi1>
// CHECK:         %[[MB:.*]] = weft.broadcast %[[MS]] {dims = array<i64: 0, 1, 2, 3>}
// CHECK:         %[[C:.*]] = weft.le
// CHECK:         %[[A:.*]] = weft.and %[[MB]], %[[C]]
// CHECK:         %[[W:.*]] = weft.select %[[A]], %[[SS]],
// CHECK:         weft.stop_gradient
// CHECK:         %[[P:.*]] = weft.div
// CHECK:         %[[O:.*]] = weft.dot %[[P]], %[[V]] {lhs_batch = array<i64: 0>, lhs_contract = array<i64: 3>, rhs_batch = array<i64: 0>, rhs_contract = array<i64: 1>}
// CHECK:         weft.reshape %[[O]] : {{.*}} -> tensor<6x?x5xf32
func.func private @grouped(%q: tensor<6x?x4xf32, #weft.dims<_, B, _>>, %k: tensor<2x7x4xf32>, %v: tensor<2x7x5xf32>,
                           %m: tensor<6x1x7xi1>) -> tensor<6x?x5xf32, #weft.dims<_, B, _>> {
  %r = weft.attention %q, %k, %v, %m {scale = 0.5 : f64, causal = true, operandSegmentSizes = array<i32: 1, 1, 1, 0, 1>}
      : (tensor<6x?x4xf32, #weft.dims<_, B, _>>, tensor<2x7x4xf32>, tensor<2x7x5xf32>, tensor<6x1x7xi1>)
      -> tensor<6x?x5xf32, #weft.dims<_, B, _>>
  return %r : tensor<6x?x5xf32, #weft.dims<_, B, _>>
}

// Without a mask it holds a softmax. f16 is computed in f32 and rounded once.
// CHECK-LABEL: func.func private @half(
// CHECK-COUNT-3: weft.convert %{{.*}} {dtype = f32}
// CHECK-NOT:     weft.select
// CHECK:         weft.convert %{{.*}} {dtype = f16}
func.func private @half(%q: tensor<2x3x4xf16>, %k: tensor<2x7x4xf16>) -> tensor<2x3x4xf16> {
  %r = weft.attention %q, %k, %k {scale = 0.5 : f64, causal = false, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}
      : (tensor<2x3x4xf16>, tensor<2x7x4xf16>, tensor<2x7x4xf16>) -> tensor<2x3x4xf16>
  return %r : tensor<2x3x4xf16>
}

// The first query sees the first key alone; a bias of -inf takes a key away; a query without keys gives zeros.
// VALUE{LITERAL}: [[[1., 2.],
// VALUE-NEXT:       2., 3.]]]
// VALUE{LITERAL}: [[[3., 4.],
// VALUE-NEXT:       0., 0.]]]
func.func @main() -> (tensor<1x2x2xf32>, tensor<1x2x2xf32>) {
  %q = weft.constant {value = dense<0.0> : tensor<1x2x3xf32>} : () -> tensor<1x2x3xf32>
  %k = weft.constant {value = dense<1.0> : tensor<1x2x3xf32>} : () -> tensor<1x2x3xf32>
  %v = weft.constant {value = dense<[[[1.0, 2.0], [3.0, 4.0]]]> : tensor<1x2x2xf32>} : () -> tensor<1x2x2xf32>
  %r = weft.attention %q, %k, %v {scale = 1.0 : f64, causal = true, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}
      : (tensor<1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  %b = weft.constant {value = dense<[[[0xFF800000, 0.0]]]> : tensor<1x1x2xf32>} : () -> tensor<1x1x2xf32>
  %m = weft.constant {value = dense<[[[true], [false]]]> : tensor<1x2x1xi1>} : () -> tensor<1x2x1xi1>
  %s = weft.attention %q, %k, %v, %b, %m {scale = 1.0 : f64, causal = false, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (tensor<1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x2xf32>, tensor<1x1x2xf32>, tensor<1x2x1xi1>) -> tensor<1x2x2xf32>
  return %r, %s : tensor<1x2x2xf32>, tensor<1x2x2xf32>
}

// -----

// The key heads divide the heads.
func.func @f(%q: tensor<3x2x4xf32>, %k: tensor<2x2x4xf32>) -> tensor<3x2x4xf32> {
  // expected-error @below {{[WF1012] expected a key and a value with the dimensions of the query}}
  %r = weft.attention %q, %k, %k {scale = 1.0 : f64, causal = false, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}
      : (tensor<3x2x4xf32>, tensor<2x2x4xf32>, tensor<2x2x4xf32>) -> tensor<3x2x4xf32>
  return %r : tensor<3x2x4xf32>
}

// -----

func.func @f(%q: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{[WF1011] expected query, key and value of one rank, 3 or more}}
  %r = weft.attention %q, %q, %q {scale = 1.0 : f64, causal = false, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}
      : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// -----

func.func @f(%q: tensor<2x3x4xf32>, %k: tensor<2x3x4xf16>) -> tensor<2x3x4xf32> {
  // expected-error @below {{[WF1021] expected query, key and value of one element type}}
  %r = weft.attention %q, %k, %q {scale = 1.0 : f64, causal = false, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}
      : (tensor<2x3x4xf32>, tensor<2x3x4xf16>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return %r : tensor<2x3x4xf32>
}

// -----

// A mask has the dimensions of the scores, or 1.
func.func @f(%q: tensor<2x3x4xf32>, %m: tensor<2x3x2xi1>) -> tensor<2x3x4xf32> {
  // expected-error @below {{[WF1014] expected bias and mask with the dimensions of the scores, 'tensor<2x3x3xi1>', or 1, got 'tensor<2x3x2xi1>'}}
  %r = weft.attention %q, %q, %q, %m {scale = 1.0 : f64, causal = false, operandSegmentSizes = array<i32: 1, 1, 1, 0, 1>}
      : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x2xi1>) -> tensor<2x3x4xf32>
  return %r : tensor<2x3x4xf32>
}
