// RUN: weft-run %s --reference | FileCheck %s

// CHECK:      [1, 2]
// CHECK-NEXT: [-1, -2]
func.func @main() -> (tensor<2xi64>, tensor<2xi64>) {
  %x = weft.constant {value = dense<[1, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %r = weft.copy %x {reason = "returned twice"} : tensor<2xi64>
  %n = weft.neg %r : (tensor<2xi64>) -> tensor<2xi64>
  return %r, %n : tensor<2xi64>, tensor<2xi64>
}
