// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-opt - --weft-vectorize="function=f size=3" | FileCheck %s --check-prefix=BATCH
// RUN: weft-opt %s --split-input-file --verify-diagnostics > /dev/null

// BATCH-LABEL: func.func private @f.vmap(
// BATCH:         weft.qr %arg0 {complete = true} : (tensor<3x4x2xf32>) -> (tensor<3x4x4xf32>, tensor<3x4x2xf32>)
func.func private @f(%x: tensor<4x2xf32>) -> (tensor<4x4xf32>, tensor<4x2xf32>) {
  %q, %r = weft.qr %x {complete = true} : (tensor<4x2xf32>) -> (tensor<4x4xf32>, tensor<4x2xf32>)
  return %q, %r : tensor<4x4xf32>, tensor<4x2xf32>
}

// Of nothing: as many rows as there are, and no column; complete, the first columns of the identity.
// VALUE:      {{\[\[}}-5.]]
// VALUE-NEXT: {{\[\[}}1., 0.],
// VALUE-NEXT: [0., 1.]]
func.func @main() -> (tensor<1x1xf64>, tensor<2x2xf64>) {
  %x = weft.constant {value = dense<[[3.0], [4.0]]> : tensor<2x1xf64>} : () -> tensor<2x1xf64>
  %q, %r = weft.qr %x {complete = false} : (tensor<2x1xf64>) -> (tensor<2x1xf64>, tensor<1x1xf64>)
  %none = weft.constant {value = dense<> : tensor<2x0xf64>} : () -> tensor<2x0xf64>
  %all, %s = weft.qr %none {complete = true} : (tensor<2x0xf64>) -> (tensor<2x2xf64>, tensor<2x0xf64>)
  return %r, %all : tensor<1x1xf64>, tensor<2x2xf64>
}

// -----

// The less of two named sizes has no name.
func.func @f(%x: tensor<?x?xf64, #weft.dims<M, N>>) -> tensor<?x?xf64, #weft.dims<M, N>> {
  // expected-error @below {{[WF1012] weft.qr: which size of the matrices is less is not known of}}
  // expected-error @below {{failed to infer returned types}}
  %q, %r = weft.qr %x {complete = false} : (tensor<?x?xf64, #weft.dims<M, N>>) -> (tensor<?x?xf64, #weft.dims<M, N>>, tensor<?x?xf64, #weft.dims<N, N>>)
  return %q : tensor<?x?xf64, #weft.dims<M, N>>
}
