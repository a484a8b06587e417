// Long code that runs seldom is a function of its own, compiled beside the rest; rows that whole tiles nearly fill are
// tiles of one height.
// RUN: weft-opt %s --weft-pipeline="traced..bufferized target=x86-64-v4" -split-input-file | FileCheck %s

// The tile that packs the first strip in passing: masks and constants are made again, pointers and places passed.
// CHECK: llvm.func internal @[[BODY:.*]]_body(
// CHECK: scf.if
// CHECK: llvm.call @[[BODY]]_body2({{.*}}) : ({{(i64|!llvm.ptr)(, (i64|!llvm.ptr))*}}) -> ()
// CHECK: llvm.func internal @[[BODY]]_body2(
func.func @main(%x: tensor<64x768xf32>, %y: tensor<768x3072xf32>) -> tensor<64x3072xf32> {
  %z = weft.dot %x, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x768xf32>, tensor<768x3072xf32>) -> tensor<64x3072xf32>
  return %z : tensor<64x3072xf32>
}

// -----

// 518 rows are 37 tiles of 14, 519 are 40 of 13 of which the last one reads a row of the tile above, and does not write
// it.
// CHECK: rows = 13 : i64
// CHECK: llvm.func internal @{{.*}}_body2(
// CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %{{.*}} step %c13
// CHECK-NEXT: %[[LAST:.*]] = arith.constant 506 : index
// CHECK-NEXT: %[[FROM:.*]] = arith.minsi %[[ROW]], %[[LAST]]
// CHECK: arith.cmpi slt, %[[FROM]], %[[ROW]]
// CHECK: %[[OTHERS:.*]] = arith.subi %[[ROW]], %[[FROM]]
// CHECK-NEXT: scf.for %{{.*}} = %[[OTHERS]] to %c13
func.func @main(%x: tensor<519x512xf32>, %y: tensor<512x256xf32>) -> tensor<519x256xf32> {
  %z = weft.dot %x, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<519x512xf32>, tensor<512x256xf32>) -> tensor<519x256xf32>
  return %z : tensor<519x256xf32>
}
