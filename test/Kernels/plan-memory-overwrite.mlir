// RUN: weft-opt %s --weft-plan-memory | FileCheck %s

!v = tensor<1000xf32>
!s = tensor<f32>
!i = tensor<i64>
// CHECK-LABEL: func.func private @set
// CHECK-SAME: weft.over = array<i64: 0>
func.func private @set(%x: !v, %i: tensor<1xi64>, %u: tensor<1xf32>) -> !v attributes {weft.kernel} {
  %0 = weft.scatter %x, %i, %u {at = 0 : i64, batch = 0 : i64, bounds = #weft.bounds<drop>, dims = array<i64: 0>, kind = #weft.scatter_kind<set>} : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
  return %0 : !v
}
func.func private @get(!v, tensor<1xi64>) -> tensor<1xf32> attributes {weft.kernel}
func.func private @at(!i) -> tensor<1xi64> attributes {weft.kernel}
func.func private @sum(!v) -> !s attributes {weft.kernel}
func.func private @make() -> !v attributes {weft.kernel}
func.func private @more(!v) -> !v attributes {weft.kernel}
func.func private @holds(!s) -> tensor<i1> attributes {weft.kernel}

// An element of a carry is changed each trip: it is read before, and nothing is copied in the loop.
// CHECK-LABEL: func.func @update
func.func @update(%x: !v) -> !v {
  // CHECK: weft.copy %arg0 {reason = "a loop does not write over its function's or region's arguments", weft.slots = [#weft.slot<result 0>]}
  // CHECK: weft.for {{.*}}weft.slots = [#weft.slot<result 0>], weft.spares = [#weft.slot<in_place>]
  %r = weft.for #weft.size<9> carries(%x : !v) -> (!v) {
  ^bb0(%i: !i, %c: !v):
    %at = weft.launch @at(%i) : (!i) -> tensor<1xi64>
    %u = weft.launch @get(%c, %at) : (!v, tensor<1xi64>) -> tensor<1xf32>
    // CHECK-NOT: weft.copy
    // CHECK: weft.launch @set({{.*}}weft.slots = [#weft.slot<over 0>]
    %n = weft.launch @set(%c, %at, %u) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
    // CHECK: weft.launch @set({{.*}}weft.slots = [#weft.slot<over 0>]
    %m = weft.launch @set(%n, %at, %u) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
    weft.yield %m : !v
  }
  // CHECK: return
  return %r : !v
}

// A reader that stands behind the change goes before it. One that waits for the change cannot: the value is copied.
// CHECK-LABEL: func.func @later
func.func @later(%i: tensor<1xi64>, %u: tensor<1xf32>) -> (!v, !s, !v, !v) {
  %x = weft.launch @make() : () -> !v
  // CHECK: weft.launch @sum(
  // CHECK-NEXT: weft.launch @set({{.*}}[#weft.slot<over 0>]
  %n = weft.launch @set(%x, %i, %u) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
  %s = weft.launch @sum(%x) : (!v) -> !s
  // CHECK: %[[Y:.*]] = weft.launch @make(
  %y = weft.launch @make() : () -> !v
  // CHECK: %[[C:.*]] = weft.copy %[[Y]] {reason = "its value before the change is read later", weft.slots = [#weft.slot<result 2>]}
  // CHECK-NEXT: weft.launch @set(%[[C]]{{.*}}[#weft.slot<over 0>]
  %m = weft.launch @set(%y, %i, %u) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
  return %n, %s, %m, %y : !v, !s, !v, !v
}

// Neither is an argument of the function written over, nor what a loop reads in each trip, nor an update that reads what
// it changes.
// CHECK-LABEL: func.func @argument
func.func @argument(%x: !v, %i: tensor<1xi64>, %u: tensor<1xf32>) -> (!v, !s) {
  // CHECK: weft.copy %arg0 {reason = "an argument is changed", weft.slots = [#weft.slot<result 0>]}
  %n = weft.launch @set(%x, %i, %u) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
  %z = weft.launch @sum(%n) : (!v) -> !s
  %y = weft.launch @make() : () -> !v
  %r = weft.for #weft.size<9> carries(%z : !s) captures(%y, %i, %u : !v, tensor<1xi64>, tensor<1xf32>) -> (!s) {
  ^bb0(%k: !i, %c: !s, %a: !v, %j: tensor<1xi64>, %v: tensor<1xf32>):
    // CHECK: weft.copy {{.*}}{reason = "a value that lives elsewhere, or is read in each trip, is changed"
    %m = weft.launch @set(%a, %j, %v) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
    %s = weft.launch @sum(%m) : (!v) -> !s
    weft.yield %s : !s
  }
  return %n, %r : !v, !s
}

