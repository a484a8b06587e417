// RUN: weft-opt %s --weft-simplify | FileCheck %s

// Identities that hold for every float, and those that do not.
// CHECK-LABEL: @zeros(
// CHECK-NEXT: return %arg0
func.func @zeros(%x: tensor<4xf32>) -> tensor<4xf32> {
  %minus = weft.constant {value = dense<-0.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %plus = weft.constant {value = dense<0.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %a = weft.add %minus, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %b = weft.sub %a, %plus : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %b : tensor<4xf32>
}

// x + (+0) turns -0 into +0; 0 * x may be NaN or -0; x - x may be NaN.
// CHECK-LABEL: @zeros_that_stay(
// CHECK: weft.add
// CHECK: weft.mul
// CHECK: weft.sub
func.func @zeros_that_stay(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %z = weft.constant {value = dense<0.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %a = weft.add %x, %z : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %m = weft.mul %x, %z : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %s = weft.sub %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %a, %m, %s : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// The same of integers all hold.
// CHECK-LABEL: @integers(
// CHECK-NEXT: %[[Z:.*]] = weft.constant {value = dense<0> : tensor<4xi32>}
// CHECK-NEXT: return %arg0, %[[Z]], %[[Z]]
func.func @integers(%x: tensor<4xi32>) -> (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) {
  %z = weft.constant {value = dense<0> : tensor<4xi32>} : () -> tensor<4xi32>
  %a = weft.add %x, %z : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %m = weft.mul %x, %z : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  %s = weft.sub %x, %x : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  return %a, %m, %s : tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
}

// Ones of named sizes, as derivatives make them.
// CHECK-LABEL: @ones(
// CHECK-NEXT: return %arg0
func.func @ones(%x: tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>> {
  %c = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %one = weft.broadcast %c {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<B>>
  %a = weft.mul %one, %x : (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %b = weft.div %a, %one : (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %b : tensor<?xf32, #weft.dims<B>>
}

// CHECK-LABEL: @signs(
// CHECK-NEXT: %[[N:.*]] = weft.neg %arg0
// CHECK-NEXT: %[[A:.*]] = weft.abs %arg0
// CHECK-NEXT: return %arg0, %[[N]], %[[N]], %[[A]]
func.func @signs(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %n = weft.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  %nn = weft.neg %n : (tensor<4xf32>) -> tensor<4xf32>
  %m = weft.constant {value = dense<-1.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %z = weft.constant {value = dense<-0.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %p = weft.mul %m, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %s = weft.sub %z, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %a = weft.abs %n : (tensor<4xf32>) -> tensor<4xf32>
  return %nn, %p, %s, %a : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: @differences(
// CHECK-NEXT: %[[D:.*]] = weft.sub %arg0, %arg1
// CHECK-NEXT: %[[S:.*]] = weft.add %arg0, %arg1
// CHECK-NEXT: return %[[D]], %[[S]]
func.func @differences(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %n = weft.neg %y : (tensor<4xf32>) -> tensor<4xf32>
  %a = weft.add %n, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %b = weft.sub %x, %n : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}

// x / 8 is a product; x / 3 is not, for 1/3 is not a number of f32.
// CHECK-LABEL: @divisors(
// CHECK-DAG: %[[E:.*]] = weft.constant {value = dense<1.250000e-01> : tensor<4xf32>}
// CHECK-DAG: %[[T:.*]] = weft.constant {value = dense<3.000000e+00> : tensor<4xf32>}
// CHECK-DAG: weft.mul %arg0, %[[E]]
// CHECK-DAG: weft.div %arg0, %[[T]]
func.func @divisors(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = weft.constant {value = dense<8.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %t = weft.constant {value = dense<3.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %a = weft.div %x, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %b = weft.div %x, %t : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: @choices(
// CHECK-NEXT: %[[S:.*]] = weft.select %arg0, %arg2, %arg1
// CHECK-NEXT: return %arg1, %arg1, %[[S]]
func.func @choices(%c: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %yes = weft.constant {value = dense<true> : tensor<4xi1>} : () -> tensor<4xi1>
  %n = weft.not %c : (tensor<4xi1>) -> tensor<4xi1>
  %a = weft.select %yes, %x, %y : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %b = weft.select %c, %x, %x : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %d = weft.select %n, %x, %y : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %a, %b, %d : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// Through a wider type and back is nothing; through a narrower one rounds; through a float, an integer saturates.
// CHECK-LABEL: @conversions(
// CHECK-NEXT: %[[H:.*]] = weft.convert %arg1 {dtype = f16}
// CHECK-NEXT: %[[W:.*]] = weft.convert %[[H]] {dtype = f32}
// CHECK-NEXT: %[[F:.*]] = weft.convert %arg2 {dtype = f32}
// CHECK-NEXT: %[[U:.*]] = weft.convert %[[F]] {dtype = ui8}
// CHECK-NEXT: return %arg0, %[[W]], %[[U]]
func.func @conversions(%h: tensor<4xf16>, %x: tensor<4xf32>, %i: tensor<4xi8>) -> (tensor<4xf16>, tensor<4xf32>, tensor<4xui8>) {
  %a = weft.convert %h {dtype = f32} : (tensor<4xf16>) -> tensor<4xf32>
  %b = weft.convert %a {dtype = f16} : (tensor<4xf32>) -> tensor<4xf16>
  %c = weft.convert %x {dtype = f16} : (tensor<4xf32>) -> tensor<4xf16>
  %d = weft.convert %c {dtype = f32} : (tensor<4xf16>) -> tensor<4xf32>
  %e = weft.convert %i {dtype = f32} : (tensor<4xi8>) -> tensor<4xf32>
  %f = weft.convert %e {dtype = ui8} : (tensor<4xf32>) -> tensor<4xui8>
  return %b, %d, %f : tensor<4xf16>, tensor<4xf32>, tensor<4xui8>
}

// A NaN is not less and not at least: only integers turn an order around.
// CHECK-LABEL: @not_compare(
// CHECK-NEXT: %[[N:.*]] = weft.ne %arg0, %arg0
// CHECK-NEXT: %[[L:.*]] = weft.lt %arg0, %arg1
// CHECK-NEXT: %[[R:.*]] = weft.not %[[L]]
// CHECK-NEXT: %[[G:.*]] = weft.ge %arg2, %arg3
// CHECK-NEXT: return %[[N]], %[[R]], %[[G]]
func.func @not_compare(%x: tensor<4xf32>, %y: tensor<4xf32>, %i: tensor<4xi32>, %j: tensor<4xi32>)
    -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>) {
  %a = weft.eq %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %b = weft.not %a : (tensor<4xi1>) -> tensor<4xi1>
  %c = weft.lt %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %d = weft.not %c : (tensor<4xi1>) -> tensor<4xi1>
  %e = weft.lt %i, %j : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi1>
  %f = weft.not %e : (tensor<4xi1>) -> tensor<4xi1>
  return %b, %d, %f : tensor<4xi1>, tensor<4xi1>, tensor<4xi1>
}

// Arithmetic on repeated scalars is done once.
// CHECK-LABEL: @repeated(
// CHECK-NEXT: %[[E:.*]] = weft.exp %arg0 : (tensor<f32>) -> tensor<f32>
// CHECK-NEXT: %[[B:.*]] = weft.broadcast %[[E]] {dims = array<i64>} : (tensor<f32>) -> tensor<5x4xf32>
// CHECK-NEXT: return %[[B]]
func.func @repeated(%x: tensor<f32>) -> tensor<5x4xf32> {
  %b = weft.broadcast %x {dims = array<i64>} : (tensor<f32>) -> tensor<4x5xf32>
  %e = weft.exp %b : (tensor<4x5xf32>) -> tensor<4x5xf32>
  %t = weft.transpose %e {permutation = array<i64: 1, 0>} : (tensor<4x5xf32>) -> tensor<5x4xf32>
  return %t : tensor<5x4xf32>
}

// An unsigned number wraps where it is negated, and has no sign to lose.
// CHECK-LABEL: func.func @unsigned
// CHECK-NEXT: weft.neg
// CHECK-NEXT: weft.abs
func.func @unsigned(%x: tensor<4xui8>) -> tensor<4xui8> {
  %n = weft.neg %x : (tensor<4xui8>) -> tensor<4xui8>
  %a = weft.abs %n : (tensor<4xui8>) -> tensor<4xui8>
  return %a : tensor<4xui8>
}
