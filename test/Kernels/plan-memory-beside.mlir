// RUN: weft-opt %s --weft-plan-memory | FileCheck %s

!v = tensor<16xf32>
func.func private @k(!v) -> !v attributes {weft.kernel}
func.func private @k2(!v, !v) -> !v attributes {weft.kernel}

// Parts of a group are at work at once: what one uses inside, no other one has. In one part, places are shared as ever.
// CHECK-LABEL: func.func @apart
// CHECK-SAME: weft.arena = #weft.size<384>
func.func @apart(%a: !v, %b: !v) -> (!v, !v) {
  // CHECK: weft.for <3>{{.*}}weft.slots = [#weft.slot<result 0>], weft.spares = [#weft.slot<arena [[A0:[0-9]+]]>]
  %r = weft.for #weft.size<3> carries(%a : !v) attributes {weft.beside = array<i64: 0, 0>} -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    // CHECK: weft.launch @k({{.*}}arena [[A1:[0-9]+]]>
    %t = weft.launch @k(%c) : (!v) -> !v
    // CHECK: weft.launch @k({{.*}}arena [[A2:[0-9]+]]>
    %u = weft.launch @k(%t) : (!v) -> !v
    // CHECK: weft.launch @k({{.*}}arena [[A1]]>
    %w = weft.launch @k(%u) : (!v) -> !v
    %n = weft.launch @k2(%w, %c) : (!v, !v) -> !v
    weft.yield %n : !v
  }
  // CHECK: weft.for <3>
  // CHECK-NOT: arena [[A0]]>
  // CHECK-NOT: arena [[A1]]>
  // CHECK-NOT: arena [[A2]]>
  // CHECK: return
  %s = weft.for #weft.size<3> carries(%b : !v) attributes {weft.beside = array<i64: 0, 1>} -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %t = weft.launch @k(%c) : (!v) -> !v
    %u = weft.launch @k(%t) : (!v) -> !v
    %w = weft.launch @k(%u) : (!v) -> !v
    %n = weft.launch @k2(%w, %c) : (!v, !v) -> !v
    weft.yield %n : !v
  }
  return %r, %s : !v, !v
}

// The same without marks: one after the other, in the same bytes.
// CHECK-LABEL: func.func @in_order
// CHECK-SAME: weft.arena = #weft.size<192>
func.func @in_order(%a: !v, %b: !v) -> (!v, !v) {
  %r = weft.for #weft.size<3> carries(%a : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %t = weft.launch @k(%c) : (!v) -> !v
    %u = weft.launch @k(%t) : (!v) -> !v
    %w = weft.launch @k(%u) : (!v) -> !v
    %n = weft.launch @k2(%w, %c) : (!v, !v) -> !v
    weft.yield %n : !v
  }
  %s = weft.for #weft.size<3> carries(%b : !v) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %t = weft.launch @k(%c) : (!v) -> !v
    %u = weft.launch @k(%t) : (!v) -> !v
    %w = weft.launch @k(%u) : (!v) -> !v
    %n = weft.launch @k2(%w, %c) : (!v, !v) -> !v
    weft.yield %n : !v
  }
  return %r, %s : !v, !v
}

// Both begin with the value that the second would take for its own, were it to run after the first. The copy belongs to
// its part.
// CHECK-LABEL: func.func @init
func.func @init(%a: !v) -> (!v, !v) {
  // CHECK: %[[H:.*]] = weft.launch @k(%arg0)
  %h = weft.launch @k(%a) : (!v) -> !v
  // CHECK: weft.copy %[[H]] {reason = "what runs beside the loop reads its init", weft.beside = array<i64: 0, 0>
  // CHECK: weft.for
  %r = weft.for #weft.size<3> carries(%h : !v) attributes {weft.beside = array<i64: 0, 0>} -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %n = weft.launch @k(%c) : (!v) -> !v
    weft.yield %n : !v
  }
  // CHECK: weft.copy %[[H]] {reason = "what runs beside the loop reads its init", weft.beside = array<i64: 0, 1>
  // CHECK: weft.for
  %s = weft.for #weft.size<3> carries(%h : !v) attributes {weft.beside = array<i64: 0, 1>} -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v):
    %n = weft.launch @k(%c) : (!v) -> !v
    weft.yield %n : !v
  }
  return %r, %s : !v, !v
}

// What one part changes in place, another may read at any time before it ends.
func.func private @set(%x: !v, %i: tensor<1xi64>, %u: tensor<1xf32>) -> !v attributes {weft.kernel} {
  %0 = weft.scatter %x, %i, %u {at = 0 : i64, batch = 0 : i64, bounds = #weft.bounds<drop>, dims = array<i64: 0>, kind = #weft.scatter_kind<set>} : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
  return %0 : !v
}
// CHECK-LABEL: func.func @change
func.func @change(%a: !v, %i: tensor<1xi64>, %u: tensor<1xf32>) -> (!v, !v) {
  %r:2 = weft.for #weft.size<3> carries(%a, %a : !v, !v) captures(%i, %u : tensor<1xi64>, tensor<1xf32>) -> (!v, !v) {
  ^bb0(%n: tensor<i64>, %c: !v, %d: !v, %j: tensor<1xi64>, %w: tensor<1xf32>):
    // CHECK: ^bb0(%{{.*}}: tensor<i64>, %[[C:[^ ]*]]: tensor<16xf32>
    // CHECK: weft.for <5>{{.*}}captures(%[[C]] :
    %s = weft.for #weft.size<5> carries(%d : !v) captures(%c : !v) attributes {weft.beside = array<i64: 0, 0>} -> (!v) {
    ^bb1(%m: tensor<i64>, %x: !v, %y: !v):
      %z = weft.launch @k2(%x, %y) : (!v, !v) -> !v
      weft.yield %z : !v
    }
    // CHECK: %[[D:.*]] = weft.copy %[[C]] {reason = "a loop does not write over its function's or region's arguments", weft.beside = array<i64: 0, 1>
    // CHECK: weft.for <5> carries(%[[D]] :
    %t = weft.for #weft.size<5> carries(%c : !v) captures(%j, %w : tensor<1xi64>, tensor<1xf32>) attributes {weft.beside = array<i64: 0, 1>} -> (!v) {
    ^bb1(%m: tensor<i64>, %x: !v, %e: tensor<1xi64>, %f: tensor<1xf32>):
      %z = weft.launch @set(%x, %e, %f) : (!v, tensor<1xi64>, tensor<1xf32>) -> !v
      weft.yield %z : !v
    }
    weft.yield %t, %s : !v, !v
  }
  return %r#0, %r#1 : !v, !v
}
