// RUN: weft-opt %s --weft-simplify | FileCheck %s

// A carry that never changes is a capture; one that nothing reads goes, and so does a second slice of the same input.
// CHECK-LABEL: @loop(
// CHECK-NEXT: %[[R:.*]] = weft.for <8> carries(%arg0 : tensor<4xf32>) xs(%arg2 : tensor<8x4xf32>) captures(%arg1 : tensor<4xf32>)
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<i64>, %[[H:.*]]: tensor<4xf32>, %[[X:.*]]: tensor<4xf32>, %[[W:.*]]: tensor<4xf32>):
// CHECK-NEXT: %[[A:.*]] = weft.mul %[[H]], %[[W]]
// CHECK-NEXT: %[[B:.*]] = weft.add %[[A]], %[[X]]
// CHECK-NEXT: %[[C:.*]] = weft.add %[[B]], %[[X]]
// CHECK-NEXT: weft.yield %[[C]]
// CHECK: return %[[R]], %arg1
func.func @loop(%h: tensor<4xf32>, %w: tensor<4xf32>, %xs: tensor<8x4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %r:4 = weft.for #weft.size<8> carries(%h, %w, %h : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
      xs(%xs, %xs : tensor<8x4xf32>, tensor<8x4xf32>) captures(%w : tensor<4xf32>)
      -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<8x4xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>, %v: tensor<4xf32>, %d: tensor<4xf32>, %x: tensor<4xf32>, %y: tensor<4xf32>, %unused: tensor<4xf32>):
    %a = weft.mul %c, %v : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %b = weft.add %a, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %e = weft.add %b, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %dead = weft.exp %d : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %e, %v, %dead, %dead : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}

// A carry that only another live carry reads stays.
// CHECK-LABEL: @carry_that_stays(
// CHECK-NEXT: %[[R:.*]]:2 = weft.for <8> carries(%arg0, %arg1 :
// CHECK: return %[[R]]#0
func.func @carry_that_stays(%h: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %r:2 = weft.for #weft.size<8> carries(%h, %w : tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>, %v: tensor<4xf32>):
    %a = weft.add %c, %v : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %b = weft.neg %v : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %a, %b : tensor<4xf32>, tensor<4xf32>
  }
  return %r#0 : tensor<4xf32>
}

// Constants go into the body, where rules see them; slices of one number are that number.
// CHECK-LABEL: @constants(
// CHECK-NEXT: weft.for <8> carries(%arg0 : tensor<4xf32>) -> (tensor<4xf32>) {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<i64>, %[[H:.*]]: tensor<4xf32>):
// CHECK-NEXT: %[[E:.*]] = weft.exp %[[H]]
// CHECK-NEXT: weft.yield %[[E]]
func.func @constants(%h: tensor<4xf32>) -> tensor<4xf32> {
  %one = weft.constant {value = dense<1.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %zeros = weft.constant {value = dense<-0.0> : tensor<8x4xf32>} : () -> tensor<8x4xf32>
  %r = weft.for #weft.size<8> carries(%h : tensor<4xf32>) xs(%zeros : tensor<8x4xf32>) captures(%one : tensor<4xf32>) -> (tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>, %x: tensor<4xf32>, %o: tensor<4xf32>):
    %a = weft.mul %c, %o : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %b = weft.add %a, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %e = weft.exp %b : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %e : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// A known choice; an index past the end takes the last.
// CHECK-LABEL: @known_choice(
// CHECK-NEXT: %[[N:.*]] = weft.neg %arg0
// CHECK-NEXT: return %[[N]]
func.func @known_choice(%x: tensor<4xf32>) -> tensor<4xf32> {
  %i = weft.constant {value = dense<7> : tensor<i32>} : () -> tensor<i32>
  %r = weft.if %i captures(%x : tensor<4xf32>) : tensor<i32> -> (tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>):
    weft.yield %a : tensor<4xf32>
  }, {
  ^bb0(%a: tensor<4xf32>):
    %n = weft.neg %a : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %n : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// What both branches hand on needs no branch, what nothing reads goes.
// CHECK-LABEL: @choice(
// CHECK-NEXT: %[[R:.*]] = weft.if %arg0 captures(%arg1 : tensor<4xf32>) : tensor<i1> -> (tensor<4xf32>) {
// CHECK: return %[[R]], %arg2
func.func @choice(%p: tensor<i1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %r:3 = weft.if %p captures(%x, %x, %y : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) : tensor<i1>
      -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>):
    %e = weft.exp %a : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %b, %c, %e : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }, {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>):
    %n = weft.neg %b : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %n, %c, %a : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}

// Equal ops merge, in any order where that is the same; equal loops do not: one may be there to be computed again.
// CHECK-LABEL: @equal(
// CHECK-NEXT: %[[A:.*]] = weft.add %arg0, %arg1
// CHECK-NEXT: %[[S:.*]] = weft.sub %arg0, %arg1
// CHECK-NEXT: %[[T:.*]] = weft.sub %arg1, %arg0
// CHECK-NEXT: weft.for
// CHECK: weft.for
// CHECK: return %[[A]], %[[A]], %[[S]], %[[T]]
func.func @equal(%x: tensor<4xf32>, %y: tensor<4xf32>)
    -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %a = weft.add %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %b = weft.add %y, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %s = weft.sub %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %t = weft.sub %y, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %u = weft.for #weft.size<8> carries(%x : tensor<4xf32>) -> (tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>):
    %e = weft.exp %c : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %e : tensor<4xf32>
  }
  %v = weft.for #weft.size<8> carries(%x : tensor<4xf32>) -> (tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>):
    %e = weft.exp %c : (tensor<4xf32>) -> tensor<4xf32>
    weft.yield %e : tensor<4xf32>
  }
  return %a, %b, %s, %t, %u, %v : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// Two regions of one number become one, and what both compute is computed once; what the second reads is made before.
