// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// A static size turns in the map, a named one by a computed index.
// CHECK-DAG:   #[[TURNED:.*]] = affine_map<(d0, d1) -> (-d0 + 2, d1)>
// CHECK-LABEL: func.func private @static(
// CHECK:         linalg.generic {indexing_maps = [#[[TURNED]], #{{.*}}]
func.func private @static(%x: tensor<3x4xf32>) -> tensor<3x4xf32> attributes {weft.kernel} {
  %r = weft.reverse %x {dims = array<i64: 0>} : (tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}
// CHECK-LABEL: func.func private @named(
// CHECK-SAME:    %[[X:.*]]: tensor<?x4xf32>
// CHECK:         %[[I:.*]] = linalg.index 0
// CHECK:         %[[AT:.*]] = arith.subi %{{.*}}, %[[I]] : index
// CHECK:         tensor.extract %[[X]][%[[AT]], %{{.*}}]
func.func private @named(%x: tensor<?x4xf32, #weft.dims<s0, _>>) -> tensor<?x4xf32, #weft.dims<s0, _>> attributes {weft.kernel} {
  %r = weft.reverse %x {dims = array<i64: 0>} : (tensor<?x4xf32, #weft.dims<s0, _>>) -> tensor<?x4xf32, #weft.dims<s0, _>>
  return %r : tensor<?x4xf32, #weft.dims<s0, _>>
}

// VALUE:      {{\[}}[6, 5, 4],
// VALUE-NEXT:  [3, 2, 1]]
// VALUE-NEXT: {{\[}}[3, 2, 1],
// VALUE-NEXT:  [6, 5, 4]]
func.func @main() -> (tensor<2x3xi32>, tensor<2x3xi32>) {
  %x = weft.constant {value = dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>} : () -> tensor<2x3xi32>
  %both = weft.reverse %x {dims = array<i64: 0, 1>} : (tensor<2x3xi32>) -> tensor<2x3xi32>
  %last = weft.reverse %x {dims = array<i64: 1>} : (tensor<2x3xi32>) -> tensor<2x3xi32>
  return %both, %last : tensor<2x3xi32>, tensor<2x3xi32>
}
