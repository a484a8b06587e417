// RUN: weft-opt %s --weft-check-contract=llvm -split-input-file -verify-diagnostics

// Keeps the contract.
llvm.func @main() {
  llvm.return
}

// -----

// expected-error @below {{[WF4060] breaks the contract of stage 'llvm'}}
func.func @main() {
  // expected-error @below {{[WF4060] breaks the contract of stage 'llvm'}}
  return
}
