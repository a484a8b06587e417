// Rows that an operand holds as columns: whole ones, as many as a sixteenth of the last cache holds, are turned in
// scratch and folded from there, while the next block is turned, some squares behind each row; in the first block of an
// item a square that is turned asks for lines of a later one.
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=x86-64-v4})' | FileCheck %s --check-prefix=CHOICE
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=x86-64-v4},weft-emit-kernels{target=x86-64-v4})' | FileCheck %s

// CHOICE-COUNT-1: weft.launch
// CHOICE-NOT: weft.launch
// CHOICE: weft.schedule = {form = "sweep", lanes = 16 : i64, prefetch = true, stream = true, turn_blocks = 16 : i64, turn_lanes = 4096 : i64, turn_rows = 32 : i64}

// CHECK: turn_rows
// CHECK: weft_rt_scratch
// CHECK-NOT: masked.gather
// CHECK-COUNT-16: llvm.intr.prefetch
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: masked.gather
// CHECK: arith.maximumf
// CHECK-NOT: masked.gather
// CHECK: llvm.store {{.*}} {alignment = 64 : i64, nontemporal} : vector<16xf32>
// CHECK-NOT: arith.maximumf
// CHECK-COUNT-64: vector.shuffle
func.func @main(%x: tensor<4096x4096xf32>) -> tensor<4096x4096xf32> {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4096x4096xf32>) -> tensor<4096x4096xf32>
  %m = weft.reduce %t {kind = #weft.reduce_kind<max>, dims = array<i64: 1>} : (tensor<4096x4096xf32>) -> tensor<4096xf32>
  %b = weft.broadcast %m {dims = array<i64: 0>} : (tensor<4096xf32>) -> tensor<4096x4096xf32>
  %s = weft.sub %t, %b : (tensor<4096x4096xf32>, tensor<4096x4096xf32>) -> tensor<4096x4096xf32>
  return %s : tensor<4096x4096xf32>
}
