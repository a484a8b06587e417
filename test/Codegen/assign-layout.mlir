// RUN: weft-opt %s --weft-assign-layout=target=x86-64-v3 --weft-plan-memory | FileCheck %s

// A captured array is packed at the beginning, once for all calls, for both places that read it; what comes as an argument
// is not, and neither is what another kernel makes.
// CHECK-LABEL: func.func @main
// CHECK-SAME: weft.kept = #weft.size<409600>
// CHECK: %[[P:.*]] = weft.launch @[[PACK:k_[0-9a-f]+]](%arg1) {{.*}}weft.kept, weft.slots = [#weft.slot<kept 0>]{{.*}} -> tensor<320x320xf32, #weft.panel<16, lanes = [1], folded = [0]>>
// CHECK: %[[A:.*]] = weft.launch @[[DOT:k_[0-9a-f]+]](%arg0, %[[P]])
// CHECK: %[[B:.*]] = weft.launch @[[DOT]](%[[A]], %[[P]])
// CHECK: weft.launch @k(%[[B]], %arg2)
func.func @main(%x: tensor<128x320xf32>, %w: tensor<320x320xf32> {weft.role = "captured"}, %v: tensor<320x320xf32>) -> tensor<128x320xf32> {
  %0 = weft.launch @k(%x, %w) : (tensor<128x320xf32>, tensor<320x320xf32>) -> tensor<128x320xf32>
  %1 = weft.launch @k(%0, %w) : (tensor<128x320xf32>, tensor<320x320xf32>) -> tensor<128x320xf32>
  %2 = weft.launch @k(%1, %v) : (tensor<128x320xf32>, tensor<320x320xf32>) -> tensor<128x320xf32>
  return %2 : tensor<128x320xf32>
}

// What a loop reads in each trip is packed before it, wherever it is read inside, and passed in.
// CHECK-LABEL: func.func @loop
// CHECK: %[[P:.*]] = weft.launch @[[PACK]](%arg1)
// CHECK-NOT: weft.kept
// CHECK: weft.for <10> carries({{.*}}) captures({{.*}}%[[P]] :
// CHECK: weft.if {{.*}} captures({{.*}} :
// CHECK: weft.launch @[[DOT]](
func.func @loop(%x: tensor<128x320xf32>, %w: tensor<320x320xf32>, %c: tensor<i1>) -> tensor<128x320xf32> {
  %r = weft.for #weft.size<10> carries(%x : tensor<128x320xf32>) captures(%w, %c : tensor<320x320xf32>, tensor<i1>) -> (tensor<128x320xf32>) {
  ^bb0(%i: tensor<i64>, %a: tensor<128x320xf32>, %u: tensor<320x320xf32>, %d: tensor<i1>):
    %b = weft.if %d captures(%a, %u : tensor<128x320xf32>, tensor<320x320xf32>) : tensor<i1> -> (tensor<128x320xf32>) {
    ^bb0(%e: tensor<128x320xf32>, %f: tensor<320x320xf32>):
      weft.yield %e : tensor<128x320xf32>
    }, {
    ^bb0(%e: tensor<128x320xf32>, %f: tensor<320x320xf32>):
      %g = weft.launch @k(%e, %f) : (tensor<128x320xf32>, tensor<320x320xf32>) -> tensor<128x320xf32>
      weft.yield %g : tensor<128x320xf32>
    }
    weft.yield %b : tensor<128x320xf32>
  }
  return %r : tensor<128x320xf32>
}

// What a kernel packs while it computes is not packed before.
// CHECK-LABEL: func.func @large
// CHECK-NOT: weft.pack
// CHECK: return
func.func @large(%x: tensor<128x768xf32>, %w: tensor<768x3072xf32> {weft.role = "captured"}) -> tensor<128x3072xf32> {
  %0 = weft.launch @l(%x, %w) : (tensor<128x768xf32>, tensor<768x3072xf32>) -> tensor<128x3072xf32>
  return %0 : tensor<128x3072xf32>
}

