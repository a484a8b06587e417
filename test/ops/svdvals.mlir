// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - | FileCheck %s --check-prefix=VALUE
// RUN: weft-opt %s --split-input-file --verify-diagnostics > /dev/null

// VALUE: {{\[\[}}4., 3.]]
func.func @main() -> tensor<1x2xf64> {
  %x = weft.constant {value = dense<[[[0.0, 3.0, 0.0], [4.0, 0.0, 0.0]]]> : tensor<1x2x3xf64>} : () -> tensor<1x2x3xf64>
  %s = weft.svdvals %x : (tensor<1x2x3xf64>) -> tensor<1x2xf64>
  return %s : tensor<1x2xf64>
}

// -----

func.func @f(%x: tensor<2x3xf64>) -> tensor<3xf64> {
  // expected-error @below {{op inferred type(s) 'tensor<2xf64>' are incompatible with return type(s) of operation 'tensor<3xf64>'}}
  // expected-error @below {{failed to infer returned types}}
  %s = weft.svdvals %x : (tensor<2x3xf64>) -> tensor<3xf64>
  return %s : tensor<3xf64>
}
