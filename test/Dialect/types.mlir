// RUN: %roundtrip %s
// RUN: weft-opt %s | FileCheck %s

// Sizes are printed in their normal form, element types as they were written.

// CHECK: func.func private @named(tensor<?x4x?xf32, #weft.dims<B, _, 2*S>>)
func.func private @named(tensor<?x4x?xf32, #weft.dims<B, _, S + S>>)
// CHECK: func.func private @unsigned(tensor<3xui8>, tensor<i1>, tensor<2x0xbf16>)
func.func private @unsigned(tensor<3xui8>, tensor<i1>, tensor<2x0xbf16>)
// CHECK: func.func private @keys(tensor<?x!weft.key, #weft.dims<N>>)
func.func private @keys(tensor<?x!weft.key, #weft.dims<N>>)
