// RUN: weft-opt %s -weft-form-kernels -split-input-file | FileCheck %s

// Bias, activation and residual follow the contraction; its transposed operand is a read.
// CHECK-LABEL: @linear(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @linear(%x: tensor<64x128xf32>, %w: tensor<64x128xf32>, %b: tensor<64xf32>, %y: tensor<64x64xf32>) -> (tensor<64x64xf32>) {
  %t = weft.transpose %w {permutation = array<i64: 1, 0>} : (tensor<64x128xf32>) -> tensor<128x64xf32>
  %d = weft.dot %x, %t {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x128xf32>, tensor<128x64xf32>) -> tensor<64x64xf32>
  %bb = weft.broadcast %b {dims = array<i64: 1>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %a = weft.add %d, %bb : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %h = weft.tanh %a : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = weft.add %h, %y : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %r : tensor<64x64xf32>
}

// -----

// What feeds a contraction is computed before it: it would be computed once per result column.
// CHECK-LABEL: @producer(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @producer(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<64x64xf32>) {
  %e = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %d = weft.dot %e, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %d : tensor<64x64xf32>
}

// -----

// Two contractions are two kernels; the sum goes with one of them.
// CHECK-LABEL: @two(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @two(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<64x64xf32>) {
  %d = weft.dot %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %e = weft.dot %w, %x {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = weft.add %d, %e : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %s : tensor<64x64xf32>
}

// -----

// A reduction is no epilogue.
// CHECK-LABEL: @reduced(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @reduced(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<64xf32>) {
  %d = weft.dot %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = weft.reduce %d {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  return %s : tensor<64xf32>
}

// -----

// A softmax after a contraction: the scale goes with the contraction, the softmax is one kernel; no cycle.
// CHECK-LABEL: @attention_scores(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @attention_scores(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>, %k: tensor<64x64xf32>) -> (tensor<64x64xf32>) {
  %d = weft.dot %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = weft.mul %d, %k : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %m = weft.reduce %c {kind = #weft.reduce_kind<max>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %mb = weft.broadcast %m {dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %s = weft.sub %c, %mb : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %e = weft.exp %s : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %t = weft.reduce %e {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %tb = weft.broadcast %t {dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %p = weft.div %e, %tb : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %p : tensor<64x64xf32>
}

// -----

// A slice of an operand is copied first; a contraction reads whole, transposed at most.
// CHECK-LABEL: @sliced(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @sliced(%x: tensor<65x64xf32>, %w: tensor<64x64xf32>) -> (tensor<64x64xf32>) {
  %s = weft.slice %x {starts = array<i64: 1, 0>, strides = array<i64: 1, 1>} : (tensor<65x64xf32>) -> tensor<64x64xf32>
  %d = weft.dot %s, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %d : tensor<64x64xf32>
}

// -----

// A value before the activation that is used too: a second result of the same kernel.
// CHECK-LABEL: @pre_activation(
// CHECK: %[[K:.*]]:2 = weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return %[[K]]#0, %[[K]]#1
func.func @pre_activation(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64x64xf32>) {
  %d = weft.dot %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %h = weft.tanh %d : (tensor<64x64xf32>) -> tensor<64x64xf32>
  return %d, %h : tensor<64x64xf32>, tensor<64x64xf32>
}
