// RUN: weft-run %s --reference | FileCheck %s

// CHECK: [-3, -5]
func.func @main() -> tensor<2xi64> {
  %x = weft.constant {value = dense<[1, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %y = weft.constant {value = dense<[2, 3]> : tensor<2xi64>} : () -> tensor<2xi64>
  %r = weft.kernel(%x, %y : tensor<2xi64>, tensor<2xi64>) -> (tensor<2xi64>) {
  ^bb0(%a: tensor<2xi64>, %b: tensor<2xi64>):
    %s = weft.add %a, %b : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
    %n = weft.neg %s : (tensor<2xi64>) -> tensor<2xi64>
    weft.yield %n : tensor<2xi64>
  }
  return %r : tensor<2xi64>
}
