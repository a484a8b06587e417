// RUN: weft-opt %s --weft-cancel-transposes | FileCheck %s

// A permutation and the one that leads back, with elementwise ops between.
// CHECK-LABEL: @there_and_back
// CHECK-NEXT: %[[E:.*]] = weft.exp %arg0 : (tensor<2x3x5xf32>)
// CHECK-NEXT: %[[R:.*]] = weft.mul %[[E]], %[[E]]
// CHECK-NEXT: return %[[R]]
func.func @there_and_back(%x: tensor<2x3x5xf32>) -> tensor<2x3x5xf32> {
  %0 = weft.transpose %x {permutation = array<i64: 1, 2, 0>} : (tensor<2x3x5xf32>) -> tensor<3x5x2xf32>
  %1 = weft.exp %0 : (tensor<3x5x2xf32>) -> tensor<3x5x2xf32>
  %2 = weft.mul %1, %1 : (tensor<3x5x2xf32>, tensor<3x5x2xf32>) -> tensor<3x5x2xf32>
  %3 = weft.transpose %2 {permutation = array<i64: 2, 0, 1>} : (tensor<3x5x2xf32>) -> tensor<2x3x5xf32>
  return %3 : tensor<2x3x5xf32>
}

// One transpose that an op reads twice.
// CHECK-LABEL: @squared
// CHECK-NEXT: %[[S:.*]] = weft.mul %arg0, %arg0 : (tensor<3x5xf32>
// CHECK-NEXT: return %[[S]]
func.func @squared(%x: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %0 = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
  %1 = weft.mul %0, %0 : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<5x3xf32>
  %2 = weft.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  return %2 : tensor<3x5xf32>
}

// The same twice is not the way back: one that does both is left.
// CHECK-LABEL: @around
// CHECK-NEXT: weft.exp
// CHECK-NEXT: weft.transpose {{.*}}2, 0, 1
// CHECK-NEXT: return
func.func @around(%x: tensor<2x3x5xf32>) -> tensor<5x2x3xf32> {
  %0 = weft.transpose %x {permutation = array<i64: 1, 2, 0>} : (tensor<2x3x5xf32>) -> tensor<3x5x2xf32>
  %1 = weft.exp %0 : (tensor<3x5x2xf32>) -> tensor<3x5x2xf32>
  %2 = weft.transpose %1 {permutation = array<i64: 1, 2, 0>} : (tensor<3x5x2xf32>) -> tensor<5x2x3xf32>
  return %2 : tensor<5x2x3xf32>
}

