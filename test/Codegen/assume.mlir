// Assumptions on sizes: the entry and the reference check them alike, once, before anything is computed.
// RUN: weft-run %s --reference --function make --output %t.3.npy --output %t.4.npy --output %t.12.npy
// RUN: weft-run %s --input %t.4.npy | FileCheck %s --check-prefix=GOOD
// RUN: weft-run %s --input %t.4.npy --reference | FileCheck %s --check-prefix=GOOD
// RUN: not weft-run %s --input %t.3.npy 2>&1 | FileCheck %s --check-prefix=ODD
// RUN: not weft-run %s --input %t.3.npy --reference 2>&1 | FileCheck %s --check-prefix=ODD
// RUN: not weft-run %s --input %t.12.npy 2>&1 | FileCheck %s --check-prefix=LONG
// RUN: not weft-run %s --input %t.12.npy --reference 2>&1 | FileCheck %s --check-prefix=LONG
// RUN: not weft-run %s --reference --function unknown --input %t.3.npy 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not weft-run %s --reference --function malformed --input %t.3.npy 2>&1 | FileCheck %s --check-prefix=MALFORMED

// GOOD: [-1., -1., -1., -1.]
// The remainder of a size below zero is not negative: 3-5 mod 4 is 2.
// ODD: [WF5022]{{.*}}expected 3, got 2
// LONG: [WF5022]{{.*}}expected 8, got 12
func.func @main(%x: tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>>
    attributes {weft.assume = ["S != 0", "S-5 mod 4 == 3", "S <= 8"]} {
  %r = weft.neg %x : (tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S>>
  return %r : tensor<?xf32, #weft.dims<S>>
}
func.func private @make() -> (tensor<3xf32>, tensor<4xf32>, tensor<12xf32>) {
  %a = weft.constant {value = dense<1.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %b = weft.constant {value = dense<1.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %c = weft.constant {value = dense<1.0> : tensor<12xf32>} : () -> tensor<12xf32>
  return %a, %b, %c : tensor<3xf32>, tensor<4xf32>, tensor<12xf32>
}
// UNKNOWN: [WF1404] a size of assumption "T >= 1" has no value
func.func private @unknown(%x: tensor<?xf32, #weft.dims<S>>) attributes {weft.assume = ["T >= 1"]} {
  return
}
// MALFORMED: [WF1402] malformed assumption "S is odd"
func.func private @malformed(%x: tensor<?xf32, #weft.dims<S>>) attributes {weft.assume = ["S is odd"]} {
  return
}
