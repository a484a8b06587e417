// RUN: weft-run %s --reference --function holds | FileCheck %s
// RUN: weft-run %s --reference --function lanes | FileCheck %s --check-prefix=LANES
// RUN: not weft-run %s --reference --function fails 2>&1 | FileCheck %s --check-prefix=FAILS
// RUN: not weft-run %s 2>&1 | FileCheck %s --check-prefix=FAILS

// CHECK: [1., 2.]
func.func @holds() -> tensor<2xf32> {
  %yes = weft.constant {value = dense<true> : tensor<i1>} : () -> tensor<i1>
  %x = weft.constant {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  weft.check %yes : tensor<i1>, "never" {lanes = 0 : i64}
  return %x : tensor<2xf32>
}

// All elements of a lane must hold; a lane that is masked off need not.
// LANES: [1., 2.]
func.func @lanes() -> tensor<2xf32> {
  %c = weft.constant {value = dense<[[true, true], [true, false]]> : tensor<2x2xi1>} : () -> tensor<2x2xi1>
  %mask = weft.constant {value = dense<[true, false]> : tensor<2xi1>} : () -> tensor<2xi1>
  %x = weft.constant {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  weft.check %c : tensor<2x2xi1>, "never {}" (%x : tensor<2xf32>) mask(%mask : tensor<2xi1>) {lanes = 1 : i64}
  return %x : tensor<2xf32>
}

// Nothing after it happens.
// FAILS-NOT: later
// FAILS:     x is [1, 2]
// FAILS-NOT: later
func.func @fails() -> tensor<2xf32> {
  %r = weft.call @main() : () -> tensor<2xf32>
  return %r : tensor<2xf32>
}
func.func @main() -> tensor<2xf32> {
  %no = weft.constant {value = dense<[true, false]> : tensor<2xi1>} : () -> tensor<2xi1>
  %x = weft.constant {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  weft.check %no : tensor<2xi1>, "x is {}" (%x : tensor<2xf32>) {lanes = 0 : i64}
  weft.print "later" {lanes = 0 : i64}
  return %x : tensor<2xf32>
}
