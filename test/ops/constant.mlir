// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE

// A splat is a scalar in a fill; other values are read from an arith.constant of signless type.
// CHECK-LABEL: func.func private @k(
// CHECK:         linalg.generic {{.*}} outs(
// CHECK:           %[[C:.*]] = arith.constant 2.500000e+00 : f32
// CHECK:           linalg.yield %[[C]]
// CHECK:         %[[D:.*]] = arith.constant dense<[1, -56]> : tensor<2xi8>
// CHECK:         linalg.generic {{.*}} ins(%[[D]] : tensor<2xi8>)
func.func private @k() -> (tensor<4xf32>, tensor<2xui8>) attributes {weft.kernel} {
  %r = weft.constant {value = dense<2.5> : tensor<4xf32>} : () -> tensor<4xf32>
  %s = weft.constant {value = dense<[1, 200]> : tensor<2xui8>} : () -> tensor<2xui8>
  return %r, %s : tensor<4xf32>, tensor<2xui8>
}

// VALUE:      [1.5, -0., inf]
// VALUE-NEXT: [1., 65504., 6e-08]
// VALUE-NEXT: [True, False, True]
// VALUE-NEXT: [255, 0]
// VALUE-NEXT: [7, 7]
func.func @main() -> (tensor<3xf32>, tensor<3xf16>, tensor<3xi1>, tensor<2xui8>, tensor<2xi64>) {
  %a = weft.constant {value = dense<[1.5, -0.0, 0x7F800000]> : tensor<3xf32>} : () -> tensor<3xf32>
  %b = weft.constant {value = dense<[1.0, 65504.0, 5.9604645e-08]> : tensor<3xf16>} : () -> tensor<3xf16>
  %c = weft.constant {value = dense<[true, false, true]> : tensor<3xi1>} : () -> tensor<3xi1>
  %d = weft.constant {value = dense<[255, 0]> : tensor<2xui8>} : () -> tensor<2xui8>
  %e = weft.constant {value = dense<7> : tensor<2xi64>} : () -> tensor<2xi64>
  return %a, %b, %c, %d, %e : tensor<3xf32>, tensor<3xf16>, tensor<3xi1>, tensor<2xui8>, tensor<2xi64>
}
