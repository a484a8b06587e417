// An exponential of elements less the greatest of them is not held against its upper limit; others are.
// RUN: weft-opt %s --weft-pipeline="traced..bufferized target=x86-64-v3" | FileCheck %s
// RUN: sed 's/weft.softmax %%x {[^}]*}/weft.exp %%x/' %s | weft-opt --weft-pipeline="traced..bufferized target=x86-64-v3" | FileCheck %s --check-prefix=ABOVE

// CHECK-NOT: 8.900000e+01
// CHECK: -1.045000e+02
// CHECK-NOT: 8.900000e+01
// ABOVE: 8.900000e+01
func.func @main(%x: tensor<40x64xf32>) -> tensor<40x64xf32> {
  %y = weft.softmax %x {dims = array<i64: 1>, log = false} : (tensor<40x64xf32>) -> tensor<40x64xf32>
  return %y : tensor<40x64xf32>
}
