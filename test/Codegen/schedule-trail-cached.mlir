// Rows that stay in the caches are written beside the next one too, with plain stores; not short ones.
// RUN: weft-opt %s --weft-pipeline="traced..bufferized target=x86-64-v4" | FileCheck %s
// RUN: sed s/512/24/g %s | weft-opt --weft-pipeline="traced..scheduled target=x86-64-v4" | FileCheck %s --check-prefix=SHORT

// CHECK: trail = true
// CHECK: scf.for
// CHECK-NOT: scalef
// CHECK: arith.divf
// CHECK: scalef
// CHECK-NOT: nontemporal
// SHORT: weft.schedule
// SHORT-NOT: trail = true
func.func @main(%x: tensor<1024x512xf32>) -> tensor<1024x512xf32> {
  %y = weft.softmax %x {dims = array<i64: 1>, log = false} : (tensor<1024x512xf32>) -> tensor<1024x512xf32>
  return %y : tensor<1024x512xf32>
}
