// RUN: weft-opt %s --weft-check-contract=scheduled -split-input-file -verify-diagnostics

func.func @main() {
  return
}
// expected-error @below {{[WF4040] breaks the contract of stage 'scheduled'}}
func.func private @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel} {
  return %x : tensor<4xf32>
}

// -----

// Keeps the contract.
func.func @main() {
  return
}
func.func private @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel, weft.schedule = {form = "sweep", lanes = 8 : i64}} {
  return %x : tensor<4xf32>
}
