// RUN: weft-opt %s --weft-plan-memory | FileCheck %s

!v = tensor<16xf32>
!w = tensor<17xf32>
func.func private @k(!v) -> !v attributes {weft.kernel}
func.func private @k2(!v, !v) -> !v attributes {weft.kernel}
func.func private @at(tensor<i64>) -> !v attributes {weft.kernel}

// The next value is made while the present one is read: two places, swapped. The count is odd, so the init begins in the
// spare place and the last value ends in the result. Of two equal rows one is a copy.
// CHECK-LABEL: func.func @swap
func.func @swap(%h: !v, %x: tensor<7x16xf32>) -> (!v, tensor<7x16xf32>, tensor<7x16xf32>) {
  // CHECK: weft.copy %arg0 {reason = "a loop does not write over its function's or region's arguments", weft.slots = [#weft.slot<arena 0>]}
  // CHECK: weft.for {{.*}}weft.slots = [#weft.slot<result 0>, #weft.slot<result 1>, #weft.slot<result 2>], weft.spares = [#weft.slot<arena 0>]}
  %r, %ys, %zs = weft.for #weft.size<7> carries(%h : !v) xs(%x : tensor<7x16xf32>) -> (!v, tensor<7x16xf32>, tensor<7x16xf32>) {
  ^bb0(%i: tensor<i64>, %c: !v, %xi: !v):
    // CHECK: weft.launch @k2{{.*}}weft.slots = [#weft.slot<next 0>]
    %n = weft.launch @k2(%c, %xi) : (!v, !v) -> !v
    // CHECK: weft.launch @k({{.*}}weft.slots = [#weft.slot<row 1>]
    %y = weft.launch @k(%n) : (!v) -> !v
    // CHECK: weft.copy {{.*}}"one value is yielded twice", weft.slots = [#weft.slot<row 2>]
    weft.yield %n, %y, %y : !v, !v, !v
  }
  return %r, %ys, %zs : !v, tensor<7x16xf32>, tensor<7x16xf32>
}

// Made after the last read: one place, which the init, dead from here on, already has. The row is written by its kernel.
// CHECK-LABEL: func.func @in_place
// CHECK-SAME: weft.arena = #weft.size<192>
func.func @in_place(%x: !v) -> (!v, tensor<7x16xf32>) {
  // CHECK: weft.launch @k({{.*}}weft.slots = [#weft.slot<arena [[HOME:.*]]>]
  %h = weft.launch @k(%x) : (!v) -> !v
  // CHECK-NOT: weft.copy
  // CHECK: weft.for {{.*}}weft.slots = [#weft.slot<arena [[HOME]]>, #weft.slot<result 1>], weft.spares = [#weft.slot<in_place>], weft.step = #weft.slot<arena {{.*}}>}
  %r, %ys = weft.for #weft.size<7> carries(%h : !v) -> (!v, tensor<7x16xf32>) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %t = weft.launch @k(%c) : (!v) -> !v
    // CHECK: weft.launch @k(%{{.*}}weft.slots = [#weft.slot<next 0>]
    %n = weft.launch @k(%t) : (!v) -> !v
    // CHECK: weft.launch @at({{.*}}weft.slots = [#weft.slot<row 1>]
    %y = weft.launch @at(%i) : (tensor<i64>) -> !v
    weft.yield %n, %y : !v, !v
  }
  // CHECK: weft.launch @k({{.*}}weft.slots = [#weft.slot<result 0>]
  %z = weft.launch @k(%r) : (!v) -> !v
  return %z, %ys : !v, tensor<7x16xf32>
}

// Carries that trade places: each copy waits for the last read of what it overwrites. A carry that stays needs nothing.
// CHECK-LABEL: func.func @trade
func.func @trade(%a: !w, %b: !w, %s: !w) -> (!w, !w, !w) {
  // CHECK: weft.for {{.*}}weft.spares = [#weft.slot<arena {{.*}}>, #weft.slot<in_place>, #weft.slot<in_place>]}
  %r:3 = weft.for #weft.size<4> carries(%a, %b, %s : !w, !w, !w) -> (!w, !w, !w) {
  ^bb0(%i: tensor<i64>, %c: !w, %d: !w, %e: !w):
    // CHECK: ^bb0({{.*}}, %[[C:.*]]: tensor<17xf32>, %[[D:.*]]: tensor<17xf32>, %[[E:.*]]: tensor<17xf32>):
    // CHECK: %[[X:.*]] = weft.copy %[[D]] {{.*}}weft.slots = [#weft.slot<next 0>]
    // CHECK: %[[Y:.*]] = weft.copy %[[C]] {{.*}}weft.slots = [#weft.slot<next 1>]
    // CHECK: weft.yield %[[X]], %[[Y]], %[[E]]
    weft.yield %d, %c, %e : !w, !w, !w
  }
  return %r#0, %r#1, %r#2 : !w, !w, !w
}

// An init that is read after the loop began must stay whole.
// CHECK-LABEL: func.func @kept
func.func @kept(%x: !v) -> !v {
  %h = weft.launch @k(%x) : (!v) -> !v
  // CHECK: weft.copy {{.*}}reason = "the loop's init is read after it began"
  %r = weft.for #weft.size<2> carries(%h : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %n = weft.launch @k(%c) : (!v) -> !v
    weft.yield %n : !v
  }
  // CHECK: weft.copy {{.*}}reason = "the loop reads its init in another way too"
  %q = weft.for #weft.size<2> carries(%r : !v) captures(%r : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v, %k: !v):
    %n = weft.launch @k2(%c, %k) : (!v, !v) -> !v
    weft.yield %n : !v
  }
  %z = weft.launch @k2(%h, %q) : (!v, !v) -> !v
  return %z : !v
}

// Branches write where the result lives and share bytes; the callee's frame begins behind what the caller keeps.
// CHECK-LABEL: func.func private @branch
// CHECK-SAME: weft.arena = #weft.size<64>
func.func private @branch(%x: !v, %p: tensor<i1>) -> !v {
  // CHECK: weft.if {{.*}}weft.slots = [#weft.slot<result 0>]
  %r = weft.if %p captures(%x : !v) : tensor<i1> -> (!v) {
  ^bb0(%c: !v):
    // CHECK: weft.launch {{.*}}weft.slots = [#weft.slot<arena 0>]
    %t = weft.launch @k(%c) : (!v) -> !v
    // CHECK: weft.launch {{.*}}weft.slots = [#weft.slot<branch 0>]
    %u = weft.launch @k(%t) : (!v) -> !v
    weft.yield %u : !v
  }, {
  ^bb0(%c: !v):
    // CHECK: weft.copy {{.*}}"a branch yields a value that lives elsewhere", weft.slots = [#weft.slot<branch 0>]
    weft.yield %c : !v
  }
  return %r : !v
}
// CHECK-LABEL: func.func @calls
// CHECK-SAME: weft.arena = #weft.size<128>
func.func @calls(%x: !v, %p: tensor<i1>) -> !v {
  %t = weft.launch @k(%x) : (!v) -> !v
  // CHECK: weft.call @branch{{.*}}weft.frame = #weft.slot<arena {{0|64}}>, weft.slots = [#weft.slot<result 0>]
  %r = weft.call @branch(%t, %p) : (!v, tensor<i1>) -> !v
  return %r : !v
}
