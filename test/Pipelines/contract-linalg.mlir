// RUN: weft-opt %s --weft-check-contract=linalg -split-input-file -verify-diagnostics

// Keeps the contract.
func.func @main() {
  return
}
func.func private @k(%x: tensor<?xf32>, %s0: index) -> tensor<?xf32> attributes {weft.kernel, weft.symbols = ["s0"]} {
  %e = tensor.empty(%s0) : tensor<?xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

func.func @main() {
  return
}
func.func private @k(%x: tensor<4xf32>) -> tensor<2x2xf32> attributes {weft.kernel} {
  // expected-error @below {{[WF4030] breaks the contract of stage 'linalg'}}
  %r = tensor.expand_shape %x [[0, 1]] output_shape [2, 2] : tensor<4xf32> into tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// -----

func.func @main() {
  return
}
func.func private @k(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel} {
  // expected-error @below {{[WF4031] breaks the contract of stage 'linalg'}}
  %r = linalg.exp ins(%x : tensor<4xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func @main() {
  return
}
// expected-error @below {{[WF4032] breaks the contract of stage 'linalg'}}
func.func private @k(%x: tensor<4xui8>) attributes {weft.kernel} {
  return
}

// -----

func.func @main() {
  return
}
// expected-error @below {{[WF4033] breaks the contract of stage 'linalg'}}
func.func private @k(%x: tensor<?xf32>) attributes {weft.kernel, weft.symbols = ["s0"]} {
  return
}

// -----

func.func @main() {
  return
}
// Names of sizes are gone.
// expected-error @below {{[WF4032] breaks the contract of stage 'linalg'}}
func.func private @k(%x: tensor<?xf32, #weft.dims<s0>>, %s0: index) attributes {weft.kernel, weft.symbols = ["s0"]} {
  return
}

// -----

func.func @main() {
  return
}
// An index argument of which no symbol tells.
// expected-error @below {{[WF4033] breaks the contract of stage 'linalg'}}
func.func private @k(%x: tensor<4xf32>, %s0: index) attributes {weft.kernel} {
  return
}
