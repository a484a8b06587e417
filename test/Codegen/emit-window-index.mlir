// RUN: weft-run %s --verify | FileCheck %s

// What a kernel makes from its index is made at the place that a window reads, not at the place of the window: 0 + 1 + 4 + 9.
// CHECK: {{\[\[}}14]]
func.func @main() -> tensor<1x1xi32> {
%v1 = weft.iota  {dim = 0 : i64} : () -> tensor<4x1xi32>
%v19 = weft.broadcast %v1 {dims = array<i64: 0, 1>} : (tensor<4x1xi32>) -> tensor<4x1x1xi32>
%v20 = weft.convolution %v1, %v19 {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 2>, lhs_window = array<i64: 0>, rhs_window = array<i64: 0>, strides = array<i64: 3>, low = array<i64: 0>, high = array<i64: 0>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>} : (tensor<4x1xi32>, tensor<4x1x1xi32>) -> tensor<1x1xi32>
return %v20 : tensor<1x1xi32>
}
