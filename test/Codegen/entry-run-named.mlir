// Named sizes: a reverse loop of any count, none too; 2*T is solved and checked.
// Run through a plain host (Inputs/entry-host.c): what the plan says is what happens.
// RUN: weft-opt %s --weft-plan-memory --weft-to-linalg --weft-schedule-kernels --weft-emit-kernels --weft-lower-entry --weft-lower-to-llvm \
// RUN:   | mlir-translate --mlir-to-llvmir -o %t.ll
// RUN: clang -Wno-override-module -O1 -I%S/../../include %t.ll %S/Inputs/entry-host.c -o %t
// RUN: %t 2=10,20 3x2 6 | FileCheck %s --check-prefix=ODD
// ODD: result 0: 19 32
// ODD-NEXT: result 1: 19 32 18 30 15 26
// RUN: %t 2=10,20 2x2 4 | FileCheck %s --check-prefix=EVEN
// EVEN: result 0: 14 26
// EVEN-NEXT: result 1: 14 26 13 24
// RUN: %t 2=10,20 0x2 0 | FileCheck %s --check-prefix=NONE
// NONE: result 0: 10 20
// NONE-NEXT: result 1:{{$}}
// RUN: %t 2=10,20 3x2 7 | FileCheck %s --check-prefix=ODDSIZE
// ODDSIZE: fail 5021 where 512 expected 6 got 7
// RUN: %t 0= 3x0 6 | FileCheck %s --check-prefix=ASSUME
// ASSUME: fail 5022 where 0 expected 1 got 0

!s = tensor<?xf32, #weft.dims<s0>>
!b = tensor<?xf32, #weft.dims<B>>
!tb = tensor<?x?xf32, #weft.dims<T, B>>
func.func private @k_add(%x: !s, %y: !s) -> !s attributes {weft.kernel, weft.symbols = ["s0"]} {
  %n = weft.add %x, %y : (!s, !s) -> !s
  return %n : !s
}
func.func @main(%h: !b, %x: !tb, %unread: tensor<?xf32, #weft.dims<2*T>>) -> (!b, !tb)
    attributes {weft.assume = ["B >= 1", "B*T mod 2 == 0"]} {
  %r, %ys = weft.for #weft.size<T> reverse carries(%h : !b) xs(%x : !tb) -> (!b, !tb) {
  ^bb0(%i: tensor<i64>, %c: !b, %xi: !b):
    %n = weft.launch @k_add(%c, %xi) {weft.sizes = [#weft.size<B>]} : (!b, !b) -> !b
    weft.yield %n, %n : !b, !b
  }
  return %r, %ys : !b, !tb
}
