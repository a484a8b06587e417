// RUN: weft-run %s --reference | FileCheck %s

// A bool is 0 or 1; an index out of range is clamped.
// CHECK:      [-1, -2]
// CHECK-NEXT: [1, 2]
// CHECK-NEXT: [1, 2]
// CHECK-NEXT: [1, 4]
// CHECK-NEXT: [1, 4]
func.func @main() -> (tensor<2xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) {
  %x = weft.constant {value = dense<[1, 2]> : tensor<2xi32>} : () -> tensor<2xi32>
  %true = weft.constant {value = dense<true> : tensor<i1>} : () -> tensor<i1>
  %false = weft.constant {value = dense<false> : tensor<i1>} : () -> tensor<i1>
  %a = weft.call @two(%true, %x) : (tensor<i1>, tensor<2xi32>) -> tensor<2xi32>
  %b = weft.call @two(%false, %x) : (tensor<i1>, tensor<2xi32>) -> tensor<2xi32>
  %below = weft.constant {value = dense<-5> : tensor<i64>} : () -> tensor<i64>
  %last = weft.constant {value = dense<2> : tensor<i64>} : () -> tensor<i64>
  %above = weft.constant {value = dense<9> : tensor<i64>} : () -> tensor<i64>
  %c = weft.call @three(%below, %x) : (tensor<i64>, tensor<2xi32>) -> tensor<2xi32>
  %d = weft.call @three(%last, %x) : (tensor<i64>, tensor<2xi32>) -> tensor<2xi32>
  %e = weft.call @three(%above, %x) : (tensor<i64>, tensor<2xi32>) -> tensor<2xi32>
  return %a, %b, %c, %d, %e : tensor<2xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>
}
func.func private @two(%p: tensor<i1>, %x: tensor<2xi32>) -> tensor<2xi32> {
  %r = weft.if %p captures(%x : tensor<2xi32>) : tensor<i1> -> (tensor<2xi32>) {
  ^bb0(%a: tensor<2xi32>):
    weft.yield %a : tensor<2xi32>
  }, {
  ^bb0(%a: tensor<2xi32>):
    %n = weft.neg %a : (tensor<2xi32>) -> tensor<2xi32>
    weft.yield %n : tensor<2xi32>
  }
  return %r : tensor<2xi32>
}
func.func private @three(%p: tensor<i64>, %x: tensor<2xi32>) -> tensor<2xi32> {
  %r = weft.if %p captures(%x : tensor<2xi32>) : tensor<i64> -> (tensor<2xi32>) {
  ^bb0(%a: tensor<2xi32>):
    weft.yield %a : tensor<2xi32>
  }, {
  ^bb0(%a: tensor<2xi32>):
    %n = weft.neg %a : (tensor<2xi32>) -> tensor<2xi32>
    weft.yield %n : tensor<2xi32>
  }, {
  ^bb0(%a: tensor<2xi32>):
    %n = weft.mul %a, %a : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
    weft.yield %n : tensor<2xi32>
  }
  return %r : tensor<2xi32>
}
