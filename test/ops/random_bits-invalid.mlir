// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Counted dimensions lie in the rank.
func.func @first(%k: tensor<4x!weft.key>) -> tensor<4xui32> {
  // expected-error @below {{[WF1015] expected `first` within the rank 1, got 2}}
  %r = weft.random_bits %k {first = 2 : i64, dtype = ui32} : (tensor<4x!weft.key>) -> tensor<4xui32>
  return %r : tensor<4xui32>
}

// -----

// Bits are unsigned integers.
func.func @dtype(%k: tensor<4x!weft.key>) -> tensor<4xf32> {
  // expected-error @below {{result #0 must be ranked tensor of 8-bit unsigned integer or}}
  %r = weft.random_bits %k {first = 0 : i64, dtype = f32} : (tensor<4x!weft.key>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// Keys have no arithmetic.
func.func @add(%k: tensor<4x!weft.key>) -> tensor<4x!weft.key> {
  // expected-error @below {{must be ranked tensor of}}
  %r = weft.add %k, %k : (tensor<4x!weft.key>, tensor<4x!weft.key>) -> tensor<4x!weft.key>
  return %r : tensor<4x!weft.key>
}

// -----

// And are no numbers.
func.func @convert(%k: tensor<4x!weft.key>) -> tensor<4xi64> {
  // expected-error @below {{[WF1022] keys are not numbers}}
  %r = weft.convert %k {dtype = i64} : (tensor<4x!weft.key>) -> tensor<4xi64>
  return %r : tensor<4xi64>
}
