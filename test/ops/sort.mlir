// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-to-linalg | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// CHECK-LABEL: func.func private @k(
// CHECK:         linalg.generic {{.*}}weft.sort = {descending = true, dim = 0 : i64, element = ui8, length = #weft.size<4>}
func.func private @k(%x: tensor<4xui8>) -> tensor<4xui8> attributes {weft.kernel} {
  %r = weft.sort %x {dim = 0 : i64, descending = true} : (tensor<4xui8>) -> tensor<4xui8>
  return %r : tensor<4xui8>
}

// NaN last either way; -0 and 0 are alike and keep their order; unsigned numbers are not negative.
// VALUE:      [-1., 0., -0., inf, nan]
// VALUE-NEXT: [inf, 0., -0., -1., nan]
// VALUE-NEXT: {{\[\[}}2, -1],
// VALUE-NEXT: [3, 7]]
// VALUE-NEXT: [1, 255]
// VALUE-NEXT: {{\[\[}}2, -1]]
func.func @main() -> (tensor<5xf32>, tensor<5xf32>, tensor<2x2xi32>, tensor<2xui8>,
                     tensor<1x2xi32>) {
  %x = weft.constant {value = dense<[0x7FC00000, 0.0, -0.0, -1.0, 0x7F800000]> : tensor<5xf32>} : () -> tensor<5xf32>
  %up = weft.sort %x {dim = 0 : i64, descending = false} : (tensor<5xf32>) -> tensor<5xf32>
  %down = weft.sort %x {dim = 0 : i64, descending = true} : (tensor<5xf32>) -> tensor<5xf32>
  %i = weft.constant {value = dense<[[3, -1], [2, 7]]> : tensor<2x2xi32>} : () -> tensor<2x2xi32>
  %columns = weft.sort %i {dim = 0 : i64, descending = false} : (tensor<2x2xi32>) -> tensor<2x2xi32>
  %u = weft.constant {value = dense<[255, 1]> : tensor<2xui8>} : () -> tensor<2xui8>
  %unsigned = weft.sort %u {dim = 0 : i64, descending = false} : (tensor<2xui8>) -> tensor<2xui8>
  %least = weft.sort %i {dim = 0 : i64, descending = false, first = 1 : i64} : (tensor<2x2xi32>) -> tensor<1x2xi32>
  return %up, %down, %columns, %unsigned, %least : tensor<5xf32>, tensor<5xf32>, tensor<2x2xi32>, tensor<2xui8>, tensor<1x2xi32>
}

// -----

// A dimension below the rank.
func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1015] expected a dimension below the rank 1, got 1}}
  %r = weft.sort %x {dim = 1 : i64, descending = false} : (tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// No more first ones than there are.
func.func @f(%x: tensor<3xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF1016] expected at most the 3 elements of a row as its first ones, got 4}}
  %r = weft.sort %x {dim = 0 : i64, descending = false, first = 4 : i64} : (tensor<3xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
