// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - | FileCheck %s --check-prefix=VALUE
// RUN: weft-opt %s --split-input-file --verify-diagnostics > /dev/null

// VALUE:      {{\[\[}}1., 3.],
// VALUE-NEXT: [2., 2.]]
func.func @main() -> tensor<2x2xf32> {
  %x = weft.constant {value = dense<[[[3.0, 9.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 2.0]]]> : tensor<2x2x2xf32>} : () -> tensor<2x2x2xf32>
  %w = weft.eigvalsh %x : (tensor<2x2x2xf32>) -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

func.func @f(%x: tensor<2x3xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1012] weft.eigvalsh: expected square matrices, got 'tensor<2x3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %w = weft.eigvalsh %x : (tensor<2x3xf32>) -> tensor<3xf32>
  return %w : tensor<3xf32>
}
