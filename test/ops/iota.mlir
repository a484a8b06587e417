// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// CHECK-LABEL: func.func private @k(
// CHECK:         %[[I:.*]] = linalg.index 1
// CHECK:         %[[N:.*]] = arith.index_cast %[[I]] : index to i64
// CHECK:         arith.sitofp %[[N]] : i64 to f32
func.func private @k() -> tensor<2x3xf32> attributes {weft.kernel} {
  %r = weft.iota {dim = 1 : i64} : () -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}

// VALUE:      {{\[}}[0., 1., 2.],
// VALUE-NEXT:  [0., 1., 2.]]
// VALUE-NEXT: {{\[}}[0, 0],
// VALUE-NEXT:  [1, 1]]
func.func @main() -> (tensor<2x3xf32>, tensor<2x2xui8>) {
  %r = weft.iota {dim = 1 : i64} : () -> tensor<2x3xf32>
  %s = weft.iota {dim = 0 : i64} : () -> tensor<2x2xui8>
  return %r, %s : tensor<2x3xf32>, tensor<2x2xui8>
}
