// RUN: weft-opt %s --weft-simplify | FileCheck %s --check-prefix=BEFORE
// RUN: weft-opt %s --weft-simplify=derivatives-taken | FileCheck %s --check-prefix=AFTER

// Speaks to derivatives only, so it goes when they are taken, not before.
// BEFORE: weft.stop_gradient
// AFTER-NOT: weft.stop_gradient
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = weft.stop_gradient %x : (tensor<4xf32>) -> tensor<4xf32>
  return %s : tensor<4xf32>
}
