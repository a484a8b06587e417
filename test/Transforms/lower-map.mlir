// RUN: weft-opt %s --weft-lower-map | FileCheck %s
// RUN: weft-opt %s --weft-lower-map=max-ops=0 | FileCheck %s --check-prefix=LANES

// Cheap and total: both sides, and of each element its own.
// CHECK-LABEL: func.func @choose
// CHECK-DAG: weft.sin {{.*}} : (tensor<8xf32>) -> tensor<8xf32>
// CHECK: weft.select
// CHECK-NOT: weft.if
// LANES-LABEL: func.func @choose
// LANES: weft.for <8> xs(
// LANES: weft.if
func.func @choose(%p: tensor<8xi1>, %x: tensor<8xf32>) -> tensor<8xf32> {
  %r = weft.map #weft.size<8> xs(%p, %x : tensor<8xi1>, tensor<8xf32>) -> (tensor<8xf32>) {
  ^bb0(%pi: tensor<i1>, %xi: tensor<f32>):
    %y = weft.if %pi captures(%xi : tensor<f32>) : tensor<i1> -> (tensor<f32>) {
    ^bb0(%a: tensor<f32>):
      weft.yield %a : tensor<f32>
    }, {
    ^bb0(%a: tensor<f32>):
      %n = weft.sin %a : (tensor<f32>) -> tensor<f32>
      weft.yield %n : tensor<f32>
    }
    weft.yield %y : tensor<f32>
  }
  return %r : tensor<8xf32>
}

// A loop: all lanes until the last has ended; one that has keeps its value.
// CHECK-LABEL: func.func @until
// CHECK: weft.while carries(%{{.*}}, %{{.*}} : tensor<8xf32>, tensor<8xi1>)
// CHECK: weft.reduce %{{.*}} {dims = array<i64: 0>, kind = #weft.reduce_kind<or>}
// CHECK: weft.select
// CHECK: weft.and
func.func @until(%x: tensor<8xf32>, %l: tensor<f32>) -> tensor<8xf32> {
  %r = weft.map #weft.size<8> xs(%x : tensor<8xf32>) captures(%l : tensor<f32>) -> (tensor<8xf32>) {
  ^bb0(%xi: tensor<f32>, %li: tensor<f32>):
    %y = weft.while carries(%xi : tensor<f32>) captures(%li : tensor<f32>) -> (tensor<f32>) {
    ^bb0(%c: tensor<f32>, %m: tensor<f32>):
      %p = weft.lt %c, %m : (tensor<f32>, tensor<f32>) -> tensor<i1>
      weft.yield %p : tensor<i1>
    } do {
    ^bb0(%c: tensor<f32>, %m: tensor<f32>):
      %n = weft.add %c, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
      weft.yield %n : tensor<f32>
    }
    weft.yield %y : tensor<f32>
  }
  return %r : tensor<8xf32>
}

// Must not fire: a loop in a branch need not end for the lanes that do not take it. The sum is a carry.
// CHECK-LABEL: func.func @side
// CHECK: weft.for <8> carries(%{{.*}} : tensor<f32>) xs(
// CHECK: weft.if
// CHECK-NOT: weft.select
func.func @side(%p: tensor<8xi1>, %x: tensor<8xf32>) -> (tensor<8xf32>, tensor<f32>) {
  %r:2 = weft.map #weft.size<8> xs(%p, %x : tensor<8xi1>, tensor<8xf32>) attributes {sums = 1 : i64} -> (tensor<8xf32>, tensor<f32>) {
  ^bb0(%pi: tensor<i1>, %xi: tensor<f32>):
    %y = weft.if %pi captures(%xi : tensor<f32>) : tensor<i1> -> (tensor<f32>) {
    ^bb0(%a: tensor<f32>):
      weft.yield %a : tensor<f32>
    }, {
    ^bb0(%a: tensor<f32>):
      %w = weft.while carries(%a : tensor<f32>) -> (tensor<f32>) {
      ^bb0(%c: tensor<f32>):
        %q = weft.ne %c, %c : (tensor<f32>, tensor<f32>) -> tensor<i1>
        weft.yield %q : tensor<i1>
      } do {
      ^bb0(%c: tensor<f32>):
        weft.yield %c : tensor<f32>
      }
      weft.yield %w : tensor<f32>
    }
    weft.yield %y, %xi : tensor<f32>, tensor<f32>
  }
  return %r#0, %r#1 : tensor<8xf32>, tensor<f32>
}
