// RUN: weft-run %s --verify | FileCheck %s

// Running folds of what is made of its index: rows and lanes are walked dimension by dimension.
// CHECK: {{\[\[}}[0],
func.func @main() -> (tensor<4x4x1xi32>, tensor<3x2x5x3xi64>, tensor<2x3x9x1xf32>, tensor<5x2x37xi32>) {
  %a = weft.iota {dim = 1 : i64} : () -> tensor<4x4x1xi32>
  %b = weft.cumulative %a {kind = #weft.reduce_kind<add>, dim = 2 : i64, reverse = true} : (tensor<4x4x1xi32>) -> tensor<4x4x1xi32>
  %c = weft.iota {dim = 2 : i64} : () -> tensor<3x2x5x3xi64>
  %d = weft.cumulative %c {kind = #weft.reduce_kind<add>, dim = 1 : i64, reverse = false} : (tensor<3x2x5x3xi64>) -> tensor<3x2x5x3xi64>
  %e = weft.iota {dim = 2 : i64} : () -> tensor<2x3x9x1xf32>
  %f = weft.cumulative %e {kind = #weft.reduce_kind<add>, dim = 1 : i64, reverse = false} : (tensor<2x3x9x1xf32>) -> tensor<2x3x9x1xf32>
  %g = weft.iota {dim = 0 : i64} : () -> tensor<5x2x37xi32>
  %h = weft.cumulative %g {kind = #weft.reduce_kind<max>, dim = 2 : i64, reverse = true} : (tensor<5x2x37xi32>) -> tensor<5x2x37xi32>
  return %b, %d, %f, %h : tensor<4x4x1xi32>, tensor<3x2x5x3xi64>, tensor<2x3x9x1xf32>, tensor<5x2x37xi32>
}
