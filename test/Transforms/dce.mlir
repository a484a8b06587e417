// RUN: weft-opt %s --weft-dce | FileCheck %s

// CHECK-LABEL: @main(
// CHECK-NEXT: %[[N:.*]] = weft.neg
// CHECK-NEXT: return %[[N]]
// CHECK-NOT: func
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %n = weft.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  %c = weft.call @dead(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %r = weft.for #weft.size<8> carries(%c : tensor<4xf32>) -> (tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %h: tensor<4xf32>):
    %e = weft.call @deader(%h) : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %e : tensor<4xf32>
  }
  return %n : tensor<4xf32>
}
func.func private @dead(%x: tensor<4xf32>) -> tensor<4xf32> {
  %n = weft.call @deader(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %n : tensor<4xf32>
}
func.func private @deader(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
