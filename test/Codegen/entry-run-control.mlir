// Carries that trade places, a loop in a loop, branches, a call with a frame of its own.
// Run through a plain host (Inputs/entry-host.c): what the plan says is what happens.
// RUN: weft-opt %s --weft-plan-memory --weft-to-linalg --weft-schedule-kernels --weft-emit-kernels --weft-lower-entry --weft-lower-to-llvm \
// RUN:   | mlir-translate --mlir-to-llvmir -o %t.ll
// RUN: clang -Wno-override-module -O1 -I%S/../../include %t.ll %S/Inputs/entry-host.c -o %t
// RUN: %t 2=1,2 2=3,5 i=0 | FileCheck %s --check-prefix=FIRST
// FIRST: result 0: 123 212
// FIRST-NEXT: result 1: 76 131
// FIRST-NEXT: result 2: 32768 65536
// RUN: %t 2=1,2 2=3,5 i=-7 | FileCheck %s --check-prefix=FIRST
// RUN: %t 2=1,2 2=3,5 i=9 | FileCheck %s --check-prefix=LAST
// LAST: result 0: 123 212
// LAST-NEXT: result 1: 76 131
// LAST-NEXT: result 2: 8 16

!v = tensor<2xf32>
func.func private @k_add(%x: !v, %y: !v) -> !v attributes {weft.kernel} {
  %n = weft.add %x, %y : (!v, !v) -> !v
  return %n : !v
}
func.func private @fourfold(%x: !v, %p: tensor<i32>) -> !v {
  %r = weft.if %p captures(%x : !v) : tensor<i32> -> (!v) {
  ^bb0(%q: !v):
    %n = weft.launch @k_add(%q, %q) : (!v, !v) -> !v
    %m = weft.launch @k_add(%n, %n) : (!v, !v) -> !v
    weft.yield %m : !v
  }, {
  ^bb0(%q: !v):
    weft.yield %q : !v
  }
  return %r : !v
}
func.func @main(%a: !v, %b: !v, %p: tensor<i32>) -> (!v, !v, !v) {
  %fib:2 = weft.for #weft.size<8> carries(%a, %b : !v, !v) -> (!v, !v) {
  ^bb0(%i: tensor<i64>, %c: !v, %d: !v):
    %n = weft.launch @k_add(%c, %d) : (!v, !v) -> !v
    weft.yield %d, %n : !v, !v
  }
  %r = weft.for #weft.size<3> carries(%a : !v) captures(%p : tensor<i32>) -> (!v) {
  ^bb0(%i: tensor<i64>, %c: !v, %p0: tensor<i32>):
    %t = weft.launch @k_add(%c, %c) : (!v, !v) -> !v
    %s = weft.for #weft.size<2> carries(%t : !v) captures(%p0 : tensor<i32>) -> (!v) {
    ^bb0(%j: tensor<i64>, %d: !v, %p1: tensor<i32>):
      %e = weft.call @fourfold(%d, %p1) : (!v, tensor<i32>) -> !v
      weft.yield %e : !v
    }
    weft.yield %s : !v
  }
  return %fib#1, %fib#0, %r : !v, !v, !v
}
