// RUN: weft-run %s --reference --function values | FileCheck %s
// RUN: weft-opt %s --weft-simplify | FileCheck %s --check-prefix=APART
// RUN: weft-opt %s --weft-pipeline=traced..optimized --weft-flatten-recompute | FileCheck %s --check-prefix=FLAT

// The region computes what its ops say.
// CHECK:      [1, 4]
// CHECK-NEXT: [2, 6]

// Equal ops inside and outside stay two; results that nothing reads go, and captures that are given twice.
// APART-LABEL: func.func @main
// APART:   weft.mul
// APART:   weft.recompute "again"(%{{[^,]*}} : tensor<2xi32>) -> (tensor<2xi32>)
// APART:   weft.mul
// APART-NOT: weft.neg
// APART:   weft.yield

// In place, each op knows its region.
// FLAT-LABEL: func.func @main
// FLAT-NOT: weft.recompute "
// FLAT:     weft.mul {{.*}}{weft.recompute = 0 : i64}
func.func @main(%x: tensor<2xi32>) -> (tensor<2xi32>, tensor<2xi32>) {
  %a = weft.mul %x, %x : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
  %b, %dead = weft.recompute "again" (%x, %x : tensor<2xi32>, tensor<2xi32>) -> (tensor<2xi32>, tensor<2xi32>) {
  ^bb0(%y: tensor<2xi32>, %z: tensor<2xi32>):
    %s = weft.mul %y, %y : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
    %t = weft.add %s, %z : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
    %n = weft.neg %z : (tensor<2xi32>) -> tensor<2xi32>
    weft.yield %t, %n : tensor<2xi32>, tensor<2xi32>
  }
  return %a, %b : tensor<2xi32>, tensor<2xi32>
}

func.func private @values() -> (tensor<2xi32>, tensor<2xi32>) {
  %c = weft.constant {value = dense<[1, 2]> : tensor<2xi32>} : () -> tensor<2xi32>
  %a, %b = weft.call @main(%c) : (tensor<2xi32>) -> (tensor<2xi32>, tensor<2xi32>)
  return %a, %b : tensor<2xi32>, tensor<2xi32>
}

// A capture that is listed again where the first is not read.
// APART-LABEL: func.func @listed_again
// APART:   weft.recompute "again"(%{{[^,]*}} : tensor<f64>) -> (tensor<f64>)
func.func @listed_again(%x: tensor<f64>) -> tensor<f64> {
  %r = weft.recompute "again" (%x, %x, %x : tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<f64>) {
  ^bb0(%a: tensor<f64>, %b: tensor<f64>, %c: tensor<f64>):
    %n = weft.neg %c : (tensor<f64>) -> tensor<f64>
    %s = weft.add %b, %n : (tensor<f64>, tensor<f64>) -> tensor<f64>
    weft.yield %s : tensor<f64>
  }
  return %r : tensor<f64>
}
