// RUN: weft-opt %s --split-input-file --verify-diagnostics

func.func @layout(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{[WF2034] expected static sizes and a result of the same ones as a panel}}
  %p = weft.pack %x : tensor<2x3xf32> -> tensor<2x3xf32>
  return %p : tensor<2x3xf32>
}

// -----

func.func @sizes(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{[WF2034] expected static sizes and a result of the same ones as a panel}}
  %p = weft.pack %x : tensor<2x3xf32> -> tensor<3x2xf32, #weft.panel<2, lanes = [1], folded = [0]>>
  return
}

// -----

func.func @twice(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{[WF2034] expected a panel that has each dimension of}}
  %p = weft.pack %x : tensor<2x3xf32> -> tensor<2x3xf32, #weft.panel<2, lanes = [1, 1], folded = [0]>>
  return
}

// -----

func.func @strip(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{[WF2034] expected a panel that has each dimension of}}
  %p = weft.pack %x : tensor<2x3xf32> -> tensor<2x3xf32, #weft.panel<0, lanes = [1], folded = [0]>>
  return
}
