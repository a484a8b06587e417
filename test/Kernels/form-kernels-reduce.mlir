// RUN: weft-opt %s -weft-form-kernels -split-input-file | FileCheck %s

// A reduction over other than the trailing dimensions: producers and row epilogue go with it.
// CHECK-LABEL: @columns(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @columns(%x: tensor<64x128xf32>) -> (tensor<128xf32>) {
  %e = weft.exp %x : (tensor<64x128xf32>) -> tensor<64x128xf32>
  %r = weft.reduce %e {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64x128xf32>) -> tensor<128xf32>
  %s = weft.sqrt %r : (tensor<128xf32>) -> tensor<128xf32>
  return %s : tensor<128xf32>
}

// -----

// ... but not what broadcasts its result back: the whole tensor would be read again.
// CHECK-LABEL: @columns_back(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @columns_back(%x: tensor<64x128xf32>) -> (tensor<64x128xf32>) {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64x128xf32>) -> tensor<128xf32>
  %b = weft.broadcast %r {dims = array<i64: 1>} : (tensor<128xf32>) -> tensor<64x128xf32>
  %s = weft.sub %x, %b : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  return %s : tensor<64x128xf32>
}

// -----

// A row of 16384 elements is swept twice from cache,
// CHECK-LABEL: @long_row(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @long_row(%x: tensor<8x65536xf32>) -> (tensor<8x65536xf32>) {
  %r = weft.reduce %x {kind = #weft.reduce_kind<max>, dims = array<i64: 1>} : (tensor<8x65536xf32>) -> tensor<8xf32>
  %b = weft.broadcast %r {dims = array<i64: 0>} : (tensor<8xf32>) -> tensor<8x65536xf32>
  %s = weft.sub %x, %b : (tensor<8x65536xf32>, tensor<8x65536xf32>) -> tensor<8x65536xf32>
  return %s : tensor<8x65536xf32>
}

// -----

// one of 65537 is not, unless there are rows for all threads.
// CHECK-LABEL: @too_long_row(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @too_long_row(%x: tensor<8x65537xf32>) -> (tensor<8x65537xf32>) {
  %r = weft.reduce %x {kind = #weft.reduce_kind<max>, dims = array<i64: 1>} : (tensor<8x65537xf32>) -> tensor<8xf32>
  %b = weft.broadcast %r {dims = array<i64: 0>} : (tensor<8xf32>) -> tensor<8x65537xf32>
  %s = weft.sub %x, %b : (tensor<8x65537xf32>, tensor<8x65537xf32>) -> tensor<8x65537xf32>
  return %s : tensor<8x65537xf32>
}

// -----

// CHECK-LABEL: @many_long_rows(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @many_long_rows(%x: tensor<32x65537xf32>) -> (tensor<32x65537xf32>) {
  %r = weft.reduce %x {kind = #weft.reduce_kind<max>, dims = array<i64: 1>} : (tensor<32x65537xf32>) -> tensor<32xf32>
  %b = weft.broadcast %r {dims = array<i64: 0>} : (tensor<32xf32>) -> tensor<32x65537xf32>
  %s = weft.sub %x, %b : (tensor<32x65537xf32>, tensor<32x65537xf32>) -> tensor<32x65537xf32>
  return %s : tensor<32x65537xf32>
}

// -----

// Reductions of different dimensions of one value: two kernels.
// CHECK-LABEL: @both_ways(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @both_ways(%x: tensor<64x128xf32>) -> (tensor<128xf32>, tensor<64xf32>) {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64x128xf32>) -> tensor<128xf32>
  %q = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x128xf32>) -> tensor<64xf32>
  return %r, %q : tensor<128xf32>, tensor<64xf32>
}

// -----

// A row value broadcast along the wrong dimension (the sizes agree by chance) is a transposition: not the same kernel.
// CHECK-LABEL: @turned(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @turned(%x: tensor<64x64xf32>) -> (tensor<64x64xf32>) {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %b = weft.broadcast %r {dims = array<i64: 1>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %s = weft.sub %x, %b : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %s : tensor<64x64xf32>
}

// -----

// The same along the right one.
// CHECK-LABEL: @straight(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @straight(%x: tensor<64x64xf32>) -> (tensor<64x64xf32>) {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x64xf32>) -> tensor<64xf32>
  %b = weft.broadcast %r {dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<64x64xf32>
  %s = weft.sub %x, %b : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %s : tensor<64x64xf32>
}

// -----

// A row kept with size 1 (keepdims), computed on, and broadcast back.
// CHECK-LABEL: @keepdims(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @keepdims(%x: tensor<64x128xf32>) -> (tensor<64x128xf32>) {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x128xf32>) -> tensor<64xf32>
  %u = weft.broadcast %r {dims = array<i64: 0>} : (tensor<64xf32>) -> tensor<64x1xf32>
  %q = weft.sqrt %u : (tensor<64x1xf32>) -> tensor<64x1xf32>
  %b = weft.broadcast %q {dims = array<i64: 0, 1>} : (tensor<64x1xf32>) -> tensor<64x128xf32>
  %s = weft.div %x, %b : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
  return %s : tensor<64x128xf32>
}

// -----

