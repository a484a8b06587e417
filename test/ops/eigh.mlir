// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-opt - --weft-vectorize="function=f size=3" | FileCheck %s --check-prefix=BATCH
// RUN: weft-opt %s --split-input-file --verify-diagnostics > /dev/null

// BATCH-LABEL: func.func private @f.vmap(
// BATCH:         weft.eigh %arg0 : (tensor<3x2x2xf32>) -> (tensor<3x2xf32>, tensor<3x2x2xf32>)
func.func private @f(%x: tensor<2x2xf32>) -> (tensor<2xf32>, tensor<2x2xf32>) {
  %w, %v = weft.eigh %x : (tensor<2x2xf32>) -> (tensor<2xf32>, tensor<2x2xf32>)
  return %w, %v : tensor<2xf32>, tensor<2x2xf32>
}

// VALUE:      [1., 3.]
// VALUE-NEXT: {{\[\[}}0., 1.],
// VALUE-NEXT: [1., 0.]]
// VALUE-NEXT: [nan, nan]
func.func @main() -> (tensor<2xf32>, tensor<2x2xf32>, tensor<2xf32>) {
  %x = weft.constant {value = dense<[[3.0, 9.0], [0.0, 1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %w, %v = weft.call @f(%x) : (tensor<2x2xf32>) -> (tensor<2xf32>, tensor<2x2xf32>)
  %y = weft.constant {value = dense<[[0x7F800000, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %n, %u = weft.call @f(%y) : (tensor<2x2xf32>) -> (tensor<2xf32>, tensor<2x2xf32>)
  return %w, %v, %n : tensor<2xf32>, tensor<2x2xf32>, tensor<2xf32>
}

// -----

func.func @f(%x: tensor<2x3xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1012] weft.eigh: expected square matrices, got 'tensor<2x3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %w, %v = weft.eigh %x : (tensor<2x3xf32>) -> (tensor<3xf32>, tensor<3x3xf32>)
  return %w : tensor<3xf32>
}
