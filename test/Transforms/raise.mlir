// RUN: weft-opt %s --weft-raise | FileCheck %s
// RUN: weft-opt %s --weft-raise --mlir-print-debuginfo | FileCheck %s --check-prefix=PLACE

// exp(x - max(x)) / sum(exp(x - max(x))) is a softmax, with the places of its steps.
// CHECK-LABEL: func.func @plain(
// CHECK-NEXT:    %[[R:.*]] = weft.softmax %arg0 {dims = array<i64: 1>, log = false}
// CHECK-NEXT:    return %[[R]]
// PLACE-LABEL: func.func @plain(
// PLACE:         weft.softmax
// PLACE-SAME:    loc(#[[PLACES:loc[0-9]+]])
func.func @plain(%x: tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>> {
  %m = weft.reduce %x {dims = array<i64: 1>, kind = #weft.reduce_kind<max>} : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  %mb = weft.broadcast %m {dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %s = weft.sub %x, %mb : (tensor<?x4xf32, #weft.dims<B, _>>, tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>> loc("user.py":3:1)
  %e = weft.exp %s : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>> loc("user.py":3:1)
  %t = weft.reduce %e {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>> loc("user.py":4:1)
  %tb = weft.broadcast %t {dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %r = weft.div %e, %tb : (tensor<?x4xf32, #weft.dims<B, _>>, tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>> loc("user.py":5:1)
  return %r : tensor<?x4xf32, #weft.dims<B, _>>
}
// PLACE: #[[A:.*]] = loc("user.py":3:1)
// PLACE: #[[B:.*]] = loc("user.py":4:1)
// PLACE: #[[C:.*]] = loc("user.py":5:1)
// PLACE: #[[PLACES]] = loc(fused[#[[A]], #[[B]], #[[C]]])

// Its logarithm, the greatest element kept with a size of 1 and taken as a constant; over two dimensions.
// CHECK-LABEL: func.func @logarithm(
// CHECK-NEXT:    %[[R:.*]] = weft.softmax %arg0 {dims = array<i64: 0, 2>, log = true}
// CHECK-NEXT:    return %[[R]]
func.func @logarithm(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %m = weft.reduce %x {dims = array<i64: 0, 2>, kind = #weft.reduce_kind<max>} : (tensor<2x3x4xf32>) -> tensor<3xf32>
  %mu = weft.reshape %m : (tensor<3xf32>) -> tensor<1x3x1xf32>
  %ms = weft.stop_gradient %mu : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>
  %mb = weft.broadcast %ms {dims = array<i64: 0, 1, 2>} : (tensor<1x3x1xf32>) -> tensor<2x3x4xf32>
  %s = weft.sub %x, %mb : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %e = weft.exp %s : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %t = weft.reduce %e {dims = array<i64: 0, 2>, kind = #weft.reduce_kind<add>} : (tensor<2x3x4xf32>) -> tensor<3xf32>
  %tu = weft.reshape %t : (tensor<3xf32>) -> tensor<1x3x1xf32>
  %l = weft.log %tu : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>
  %lb = weft.broadcast %l {dims = array<i64: 0, 1, 2>} : (tensor<1x3x1xf32>) -> tensor<2x3x4xf32>
  %r = weft.sub %s, %lb : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return %r : tensor<2x3x4xf32>
}

// Not where the sum is over other dimensions than the greatest element, nor along another axis than it is repeated.
// CHECK-LABEL: func.func @other_dims(
// CHECK-NOT:     weft.softmax
func.func @other_dims(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %m = weft.reduce %x {dims = array<i64: 0>, kind = #weft.reduce_kind<max>} : (tensor<4x4xf32>) -> tensor<4xf32>
  %mb = weft.broadcast %m {dims = array<i64: 1>} : (tensor<4xf32>) -> tensor<4x4xf32>
  %s = weft.sub %x, %mb : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %e = weft.exp %s : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %t = weft.reduce %e {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<4x4xf32>) -> tensor<4xf32>
  %tb = weft.broadcast %t {dims = array<i64: 0>} : (tensor<4xf32>) -> tensor<4x4xf32>
  %r = weft.div %e, %tb : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %u = weft.reduce %e {dims = array<i64: 0>, kind = #weft.reduce_kind<add>} : (tensor<4x4xf32>) -> tensor<4xf32>
  %ub = weft.broadcast %u {dims = array<i64: 0>} : (tensor<4xf32>) -> tensor<4x4xf32>
  %q = weft.div %e, %ub : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r, %q : tensor<4x4xf32>, tensor<4x4xf32>
}

// Nor in f16, where each step written out rounds.
// CHECK-LABEL: func.func @half(
// CHECK-NOT:     weft.softmax
func.func @half(%x: tensor<4xf16>) -> tensor<4xf16> {
  %m = weft.reduce %x {dims = array<i64: 0>, kind = #weft.reduce_kind<max>} : (tensor<4xf16>) -> tensor<f16>
  %mb = weft.broadcast %m {dims = array<i64>} : (tensor<f16>) -> tensor<4xf16>
  %s = weft.sub %x, %mb : (tensor<4xf16>, tensor<4xf16>) -> tensor<4xf16>
  %e = weft.exp %s : (tensor<4xf16>) -> tensor<4xf16>
  %t = weft.reduce %e {dims = array<i64: 0>, kind = #weft.reduce_kind<add>} : (tensor<4xf16>) -> tensor<f16>
  %tb = weft.broadcast %t {dims = array<i64>} : (tensor<f16>) -> tensor<4xf16>
  %r = weft.div %e, %tb : (tensor<4xf16>, tensor<4xf16>) -> tensor<4xf16>
  return %r : tensor<4xf16>
}

// log(sum(exp(x - m))) + m is a logsumexp where m, the greatest, is 0 in place of an infinity; with its gradient stopped
// or not, and in either order.
// CHECK-LABEL: func.func @logsumexp(
// CHECK-NEXT:    %[[R:.*]] = weft.logsumexp %arg0 {dims = array<i64: 1>}
// CHECK-NEXT:    return %[[R]]
func.func @logsumexp(%x: tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>> {
  %g = weft.reduce %x {dims = array<i64: 1>, kind = #weft.reduce_kind<max>} : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  %s = weft.stop_gradient %g : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %f = weft.is_finite %s : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xi1, #weft.dims<B>>
  %c = weft.constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %z = weft.broadcast %c {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<B>>
  %m = weft.select %f, %s, %z : (tensor<?xi1, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %mb = weft.broadcast %m {dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %d = weft.sub %x, %mb : (tensor<?x4xf32, #weft.dims<B, _>>, tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %e = weft.exp %d : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %t = weft.reduce %e {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  %l = weft.log %t : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %r = weft.add %m, %l : (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %r : tensor<?xf32, #weft.dims<B>>
}

// Not with the greatest as it is: -inf alone would be NaN.
// CHECK-LABEL: func.func @bare_greatest(
// CHECK-NOT:     weft.logsumexp
func.func @bare_greatest(%x: tensor<3x4xf32>) -> tensor<3xf32> {
  %m = weft.reduce %x {dims = array<i64: 1>, kind = #weft.reduce_kind<max>} : (tensor<3x4xf32>) -> tensor<3xf32>
  %mb = weft.broadcast %m {dims = array<i64: 0>} : (tensor<3xf32>) -> tensor<3x4xf32>
  %d = weft.sub %x, %mb : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %e = weft.exp %d : (tensor<3x4xf32>) -> tensor<3x4xf32>
  %t = weft.reduce %e {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<3x4xf32>) -> tensor<3xf32>
  %l = weft.log %t : (tensor<3xf32>) -> tensor<3xf32>
  %r = weft.add %l, %m : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// A norm of a norm: x rsqrt(mean(x x) + eps), and with the mean taken off first; factors in either order, sizes of 1 kept.
// CHECK-LABEL: func.func @norms(
// CHECK-NEXT:    %[[L:.*]] = weft.layer_norm %arg0 {dims = array<i64: 1>, eps = 5.000000e-01 : f64}
// CHECK-NEXT:    %[[R:.*]] = weft.rms_norm %[[L]] {dims = array<i64: 0, 1>, eps = 2.500000e-01 : f64}
// CHECK-NEXT:    return %[[R]]
func.func @norms(%x: tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>> {
  %n = weft.constant {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  %nb = weft.broadcast %n {dims = array<i64>} : (tensor<f32>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %e = weft.constant {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %eb = weft.broadcast %e {dims = array<i64>} : (tensor<f32>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %s = weft.reduce %x {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  %su = weft.reshape %s : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %m = weft.div %su, %nb : (tensor<?x1xf32, #weft.dims<B, _>>, tensor<?x1xf32, #weft.dims<B, _>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %mb = weft.broadcast %m {dims = array<i64: 0, 1>} : (tensor<?x1xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %d = weft.sub %x, %mb : (tensor<?x4xf32, #weft.dims<B, _>>, tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %q = weft.mul %d, %d : (tensor<?x4xf32, #weft.dims<B, _>>, tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %v = weft.reduce %q {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  %vu = weft.reshape %v : (tensor<?xf32, #weft.dims<B>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %vm = weft.div %vu, %nb : (tensor<?x1xf32, #weft.dims<B, _>>, tensor<?x1xf32, #weft.dims<B, _>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %ve = weft.add %vm, %eb : (tensor<?x1xf32, #weft.dims<B, _>>, tensor<?x1xf32, #weft.dims<B, _>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %r = weft.rsqrt %ve : (tensor<?x1xf32, #weft.dims<B, _>>) -> tensor<?x1xf32, #weft.dims<B, _>>
  %rb = weft.broadcast %r {dims = array<i64: 0, 1>} : (tensor<?x1xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %y = weft.mul %rb, %d : (tensor<?x4xf32, #weft.dims<B, _>>, tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>>

  %yq = weft.mul %y, %y : (tensor<?x4xf32, #weft.dims<B, _>>, tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %ys = weft.reduce %yq {dims = array<i64: 0, 1>, kind = #weft.reduce_kind<add>} : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<f32>
  %c = weft.dim_size {size = #weft.size<4*B>} : () -> tensor<i64>
  %cf = weft.convert %c {dtype = f32} : (tensor<i64>) -> tensor<f32>
  %ym = weft.div %ys, %cf : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %f = weft.constant {value = dense<0.25> : tensor<f32>} : () -> tensor<f32>
  %ye = weft.add %ym, %f : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %yr = weft.rsqrt %ye : (tensor<f32>) -> tensor<f32>
  %yb = weft.broadcast %yr {dims = array<i64>} : (tensor<f32>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %z = weft.mul %y, %yb : (tensor<?x4xf32, #weft.dims<B, _>>, tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  return %z : tensor<?x4xf32, #weft.dims<B, _>>
}

// Not where the sum is divided by another number than it has terms.
// CHECK-LABEL: func.func @another_count(
// CHECK-NOT:     weft.rms_norm
func.func @another_count(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %q = weft.mul %x, %x : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %s = weft.reduce %q {dims = array<i64: 1>, kind = #weft.reduce_kind<add>} : (tensor<3x4xf32>) -> tensor<3xf32>
  %n = weft.constant {value = dense<3.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %m = weft.div %s, %n : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %e = weft.constant {value = dense<0.5> : tensor<3xf32>} : () -> tensor<3xf32>
  %v = weft.add %m, %e : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %r = weft.rsqrt %v : (tensor<3xf32>) -> tensor<3xf32>
  %b = weft.broadcast %r {dims = array<i64: 0>} : (tensor<3xf32>) -> tensor<3x4xf32>
  %y = weft.mul %x, %b : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}
