// RUN: weft-opt %s --verify-diagnostics

// Two words a key.
func.func @f(%w: tensor<4x3xui32>) -> tensor<4x!weft.key> {
  // expected-error @below {{[WF1012] expected two words along the last dimension, got 'tensor<4x3xui32>'}}
  // expected-error @below {{failed to infer returned types}}
  %r = weft.wrap_key_data %w : (tensor<4x3xui32>) -> tensor<4x!weft.key>
  return %r : tensor<4x!weft.key>
}
