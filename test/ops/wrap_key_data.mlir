// RUN: weft-opt %s --weft-simplify | FileCheck %s
// RUN: weft-run %s --reference --function main | FileCheck %s --check-prefix=VALUE

// Keys made of the words of keys are these keys.
// CHECK-LABEL: func.func @same(
// CHECK-SAME:    %[[K:.*]]: tensor<3x!weft.key>
// CHECK:         return %[[K]]
func.func @same(%k: tensor<3x!weft.key>) -> tensor<3x!weft.key> {
  %w = weft.key_data %k : (tensor<3x!weft.key>) -> tensor<3x2xui32>
  %r = weft.wrap_key_data %w : (tensor<3x2xui32>) -> tensor<3x!weft.key>
  return %r : tensor<3x!weft.key>
}

// VALUE: [7, 8]
func.func @main() -> tensor<2xui32> {
  %w = weft.constant {value = dense<[7, 8]> : tensor<2xui32>} : () -> tensor<2xui32>
  %k = weft.wrap_key_data %w : (tensor<2xui32>) -> tensor<!weft.key>
  %b = weft.broadcast %k {dims = array<i64>} : (tensor<!weft.key>) -> tensor<1x!weft.key>
  %s = weft.reshape %b : (tensor<1x!weft.key>) -> tensor<!weft.key>
  %r = weft.key_data %s : (tensor<!weft.key>) -> tensor<2xui32>
  return %r : tensor<2xui32>
}
