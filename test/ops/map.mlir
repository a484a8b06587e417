// RUN: weft-run %s --reference | FileCheck %s
// RUN: weft-run %s | FileCheck %s
// RUN: weft-opt %s --weft-lower-map=max-ops=0 | weft-run - --reference | FileCheck %s

// Lanes choose by themselves; rows are stacked, sums are added up over the lanes.
// CHECK:      {{\[}}[3., 6.],
// CHECK-NEXT:  [-2., -4.],
// CHECK-NEXT:  [9., 18.]]
// CHECK-NEXT: [6., 12.]
// No lane at all.
// CHECK-NEXT: []
// CHECK-NEXT: [0., 0.]
func.func @main() -> (tensor<3x2xf32>, tensor<2xf32>, tensor<0x2xf32>, tensor<2xf32>) {
  %p = weft.constant {value = dense<[true, false, true]> : tensor<3xi1>} : () -> tensor<3xi1>
  %x = weft.constant {value = dense<[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]> : tensor<3x2xf32>} : () -> tensor<3x2xf32>
  %w = weft.constant {value = dense<3.0> : tensor<2xf32>} : () -> tensor<2xf32>
  %none = weft.constant {value = dense<0.0> : tensor<0x2xf32>} : () -> tensor<0x2xf32>
  %y, %s = weft.map #weft.size<3> xs(%p, %x : tensor<3xi1>, tensor<3x2xf32>) captures(%w : tensor<2xf32>)
      attributes {sums = 1 : i64} -> (tensor<3x2xf32>, tensor<2xf32>) {
  ^bb0(%pi: tensor<i1>, %xi: tensor<2xf32>, %wi: tensor<2xf32>):
    %r = weft.if %pi captures(%xi, %wi : tensor<2xf32>, tensor<2xf32>) : tensor<i1> -> (tensor<2xf32>) {
    ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>):
      %n = weft.neg %a : (tensor<2xf32>) -> tensor<2xf32>
      weft.yield %n : tensor<2xf32>
    }, {
    ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>):
      %n = weft.mul %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
      weft.yield %n : tensor<2xf32>
    }
    weft.yield %r, %xi : tensor<2xf32>, tensor<2xf32>
  }
  %e, %t = weft.map #weft.size<0> xs(%none : tensor<0x2xf32>) attributes {sums = 1 : i64} -> (tensor<0x2xf32>, tensor<2xf32>) {
  ^bb0(%xi: tensor<2xf32>):
    %n = weft.exp %xi : (tensor<2xf32>) -> tensor<2xf32>
    weft.yield %n, %xi : tensor<2xf32>, tensor<2xf32>
  }
  return %y, %s, %e, %t : tensor<3x2xf32>, tensor<2xf32>, tensor<0x2xf32>, tensor<2xf32>
}
