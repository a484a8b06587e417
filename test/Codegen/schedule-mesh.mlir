// Far from the last cache (a mesh of cores) rows of the left operand wait in the second one, some tiles of them at a time,
// and tiles ask for steps of their own strip.
// RUN: weft-opt %s --weft-pipeline="traced..scheduled target=x86-64-v4+mesh" -split-input-file | FileCheck %s
// RUN: weft-opt %s --weft-pipeline="traced..bufferized target=x86-64-v4+mesh" -split-input-file | FileCheck %s --check-prefix=LOOP
// RUN: weft-opt %s --weft-pipeline="traced..scheduled target=x86-64-v4" -split-input-file | FileCheck %s --check-prefix=NEAR

// CHECK: pack_left = "item", pack_right = "all", panel = {{[0-9]+}} : i64, row_block = 28 : i64, rows = 14 : i64, soon = 8 : i64
// NEAR: pack_left = "all", pack_right = "item", row_block = 518 : i64
// NEAR-NOT: soon
// The step 8 on of a strip of 32 lanes; the loop carries where its step begins.
// LOOP: iter_args({{.*}}) -> ({{.*}}vector<16xf32>, !llvm.ptr, !llvm.ptr)
// LOOP: %[[SOON:.*]] = llvm.getelementptr %{{.*}}[256] : (!llvm.ptr) -> !llvm.ptr, f32
// LOOP-NEXT: "llvm.intr.prefetch"(%[[SOON]])
func.func @main(%x: tensor<512x512xf32>, %y: tensor<512x1024xf32>) -> tensor<512x1024xf32> {
  %z = weft.dot %x, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<512x512xf32>, tensor<512x1024xf32>) -> tensor<512x1024xf32>
  return %z : tensor<512x1024xf32>
}

// -----

// Few rows are one block everywhere, of squarer tiles here: two threads of a core share its instructions.
// CHECK: ahead = 48 : i64, form = "tile", lane_block = 192 : i64, lanes = 16 : i64, pack_right = "item", row_block = 64 : i64, rows = 8 : i64, soon = 8 : i64, vectors = 3 : i64
// NEAR: ahead = 32 : i64, {{.*}}pack_right = "item"
func.func @main(%x: tensor<64x768xf32>, %y: tensor<768x3072xf32>) -> tensor<64x3072xf32> {
  %z = weft.dot %x, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<64x768xf32>, tensor<768x3072xf32>) -> tensor<64x3072xf32>
  return %z : tensor<64x3072xf32>
}

// -----

// Many rows: near to the last cache, squarer tiles, and blocks of them of which threads get as many each.
// CHECK: row_block = 39 : i64, rows = 13 : i64, soon = 8 : i64, vectors = 2 : i64
// NEAR: ahead = 24 : i64, {{.*}}pack_left = "item", pack_right = "all", panel = {{[0-9]+}} : i64, row_block = 32 : i64, rows = 8 : i64, vectors = 3 : i64
func.func @main(%x: tensor<1024x1024xf64>, %y: tensor<1024x1024xf64>) -> tensor<1024x1024xf64> {
  %z = weft.dot %x, %y {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_contract = array<i64: 0>} : (tensor<1024x1024xf64>, tensor<1024x1024xf64>) -> tensor<1024x1024xf64>
  return %z : tensor<1024x1024xf64>
}
