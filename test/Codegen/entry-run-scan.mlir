// A static loop: rows are written in place, and the carry, which is a row too, is read from the last one.
// Run through a plain host (Inputs/entry-host.c): what the plan says is what happens.
// RUN: weft-opt %s --weft-plan-memory --weft-to-linalg --weft-schedule-kernels --weft-emit-kernels --weft-lower-entry --weft-lower-to-llvm \
// RUN:   | mlir-translate --mlir-to-llvmir -o %t.ll
// RUN: clang -Wno-override-module -O1 -I%S/../../include %t.ll %S/Inputs/entry-host.c -o %t
// RUN: %t 4=1,2,3,4 7x4 | FileCheck %s --check-prefix=SCAN
// SCAN: result 0: 92 100 108 116
// SCAN-NEXT: result 1: 2 4 6 8 7 10 13 16 16 20 24 28 29 34 39 44 46 52 58 64 67 74 81 88 92 100 108 116
// SCAN-NEXT: arena 0 bytes, 0 polls

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
