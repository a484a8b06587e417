// RUN: weft-run %s --reference | FileCheck %s

// Carries, slices, captures, steps; stacked rows in step order; last carries.
// CHECK:      [16., 22.]
// CHECK-NEXT: {{\[}}[11., 12.],
// CHECK-NEXT:  [13., 16.],
// CHECK-NEXT:  [16., 22.]]
// CHECK-NEXT: [0, 1, 2]
// In reverse, row i still belongs to step i.
// CHECK-NEXT: {{\[}}[16., 22.],
// CHECK-NEXT:  [15., 20.],
// CHECK-NEXT:  [13., 16.]]
// No trip at all: the inits.
// CHECK-NEXT: [10., 10.]
// CHECK-NEXT: []
func.func @main() -> (tensor<2xf32>, tensor<3x2xf32>, tensor<3xi64>, tensor<3x2xf32>, tensor<2xf32>, tensor<0x2xf32>) {
  %x = weft.constant {value = dense<[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %h = weft.constant {value = dense<10.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = weft.constant {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %r, %ys, %steps = weft.for #weft.size<3> carries(%h : tensor<2xf32>) xs(%x : tensor<3x2xf32>) captures(%w : tensor<2xf32>)
      -> (tensor<2xf32>, tensor<3x2xf32>, tensor<3xi64>) {
  ^bb0(%i: tensor<i64>, %c: tensor<2xf32>, %xi: tensor<2xf32>, %wi: tensor<2xf32>):
    %n = weft.add %c, %xi : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    %m = weft.add %n, %wi : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    weft.yield %m, %m, %i : tensor<2xf32>, tensor<2xf32>, tensor<i64>
  }
  %s, %zs = weft.for #weft.size<3> reverse carries(%h : tensor<2xf32>) xs(%x : tensor<3x2xf32>)
      -> (tensor<2xf32>, tensor<3x2xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<2xf32>, %xi: tensor<2xf32>):
    %n = weft.add %c, %xi : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    weft.yield %n, %n : tensor<2xf32>, tensor<2xf32>
  }
  %t, %none = weft.for #weft.size<0> carries(%h : tensor<2xf32>) -> (tensor<2xf32>, tensor<0x2xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<2xf32>):
    %n = weft.neg %c : (tensor<2xf32>) -> tensor<2xf32>
    weft.yield %n, %n : tensor<2xf32>, tensor<2xf32>
  }
  return %r, %ys, %steps, %zs, %t, %none
      : tensor<2xf32>, tensor<3x2xf32>, tensor<3xi64>, tensor<3x2xf32>, tensor<2xf32>, tensor<0x2xf32>
}
