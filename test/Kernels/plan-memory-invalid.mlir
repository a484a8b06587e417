// RUN: weft-opt %s --weft-plan-memory --split-input-file --verify-diagnostics

func.func @loose(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{[WF1503] is not in a kernel: memory is planned for launches, control flow and calls}}
  %n = weft.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  return %n : tensor<4xf32>
}

// -----

// expected-error @+1 {{[WF1503] @f calls itself: a program's functions are not recursive}}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %n = weft.call @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %n : tensor<4xf32>
}
func.func private @g(%x: tensor<4xf32>) -> tensor<4xf32> {
  %n = weft.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %n : tensor<4xf32>
}
