// Programs run through a plain host: what the plan says is what happens.
// RUN: split-file %s %t

// A static loop: an odd count, so the init begins in the spare place; rows are written in place.
// RUN: weft-opt %t/scan.mlir --weft-plan-memory --weft-to-linalg --weft-emit-kernels --weft-lower-entry --weft-lower-to-llvm \
// RUN:   | mlir-translate --mlir-to-llvmir -o %t/scan.ll
// RUN: clang -Wno-override-module -O1 -I%S/../../include %t/scan.ll %S/Inputs/entry-host.c -o %t/scan
// RUN: %t/scan 4=1,2,3,4 7x4 | FileCheck %s --check-prefix=SCAN
// SCAN: result 0: 92 100 108 116
// SCAN-NEXT: result 1: 2 4 6 8 7 10 13 16 16 20 24 28 29 34 39 44 46 52 58 64 67 74 81 88 92 100 108 116
// SCAN-NEXT: arena 64 bytes, 7 polls
// A stop at a back-edge leaves the loop with its status; sizes that differ from the type are refused.
// RUN: env STOP_AFTER=3 %t/scan 4=1,2,3,4 7x4 | FileCheck %s --check-prefix=STOP
// STOP: status 5020 after 3 polls
// RUN: %t/scan 4=1,2,3,4 7x5 | FileCheck %s --check-prefix=SHAPE
// SHAPE: fail 5021 where 257 expected 4 got 5
// SHAPE-NEXT: status 5021 after 0 polls

// Named sizes: a reverse loop of any count, none too; 2*T is solved and checked.
// RUN: weft-opt %t/named.mlir --weft-plan-memory --weft-to-linalg --weft-emit-kernels --weft-lower-entry --weft-lower-to-llvm \
// RUN:   | mlir-translate --mlir-to-llvmir -o %t/named.ll
// RUN: clang -Wno-override-module -O1 -I%S/../../include %t/named.ll %S/Inputs/entry-host.c -o %t/named
// RUN: %t/named 2=10,20 3x2 6 | FileCheck %s --check-prefix=ODD
// ODD: result 0: 19 32
// ODD-NEXT: result 1: 19 32 18 30 15 26
// RUN: %t/named 2=10,20 2x2 4 | FileCheck %s --check-prefix=EVEN
// EVEN: result 0: 14 26
// EVEN-NEXT: result 1: 14 26 13 24
// RUN: %t/named 2=10,20 0x2 0 | FileCheck %s --check-prefix=NONE
// NONE: result 0: 10 20
// NONE-NEXT: result 1:{{$}}
// RUN: %t/named 2=10,20 3x2 7 | FileCheck %s --check-prefix=ODDSIZE
// ODDSIZE: fail 5021 where 512 expected 6 got 7
// RUN: %t/named 0= 3x0 6 | FileCheck %s --check-prefix=ASSUME
// ASSUME: fail 5022 where 0 expected 1 got 0

// Carries that trade places, a loop in a loop, branches, a call with a frame of its own.
// RUN: weft-opt %t/control.mlir --weft-plan-memory --weft-to-linalg --weft-emit-kernels --weft-lower-entry --weft-lower-to-llvm \
// RUN:   | mlir-translate --mlir-to-llvmir -o %t/control.ll
// RUN: clang -Wno-override-module -O1 -I%S/../../include %t/control.ll %S/Inputs/entry-host.c -o %t/control
// RUN: %t/control 2=1,2 2=3,5 i=0 | FileCheck %s --check-prefix=FIRST
// FIRST: result 0: 123 212
// FIRST-NEXT: result 1: 76 131
// FIRST-NEXT: result 2: 32768 65536
// RUN: %t/control 2=1,2 2=3,5 i=-7 | FileCheck %s --check-prefix=FIRST
// RUN: %t/control 2=1,2 2=3,5 i=9 | FileCheck %s --check-prefix=LAST
// LAST: result 0: 123 212
// LAST-NEXT: result 1: 76 131
// LAST-NEXT: result 2: 8 16

//--- scan.mlir
func.func private @k_add(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> attributes {weft.kernel} {
  %n = weft.add %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %n : tensor<4xf32>
}
func.func @main(%h: tensor<4xf32>, %x: tensor<7x4xf32>) -> (tensor<4xf32>, tensor<7x4xf32>) {
  %r, %ys = weft.for #weft.size<7> carries(%h : tensor<4xf32>) xs(%x : tensor<7x4xf32>)
      -> (tensor<4xf32>, tensor<7x4xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>, %xi: tensor<4xf32>):
    %n = weft.launch @k_add(%c, %xi) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    weft.yield %n, %n : tensor<4xf32>, tensor<4xf32>
  }
  return %r, %ys : tensor<4xf32>, tensor<7x4xf32>
}

//--- named.mlir
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

//--- control.mlir
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
