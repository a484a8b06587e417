// A result takes the memory of a donated argument of its type where that was read for the last time before the result is
// written; never of one that the same kernel still reads, nor of one that is returned or not donated.
// RUN: weft-opt %s --weft-plan-memory | FileCheck %s

!t = tensor<4xf32>
func.func private @k(%x: !t) -> !t attributes {weft.kernel} {
  %0 = weft.neg %x : (!t) -> !t
  return %0 : !t
}

// CHECK-LABEL: @after
// CHECK-SAME: weft.donations = array<i64: 0, 0>
func.func @after(%p: !t {weft.donated}) -> !t {
  %0 = weft.launch @k(%p) : (!t) -> !t
  %1 = weft.launch @k(%0) : (!t) -> !t
  return %1 : !t
}

// CHECK-LABEL: @same_kernel
// CHECK-NOT: weft.donations
func.func @same_kernel(%p: !t {weft.donated}) -> !t {
  %0 = weft.launch @k(%p) : (!t) -> !t
  return %0 : !t
}

// CHECK-LABEL: @not_donated
// CHECK-NOT: weft.donations
func.func @not_donated(%p: !t) -> !t {
  %0 = weft.launch @k(%p) : (!t) -> !t
  %1 = weft.launch @k(%0) : (!t) -> !t
  return %1 : !t
}

// An argument that is returned is its result: the copy is none.
// CHECK-LABEL: @still_returned
// CHECK-SAME: weft.donations = array<i64: 1, 0>
func.func @still_returned(%p: !t {weft.donated}) -> (!t, !t) {
  %0 = weft.launch @k(%p) : (!t) -> !t
  %1 = weft.launch @k(%0) : (!t) -> !t
  return %1, %p : !t, !t
}
