// RUN: weft-opt %s --split-input-file --verify-diagnostics

// for: block arguments are the step, carries, slices, captures.
func.func @f(%h: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF2010] expected block arguments of types}}
  %r = weft.for #weft.size<3> carries(%h : tensor<4xf32>) -> (tensor<4xf32>) {
  ^bb0(%c: tensor<4xf32>):
    weft.yield %c : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

// for: sliced inputs have the count in front.
func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{[WF2015] expected sliced inputs with a leading size of 3}}
  weft.for #weft.size<3> xs(%x : tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %xi: tensor<f32>):
    weft.yield
  }
  return
}

// -----

// for, if, kernel: what a region yields has the results' types.
func.func @f(%h: tensor<4xf32>, %p: tensor<i1>) -> tensor<4xf32> {
  // expected-error @below {{[WF2012] expected to yield types}}
  %r = weft.if %p captures(%h : tensor<4xf32>) : tensor<i1> -> (tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>):
    weft.yield %a : tensor<4xf32>
  }, {
  ^bb0(%a: tensor<4xf32>):
    weft.yield
  }
  return %r : tensor<4xf32>
}

// -----

func.func @f(%h: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF2020] no function named @g}}
  %r = weft.call @g(%h) : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func private @g(%h: tensor<4xf32>) -> tensor<4xf32> {
  return %h : tensor<4xf32>
}
func.func @f(%h: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF2021] @g takes 1 and gives 1 values, got 2 and 1}}
  %r = weft.call @g(%h, %h) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// call: one name is one size.
func.func private @g(%x: tensor<?xf32, #weft.dims<S>>, %y: tensor<?xf32, #weft.dims<S>>) {
  return
}
func.func @f(%x: tensor<4xf32>, %y: tensor<5xf32>) {
  // expected-error @below {{[WF2022] @g takes}}
  weft.call @g(%x, %y) : (tensor<4xf32>, tensor<5xf32>) -> ()
  return
}

// -----

// sized: what it captures has a size beforehand.
func.func @f(%k: tensor<i64>, %x: tensor<?xf32, #weft.dims<n>>) {
  // expected-error @below {{[WF2032] expected captures that do not speak of n}}
  weft.sized "n" = %k captures(%x : tensor<?xf32, #weft.dims<n>>) : tensor<i64> {
  ^bb0(%a: tensor<?xf32, #weft.dims<n>>):
    weft.yield
  }
  return
}

// -----

// sized: a result of the size that it binds is handed out, and nothing else.
func.func @f(%k: tensor<i64>) -> tensor<f32> {
  // expected-error @below {{[WF2032] expected that a result whose size is known inside only is handed out}}
  %r = weft.sized "n" = %k : tensor<i64> -> (tensor<?xf32, #weft.dims<n>>) {
    %i = weft.iota {dim = 0} : () -> tensor<?xf32, #weft.dims<n>>
    weft.yield %i : tensor<?xf32, #weft.dims<n>>
  }
  %s = weft.reduce %r {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<n>>) -> tensor<f32>
  return %s : tensor<f32>
}

// -----

// sized: a branch has no result of a size that is known in it only.
func.func @f(%p: tensor<i1>, %k: tensor<i64>) {
  %r = weft.if %p captures(%k : tensor<i64>) : tensor<i1> -> (tensor<?xf32, #weft.dims<n>>) {
  ^bb0(%j: tensor<i64>):
    // expected-error @below {{[WF2032] expected that a result whose size is known inside only is handed out}}
    %s = weft.sized "n" = %j : tensor<i64> -> (tensor<?xf32, #weft.dims<n>>) {
      %i = weft.iota {dim = 0} : () -> tensor<?xf32, #weft.dims<n>>
      weft.yield %i : tensor<?xf32, #weft.dims<n>>
    }
    weft.yield %s : tensor<?xf32, #weft.dims<n>>
  }
  return
}

// -----

// call: no function with a result of a size that is known in it only.
func.func private @g(%k: tensor<i64>) -> tensor<?xf32, #weft.dims<n>> {
  %r = weft.sized "n" = %k : tensor<i64> -> (tensor<?xf32, #weft.dims<n>>) {
    %i = weft.iota {dim = 0} : () -> tensor<?xf32, #weft.dims<n>>
    weft.yield %i : tensor<?xf32, #weft.dims<n>>
  }
  return %r : tensor<?xf32, #weft.dims<n>>
}
func.func @f(%k: tensor<i64>) -> tensor<?xf32, #weft.dims<n>> {
  // expected-error @below {{[WF2032] @g gives 'tensor<?xf32, #weft.dims<n>>', whose size is known inside only}}
  %r = weft.call @g(%k) : (tensor<i64>) -> tensor<?xf32, #weft.dims<n>>
  return %r : tensor<?xf32, #weft.dims<n>>
}
