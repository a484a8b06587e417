// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-opt - --weft-vectorize="function=f size=3" | FileCheck %s --check-prefix=BATCH
// RUN: weft-opt %s --split-input-file --verify-diagnostics > /dev/null

// BATCH-LABEL: func.func private @f.vmap(
// BATCH:         weft.svd %arg0 {complete = true} : (tensor<3x2x1xf64>) -> (tensor<3x2x2xf64>, tensor<3x1xf64>, tensor<3x1x1xf64>)
func.func private @f(%x: tensor<2x1xf64>) -> (tensor<2x2xf64>, tensor<1xf64>, tensor<1x1xf64>) {
  %u, %s, %vh = weft.svd %x {complete = true} : (tensor<2x1xf64>) -> (tensor<2x2xf64>, tensor<1xf64>, tensor<1x1xf64>)
  return %u, %s, %vh : tensor<2x2xf64>, tensor<1xf64>, tensor<1x1xf64>
}

// VALUE:      [4., 3.]
// VALUE-NEXT: [nan]
func.func @main() -> (tensor<2xf64>, tensor<1xf64>) {
  %x = weft.constant {value = dense<[[0.0, 3.0], [4.0, 0.0]]> : tensor<2x2xf64>} : () -> tensor<2x2xf64>
  %u, %s, %vh = weft.svd %x {complete = false} : (tensor<2x2xf64>) -> (tensor<2x2xf64>, tensor<2xf64>, tensor<2x2xf64>)
  %y = weft.constant {value = dense<[[0x7FF8000000000000], [4.0]]> : tensor<2x1xf64>} : () -> tensor<2x1xf64>
  %a, %n, %b = weft.call @f(%y) : (tensor<2x1xf64>) -> (tensor<2x2xf64>, tensor<1xf64>, tensor<1x1xf64>)
  return %s, %n : tensor<2xf64>, tensor<1xf64>
}

// -----

func.func @f(%x: tensor<3xf64>) -> tensor<3xf64> {
  // expected-error @below {{[WF1011] weft.svd: expected matrices, got 'tensor<3xf64>'}}
  // expected-error @below {{failed to infer returned types}}
  %u, %s, %vh = weft.svd %x {complete = false} : (tensor<3xf64>) -> (tensor<3x3xf64>, tensor<3xf64>, tensor<3x3xf64>)
  return %s : tensor<3xf64>
}
