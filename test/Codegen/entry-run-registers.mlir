// Carries that are held in registers: homes that are results, rows, places of the loop around; carries that trade
// places, that stay, that a branch makes; no trip at all; what a called kernel reads too. Held to the reference.
// RUN: weft-run %s --verify

// RUN: weft-opt %s --weft-pipeline=traced..planned | FileCheck %s --check-prefix=PLAN
// PLAN: weft.while {{.*}}weft.spares = [#weft.slot<register

!s = tensor<f32>
!i = tensor<i64>
!v = tensor<3xf32>
func.func @main() -> (!s, !i, !v, tensor<5xf32>, !s, !s, tensor<7xi64>, !s, tensor<bf16>) {
  %x = weft.constant {value = dense<1.5> : !s} : () -> !s
  %y = weft.constant {value = dense<-0.75> : !s} : () -> !s
  %v = weft.constant {value = dense<[1.0, -2.0, 0.5]> : !v} : () -> !v
  %zero = weft.constant {value = dense<0> : !i} : () -> !i
  %xs = weft.constant {value = dense<[0.5, 1.5, -2.0, 4.0, 0.25]> : tensor<5xf32>} : () -> tensor<5xf32>

  // A while: a recurrence, a counter, and a vector of three.
  %a:3 = weft.while carries(%x, %zero, %v : !s, !i, !v) -> (!s, !i, !v) {
  ^bb0(%c: !s, %n: !i, %w: !v):
    %limit = weft.constant {value = dense<1001> : !i} : () -> !i
    %p = weft.lt %n, %limit : (!i, !i) -> tensor<i1>
    weft.yield %p : tensor<i1>
  } do {
  ^bb0(%c: !s, %n: !i, %w: !v):
    %k = weft.constant {value = dense<0.9997> : !s} : () -> !s
    %d = weft.mul %c, %k : (!s, !s) -> !s
    %one = weft.constant {value = dense<1> : !i} : () -> !i
    %m = weft.add %n, %one : (!i, !i) -> !i
    %f = weft.broadcast %d {dims = array<i64>} : (!s) -> !v
    %g = weft.mul %w, %f : (!v, !v) -> !v
    %h = weft.sub %g, %w : (!v, !v) -> !v
    weft.yield %d, %m, %h : !s, !i, !v
  }

  // A loop in a loop, with rows; two carries trade places, one stays; a branch; named by the step.
  %b:4 = weft.for #weft.size<5> carries(%x, %y, %a#0 : !s, !s, !s) xs(%xs : tensor<5xf32>) captures(%y : !s) -> (!s, !s, !s, tensor<5xf32>) {
  ^bb0(%i: !i, %c: !s, %d: !s, %e: !s, %xi: !s, %k: !s):
    %q = weft.for #weft.size<3> carries(%c : !s) captures(%xi, %i : !s, !i) -> (!s) {
    ^bb0(%j: !i, %t: !s, %u: !s, %o: !i):
      %jo = weft.add %j, %o : (!i, !i) -> !i
      %fj = weft.convert %jo {dtype = f32} : (!i) -> !s
      %r0 = weft.mul %t, %u : (!s, !s) -> !s
      %r1 = weft.sub %r0, %fj : (!s, !s) -> !s
      weft.yield %r1 : !s
    }
    %p = weft.lt %q, %k : (!s, !s) -> tensor<i1>
    %z = weft.if %p captures(%q, %d : !s, !s) : tensor<i1> -> (!s) {
    ^bb0(%g: !s, %h: !s):
      weft.yield %h : !s
    }, {
    ^bb0(%g: !s, %h: !s):
      %sum = weft.add %g, %h : (!s, !s) -> !s
      weft.yield %sum : !s
    }
    weft.yield %d, %z, %e, %q : !s, !s, !s, !s
  }

  // No trip; and a limit of trips.
  %none = weft.for #weft.size<0> carries(%y : !s) -> (!s) {
  ^bb0(%i: !i, %c: !s):
    %d = weft.add %c, %c : (!s, !s) -> !s
    weft.yield %d : !s
  }
  %most = weft.while max_trips #weft.size<7> carries(%none : !s) -> (!s) {
  ^bb0(%c: !s):
    %p = weft.eq %c, %c : (!s, !s) -> tensor<i1>
    weft.yield %p : tensor<i1>
  } do {
  ^bb0(%c: !s):
    %d = weft.add %c, %c : (!s, !s) -> !s
    weft.yield %d : !s
  }

  // The counter is stacked too; a sort is called, and reads what is made in registers.
  %c:2 = weft.for #weft.size<7> reverse carries(%zero : !i) -> (!i, tensor<7xi64>) {
  ^bb0(%i: !i, %n: !i):
    %m = weft.sub %i, %n : (!i, !i) -> !i
    weft.yield %m, %m : !i, !i
  }
  %mixed = weft.for #weft.size<4> carries(%x : !s) captures(%xs : tensor<5xf32>) -> (!s) {
  ^bb0(%i: !i, %t: !s, %w: tensor<5xf32>):
    %f = weft.broadcast %t {dims = array<i64>} : (!s) -> tensor<5xf32>
    %g = weft.mul %w, %f : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
    %h = weft.sort %g {dim = 0 : i64, descending = true} : (tensor<5xf32>) -> tensor<5xf32>
    %r = weft.reduce %h {dims = array<i64: 0>, kind = #weft.reduce_kind<add>} : (tensor<5xf32>) -> !s
    weft.yield %r : !s
  }
  %half = weft.convert %x {dtype = bf16} : (!s) -> tensor<bf16>
  %narrow = weft.for #weft.size<6> carries(%half : tensor<bf16>) -> (tensor<bf16>) {
  ^bb0(%i: !i, %t: tensor<bf16>):
    %k = weft.constant {value = dense<1.125> : tensor<bf16>} : () -> tensor<bf16>
    %u = weft.mul %t, %k : (tensor<bf16>, tensor<bf16>) -> tensor<bf16>
    weft.yield %u : tensor<bf16>
  }
  return %b#1, %a#1, %a#2, %b#3, %b#2, %most, %c#1, %mixed, %narrow : !s, !i, !v, tensor<5xf32>, !s, !s, tensor<7xi64>, !s, tensor<bf16>
}
