// RUN: weft-opt %s --split-input-file --weft-linearize=function=f --weft-choose-residuals | FileCheck %s

// Fires: what elementwise ops make of an argument is computed again; nothing is stored, the argument is forwarded.
// CHECK-LABEL: func.func private @f.fwd(%{{.*}}: tensor<4xf32>) -> tensor<4xf32>
// CHECK-LABEL: func.func private @f.lin
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %{{.*}}: tensor<4xf32>) -> tensor<4xf32>
// CHECK-SAME: residuals = array<i64: 0>
// CHECK: weft.sin %[[X]]
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = weft.sin %x : (tensor<4xf32>) -> tensor<4xf32>
  %r = weft.exp %s : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// Fires: a broadcast is repeated, and what is stored is the small value that it repeats.
// CHECK-LABEL: func.func private @f.fwd
// CHECK-SAME: -> (tensor<64x8xf32>, tensor<8xf32>)
// CHECK-LABEL: func.func private @f.lin
// CHECK: weft.broadcast
func.func private @f(%x: tensor<64x8xf32>) -> tensor<64x8xf32> {
  %s = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64x8xf32>) -> tensor<8xf32>
  %b = weft.broadcast %s {dims = array<i64: 1>} : (tensor<8xf32>) -> tensor<64x8xf32>
  %c = weft.cos %b : (tensor<64x8xf32>) -> tensor<64x8xf32>
  %r = weft.mul %c, %x : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  return %r : tensor<64x8xf32>
}

// -----

// Does not fire: a contraction is never computed twice. Nothing is stored either: exp's derivative is its result, which is
// returned anyway (result 0: index 1, after the one argument).
// CHECK-LABEL: func.func private @f.fwd
// CHECK-SAME: -> (tensor<4x4xf32>, tensor<4x4xf32>) {
// CHECK: weft.dot
// CHECK-LABEL: func.func private @f.lin
// CHECK-SAME: residuals = array<i64: 0, 1>
// CHECK-NOT: weft.dot %arg0, %arg0
// CHECK-NOT: weft.exp
// CHECK: return
func.func private @f(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %d = weft.dot %x, %x {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>,
      rhs_contract = array<i64: 0>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %r = weft.exp %d : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r, %d : tensor<4x4xf32>, tensor<4x4xf32>
}
