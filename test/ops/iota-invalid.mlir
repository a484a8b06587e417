// RUN: weft-opt %s --split-input-file --verify-diagnostics

// Iota: a dimension of the result.
func.func @f() -> tensor<4xi64> {
  // expected-error @below {{[WF1015] expected a dimension below the rank 1, got 1}}
  %r = weft.iota {dim = 1 : i64} : () -> tensor<4xi64>
  return %r : tensor<4xi64>
}
