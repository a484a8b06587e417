// What a kernel asks of scratch is told on its function: by the caller alone, and in bodies of loops, by each thread.
// RUN: weft-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=x86-64-v4},weft-emit-kernels{target=x86-64-v4})' | FileCheck %s

// The right operand is packed by all threads for all, the left one by each thread for itself.
// CHECK: weft.scratch = {body = #weft.size<131072>, own = #weft.size<1065024>, threads = 8 : i64}
func.func @product(%x: tensor<512x512xf32>, %w: tensor<512x512xf32>) -> tensor<512x512xf32> {
  %r = weft.dot %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  return %r : tensor<512x512xf32>
}

// -----

// A row of a named size is folded in chunks of 65,536, whose results are the caller's.
// CHECK: weft.scratch = {body = #weft.size<0>, own = #weft.size<64*(4*(s0+65535 floordiv 65536)+63 floordiv 64)>, threads = 1 : i64}
func.func @fold(%x: tensor<?xf32, #weft.dims<N>>) -> tensor<f32> {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<N>>) -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// CHECK-NOT: weft.scratch
func.func @none(%x: tensor<1000xf32>) -> tensor<1000xf32> {
  %r = weft.exp %x : (tensor<1000xf32>) -> tensor<1000xf32>
  return %r : tensor<1000xf32>
}
