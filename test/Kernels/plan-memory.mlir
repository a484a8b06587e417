// RUN: weft-opt %s --weft-plan-memory | FileCheck %s

func.func private @k_neg(%x: tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>> attributes {weft.kernel, weft.symbols = ["s0"]} {
  %n = weft.neg %x : (tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>>
  return %n : tensor<?xf32, #weft.dims<s0>>
}

// A chain: two temporaries in turns, the last value in the result.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: weft.arena = #weft.size<2048>
func.func @chain(%x: tensor<256xf32>) -> tensor<256xf32> {
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<arena 0>]
  %a = weft.launch @k_neg(%x) {weft.sizes = [#weft.size<256>]} : (tensor<256xf32>) -> tensor<256xf32>
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<arena 1024>]
  %b = weft.launch @k_neg(%a) {weft.sizes = [#weft.size<256>]} : (tensor<256xf32>) -> tensor<256xf32>
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<arena 0>]
  %c = weft.launch @k_neg(%b) {weft.sizes = [#weft.size<256>]} : (tensor<256xf32>) -> tensor<256xf32>
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<result 0>]
  %d = weft.launch @k_neg(%c) {weft.sizes = [#weft.size<256>]} : (tensor<256xf32>) -> tensor<256xf32>
  return %d : tensor<256xf32>
}

// Named sizes stand behind the static ones; equal sizes share, others do not.
// CHECK-LABEL: func.func @named
// CHECK-SAME: weft.arena = #weft.size<128*(4*B+63 floordiv 64)+64*(4*C+63 floordiv 64)+1024>
func.func @named(%x: tensor<?xf32, #weft.dims<B>>, %y: tensor<?xf32, #weft.dims<C>>, %z: tensor<256xf32>)
    -> (tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<C>>, tensor<256xf32>) {
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<arena 1024>]
  %a = weft.launch @k_neg(%x) {weft.sizes = [#weft.size<B>]} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<arena 64*(4*B+63 floordiv 64)+1024>]
  %b = weft.launch @k_neg(%a) {weft.sizes = [#weft.size<B>]} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<arena 1024>]
  %c = weft.launch @k_neg(%b) {weft.sizes = [#weft.size<B>]} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %d = weft.launch @k_neg(%c) {weft.sizes = [#weft.size<B>]} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<result 0>]
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<arena 128*(4*B+63 floordiv 64)+1024>]
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<result 1>]
  %e = weft.launch @k_neg(%y) {weft.sizes = [#weft.size<C>]} : (tensor<?xf32, #weft.dims<C>>) -> tensor<?xf32, #weft.dims<C>>
  %f = weft.launch @k_neg(%e) {weft.sizes = [#weft.size<C>]} : (tensor<?xf32, #weft.dims<C>>) -> tensor<?xf32, #weft.dims<C>>
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<arena 0>]
  // CHECK: launch {{.*}}weft.slots = [#weft.slot<result 2>]
  %g = weft.launch @k_neg(%z) {weft.sizes = [#weft.size<256>]} : (tensor<256xf32>) -> tensor<256xf32>
  %h = weft.launch @k_neg(%g) {weft.sizes = [#weft.size<256>]} : (tensor<256xf32>) -> tensor<256xf32>
  return %d, %f, %h : tensor<?xf32, #weft.dims<B>>, tensor<?xf32, #weft.dims<C>>, tensor<256xf32>
}

// What is returned twice, or was passed in, is copied; a reshape is the same bytes.
// CHECK-LABEL: func.func @copies
// CHECK-SAME: weft.arena = #weft.size<0>
func.func @copies(%x: tensor<4xf32>) -> (tensor<2x2xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK: %[[A:.*]] = weft.launch {{.*}}weft.slots = [#weft.slot<result 0>]
  %a = weft.launch @k_neg(%x) {weft.sizes = [#weft.size<4>]} : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: weft.reshape {{.*}}weft.slots = [#weft.slot<alias>]
  %r = weft.reshape %a : (tensor<4xf32>) -> tensor<2x2xf32>
  // CHECK: weft.copy %[[A]] {reason = "one value is returned twice", weft.slots = [#weft.slot<result 1>]}
  // CHECK: weft.copy %{{.*}} {reason = "an argument is returned", weft.slots = [#weft.slot<result 2>]}
  return %r, %a, %x : tensor<2x2xf32>, tensor<4xf32>, tensor<4xf32>
}
