// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-to-linalg | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// CHECK-LABEL: func.func private @k(
// CHECK:         linalg.generic {{.*}}weft.sort = {descending = true, dim = 0 : i64, element = ui8, length = #weft.size<4>}
func.func private @k(%x: tensor<4xui8>) -> tensor<4xi64> attributes {weft.kernel} {
  %r = weft.argsort %x {dim = 0 : i64, descending = true} : (tensor<4xui8>) -> tensor<4xi64>
  return %r : tensor<4xi64>
}

// NaN last either way; -0 and 0 are alike and keep their order; unsigned numbers are not negative.
// VALUE:      [3, 1, 2, 4, 0]
// VALUE-NEXT: [4, 1, 2, 3, 0]
// VALUE-NEXT: {{\[\[}}1, 0],
// VALUE-NEXT: [0, 1]]
// VALUE-NEXT: [1, 0]
// VALUE-NEXT: {{\[\[}}1, 0]]
func.func @main() -> (tensor<5xi64>, tensor<5xi64>, tensor<2x2xi64>, tensor<2xi64>,
                     tensor<1x2xi64>) {
  %x = weft.constant {value = dense<[0x7FC00000, 0.0, -0.0, -1.0, 0x7F800000]> : tensor<5xf32>} : () -> tensor<5xf32>
  %up = weft.argsort %x {dim = 0 : i64, descending = false} : (tensor<5xf32>) -> tensor<5xi64>
  %down = weft.argsort %x {dim = 0 : i64, descending = true} : (tensor<5xf32>) -> tensor<5xi64>
  %i = weft.constant {value = dense<[[3, -1], [2, 7]]> : tensor<2x2xi32>} : () -> tensor<2x2xi32>
  %columns = weft.argsort %i {dim = 0 : i64, descending = false} : (tensor<2x2xi32>) -> tensor<2x2xi64>
  %u = weft.constant {value = dense<[255, 1]> : tensor<2xui8>} : () -> tensor<2xui8>
  %unsigned = weft.argsort %u {dim = 0 : i64, descending = false} : (tensor<2xui8>) -> tensor<2xi64>
  %least = weft.argsort %i {dim = 0 : i64, descending = false, first = 1 : i64} : (tensor<2x2xi32>) -> tensor<1x2xi64>
  return %up, %down, %columns, %unsigned, %least : tensor<5xi64>, tensor<5xi64>, tensor<2x2xi64>, tensor<2xi64>, tensor<1x2xi64>
}

// -----

// A dimension below the rank.
func.func @f(%x: tensor<3xf32>) -> tensor<3xi64> {
  // expected-error @below {{[WF1015] expected a dimension below the rank 1, got 1}}
  %r = weft.argsort %x {dim = 1 : i64, descending = false} : (tensor<3xf32>) -> tensor<3xi64>
  return %r : tensor<3xi64>
}

// -----

// No more first ones than there are.
func.func @f(%x: tensor<3xf32>) -> tensor<4xi64> {
  // expected-error @below {{[WF1016] expected at most the 3 elements of a row as its first ones, got 4}}
  %r = weft.argsort %x {dim = 0 : i64, descending = false, first = 4 : i64} : (tensor<3xf32>) -> tensor<4xi64>
  return %r : tensor<4xi64>
}
