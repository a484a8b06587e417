// RUN: weft-opt %s --weft-inline-kernels | FileCheck %s

// A few operations on few elements: less than a call.
// CHECK-LABEL: @scalar
// CHECK-SAME: attributes {weft.inline, weft.kernel}
func.func private @scalar(%x: tensor<f32>) -> tensor<f32> attributes {weft.kernel} {
  %0 = weft.constant {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %1 = weft.mul %x, %0 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// An element picked from many.
// CHECK-LABEL: @pick
// CHECK-SAME: attributes {weft.inline, weft.kernel}
func.func private @pick(%x: tensor<1000xf32>, %i: tensor<1xi64>) -> tensor<1xf32> attributes {weft.kernel} {
  %0 = weft.gather %x, %i {at = 0 : i64, batch = 0 : i64, bounds = #weft.bounds<clamp>, dims = array<i64: 0>} : (tensor<1000xf32>, tensor<1xi64>) -> tensor<1xf32>
  return %0 : tensor<1xf32>
}

// Many elements, a size that is not known, a fold.
// CHECK-LABEL: @many
// CHECK-SAME: attributes {weft.kernel}
func.func private @many(%x: tensor<17xf32>) -> tensor<17xf32> attributes {weft.kernel} {
  %0 = weft.neg %x : (tensor<17xf32>) -> tensor<17xf32>
  return %0 : tensor<17xf32>
}
// CHECK-LABEL: @named
// CHECK-SAME: attributes {weft.kernel, weft.symbols = ["s0"]}
func.func private @named(%x: tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>> attributes {weft.kernel, weft.symbols = ["s0"]} {
  %0 = weft.neg %x : (tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>>
  return %0 : tensor<?xf32, #weft.dims<s0>>
}
// CHECK-LABEL: @fold
// CHECK-SAME: attributes {weft.kernel}
func.func private @fold(%x: tensor<4xf32>) -> tensor<f32> attributes {weft.kernel} {
  %0 = weft.reduce %x {dims = array<i64: 0>, kind = #weft.reduce_kind<add>} : (tensor<4xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// 48 operations (four functions of 12): worth it in one place, not in a dozen.
// CHECK-LABEL: @once
// CHECK-SAME: attributes {weft.inline, weft.kernel}
func.func private @once(%x: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel} {
  %0 = weft.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
// CHECK-LABEL: @often
// CHECK-SAME: attributes {weft.kernel}
func.func private @often(%x: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel} {
  %0 = weft.tanh %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = weft.launch @once(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = weft.launch @often(%0) : (tensor<4xf32>) -> tensor<4xf32>
  %2 = weft.launch @often(%1) : (tensor<4xf32>) -> tensor<4xf32>
  %3 = weft.launch @often(%2) : (tensor<4xf32>) -> tensor<4xf32>
  %4 = weft.launch @often(%3) : (tensor<4xf32>) -> tensor<4xf32>
  %5 = weft.launch @often(%4) : (tensor<4xf32>) -> tensor<4xf32>
  %6 = weft.launch @often(%5) : (tensor<4xf32>) -> tensor<4xf32>
  %7 = weft.launch @often(%6) : (tensor<4xf32>) -> tensor<4xf32>
  %8 = weft.launch @often(%7) : (tensor<4xf32>) -> tensor<4xf32>
  %9 = weft.launch @often(%8) : (tensor<4xf32>) -> tensor<4xf32>
  %10 = weft.launch @often(%9) : (tensor<4xf32>) -> tensor<4xf32>
  %11 = weft.launch @often(%10) : (tensor<4xf32>) -> tensor<4xf32>
  return %11 : tensor<4xf32>
}
