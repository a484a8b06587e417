// RUN: weft-opt %s --weft-check-contract=planned -split-input-file -verify-diagnostics

func.func @main(%x: tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>> {
  // expected-error @below {{[WF4020] breaks the contract of stage 'planned'}}
  %r = weft.launch @k(%x) : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %r : tensor<?xf32, #weft.dims<B>>
}
func.func private @k(%x: tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>> attributes {weft.kernel, weft.symbols = ["s0"]} {
  %r = weft.neg %x : (tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>>
  return %r : tensor<?xf32, #weft.dims<s0>>
}

// -----

// Keeps the contract: each result has its slot, an op without results needs none.
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = weft.launch @k(%x) {weft.slots = [#weft.slot<result 0>]} : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func private @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel} {
  %r = weft.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
