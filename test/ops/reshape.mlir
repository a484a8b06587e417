// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE
// (No lowering: it is an alias between kernels; test/Conversion/WeftToLinalg-invalid.mlir.)

// VALUE:      {{\[}}[1, 2],
// VALUE-NEXT:  [3, 4],
// VALUE-NEXT:  [5, 6]]
// VALUE-NEXT: [1, 2, 3, 4, 5, 6]
func.func @main() -> (tensor<3x2xi32>, tensor<6xi32>) {
  %x = weft.constant {value = dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>} : () -> tensor<2x3xi32>
  %r = weft.reshape %x : (tensor<2x3xi32>) -> tensor<3x2xi32>
  %flat = weft.reshape %r : (tensor<3x2xi32>) -> tensor<6xi32>
  return %r, %flat : tensor<3x2xi32>, tensor<6xi32>
}
