// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-opt - --weft-vectorize="function=f size=3 batched=0,1" | FileCheck %s --check-prefix=BATCH
// RUN: sed '/^\/\/ -----/,$d' %s | weft-opt - --weft-vectorize="function=f size=3" | FileCheck %s --check-prefix=ALL
// RUN: weft-opt %s --split-input-file --verify-diagnostics > /dev/null

// One matrix for all right sides: they stand beside each other. With a matrix for each, there is one more dimension.
// BATCH-LABEL: func.func private @f.vmap(
// BATCH:         weft.transpose %arg1 {permutation = array<i64: 1, 0, 2>}
// BATCH:         weft.triangular_solve %arg0, %{{.*}} {lower = true, transposed = false, unit_diagonal = false} : (tensor<2x2xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
// BATCH:         weft.transpose %{{.*}} {permutation = array<i64: 1, 0, 2>}
// ALL-LABEL: func.func private @f.vmap(
// ALL:         weft.triangular_solve %arg0, %arg1 {lower = true, transposed = false, unit_diagonal = false} : (tensor<3x2x2xf32>, tensor<3x2x1xf32>) -> tensor<3x2x1xf32>
func.func private @f(%a: tensor<2x2xf32>, %b: tensor<2x1xf32>) -> tensor<2x1xf32> {
  %x = weft.triangular_solve %a, %b {lower = true, transposed = false, unit_diagonal = false} : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  return %x : tensor<2x1xf32>
}

// Each option by itself. The upper triangle of %a would solve 2 x + 8 y = 2, 4 y = 8.
// VALUE:      {{\[\[}}1.],
// VALUE-NEXT: [1.75]]
// VALUE-NEXT: {{\[\[}}-7.],
// VALUE-NEXT: [2.]]
// VALUE-NEXT: {{\[\[}}0.],
// VALUE-NEXT: [2.]]
// VALUE-NEXT: {{\[\[}}2.],
// VALUE-NEXT: [6.]]
// VALUE-NEXT: {{\[\[}}inf],
// VALUE-NEXT: [inf]]
func.func @main() -> (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>) {
  %a = weft.constant {value = dense<[[2.0, 8.0], [1.0, 4.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %b = weft.constant {value = dense<[[2.0], [8.0]]> : tensor<2x1xf32>} : () -> tensor<2x1xf32>
  %lower = weft.call @f(%a, %b) : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  %upper = weft.triangular_solve %a, %b {lower = false, transposed = false, unit_diagonal = false} : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  %turned = weft.triangular_solve %a, %b {lower = true, transposed = true, unit_diagonal = false} : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  %ones = weft.triangular_solve %a, %b {lower = true, transposed = false, unit_diagonal = true} : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  %zero = weft.constant {value = dense<[[0.0, 0.0], [-1.0, 1.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %none = weft.call @f(%zero, %b) : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  return %lower, %upper, %turned, %ones, %none : tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>
}

// -----

func.func @f(%a: tensor<2x3xf32>, %b: tensor<2x1xf32>) -> tensor<2x1xf32> {
  // expected-error @below {{[WF1012] expected square matrices and right sides with as many rows, got 'tensor<2x3xf32>' and 'tensor<2x1xf32>'}}
  %x = weft.triangular_solve %a, %b {lower = true, transposed = false, unit_diagonal = false} : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  return %x : tensor<2x1xf32>
}

// -----

func.func @f(%a: tensor<2x2xf32>, %b: tensor<2x2x1xf32>) -> tensor<2x2x1xf32> {
  // expected-error @below {{[WF1012] expected square matrices and right sides with as many rows}}
  %x = weft.triangular_solve %a, %b {lower = true, transposed = false, unit_diagonal = false} : (tensor<2x2xf32>, tensor<2x2x1xf32>) -> tensor<2x2x1xf32>
  return %x : tensor<2x2x1xf32>
}

// -----

func.func @f(%a: tensor<2x2xf32>, %b: tensor<2x1xf64>) -> tensor<2x1xf64> {
  // expected-error @below {{[WF1012] expected square matrices and right sides with as many rows}}
  %x = weft.triangular_solve %a, %b {lower = true, transposed = false, unit_diagonal = false} : (tensor<2x2xf32>, tensor<2x1xf64>) -> tensor<2x1xf64>
  return %x : tensor<2x1xf64>
}
