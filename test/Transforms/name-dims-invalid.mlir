// RUN: weft-opt %s --weft-name-dims -verify-diagnostics

func.func @main(%x: tensor<f32>) -> tensor<?xf32> {
  // expected-error @below {{[WF1408] a size of the result has no name, and nothing gives it one}}
  %b = weft.broadcast %x {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32>
  return %b : tensor<?xf32>
}
