// Why fusion is refused: each reason once, as `weft.not_fused` on the kernel that reads, and kept by its launch.
// RUN: weft-opt %s -weft-form-kernels -split-input-file | FileCheck %s
// RUN: weft-opt %s -weft-form-kernels -weft-share-kernels -weft-check-contract=kernels -split-input-file | FileCheck %s

// The product needs all of %a before the last kernel can start.
// CHECK-LABEL: @between(
// CHECK: weft.not_fused = [{{.*}}"W203"
// CHECK: return
func.func @between(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %d = weft.dot %a, %x {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = weft.reduce %d {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %b = weft.broadcast %r {dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %c = weft.mul %a, %b : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// A sort is a kernel of its own.
// CHECK-LABEL: @single(
// CHECK: weft.not_fused = [{{.*}}"W211"
// CHECK: return
func.func @single(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = weft.sort %a {dim = 1 : i64, descending = false} : (tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// A gather reads all of what is computed before it.
// CHECK-LABEL: @gather(
// CHECK: weft.not_fused = [{{.*}}"W225"
// CHECK: return
func.func @gather(%x: tensor<64x8xf32>, %i: tensor<64x1xi64>) -> tensor<64x8xf32> {
  %a = weft.exp %x : (tensor<64x8xf32>) -> tensor<64x8xf32>
  %g = weft.gather %a, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>} : (tensor<64x8xf32>, tensor<64x1xi64>) -> tensor<64x8xf32>
  return %g : tensor<64x8xf32>
}

// -----

// A reduction of no dimensions.
// CHECK-LABEL: @empty_reduction(
// CHECK: weft.not_fused = [{{.*}}"W212"
// CHECK: return
func.func @empty_reduction(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = weft.reduce %a {kind = #weft.reduce_kind<add>, dims = array<i64>} : (tensor<64x64xf32>) -> tensor<64x64xf32>
  return %r : tensor<64x64xf32>
}

// -----

// A vector made beside a matrix.
// CHECK-LABEL: @index_space(
// CHECK: weft.not_fused = [{{.*}}"W220"
// CHECK: return
func.func @index_space(%x: tensor<64x64xf32>, %k: tensor<64xf32>) -> tensor<64x64xf32> {
  %a = weft.exp %k : (tensor<64xf32>) -> tensor<64xf32>
  %b = weft.broadcast %a {dims = array<i64: 1>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %c = weft.mul %x, %b : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// The transpose of a value needs the value in memory.
// CHECK-LABEL: @inner_view(
// CHECK: weft.not_fused = [{{.*}}"W221"
// CHECK: return
func.func @inner_view(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %t = weft.transpose %a {permutation = array<i64: 1, 0>} : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = weft.add %t, %x : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// A broadcast that changes nothing (simplify would remove it) is still no row value.
// CHECK-LABEL: @inner_broadcast(
// CHECK: weft.not_fused = [{{.*}}"W222"
// CHECK: return
func.func @inner_broadcast(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = weft.broadcast %a {dims = array<i64: 0, 1>} : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = weft.add %b, %x : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// The sum of each row goes back to the column of that number.
// CHECK-LABEL: @turned_broadcast(
// CHECK: weft.not_fused = [{{.*}}"W223"
// CHECK: return
func.func @turned_broadcast(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %b = weft.broadcast %r {dims = array<i64: 1>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %c = weft.sub %x, %b : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// Values made from their index are read where they are made, so not backwards.
// CHECK-LABEL: @view_of_indices(
// CHECK: weft.not_fused = [{{.*}}"W224"
// CHECK: return
func.func @view_of_indices(%x: tensor<64xf32>) -> tensor<64xf32> {
  %i = weft.iota {dim = 0 : i64} : () -> tensor<64xf32>
  %v = weft.reverse %i {dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<64xf32>
  %c = weft.add %v, %x : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  return %c : tensor<64xf32>
}

// -----

// Rows, then the sum of their sums.
// CHECK-LABEL: @two_reductions(
// CHECK: weft.not_fused = [{{.*}}"W230"
// CHECK: return
func.func @two_reductions(%x: tensor<64x64xf32>) -> tensor<f32> {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %s = weft.reduce %r {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<f32>
  return %s : tensor<f32>
}

// -----

// Columns are done when the whole matrix is.
// CHECK-LABEL: @back_from_columns(
// CHECK: weft.not_fused = [{{.*}}"W231"
// CHECK: return
func.func @back_from_columns(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %b = weft.broadcast %r {dims = array<i64: 1>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %c = weft.sub %x, %b : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// The row has left the cache before it is read again.
// CHECK-LABEL: @long_row(
// CHECK: weft.not_fused = [{{.*}}"W232"
// CHECK: return
func.func @long_row(%x: tensor<4x70000xf32>) -> tensor<4x70000xf32> {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<4x70000xf32>) -> tensor<4xf32>
  %b = weft.broadcast %r {dims = array<i64: 0>} : (tensor<4xf32>) -> tensor<4x70000xf32>
  %c = weft.sub %x, %b : (tensor<4x70000xf32>, tensor<4x70000xf32>) -> tensor<4x70000xf32>
  return %c : tensor<4x70000xf32>
}

// -----

// One row, which may be longer than any cache.
// CHECK-LABEL: @no_rows(
// CHECK: weft.not_fused = [{{.*}}"W233"
// CHECK: return
func.func @no_rows(%x: tensor<?xf32, #weft.dims<N>>) -> tensor<?xf32, #weft.dims<N>> {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<N>>) -> tensor<f32>
  %b = weft.broadcast %r {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<N>>
  %c = weft.sub %x, %b : (tensor<?xf32, #weft.dims<N>>, tensor<?xf32, #weft.dims<N>>) -> tensor<?xf32, #weft.dims<N>>
  return %c : tensor<?xf32, #weft.dims<N>>
}

// -----

// A sum of columns runs down them, values are made along rows.
// CHECK-LABEL: @wide_beside_columns(
// CHECK: weft.not_fused = [{{.*}}"W234"
// CHECK: return
func.func @wide_beside_columns(%x: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64xf32>) {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = weft.reduce %a {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64x64xf32>) -> tensor<64xf32>
  return %a, %r : tensor<64x64xf32>, tensor<64xf32>
}

// -----

// No operand has the size S-1.
// CHECK-LABEL: @hidden_size(
// CHECK: weft.not_fused = [{{.*}}"W235"
// CHECK: return
func.func @hidden_size(%x: tensor<?xf32, #weft.dims<S>>) -> tensor<f32> {
  %s = weft.slice %x {starts = array<i64: 1>, strides = array<i64: 1>} : (tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S-1>>
  %r = weft.reduce %s {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<S-1>>) -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// A contraction after a contraction.
// CHECK-LABEL: @two_contractions(
// CHECK: weft.not_fused = [{{.*}}"W240"
// CHECK: return
func.func @two_contractions(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %d = weft.dot %x, %x {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %e = weft.dot %d, %x {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %e : tensor<64x64xf32>
}

// -----

// The softmax after a contraction.
// CHECK-LABEL: @reduction_beside(
// CHECK: weft.not_fused = [{{.*}}"W241"
// CHECK: return
func.func @reduction_beside(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %d = weft.dot %x, %x {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = weft.reduce %d {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %b = weft.broadcast %r {dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %c = weft.sub %d, %b : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// Each element of %a is read 64 times.
// CHECK-LABEL: @computed_operand(
// CHECK: weft.not_fused = [{{.*}}"W242"
// CHECK: return
func.func @computed_operand(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %d = weft.dot %a, %x {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %d : tensor<64x64xf32>
}

// -----

// A contraction packs whole operands.
// CHECK-LABEL: @operand_view(
// CHECK: weft.not_fused = [{{.*}}"W243"
// CHECK: return
func.func @operand_view(%x: tensor<64x64xf32>, %y: tensor<65x64xf32>) -> tensor<64x64xf32> {
  %s = weft.slice %y {starts = array<i64: 1, 0>, strides = array<i64: 1, 1>} : (tensor<65x64xf32>) -> tensor<64x64xf32>
  %d = weft.dot %x, %s {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %d : tensor<64x64xf32>
}

// -----

// What follows a contraction steps through memory as its tile does.
// CHECK-LABEL: @epilogue_view(
// CHECK: weft.not_fused = [{{.*}}"W245"
// CHECK: return
func.func @epilogue_view(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %d = weft.dot %x, %x {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = weft.add %d, %t : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// A scalar computed on the way is not one of the tile.
// CHECK-LABEL: @epilogue_space(
// CHECK: weft.not_fused = [{{.*}}"W246"
// CHECK: return
func.func @epilogue_space(%x: tensor<64x64xf32>, %k: tensor<f32>) -> tensor<64x64xf32> {
  %d = weft.dot %x, %x {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = weft.exp %k : (tensor<f32>) -> tensor<f32>
  %b = weft.broadcast %s {dims = array<i64>} : (tensor<f32>) -> tensor<64x64xf32>
  %c = weft.add %d, %b : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// -----

// The product is computed again after %a was made: in one kernel with %a it would be computed then, and kept.
// CHECK-LABEL: @again(
// CHECK: weft.not_fused = [{{.*}}"W204"
// CHECK: return
func.func @again(%x: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64x64xf32>) {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = weft.mul %a, %x {weft.recompute = 0 : i64} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %a, %b : tensor<64x64xf32>, tensor<64x64xf32>
}

// -----

// A row's numbers stand in as many lines of %x, too many for a block of rows: one kernel turns it, the other folds.
// CHECK-LABEL: @rows_across(
// CHECK: weft.not_fused = [{{.*}}"W237"
// CHECK: return
func.func @rows_across(%x: tensor<16385x64xf32>) -> tensor<64xf32> {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<16385x64xf32>) -> tensor<64x16385xf32>
  %e = weft.exp %t : (tensor<64x16385xf32>) -> tensor<64x16385xf32>
  %r = weft.reduce %e {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<64x16385xf32>) -> tensor<64xf32>
  return %r : tensor<64xf32>
}

// -----

// Few rows would leave most of each line unread.
// CHECK-LABEL: @thin_rows_across(
// CHECK: weft.not_fused = [{{.*}}"W237"
// CHECK: return
func.func @thin_rows_across(%x: tensor<8192x15xf32>) -> tensor<15xf32> {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<8192x15xf32>) -> tensor<15x8192xf32>
  %e = weft.exp %t : (tensor<15x8192xf32>) -> tensor<15x8192xf32>
  %r = weft.reduce %e {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<15x8192xf32>) -> tensor<15xf32>
  return %r : tensor<15xf32>
}

// -----

// Operands that hold different dimensions side by side are not turned by the same blocks.
// CHECK-LABEL: @two_ways_across(
// CHECK: weft.not_fused = [{{.*}}"W237"
// CHECK: return
func.func @two_ways_across(%x: tensor<32x64x48xf32>, %y: tensor<48x64x32xf32>) -> tensor<48x32xf32> {
  %t = weft.transpose %x {permutation = array<i64: 2, 0, 1>} : (tensor<32x64x48xf32>) -> tensor<48x32x64xf32>
  %u = weft.transpose %y {permutation = array<i64: 0, 2, 1>} : (tensor<48x64x32xf32>) -> tensor<48x32x64xf32>
  %a = weft.add %t, %u : (tensor<48x32x64xf32>, tensor<48x32x64xf32>) -> tensor<48x32x64xf32>
  %r = weft.reduce %a {dims = array<i64: 2>, kind = #weft.reduce_kind<add>} : (tensor<48x32x64xf32>) -> tensor<48x32xf32>
  return %r : tensor<48x32xf32>
}

// -----

// Some rows at a time are turned in scratch.
// CHECK-LABEL: @turned_rows(
// CHECK-NOT: W237
// CHECK: return
func.func @turned_rows(%x: tensor<512x512xf32>) -> tensor<512xf32> {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<512x512xf32>) -> tensor<512x512xf32>
  %e = weft.exp %t : (tensor<512x512xf32>) -> tensor<512x512xf32>
  %r = weft.reduce %e {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<512x512xf32>) -> tensor<512xf32>
  return %r : tensor<512xf32>
}

// -----

// A small one stays in the cache.
// CHECK-LABEL: @few_rows_across(
// CHECK-NOT: W237
// CHECK: return
func.func @few_rows_across(%x: tensor<64x64xf32>) -> tensor<64xf32> {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %e = weft.exp %t : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = weft.reduce %e {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<64x64xf32>) -> tensor<64xf32>
  return %r : tensor<64xf32>
}

// -----

// The sum of rows that are joined reads them from memory.
// CHECK-LABEL: @join_beside_fold(
// CHECK: weft.not_fused = [{{.*}}"W250"
// CHECK: return
func.func @join_beside_fold(%x: tensor<64x64xf32>) -> tensor<64xf32> {
  %c = weft.concat %x, %x {dim = 1 : i64} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x128xf32>
  %r = weft.reduce %c {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x128xf32>) -> tensor<64xf32>
  return %r : tensor<64xf32>
}

// -----

// A part that is a result too.
// CHECK-LABEL: @piece_escapes(
// CHECK: weft.not_fused = [{{.*}}"W251"
// CHECK: return
func.func @piece_escapes(%x: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<128x64xf32>) {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = weft.concat %a, %x {dim = 0 : i64} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<128x64xf32>
  return %a, %c : tensor<64x64xf32>, tensor<128x64xf32>
}

// -----

// Which of N and M is less is not known.
// CHECK-LABEL: @unlike_cuts(
// CHECK: weft.not_fused = [{{.*}}"W252"
// CHECK: return
func.func @unlike_cuts(%x: tensor<?xf32, #weft.dims<N>>, %y: tensor<?xf32, #weft.dims<M>>) -> tensor<?xf32, #weft.dims<M+N>> {
  %a = weft.concat %x, %y {dim = 0 : i64} : (tensor<?xf32, #weft.dims<N>>, tensor<?xf32, #weft.dims<M>>) -> tensor<?xf32, #weft.dims<M+N>>
  %b = weft.concat %y, %x {dim = 0 : i64} : (tensor<?xf32, #weft.dims<M>>, tensor<?xf32, #weft.dims<N>>) -> tensor<?xf32, #weft.dims<M+N>>
  %c = weft.add %a, %b : (tensor<?xf32, #weft.dims<M+N>>, tensor<?xf32, #weft.dims<M+N>>) -> tensor<?xf32, #weft.dims<M+N>>
  return %c : tensor<?xf32, #weft.dims<M+N>>
}

// -----

// Each part would compute the same exponentials.
// CHECK-LABEL: @piece_twice(
// CHECK: weft.not_fused = [{{.*}}"W253"
// CHECK: return
func.func @piece_twice(%x: tensor<64x64xf32>) -> tensor<128x64xf32> {
  %a = weft.exp %x : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = weft.concat %a, %a {dim = 0 : i64} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<128x64xf32>
  return %c : tensor<128x64xf32>
}
