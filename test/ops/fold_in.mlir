// RUN: weft-opt %s --weft-to-linalg | FileCheck %s
// RUN: weft-run %s --reference | FileCheck %s --check-prefix=VALUE
// RUN: weft-run %s | FileCheck %s --check-prefix=VALUE

// CHECK-LABEL: func.func private @k(
// CHECK-SAME:    tensor<4xi64>, %{{.*}}: tensor<4xi32>) -> tensor<4xi64>
// CHECK:         arith.ori %{{.*}} : i64
func.func private @k(%k: tensor<4x!weft.key>, %n: tensor<4xui32>) -> tensor<4x!weft.key> attributes {weft.kernel} {
  %r = weft.fold_in %k, %n : (tensor<4x!weft.key>, tensor<4xui32>) -> tensor<4x!weft.key>
  return %r : tensor<4x!weft.key>
}

// Splitting is folding in 0, 1, ...: jax.random.split(jax.random.key(0)) of JAX 0.10.2.
// VALUE:      {{\[}}[1797259609, 2579123966],
// VALUE-NEXT:  [928981903, 3453687069]]
func.func @main() -> tensor<2x2xui32> {
  %words = weft.constant {value = dense<0> : tensor<2xui32>} : () -> tensor<2xui32>
  %key = weft.wrap_key_data %words : (tensor<2xui32>) -> tensor<!weft.key>
  %keys = weft.broadcast %key {dims = array<i64>} : (tensor<!weft.key>) -> tensor<2x!weft.key>
  %n = weft.iota {dim = 0 : i64} : () -> tensor<2xui32>
  %r = weft.fold_in %keys, %n : (tensor<2x!weft.key>, tensor<2xui32>) -> tensor<2x!weft.key>
  %s = weft.key_data %r : (tensor<2x!weft.key>) -> tensor<2x2xui32>
  return %s : tensor<2x2xui32>
}
