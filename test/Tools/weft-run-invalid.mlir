// Each bad input: one error with its code and exit status 1; wrong usage: 2.
// RUN: weft-run %s --reference --function make --output %t.x.npy --output %t.b.npy
// RUN: not weft-run %s --reference --input %t.x.npy 2>&1 | FileCheck %s --check-prefix=NUMBER
// RUN: not weft-run %s --reference --input %t.b.npy --input %t.b.npy 2>&1 | FileCheck %s --check-prefix=DTYPE
// RUN: not weft-run %s --reference --input %t.x.npy --input %t.x.npy 2>&1 | FileCheck %s --check-prefix=SIZES
// RUN: not weft-run %s --reference --function odd --input %t.b.npy 2>&1 | FileCheck %s --check-prefix=ODD
// RUN: not weft-run %s --reference --input %s 2>&1 | FileCheck %s --check-prefix=NOT-NPY
// RUN: head -c 130 %t.x.npy > %t.short.npy
// RUN: not weft-run %s --reference --input %t.short.npy 2>&1 | FileCheck %s --check-prefix=SHORT
// RUN: not weft-run %s --reference --input %t.none.npy 2>&1 | FileCheck %s --check-prefix=NO-FILE
// RUN: not weft-run %t.x.npy --reference 2>&1 | FileCheck %s --check-prefix=NOT-IR
// RUN: not weft-run %s --reference --function nobody 2>&1 | FileCheck %s --check-prefix=NO-FUNCTION
// RUN: not weft-run %s --reference --function huge 2>&1 | FileCheck %s --check-prefix=MEMORY
// RUN: sh -c 'weft-run %s --frob; test $? = 2' 2>&1 | FileCheck %s --check-prefix=USAGE

// NUMBER: weft-run-invalid.mlir:[[#@LINE+5]]:1: error: [WF1601] @main takes 2 inputs, got 1
// DTYPE: error: [WF1603] input 0 of @main: expected elements of type 'f32', got 'i32'
// SIZES: error: [WF1407] input 1 of @main: expected size 2*B = 6 in dimension 0, got 3
// NOT-NPY: error: {{.*}}weft-run-invalid.mlir: [WF1702] not a sound .npy file: it does not begin as one
// SHORT: error: {{.*}}: [WF1702] not a sound .npy file: its shape needs 12 bytes, it has 2
func.func @main(%x: tensor<?xf32, #weft.dims<B>>, %y: tensor<?xf32, #weft.dims<2*B>>) -> tensor<?xf32, #weft.dims<B>> {
  return %x : tensor<?xf32, #weft.dims<B>>
}
func.func @make() -> (tensor<3xf32>, tensor<3xi32>) {
  %x = weft.constant {value = dense<1.0> : tensor<3xf32>} : () -> tensor<3xf32>
  %y = weft.constant {value = dense<1> : tensor<3xi32>} : () -> tensor<3xi32>
  return %x, %y : tensor<3xf32>, tensor<3xi32>
}
// No S has 2*S = 3.
// ODD: error: [WF1404] nothing gives the size 2*S of input 0 of @odd a value
func.func @odd(%x: tensor<?xi32, #weft.dims<2*S>>) -> tensor<?xi32, #weft.dims<2*S>> {
  return %x : tensor<?xi32, #weft.dims<2*S>>
}
// NO-FILE: error: [WF1705] cannot read {{.*}}.none.npy
// NOT-IR: error: [WF1501]
// NO-FUNCTION: error: [WF1705] {{.*}} has no function @nobody
// MEMORY: error: {{.*}}[WF1604] no memory
func.func @huge() -> tensor<1000000000000000xf32> {
  %x = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %r = weft.broadcast %x {dims = array<i64>} : (tensor<f32>) -> tensor<1000000000000000xf32>
  return %r : tensor<1000000000000000xf32>
}
// USAGE: [WF1902]
