// RUN: weft-opt %s --split-input-file --weft-run-beside=target=x86-64-v3 | FileCheck %s

!v = tensor<256xf32>
func.func private @k(%x: !v) -> !v attributes {weft.kernel} {
  %0 = weft.sin %x : (!v) -> !v
  return %0 : !v
}

// Two loops that depend on none of each other are brought together; what the second needs goes before both, what waits
// for the first one after.
// CHECK-LABEL: func.func @two
// CHECK: %[[B:.*]] = weft.launch @k(%arg1)
// CHECK: %[[R:.*]] = weft.for {{.*}}weft.beside = array<i64: 0, 0>, weft.beside_ns = array<i64: {{[0-9]+}}, 0>
// CHECK: %[[S:.*]] = weft.for {{.*}}carries(%[[B]] :{{.*}}weft.beside = array<i64: 0, 1>
// CHECK: weft.launch @k(%[[R]])
func.func @two(%a: !v, %b: !v) -> (!v, !v) {
  %r = weft.for #weft.size<1000> carries(%a : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %n = weft.launch @k(%c) : (!v) -> !v
    weft.yield %n : !v
  }
  %t = weft.launch @k(%r) : (!v) -> !v
  %u = weft.launch @k(%b) : (!v) -> !v
  %s = weft.for #weft.size<900> reverse carries(%u : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %n = weft.launch @k(%c) : (!v) -> !v
    weft.yield %n : !v
  }
  return %t, %s : !v, !v
}

// One waits for the other; or is too short for a thread.
// CHECK-LABEL: func.func @not
// CHECK-NOT: weft.beside
// CHECK: return
func.func @not(%a: !v, %b: !v) -> (!v, !v) {
  %r = weft.for #weft.size<1000> carries(%a : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %n = weft.launch @k(%c) : (!v) -> !v
    weft.yield %n : !v
  }
  %t = weft.launch @k(%r) : (!v) -> !v
  %s = weft.for #weft.size<900> carries(%t : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %n = weft.launch @k(%c) : (!v) -> !v
    weft.yield %n : !v
  }
  %q = weft.for #weft.size<3> carries(%b : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %n = weft.launch @k(%c) : (!v) -> !v
    weft.yield %n : !v
  }
  return %s, %q : !v, !v
}

// -----

// Effects stay in order: what has some is no part, and no group goes over one. What asks for memory as it runs is no
// part either.
!v = tensor<256xf32>
func.func private @k(%x: !v) -> !v attributes {weft.kernel} {
  %0 = weft.sin %x : (!v) -> !v
  return %0 : !v
}
// CHECK-LABEL: func.func @effects
// CHECK-NOT: weft.beside
// CHECK: return
func.func @effects(%a: !v, %b: !v, %h: tensor<i1>) -> (!v, !v) {
  %r = weft.for #weft.size<1000> carries(%a : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %n = weft.launch @k(%c) : (!v) -> !v
    weft.yield %n : !v
  }
  weft.check %h : tensor<i1>, "holds" {lanes = 0 : i64}
  %s = weft.for #weft.size<900> carries(%b : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %n = weft.launch @k(%c) : (!v) -> !v
    weft.yield %n : !v
  }
  return %r, %s : !v, !v
}

// -----

// Inside a loop; three at once, one of them a loop without a known end, which is measured; one that holds loops takes
// them all, and a pair inside of a part stays in order.
!v = tensor<256xf32>
func.func private @k(%x: !v) -> !v attributes {weft.kernel} {
  %0 = weft.sin %x : (!v) -> !v
  return %0 : !v
}
func.func private @less(!v) -> tensor<i1> attributes {weft.kernel}
// CHECK-LABEL: func.func @nested
// CHECK: weft.for <3>
// CHECK-NOT: weft.beside
// CHECK: ^bb0
// CHECK: weft.while {{.*}}weft.beside = array<i64: 0, 0>
// CHECK: weft.for <1000> {{.*}}weft.beside = array<i64: 0, 1>
// CHECK: weft.for <2> {{.*}}weft.beside = array<i64: 0, 2>
// CHECK: ^bb0
// CHECK-NOT: weft.beside
// CHECK: return
func.func @nested(%a: !v, %b: !v) -> (!v, !v) {
  %r:2 = weft.for #weft.size<3> carries(%a, %b : !v, !v) -> (!v, !v) {
  ^bb0(%i: tensor<i64>, %c: !v, %d: !v):
    %w = weft.while carries(%c : !v) -> (!v) {
    ^bb1(%x: !v):
      %p = weft.launch @less(%x) : (!v) -> tensor<i1>
      weft.yield %p : tensor<i1>
    } do {
    ^bb1(%x: !v):
      %n = weft.launch @k(%x) : (!v) -> !v
      weft.yield %n : !v
    }
    %f = weft.for #weft.size<1000> carries(%d : !v) -> (!v) {
    ^bb1(%j: tensor<i64>, %x: !v):
      %n = weft.launch @k(%x) : (!v) -> !v
      weft.yield %n : !v
    }
    %g:2 = weft.for #weft.size<2> carries(%c, %d : !v, !v) -> (!v, !v) {
    ^bb1(%j: tensor<i64>, %x: !v, %y: !v):
      %m = weft.for #weft.size<1000> carries(%x : !v) -> (!v) {
      ^bb2(%l: tensor<i64>, %z: !v):
        %n = weft.launch @k(%z) : (!v) -> !v
        weft.yield %n : !v
      }
      %o = weft.for #weft.size<1000> carries(%y : !v) -> (!v) {
      ^bb2(%l: tensor<i64>, %z: !v):
        %n = weft.launch @k(%z) : (!v) -> !v
        weft.yield %n : !v
      }
      weft.yield %m, %o : !v, !v
    }
    %h = weft.launch @k(%w) : (!v) -> !v
    weft.yield %h, %g#0 : !v, !v
  }
  return %r#0, %r#1 : !v, !v
}
