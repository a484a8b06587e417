// RUN: weft-opt %s --weft-pipeline=traced..kernels -split-input-file | FileCheck %s
// RUN: weft-opt %s --weft-pipeline=traced..scheduled -split-input-file | FileCheck %s --check-prefix=SCHEDULE
// RUN: weft-opt %s --weft-pipeline='traced..scheduled target=x86-64-v4+avx512bf16' -split-input-file | FileCheck %s --check-prefix=PAIRS

// Scores, their softmax and the sum over values, weighed, with what follows: one kernel.
// CHECK-LABEL: @main(
// CHECK-COUNT-1: weft.launch
// CHECK-NOT: weft.launch
// CHECK: return
// SCHEDULE: weft.schedule = {form = "chain", item_rows = {{[0-9]+}} : i64, lanes = {{[0-9]+}} : i64, row_block = {{[0-9]+}} : i64, rows = {{[0-9]+}} : i64, {{(soon = 8 : i64, )?}}vectors = 2 : i64}
func.func @main(%q: tensor<2x64x16xf32>, %k: tensor<2x64x16xf32>, %v: tensor<2x64x32xf32>, %b: tensor<32xf32>) -> tensor<2x64x32xf32> {
  %s = weft.dot %q, %k {lhs_batch = array<i64: 0>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 2>, rhs_contract = array<i64: 2>} : (tensor<2x64x16xf32>, tensor<2x64x16xf32>) -> tensor<2x64x64xf32>
  %p = weft.softmax %s {dims = array<i64: 2>, log = false} : (tensor<2x64x64xf32>) -> tensor<2x64x64xf32>
  %o = weft.dot %p, %v {lhs_batch = array<i64: 0>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 2>, rhs_contract = array<i64: 1>} : (tensor<2x64x64xf32>, tensor<2x64x32xf32>) -> tensor<2x64x32xf32>
  %bb = weft.broadcast %b {dims = array<i64: 2>} : (tensor<32xf32>) -> tensor<2x64x32xf32>
  %r = weft.add %o, %bb : (tensor<2x64x32xf32>, tensor<2x64x32xf32>) -> tensor<2x64x32xf32>
  return %r : tensor<2x64x32xf32>
}

// -----

// Weights that are a result too exist in memory: three kernels.
// CHECK-LABEL: @main(
// CHECK-COUNT-3: weft.launch
// CHECK: return
// SCHEDULE-NOT: form = "chain"
func.func @main(%q: tensor<2x64x16xf32>, %k: tensor<2x64x16xf32>, %v: tensor<2x64x32xf32>) -> (tensor<2x64x32xf32>, tensor<2x64x64xf32>) {
  %s = weft.dot %q, %k {lhs_batch = array<i64: 0>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 2>, rhs_contract = array<i64: 2>} : (tensor<2x64x16xf32>, tensor<2x64x16xf32>) -> tensor<2x64x64xf32>
  %p = weft.softmax %s {dims = array<i64: 2>, log = false} : (tensor<2x64x64xf32>) -> tensor<2x64x64xf32>
  %o = weft.dot %p, %v {lhs_batch = array<i64: 0>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 2>, rhs_contract = array<i64: 1>} : (tensor<2x64x64xf32>, tensor<2x64x32xf32>) -> tensor<2x64x32xf32>
  return %o, %p : tensor<2x64x32xf32>, tensor<2x64x64xf32>
}

// -----

// A sum over the queries instead of the keys is another order of loops.
// CHECK-LABEL: @main(
// CHECK-COUNT-3: weft.launch
// CHECK: return
// SCHEDULE-NOT: form = "chain"
func.func @main(%q: tensor<2x64x16xf32>, %k: tensor<2x64x16xf32>, %v: tensor<2x64x32xf32>) -> tensor<2x64x32xf32> {
  %s = weft.dot %q, %k {lhs_batch = array<i64: 0>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 2>, rhs_contract = array<i64: 2>} : (tensor<2x64x16xf32>, tensor<2x64x16xf32>) -> tensor<2x64x64xf32>
  %p = weft.softmax %s {dims = array<i64: 2>, log = false} : (tensor<2x64x64xf32>) -> tensor<2x64x64xf32>
  %o = weft.dot %p, %v {lhs_batch = array<i64: 0>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 1>} : (tensor<2x64x64xf32>, tensor<2x64x32xf32>) -> tensor<2x64x32xf32>
  return %o : tensor<2x64x32xf32>
}

// -----

