// RUN: weft-run %s --verify | FileCheck %s

// Contractions whose lanes lie in several pieces, with lanes in front of them that are no part of the pack: each such
// dimension is walked by itself. The first number of the second batch is not one of the first.
// CHECK: {{\[\[\[\[\[}}0.
func.func @main() -> (tensor<5x3x4x2x5xf64>, tensor<9xf32>) {
  %i = weft.iota {dim = 0 : i64} : () -> tensor<300xf64>
  %s = weft.sin %i : (tensor<300xf64>) -> tensor<300xf64>
  %c = weft.cos %s : (tensor<300xf64>) -> tensor<300xf64>
  %p = weft.slice %c {starts = array<i64: 7>, strides = array<i64: 1>} : (tensor<300xf64>) -> tensor<240xf64>
  %x = weft.reshape %p : (tensor<240xf64>) -> tensor<5x4x4x3xf64>
  %k = weft.iota {dim = 2 : i64} : () -> tensor<1x1x4xf64>
  %v = weft.sin %k : (tensor<1x1x4xf64>) -> tensor<1x1x4xf64>
  %r = weft.convolution %x, %v {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64>, rhs_contract = array<i64>, lhs_window = array<i64: 1, 2>, rhs_window = array<i64: 1, 0>, strides = array<i64: 2, 1>, low = array<i64: -1, 0>, high = array<i64: 1, 1>, lhs_dilation = array<i64: 1, 1>, rhs_dilation = array<i64: 2, 2>} : (tensor<5x4x4x3xf64>, tensor<1x1x4xf64>) -> tensor<5x3x4x2x5xf64>
  // Nine numbers of 16 bits, which a branch hands on.
  %h = weft.iota {dim = 0 : i64} : () -> tensor<9xbf16>
  %z = weft.reduce %s {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<300xf64>) -> tensor<f64>
  %q = weft.is_nan %z : (tensor<f64>) -> tensor<i1>
  %m = weft.if %q captures(%h : tensor<9xbf16>) : tensor<i1> -> (tensor<9xbf16>) {
  ^bb0(%a: tensor<9xbf16>):
    weft.yield %a : tensor<9xbf16>
  }, {
  ^bb0(%a: tensor<9xbf16>):
    %n = weft.exp %a : (tensor<9xbf16>) -> tensor<9xbf16>
    weft.yield %n : tensor<9xbf16>
  }
  %w = weft.convert %m {dtype = f32} : (tensor<9xbf16>) -> tensor<9xf32>
  return %r, %w : tensor<5x3x4x2x5xf64>, tensor<9xf32>
}
