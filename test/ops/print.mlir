// RUN: weft-run %s --reference | FileCheck %s
// RUN: weft-run %s | FileCheck %s
// RUN: weft-opt %s --weft-pipeline=traced..kernels | FileCheck %s --check-prefix=KERNELS

// In program order, in a loop once a step, for each lane where the mask holds; braces are doubled to stand for
// themselves; NaN has no sign.
// CHECK:      start {}
// CHECK-NEXT: x is [1.5, -2, nan, nan], n is 3
// CHECK-NEXT: step 0
// CHECK-NEXT: step 1
// CHECK-NEXT: lane [1, 2]
// CHECK-NEXT: lane [5, 6]
// CHECK-NEXT: [3., -4., nan, {{-?}}nan]

// What is printed is a result of its kernel.
// KERNELS-LABEL: func.func @main
// KERNELS:         weft.print "start
// KERNELS:         weft.for
// KERNELS:           weft.print "step
func.func @main() -> tensor<4xf32> {
  weft.print "start {{}}" {lanes = 0 : i64}
  %x = weft.constant {value = dense<[1.5, -2.0, 0x7FC00000, 0xFFC00000]> : tensor<4xf32>} : () -> tensor<4xf32>
  %n = weft.constant {value = dense<3> : tensor<i64>} : () -> tensor<i64>
  weft.print "x is {}, n is {}" (%x, %n : tensor<4xf32>, tensor<i64>) {lanes = 0 : i64}
  weft.for #weft.size<2> {
  ^bb0(%i: tensor<i64>):
    weft.print "step {}" (%i : tensor<i64>) {lanes = 0 : i64}
    weft.yield
  }
  %m = weft.constant {value = dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi32>} : () -> tensor<3x2xi32>
  %mask = weft.constant {value = dense<[true, false, true]> : tensor<3xi1>} : () -> tensor<3xi1>
  weft.print "lane {}" (%m : tensor<3x2xi32>) mask(%mask : tensor<3xi1>) {lanes = 1 : i64}
  %r = weft.add %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
