// RUN: weft-run %s --reference | FileCheck %s
// RUN: not weft-run %s --reference --function endless 2>&1 | FileCheck %s --check-prefix=ENDLESS

// The callee's symbols are bound anew at each call.
// CHECK:      [1, 2, 2]
// CHECK-NEXT: [1, 2, 3, 3]
func.func @main() -> (tensor<3xi64>, tensor<4xi64>) {
  %x = weft.constant {value = dense<[1, 2]> : tensor<2xi64>} : () -> tensor<2xi64>
  %y = weft.call @counted(%x) : (tensor<2xi64>) -> tensor<3xi64>
  %z = weft.constant {value = dense<[1, 2, 3]> : tensor<3xi64>} : () -> tensor<3xi64>
  %w = weft.call @counted(%z) : (tensor<3xi64>) -> tensor<4xi64>
  return %y, %w : tensor<3xi64>, tensor<4xi64>
}
func.func private @counted(%x: tensor<?xi64, #weft.dims<S>>) -> tensor<?xi64, #weft.dims<S+1>> {
  %n = weft.dim_size {size = #weft.size<S>} : () -> tensor<i64>
  %row = weft.reshape %n : (tensor<i64>) -> tensor<1xi64>
  %r = weft.concat %x, %row {dim = 0 : i64} : (tensor<?xi64, #weft.dims<S>>, tensor<1xi64>) -> tensor<?xi64, #weft.dims<S+1>>
  return %r : tensor<?xi64, #weft.dims<S+1>>
}

// ENDLESS: error: [WF1205] @recursive calls itself
func.func @endless() -> tensor<i64> {
  %x = weft.constant {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %y = weft.call @recursive(%x) : (tensor<i64>) -> tensor<i64>
  return %y : tensor<i64>
}
func.func private @recursive(%x: tensor<i64>) -> tensor<i64> {
  %y = weft.call @recursive(%x) : (tensor<i64>) -> tensor<i64>
  return %y : tensor<i64>
}
