// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference --function floats | FileCheck %s --check-prefix=FLOATS
// RUN: weft-run %s --reference --function integers | FileCheck %s --check-prefix=INTEGERS
// RUN: weft-run %s --reference --function conversions | FileCheck %s --check-prefix=CONVERSIONS
// RUN: weft-run %s --reference --function tests | FileCheck %s --check-prefix=TESTS
// RUN: weft-run %s --reference --function functions | FileCheck %s --check-prefix=FUNCTIONS
// RUN: weft-run %s --reference --function points | FileCheck %s --check-prefix=POINTS
// RUN: weft-run %s --reference --function bits | FileCheck %s --check-prefix=BITS

//===-- Lowering ---------------------------------------------------------------------------------------------------===//

// f16 computes in f32 and rounds once an op.
// CHECK-LABEL: func.func private @half(
// CHECK:         ^bb0(%[[X:.*]]: f16, %[[Y:.*]]: f16, %{{.*}}: f16):
// CHECK:           %[[WX:.*]] = arith.extf %[[X]] : f16 to f32
// CHECK:           %[[WY:.*]] = arith.extf %[[Y]] : f16 to f32
// CHECK:           %[[SUM:.*]] = arith.addf %[[WX]], %[[WY]] : f32
// CHECK:           arith.truncf %[[SUM]] : f32 to f16
func.func private @half(%x: tensor<4xf16>, %y: tensor<4xf16>) -> tensor<4xf16> attributes {weft.kernel} {
  %r = weft.add %x, %y : (tensor<4xf16>, tensor<4xf16>) -> tensor<4xf16>
  return %r : tensor<4xf16>
}

// Division is total: no divisor that traps or is undefined reaches it.
// CHECK-LABEL: func.func private @quotient(
// CHECK:         ^bb0(%[[X:.*]]: i32, %[[Y:.*]]: i32, %{{.*}}: i32):
// CHECK:           %[[SAFE:.*]] = arith.select
// CHECK:           %[[Q:.*]] = arith.divsi %[[X]], %[[SAFE]] : i32
// CHECK:           arith.cmpi eq, %[[Y]]
// CHECK:           arith.select %{{.*}}, %{{.*}}, %[[Q]] : i32
func.func private @quotient(%x: tensor<4xi32>, %y: tensor<4xi32>) -> tensor<4xi32> attributes {weft.kernel} {
  %r = weft.div %x, %y : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  return %r : tensor<4xi32>
}

