// RUN: weft-run %s --verify
// RUN: weft-opt %s --weft-pipeline="traced..scheduled target=x86-64-v3" | FileCheck %s

// One kernel each: parts that are computed, what is computed behind them, a join in a padding.
// CHECK-COUNT-4: form = "pieces"
// CHECK-NOT: form =
func.func @main() -> (tensor<5x22xf32>, tensor<7x13xf32>, tensor<9x13xf32>, tensor<5x19xf32>) {
  %i = weft.iota {dim = 1 : i64} : () -> tensor<5x11xf32>
  %x = weft.optimization_barrier %i : (tensor<5x11xf32>) -> tensor<5x11xf32>
  %s = weft.sin %x : (tensor<5x11xf32>) -> tensor<5x11xf32>
  %n = weft.neg %x : (tensor<5x11xf32>) -> tensor<5x11xf32>
  %c = weft.concat %s, %n {dim = 1 : i64} : (tensor<5x11xf32>, tensor<5x11xf32>) -> tensor<5x22xf32>
  %j = weft.iota {dim = 1 : i64} : () -> tensor<5x22xf32>
  %a = weft.mul %c, %j : (tensor<5x22xf32>, tensor<5x22xf32>) -> tensor<5x22xf32>
  %v = weft.constant {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %p = weft.pad %n, %v {low = array<i64: 1, 0>, high = array<i64: 1, 2>, interior = array<i64: 0, 0>} : (tensor<5x11xf32>, tensor<f32>) -> tensor<7x13xf32>
  %e = weft.exp %p : (tensor<7x13xf32>) -> tensor<7x13xf32>
  %t = weft.slice %x {starts = array<i64: 3, 0>, strides = array<i64: 1, 1>} : (tensor<5x11xf32>) -> tensor<2x11xf32>
  %d = weft.concat %x, %t {dim = 0 : i64} : (tensor<5x11xf32>, tensor<2x11xf32>) -> tensor<7x11xf32>
  %q = weft.pad %d, %v {low = array<i64: 1, 1>, high = array<i64: 1, 1>, interior = array<i64: 0, 0>} : (tensor<7x11xf32>, tensor<f32>) -> tensor<9x13xf32>
  %r = weft.add %q, %q : (tensor<9x13xf32>, tensor<9x13xf32>) -> tensor<9x13xf32>
  // Numbers made from their index, repeated: those of the part, and those of the whole.
  %k = weft.iota {dim = 0 : i64} : () -> tensor<8xf32>
  %kk = weft.broadcast %k {dims = array<i64: 1>} : (tensor<8xf32>) -> tensor<5x8xf32>
  %l = weft.iota {dim = 0 : i64} : () -> tensor<19xf32>
  %ll = weft.broadcast %l {dims = array<i64: 1>} : (tensor<19xf32>) -> tensor<5x19xf32>
  %f = weft.concat %n, %kk {dim = 1 : i64} : (tensor<5x11xf32>, tensor<5x8xf32>) -> tensor<5x19xf32>
  %g = weft.mul %f, %ll : (tensor<5x19xf32>, tensor<5x19xf32>) -> tensor<5x19xf32>
  return %a, %e, %r, %g : tensor<5x22xf32>, tensor<7x13xf32>, tensor<9x13xf32>, tensor<5x19xf32>
}
