// A convolution whose weights are kept has features as lanes and steps of the image as rows, which are read where they lie:
// its tile is turned before the epilogue. The next strip of weights and the next channels are asked for.
// RUN: weft-opt %s --pass-pipeline='builtin.module(weft-assign-layout{target=x86-64-v4},weft-to-linalg,weft-schedule-kernels{target=x86-64-v4})' | FileCheck %s
// RUN: weft-opt %s --pass-pipeline='builtin.module(weft-assign-layout{target=x86-64-v4},weft-to-linalg,weft-schedule-kernels{target=x86-64-v4},weft-emit-kernels{target=x86-64-v4})' | FileCheck %s --check-prefix=LOOPS
// RUN: weft-opt %s --pass-pipeline='builtin.module(weft-assign-layout{target=x86-64-v3},weft-to-linalg,weft-schedule-kernels{target=x86-64-v3})' | FileCheck %s --check-prefix=SMALL
// RUN: weft-opt %s --pass-pipeline='builtin.module(weft-assign-layout{target=x86-64-v3},weft-to-linalg,weft-schedule-kernels{target=x86-64-v3},weft-emit-kernels{target=x86-64-v3})' | FileCheck %s --check-prefix=PARTS

// Half of the image is a band: its rows go through all strips of features before the other half.
// CHECK-DAG: weft.schedule = {ahead = 17 : i64, band = 7 : i64, form = "tile", lane_block = 32 : i64, lanes = 16 : i64, row_block = 14 : i64, rows = 14 : i64, turned = true, vectors = 2 : i64}, weft.symbols = [], weft.types = [tensor<1x256x16x16xf32>, tensor<256x256x3x3xf32, #weft.panel<32, lanes = [0], folded = [1, 2, 3]>>
// Weights that come as arguments: steps are lanes, laid side by side while they are packed.
// CHECK-DAG: weft.schedule = {ahead = 32 : i64, form = "tile", {{.*}}pack_right = "all", panel = 224 : i64, row_block = 28 : i64, rows = 14 : i64, vectors = 2 : i64}
// Whole vectors of steps that lie side by side are lanes.
// CHECK-DAG: weft.schedule = {ahead = 32 : i64, form = "tile", lane_block = 128 : i64, lanes = 16 : i64, pack_right = "item", row_block = 65 : i64, rows = 13 : i64, vectors = 2 : i64}

// Two squares of sixteen by sixteen are turned in registers.
// LOOPS: func.func private @k_{{.*}}turned = true
// LOOPS-COUNT-28: math.fma
// LOOPS-COUNT-128: vector.shuffle
// LOOPS-NOT: vector.shuffle
// LOOPS: func.func

// A small tile packs its rows, which run across those of the image, a block of k at a time.
// SMALL: weft.schedule = {ahead = 16 : i64, form = "tile", k_block = 128 : i64, lane_block = 128 : i64, lanes = 8 : i64, pack_left = "item", row_block = 36 : i64, rows = 6 : i64, turned = true, vectors = 2 : i64}
// Rows go to a tile by whole vectors: one, or two where the image's row ends in it. There are 31 tiles of six rows and two
// of five. Results are written as they lie side by side: what is left of a vector as four, two and one, since a masked
// store is dear there.
// PARTS: func.func private @k_{{.*}}turned = true
// PARTS: llvm.intr.masked.load
// PARTS-NOT: masked.store
// PARTS-COUNT-12: math.fma
// PARTS-COUNT-10: math.fma
// PARTS: llvm.store {{.*}} : vector<4xf32>, !llvm.ptr
// PARTS: llvm.store {{.*}} : vector<2xf32>, !llvm.ptr
// PARTS: llvm.store {{.*}} : f32, !llvm.ptr
// PARTS-NOT: masked.store
// PARTS: func.func

func.func @main(%x: tensor<1x256x16x16xf32>, %w: tensor<256x256x3x3xf32> {weft.role = "captured"}, %u: tensor<256x256x3x3xf32>, %y: tensor<1x256x56x56xf32>, %v: tensor<64x256x1x1xf32> {weft.role = "captured"}) -> (tensor<1x256x14x14xf32>, tensor<1x256x14x14xf32>, tensor<1x64x56x56xf32>) {
  %0 = weft.launch @k(%x, %w) : (tensor<1x256x16x16xf32>, tensor<256x256x3x3xf32>) -> tensor<1x256x14x14xf32>
  %1 = weft.launch @k(%x, %u) : (tensor<1x256x16x16xf32>, tensor<256x256x3x3xf32>) -> tensor<1x256x14x14xf32>
  %2 = weft.launch @p(%y, %v) : (tensor<1x256x56x56xf32>, tensor<64x256x1x1xf32>) -> tensor<1x64x56x56xf32>
  return %0, %1, %2 : tensor<1x256x14x14xf32>, tensor<1x256x14x14xf32>, tensor<1x64x56x56xf32>
}
func.func private @k(%x: tensor<1x256x16x16xf32>, %w: tensor<256x256x3x3xf32>) -> tensor<1x256x14x14xf32> attributes {weft.kernel} {
  %0 = weft.convolution %x, %w {high = array<i64: 0, 0>, lhs_batch = array<i64>, lhs_contract = array<i64: 1>, lhs_dilation = array<i64: 1, 1>, lhs_window = array<i64: 2, 3>, low = array<i64: 0, 0>, rhs_batch = array<i64>, rhs_contract = array<i64: 1>, rhs_dilation = array<i64: 1, 1>, rhs_window = array<i64: 2, 3>, strides = array<i64: 1, 1>} : (tensor<1x256x16x16xf32>, tensor<256x256x3x3xf32>) -> tensor<1x256x14x14xf32>
  return %0 : tensor<1x256x14x14xf32>
}
func.func private @p(%x: tensor<1x256x56x56xf32>, %w: tensor<64x256x1x1xf32>) -> tensor<1x64x56x56xf32> attributes {weft.kernel} {
  %0 = weft.convolution %x, %w {high = array<i64: 0, 0>, lhs_batch = array<i64>, lhs_contract = array<i64: 1>, lhs_dilation = array<i64: 1, 1>, lhs_window = array<i64: 2, 3>, low = array<i64: 0, 0>, rhs_batch = array<i64>, rhs_contract = array<i64: 1>, rhs_dilation = array<i64: 1, 1>, rhs_window = array<i64: 2, 3>, strides = array<i64: 1, 1>} : (tensor<1x256x56x56xf32>, tensor<64x256x1x1xf32>) -> tensor<1x64x56x56xf32>
  return %0 : tensor<1x64x56x56xf32>
}
