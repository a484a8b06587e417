// A padded array of no elements: the value that pads is made where it is read, and stands nowhere of its own.
// RUN: weft-run %s --verify | FileCheck %s

// CHECK:      {{\[}}[],
// CHECK-NEXT:  []]
func.func @main() -> tensor<2x0x1xf64> {
  %x = weft.iota {dim = 2 : i64} : () -> tensor<2x0x1xf64>
  %v = weft.constant {value = dense<0.0> : tensor<f64>} : () -> tensor<f64>
  %r = weft.pad %x, %v {low = array<i64: 0, 0, 0>, high = array<i64: 0, 0, 1>, interior = array<i64: 0, 0, 0>}
      : (tensor<2x0x1xf64>, tensor<f64>) -> tensor<2x0x2xf64>
  %s = weft.slice %r {starts = array<i64: 0, 0, 1>, strides = array<i64: 1, 1, 1>} : (tensor<2x0x2xf64>) -> tensor<2x0x1xf64>
  return %s : tensor<2x0x1xf64>
}
