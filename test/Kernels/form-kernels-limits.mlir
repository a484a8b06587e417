// The limits of one kernel.
// RUN: weft-opt %s -weft-form-kernels | FileCheck %s
// RUN: weft-opt %s -weft-form-kernels=max-ops=2 | FileCheck %s --check-prefix=OPS
// RUN: weft-opt %s -weft-form-kernels=max-values=3 | FileCheck %s --check-prefix=VALUES

// CHECK-COUNT-1: weft.kernel(
// CHECK-NOT: weft.kernel(
// OPS: weft.kernel(
// OPS: weft.kernel({{.*}}weft.not_fused = ["W201", ""]
// VALUES: weft.kernel(
// VALUES: weft.kernel({{.*}}weft.not_fused = ["W202", ""]
func.func @main(%x: tensor<64x64xf32>, %y: tensor<64x64xf32>, %z: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %a = weft.add %x, %y : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = weft.exp %a : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = weft.mul %b, %z : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}
