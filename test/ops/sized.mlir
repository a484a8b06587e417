// RUN: weft-run %s --reference --function make --output %t.k.npy
// RUN: weft-run %s --reference --input %t.k.npy | FileCheck %s
// RUN: weft-run %s --input %t.k.npy | FileCheck %s

// The number is a size inside: what has it is stacked, read back in reverse, reduced.
// CHECK:      16.
// CHECK-NEXT: 15.
// Never more than the bound, never less than 0.
// CHECK-NEXT: 4.
// CHECK-NEXT: 1.
func.func @main(%k: tensor<i64>) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
  %one = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %neg = weft.neg %k : (tensor<i64>) -> tensor<i64>
  %r, %s = weft.sized "n" = %k captures(%one : tensor<f32>) : tensor<i64> -> (tensor<f32>, tensor<f32>) {
  ^bb0(%a: tensor<f32>):
    %y, %ys = weft.for #weft.size<n> carries(%a : tensor<f32>) -> (tensor<f32>, tensor<?xf32, #weft.dims<n>>) {
    ^bb0(%i: tensor<i64>, %c: tensor<f32>):
      %d = weft.add %c, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
      weft.yield %d, %c : tensor<f32>, tensor<f32>
    }
    %sum = weft.reduce %ys {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<n>>) -> tensor<f32>
    weft.yield %y, %sum : tensor<f32>, tensor<f32>
  }
  %b = weft.sized "n" = %k bound #weft.size<2> captures(%one : tensor<f32>) : tensor<i64> -> (tensor<f32>) {
  ^bb0(%a: tensor<f32>):
    %y = weft.for #weft.size<n> carries(%a : tensor<f32>) -> (tensor<f32>) {
    ^bb0(%i: tensor<i64>, %c: tensor<f32>):
      %d = weft.add %c, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
      weft.yield %d : tensor<f32>
    }
    weft.yield %y : tensor<f32>
  }
  %z = weft.sized "n" = %neg captures(%one : tensor<f32>) : tensor<i64> -> (tensor<f32>) {
  ^bb0(%a: tensor<f32>):
    %y = weft.for #weft.size<n> carries(%a : tensor<f32>) -> (tensor<f32>) {
    ^bb0(%i: tensor<i64>, %c: tensor<f32>):
      %d = weft.add %c, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
      weft.yield %d : tensor<f32>
    }
    weft.yield %y : tensor<f32>
  }
  return %r, %s, %b, %z : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
}
func.func private @make() -> tensor<i64> {
  %k = weft.constant {value = dense<4> : tensor<i64>} : () -> tensor<i64>
  return %k : tensor<i64>
}
