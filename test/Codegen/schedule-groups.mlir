// k in groups: the schedule says how many steps one instruction sums, operands are packed for it, and it is there. Signed
// bytes on the left are moved up by 128, which the sums of the lanes correct.
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=x86-64-v4+avx512vnni},weft-emit-kernels{target=x86-64-v4+avx512vnni})' | FileCheck %s --check-prefixes=CHECK,BYTES
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=x86-64-v4},weft-emit-kernels{target=x86-64-v4})' | FileCheck %s --check-prefixes=CHECK,WORDS
// RUN: weft-opt %s --pass-pipeline='builtin.module(func.func(weft-form-kernels),weft-share-kernels,weft-to-linalg,weft-schedule-kernels{target=aarch64},weft-emit-kernels{target=aarch64})' | FileCheck %s --check-prefix=NONE

// One kernel: the conversions are in it.
// CHECK-NOT: form = "sweep"
// BYTES: group = 4 : i64
// BYTES-SAME: pack_left = {{.*}} pack_right =
// WORDS: group = 2 : i64
// NONE-NOT: group =

// BYTES: arith.constant -2139062144 : i32
// BYTES: arith.xori
// BYTES: scf.for
// BYTES-COUNT-8: vpdpbusd.512
// The right operand is packed by a function of its own, with what corrects each lane behind it.
// BYTES: llvm.func internal @{{.*}}_body2
// BYTES: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"({{.*}}) : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
// BYTES: arith.subi %{{.*}} : vector<16xi32>
// WORDS-NOT: arith.xori
// WORDS: scf.for
// WORDS-COUNT-8: llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"({{.*}}) : (vector<32xi16>, vector<32xi16>) -> vector<16xi32>
func.func @main(%x: tensor<64x256xi8>, %w: tensor<256x64xi8>) -> tensor<64x64xi32> {
  %a = weft.convert %x {dtype = i32} : (tensor<64x256xi8>) -> tensor<64x256xi32>
  %b = weft.convert %w {dtype = i32} : (tensor<256x64xi8>) -> tensor<256x64xi32>
  %r = weft.dot %a, %b {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>,
      rhs_contract = array<i64: 0>} : (tensor<64x256xi32>, tensor<256x64xi32>) -> tensor<64x64xi32>
  return %r : tensor<64x64xi32>
}
