// RUN: weft-opt %s --weft-check-contract=kernels -split-input-file -verify-diagnostics

// Keeps the contract.
func.func @main(%x: tensor<?xf32, #weft.dims<B>>) -> tensor<?x1xf32, #weft.dims<B, _>> {
  %r = weft.launch @k(%x) {lines = [loc("a.py":1:1)]} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %a = weft.reshape %r : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  return %a : tensor<?x1xf32, #weft.dims<B, _>>
}
func.func private @k(%x: tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>> attributes {weft.kernel, weft.symbols = ["s0"]} {
  %r = weft.neg %x : (tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>>
  return %r : tensor<?xf32, #weft.dims<s0>>
}

// -----

func.func @main(%x: tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>> {
  // expected-error @below {{[WF4010] breaks the contract of stage 'kernels'}}
  %r = weft.neg %x : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %r : tensor<?xf32, #weft.dims<B>>
}

// -----

func.func @main() -> tensor<f32> {
  // expected-error @below {{[WF4010] breaks the contract of stage 'kernels'}}
  %r = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  return %r : tensor<f32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF4011] breaks the contract of stage 'kernels'}}
  %r = weft.kernel(%x : tensor<4xf32>) -> (tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>):
    // expected-error @below {{[WF4010] breaks the contract of stage 'kernels'}}
    %n = weft.neg %a : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %n : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

func.func @main() {
  return
}
// Two index spaces.
// expected-error @below {{[WF4012] breaks the contract of stage 'kernels'}}
func.func private @k(%x: tensor<4xf32>, %y: tensor<5xf32>) -> (tensor<4xf32>, tensor<5xf32>) attributes {weft.kernel} {
  %r = weft.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  %s = weft.neg %y : (tensor<5xf32>) -> tensor<5xf32>
  return %r, %s : tensor<4xf32>, tensor<5xf32>
}

// -----

func.func @main() {
  return
}
// An alias has no code, so it stands outside.
// expected-error @below {{[WF4012] breaks the contract of stage 'kernels': expected a kernel that can be emitted as one, but it holds an op that is no part of a kernel}}
func.func private @k(%x: tensor<4xf32>) -> tensor<2x2xf32> attributes {weft.kernel} {
  %r = weft.reshape %x : (tensor<4xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// -----

func.func @main() {
  return
}
// expected-error @below {{[WF4013] breaks the contract of stage 'kernels'}}
func.func private @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel}

// -----

func.func @main(%x: tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>> {
  %r = weft.launch @k(%x) : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %r : tensor<?xf32, #weft.dims<B>>
}
// expected-error @below {{[WF4014] breaks the contract of stage 'kernels'}}
func.func private @k(%x: tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>> attributes {weft.kernel} {
  return %x : tensor<?xf32, #weft.dims<s0>>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[WF4015] breaks the contract of stage 'kernels'}}
  %r = weft.launch @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>> {
  // expected-error @below {{[WF4016] breaks the contract of stage 'kernels'}}
  %r = weft.launch @k(%x) {lines = [loc("a.py":1:1), loc("a.py":2:1)]} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %r : tensor<?xf32, #weft.dims<B>>
}
func.func private @k(%x: tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>> attributes {weft.kernel, weft.symbols = ["s0"]} {
  %r = weft.neg %x : (tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>>
  return %r : tensor<?xf32, #weft.dims<s0>>
}

// -----

func.func @main() {
  return
}
// A row value that no reduction makes or reads.
// expected-error @below {{it holds a row value that the reduction has nothing to do with}}
func.func private @k(%x: tensor<4x8xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) attributes {weft.kernel} {
  %r = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<4x8xf32>) -> tensor<4xf32>
  %s = weft.neg %y : (tensor<4xf32>) -> tensor<4xf32>
  return %r, %s : tensor<4xf32>, tensor<4xf32>
}

// -----

func.func @main() {
  return
}
// expected-error @below {{it holds a view that feeds a contraction and something else}}
func.func private @k(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {weft.kernel} {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %d = weft.dot %x, %t {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %a = weft.add %d, %t : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %a : tensor<4x4xf32>
}

// -----

func.func @main() {
  return
}
// A kernel is private.
// expected-error @below {{[WF4013] breaks the contract of stage 'kernels'}}
// expected-error @below {{[WF4004] breaks the contract of stage 'kernels'}}
func.func @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel} {
  return %x : tensor<4xf32>
}

// -----

// Names that appear inside only count, too.
func.func @main() {
  return
}
func.func private @k(%x: tensor<4xf32>) attributes {weft.kernel} {
  %c = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  // expected-error @below {{[WF4014] breaks the contract of stage 'kernels'}}
  %b = weft.broadcast %c {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<s9>>
  return
}
