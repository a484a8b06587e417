// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-opt %s --weft-to-linalg --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=LOC

// Symbols become trailing arguments; the launch says what they are in its caller.
// CHECK-LABEL: func.func private @named(
// CHECK-SAME:    %[[X:.*]]: tensor<?x4xf32>, %[[S:.*]]: index) -> tensor<?x4xf32> attributes {weft.kernel, weft.lowered, weft.symbols = ["s0"]
// CHECK:         %[[INIT:.*]] = tensor.empty(%[[S]]) {weft.type = tensor<?x4xf32, #weft.dims<s0, _>>} : tensor<?x4xf32>
// CHECK:         linalg.generic
// CHECK-SAME:      ins(%[[X]] : tensor<?x4xf32>) outs(%[[INIT]] : tensor<?x4xf32>)
// LOC-LABEL: func.func private @named(
// LOC:         tensor.empty{{.*}} loc("user.py":7:3)
// LOC:         arith.negf{{.*}} loc("user.py":7:3)
// LOC-NEXT:    linalg.yield{{.*}} loc("user.py":7:3)
func.func private @named(%x: tensor<?x4xf32, #weft.dims<s0, _>>) -> tensor<?x4xf32, #weft.dims<s0, _>> attributes {weft.kernel} {
  %r = weft.neg %x : (tensor<?x4xf32, #weft.dims<s0, _>>) -> tensor<?x4xf32, #weft.dims<s0, _>> loc("user.py":7:3)
  return %r : tensor<?x4xf32, #weft.dims<s0, _>>
}

// Unsigned leaves the types and stays in the ops.
// CHECK-LABEL: func.func private @unsigned(
// CHECK-SAME:    %{{.*}}: tensor<4xi32>, %{{.*}}: tensor<4xi32>) -> tensor<4xi32>
// CHECK:         arith.maxui
func.func private @unsigned(%x: tensor<4xui32>, %y: tensor<4xui32>) -> tensor<4xui32> attributes {weft.kernel} {
  %r = weft.max %x, %y : (tensor<4xui32>, tensor<4xui32>) -> tensor<4xui32>
  return %r : tensor<4xui32>
}

// An argument that is returned, and a value returned twice, are copied: each result is a generic's own.
// CHECK-LABEL: func.func private @copies(
// CHECK:         %[[N:.*]] = linalg.generic
// CHECK:           arith.negf
// CHECK:         %[[C:.*]] = linalg.generic {{.*}} ins(%[[N]] :
// CHECK:         %[[A:.*]] = linalg.generic {{.*}} ins(%arg0 :
// CHECK:         return %[[N]], %[[C]], %[[A]]
func.func private @copies(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) attributes {weft.kernel} {
  %n = weft.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  return %n, %n, %x : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// Sizes are index arithmetic; a floor division rounds down for negative numbers too.
// CHECK-LABEL: func.func private @sizes(
// CHECK-SAME:    %[[X:.*]]: tensor<?xf32>, %[[S:.*]]: index)
// CHECK:         arith.divsi
// CHECK:         arith.remsi
// CHECK:         arith.cmpi slt
// CHECK:         arith.select
// CHECK:         arith.index_cast %{{.*}} : index to i64
func.func private @sizes(%x: tensor<?xf32, #weft.dims<s0>>) -> (tensor<?xf32, #weft.dims<s0>>, tensor<i64>) attributes {weft.kernel} {
  %r = weft.neg %x : (tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>>
  %d = weft.dim_size {size = #weft.size<(s0-3 floordiv 2)>} : () -> tensor<i64>
  return %r, %d : tensor<?xf32, #weft.dims<s0>>, tensor<i64>
}

// CHECK-LABEL: func.func @main(
// CHECK:         weft.launch @named(%{{.*}}) {weft.sizes = [#weft.size<2*B>]}
func.func @main(%x: tensor<?x4xf32, #weft.dims<2*B, _>>) -> tensor<?x4xf32, #weft.dims<2*B, _>> {
  %r = weft.launch @named(%x) : (tensor<?x4xf32, #weft.dims<2*B, _>>) -> tensor<?x4xf32, #weft.dims<2*B, _>>
  return %r : tensor<?x4xf32, #weft.dims<2*B, _>>
}
