// RUN: weft-opt %s --weft-form-kernels | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// Two kernels, though one could compute both.
// CHECK-LABEL: func.func private @between
// CHECK:         %[[A:.*]] = weft.kernel
// CHECK:         %[[B:.*]] = weft.optimization_barrier %[[A]]
// CHECK:         weft.kernel{{.*}}%[[B]]
func.func private @between(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = weft.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %b = weft.optimization_barrier %a : (tensor<4xf32>) -> tensor<4xf32>
  %r = weft.sin %b : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// VALUE: [1, 2, 3]
func.func @main() -> tensor<3xi32> {
  %x = weft.constant {value = dense<[1, 2, 3]> : tensor<3xi32>} : () -> tensor<3xi32>
  %r = weft.optimization_barrier %x : (tensor<3xi32>) -> tensor<3xi32>
  return %r : tensor<3xi32>
}
