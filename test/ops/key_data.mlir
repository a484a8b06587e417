// RUN: weft-opt %s --weft-simplify | FileCheck %s
// RUN: weft-run %s --reference --function main | FileCheck %s --check-prefix=VALUE
// RUN: weft-run %s | FileCheck %s --check-prefix=VALUE

// The words of keys made of words are these words.
// CHECK-LABEL: func.func @same(
// CHECK-SAME:    %[[W:.*]]: tensor<3x2xui32>
// CHECK:         return %[[W]]
func.func @same(%w: tensor<3x2xui32>) -> tensor<3x2xui32> {
  %k = weft.wrap_key_data %w : (tensor<3x2xui32>) -> tensor<3x!weft.key>
  %r = weft.key_data %k : (tensor<3x!weft.key>) -> tensor<3x2xui32>
  return %r : tensor<3x2xui32>
}

// Sizes keep their names; a key without dimensions has two words.
// CHECK-LABEL: func.func @named(
func.func @named(%k: tensor<?x!weft.key, #weft.dims<B>>) -> tensor<?x2xui32, #weft.dims<B, _>> {
  %r = weft.key_data %k : (tensor<?x!weft.key, #weft.dims<B>>) -> tensor<?x2xui32, #weft.dims<B, _>>
  return %r : tensor<?x2xui32, #weft.dims<B, _>>
}

// VALUE:      {{\[}}[5, 6],
// VALUE-NEXT:  [3, 4],
// VALUE-NEXT:  [1, 2]]
func.func @main() -> tensor<3x2xui32> {
  %w = weft.constant {value = dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xui32>} : () -> tensor<3x2xui32>
  %k = weft.wrap_key_data %w : (tensor<3x2xui32>) -> tensor<3x!weft.key>
  %t = weft.reverse %k {dims = array<i64: 0>} : (tensor<3x!weft.key>) -> tensor<3x!weft.key>
  %r = weft.key_data %t : (tensor<3x!weft.key>) -> tensor<3x2xui32>
  return %r : tensor<3x2xui32>
}
