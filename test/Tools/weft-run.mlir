// .npy out and in again; a size solved from the input's shape; the peak of live bytes.
// RUN: weft-run %s --reference --function make --output %t.x.npy --output %t.b.npy
// RUN: weft-run %s --reference --input %t.x.npy --input %t.b.npy | FileCheck %s
// RUN: weft-run %s --reference --input %t.x.npy --input %t.b.npy --memory 2>&1 >%t.out | FileCheck %s --check-prefix=MEMORY
// RUN: weft-run - --reference --function make < %s | FileCheck %s --check-prefix=MAKE

// MAKE:      {{\[}}[1., 2.],
// MAKE-NEXT:  [3., 4.],
// MAKE-NEXT:  [5., 6.],
// MAKE-NEXT:  [7., 8.]]
// MAKE-NEXT: [True, False]
func.func @make() -> (tensor<4x2xbf16>, tensor<2xi1>) {
  %x = weft.constant {value = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xbf16>} : () -> tensor<4x2xbf16>
  %b = weft.constant {value = dense<[true, false]> : tensor<2xi1>} : () -> tensor<2xi1>
  return %x, %b : tensor<4x2xbf16>, tensor<2xi1>
}

// CHECK:      2
// CHECK-NEXT: [False, True]
// CHECK-NEXT: {{\[}}[1., 2.],
// %a and %c live at once, 16 bytes each; %d is returned and so no temporary; the arguments are the caller's.
// MEMORY:     peak bytes: 32
func.func @main(%x: tensor<?x2xbf16, #weft.dims<2*B, _>>, %b: tensor<2xi1>)
    -> (tensor<i64>, tensor<2xi1>, tensor<?x2xbf16, #weft.dims<2*B, _>>) {
  %n = weft.dim_size {size = #weft.size<B>} : () -> tensor<i64>
  %m = weft.not %b : (tensor<2xi1>) -> tensor<2xi1>
  %a = weft.neg %x : (tensor<?x2xbf16, #weft.dims<2*B, _>>) -> tensor<?x2xbf16, #weft.dims<2*B, _>>
  %c = weft.neg %a : (tensor<?x2xbf16, #weft.dims<2*B, _>>) -> tensor<?x2xbf16, #weft.dims<2*B, _>>
  %d = weft.abs %c : (tensor<?x2xbf16, #weft.dims<2*B, _>>) -> tensor<?x2xbf16, #weft.dims<2*B, _>>
  return %n, %m, %d : tensor<i64>, tensor<2xi1>, tensor<?x2xbf16, #weft.dims<2*B, _>>
}
