// RUN: weft-run %s --reference | FileCheck %s

// `weft.sizes` gives the kernel the sizes that its arguments do not.
// CHECK:      [-1, -2]
// CHECK-NEXT: 12
func.func private @k(%x: tensor<2xi64>) -> (tensor<2xi64>, tensor<i64>) attributes {weft.kernel, weft.symbols = ["s0"]} {
  %n = weft.neg %x : (tensor<2xi64>) -> tensor<2xi64>
  %s = weft.dim_size {size = #weft.size<s0>} : () -> tensor<i64>
  return %n, %s : tensor<2xi64>, tensor<i64>
}
func.func private @inner(%x: tensor<2xi64>, %y: tensor<?xi64, #weft.dims<B>>) -> (tensor<2xi64>, tensor<i64>) {
  %r, %s = weft.launch @k(%x) {weft.sizes = [#weft.size<4*B>]} : (tensor<2xi64>) -> (tensor<2xi64>, tensor<i64>)
  return %r, %s : tensor<2xi64>, tensor<i64>
}
func.func @main() -> (tensor<2xi64>, tensor<i64>) {
  %x = weft.constant {value = dense<[1, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %y = weft.constant {value = dense<0> : tensor<3xi64>} : () -> tensor<3xi64>
  %r, %s = weft.call @inner(%x, %y) : (tensor<2xi64>, tensor<3xi64>) -> (tensor<2xi64>, tensor<i64>)
  return %r, %s : tensor<2xi64>, tensor<i64>
}
