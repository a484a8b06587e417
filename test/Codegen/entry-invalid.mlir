// RUN: weft-opt %s --weft-lower-entry --split-input-file --verify-diagnostics

// expected-error @+1 {{[WF1404] size S does not follow from the argument shapes: it stands only in S*T}}
func.func @main(%x: tensor<?xf32, #weft.dims<S*T>>) attributes {weft.arena = #weft.size<0>} {
  return
}

// -----

// expected-error @+1 {{[WF1402] malformed assumption "B is even"}}
func.func @main(%x: tensor<?xf32, #weft.dims<B>>) attributes {weft.arena = #weft.size<0>, weft.assume = ["B is even"]} {
  return
}

// -----

// expected-error @+1 {{[WF1404] size C of assumption "C >= 1" has no value}}
func.func @main(%x: tensor<?xf32, #weft.dims<B>>) attributes {weft.arena = #weft.size<0>, weft.assume = ["C >= 1"]} {
  return
}

// -----

// expected-error @+1 {{[WF1503] has no weft.arena: weft-plan-memory comes before weft-lower-entry}}
func.func @main(%x: tensor<4xf32>) {
  return
}
