// A loop asks at its back-edges whether to stop: after each trip that may take long, after every 256th of those that are
// short. A stop leaves the loop with its status.
// RUN: weft-opt %s --weft-plan-memory --weft-to-linalg --weft-schedule-kernels --weft-emit-kernels --weft-lower-entry --weft-lower-to-llvm \
// RUN:   | mlir-translate --mlir-to-llvmir -o %t.ll
// RUN: clang -Wno-override-module -O1 -I%S/../../include %t.ll %S/Inputs/entry-host.c -o %t
// RUN: %t 2=0,1 257 | FileCheck %s
// CHECK: result 0: 0 600
// CHECK: arena {{.*}} bytes, 5 polls
// RUN: env STOP_AFTER=2 %t 2=0,1 257 | FileCheck %s --check-prefix=STOP
// STOP: status 5020 after 2 polls
// RUN: env STOP_AFTER=4 %t 2=0,1 257 | FileCheck %s --check-prefix=LATE
// LATE: status 5020 after 4 polls

func.func private @k_add(%x: tensor<2xf32>, %y: tensor<2xf32>) -> tensor<2xf32> attributes {weft.kernel} {
  %n = weft.add %x, %y : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %n : tensor<2xf32>
}
func.func private @k_long(%x: tensor<257xf32>, %y: tensor<257xf32>) -> tensor<257xf32> attributes {weft.kernel} {
  %n = weft.add %x, %y : (tensor<257xf32>, tensor<257xf32>) -> tensor<257xf32>
  return %n : tensor<257xf32>
}
func.func private @k_zero() -> tensor<2xf32> attributes {weft.kernel} {
  %n = weft.constant {value = dense<0.0> : tensor<2xf32>} : () -> tensor<2xf32>
  return %n : tensor<2xf32>
}
func.func @main(%h: tensor<2xf32>, %x: tensor<257xf32>) -> (tensor<2xf32>, tensor<257xf32>) {
  %zero = weft.launch @k_zero() : () -> tensor<2xf32>
  // 600 short trips: two polls.
  %r = weft.for #weft.size<600> carries(%zero : tensor<2xf32>) captures(%h : tensor<2xf32>) -> (tensor<2xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<2xf32>, %k: tensor<2xf32>):
    %n = weft.launch @k_add(%c, %k) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    weft.yield %n : tensor<2xf32>
  }
  // Three longer ones: three polls.
  %s = weft.for #weft.size<3> carries(%x : tensor<257xf32>) captures(%x : tensor<257xf32>) -> (tensor<257xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<257xf32>, %k: tensor<257xf32>):
    %n = weft.launch @k_long(%c, %k) : (tensor<257xf32>, tensor<257xf32>) -> tensor<257xf32>
    weft.yield %n : tensor<257xf32>
  }
  return %r, %s : tensor<2xf32>, tensor<257xf32>
}
