// Rows that end within a line: what is left of it waits for the next row, which stores it whole, past the caches; only the
// ends of an item of rows are stored plainly. Where a vector is less than a line, such a line is stored in two parts, and
// is asked for, to be written, before the sweeps.
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=x86-64-v4},weft-emit-kernels{target=x86-64-v4})' | FileCheck %s
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=x86-64-v3},weft-emit-kernels{target=x86-64-v3})' | FileCheck %s --check-prefix=PARTS

// CHECK: stream = true
// CHECK: llvm.func internal @k_{{.*}}_body
// CHECK-NOT: rw = 1
// CHECK: %[[REST:.*]] = llvm.alloca {{.*}} x f32
// CHECK-NOT: rw = 1
// CHECK: %[[VALUE:.*]] = arith.subf
// CHECK: scf.if
// CHECK: llvm.intr.masked.store %[[VALUE]]
// CHECK: } else {
// CHECK: %[[KEPT:.*]] = llvm.load %[[REST]]
// CHECK: %[[LINE:.*]] = arith.select %{{.*}}, %[[VALUE]], %[[KEPT]]
// CHECK: llvm.store %[[LINE]], {{.*}} {alignment = 64 : i64, nontemporal}
// CHECK: llvm.store {{.*}} {alignment = 64 : i64, nontemporal}
// CHECK: %[[TAIL:.*]] = arith.subf
// CHECK: llvm.store %[[TAIL]], %[[REST]]
// CHECK: scf.if
// CHECK: llvm.intr.masked.store %[[TAIL]]

// PARTS: stream = true
// PARTS: llvm.func internal @k_{{.*}}_body
// PARTS: scf.for
// PARTS: "llvm.intr.prefetch"{{.*}} rw = 1
// PARTS: scf.for {{.*}} iter_args
// PARTS-NOT: rw = 1
// PARTS: llvm.intr.masked.store
// PARTS: llvm.store {{.*}} {alignment = 32 : i64, nontemporal}
// PARTS: llvm.intr.masked.store
func.func @main(%v: tensor<4096x4099xf32>) -> tensor<4096x4099xf32> {
  %m = weft.reduce %v {kind = #weft.reduce_kind<max>, dims = array<i64: 1>} : (tensor<4096x4099xf32>) -> tensor<4096xf32>
  %b = weft.broadcast %m {dims = array<i64: 0>} : (tensor<4096xf32>) -> tensor<4096x4099xf32>
  %s = weft.sub %v, %b : (tensor<4096x4099xf32>, tensor<4096x4099xf32>) -> tensor<4096x4099xf32>
  return %s : tensor<4096x4099xf32>
}
