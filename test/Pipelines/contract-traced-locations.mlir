// RUN: weft-opt %s "--weft-check-contract=traced locations" -split-input-file -verify-diagnostics

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @unknown {{[WF4003] breaks the contract of stage 'traced'}}
  %a = weft.neg %x : (tensor<4xf32>) -> tensor<4xf32> loc(unknown)
  %b = weft.neg %a : (tensor<4xf32>) -> tensor<4xf32>
  return %b : tensor<4xf32>
}

// -----

// A constant that folding made has no line of its own.
func.func @main() -> tensor<4xf32> {
  %c = weft.constant {value = dense<1.0> : tensor<4xf32>} : () -> tensor<4xf32> loc(unknown)
  return %c : tensor<4xf32>
}