// What stays in the first cache is read as it is.
// CHECK-LABEL: func.func @small
// CHECK-NOT: weft.pack
// CHECK: return
func.func @small(%x: tensor<128x16xf32>, %w: tensor<16x16xf32>) -> tensor<128x16xf32> {
  %r = weft.for #weft.size<10> carries(%x : tensor<128x16xf32>) captures(%w : tensor<16x16xf32>) -> (tensor<128x16xf32>) {
  ^bb0(%i: tensor<i64>, %a: tensor<128x16xf32>, %u: tensor<16x16xf32>):
    %g = weft.launch @s(%a, %u) : (tensor<128x16xf32>, tensor<16x16xf32>) -> tensor<128x16xf32>
    weft.yield %g : tensor<128x16xf32>
  }
  return %r : tensor<128x16xf32>
}

// One row passes over its matrix once in a trip: what no second cache holds is packed for many trips only.
// CHECK-LABEL: func.func @few
// CHECK: weft.for <10> {{.*}} captures(%arg1 : tensor<1024x1024xf32>)
// CHECK: %[[P:.*]] = weft.launch @{{k_.*}}(%arg1)
// CHECK: weft.for <100> {{.*}} captures(%arg1, %[[P]] :
func.func @few(%x: tensor<1x1024xf32>, %w: tensor<1024x1024xf32>) -> tensor<1x1024xf32> {
  %r = weft.for #weft.size<10> carries(%x : tensor<1x1024xf32>) captures(%w : tensor<1024x1024xf32>) -> (tensor<1x1024xf32>) {
  ^bb0(%i: tensor<i64>, %a: tensor<1x1024xf32>, %u: tensor<1024x1024xf32>):
    %g = weft.launch @row(%a, %u) : (tensor<1x1024xf32>, tensor<1024x1024xf32>) -> tensor<1x1024xf32>
    weft.yield %g : tensor<1x1024xf32>
  }
  %q = weft.for #weft.size<100> carries(%r : tensor<1x1024xf32>) captures(%w : tensor<1024x1024xf32>) -> (tensor<1x1024xf32>) {
  ^bb0(%i: tensor<i64>, %a: tensor<1x1024xf32>, %u: tensor<1024x1024xf32>):
    %g = weft.launch @row(%a, %u) : (tensor<1x1024xf32>, tensor<1024x1024xf32>) -> tensor<1x1024xf32>
    weft.yield %g : tensor<1x1024xf32>
  }
  return %q : tensor<1x1024xf32>
}

func.func private @row(%x: tensor<1x1024xf32>, %w: tensor<1024x1024xf32>) -> tensor<1x1024xf32> attributes {weft.kernel} {
  %0 = weft.dot %x, %w {lhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_batch = array<i64>, rhs_contract = array<i64: 0>} : (tensor<1x1024xf32>, tensor<1024x1024xf32>) -> tensor<1x1024xf32>
  return %0 : tensor<1x1024xf32>
}
func.func private @k(%x: tensor<128x320xf32>, %w: tensor<320x320xf32>) -> tensor<128x320xf32> attributes {weft.kernel} {
  %0 = weft.dot %x, %w {lhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_batch = array<i64>, rhs_contract = array<i64: 0>} : (tensor<128x320xf32>, tensor<320x320xf32>) -> tensor<128x320xf32>
  return %0 : tensor<128x320xf32>
}
func.func private @l(%x: tensor<128x768xf32>, %w: tensor<768x3072xf32>) -> tensor<128x3072xf32> attributes {weft.kernel} {
  %0 = weft.dot %x, %w {lhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_batch = array<i64>, rhs_contract = array<i64: 0>} : (tensor<128x768xf32>, tensor<768x3072xf32>) -> tensor<128x3072xf32>
  return %0 : tensor<128x3072xf32>
}
func.func private @s(%x: tensor<128x16xf32>, %w: tensor<16x16xf32>) -> tensor<128x16xf32> attributes {weft.kernel} {
  %0 = weft.dot %x, %w {lhs_batch = array<i64>, lhs_contract = array<i64: 1>, rhs_batch = array<i64>, rhs_contract = array<i64: 0>} : (tensor<128x16xf32>, tensor<16x16xf32>) -> tensor<128x16xf32>
  return %0 : tensor<128x16xf32>
}
