// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-opt - --weft-vectorize="function=f size=3" | FileCheck %s --check-prefix=BATCH
// RUN: weft-opt %s --split-input-file --verify-diagnostics > /dev/null

// BATCH-LABEL: func.func private @f.vmap(
// BATCH:         weft.cholesky %arg0 : (tensor<3x2x2xf32>) -> tensor<3x2x2xf32>
func.func private @f(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %l = weft.cholesky %x : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %l : tensor<2x2xf32>
}

// Only the lower triangle is read; a matrix that is not positive definite has no number in that of its factor.
// VALUE:      {{\[\[}}2., 0.],
// VALUE-NEXT: [1., 2.]]
// VALUE-NEXT: {{\[\[}}nan, 0.],
// VALUE-NEXT: [nan, nan]]
func.func @main() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %x = weft.constant {value = dense<[[4.0, 9.0], [2.0, 5.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %l = weft.call @f(%x) : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = weft.constant {value = dense<[[1.0, 2.0], [2.0, 1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %n = weft.call @f(%y) : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %l, %n : tensor<2x2xf32>, tensor<2x2xf32>
}

// -----

func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @below {{[WF1011] weft.cholesky: expected matrices, got 'tensor<3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %r = weft.cholesky %x : (tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

func.func @f(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  // expected-error @below {{[WF1012] weft.cholesky: expected square matrices, got 'tensor<3x2xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %r = weft.cholesky %x : (tensor<3x2xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

func.func @f(%x: tensor<2x2xf16>) -> tensor<2x2xf16> {
  // expected-error @below {{operand #0 must be ranked tensor of 32-bit float or 64-bit float values}}
  %r = weft.cholesky %x : (tensor<2x2xf16>) -> tensor<2x2xf16>
  return %r : tensor<2x2xf16>
}
