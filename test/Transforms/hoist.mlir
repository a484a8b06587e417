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

// -----

// Products of all steps would take 2 MB: they are made for blocks of 64 steps, each a loop in the loop. What stays the
// same is made before both.
// CHECK-LABEL: func.func @blocks
// CHECK: %[[XS:.*]] = weft.reshape {{.*}} -> tensor<2x64x64x64xf32>
// CHECK: weft.dot {{.*}} : (tensor<64x64xf32>, tensor<64x64xf32>)
// CHECK: %{{.*}}:2 = weft.for <2> reverse carries({{.*}}) xs(%[[XS]]
// CHECK: weft.dot {{.*}} -> tensor<64x64x64xf32>
// CHECK: weft.for <64> reverse
// CHECK-NOT: weft.dot
// CHECK: weft.reshape {{.*}} : (tensor<2x64x64x64xf32>) -> tensor<128x64x64xf32>
func.func @blocks(%h: tensor<64x64xf32>, %xs: tensor<128x64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<128x64x64xf32>) {
  %r, %s = weft.for #weft.size<128> reverse carries(%h : tensor<64x64xf32>) xs(%xs : tensor<128x64x64xf32>)
      captures(%w : tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<128x64x64xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<64x64xf32>, %x: tensor<64x64xf32>, %wi: tensor<64x64xf32>):
    %ww = weft.dot %wi, %wi {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    %a = weft.dot %x, %ww {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    %n = weft.add %a, %c : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    weft.yield %n, %c : tensor<64x64xf32>, tensor<64x64xf32>
  }
  return %r, %s : tensor<64x64xf32>, tensor<128x64x64xf32>
}

// -----

// Blocks have as many steps each, and 131 is a prime; nor are there any where a step reads its number.
// CHECK-LABEL: func.func @whole
// CHECK: weft.dot
// CHECK: weft.for <131>
// CHECK: weft.dot
// CHECK: weft.for <128>
// CHECK-NOT: weft.for
func.func @whole(%h: tensor<64x64xf32>, %xs: tensor<131x64x64xf32>, %ys: tensor<128x64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<128xi64>) {
  %r = weft.for #weft.size<131> carries(%h : tensor<64x64xf32>) xs(%xs : tensor<131x64x64xf32>)
      captures(%w : tensor<64x64xf32>) -> (tensor<64x64xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<64x64xf32>, %x: tensor<64x64xf32>, %wi: tensor<64x64xf32>):
    %a = weft.dot %x, %wi {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    %n = weft.add %a, %c : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    weft.yield %n : tensor<64x64xf32>
  }
  %s, %t = weft.for #weft.size<128> carries(%r : tensor<64x64xf32>) xs(%ys : tensor<128x64x64xf32>)
      captures(%w : tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<128xi64>) {
  ^bb0(%i: tensor<i64>, %c: tensor<64x64xf32>, %x: tensor<64x64xf32>, %wi: tensor<64x64xf32>):
    %a = weft.dot %x, %wi {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    %n = weft.add %a, %c : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    weft.yield %n, %i : tensor<64x64xf32>, tensor<i64>
  }
  return %s, %t : tensor<64x64xf32>, tensor<128xi64>
}
