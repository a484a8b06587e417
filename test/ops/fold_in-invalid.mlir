// RUN: weft-opt %s --verify-diagnostics

// One number for each key.
func.func @f(%k: tensor<4x!weft.key>, %n: tensor<3xui32>) -> tensor<4x!weft.key> {
  // expected-error @below {{[WF1012] expected keys and numbers of one shape}}
  %r = weft.fold_in %k, %n : (tensor<4x!weft.key>, tensor<3xui32>) -> tensor<4x!weft.key>
  return %r : tensor<4x!weft.key>
}
