// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - | FileCheck %s --check-prefix=VALUE
// RUN: sed '/^\/\/ -----/,$d' %s | weft-opt - --weft-vectorize="function=f size=3" | FileCheck %s --check-prefix=BATCH
// RUN: weft-opt %s --split-input-file --verify-diagnostics > /dev/null

// Sizes of which neither is known to be less are no obstacle.
// BATCH-LABEL: func.func private @f.vmap(
// BATCH:         weft.lu %arg0 : ({{.*}}) -> (tensor<3x?x?xf64, #weft.dims<_, M, N>>, tensor<3x?xi64, #weft.dims<_, M>>)
func.func private @f(%x: tensor<?x?xf64, #weft.dims<M, N>>) -> (tensor<?x?xf64, #weft.dims<M, N>>, tensor<?xi64, #weft.dims<M>>) {
  %both, %order = weft.lu %x : (tensor<?x?xf64, #weft.dims<M, N>>) -> (tensor<?x?xf64, #weft.dims<M, N>>, tensor<?xi64, #weft.dims<M>>)
  return %both, %order : tensor<?x?xf64, #weft.dims<M, N>>, tensor<?xi64, #weft.dims<M>>
}

// VALUE:      {{\[\[}}4., 4.],
// VALUE-NEXT: [0.5, 2.],
// VALUE-NEXT: [0., 0.5]]
// VALUE-NEXT: [2, 0, 1]
// VALUE-NEXT: [2, 1, 0]
func.func @main() -> (tensor<3x2xf64>, tensor<3xi64>, tensor<3xi64>) {
  %x = weft.constant {value = dense<[[2.0, 4.0], [0.0, 1.0], [4.0, 4.0]]> : tensor<3x2xf64>} : () -> tensor<3x2xf64>
  %both, %order = weft.lu %x : (tensor<3x2xf64>) -> (tensor<3x2xf64>, tensor<3xi64>)
  %y = weft.constant {value = dense<[[0.0, 0.0, 1.0], [0.0, 2.0, 0.0], [3.0, 0.0, 0.0]]> : tensor<3x3xf64>} : () -> tensor<3x3xf64>
  %z, %turned = weft.lu %y : (tensor<3x3xf64>) -> (tensor<3x3xf64>, tensor<3xi64>)
  return %both, %order, %turned : tensor<3x2xf64>, tensor<3xi64>, tensor<3xi64>
}

// -----

func.func @f(%x: tensor<3x2xf64>) -> tensor<3x2xf64> {
  // expected-error @below {{op inferred type(s) 'tensor<3x2xf64>', 'tensor<3xi64>' are incompatible with return type(s) of operation 'tensor<3x2xf64>', 'tensor<2xi64>'}}
  // expected-error @below {{failed to infer returned types}}
  %both, %order = weft.lu %x : (tensor<3x2xf64>) -> (tensor<3x2xf64>, tensor<2xi64>)
  return %both : tensor<3x2xf64>
}