// Rows too long to keep some of.
// CHECK-LABEL: @main(
// CHECK-COUNT-3: weft.launch
// CHECK: return
// SCHEDULE-NOT: form = "chain"
func.func @main(%q: tensor<64x16xf32>, %k: tensor<20000x16xf32>, %v: tensor<20000x32xf32>) -> tensor<64x32xf32> {
  %s = weft.dot %q, %k {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 1>} : (tensor<64x16xf32>, tensor<20000x16xf32>) -> tensor<64x20000xf32>
  %p = weft.softmax %s {dims = array<i64: 1>, log = false} : (tensor<64x20000xf32>) -> tensor<64x20000xf32>
  %o = weft.dot %p, %v {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x20000xf32>, tensor<20000x32xf32>) -> tensor<64x32xf32>
  return %o : tensor<64x32xf32>
}

// -----

// A size with a name.
// CHECK-LABEL: @main(
// CHECK-COUNT-1: weft.launch
// CHECK-NOT: weft.launch
// CHECK: return
// SCHEDULE: form = "chain"
func.func @main(%q: tensor<64x16xf32>, %k: tensor<?x16xf32, #weft.dims<S, _>>, %v: tensor<?x32xf32, #weft.dims<S, _>>) -> tensor<64x32xf32> {
  %s = weft.dot %q, %k {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 1>} : (tensor<64x16xf32>, tensor<?x16xf32, #weft.dims<S, _>>) -> tensor<64x?xf32, #weft.dims<_, S>>
  %p = weft.softmax %s {dims = array<i64: 1>, log = false} : (tensor<64x?xf32, #weft.dims<_, S>>) -> tensor<64x?xf32, #weft.dims<_, S>>
  %o = weft.dot %p, %v {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x?xf32, #weft.dims<_, S>>, tensor<?x32xf32, #weft.dims<S, _>>) -> tensor<64x32xf32>
  return %o : tensor<64x32xf32>
}

// -----

// Weights that each block of rows would read anew from memory.
// CHECK-LABEL: @main(
// CHECK-COUNT-3: weft.launch
// CHECK: return
// SCHEDULE-NOT: form = "chain"
func.func @main(%x: tensor<64x768xf32>, %w: tensor<768x768xf32>, %v: tensor<768x768xf32>) -> tensor<64x768xf32> {
  %s = weft.dot %x, %w {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x768xf32>, tensor<768x768xf32>) -> tensor<64x768xf32>
  %p = weft.softmax %s {dims = array<i64: 1>, log = false} : (tensor<64x768xf32>) -> tensor<64x768xf32>
  %o = weft.dot %p, %v {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x768xf32>, tensor<768x768xf32>) -> tensor<64x768xf32>
  return %o : tensor<64x768xf32>
}

// -----

// Weights that are rounded, and widened where they are read: both contractions sum pairs where there is an instruction.
// CHECK-LABEL: @main(
// CHECK-COUNT-1: weft.launch
// CHECK-NOT: weft.launch
// CHECK: return
// SCHEDULE: form = "chain"
// PAIRS: form = "chain", group = 2 : i64
func.func @main(%q: tensor<2x64x16xbf16>, %k: tensor<2x64x16xbf16>, %v: tensor<2x64x32xbf16>) -> tensor<2x64x32xf32> {
  %a = weft.convert %q {dtype = f32} : (tensor<2x64x16xbf16>) -> tensor<2x64x16xf32>
  %b = weft.convert %k {dtype = f32} : (tensor<2x64x16xbf16>) -> tensor<2x64x16xf32>
  %s = weft.dot %a, %b {lhs_batch = array<i64: 0>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 2>, rhs_contract = array<i64: 2>} : (tensor<2x64x16xf32>, tensor<2x64x16xf32>) -> tensor<2x64x64xf32>
  %p = weft.softmax %s {dims = array<i64: 2>, log = false} : (tensor<2x64x64xf32>) -> tensor<2x64x64xf32>
  %n = weft.convert %p {dtype = bf16} : (tensor<2x64x64xf32>) -> tensor<2x64x64xbf16>
  %w = weft.convert %n {dtype = f32} : (tensor<2x64x64xbf16>) -> tensor<2x64x64xf32>
  %c = weft.convert %v {dtype = f32} : (tensor<2x64x32xbf16>) -> tensor<2x64x32xf32>
  %o = weft.dot %w, %c {lhs_batch = array<i64: 0>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 2>, rhs_contract = array<i64: 1>} : (tensor<2x64x64xf32>, tensor<2x64x32xf32>) -> tensor<2x64x32xf32>
  return %o : tensor<2x64x32xf32>
}