// Layer norm: mean, variance, scale and shift in one kernel; the scalar and the vectors are read by broadcast.
// CHECK-LABEL: @layer_norm(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @layer_norm(%x: tensor<?x128xf32, #weft.dims<B, _>>, %g: tensor<128xf32>, %h: tensor<128xf32>, %n: tensor<f32>) -> (tensor<?x128xf32, #weft.dims<B, _>>) {
  %s = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  %nb = weft.broadcast %n {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<B>>
  %m = weft.div %s, %nb : (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %mb = weft.broadcast %m {dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %c = weft.sub %x, %mb : (tensor<?x128xf32, #weft.dims<B, _>>, tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %q = weft.mul %c, %c : (tensor<?x128xf32, #weft.dims<B, _>>, tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %v = weft.reduce %q {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  %vn = weft.div %v, %nb : (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %rs = weft.rsqrt %vn : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %rb = weft.broadcast %rs {dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %y = weft.mul %c, %rb : (tensor<?x128xf32, #weft.dims<B, _>>, tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %gb = weft.broadcast %g {dims = array<i64: 1>} : (tensor<128xf32>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %z = weft.mul %y, %gb : (tensor<?x128xf32, #weft.dims<B, _>>, tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %hb = weft.broadcast %h {dims = array<i64: 1>} : (tensor<128xf32>) -> tensor<?x128xf32, #weft.dims<B, _>>
  %o = weft.add %z, %hb : (tensor<?x128xf32, #weft.dims<B, _>>, tensor<?x128xf32, #weft.dims<B, _>>) -> tensor<?x128xf32, #weft.dims<B, _>>
  return %o : tensor<?x128xf32, #weft.dims<B, _>>
}

// -----

// Everything folded, size not known: no row is left to run in parallel, so the broadcast back is another kernel.
// CHECK-LABEL: @all_back(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @all_back(%x: tensor<?xf32, #weft.dims<B>>) -> (tensor<?xf32, #weft.dims<B>>) {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<f32>
  %b = weft.broadcast %r {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<B>>
  %s = weft.div %x, %b : (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %s : tensor<?xf32, #weft.dims<B>>
}

// -----

// A reduction over other than the trailing dimensions works column by column, so it makes no values of the whole shape.
// CHECK-LABEL: @columns_and_values(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @columns_and_values(%x: tensor<64x128xf32>) -> (tensor<64x128xf32>, tensor<128xf32>) {
  %e = weft.exp %x : (tensor<64x128xf32>) -> tensor<64x128xf32>
  %r = weft.reduce %e {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<64x128xf32>) -> tensor<128xf32>
  return %e, %r : tensor<64x128xf32>, tensor<128xf32>
}

// -----

// Along the trailing dimensions it does.
// CHECK-LABEL: @rows_and_values(
// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @rows_and_values(%x: tensor<64x128xf32>) -> (tensor<64x128xf32>, tensor<64xf32>) {
  %e = weft.exp %x : (tensor<64x128xf32>) -> tensor<64x128xf32>
  %r = weft.reduce %e {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<64x128xf32>) -> tensor<64xf32>
  return %e, %r : tensor<64x128xf32>, tensor<64xf32>
}

// -----

// Two folded dimensions are one row only if every read steps through them as one: a vector along the last does not.
// CHECK-LABEL: @two_folded(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @two_folded(%x: tensor<4x8x16xf32>, %v: tensor<16xf32>) -> tensor<4x8x16xf32> {
  %b = weft.broadcast %v {dims = array<i64: 2>} : (tensor<16xf32>) -> tensor<4x8x16xf32>
  %y = weft.mul %x, %b : (tensor<4x8x16xf32>, tensor<4x8x16xf32>) -> tensor<4x8x16xf32>
  %r = weft.reduce %y {kind = #weft.reduce_kind<max>, dims = array<i64: 1, 2>} : (tensor<4x8x16xf32>) -> tensor<4xf32>
  %rb = weft.broadcast %r {dims = array<i64: 0>} : (tensor<4xf32>) -> tensor<4x8x16xf32>
  %o = weft.sub %y, %rb : (tensor<4x8x16xf32>, tensor<4x8x16xf32>) -> tensor<4x8x16xf32>
  return %o : tensor<4x8x16xf32>
}

// -----

// A named size that no operand shows plainly: the slice is made first.
// CHECK-LABEL: @hidden_size(
// CHECK-COUNT-2: weft.kernel(
// CHECK-NOT: weft.kernel(
// CHECK: return
func.func @hidden_size(%x: tensor<?xf32, #weft.dims<S>>) -> tensor<f32> {
  %s = weft.slice %x {starts = array<i64: 1>, strides = array<i64: 1>} : (tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S-1>>
  %r = weft.reduce %s {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<S-1>>) -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// What is made of its index shows the named size that is folded.
// CHECK-LABEL: @indices(
// CHECK: weft.kernel ->
// CHECK-NEXT: weft.iota
// CHECK-NEXT: weft.reduce
// CHECK: return
func.func @indices(%x: tensor<?xf32, #weft.dims<S>>) -> tensor<i64> {
  %i = weft.iota {dim = 0 : i64} : () -> tensor<?xi64, #weft.dims<S>>
  %r = weft.reduce %i {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xi64, #weft.dims<S>>) -> tensor<i64>
  return %r : tensor<i64>
}
