// RUN: weft-opt %s --weft-constant-fold --weft-dce | FileCheck %s

// A whole subgraph, by the reference.
// CHECK-LABEL: @subgraph(
// CHECK-NEXT: %[[C:.*]] = weft.constant {value = dense<[5.000000e+00, 1.100000e+01]> : tensor<2xf32>}
// CHECK-NEXT: return %[[C]]
func.func @subgraph() -> tensor<2xf32> {
  %m = weft.constant {value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>} : () -> tensor<2x2xf32>
  %v = weft.constant {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %d = weft.dot %m, %v {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>}
      : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %d : tensor<2xf32>
}

// Splats stay splats, however large.
// CHECK-LABEL: @splats(
// CHECK-NEXT: %[[C:.*]] = weft.constant {value = dense<6.000000e+00> : tensor<1000x1000xf32>}
// CHECK-NEXT: return %[[C]]
func.func @splats() -> tensor<1000x1000xf32> {
  %a = weft.constant {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %b = weft.broadcast %a {dims = array<i64>} : (tensor<f32>) -> tensor<1000x1000xf32>
  %c = weft.constant {value = dense<3.0> : tensor<1000x1000xf32>} : () -> tensor<1000x1000xf32>
  %d = weft.mul %b, %c : (tensor<1000x1000xf32>, tensor<1000x1000xf32>) -> tensor<1000x1000xf32>
  return %d : tensor<1000x1000xf32>
}

// One number over a named size: the number is evaluated, the broadcast stays.
// CHECK-LABEL: @named(
// CHECK-NEXT: %[[C:.*]] = weft.constant {value = dense<6.000000e+00> : tensor<f32>}
// CHECK-NEXT: %[[B:.*]] = weft.broadcast %[[C]] {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<B>>
// CHECK-NEXT: return %[[B]]
func.func @named(%x: tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>> {
  %a = weft.constant {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %c = weft.constant {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %b = weft.broadcast %a {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<B>>
  %d = weft.broadcast %c {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<B>>
  %m = weft.mul %b, %d : (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %m : tensor<?xf32, #weft.dims<B>>
}

// Too large to stand in the program: 20,000 numbers of 4 bytes.
// CHECK-LABEL: @large(
// CHECK: weft.concat
func.func @large() -> tensor<20000xf32> {
  %a = weft.constant {value = dense<1.0> : tensor<10000xf32>} : () -> tensor<10000xf32>
  %b = weft.constant {value = dense<2.0> : tensor<10000xf32>} : () -> tensor<10000xf32>
  %c = weft.concat %a, %b {dim = 0 : i64} : (tensor<10000xf32>, tensor<10000xf32>) -> tensor<20000xf32>
  return %c : tensor<20000xf32>
}

// Bools and unsigned numbers keep their types.
// CHECK-LABEL: @kinds(
// CHECK-DAG: weft.constant {value = dense<[true, false]> : tensor<2xi1>}
// CHECK-DAG: weft.constant {value = dense<255> : tensor<2xui8>}
func.func @kinds() -> (tensor<2xi1>, tensor<2xui8>) {
  %a = weft.constant {value = dense<[1, 300]> : tensor<2xi32>} : () -> tensor<2xi32>
  %b = weft.constant {value = dense<2> : tensor<2xi32>} : () -> tensor<2xi32>
  %c = weft.lt %a, %b : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi1>
  %z = weft.constant {value = dense<0> : tensor<2xui8>} : () -> tensor<2xui8>
  %n = weft.not %z : (tensor<2xui8>) -> tensor<2xui8>
  return %c, %n : tensor<2xi1>, tensor<2xui8>
}
