// Schedules of sweeps: chosen from sizes and the target's page, printed on the kernel, and what they make of the loops.
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=x86-64-v4})' | FileCheck %s --check-prefix=CHOICE
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=x86-64-v4},weft-emit-kernels{target=x86-64-v4})' | FileCheck %s

// A result larger than the caches is streamed; what is read across the lanes is turned in scratch, 64 by 64 at a time,
// and the next block is asked for.
// CHOICE-DAG: weft.schedule = {form = "sweep", lanes = 16 : i64, prefetch = true, stream = true, turn_lanes = 64 : i64, turn_rows = 64 : i64}
// A fold over rows: whole ones, eight at a time, four vectors abreast, two of the partial results to an item.
// CHOICE-DAG: weft.schedule = {abreast = 4 : i64, form = "sweep", lanes = 16 : i64, parts = 2 : i64, strip = 512 : i64, together = 8 : i64}
// Rows that are swept: the next ones are read ahead.
// CHOICE-DAG: weft.schedule = {form = "sweep", lanes = 16 : i64, prefetch = true, stream = true}
// A small map: nothing but lanes.
// CHOICE-DAG: weft.schedule = {form = "sweep", lanes = 16 : i64}

// The turned read: 16 loads of 16, 64 shuffles, no gather; whole lines are stored past the caches, then ordered.
// CHECK: turn_rows
// CHECK: weft_rt_scratch
// CHECK-NOT: masked.gather
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: func.func
// CHECK: llvm.store {{.*}} {alignment = 64 : i64, nontemporal} : vector<16xf32>
// CHECK: llvm.call_intrinsic "llvm.x86.sse.sfence"
func.func @main(%x: tensor<4096x4096xf32>, %y: tensor<4096x4096xf32>, %v: tensor<4096x4096xf32>, %z: tensor<100x100xf32>)
    -> (tensor<4096x4096xf32>, tensor<4096xf32>, tensor<4096x4096xf32>, tensor<100x100xf32>) {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4096x4096xf32>) -> tensor<4096x4096xf32>
  %a = weft.add %t, %y : (tensor<4096x4096xf32>, tensor<4096x4096xf32>) -> tensor<4096x4096xf32>
  %c = weft.reduce %y {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<4096x4096xf32>) -> tensor<4096xf32>
  %m = weft.reduce %v {kind = #weft.reduce_kind<max>, dims = array<i64: 1>} : (tensor<4096x4096xf32>) -> tensor<4096xf32>
  %b = weft.broadcast %m {dims = array<i64: 0>} : (tensor<4096xf32>) -> tensor<4096x4096xf32>
  %s = weft.sub %v, %b : (tensor<4096x4096xf32>, tensor<4096x4096xf32>) -> tensor<4096x4096xf32>
  %w = weft.add %z, %z : (tensor<100x100xf32>, tensor<100x100xf32>) -> tensor<100x100xf32>
  return %a, %c, %s, %w : tensor<4096x4096xf32>, tensor<4096xf32>, tensor<4096x4096xf32>, tensor<100x100xf32>
}