// CHECK-LABEL: @merge(
// CHECK-NEXT: %[[N:.*]] = weft.neg %arg1
// CHECK-NEXT: weft.sized "n" = %arg0 captures(%arg1, %[[N]] : tensor<f32>, tensor<f32>)
// CHECK: weft.iota
// CHECK-NOT: weft.iota
// CHECK-NOT: weft.sized
// CHECK: return
func.func @merge(%k: tensor<i64>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %a = weft.sized "n" = %k captures(%x : tensor<f32>) : tensor<i64> -> (tensor<f32>) {
  ^bb0(%y: tensor<f32>):
    %i = weft.iota {dim = 0} : () -> tensor<?xf32, #weft.dims<n>>
    %s = weft.reduce %i {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<n>>) -> tensor<f32>
    %t = weft.add %s, %y : (tensor<f32>, tensor<f32>) -> tensor<f32>
    weft.yield %t : tensor<f32>
  }
  %neg = weft.neg %x : (tensor<f32>) -> tensor<f32>
  %b = weft.sized "m" = %k captures(%neg : tensor<f32>) : tensor<i64> -> (tensor<f32>) {
  ^bb0(%y: tensor<f32>):
    %i = weft.iota {dim = 0} : () -> tensor<?xf32, #weft.dims<m>>
    %s = weft.reduce %i {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<m>>) -> tensor<f32>
    %t = weft.mul %s, %y : (tensor<f32>, tensor<f32>) -> tensor<f32>
    weft.yield %t : tensor<f32>
  }
  return %a, %b : tensor<f32>, tensor<f32>
}

// Not where the second reads what the first gives.
// CHECK-LABEL: @in_order(
// CHECK: weft.sized
// CHECK: weft.sized
func.func @in_order(%k: tensor<i64>, %x: tensor<f32>) -> tensor<f32> {
  %a = weft.sized "n" = %k captures(%x : tensor<f32>) : tensor<i64> -> (tensor<f32>) {
  ^bb0(%y: tensor<f32>):
    %b = weft.broadcast %y {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<n>>
    %s = weft.reduce %b {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<n>>) -> tensor<f32>
    weft.yield %s : tensor<f32>
  }
  %b = weft.sized "n" = %k captures(%a : tensor<f32>) : tensor<i64> -> (tensor<f32>) {
  ^bb0(%y: tensor<f32>):
    %b = weft.broadcast %y {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<n>>
    %s = weft.reduce %b {kind = #weft.reduce_kind<add>, dims = array<i64: 0>} : (tensor<?xf32, #weft.dims<n>>) -> tensor<f32>
    weft.yield %s : tensor<f32>
  }
  return %b : tensor<f32>
}

// A condition that never holds is asked once: what it prints stays.
// CHECK-LABEL: @asked_once(
// CHECK-NEXT: weft.print "asked {}"(%arg0 : tensor<f32>)
// CHECK-NEXT: return %arg0
func.func @asked_once(%x: tensor<f32>) -> tensor<f32> {
  %r = weft.while carries(%x : tensor<f32>) -> (tensor<f32>) {
  ^bb0(%c: tensor<f32>):
    weft.print "asked {}" (%c : tensor<f32>) {lanes = 0 : i64}
    %no = weft.constant {value = dense<false> : tensor<i1>} : () -> tensor<i1>
    weft.yield %no : tensor<i1>
  } do {
  ^bb0(%c: tensor<f32>):
    %d = weft.sin %c : (tensor<f32>) -> tensor<f32>
    weft.yield %d : tensor<f32>
  }
  return %r : tensor<f32>
}

// Not where there may be no trip.
// CHECK-LABEL: @maybe_not_asked(
// CHECK: weft.while max_trips
// CHECK: weft.print "asked"
func.func @maybe_not_asked(%x: tensor<?xf32, #weft.dims<N>>) -> tensor<?xf32, #weft.dims<N>> {
  %r = weft.while max_trips #weft.size<N> carries(%x : tensor<?xf32, #weft.dims<N>>) -> (tensor<?xf32, #weft.dims<N>>) {
  ^bb0(%c: tensor<?xf32, #weft.dims<N>>):
    weft.print "asked" {lanes = 0 : i64}
    %no = weft.constant {value = dense<false> : tensor<i1>} : () -> tensor<i1>
    weft.yield %no : tensor<i1>
  } do {
  ^bb0(%c: tensor<?xf32, #weft.dims<N>>):
    %d = weft.sin %c : (tensor<?xf32, #weft.dims<N>>) -> tensor<?xf32, #weft.dims<N>>
    weft.yield %d : tensor<?xf32, #weft.dims<N>>
  }
  return %r : tensor<?xf32, #weft.dims<N>>
}
