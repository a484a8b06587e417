// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE
// RUN: weft-run %s | FileCheck %s --check-prefix=VALUE

// A key is one 64-bit integer in a kernel. The count of 32-bit words has no high part where the shape is known to be
// small; the counting is row-major among the dimensions from `first` on.
// CHECK-LABEL: func.func private @k(
// CHECK-SAME:    %{{.*}}: tensor<2x3xi64>) -> tensor<2x3xi32>
// CHECK:         linalg.generic
// CHECK:         linalg.index 1
// CHECK-NOT:     linalg.index 0
// CHECK:         arith.xori
func.func private @k(%k: tensor<2x3x!weft.key>) -> tensor<2x3xui32> attributes {weft.kernel} {
  %r = weft.random_bits %k {first = 1 : i64, dtype = ui32} : (tensor<2x3x!weft.key>) -> tensor<2x3xui32>
  return %r : tensor<2x3xui32>
}

// The first words of the key of seed 0, as JAX 0.10.2 gives them: jax.random.bits(jax.random.key(0), (3,)).
// VALUE:      [4070199207, 4202968722, 1427181096]
// VALUE-NEXT: [167, 146, 40]
func.func @main() -> (tensor<3xui32>, tensor<3xui8>) {
  %words = weft.constant {value = dense<0> : tensor<2xui32>} : () -> tensor<2xui32>
  %key = weft.wrap_key_data %words : (tensor<2xui32>) -> tensor<!weft.key>
  %keys = weft.broadcast %key {dims = array<i64>} : (tensor<!weft.key>) -> tensor<3x!weft.key>
  %r = weft.random_bits %keys {first = 0 : i64, dtype = ui32} : (tensor<3x!weft.key>) -> tensor<3xui32>
  %s = weft.random_bits %keys {first = 0 : i64, dtype = ui8} : (tensor<3x!weft.key>) -> tensor<3xui8>
  return %r, %s : tensor<3xui32>, tensor<3xui8>
}
