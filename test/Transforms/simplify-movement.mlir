// RUN: weft-opt %s --weft-simplify | FileCheck %s

// CHECK-LABEL: @compose(
// CHECK-NEXT: %[[R:.*]] = weft.reshape %arg0 : (tensor<2x3x4xf32>) -> tensor<4x6xf32>
// CHECK-NEXT: %[[T:.*]] = weft.transpose %arg0 {permutation = array<i64: 1, 2, 0>}
// CHECK-NEXT: %[[S:.*]] = weft.slice %arg0 {starts = array<i64: 0, 1, 1>, strides = array<i64: 1, 1, 2>} : (tensor<2x3x4xf32>) -> tensor<2x2x1xf32>
// CHECK-NEXT: return %[[R]], %[[T]], %[[S]], %arg0
func.func @compose(%x: tensor<2x3x4xf32>) -> (tensor<4x6xf32>, tensor<3x4x2xf32>, tensor<2x2x1xf32>, tensor<2x3x4xf32>) {
  %a = weft.reshape %x : (tensor<2x3x4xf32>) -> tensor<24xf32>
  %b = weft.reshape %a : (tensor<24xf32>) -> tensor<4x6xf32>
  %c = weft.transpose %x {permutation = array<i64: 2, 1, 0>} : (tensor<2x3x4xf32>) -> tensor<4x3x2xf32>
  %d = weft.transpose %c {permutation = array<i64: 1, 0, 2>} : (tensor<4x3x2xf32>) -> tensor<3x4x2xf32>
  %e = weft.slice %x {starts = array<i64: 0, 0, 1>, strides = array<i64: 1, 1, 2>} : (tensor<2x3x4xf32>) -> tensor<2x3x2xf32>
  %f = weft.slice %e {starts = array<i64: 0, 1, 0>, strides = array<i64: 1, 1, 1>} : (tensor<2x3x2xf32>) -> tensor<2x2x1xf32>
  %g = weft.reverse %x {dims = array<i64: 0, 2>} : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %h = weft.reverse %g {dims = array<i64: 0, 2>} : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return %b, %d, %f, %h : tensor<4x6xf32>, tensor<3x4x2xf32>, tensor<2x2x1xf32>, tensor<2x3x4xf32>
}

