// RUN: weft-opt %s --weft-to-linalg --split-input-file --verify-diagnostics

func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
func.func private @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel} {
  // expected-error @below {{[WF1503] has no lowering: a kernel holds graph ops and a return}}
  %r = weft.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func private @k(%x: tensor<4xf32>) -> tensor<2x2xf32> attributes {weft.kernel} {
  // expected-error @below {{[WF1503] has no code: it stands between kernels, never in one}}
  %r = weft.reshape %x : (tensor<4xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// -----

func.func private @k(%x: tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>> attributes {weft.kernel} {
  // expected-error @below {{[WF1507] elements of type 'complex<f32>' have no code yet}}
  %r = weft.stop_gradient %x : (tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>>
  return %r : tensor<4xcomplex<f32>>
}

// -----

func.func private @k(%x: tensor<4xf32>) -> tensor<i64> attributes {weft.kernel} {
  %r = weft.dim_size {size = #weft.size<s0>} : () -> tensor<i64>
  return %r : tensor<i64>
}
func.func @main(%x: tensor<4xf32>) -> tensor<i64> {
  // expected-error @below {{[WF1404] nothing says what size s0 of @k is}}
  %r = weft.launch @k(%x) : (tensor<4xf32>) -> tensor<i64>
  return %r : tensor<i64>
}
