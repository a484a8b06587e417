// A row is written beside the dear sweep of the next one, before what that keeps takes its place; the last row after it.
// RUN: weft-opt %s --weft-pipeline="traced..bufferized target=x86-64-v4" | FileCheck %s
// RUN: weft-opt %s --weft-pipeline="traced..bufferized target=aarch64" | FileCheck %s --check-prefix=PLAIN

// CHECK: trail = true
// CHECK: scf.for
// CHECK-NOT: scalef
// CHECK: nontemporal
// CHECK: llvm.intr.prefetch
// CHECK: scalef
// CHECK: nontemporal
// CHECK: sfence
// PLAIN: trail = true
// PLAIN-NOT: nontemporal
// PLAIN-NOT: sfence
func.func @main(%x: tensor<4096x4096xf32>) -> tensor<4096x4096xf32> {
  %y = weft.softmax %x {dims = array<i64: 1>, log = false} : (tensor<4096x4096xf32>) -> tensor<4096x4096xf32>
  return %y : tensor<4096x4096xf32>
}
