// RUN: weft-run %s --reference | FileCheck %s
// RUN: weft-run %s | FileCheck %s
// RUN: weft-opt %s -weft-to-linalg | FileCheck %s --check-prefix=LINALG

// A window that is larger than x is zeros, also where a named size is found to be so small when it has become a number,
// and writes nothing.
// CHECK:      {{\[\[}}[0., 0.]],
// CHECK-NEXT: {{\[\[}}0., 0.]]]
// CHECK-NEXT: {{\[\[}}0., 0., 0., 0.]]
// CHECK-NEXT: [1., 1., 1.]
func.func @main() -> (tensor<2x1x2xf32>, tensor<1x4xf32>, tensor<3xf32>) {
  %none = weft.constant {value = dense<> : tensor<0x2xf32>} : () -> tensor<0x2xf32>
  %i = weft.constant {value = dense<[[0], [3]]> : tensor<2x1xi64>} : () -> tensor<2x1xi64>
  %r = weft.gather %none, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<0x2xf32>, tensor<2x1xi64>) -> tensor<2x1x2xf32>
  %x = weft.constant {value = dense<1.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %j = weft.constant {value = dense<0> : tensor<1x1xi64>} : () -> tensor<1x1xi64>
  %s = weft.gather %x, %j {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3xf32>, tensor<1x1xi64>) -> tensor<1x4xf32>
  %t = weft.scatter %x, %j, %s {kind = #weft.scatter_kind<set>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<3xf32>, tensor<1x1xi64>, tensor<1x4xf32>) -> tensor<3xf32>
  return %r, %s, %t : tensor<2x1x2xf32>, tensor<1x4xf32>, tensor<3xf32>
}

// Nothing of x is read where its named size leaves no room.
// LINALG-LABEL: func.func private @k(
// LINALG:         %[[FITS:.*]] = arith.cmpi sge
// LINALG:         linalg.generic
// LINALG:           scf.if %[[FITS]]
// LINALG:             tensor.extract
// LINALG:           else
func.func private @k(%x: tensor<?xf32, #weft.dims<s0>>, %i: tensor<3x1xi64>) -> tensor<3x1xf32> attributes {weft.kernel, weft.symbols = ["s0"]} {
  %r = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
      : (tensor<?xf32, #weft.dims<s0>>, tensor<3x1xi64>) -> tensor<3x1xf32>
  return %r : tensor<3x1xf32>
}
