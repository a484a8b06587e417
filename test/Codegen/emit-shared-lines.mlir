// Rows that end within a line: the line that two of them share is asked for, to be written, before the sweeps; the ends of
// a row are stored plainly, what is between them past the caches.
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=x86-64-v4},weft-emit-kernels{target=x86-64-v4})' | FileCheck %s

// CHECK: stream = true
// CHECK: llvm.func internal @k_{{.*}}_body
// CHECK: scf.for
// CHECK: "llvm.intr.prefetch"{{.*}} rw = 1
// CHECK: scf.for {{.*}} iter_args
// CHECK-NOT: rw = 1
// CHECK: llvm.intr.masked.store
// CHECK: llvm.store {{.*}} {alignment = 64 : i64, nontemporal}
// CHECK: llvm.intr.masked.store
func.func @main(%v: tensor<4096x4099xf32>) -> tensor<4096x4099xf32> {
  %m = weft.reduce %v {kind = #weft.reduce_kind<max>, dims = array<i64: 1>} : (tensor<4096x4099xf32>) -> tensor<4096xf32>
  %b = weft.broadcast %m {dims = array<i64: 0>} : (tensor<4096xf32>) -> tensor<4096x4099xf32>
  %s = weft.sub %v, %b : (tensor<4096x4099xf32>, tensor<4096x4099xf32>) -> tensor<4096x4099xf32>
  return %s : tensor<4096x4099xf32>
}