// Room made by a reshape and filled by a broadcast is one broadcast.
// CHECK-LABEL: @keepdims(
// CHECK-NEXT: %[[B:.*]] = weft.broadcast %arg0 {dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x7xf32, #weft.dims<B, _>>
// CHECK-NEXT: return %[[B]]
func.func @keepdims(%x: tensor<?xf32, #weft.dims<B>>) -> tensor<?x7xf32, #weft.dims<B, _>> {
  %r = weft.reshape %x : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %b = weft.broadcast %r {dims = array<i64: 0, 1>} : (tensor<?x1xf32, #weft.dims<B, _>>) -> tensor<?x7xf32, #weft.dims<B, _>>
  return %b : tensor<?x7xf32, #weft.dims<B, _>>
}

// What is computed between the two comes before the room, whatever the operands that are one number.
// CHECK-LABEL: @keepdims_mean(
// CHECK-DAG: %[[N:.*]] = weft.constant {value = dense<7.000000e+00> : tensor<f32>}
// CHECK-DAG: %[[S:.*]] = weft.reduce %arg0
// CHECK-DAG: %[[M:.*]] = weft.broadcast %[[N]]
// CHECK: %[[D:.*]] = weft.div %[[S]], %[[M]] : (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
// CHECK: %[[A:.*]] = weft.broadcast %arg1 {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<B>>
// CHECK: %[[E:.*]] = weft.add %[[D]], %[[A]]
// CHECK: %[[W:.*]] = weft.broadcast %[[E]] {dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x7xf32, #weft.dims<B, _>>
// CHECK: weft.sub %arg0, %[[W]]
func.func @keepdims_mean(%x: tensor<?x7xf32, #weft.dims<B, _>>, %eps: tensor<f32>) -> tensor<?x7xf32, #weft.dims<B, _>> {
  %s = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<?x7xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  %k = weft.reshape %s : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %c = weft.constant {value = dense<7.0> : tensor<f32>} : () -> tensor<f32>
  %n = weft.broadcast %c {dims = array<i64>} : (tensor<f32>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %m = weft.div %k, %n : (tensor<?x1xf32, #weft.dims<B, _>>, tensor<?x1xf32, #weft.dims<B, _>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %e = weft.broadcast %eps {dims = array<i64>} : (tensor<f32>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %a = weft.add %m, %e : (tensor<?x1xf32, #weft.dims<B, _>>, tensor<?x1xf32, #weft.dims<B, _>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %w = weft.broadcast %a {dims = array<i64: 0, 1>} : (tensor<?x1xf32, #weft.dims<B, _>>) -> tensor<?x7xf32, #weft.dims<B, _>>
  %d = weft.sub %x, %w : (tensor<?x7xf32, #weft.dims<B, _>>, tensor<?x7xf32, #weft.dims<B, _>>) -> tensor<?x7xf32, #weft.dims<B, _>>
  return %d : tensor<?x7xf32, #weft.dims<B, _>>
}

// Elements of two types: each operand keeps its own. A constant of static shape follows.
// CHECK-LABEL: @keepdims_select(
// CHECK-DAG: %[[Z:.*]] = weft.constant {value = dense<0.000000e+00> : tensor<4xf32>}
// CHECK-DAG: %[[F:.*]] = weft.is_finite %arg0 : (tensor<4xf32>) -> tensor<4xi1>
// CHECK: %[[S:.*]] = weft.select %[[F]], %arg0, %[[Z]]
// CHECK: weft.reshape %[[S]] : (tensor<4xf32>) -> tensor<1x4x1xf32>
func.func @keepdims_select(%x: tensor<4xf32>) -> tensor<1x4x1xf32> {
  %k = weft.reshape %x : (tensor<4xf32>) -> tensor<1x4x1xf32>
  %f = weft.is_finite %k : (tensor<1x4x1xf32>) -> tensor<1x4x1xi1>
  %z = weft.constant {value = dense<0.0> : tensor<1x4x1xf32>} : () -> tensor<1x4x1xf32>
  %s = weft.select %f, %k, %z : (tensor<1x4x1xi1>, tensor<1x4x1xf32>, tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  return %s : tensor<1x4x1xf32>
}

// Not where an operand has no room to give up, nor where two made it of other shapes, nor for any other reshape.
// CHECK-LABEL: @room_that_stays(
// CHECK: weft.add {{.*}} : (tensor<4x1xf32>, tensor<4x1xf32>) -> tensor<4x1xf32>
// CHECK: weft.add {{.*}} : (tensor<1x4x1xf32>, tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
// CHECK: weft.neg {{.*}} : (tensor<2x2xf32>) -> tensor<2x2xf32>
func.func @room_that_stays(%x: tensor<4xf32>, %y: tensor<4x1xf32>) -> (tensor<4x1xf32>, tensor<1x4x1xf32>, tensor<2x2xf32>) {
  %k = weft.reshape %x : (tensor<4xf32>) -> tensor<4x1xf32>
  %a = weft.add %k, %y : (tensor<4x1xf32>, tensor<4x1xf32>) -> tensor<4x1xf32>
  %l = weft.reshape %x : (tensor<4xf32>) -> tensor<1x4x1xf32>
  %m = weft.reshape %y : (tensor<4x1xf32>) -> tensor<1x4x1xf32>
  %b = weft.add %l, %m : (tensor<1x4x1xf32>, tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  %r = weft.reshape %x : (tensor<4xf32>) -> tensor<2x2xf32>
  %c = weft.neg %r : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %a, %b, %c : tensor<4x1xf32>, tensor<1x4x1xf32>, tensor<2x2xf32>
}

// A reshape that does more stays.
// CHECK-LABEL: @reshape_that_stays(
// CHECK-NEXT: weft.reshape
// CHECK-NEXT: weft.broadcast
func.func @reshape_that_stays(%x: tensor<4xf32>) -> tensor<5x2x2xf32> {
  %r = weft.reshape %x : (tensor<4xf32>) -> tensor<2x2xf32>
  %b = weft.broadcast %r {dims = array<i64: 1, 2>} : (tensor<2x2xf32>) -> tensor<5x2x2xf32>
  return %b : tensor<5x2x2xf32>
}

// CHECK-LABEL: @broadcasts(
// CHECK-NEXT: %[[B:.*]] = weft.broadcast %arg0 {dims = array<i64: 0>} : (tensor<4xf32>) -> tensor<4x2x3xf32>
// CHECK-NEXT: return %[[B]]
func.func @broadcasts(%x: tensor<4xf32>) -> tensor<4x2x3xf32> {
  %a = weft.broadcast %x {dims = array<i64: 1>} : (tensor<4xf32>) -> tensor<3x4xf32>
  %b = weft.broadcast %a {dims = array<i64: 1, 2>} : (tensor<3x4xf32>) -> tensor<2x3x4xf32>
  %t = weft.transpose %b {permutation = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  return %t : tensor<4x2x3xf32>
}

// CHECK-LABEL: @parts(
// CHECK-NEXT: %[[S:.*]] = weft.slice %arg1 {starts = array<i64: 1>, strides = array<i64: 1>} : (tensor<4xf32>) -> tensor<2xf32>
// CHECK-NEXT: %[[C:.*]] = weft.concat %arg0, %arg1, %arg0
// CHECK-NEXT: return %[[S]], %arg0, %[[C]]
func.func @parts(%x: tensor<3xf32>, %y: tensor<4xf32>, %v: tensor<f32>) -> (tensor<2xf32>, tensor<3xf32>, tensor<10xf32>) {
  %c = weft.concat %x, %y {dim = 0 : i64} : (tensor<3xf32>, tensor<4xf32>) -> tensor<7xf32>
  %s = weft.slice %c {starts = array<i64: 4>, strides = array<i64: 1>} : (tensor<7xf32>) -> tensor<2xf32>
  %p = weft.pad %x, %v {low = array<i64: 1>, high = array<i64: 2>, interior = array<i64: 1>} : (tensor<3xf32>, tensor<f32>) -> tensor<8xf32>
  %u = weft.slice %p {starts = array<i64: 1>, strides = array<i64: 2>} : (tensor<8xf32>) -> tensor<3xf32>
  %d = weft.concat %c, %x {dim = 0 : i64} : (tensor<7xf32>, tensor<3xf32>) -> tensor<10xf32>
  return %s, %u, %d : tensor<2xf32>, tensor<3xf32>, tensor<10xf32>
}

// A slice over the seam stays.
// CHECK-LABEL: @over_the_seam(
// CHECK-NEXT: weft.concat
// CHECK-NEXT: weft.slice
func.func @over_the_seam(%x: tensor<3xf32>, %y: tensor<4xf32>) -> tensor<2xf32> {
  %c = weft.concat %x, %y {dim = 0 : i64} : (tensor<3xf32>, tensor<4xf32>) -> tensor<7xf32>
  %s = weft.slice %c {starts = array<i64: 2>, strides = array<i64: 1>} : (tensor<7xf32>) -> tensor<2xf32>
  return %s : tensor<2xf32>
}

// Transposes become dimension numbers.
// CHECK-LABEL: @dots(
// CHECK-NEXT: %[[D:.*]] = weft.dot %arg0, %arg1 {lhs_batch = array<i64>, lhs_contract = array<i64: 0>, rhs_batch = array<i64>, rhs_contract = array<i64: 0>}
// CHECK-NEXT: %[[E:.*]] = weft.dot %arg1, %arg0 {lhs_batch = array<i64>, lhs_contract = array<i64: 0>, rhs_batch = array<i64>, rhs_contract = array<i64: 0>}
// CHECK-NEXT: return %[[D]], %[[E]]
func.func @dots(%x: tensor<3x4xf32>, %y: tensor<3x5xf32>) -> (tensor<4x5xf32>, tensor<5x4xf32>) {
  %t = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<3x4xf32>) -> tensor<4x3xf32>
  %d = weft.dot %t, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>}
      : (tensor<4x3xf32>, tensor<3x5xf32>) -> tensor<4x5xf32>
  %e = weft.dot %x, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 0>, rhs_contract = array<i64: 0>}
      : (tensor<3x4xf32>, tensor<3x5xf32>) -> tensor<4x5xf32>
  %u = weft.transpose %e {permutation = array<i64: 1, 0>} : (tensor<4x5xf32>) -> tensor<5x4xf32>
  return %d, %u : tensor<4x5xf32>, tensor<5x4xf32>
}

// Maxima fold in any order, sums of floats in theirs only.
// CHECK-LABEL: @reductions(
// CHECK-NEXT: %[[M:.*]] = weft.reduce %arg0 {dims = array<i64: 0, 1>, kind = #weft.reduce_kind<max>}
// CHECK-NEXT: %[[A:.*]] = weft.reduce %arg0 {dims = array<i64: 1>, kind = #weft.reduce_kind<add>}
// CHECK-NEXT: %[[B:.*]] = weft.reduce %[[A]] {dims = array<i64: 0>, kind = #weft.reduce_kind<add>}
// CHECK-NEXT: return %[[M]], %[[B]], %arg1
func.func @reductions(%x: tensor<3x4xf32>, %y: tensor<3xf32>) -> (tensor<f32>, tensor<f32>, tensor<3xf32>) {
  %a = weft.reduce %x {kind = #weft.reduce_kind<max>, dims = array<i64: 0>} : (tensor<3x4xf32>) -> tensor<4xf32>
  %b = weft.reduce %a {kind = #weft.reduce_kind<max>, dims = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
  %c = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 1>} : (tensor<3x4xf32>) -> tensor<3xf32>
  %d = weft.reduce %c {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
  %e = weft.reduce %y {kind = #weft.reduce_kind<add>, dims = array<i64>} : (tensor<3xf32>) -> tensor<3xf32>
  return %b, %d, %e : tensor<f32>, tensor<f32>, tensor<3xf32>
}

// A mask made of indices is made in the shape that reads it; what reads memory, or is no mask, is repeated as it was.
// CHECK-LABEL: @masks(
// CHECK: %[[N:.*]] = weft.le %{{.*}} : (tensor<3x3xi64>, tensor<3x3xi64>) -> tensor<3x3xi1>
// CHECK-DAG: %[[I:.*]] = weft.broadcast %{{.*}} {dims = array<i64: 1>} : (tensor<3xi64>) -> tensor<2x3x3xi64>
// CHECK-DAG: %[[J:.*]] = weft.broadcast %{{.*}} {dims = array<i64: 2>} : (tensor<3xi64>) -> tensor<2x3x3xi64>
// CHECK: %[[M:.*]] = weft.le %[[J]], %[[I]] : (tensor<2x3x3xi64>, tensor<2x3x3xi64>) -> tensor<2x3x3xi1>
// CHECK: %[[B:.*]] = weft.broadcast %[[N]]
// CHECK: return %[[M]], %[[B]]
func.func @masks(%x: tensor<3xi64>) -> (tensor<2x3x3xi1>, tensor<2x3x3xi1>) {
  %i = weft.iota {dim = 0 : i64} : () -> tensor<3xi64>
  %a = weft.broadcast %i {dims = array<i64: 0>} : (tensor<3xi64>) -> tensor<3x3xi64>
  %b = weft.broadcast %i {dims = array<i64: 1>} : (tensor<3xi64>) -> tensor<3x3xi64>
  %c = weft.broadcast %x {dims = array<i64: 1>} : (tensor<3xi64>) -> tensor<3x3xi64>
  %m = weft.le %b, %a : (tensor<3x3xi64>, tensor<3x3xi64>) -> tensor<3x3xi1>
  %n = weft.le %c, %a : (tensor<3x3xi64>, tensor<3x3xi64>) -> tensor<3x3xi1>
  %p = weft.broadcast %m {dims = array<i64: 1, 2>} : (tensor<3x3xi1>) -> tensor<2x3x3xi1>
  %q = weft.broadcast %n {dims = array<i64: 1, 2>} : (tensor<3x3xi1>) -> tensor<2x3x3xi1>
  return %p, %q : tensor<2x3x3xi1>, tensor<2x3x3xi1>
}

// A transpose that moves no element is a reshape; a reshape behind a transpose drops what has one element first.
// CHECK-LABEL: @units(
// CHECK-NEXT: %[[R:.*]] = weft.reshape %arg0 : (tensor<4x1x5xf32>) -> tensor<1x4x5xf32>
// CHECK-NEXT: %[[D:.*]] = weft.reshape %arg1 : (tensor<4x3x1x5xf32>) -> tensor<4x3x5xf32>
// CHECK-NEXT: %[[T:.*]] = weft.transpose %[[D]] {permutation = array<i64: 1, 0, 2>}
// CHECK-NEXT: return %[[R]], %[[T]]
func.func @units(%x: tensor<4x1x5xf32>, %y: tensor<4x3x1x5xf32>) -> (tensor<1x4x5xf32>, tensor<3x4x5xf32>) {
  %a = weft.transpose %x {permutation = array<i64: 1, 0, 2>} : (tensor<4x1x5xf32>) -> tensor<1x4x5xf32>
  %b = weft.transpose %y {permutation = array<i64: 1, 0, 2, 3>} : (tensor<4x3x1x5xf32>) -> tensor<3x4x1x5xf32>
  %c = weft.reshape %b : (tensor<3x4x1x5xf32>) -> tensor<3x4x5xf32>
  return %a, %c : tensor<1x4x5xf32>, tensor<3x4x5xf32>
}

// Room is made behind a padding, unless it is padded itself.
// CHECK-LABEL: @padded(
// CHECK-NEXT: weft.constant
// CHECK-NEXT: %[[P:.*]] = weft.pad %arg0, {{.*}}low = array<i64: 0, 1>{{.*}} -> tensor<4x7xf32>
// CHECK-NEXT: weft.reshape %[[P]]
// CHECK-NEXT: %[[Q:.*]] = weft.reshape %arg0
// CHECK-NEXT: weft.pad %[[Q]]
func.func @padded(%x: tensor<4x5xf32>) -> (tensor<4x1x7xf32>, tensor<4x2x5xf32>) {
  %zero = weft.constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %a = weft.reshape %x : (tensor<4x5xf32>) -> tensor<4x1x5xf32>
  %b = weft.pad %a, %zero {low = array<i64: 0, 0, 1>, high = array<i64: 0, 0, 1>, interior = array<i64: 0, 0, 0>} : (tensor<4x1x5xf32>, tensor<f32>) -> tensor<4x1x7xf32>
  %c = weft.reshape %x : (tensor<4x5xf32>) -> tensor<4x1x5xf32>
  %d = weft.pad %c, %zero {low = array<i64: 0, 1, 0>, high = array<i64: 0, 0, 0>, interior = array<i64: 0, 0, 0>} : (tensor<4x1x5xf32>, tensor<f32>) -> tensor<4x2x5xf32>
  return %b, %d : tensor<4x1x7xf32>, tensor<4x2x5xf32>
}

// What is computed of a product in another shape is its epilogue: biases along whole dimensions go with it, in groups
// where it has groups; other values stay where they are.
// CHECK-LABEL: @epilogue(
// CHECK: %[[P:.*]] = weft.dot
// CHECK-NEXT: %[[B:.*]] = weft.reshape %arg2 : (tensor<12xf32>) -> tensor<3x4xf32>
// CHECK-NEXT: %[[W:.*]] = weft.broadcast %[[B]] {dims = array<i64: 0, 1>} : (tensor<3x4xf32>) -> tensor<3x4x6xf32>
// CHECK-NEXT: %[[A:.*]] = weft.add %[[P]], %[[W]]
// CHECK-NEXT: %[[E:.*]] = weft.exp %[[A]]
// CHECK-NEXT: %[[R:.*]] = weft.reshape %[[E]] : (tensor<3x4x6xf32>) -> tensor<1x12x6xf32>
// CHECK-NEXT: weft.add %[[R]], %arg3
func.func @epilogue(%x: tensor<3x4x5xf32>, %w: tensor<3x5x6xf32>, %b: tensor<12xf32>, %y: tensor<1x12x6xf32>) -> tensor<1x12x6xf32> {
  %p = weft.dot %x, %w {lhs_batch = array<i64: 0>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 2>, rhs_contract = array<i64: 1>} : (tensor<3x4x5xf32>, tensor<3x5x6xf32>) -> tensor<3x4x6xf32>
  %r = weft.reshape %p : (tensor<3x4x6xf32>) -> tensor<1x12x6xf32>
  %wide = weft.broadcast %b {dims = array<i64: 1>} : (tensor<12xf32>) -> tensor<1x12x6xf32>
  %a = weft.add %r, %wide : (tensor<1x12x6xf32>, tensor<1x12x6xf32>) -> tensor<1x12x6xf32>
  %e = weft.exp %a : (tensor<1x12x6xf32>) -> tensor<1x12x6xf32>
  %s = weft.add %e, %y : (tensor<1x12x6xf32>, tensor<1x12x6xf32>) -> tensor<1x12x6xf32>
  return %s : tensor<1x12x6xf32>
}