// Transcendental functions stay one math op; logistic is made of exp.
// CHECK-LABEL: func.func private @function(
// CHECK:         math.tanh
// CHECK:         math.exp
// CHECK:         arith.divf
// CHECK-NOT:     call
func.func private @function(%x: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel} {
  %t = weft.tanh %x : (tensor<4xf32>) -> tensor<4xf32>
  %r = weft.logistic %t : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

//===-- Values -----------------------------------------------------------------------------------------------------===//

// FLOATS:      [-3., 1.5, nan, 0.]
// FLOATS-NEXT: [-1., 1., nan, 0.]
// FLOATS-NEXT: [2., 2., nan, 0.]
// FLOATS-NEXT: [-3., 0.5, nan, -0.]
// FLOATS-NEXT: [-2., 2., nan, -0.]
// FLOATS-NEXT: [-1., 1.5, nan, -0.]
func.func @floats() -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %x = weft.constant {value = dense<[-3.0, 1.5, 0x7FC00000, -0.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %y = weft.constant {value = dense<[2.0, 0.5, 1.0, 0.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %z = weft.constant {value = dense<[2.0, 2.0, 1.0, 0.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  // x + 0, but for the sign of zero; -0 + 0 is 0.
  %zero = weft.sub %y, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %sum = weft.add %x, %zero : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %sign = weft.sign %x : (tensor<4xf32>) -> tensor<4xf32>
  %max = weft.max %x, %z : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %min = weft.min %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // Ties to even: -2.5 -> -2, 1.5 -> 2.
  %half = weft.constant {value = dense<[0.5, 0.0, 0.0, -0.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %tie = weft.add %x, %half : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %round = weft.round %tie : (tensor<4xf32>) -> tensor<4xf32>
  // The remainder has x's sign: -3 rem 2 = -1, 1.5 rem inf = 1.5.
  %by = weft.constant {value = dense<[2.0, 0x7F800000, 1.0, 5.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %rem = weft.rem %x, %by : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %sum, %sign, %max, %min, %round, %rem
      : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// Wrapping; x / 0 = 0; the least value by -1 wraps; shifts past the width; powers.
// INTEGERS:      [-128, 10, 0, -128]
// INTEGERS-NEXT: [-127, 0, -3, -128]
// INTEGERS-NEXT: [0, 9, -1, 0]
// INTEGERS-NEXT: [-1, 0, -1, 0]
// INTEGERS-NEXT: [127, 0, -7, 0]
// INTEGERS-NEXT: [-1, 1, 0, 0, 1, -128]
// INTEGERS-NEXT: [-128, 0, -128]
// INTEGERS-NEXT: [127, 0]
func.func @integers() -> (tensor<4xi8>, tensor<4xi8>, tensor<4xi8>, tensor<4xi8>, tensor<4xi8>, tensor<6xi8>, tensor<3xi8>, tensor<2xui8>) {
  %x = weft.constant {value = dense<[127, 9, -7, -128]> : tensor<4xi8>} : () -> tensor<4xi8>
  %y = weft.constant {value = dense<[-1, 0, 2, -1]> : tensor<4xi8>} : () -> tensor<4xi8>
  %one = weft.constant {value = dense<[1, 1, 7, 0]> : tensor<4xi8>} : () -> tensor<4xi8>
  %sum = weft.add %x, %one : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  %div = weft.div %x, %y : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  %four = weft.constant {value = dense<[1, 10, 2, -1]> : tensor<4xi8>} : () -> tensor<4xi8>
  %rem = weft.rem %x, %four : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  // Right by 8, -1, 3, 64: the sign is kept, a negative amount is a huge one.
  %by = weft.constant {value = dense<[8, -1, 3, 64]> : tensor<4xi8>} : () -> tensor<4xi8>
  %signs = weft.constant {value = dense<[-2, 9, -7, 3]> : tensor<4xi8>} : () -> tensor<4xi8>
  %right = weft.shift_right %signs, %by : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  %mask = weft.constant {value = dense<[127, 0, -1, 0]> : tensor<4xi8>} : () -> tensor<4xi8>
  %and = weft.and %x, %mask : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  %base = weft.constant {value = dense<[-1, -1, 2, 0, 0, 2]> : tensor<6xi8>} : () -> tensor<6xi8>
  %power = weft.constant {value = dense<[-3, -4, -1, -1, 0, 7]> : tensor<6xi8>} : () -> tensor<6xi8>
  %pow = weft.pow %base, %power : (tensor<6xi8>, tensor<6xi8>) -> tensor<6xi8>
  %l = weft.constant {value = dense<[1, 1, -128]> : tensor<3xi8>} : () -> tensor<3xi8>
  %n = weft.constant {value = dense<[7, 8, 0]> : tensor<3xi8>} : () -> tensor<3xi8>
  %left = weft.shift_left %l, %n : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi8>
  %u = weft.constant {value = dense<[255, 255]> : tensor<2xui8>} : () -> tensor<2xui8>
  %v = weft.constant {value = dense<[2, 0]> : tensor<2xui8>} : () -> tensor<2xui8>
  %unsigned = weft.div %u, %v : (tensor<2xui8>, tensor<2xui8>) -> tensor<2xui8>
  return %sum, %div, %rem, %right, %and, %pow, %left, %unsigned
      : tensor<4xi8>, tensor<4xi8>, tensor<4xi8>, tensor<4xi8>, tensor<4xi8>, tensor<6xi8>, tensor<3xi8>, tensor<2xui8>
}

// Floats to integers truncate and saturate, NaN gives 0; f64 to f16 rounds once (1 + 2^-11 + 2^-30 is above the tie, as
// f32 it is the tie); integers wrap.
// CONVERSIONS:      [-128, 127, 0, -1]
// CONVERSIONS-NEXT: [0, 255, 0, 0]
// CONVERSIONS-NEXT: [True, True, True, True]
// CONVERSIONS-NEXT: [1.001, inf]
// CONVERSIONS-NEXT: [-56, 1]
// CONVERSIONS-NEXT: [200., 1.]
func.func @conversions() -> (tensor<4xi8>, tensor<4xui8>, tensor<4xi1>, tensor<2xf16>, tensor<2xi8>, tensor<2xbf16>) {
  %x = weft.constant {value = dense<[-1000.0, 0x7F800000, 0x7FC00000, -1.75]> : tensor<4xf32>} : () -> tensor<4xf32>
  %i = weft.convert %x {dtype = i8} : (tensor<4xf32>) -> tensor<4xi8>
  %u = weft.convert %x {dtype = ui8} : (tensor<4xf32>) -> tensor<4xui8>
  %b = weft.convert %x {dtype = i1} : (tensor<4xf32>) -> tensor<4xi1>
  %y = weft.constant {value = dense<[0x3FF0020000400000, 65520.0]> : tensor<2xf64>} : () -> tensor<2xf64>
  %h = weft.convert %y {dtype = f16} : (tensor<2xf64>) -> tensor<2xf16>
  %n = weft.constant {value = dense<[200, 1]> : tensor<2xui8>} : () -> tensor<2xui8>
  %w = weft.convert %n {dtype = i8} : (tensor<2xui8>) -> tensor<2xi8>
  %f = weft.convert %n {dtype = bf16} : (tensor<2xui8>) -> tensor<2xbf16>
  return %i, %u, %b, %h, %w, %f : tensor<4xi8>, tensor<4xui8>, tensor<4xi1>, tensor<2xf16>, tensor<2xi8>, tensor<2xbf16>
}

// NaN is equal to nothing, and differs from everything.
// TESTS:      [True, False, False]
// TESTS-NEXT: [False, True, True]
// TESTS-NEXT: [False, True, False]
// TESTS-NEXT: [False, False, True]
// TESTS-NEXT: [1., 9., 9.]
// TESTS-NEXT: [True]
func.func @tests() -> (tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xf32>, tensor<1xi1>) {
  %x = weft.constant {value = dense<[1.0, 0xFF800000, 0x7FC00000]> : tensor<3xf32>} : () -> tensor<3xf32>
  %y = weft.constant {value = dense<[1.0, 9.0, 9.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %eq = weft.eq %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %ne = weft.ne %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %inf = weft.is_inf %x : (tensor<3xf32>) -> tensor<3xi1>
  %nan = weft.is_nan %x : (tensor<3xf32>) -> tensor<3xi1>
  %choice = weft.select %eq, %x, %y : (tensor<3xi1>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %big = weft.constant {value = dense<200> : tensor<1xui8>} : () -> tensor<1xui8>
  %small = weft.constant {value = dense<100> : tensor<1xui8>} : () -> tensor<1xui8>
  %gt = weft.gt %big, %small : (tensor<1xui8>, tensor<1xui8>) -> tensor<1xi1>
  return %eq, %ne, %inf, %nan, %choice, %gt : tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xf32>, tensor<1xi1>
}

// Exact points of the functions (their accuracy is tested against mpmath apart).
// FUNCTIONS:      [1., 2., 0., 0., 0.5, 0., 1.]
// FUNCTIONS-NEXT: [8., 3., 2.]
func.func @functions() -> (tensor<7xf64>, tensor<3xf64>) {
  %zero = weft.constant {value = dense<0.0> : tensor<1xf64>} : () -> tensor<1xf64>
  %one = weft.constant {value = dense<1.0> : tensor<1xf64>} : () -> tensor<1xf64>
  %a = weft.exp %zero : (tensor<1xf64>) -> tensor<1xf64>
  %b = weft.exp2 %one : (tensor<1xf64>) -> tensor<1xf64>
  %c = weft.log %one : (tensor<1xf64>) -> tensor<1xf64>
  %d = weft.tanh %zero : (tensor<1xf64>) -> tensor<1xf64>
  %e = weft.logistic %zero : (tensor<1xf64>) -> tensor<1xf64>
  %f = weft.erf %zero : (tensor<1xf64>) -> tensor<1xf64>
  %g = weft.cos %zero : (tensor<1xf64>) -> tensor<1xf64>
  %r = weft.concat %a, %b, %c, %d, %e, %f, %g {dim = 0 : i64} : (tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>,
      tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<7xf64>
  %x = weft.constant {value = dense<[2.0, 9.0, 8.0]> : tensor<3xf64>} : () -> tensor<3xf64>
  %y = weft.constant {value = dense<[3.0, 0.5, 0.3333333333333333]> : tensor<3xf64>} : () -> tensor<3xf64>
  %p = weft.pow %x, %y : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  return %r, %p : tensor<7xf64>, tensor<3xf64>
}

// One exact point of each function that the cases above leave out, in the order of the family's file.
// POINTS:      [3., 0.5, 2., 0., 3., 0., 0., 0., 0., 0., 0., 0., 0., 1., 0., 0., 0., 1., -2., -1., -1., 1.5, 1.5, -1.5]
// POINTS-NEXT: [0., 6., 0., inf]
// POINTS-NEXT: [0., 0., 6.]
// POINTS-NEXT: [3, 4]
func.func @points() -> (tensor<24xf64>, tensor<4xf64>, tensor<3xf64>, tensor<2xi32>) {
  %zero = weft.constant {value = dense<0.0> : tensor<1xf64>} : () -> tensor<1xf64>
  %one = weft.constant {value = dense<1.0> : tensor<1xf64>} : () -> tensor<1xf64>
  %four = weft.constant {value = dense<4.0> : tensor<1xf64>} : () -> tensor<1xf64>
  %eight = weft.constant {value = dense<8.0> : tensor<1xf64>} : () -> tensor<1xf64>
  %nine = weft.constant {value = dense<9.0> : tensor<1xf64>} : () -> tensor<1xf64>
  %minus = weft.constant {value = dense<-1.5> : tensor<1xf64>} : () -> tensor<1xf64>
  %0 = weft.sqrt %nine : (tensor<1xf64>) -> tensor<1xf64>
  %1 = weft.rsqrt %four : (tensor<1xf64>) -> tensor<1xf64>
  %2 = weft.cbrt %eight : (tensor<1xf64>) -> tensor<1xf64>
  %3 = weft.expm1 %zero : (tensor<1xf64>) -> tensor<1xf64>
  %4 = weft.log2 %eight : (tensor<1xf64>) -> tensor<1xf64>
  %5 = weft.log10 %one : (tensor<1xf64>) -> tensor<1xf64>
  %6 = weft.log1p %zero : (tensor<1xf64>) -> tensor<1xf64>
  %7 = weft.sin %zero : (tensor<1xf64>) -> tensor<1xf64>
  %8 = weft.tan %zero : (tensor<1xf64>) -> tensor<1xf64>
  %9 = weft.asin %zero : (tensor<1xf64>) -> tensor<1xf64>
  %10 = weft.acos %one : (tensor<1xf64>) -> tensor<1xf64>
  %11 = weft.atan %zero : (tensor<1xf64>) -> tensor<1xf64>
  %12 = weft.sinh %zero : (tensor<1xf64>) -> tensor<1xf64>
  %13 = weft.cosh %zero : (tensor<1xf64>) -> tensor<1xf64>
  %14 = weft.asinh %zero : (tensor<1xf64>) -> tensor<1xf64>
  %15 = weft.acosh %one : (tensor<1xf64>) -> tensor<1xf64>
  %16 = weft.atanh %zero : (tensor<1xf64>) -> tensor<1xf64>
  %17 = weft.erfc %zero : (tensor<1xf64>) -> tensor<1xf64>
  %18 = weft.floor %minus : (tensor<1xf64>) -> tensor<1xf64>
  %19 = weft.ceil %minus : (tensor<1xf64>) -> tensor<1xf64>
  %20 = weft.trunc %minus : (tensor<1xf64>) -> tensor<1xf64>
  %21 = weft.neg %minus : (tensor<1xf64>) -> tensor<1xf64>
  %22 = weft.abs %minus : (tensor<1xf64>) -> tensor<1xf64>
  %23 = weft.stop_gradient %minus : (tensor<1xf64>) -> tensor<1xf64>
  %r = weft.concat %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23 {dim = 0 : i64}
      : (tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<24xf64>
  // The angle of (1, 0) is 0; 2 * 3 = 6; erf(0) = 0, and erf comes to 1 at infinity.
  %x = weft.constant {value = dense<[2.0, 3.0]> : tensor<2xf64>} : () -> tensor<2xf64>
  %angle = weft.atan2 %zero, %one : (tensor<1xf64>, tensor<1xf64>) -> tensor<1xf64>
  %two = weft.slice %x {starts = array<i64: 0>, strides = array<i64: 1>} : (tensor<2xf64>) -> tensor<1xf64>
  %three = weft.slice %x {starts = array<i64: 1>, strides = array<i64: 1>} : (tensor<2xf64>) -> tensor<1xf64>
  %product = weft.mul %two, %three : (tensor<1xf64>, tensor<1xf64>) -> tensor<1xf64>
  %inverse = weft.erf_inv %zero : (tensor<1xf64>) -> tensor<1xf64>
  %coarse = weft.erf_inv_coarse %one : (tensor<1xf64>) -> tensor<1xf64>
  %s = weft.concat %angle, %product, %inverse, %coarse {dim = 0 : i64}
      : (tensor<1xf64>, tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) -> tensor<4xf64>
  // A zero wins, whatever the other factor is: infinite, NaN.
  %p = weft.constant {value = dense<[-0.0, 0x7FF0000000000000, 2.0]> : tensor<3xf64>} : () -> tensor<3xf64>
  %q = weft.constant {value = dense<[0x7FF8000000000000, 0.0, 3.0]> : tensor<3xf64>} : () -> tensor<3xf64>
  %strong = weft.strong_mul %p, %q : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  %i = weft.constant {value = dense<[3, 4]> : tensor<2xi32>} : () -> tensor<2xi32>
  %named = weft.checkpoint_name %i {label = "i"} : (tensor<2xi32>) -> tensor<2xi32>
  return %r, %s, %strong, %named : tensor<24xf64>, tensor<4xf64>, tensor<3xf64>, tensor<2xi32>
}

// Comparisons with NaN are false; bits of integers and of truth values.
// BITS:      [True, False, False]
// BITS-NEXT: [True, True, False]
// BITS-NEXT: [False, True, False]
// BITS-NEXT: [True, True, False]
// BITS-NEXT: [-1, -6, 2]
// BITS-NEXT: [7, 7, -1]
// BITS-NEXT: [7, 6, -1]
func.func @bits() -> (tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>) {
  %x = weft.constant {value = dense<[1.0, 2.0, 0x7FC00000]> : tensor<3xf32>} : () -> tensor<3xf32>
  %y = weft.constant {value = dense<[1.5, 2.0, 1.0]> : tensor<3xf32>} : () -> tensor<3xf32>
  %lt = weft.lt %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %le = weft.le %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %ge = weft.ge %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %finite = weft.is_finite %x : (tensor<3xf32>) -> tensor<3xi1>
  %a = weft.constant {value = dense<[0, 5, -3]> : tensor<3xi32>} : () -> tensor<3xi32>
  %b = weft.constant {value = dense<[7, 3, 2]> : tensor<3xi32>} : () -> tensor<3xi32>
  %not = weft.not %a : (tensor<3xi32>) -> tensor<3xi32>
  %or = weft.or %a, %b : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
  %xor = weft.xor %a, %b : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
  return %lt, %le, %ge, %finite, %not, %or, %xor
      : tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xi32>, tensor<3xi32>, tensor<3xi32>
}
