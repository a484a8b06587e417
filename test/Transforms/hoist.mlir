// RUN: weft-opt %s --weft-hoist --weft-simplify --split-input-file | FileCheck %s

// What is the same at every step is computed once; a product of slices with it, for all steps together.
// CHECK-LABEL: func.func @cell
// CHECK: %[[W:.*]] = weft.dot %{{.*}}, %{{.*}} : (tensor<4x4xf32>, tensor<4x4xf32>)
// CHECK: %[[ALL:.*]] = weft.dot
// CHECK-SAME: tensor<9x2x4xf32>
// CHECK: weft.for {{.*}} xs({{.*}} : {{.*}}tensor<9x2x4xf32>
// CHECK: weft.dot
// CHECK-NOT: weft.dot
func.func @cell(%h: tensor<2x4xf32>, %xs: tensor<9x2x4xf32>, %w: tensor<4x4xf32>, %u: tensor<4x4xf32>) -> tensor<2x4xf32> {
  %r = weft.for #weft.size<9> carries(%h : tensor<2x4xf32>) xs(%xs : tensor<9x2x4xf32>)
      captures(%w, %u : tensor<4x4xf32>, tensor<4x4xf32>) -> (tensor<2x4xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<2x4xf32>, %x: tensor<2x4xf32>, %wi: tensor<4x4xf32>, %ui: tensor<4x4xf32>):
    %wu = weft.dot %wi, %ui {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    %a = weft.dot %x, %wu {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
    %b = weft.dot %c, %wu {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
    %n = weft.add %a, %b : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
    weft.yield %n : tensor<2x4xf32>
  }
  return %r : tensor<2x4xf32>
}

// -----

// What depends on a carry stays, and so does a product whose stacked result would be large, or of two slices.
// CHECK-LABEL: func.func @stays
// CHECK-NOT: weft.dot
// CHECK: weft.for
// CHECK-COUNT-3: weft.dot
func.func @stays(%h: tensor<2x4xf32>, %xs: tensor<9x2x4xf32>, %ys: tensor<9x4x4xf32>, %w: tensor<4x100xf32>) -> (tensor<2x4xf32>, tensor<9x2x100xf32>) {
  %r, %s = weft.for #weft.size<9> carries(%h : tensor<2x4xf32>) xs(%xs, %ys : tensor<9x2x4xf32>, tensor<9x4x4xf32>)
      captures(%w : tensor<4x100xf32>) -> (tensor<2x4xf32>, tensor<9x2x100xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<2x4xf32>, %x: tensor<2x4xf32>, %y: tensor<4x4xf32>, %wi: tensor<4x100xf32>):
    %a = weft.dot %x, %wi {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<2x4xf32>, tensor<4x100xf32>) -> tensor<2x100xf32>
    %b = weft.dot %x, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
    %n = weft.dot %c, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
    %m = weft.add %n, %b : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
    weft.yield %m, %a : tensor<2x4xf32>, tensor<2x100xf32>
  }
  return %r, %s : tensor<2x4xf32>, tensor<9x2x100xf32>
}

// -----

// Named sizes and a loop that runs backwards.
// CHECK-LABEL: func.func @named
// CHECK: weft.dot {{.*}} -> tensor<?x2x4xf32, #weft.dims<T, _, _>>
// CHECK: weft.for <T> reverse
// CHECK-NOT: weft.dot
func.func @named(%h: tensor<2x4xf32>, %xs: tensor<?x2x4xf32, #weft.dims<T, _, _>>, %w: tensor<4x4xf32>) -> tensor<2x4xf32> {
  %r = weft.for #weft.size<T> reverse carries(%h : tensor<2x4xf32>) xs(%xs : tensor<?x2x4xf32, #weft.dims<T, _, _>>)
      captures(%w : tensor<4x4xf32>) -> (tensor<2x4xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<2x4xf32>, %x: tensor<2x4xf32>, %wi: tensor<4x4xf32>):
    %a = weft.dot %x, %wi {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
    %n = weft.add %a, %c : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
    weft.yield %n : tensor<2x4xf32>
  }
  return %r : tensor<2x4xf32>
}
