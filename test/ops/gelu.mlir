// RUN: weft-opt %s --split-input-file --verify-diagnostics --weft-decompose | FileCheck %s
// RUN: sed '/^\/\/ -----/,$d' %s | weft-run - --reference | FileCheck %s --check-prefix=VALUE

// What it is made of; f16 is computed in f32 and rounded once.
// CHECK-LABEL: func.func private @half(
// CHECK:         %[[X:.*]] = weft.convert %{{.*}} {dtype = f32}
// CHECK:         %[[Z:.*]] = weft.mul %{{.*}}, %[[X]]
// CHECK:         %[[T:.*]] = weft.erfc %[[Z]]
// CHECK:         %[[P:.*]] = weft.mul %{{.*}}, %[[T]]
// CHECK:         %[[R:.*]] = weft.mul %[[X]], %[[P]]
// CHECK:         weft.convert %[[R]] {dtype = f16}
func.func private @half(%x: tensor<2x?xf16, #weft.dims<_, B>>) -> tensor<2x?xf16, #weft.dims<_, B>> {
  %r = weft.gelu %x : (tensor<2x?xf16, #weft.dims<_, B>>) -> tensor<2x?xf16, #weft.dims<_, B>>
  return %r : tensor<2x?xf16, #weft.dims<_, B>>
}

// Below 0 what is left is not lost: -5 times 2.8665e-7.
// VALUE: 0., -1.433{{[0-9]*}}e-06, 30., inf, nan
func.func @main() -> tensor<5xf32> {
  %x = weft.constant {value = dense<[0.0, -5.0, 30.0, 0x7F800000, 0x7FC00000]> : tensor<5xf32>} : () -> tensor<5xf32>
  %r = weft.gelu %x : (tensor<5xf32>) -> tensor<5xf32>
  return %r : tensor<5xf32>
}

// -----

// Of floats.
func.func @f(%x: tensor<3xi32>) -> tensor<3xi32> {
  // expected-error @below {{operand #0 must be}}
  %r = weft.gelu %x : (tensor<3xi32>) -> tensor<3xi32>
  return %r : tensor<3xi32>
}
