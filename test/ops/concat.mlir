// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// A chain of writes into one tensor. A named offset stands beside the map, which has no symbol for it.
// CHECK-DAG:   #[[FIRST:.*]] = affine_map<(d0, d1) -> (d0, d1 mod 2)>
// CHECK-DAG:   #[[SECOND:.*]] = affine_map<(d0, d1) -> (d0, d1 + 2)>
// CHECK-LABEL: func.func private @static(
// CHECK:         %[[INIT:.*]] = tensor.empty() : tensor<3x6xf32>
// CHECK:         %[[X:.*]] = linalg.generic {indexing_maps = [#{{.*}}, #[[FIRST]]], {{.*}} outs(%[[INIT]] :
// CHECK:         linalg.generic {indexing_maps = [#{{.*}}, #[[SECOND]]], {{.*}} outs(%[[X]] :
func.func private @static(%x: tensor<3x2xf32>, %y: tensor<3x4xf32>) -> tensor<3x6xf32> attributes {weft.kernel} {
  %r = weft.concat %x, %y {dim = 1 : i64} : (tensor<3x2xf32>, tensor<3x4xf32>) -> tensor<3x6xf32>
  return %r : tensor<3x6xf32>
}
// CHECK-LABEL: func.func private @named(
// CHECK:         weft.part = tensor<?xf32, #weft.dims<s0>>, weft.starts = [#weft.size<0>]
// CHECK:         weft.part = tensor<4xf32>, weft.starts = [#weft.size<s0>]
func.func private @named(%x: tensor<?xf32, #weft.dims<s0>>, %y: tensor<4xf32>) -> tensor<?xf32, #weft.dims<s0+4>> attributes {weft.kernel} {
  %r = weft.concat %x, %y {dim = 0 : i64} : (tensor<?xf32, #weft.dims<s0>>, tensor<4xf32>) -> tensor<?xf32, #weft.dims<s0+4>>
  return %r : tensor<?xf32, #weft.dims<s0+4>>
}

// VALUE:      {{\[}}[1, 2, 5],
// VALUE-NEXT:  [3, 4, 6]]
// VALUE-NEXT: [7, 8]
func.func @main() -> (tensor<2x3xi32>, tensor<2xi32>) {
  %x = weft.constant {value = dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>} : () -> tensor<2x2xi32>
  %y = weft.constant {value = dense<[[5], [6]]> : tensor<2x1xi32>} : () -> tensor<2x1xi32>
  %r = weft.concat %x, %y {dim = 1 : i64} : (tensor<2x2xi32>, tensor<2x1xi32>) -> tensor<2x3xi32>
  %none = weft.constant {value = dense<> : tensor<0xi32>} : () -> tensor<0xi32>
  %z = weft.constant {value = dense<[7, 8]> : tensor<2xi32>} : () -> tensor<2xi32>
  %s = weft.concat %none, %z {dim = 0 : i64} : (tensor<0xi32>, tensor<2xi32>) -> tensor<2xi32>
  return %r, %s : tensor<2x3xi32>, tensor<2xi32>
}
