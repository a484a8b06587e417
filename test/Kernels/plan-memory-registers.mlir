// RUN: weft-opt %s --weft-plan-memory | FileCheck %s

!s = tensor<f32>
!v = tensor<16xf32>
!w = tensor<17xf32>
func.func private @small(!s) -> !s attributes {weft.kernel, weft.inline}
func.func private @small2(!s, !s) -> !s attributes {weft.kernel, weft.inline}
func.func private @holds(!s) -> tensor<i1> attributes {weft.kernel, weft.inline}
func.func private @at(tensor<i64>) -> !s attributes {weft.kernel, weft.inline}
func.func private @vector(!v) -> !v attributes {weft.kernel, weft.inline}
func.func private @wide(!w) -> !w attributes {weft.kernel, weft.inline}
func.func private @large(!s) -> !s attributes {weft.kernel}

// What only inlined kernels touch needs no memory, up to 64 bytes.
// CHECK-LABEL: func.func @straight
// CHECK-SAME: weft.arena = #weft.size<128>
func.func @straight(%x: !s, %y: !v, %z: !w) -> (!s, !v, !w) {
  // CHECK: weft.launch @small({{.*}}[#weft.slot<register 2>]
  %0 = weft.launch @small(%x) : (!s) -> !s
  // CHECK: weft.launch @small({{.*}}[#weft.slot<result 0>]
  %1 = weft.launch @small(%0) : (!s) -> !s
  // CHECK: weft.launch @vector({{.*}}[#weft.slot<register 1>]
  %2 = weft.launch @vector(%y) : (!v) -> !v
  %3 = weft.launch @vector(%2) : (!v) -> !v
  // CHECK: weft.launch @wide({{.*}}[#weft.slot<arena {{[0-9]+}}>]
  %4 = weft.launch @wide(%z) : (!w) -> !w
  %5 = weft.launch @wide(%4) : (!w) -> !w
  // CHECK: weft.launch @large({{.*}}[#weft.slot<arena {{[0-9]+}}>]
  %6 = weft.launch @large(%x) : (!s) -> !s
  // CHECK: weft.launch @small({{.*}}[#weft.slot<register 0>]
  %7 = weft.launch @small(%x) : (!s) -> !s
  %8 = weft.launch @small2(%6, %7) : (!s, !s) -> !s
  // CHECK: weft.launch @small2({{.*}}[#weft.slot<arena {{[0-9]+}}>]
  %9 = weft.launch @large(%8) : (!s) -> !s
  return %1, %3, %5 : !s, !v, !w
}

// A carry is held in registers while the loop runs; its home is the result. So is the step, and what conditions look at.
// CHECK-LABEL: func.func @loops
// CHECK-SAME: weft.arena = #weft.size<0>
func.func @loops(%x: !s) -> (!s, !s) {
  // CHECK: weft.for {{.*}}weft.slots = [#weft.slot<result 0>], weft.spares = [#weft.slot<register {{[0-9]+}}>], weft.step = #weft.slot<register {{[0-9]+}}>}
  %r = weft.for #weft.size<9> carries(%x : !s) captures(%x : !s) -> (!s) {
  ^bb0(%i: tensor<i64>, %c: !s, %k: !s):
    // CHECK: weft.launch @at({{.*}}[#weft.slot<register {{[0-9]+}}>]
    %0 = weft.launch @at(%i) : (tensor<i64>) -> !s
    // CHECK: weft.launch @small2({{.*}}[#weft.slot<next 0>]
    %1 = weft.launch @small2(%c, %0) : (!s, !s) -> !s
    weft.yield %1 : !s
  }
  // CHECK: weft.while {{.*}}weft.slots = [#weft.slot<result 1>], weft.spares = [#weft.slot<register {{[0-9]+}}>]}
  %q = weft.while carries(%x : !s) -> (!s) {
  ^bb0(%c: !s):
    // CHECK: weft.launch @holds({{.*}}[#weft.slot<register {{[0-9]+}}>]
    %0 = weft.launch @holds(%c) : (!s) -> tensor<i1>
    weft.yield %0 : tensor<i1>
  } do {
  ^bb0(%c: !s):
    // CHECK: weft.if {{.*}}[#weft.slot<next 0>]
    %p = weft.launch @holds(%c) : (!s) -> tensor<i1>
    %0 = weft.if %p captures(%c : !s) : tensor<i1> -> (!s) {
    ^bb0(%a: !s):
      %1 = weft.launch @small(%a) : (!s) -> !s
      weft.yield %1 : !s
    }, {
    ^bb0(%a: !s):
      %1 = weft.launch @small2(%a, %a) : (!s, !s) -> !s
      weft.yield %1 : !s
    }
    weft.yield %0 : !s
  }
  return %r, %q : !s, !s
}

// One kernel that is called reads or makes it: memory, two places that swap. A row of an array has an address too.
// CHECK-LABEL: func.func @called
func.func @called(%x: !s, %xs: tensor<4xf32>) -> (!s, !s, !s) {
  // CHECK: weft.for {{.*}}weft.spares = [#weft.slot<arena {{[0-9]+}}>]
  %r = weft.for #weft.size<9> carries(%x : !s) -> (!s) {
  ^bb0(%i: tensor<i64>, %c: !s):
    %0 = weft.launch @large(%c) : (!s) -> !s
    %1 = weft.launch @small2(%c, %0) : (!s, !s) -> !s
    weft.yield %1 : !s
  }
  // CHECK: weft.for {{.*}}weft.spares = [#weft.slot<in_place>]
  %q = weft.for #weft.size<9> carries(%x : !s) -> (!s) {
  ^bb0(%i: tensor<i64>, %c: !s):
    // CHECK: weft.if {{.*}}[#weft.slot<arena {{[0-9]+}}>]
    %p = weft.launch @holds(%c) : (!s) -> tensor<i1>
    %0 = weft.if %p captures(%c : !s) : tensor<i1> -> (!s) {
    ^bb0(%a: !s):
      %1 = weft.launch @large(%a) : (!s) -> !s
      weft.yield %1 : !s
    }, {
    ^bb0(%a: !s):
      %1 = weft.launch @small(%a) : (!s) -> !s
      weft.yield %1 : !s
    }
    %2 = weft.launch @large(%0) : (!s) -> !s
    weft.yield %2 : !s
  }
  // CHECK: weft.launch @vectorOfFour({{.*}}[#weft.slot<arena {{[0-9]+}}>]
  %y = weft.launch @vectorOfFour(%xs) : (tensor<4xf32>) -> tensor<4xf32>
  %s = weft.for #weft.size<4> carries(%x : !s) xs(%y : tensor<4xf32>) -> (!s) {
  ^bb0(%i: tensor<i64>, %c: !s, %yi: !s):
    %1 = weft.launch @small2(%c, %yi) : (!s, !s) -> !s
    weft.yield %1 : !s
  }
  return %r, %q, %s : !s, !s, !s
}
func.func private @vectorOfFour(tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel, weft.inline}
