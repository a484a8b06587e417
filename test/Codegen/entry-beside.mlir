// Parts that run side by side become a function, which the runtime is given with a closure; whichever runs first, the
// results are the same, and what each uses has bytes of its own (Inputs/entry-host.c runs the last one first, every
// other time).
// RUN: weft-opt %s --weft-plan-memory --weft-lower-entry | FileCheck %s
// RUN: weft-opt %s --weft-plan-memory --weft-to-linalg --weft-schedule-kernels --weft-emit-kernels --weft-lower-entry --weft-lower-to-llvm \
// RUN:   | mlir-translate --mlir-to-llvmir -o %t.ll
// RUN: clang -Wno-override-module -O1 -I%S/../../include %t.ll %S/Inputs/entry-host.c -o %t
// RUN: %t 2=1,2 2=3,5 | FileCheck %s --check-prefix=GIVES
// RUN: env STOP_AFTER=1 %t 2=1,2 2=3,5 | FileCheck %s --check-prefix=STOP

// The times start as estimated.
// CHECK: llvm.mlir.global internal @weft_entry_beside0_times(dense<[5000, 7000]> : tensor<2xi64>)
// CHECK: llvm.func internal @weft_entry_beside0(%[[CALL:.*]]: !llvm.ptr, %[[CLOSURE:.*]]: !llvm.ptr, %[[K:.*]]: i64, %{{.*}}: i64)
// CHECK: cf.switch %{{.*}} : i32
// CHECK: call @k_add(%[[CALL]],
// CHECK: llvm.return
// CHECK: func.func @weft_entry(
// A quarter of both could be divided inside.
// CHECK: %[[BODY:.*]] = llvm.mlir.addressof @weft_entry_beside0 :
// CHECK: llvm.call @weft_rt_beside(%arg0, %[[BODY]], %{{.*}}, %c2_i64{{.*}}, %{{.*}}, %c256_i64{{.*}})
// CHECK-NEXT: llvm.call @weft_rt_poll(%arg0)

// GIVES: result 0: 28 51
// GIVES-NEXT: result 1: 71 121
// GIVES-NEXT: result 2: 99 172
// STOP: status 5020

!v = tensor<2xf32>
func.func private @k_add(%x: !v, %y: !v) -> !v attributes {weft.kernel} {
  %n = weft.add %x, %y : (!v, !v) -> !v
  return %n : !v
}
func.func @main(%a: !v, %b: !v) -> (!v, !v, !v) {
  %h = weft.launch @k_add(%a, %b) : (!v, !v) -> !v
  %r:2 = weft.for #weft.size<5> carries(%h, %a : !v, !v) attributes {weft.beside = array<i64: 0, 0>, weft.beside_ns = array<i64: 5000, 3000>} -> (!v, !v) {
  ^bb0(%i: tensor<i64>, %c: !v, %d: !v):
    %t = weft.launch @k_add(%c, %d) : (!v, !v) -> !v
    weft.yield %d, %t : !v, !v
  }
  %s:2 = weft.for #weft.size<6> carries(%h, %b : !v, !v) captures(%a : !v) attributes {weft.beside = array<i64: 0, 1>, weft.beside_ns = array<i64: 7000, 0>} -> (!v, !v) {
  ^bb0(%i: tensor<i64>, %c: !v, %d: !v, %e: !v):
    %t = weft.launch @k_add(%c, %d) : (!v, !v) -> !v
    weft.yield %d, %t : !v, !v
  }
  %z = weft.launch @k_add(%r#1, %s#1) : (!v, !v) -> !v
  return %r#1, %s#1, %z : !v, !v, !v
}