// A broadcast and a number are made in the other order; a bias along what was the last dimension is along the first.
// CHECK-LABEL: @bias
// CHECK-NOT: weft.transpose
// CHECK: weft.broadcast %arg1 {dims = array<i64: 0>} : (tensor<3xf32>) -> tensor<3x5xf32>
// CHECK: weft.max {{.*}} : (tensor<3x5xf32>, tensor<3x5xf32>)
// CHECK-NOT: weft.transpose
// CHECK: return
func.func @bias(%x: tensor<3x5xf32>, %b: tensor<3xf32>) -> tensor<3x5xf32> {
  %zero = weft.constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %zeros = weft.broadcast %zero {dims = array<i64>} : (tensor<f32>) -> tensor<5x3xf32>
  %0 = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
  %1 = weft.broadcast %b {dims = array<i64: 1>} : (tensor<3xf32>) -> tensor<5x3xf32>
  %2 = weft.add %0, %1 : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<5x3xf32>
  %3 = weft.max %2, %zeros : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<5x3xf32>
  %4 = weft.transpose %3 {permutation = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  return %4 : tensor<3x5xf32>
}

// What is read as it was, too, is permuted once behind the group: worth it where more goes than comes.
// CHECK-LABEL: @residual
// CHECK: %[[A:.*]] = weft.add %arg0, %arg1 : (tensor<3x5xf32>
// CHECK: %[[T:.*]] = weft.transpose %[[A]]
// CHECK-NOT: weft.transpose
// CHECK: return %[[A]], %[[T]]
func.func @residual(%x: tensor<3x5xf32>, %y: tensor<3x5xf32>) -> (tensor<3x5xf32>, tensor<5x3xf32>) {
  %0 = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
  %1 = weft.transpose %y {permutation = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
  %2 = weft.add %0, %1 : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<5x3xf32>
  %3 = weft.transpose %2 {permutation = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  return %3, %2 : tensor<3x5xf32>, tensor<5x3xf32>
}

// One kernel reads through transposes in front of it: behind it they would be a pass of their own.
// CHECK-LABEL: @stays
// CHECK-COUNT-2: weft.transpose
// CHECK-NEXT: weft.add
// CHECK-NEXT: return
func.func @stays(%x: tensor<3x5xf32>, %y: tensor<3x5xf32>) -> tensor<5x3xf32> {
  %0 = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
  %1 = weft.transpose %y {permutation = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
  %2 = weft.add %0, %1 : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<5x3xf32>
  return %2 : tensor<5x3xf32>
}

// Another result type, and a size with a name.
// CHECK-LABEL: @compared
// CHECK-NOT: weft.transpose
// CHECK: weft.lt %arg0, %arg1 : {{.*}} -> tensor<4x?xi1, #weft.dims<_, N>>
// CHECK-NOT: weft.transpose
// CHECK: return
func.func @compared(%x: tensor<4x?xf32, #weft.dims<_, N>>, %y: tensor<4x?xf32, #weft.dims<_, N>>) -> tensor<4x?xi1, #weft.dims<_, N>> {
  %0 = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x?xf32, #weft.dims<_, N>>) -> tensor<?x4xf32, #weft.dims<N, _>>
  %1 = weft.transpose %y {permutation = array<i64: 1, 0>} : (tensor<4x?xf32, #weft.dims<_, N>>) -> tensor<?x4xf32, #weft.dims<N, _>>
  %2 = weft.lt %0, %1 : (tensor<?x4xf32, #weft.dims<N, _>>, tensor<?x4xf32, #weft.dims<N, _>>) -> tensor<?x4xi1, #weft.dims<N, _>>
  %3 = weft.transpose %2 {permutation = array<i64: 1, 0>} : (tensor<?x4xi1, #weft.dims<N, _>>) -> tensor<4x?xi1, #weft.dims<_, N>>
  return %3 : tensor<4x?xi1, #weft.dims<_, N>>
}

// In a region as elsewhere.
// CHECK-LABEL: @in_a_branch
// CHECK: weft.if
// CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<3x5xf32>):
// CHECK-NEXT: %[[N:.*]] = weft.neg %[[X]]
// CHECK-NEXT: weft.yield %[[N]]
func.func @in_a_branch(%c: tensor<i1>, %x: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %r = weft.if %c captures(%x : tensor<3x5xf32>) : tensor<i1> -> (tensor<3x5xf32>) {
  ^bb0(%a: tensor<3x5xf32>):
    %0 = weft.transpose %a {permutation = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
    %1 = weft.neg %0 : (tensor<5x3xf32>) -> tensor<5x3xf32>
    %2 = weft.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
    weft.yield %2 : tensor<3x5xf32>
  }, {
  ^bb0(%a: tensor<3x5xf32>):
    weft.yield %a : tensor<3x5xf32>
  }
  return %r : tensor<3x5xf32>
}

// Broadcasts cost nothing in either order: they are no reason to turn x back (this did not end once).
// CHECK-LABEL: @among_broadcasts
// CHECK-SAME: %[[X:.*]]: tensor<3x5xf32>, %
// CHECK-NOT: weft.transpose %[[X]]
// CHECK: weft.add %[[X]]
// CHECK: return
func.func @among_broadcasts(%x: tensor<3x5xf32>, %p: tensor<3xf32>, %q: tensor<3xf32>, %r: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3x5xf32> {
  %0 = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
  %a = weft.broadcast %p {dims = array<i64: 1>} : (tensor<3xf32>) -> tensor<5x3xf32>
  %b = weft.broadcast %q {dims = array<i64: 1>} : (tensor<3xf32>) -> tensor<5x3xf32>
  %c = weft.broadcast %r {dims = array<i64: 1>} : (tensor<3xf32>) -> tensor<5x3xf32>
  %d = weft.broadcast %s {dims = array<i64: 1>} : (tensor<3xf32>) -> tensor<5x3xf32>
  %1 = weft.add %0, %a : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<5x3xf32>
  %2 = weft.mul %1, %b : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<5x3xf32>
  %3 = weft.sub %2, %c : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<5x3xf32>
  %4 = weft.div %3, %d : (tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<5x3xf32>
  %5 = weft.transpose %4 {permutation = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  return %5 : tensor<3x5xf32>
}

// A transpose of what is computed here stays one in either order (this did not end once).
// CHECK-LABEL: @with_its_own_transpose
// CHECK-SAME: %[[X:.*]]: tensor<5x5xf32>
// CHECK: weft.neg
// CHECK: weft.transpose
// CHECK: weft.add
// CHECK: return
func.func @with_its_own_transpose(%x: tensor<5x5xf32>, %y: tensor<5x5xf32>) -> (tensor<5x5xf32>, tensor<5x5xf32>) {
  %0 = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<5x5xf32>) -> tensor<5x5xf32>
  %1 = weft.neg %0 : (tensor<5x5xf32>) -> tensor<5x5xf32>
  %2 = weft.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<5x5xf32>) -> tensor<5x5xf32>
  %3 = weft.add %1, %2 : (tensor<5x5xf32>, tensor<5x5xf32>) -> tensor<5x5xf32>
  %4 = weft.transpose %3 {permutation = array<i64: 1, 0>} : (tensor<5x5xf32>) -> tensor<5x5xf32>
  %5 = weft.mul %3, %4 : (tensor<5x5xf32>, tensor<5x5xf32>) -> tensor<5x5xf32>
  %6 = weft.transpose %5 {permutation = array<i64: 1, 0>} : (tensor<5x5xf32>) -> tensor<5x5xf32>
  return %5, %6 : tensor<5x5xf32>, tensor<5x5xf32>
}

// A contraction reads through the transpose that would come behind the group, as long as rows stay rows.
// CHECK-LABEL: @read_by_a_product(
// CHECK-NEXT: %[[E:.*]] = weft.exp %arg0
// CHECK-NEXT: %[[T:.*]] = weft.transpose %[[E]] {permutation = array<i64: 1, 0, 2>}
// CHECK-NEXT: weft.dot %[[T]]
// CHECK-NEXT: %[[U:.*]] = weft.transpose %arg2
// CHECK-NEXT: weft.exp %[[U]]
func.func @read_by_a_product(%x: tensor<4x3x5xf32>, %w: tensor<5x7xf32>, %y: tensor<5x4xf32>) -> (tensor<3x4x7xf32>, tensor<4x7xf32>) {
  %0 = weft.transpose %x {permutation = array<i64: 1, 0, 2>} : (tensor<4x3x5xf32>) -> tensor<3x4x5xf32>
  %1 = weft.exp %0 : (tensor<3x4x5xf32>) -> tensor<3x4x5xf32>
  %2 = weft.dot %1, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 2>, rhs_contract = array<i64: 0>} : (tensor<3x4x5xf32>, tensor<5x7xf32>) -> tensor<3x4x7xf32>
  %3 = weft.transpose %y {permutation = array<i64: 1, 0>} : (tensor<5x4xf32>) -> tensor<4x5xf32>
  %4 = weft.exp %3 : (tensor<4x5xf32>) -> tensor<4x5xf32>
  %5 = weft.dot %4, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<4x5xf32>, tensor<5x7xf32>) -> tensor<4x7xf32>
  return %2, %5 : tensor<3x4x7xf32>, tensor<4x7xf32>
}
