// RUN: weft-opt %s --weft-plan-memory --weft-lower-entry | FileCheck %s

// CHECK: func.func private @k_neg(!llvm.ptr, !llvm.ptr, !llvm.ptr, i64) attributes {weft.kernel}
func.func private @k_neg(%x: tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>> attributes {weft.kernel, weft.symbols = ["s0"]} {
  %n = weft.neg %x : (tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>>
  return %n : tensor<?xf32, #weft.dims<s0>>
}

// B is what the caller passes; 2*S is solved, and checked by multiplying back (5021: WEFT_ERR_SHAPE, argument 1); the
// assumptions are checked once (5022).
// CHECK: func.func @weft_entry(%[[CALL:.*]]: !llvm.ptr, %[[ARGS:.*]]: !llvm.ptr) -> i32
// CHECK: %[[X:.*]] = llvm.load %[[ARGS]]
// CHECK: %[[B:.*]] = llvm.load %{{.*}} -> i64
// CHECK: %[[TWOS:.*]] = llvm.load %{{.*}} -> i64
// CHECK: arith.divsi
// CHECK: %[[S:.*]] = arith.select
// CHECK: %[[BACK:.*]] = arith.muli %{{.*}}, %[[S]]
// CHECK: arith.cmpi eq, %[[BACK]], %[[TWOS]]
// CHECK: constant 5021
// CHECK-NEXT: constant 256
// CHECK: arith.cmpi sge, %[[B]]
// CHECK: arith.shrsi %[[S]]
// CHECK: constant 5022
// CHECK: smul.with.overflow
// CHECK: %[[ARENA:.*]] = llvm.call @weft_rt_arena
// CHECK: constant 5010
// CHECK: %[[RESULT:.*]] = llvm.call @weft_rt_result
// CHECK: %[[SIX:.*]] = arith.muli %{{.*}}, %[[S]]
// CHECK: call @k_neg(%[[CALL]], %[[X]], %[[ARENA]], %[[B]])
// CHECK: %[[Z:.*]] = llvm.getelementptr %[[ARENA]]
// CHECK: call @k_neg(%[[CALL]], %{{.*}}, %[[Z]], %[[SIX]])
// CHECK: call @k_neg(%[[CALL]], %[[ARENA]], %[[RESULT]], %[[B]])
func.func @main(%x: tensor<?xf32, #weft.dims<B>>, %y: tensor<?x3xf32, #weft.dims<2*S, _>>)
    -> tensor<?xf32, #weft.dims<B>> attributes {weft.assume = ["B >= 1", "S mod 8 == 0"]} {
  %a = weft.launch @k_neg(%x) {weft.sizes = [#weft.size<B>]} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  %r = weft.reshape %y : (tensor<?x3xf32, #weft.dims<2*S, _>>) -> tensor<?xf32, #weft.dims<6*S>>
  %z = weft.launch @k_neg(%r) {weft.sizes = [#weft.size<6*S>]} : (tensor<?xf32, #weft.dims<6*S>>) -> tensor<?xf32, #weft.dims<6*S>>
  %b = weft.launch @k_neg(%a) {weft.sizes = [#weft.size<B>]} : (tensor<?xf32, #weft.dims<B>>) -> tensor<?xf32, #weft.dims<B>>
  return %b : tensor<?xf32, #weft.dims<B>>
}
