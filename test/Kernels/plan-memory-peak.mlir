// The arena is at most 1.1 times what is alive at once: thirty straight programs of three shapes, and the loops below.
// RUN: python3 %S/Inputs/arena_programs.py > %t.mlir
// RUN: weft-opt %t.mlir --weft-plan-memory=print-peak -o /dev/null 2>&1 | python3 %S/Inputs/arena_programs.py --check \
// RUN:   | FileCheck %s --check-prefix=MANY
// MANY: 30 arenas within
// RUN: weft-opt %s --weft-plan-memory=print-peak -verify-diagnostics -o /dev/null

!a = tensor<1024xf32>
!b = tensor<4096xf32>
func.func private @ab(!a) -> !b attributes {weft.kernel}
func.func private @ba(!b) -> !a attributes {weft.kernel}
func.func private @b2(!b, !b) -> !b attributes {weft.kernel}

// The carry (4 KB) is read before it is made anew, so it keeps its place; the body's two large values, and one that waits.
// expected-remark @+1 {{arena 53248 bytes, greatest sum of live bytes 53248}}
func.func @loop(%x: !a) -> !a {
  %kept = weft.launch @ab(%x) : (!a) -> !b
  %init = weft.launch @ba(%kept) : (!b) -> !a
  %r = weft.for #weft.size<10> carries(%init : !a) captures(%kept : !b) -> (!a) {
  ^bb0(%i: tensor<i64>, %c: !a, %k: !b):
    %u = weft.launch @ab(%c) : (!a) -> !b
    %v = weft.launch @b2(%u, %k) : (!b, !b) -> !b
    %n = weft.launch @ba(%v) : (!b) -> !a
    weft.yield %n : !a
  }
  %w = weft.launch @ab(%r) : (!a) -> !b
  %z = weft.launch @ba(%w) : (!b) -> !a
  return %z : !a
}

// Branches never run together, so they use the same bytes; a callee's frame lies where the caller has nothing alive.
func.func private @callee(%x: !a, %p: tensor<i1>) -> !a { // expected-remark {{arena 32768 bytes, greatest sum of live bytes 32768}}
  %r = weft.if %p captures(%x : !a) : tensor<i1> -> (!a) {
  ^bb0(%c: !a):
    %u = weft.launch @ab(%c) : (!a) -> !b
    %v = weft.launch @b2(%u, %u) : (!b, !b) -> !b
    %n = weft.launch @ba(%v) : (!b) -> !a
    weft.yield %n : !a
  }, {
  ^bb0(%c: !a):
    %u = weft.launch @ab(%c) : (!a) -> !b
    %n = weft.launch @ba(%u) : (!b) -> !a
    weft.yield %n : !a
  }
  return %r : !a
}
func.func @caller(%x: !a, %p: tensor<i1>) -> !a { // expected-remark {{arena 36864 bytes, greatest sum of live bytes 36864}}
  %u = weft.launch @ab(%x) : (!a) -> !b
  %v = weft.launch @ba(%u) : (!b) -> !a
  %w = weft.call @callee(%v, %p) : (!a, tensor<i1>) -> !a
  return %w : !a
}
