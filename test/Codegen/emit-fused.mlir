// Whatever kernel formation fuses, code generation emits: all cases of its tests, down to loops.
// RUN: weft-opt %S/../Kernels/form-kernels-sweep.mlir -split-input-file --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels,weft-emit-kernels)' -o /dev/null
// RUN: weft-opt %S/../Kernels/form-kernels-reduce.mlir -split-input-file --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels,weft-emit-kernels)' -o /dev/null
// RUN: weft-opt %S/../Kernels/form-kernels-view.mlir -split-input-file --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels,weft-emit-kernels)' -o /dev/null
// RUN: weft-opt %S/../Kernels/form-kernels-contract.mlir -split-input-file --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels,weft-emit-kernels)' -o /dev/null
// RUN: weft-opt %S/../Kernels/form-kernels-share-reads.mlir -split-input-file --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels,weft-emit-kernels)' -o /dev/null
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels,weft-emit-kernels)' | FileCheck %s

// The first 300 of 500: element i is read at i, not at 300 * i (the map says `d0 mod 300`, the part that is read).
// CHECK-LABEL: @main
// CHECK: func.func private @k_
// CHECK: scf.for %[[I:.*]] = {{.*}} step
// CHECK-NOT: arith.muli
// CHECK: %[[AT:.*]] = arith.index_cast %[[I]]
// CHECK-NEXT: llvm.getelementptr %{{.*}}[%[[AT]]]
// CHECK: return
func.func @main(%x: tensor<500xf32>) -> tensor<300xf32> {
  %s = weft.slice %x {starts = array<i64: 0>, strides = array<i64: 1>} : (tensor<500xf32>) -> tensor<300xf32>
  return %s : tensor<300xf32>
}
