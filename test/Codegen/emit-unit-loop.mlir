// Found wrong once by random search; run as native code and held to the reference.
// RUN: weft-run %s --verify

// A loop of size 1 beside a longer one: it does not pass for the longer one.
func.func @main() -> (tensor<14xi1>, tensor<1xf32>) {
  %x = weft.iota {dim = 0 : i64} : () -> tensor<14xf32>
  %0 = weft.reduce %x {dims = array<i64: 0>, kind = #weft.reduce_kind<min>} : (tensor<14xf32>) -> tensor<f32>
  %1 = weft.atanh %x : (tensor<14xf32>) -> tensor<14xf32>
  %2 = weft.is_inf %1 : (tensor<14xf32>) -> tensor<14xi1>
  %3 = weft.asinh %0 : (tensor<f32>) -> tensor<f32>
  %4 = weft.broadcast %3 {dims = array<i64>} : (tensor<f32>) -> tensor<1xf32>
  return %2, %4 : tensor<14xi1>, tensor<1xf32>
}
