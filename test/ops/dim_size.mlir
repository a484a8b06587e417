// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// CHECK-LABEL: func.func private @k(
// CHECK-SAME:    %{{.*}}: tensor<?xf32>, %[[S:.*]]: index)
// CHECK:         %[[TWICE:.*]] = arith.muli %[[S]], %{{.*}} : index
// CHECK:         arith.index_cast %[[TWICE]] : index to i64
func.func private @k(%x: tensor<?xf32, #weft.dims<s0>>) -> tensor<i64> attributes {weft.kernel} {
  %r = weft.dim_size {size = #weft.size<2*s0>} : () -> tensor<i64>
  return %r : tensor<i64>
}

// The symbols are those of the function's own arguments.
// VALUE:      3
func.func @main() -> tensor<i64> {
  %x = weft.constant {value = dense<0.0> : tensor<7xf32>} : () -> tensor<7xf32>
  %y = weft.call @half(%x) : (tensor<7xf32>) -> tensor<i64>
  return %y : tensor<i64>
}
func.func private @half(%x: tensor<?xf32, #weft.dims<T>>) -> tensor<i64> {
  %t = weft.dim_size {size = #weft.size<(T floordiv 2)>} : () -> tensor<i64>
  return %t : tensor<i64>
}
