// RUN: weft-run %s --reference | FileCheck %s

// CHECK:      [17, 22, 27]
// CHECK-NEXT: [22, 29, 36]
// CHECK-NEXT: [27, 36, 45]
func.func @main() -> tensor<3x3xi64> {
  %x = weft.constant {value = dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi64>} : () -> tensor<2x3xi64>
  %p = weft.pack %x : tensor<2x3xi64> -> tensor<2x3xi64, #weft.panel<2, lanes = [1], folded = [0]>>
  %d = weft.dot %x, %p {lhs_batch = array<i64>, lhs_contract = array<i64: 0>, rhs_batch = array<i64>, rhs_contract = array<i64: 0>} : (tensor<2x3xi64>, tensor<2x3xi64, #weft.panel<2, lanes = [1], folded = [0]>>) -> tensor<3x3xi64>
  return %d : tensor<3x3xi64>
}
