// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-to-linalg | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// The lowering: each element reads x at the clamped start.
// CHECK-LABEL: func.func private @k(
// CHECK-SAME:      %[[X:.*]]: tensor<5x4xf32>, %[[I:.*]]: tensor<3x1xi64>)
// CHECK:         linalg.generic {{.*}}ins(%[[I]] : tensor<3x1xi64>)
// CHECK:           %[[START:.*]] = arith.index_cast
// CHECK:           arith.minsi %[[START]]
// CHECK:           arith.maxsi
// CHECK:           tensor.extract %[[X]]
func.func private @k(%x: tensor<5x4xf32>, %i: tensor<3x1xi64>) -> tensor<3x1x4xf32> attributes {weft.kernel} {
  %r = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<5x4xf32>, tensor<3x1xi64>) -> tensor<3x1x4xf32>
  return %r : tensor<3x1x4xf32>
}

// Rows 2, the last (9 is clamped) and the first; the same dropping; windows of two; a batch; index dimensions behind.
// VALUE:      [20, 21, 22]
// VALUE:      [20, 21, 22]
// VALUE:      [0, 1, 2]
// VALUE:      [20, 21, 22]
// VALUE:      [0, 0, 0]
// VALUE:      [0, 0, 0]
// VALUE-NEXT: {{\[\[}}[11, 12],
// VALUE:      [21, 22]]]
// VALUE-NEXT: {{\[\[}}2],
// VALUE-NEXT: [10],
// VALUE-NEXT: [21]]
// VALUE-NEXT: {{\[\[}}[1, 0]],
// VALUE:      {{\[\[}}20, 21, 22],
// VALUE-NEXT: [20, 21, 22],
// VALUE-NEXT: [0, 1, 2]]
func.func @main() -> (tensor<3x1x3xi32>, tensor<3x1x3xi32>, tensor<1x2x2xi32>, tensor<3x1xi32>, tensor<3x1x2xi32>,
                     tensor<3x3xi32>) {
  %x = weft.constant {value = dense<[[0, 1, 2], [10, 11, 12], [20, 21, 22]]> : tensor<3x3xi32>} : () -> tensor<3x3xi32>
  %i = weft.constant {value = dense<[[2], [9], [-5]]> : tensor<3x1xi64>} : () -> tensor<3x1xi64>
  %rows = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3x3xi32>, tensor<3x1xi64>) -> tensor<3x1x3xi32>
  %dropped = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<3x3xi32>, tensor<3x1xi64>) -> tensor<3x1x3xi32>
  %u = weft.constant {value = dense<[[200, 200]]> : tensor<1x2xui8>} : () -> tensor<1x2xui8>
  %window = weft.gather %x, %u {batch = 0 : i64, dims = array<i64: 0, 1>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3x3xi32>, tensor<1x2xui8>) -> tensor<1x2x2xi32>
  %b = weft.constant {value = dense<[[2], [0], [1]]> : tensor<3x1xi8>} : () -> tensor<3x1xi8>
  %batch = weft.gather %x, %b {batch = 1 : i64, dims = array<i64: 1>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3x3xi32>, tensor<3x1xi8>) -> tensor<3x1xi32>
  %j = weft.constant {value = dense<[[1], [0]]> : tensor<2x1xi32>} : () -> tensor<2x1xi32>
  %behind = weft.gather %x, %j {batch = 0 : i64, dims = array<i64: 1>, at = 2 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3x3xi32>, tensor<2x1xi32>) -> tensor<3x1x2xi32>
  %left_out = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3x3xi32>, tensor<3x1xi64>) -> tensor<3x3xi32>
  return %rows, %dropped, %window, %batch, %behind, %left_out
      : tensor<3x1x3xi32>, tensor<3x1x3xi32>, tensor<1x2x2xi32>, tensor<3x1xi32>, tensor<3x1x2xi32>, tensor<3x3xi32>
}

// -----

// Sorted dims behind the batch.
func.func @f(%x: tensor<3x4xf32>, %i: tensor<3x1xi64>) -> tensor<3x1xf32> {
  // expected-error @below {{[WF1015] expected sorted, distinct dims behind the batch and below the rank 2}}
  %r = weft.gather %x, %i {batch = 1 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3x4xf32>, tensor<3x1xi64>) -> tensor<3x1xf32>
  return %r : tensor<3x1xf32>
}

// -----

// One start for each of dims.
func.func @f(%x: tensor<3x4xf32>, %i: tensor<5x2xi64>) -> tensor<5x1x4xf32> {
  // expected-error @below {{[WF1012] expected one start for each of dims in the last dimension of the indices, got 2}}
  %r = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3x4xf32>, tensor<5x2xi64>) -> tensor<5x1x4xf32>
  return %r : tensor<5x1x4xf32>
}

// -----

// A window is whole where it has no start.
func.func @f(%x: tensor<3x4xf32>, %i: tensor<5x1xi64>) -> tensor<5x1x5xf32> {
  // expected-error @below {{[WF1012] a window has the size 5 along dimension 1 of size 4}}
  %r = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3x4xf32>, tensor<5x1xi64>) -> tensor<5x1x5xf32>
  return %r : tensor<5x1x5xf32>
}

// -----

// A place for the index dimensions.
func.func @f(%x: tensor<3x4xf32>, %i: tensor<5x1xi64>) -> tensor<5x1x4xf32> {
  // expected-error @below {{[WF1015] expected `at` to be one of the 2 window dimensions, or behind them}}
  %r = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 3 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3x4xf32>, tensor<5x1xi64>) -> tensor<5x1x4xf32>
  return %r : tensor<5x1x4xf32>
}

// -----

// Batch sizes agree.
func.func @f(%x: tensor<3x4xf32>, %i: tensor<2x1xi64>) -> tensor<3x1xf32> {
  // expected-error @below {{[WF1012] batch dimension 0 has the sizes 3 and 2}}
  %r = weft.gather %x, %i {batch = 1 : i64, dims = array<i64: 1>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3x4xf32>, tensor<2x1xi64>) -> tensor<3x1xf32>
  return %r : tensor<3x1xf32>
}