// Loops in loops, a branch that changes and one that does not: the outer carry's memory all the way.
// CHECK-LABEL: func.func @nested
func.func @nested(%p: tensor<i1>, %i: tensor<1xi64>, %u: tensor<1xf32>) -> !v {
  %x = weft.launch @make() : () -> !v
  // CHECK-NOT: weft.copy
  // CHECK: weft.for {{.*}}weft.slots = [#weft.slot<result 0>], weft.spares = [#weft.slot<in_place>]
  %r = weft.for #weft.size<9> carries(%x : !v) captures(%p, %i, %u : tensor<i1>, tensor<1xi64>, tensor<1xf32>) -> (!v) {
  ^bb0(%k: !i, %c: !v, %q: tensor<i1>, %j: tensor<1xi64>, %v: tensor<1xf32>):
    // CHECK: weft.for {{.*}}weft.slots = [#weft.slot<over 0>], weft.spares = [#weft.slot<in_place>]
    %n = weft.for #weft.size<5> carries(%c : !v) captures(%q, %j, %v : tensor<i1>, tensor<1xi64>, tensor<1xf32>) -> (!v) {
    ^bb0(%l: !i, %d: !v, %qq: tensor<i1>, %jj: tensor<1xi64>, %vv: tensor<1xf32>):
      // CHECK: weft.if {{.*}}weft.slots = [#weft.slot<over 2>]
      %m = weft.if %qq captures(%jj, %d, %vv : tensor<1xi64>, !v, tensor<1xf32>) : tensor<i1> -> (!v) {
      ^bb0(%a: tensor<1xi64>, %e: !v, %b: tensor<1xf32>):
        weft.yield %e : !v
      }, {
      ^bb0(%a: tensor<1xi64>, %e: !v, %b: tensor<1xf32>):
        // CHECK: weft.launch @set({{.*}}[#weft.slot<over 0>]
        %o = weft.launch @set(%e, %a, %b) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
        weft.yield %o : !v
      }
      weft.yield %m : !v
    }
    weft.yield %n : !v
  }
  // CHECK: return
  return %r : !v
}

// A branch of which one side gives something else; a carry that is a row too before it is changed: one copy each.
// CHECK-LABEL: func.func @mixed
func.func @mixed(%p: tensor<i1>, %i: tensor<1xi64>, %u: tensor<1xf32>) -> (!v, tensor<9x1000xf32>) {
  %x = weft.launch @make() : () -> !v
  %r, %rows = weft.for #weft.size<9> carries(%x : !v) captures(%p, %i, %u : tensor<i1>, tensor<1xi64>, tensor<1xf32>) -> (!v, tensor<9x1000xf32>) {
  ^bb0(%k: !i, %c: !v, %q: tensor<i1>, %j: tensor<1xi64>, %v: tensor<1xf32>):
    // CHECK: weft.copy {{.*}}{reason = "a row is a value that lives elsewhere", weft.slots = [#weft.slot<row 1>]}
    // CHECK-NEXT: weft.launch @set({{.*}}[#weft.slot<over 0>]
    %n = weft.launch @set(%c, %j, %v) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
    weft.yield %n, %c : !v, tensor<1000xf32>
  }
  // CHECK: weft.if
  %m = weft.if %p captures(%r, %i, %u : !v, tensor<1xi64>, tensor<1xf32>) : tensor<i1> -> (!v) {
  ^bb0(%e: !v, %a: tensor<1xi64>, %b: tensor<1xf32>):
    // CHECK: weft.launch @more({{.*}}[#weft.slot<branch 0>]
    %o = weft.launch @more(%e) : (!v) -> !v
    weft.yield %o : !v
  }, {
  ^bb0(%e: !v, %a: tensor<1xi64>, %b: tensor<1xf32>):
    // CHECK: weft.copy {{.*}}{reason = "a value that lives elsewhere, or is read in each trip, is changed", weft.slots = [#weft.slot<branch 0>]}
    %o = weft.launch @set(%e, %a, %b) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
    weft.yield %o : !v
  }
  return %m, %rows : !v, tensor<9x1000xf32>
}

// A donated argument that is copied and then changed: the copy is none where the result has the argument's memory.
// CHECK-LABEL: func.func @donated
// CHECK-SAME: weft.donations = array<i64: 0, 0>
func.func @donated(%x: !v {weft.donated}, %i: tensor<1xi64>, %u: tensor<1xf32>) -> !v {
  // CHECK: weft.copy %arg0 {reason = "an argument is changed", weft.slots = [#weft.slot<result 0>]}
  %n = weft.launch @set(%x, %i, %u) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
  return %n : !v
}

// A carry that is a row too stands in the row from then on.
// CHECK-LABEL: func.func @row
func.func @row(%x: !v) -> (!v, tensor<9x1000xf32>) {
  // CHECK: weft.for {{.*}}weft.slots = [#weft.slot<result 0>, #weft.slot<result 1>], weft.spares = [#weft.slot<row 1>]
  %r, %rows = weft.for #weft.size<9> carries(%x : !v) -> (!v, tensor<9x1000xf32>) {
  ^bb0(%k: !i, %c: !v):
    // CHECK-NOT: weft.copy
    // CHECK: weft.launch @more({{.*}}[#weft.slot<row 1>]
    %n = weft.launch @more(%c) : (!v) -> !v
    weft.yield %n, %n : !v, tensor<1000xf32>
  }
  return %r, %rows : !v, tensor<9x1000xf32>
}
