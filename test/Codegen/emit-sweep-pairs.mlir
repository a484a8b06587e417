// Rows of bfloat16 in pairs: two numbers from 32 bits, two vectors abreast, the greatest by one comparison first.
// RUN: weft-opt %s --weft-pipeline="traced..bufferized target=x86-64-v4" | FileCheck %s

// CHECK: weft.schedule = {abreast = 2 : i64, form = "sweep", lanes = 16 : i64, pairs = true}
// CHECK: vector.bitcast %{{.*}} : vector<32xbf16> to vector<16xi32>
// CHECK: arith.shli {{.*}} : vector<16xi32>
// CHECK: arith.andi {{.*}} : vector<16xi32>
// CHECK: arith.cmpf ogt, {{.*}} : vector<32xf32>
// CHECK-NOT: maximumf
// The partial results stand in the order of pairs.
// CHECK: vector.shuffle %{{.*}} [0, 16, 1, 17,
// A NaN, or a greatest of 0: once more, as the op has it.
// CHECK: %[[NAN:.*]] = arith.cmpf uno
// CHECK: vector.reduction <or>, %[[NAN]]
// CHECK: arith.cmpf oeq
// CHECK: scf.if
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.range.ps.512"
// The exponential takes vectors of 16.
// CHECK-COUNT-2: "llvm.x86.avx512.mask.scalef.ps.512"
// CHECK: arith.shrui {{.*}} : vector<16xi32>
// CHECK: vector.bitcast %{{.*}} : vector<16xi32> to vector<32xbf16>
func.func @main(%x: tensor<64x1000xbf16>) -> tensor<64x1000xbf16> {
  %r = weft.softmax %x {dims = array<i64: 1>, log = false} : (tensor<64x1000xbf16>) -> tensor<64x1000xbf16>
  return %r : tensor<64x1000xbf16>
}
