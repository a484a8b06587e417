// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-to-linalg | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// The lowering: the starts, -1 where nothing is written, then one generic that is moved by them.
// CHECK-LABEL: func.func private @k(
// CHECK:         %[[STARTS:.*]] = linalg.generic
// CHECK:           arith.select
// CHECK:         linalg.generic {{.*}}ins(%[[STARTS]], %{{.*}} : tensor<3xindex>, tensor<3x1x4xf32>) outs(%{{.*}} : tensor<5x4xf32>)
// CHECK-SAME:      weft.scatter = {batch = 0 : i64, dims = array<i64: 0>, sizes = [#weft.size<3>, #weft.size<1>, #weft.size<4>]}
// CHECK:           arith.addf
func.func private @k(%x: tensor<5x4xf32>, %i: tensor<3x1xi64>, %u: tensor<3x1x4xf32>) -> tensor<5x4xf32> attributes {weft.kernel} {
  %r = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<add>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<5x4xf32>, tensor<3x1xi64>, tensor<3x1x4xf32>) -> tensor<5x4xf32>
  return %r : tensor<5x4xf32>
}

// Updates 1, 2, 4, 8 at 0, 2, 0 and 7: the last is dropped, or clamped to 3; of two for one element `set` keeps the
// later, the other kinds apply both, in order (2^24 + 1 - 2^24 is 0 in this order, 1 in the other).
// VALUE:      [15., 10., 12., 10.]
// VALUE-NEXT: [4., 10., 2., 10.]
// VALUE-NEXT: [4., 10., 2., 8.]
// VALUE-NEXT: [40., 10., 20., 10.]
// VALUE-NEXT: [1., 10., 2., 10.]
// VALUE-NEXT: [10., 10., 10., 10.]
// VALUE-NEXT: [0.]
func.func @main() -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<1xf32>) {
  %x = weft.constant {value = dense<10.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %i = weft.constant {value = dense<[[0], [2], [0], [7]]> : tensor<4x1xi32>} : () -> tensor<4x1xi32>
  %u = weft.constant {value = dense<[[1.0], [2.0], [4.0], [8.0]]> : tensor<4x1xf32>} : () -> tensor<4x1xf32>
  %add = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<add>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<4xf32>, tensor<4x1xi32>, tensor<4x1xf32>) -> tensor<4xf32>
  %set = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<set>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<4xf32>, tensor<4x1xi32>, tensor<4x1xf32>) -> tensor<4xf32>
  %clamped = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<set>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<4xf32>, tensor<4x1xi32>, tensor<4x1xf32>) -> tensor<4xf32>
  %mul = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<mul>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<4xf32>, tensor<4x1xi32>, tensor<4x1xf32>) -> tensor<4xf32>
  %min = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<min>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<4xf32>, tensor<4x1xi32>, tensor<4x1xf32>) -> tensor<4xf32>
  %max = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<max>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<4xf32>, tensor<4x1xi32>, tensor<4x1xf32>) -> tensor<4xf32>
  %zero = weft.constant {value = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %first = weft.constant {value = dense<0> : tensor<3x1xi32>} : () -> tensor<3x1xi32>
  %big = weft.constant {value = dense<[[16777216.0], [1.0], [-16777216.0]]> : tensor<3x1xf32>} : () -> tensor<3x1xf32>
  %ordered = weft.scatter %zero, %first, %big {kind = #weft.scatter_kind<add>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<1xf32>, tensor<3x1xi32>, tensor<3x1xf32>) -> tensor<1xf32>
  return %add, %set, %clamped, %mul, %min, %max, %ordered
      : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<1xf32>
}

// -----

// Updates of x's element type.
func.func @f(%x: tensor<3xf32>, %i: tensor<2x1xi64>, %u: tensor<2x1xf64>) -> tensor<3xf32> {
  // expected-error @below {{[WF1021] expected windows of x's element type, got 'tensor<2x1xf64>'}}
  %r = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<add>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<3xf32>, tensor<2x1xi64>, tensor<2x1xf64>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// As many updates as index tuples.
func.func @f(%x: tensor<3xf32>, %i: tensor<2x1xi64>, %u: tensor<4x1xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1012] index dimension 0 has the sizes 2 and 4}}
  %r = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<add>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<3xf32>, tensor<2x1xi64>, tensor<4x1xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// Truth values are only set.
func.func @f(%x: tensor<3xi1>, %i: tensor<2x1xi64>, %u: tensor<2x1xi1>) -> tensor<3xi1> {
  // expected-error @below {{[WF1021] bool is written by set, got add}}
  %r = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<add>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<drop>}
      : (tensor<3xi1>, tensor<2x1xi64>, tensor<2x1xi1>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}
