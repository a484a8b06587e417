// RUN: weft-opt %s --split-input-file --verify-diagnostics

// All operands have the lanes in front.
func.func @lanes(%x: tensor<3x2xf32>, %y: tensor<2xf32>) {
  // expected-error @below {{[WF1012] expected the lanes of 'tensor<3x2xf32>', got 'tensor<2xf32>'}}
  weft.print "{} {}" (%x, %y : tensor<3x2xf32>, tensor<2xf32>) {lanes = 1 : i64}
  return
}

// -----

// A scalar has no lanes.
func.func @scalar(%x: tensor<f32>) {
  // expected-error @below {{[WF1012] expected 1 lane axes in front, got 'tensor<f32>'}}
  weft.print "{}" (%x : tensor<f32>) {lanes = 1 : i64}
  return
}

// -----

// A mask is one truth value a lane.
func.func @mask(%x: tensor<3xf32>, %m: tensor<3xi1>) {
  // expected-error @below {{[WF1012] expected one element of the mask for each lane, got 'tensor<3xi1>'}}
  weft.print "{}" (%x : tensor<3xf32>) mask(%m : tensor<3xi1>) {lanes = 0 : i64}
  return
}

// -----

func.func @negative() {
  // expected-error @below {{[WF1015] expected a number of lane axes that the operands have, got 1}}
  weft.print "x" {lanes = 1 : i64}
  return
}
