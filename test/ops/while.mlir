// RUN: weft-run %s --reference | FileCheck %s
// RUN: weft-run %s | FileCheck %s

// Last carries; captures are read in both regions.
// CHECK:      128.
// CHECK-NEXT: 7
// No trip: the inits.
// CHECK-NEXT: [1., 2.]
// Ended by max_trips.
// CHECK-NEXT: [8., 16.]
// Carries that trade places; an odd number of trips.
// CHECK-NEXT: [20., 30.]
// CHECK-NEXT: [1., 2.]
func.func @main() -> (tensor<f32>, tensor<i64>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %one = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %limit = weft.constant {value = dense<100.0> : tensor<f32>} : () -> tensor<f32>
  %zero = weft.constant {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %step = weft.constant {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %three = weft.constant {value = dense<3> : tensor<i64>} : () -> tensor<i64>
  %v = weft.constant {value = dense<[1.0, 2.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %w = weft.constant {value = dense<[20.0, 30.0]> : tensor<2xf32>} : () -> tensor<2xf32>
  %true = weft.constant {value = dense<true> : tensor<i1>} : () -> tensor<i1>
  %r:2 = weft.while carries(%one, %zero : tensor<f32>, tensor<i64>) captures(%limit, %step : tensor<f32>, tensor<i64>)
      -> (tensor<f32>, tensor<i64>) {
  ^bb0(%c: tensor<f32>, %n: tensor<i64>, %l: tensor<f32>, %s: tensor<i64>):
    %p = weft.lt %c, %l : (tensor<f32>, tensor<f32>) -> tensor<i1>
    weft.yield %p : tensor<i1>
  } do {
  ^bb0(%c: tensor<f32>, %n: tensor<i64>, %l: tensor<f32>, %s: tensor<i64>):
    %d = weft.add %c, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %m = weft.add %n, %s : (tensor<i64>, tensor<i64>) -> tensor<i64>
    weft.yield %d, %m : tensor<f32>, tensor<i64>
  }
  %none = weft.while carries(%v : tensor<2xf32>) captures(%true : tensor<i1>) -> (tensor<2xf32>) {
  ^bb0(%c: tensor<2xf32>, %t: tensor<i1>):
    %f = weft.not %t : (tensor<i1>) -> tensor<i1>
    weft.yield %f : tensor<i1>
  } do {
  ^bb0(%c: tensor<2xf32>, %t: tensor<i1>):
    %d = weft.neg %c : (tensor<2xf32>) -> tensor<2xf32>
    weft.yield %d : tensor<2xf32>
  }
  %most = weft.while max_trips #weft.size<3> carries(%v : tensor<2xf32>) captures(%true : tensor<i1>) -> (tensor<2xf32>) {
  ^bb0(%c: tensor<2xf32>, %t: tensor<i1>):
    weft.yield %t : tensor<i1>
  } do {
  ^bb0(%c: tensor<2xf32>, %t: tensor<i1>):
    %d = weft.add %c, %c : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    weft.yield %d : tensor<2xf32>
  }
  %swap:3 = weft.while carries(%v, %w, %zero : tensor<2xf32>, tensor<2xf32>, tensor<i64>)
      captures(%three, %step : tensor<i64>, tensor<i64>) -> (tensor<2xf32>, tensor<2xf32>, tensor<i64>) {
  ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>, %i: tensor<i64>, %t: tensor<i64>, %s: tensor<i64>):
    %p = weft.lt %i, %t : (tensor<i64>, tensor<i64>) -> tensor<i1>
    weft.yield %p : tensor<i1>
  } do {
  ^bb0(%a: tensor<2xf32>, %b: tensor<2xf32>, %i: tensor<i64>, %t: tensor<i64>, %s: tensor<i64>):
    %n = weft.add %i, %s : (tensor<i64>, tensor<i64>) -> tensor<i64>
    weft.yield %b, %a, %n : tensor<2xf32>, tensor<2xf32>, tensor<i64>
  }
  return %r#0, %r#1, %none, %most, %swap#0, %swap#1
      : tensor<f32>, tensor<i64>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}
