// RUN: weft-opt %s --weft-check-contract=bufferized -split-input-file -verify-diagnostics

// Keeps the contract.
func.func @main() {
  return
}
func.func private @k(%call: !llvm.ptr, %in: !llvm.ptr, %out: !llvm.ptr, %s0: i64) attributes {weft.kernel} {
  %x = llvm.load %in : !llvm.ptr -> f32
  llvm.store %x, %out : f32, !llvm.ptr
  return
}

// -----

func.func @main() {
  return
}
func.func private @k(%out: !llvm.ptr) attributes {weft.kernel} {
  // expected-error @below {{[WF4050] breaks the contract of stage 'bufferized'}}
  %e = tensor.empty() : tensor<4xf32>
  return
}

// -----

func.func @main() {
  return
}
// expected-error @below {{[WF4051] breaks the contract of stage 'bufferized'}}
func.func private @k(%in: !llvm.ptr) -> i64 attributes {weft.kernel} {
  %c = arith.constant 0 : i64
  return %c : i64
}

// -----

func.func @main() {
  return
}
// expected-error @below {{[WF4052] breaks the contract of stage 'bufferized'}}
func.func private @k(%in: index) attributes {weft.kernel} {
  return
}

// -----

llvm.func @malloc(i64) -> !llvm.ptr
func.func @main() {
  return
}
func.func private @k(%n: i64) attributes {weft.kernel} {
  // expected-error @below {{[WF4053] breaks the contract of stage 'bufferized'}}
  %p = llvm.call @malloc(%n) : (i64) -> !llvm.ptr
  return
}
