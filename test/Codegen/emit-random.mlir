// Programs that random search found wrong once, run as native code and held to the reference.
// RUN: split-file %s %t
// RUN: weft-run %t/index.mlir --verify
// RUN: weft-run %t/unit.mlir --verify

//--- index.mlir
// A slice of an index is read at the index's own place.
func.func @main() -> tensor<5xf16> {
  %0 = weft.iota {dim = 0 : i64} : () -> tensor<51xf16>
  %1 = weft.slice %0 {starts = array<i64: 10>, strides = array<i64: 1>} : (tensor<51xf16>) -> tensor<5xf16>
  %2 = weft.sqrt %1 : (tensor<5xf16>) -> tensor<5xf16>
  return %2 : tensor<5xf16>
}

//--- unit.mlir
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
