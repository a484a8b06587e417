// RUN: weft-opt %s --weft-plan-memory --weft-lower-entry | FileCheck %s

func.func private @shorter(tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0-3>>
    attributes {weft.kernel, weft.symbols = ["s0"]}
func.func private @third(tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<(s0 floordiv 3)>>
    attributes {weft.kernel, weft.symbols = ["s0"]}

// S-3 may be less than nothing, which is refused (5022) before anything is asked of the runtime.
// CHECK-LABEL: func.func @weft_entry
// CHECK: %[[S:.*]] = llvm.load %{{.*}} -> i64
// CHECK: %[[LESS:.*]] = arith.addi
// CHECK: arith.cmpi sge, %[[LESS]]
// CHECK: constant 5022
// CHECK-NEXT: constant -1
// A division rounds down, whatever the sign.
// CHECK: arith.divsi %[[S]]
// CHECK: arith.remsi %[[S]]
// CHECK: arith.select
// CHECK: call @weft_rt_result
// CHECK: call @shorter(%{{.*}}, %{{.*}}, %{{.*}}, %[[S]])
// CHECK: call @inner(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[LESS]])
func.func @main(%x: tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<(S-3 floordiv 3)>> {
  %a = weft.launch @shorter(%x) {weft.sizes = [#weft.size<S>]} : (tensor<?xf32, #weft.dims<S>>) -> tensor<?xf32, #weft.dims<S-3>>
  %b = weft.call @inner(%a) : (tensor<?xf32, #weft.dims<S-3>>) -> tensor<?xf32, #weft.dims<(S-3 floordiv 3)>>
  return %b : tensor<?xf32, #weft.dims<(S-3 floordiv 3)>>
}

// CHECK-LABEL: func.func private @inner
func.func private @inner(%x: tensor<?xf32, #weft.dims<N>>) -> tensor<?xf32, #weft.dims<(N floordiv 3)>> {
  %r = weft.launch @third(%x) {weft.sizes = [#weft.size<N>]} : (tensor<?xf32, #weft.dims<N>>) -> tensor<?xf32, #weft.dims<(N floordiv 3)>>
  return %r : tensor<?xf32, #weft.dims<(N floordiv 3)>>
}
