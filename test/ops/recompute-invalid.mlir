// RUN: weft-opt %s --split-input-file --verify-diagnostics

func.func private @arguments(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{[WF2010] expected block arguments of types 'tensor<f32>', got 'tensor<2xf32>'}}
  %r = weft.recompute "a" (%x : tensor<f32>) -> (tensor<f32>) {
  ^bb0(%y: tensor<2xf32>):
    %c = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
    weft.yield %c : tensor<f32>
  }
  return %r : tensor<f32>
}

// -----

func.func private @results(%x: tensor<f32>) -> tensor<2xf32> {
  // expected-error @+1 {{[WF2012] expected to yield types 'tensor<2xf32>', got 'tensor<f32>'}}
  %r = weft.recompute "a" (%x : tensor<f32>) -> (tensor<2xf32>) {
  ^bb0(%y: tensor<f32>):
    weft.yield %y : tensor<f32>
  }
  return %r : tensor<2xf32>
}
