// RUN: weft-run %s --reference --function make --output %t.k.npy
// RUN: weft-run %s --reference --input %t.k.npy | FileCheck %s
// RUN: weft-run %s --input %t.k.npy | FileCheck %s
// RUN: weft-opt %s --weft-pipeline=traced..planned | FileCheck %s --check-prefix=PLAN

// Sizes that fall as the bounded one grows: the arena holds them as large as they can be, 8 numbers each.
// PLAN-LABEL: @main
// PLAN-SAME: weft.arena = #weft.size<128>
// PLAN-NOT: weft.bytes
// CHECK:      255.
// CHECK-NEXT: 3280.
func.func @main(%k: tensor<i64>) -> (tensor<f32>, tensor<f32>) {
  %one = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %r, %s = weft.sized "n" = %k bound #weft.size<8> captures(%one : tensor<f32>) : tensor<i64> -> (tensor<f32>, tensor<f32>) {
  ^bb0(%a: tensor<f32>):
    %y, %ys = weft.for #weft.size<-n+8> carries(%a : tensor<f32>) -> (tensor<f32>, tensor<?xf32, #weft.dims<-n+8>>) {
    ^bb0(%i: tensor<i64>, %c: tensor<f32>):
      %d = weft.add %c, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
      weft.yield %d, %c : tensor<f32>, tensor<f32>
    }
    %z, %zs = weft.for #weft.size<-n+8> carries(%a : tensor<f32>) -> (tensor<f32>, tensor<?xf32, #weft.dims<-n+8>>) {
    ^bb0(%i: tensor<i64>, %c: tensor<f32>):
      %e = weft.add %c, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
      %d = weft.add %e, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
      weft.yield %d, %c : tensor<f32>, tensor<f32>
    }
    %sum = weft.reduce %ys {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<-n+8>>) -> tensor<f32>
    %sum2 = weft.reduce %zs {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<-n+8>>) -> tensor<f32>
    weft.yield %sum, %sum2 : tensor<f32>, tensor<f32>
  }
  return %r, %s : tensor<f32>, tensor<f32>
}
func.func private @make() -> tensor<i64> {
  %k = weft.constant {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  return %k : tensor<i64>
}

// Where the bound may be below 0, or where the sign of a factor is not known, memory is asked for.
// PLAN-LABEL: @unbounded
// PLAN: weft.sized "n"{{.*}}weft.bytes
// PLAN: weft.sized "m"{{.*}}weft.bytes
func.func @unbounded(%x: tensor<?xf32, #weft.dims<B>>, %k: tensor<i64>) -> (tensor<i64>, tensor<i64>) {
  %r = weft.sized "n" = %k bound #weft.size<B-8> captures(%k : tensor<i64>) : tensor<i64> -> (tensor<i64>) {
  ^bb0(%a: tensor<i64>):
    %i = weft.iota {dim = 0 : i64} : () -> tensor<?xi64, #weft.dims<n>>
    %s = weft.sort %i {dim = 0 : i64, descending = false} : (tensor<?xi64, #weft.dims<n>>) -> tensor<?xi64, #weft.dims<n>>
    %t = weft.reduce %s {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xi64, #weft.dims<n>>) -> tensor<i64>
    weft.yield %t : tensor<i64>
  }
  %q = weft.sized "m" = %k bound #weft.size<9> captures(%k : tensor<i64>) : tensor<i64> -> (tensor<i64>) {
  ^bb0(%a: tensor<i64>):
    %i = weft.iota {dim = 0 : i64} : () -> tensor<?xi64, #weft.dims<B*((-m+5) floordiv 2)>>
    %s = weft.sort %i {dim = 0 : i64, descending = false} : (tensor<?xi64, #weft.dims<B*((-m+5) floordiv 2)>>) -> tensor<?xi64, #weft.dims<B*((-m+5) floordiv 2)>>
    %t = weft.reduce %s {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xi64, #weft.dims<B*((-m+5) floordiv 2)>>) -> tensor<i64>
    weft.yield %t : tensor<i64>
  }
  return %r, %q : tensor<i64>, tensor<i64>
}
