// RUN: weft-opt %s --weft-pipeline="traced..bufferized target=x86-64-v3" -split-input-file | FileCheck %s

// A causal mask: the columns of a block of rows end after the last row's first masked one, in whole rounds of 64.
// CHECK-LABEL: llvm.func internal @{{.*}}_body(
// CHECK: %[[FIRST:.*]] = arith.maxsi
// CHECK: arith.minsi
// CHECK: llvm.return
func.func @main(%q: tensor<2x200x16xf32>, %k: tensor<2x200x16xf32>, %v: tensor<2x200x32xf32>) -> tensor<2x200x32xf32> {
  %r = weft.attention %q, %k, %v {scale = 0.5 : f64, causal = true, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<2x200x16xf32>, tensor<2x200x16xf32>, tensor<2x200x32xf32>) -> tensor<2x200x32xf32>
  return %r : tensor<2x200x32xf32>
}

// -----

// A number is put that no fold passes over: all columns count.
// CHECK-LABEL: llvm.func internal @{{.*}}_body(
// CHECK-NOT: arith.maxsi
// CHECK: llvm.return
func.func @main(%q: tensor<200x16xf32>, %k: tensor<200x16xf32>, %v: tensor<200x32xf32>) -> tensor<200x32xf32> {
  %s = weft.dot %q, %k {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 1>} : (tensor<200x16xf32>, tensor<200x16xf32>) -> tensor<200x200xf32>
  %i = weft.iota {dim = 0 : i64} : () -> tensor<200x200xi64>
  %j = weft.iota {dim = 1 : i64} : () -> tensor<200x200xi64>
  %m = weft.le %j, %i : (tensor<200x200xi64>, tensor<200x200xi64>) -> tensor<200x200xi1>
  %n = weft.constant {value = dense<-1.0e+30> : tensor<200x200xf32>} : () -> tensor<200x200xf32>
  %t = weft.select %m, %s, %n : (tensor<200x200xi1>, tensor<200x200xf32>, tensor<200x200xf32>) -> tensor<200x200xf32>
  %p = weft.softmax %t {dims = array<i64: 1>, log = false} : (tensor<200x200xf32>) -> tensor<200x200xf32>
  %o = weft.dot %p, %v {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<200x200xf32>, tensor<200x32xf32>) -> tensor<200x32xf32>
  return %o : tensor<200x32xf32>
}
