// Decides the control family: for, if, while, map, sized, call, the request ops that passes resolve, and the forms of the kernel stage.
// Regions are isolated from above: what they read is listed (`captures`), so hashing, derivatives and outlining see it.
#ifndef WEFT_CONTROL
#define WEFT_CONTROL

include "weft/Dialect/Weft/WeftBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/CallInterfaces.td"
include "mlir/IR/RegionKindInterface.td"

def Weft_YieldOp : Weft_Op<"yield", [Pure, Terminator, ReturnLike]> {
  let summary = "ends a region with its results";
  let description = "Example: `weft.yield %a, %b : tensor<f32>, tensor<4xf32>`";
  let arguments = (ins Variadic<Weft_Value>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let builders = [OpBuilder<(ins), "build($_builder, $_state, ::mlir::ValueRange{});">];
}

class Weft_RegionOp<string mnemonic, list<Trait> traits>
    : Weft_Op<mnemonic, [RecursiveMemoryEffects, IsolatedFromAbove, DeclareOpInterfaceMethods<ReferenceOpInterface>,
                         DeclareOpInterfaceMethods<BatchOpInterface, ["batchedResults"]>, DeclareOpInterfaceMethods<RegionDerivativeOpInterface>] # traits> {
  let hasVerifier = 1;
}

def Weft_ForOp : Weft_RegionOp<"for", [AttrSizedOperandSegments]> {
  let summary = "a counted loop with carries, sliced inputs and stacked outputs";
  let description = [{
    Runs the body `count` times. The body's arguments are the step (tensor<i64>, 0 .. count-1), the carries, slice i of
    each of `xs` (along their leading dimension, of size `count`), and the captures. It yields the next carries, then one
    value per stacked output. With `reverse`, steps, slices and stacked rows run from count-1 down to 0. The results are
    the last carries (the inits when count is 0), then the stacked outputs.

    Example:
    ```mlir
    %r, %ys = weft.for #weft.size<8> carries(%h : tensor<4xf32>) xs(%x : tensor<8x4xf32>) captures(%w : tensor<4xf32>)
        -> (tensor<4xf32>, tensor<8x4xf32>) {
    ^bb0(%i: tensor<i64>, %c: tensor<4xf32>, %xi: tensor<4xf32>, %wi: tensor<4xf32>):
      %n = weft.add %c, %xi : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      weft.yield %n, %n : tensor<4xf32>, tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins Weft_SizeAttr:$count, Variadic<Weft_Value>:$inits, Variadic<Weft_Value>:$xs,
                       Variadic<Weft_Value>:$captures, UnitAttr:$reverse);
  let results = (outs Variadic<Weft_Value>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $count (`reverse` $reverse^)? (`carries` `(` $inits^ `:` type($inits) `)`)? (`xs` `(` $xs^ `:` type($xs) `)`)?
    (`captures` `(` $captures^ `:` type($captures) `)`)? attr-dict-with-keyword (`->` `(` type($results)^ `)`)? $body
  }];
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    unsigned getNumCarries() { return getInits().size(); }
    unsigned getNumStacked() { return getNumResults() - getInits().size(); }
    ::mlir::Block &getBodyBlock() { return getBody().front(); }
    ::mlir::BlockArgument getStep() { return getBodyBlock().getArgument(0); }
    ::llvm::ArrayRef<::mlir::BlockArgument> getCarryArguments() { return getBodyBlock().getArguments().slice(1, getInits().size()); }
    ::llvm::ArrayRef<::mlir::BlockArgument> getSliceArguments() {
      return getBodyBlock().getArguments().slice(1 + getInits().size(), getXs().size()); }
    ::llvm::ArrayRef<::mlir::BlockArgument> getCaptureArguments() {
      return getBodyBlock().getArguments().drop_front(1 + getInits().size() + getXs().size()); }
    ::weft::YieldOp getYield();
  }];
}

def Weft_IfOp : Weft_RegionOp<"if", []> {
  let summary = "runs one of n regions";
  let description = [{
    Region k runs when the index is k; an index out of range is clamped; a bool is 0 (false) or 1 (true). Each region's
    arguments are the captures, and it yields the results.

    Example:
    ```mlir
    %r = weft.if %p captures(%x : tensor<4xf32>) : tensor<i1> -> (tensor<4xf32>) {
    ^bb0(%a: tensor<4xf32>):
      weft.yield %a : tensor<4xf32>
    }, {
    ^bb0(%a: tensor<4xf32>):
      %n = weft.neg %a : (tensor<4xf32>) -> tensor<4xf32>
      weft.yield %n : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins Weft_IndexScalar:$index, Variadic<Weft_Value>:$captures);
  let results = (outs Variadic<Weft_Value>:$results);
  let regions = (region VariadicRegion<SizedRegion<1>>:$branches);
  let assemblyFormat = [{
    $index (`captures` `(` $captures^ `:` type($captures) `)`)? `:` type($index) attr-dict-with-keyword
    (`->` `(` type($results)^ `)`)? $branches
  }];
  let hasCanonicalizer = 1;
}

def Weft_WhileOp : Weft_RegionOp<"while", [AttrSizedOperandSegments]> {
  let summary = "a loop that runs while a condition holds";
  let description = [{
    Both regions have the carries and the captures as arguments. The first yields one bool; while it is true, the second
    runs and yields the next carries. With `max_trips` the loop ends after so many trips even if the condition still
    holds. The results are the last carries. The one op that need not end: nothing runs it that the program would not.

    Example:
    ```mlir
    %r = weft.while carries(%x : tensor<f32>) captures(%limit : tensor<f32>) -> (tensor<f32>) {
    ^bb0(%c: tensor<f32>, %l: tensor<f32>):
      %p = weft.lt %c, %l : (tensor<f32>, tensor<f32>) -> tensor<i1>
      weft.yield %p : tensor<i1>
    } do {
    ^bb0(%c: tensor<f32>, %l: tensor<f32>):
      %n = weft.add %c, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
      weft.yield %n : tensor<f32>
    }
    ```
  }];
  let arguments = (ins Variadic<Weft_Value>:$inits, Variadic<Weft_Value>:$captures, OptionalAttr<Weft_SizeAttr>:$max_trips);
  let results = (outs Variadic<Weft_Value>:$results);
  let regions = (region SizedRegion<1>:$condition, SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`max_trips` $max_trips^)? (`carries` `(` $inits^ `:` type($inits) `)`)?
    (`captures` `(` $captures^ `:` type($captures) `)`)? attr-dict-with-keyword (`->` `(` type($results)^ `)`)?
    $condition `do` $body
  }];
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    unsigned getNumCarries() { return getInits().size(); }
    ::mlir::Block &getConditionBlock() { return getCondition().front(); }
    ::mlir::Block &getBodyBlock() { return getBody().front(); }
    ::llvm::ArrayRef<::mlir::BlockArgument> getCarryArguments() { return getBodyBlock().getArguments().take_front(getInits().size()); }
    ::weft::YieldOp getYield();
  }];
}

def Weft_MapOp : Weft_RegionOp<"map", [AttrSizedOperandSegments]> {
  let summary = "a parallel loop without carries";
  let description = [{
    Runs the body for each of `count` lanes, in no order that anything can see. The body's arguments are the lane's slice
    of each of `xs` (along their leading dimension) and the captures. It yields one value per result: the results are those
    values stacked; the last `sums` of them are added up over the lanes instead, in any order. So the transpose of a map is
    a map: slices and stacks change places, and so do captures and sums.

    vmap makes it of what has no form over a batch (a branch or a loop on a batched predicate); lower-map chooses what
    becomes of it.

    Example:
    ```mlir
    %r = weft.map #weft.size<8> xs(%p, %x : tensor<8xi1>, tensor<8xf32>) -> (tensor<8xf32>) {
    ^bb0(%pi: tensor<i1>, %xi: tensor<f32>):
      %y = weft.if %pi captures(%xi : tensor<f32>) : tensor<i1> -> (tensor<f32>) {
      ^bb0(%a: tensor<f32>):
        weft.yield %a : tensor<f32>
      }, {
      ^bb0(%a: tensor<f32>):
        %n = weft.sin %a : (tensor<f32>) -> tensor<f32>
        weft.yield %n : tensor<f32>
      }
      weft.yield %y : tensor<f32>
    }
    ```
  }];
  let arguments = (ins Weft_SizeAttr:$count, Variadic<Weft_Value>:$xs, Variadic<Weft_Value>:$captures,
                       DefaultValuedAttr<I64Attr, "0">:$sums);
  let results = (outs Variadic<Weft_Value>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $count (`xs` `(` $xs^ `:` type($xs) `)`)? (`captures` `(` $captures^ `:` type($captures) `)`)?
    attr-dict-with-keyword (`->` `(` type($results)^ `)`)? $body
  }];
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    unsigned getNumStacked() { return getNumResults() - getSums(); }
    ::mlir::Block &getBodyBlock() { return getBody().front(); }
    ::weft::YieldOp getYield();
  }];
}

def Weft_SizedOp : Weft_RegionOp<"sized", []> {
  let summary = "a region in which a number is a size";
  let description = [{
    Inside the region the symbol is a size whose value is the number (0 where that is below 0; with `bound`, at most that).
    The region's arguments are the captures. No operand speaks of the symbol, and a result only where the end of the
    program hands it out. What has that size inside lives in memory that is asked for where the region begins; where a
    bound says how much that is at most, in the arena.

    Example:
    ```mlir
    %r = weft.sized "n" = %k captures(%x : tensor<f32>) : tensor<i64> -> (tensor<f32>) {
    ^bb0(%a: tensor<f32>):
      %y = weft.for #weft.size<n> carries(%a : tensor<f32>) -> (tensor<f32>) {
      ^bb0(%i: tensor<i64>, %c: tensor<f32>):
        %d = weft.add %c, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
        weft.yield %d : tensor<f32>
      }
      weft.yield %y : tensor<f32>
    }
    ```
  }];
  let arguments = (ins Weft_CountScalar:$value, Variadic<Weft_Value>:$captures, StrAttr:$symbol,
                       OptionalAttr<Weft_SizeAttr>:$bound);
  let results = (outs Variadic<Weft_Value>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $symbol `=` $value (`bound` $bound^)? (`captures` `(` $captures^ `:` type($captures) `)`)? `:` type($value)
    attr-dict-with-keyword (`->` `(` type($results)^ `)`)? $body
  }];
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    ::mlir::Block &getBodyBlock() { return getBody().front(); }
    ::weft::YieldOp getYield();
  }];
}

class Weft_CallLike<string mnemonic, list<Trait> traits = []>
    : Weft_Op<mnemonic, [DeclareOpInterfaceMethods<SymbolUserOpInterface>] # traits> {
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Weft_Value>:$operands);
  let results = (outs Variadic<Weft_Value>:$results);
  let assemblyFormat = "$callee `(` $operands `)` attr-dict `:` functional-type($operands, $results)";
}

def Weft_CallOp : Weft_CallLike<"call", [DeclareOpInterfaceMethods<ReferenceOpInterface>,
    DeclareOpInterfaceMethods<BatchOpInterface, ["batchedResults"]>, DeclareOpInterfaceMethods<RegionDerivativeOpInterface>]> {
  let summary = "calls a function";
  let description = [{
    The symbols in the callee's types are matched with the sizes of the operands.

    Example: `%r = weft.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>`
  }];
}

// Requests: resolved innermost first, each to calls of functions that a pass makes.
def Weft_JvpRequestOp : Weft_CallLike<"jvp", [NoDerivativeOpInterface]> {
  let summary = "asks for results and tangents of a function";
  let description = [{
    Operands: the callee's arguments, then a tangent for each with active[i]. Results: the callee's, then a tangent for
    each floating-point result.

    Example: `%y, %t = weft.jvp @f(%x, %dx) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)`
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Weft_Value>:$operands, DenseBoolArrayAttr:$active);
}
def Weft_VjpRequestOp : Weft_CallLike<"vjp", [NoDerivativeOpInterface]> {
  let summary = "asks for results and gradients of a function";
  let description = [{
    Operands: the callee's arguments, then a cotangent for each floating-point result. Results: the callee's, then the
    cotangent of each argument with active[i]. With `max_bytes`, at most so many bytes of intermediate values are kept
    between the two passes; what is needed beyond them is computed again.

    Example: `%y, %g = weft.vjp @f(%x, %dy) {active = array<i1: true>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)`
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Weft_Value>:$operands, DenseBoolArrayAttr:$active,
                       OptionalAttr<I64Attr>:$max_bytes);
}
def Weft_VmapRequestOp : Weft_CallLike<"vmap", [NoDerivativeOpInterface]> {
  let summary = "asks for a function over a leading batch axis";
  let description = [{
    Operand i has a leading axis of `size` where batched[i]; every result has it, but those with whole[i], which must be
    the same at each index.

    Example: `%y = weft.vmap @f(%x) {batched = array<i1: true>, size = #weft.size<8>} : (tensor<8xf32>) -> tensor<8xf32>`
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Weft_Value>:$operands, DenseBoolArrayAttr:$batched, Weft_SizeAttr:$size,
                       OptionalAttr<DenseBoolArrayAttr>:$whole);
}

// The kernel stage.
def Weft_KernelOp : Weft_Op<"kernel", [RecursiveMemoryEffects, IsolatedFromAbove, DeclareOpInterfaceMethods<ReferenceOpInterface>]> {
  let summary = "ops fused into one kernel, in place";
  let description = [{
    Made by form-kernels; the body's arguments are the operands. share-kernels outlines it.

    Example:
    ```mlir
    %r = weft.kernel(%x : tensor<4xf32>) -> (tensor<4xf32>) {
    ^bb0(%a: tensor<4xf32>):
      %n = weft.neg %a : (tensor<4xf32>) -> tensor<4xf32>
      weft.yield %n : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Weft_Value>:$operands);
  let results = (outs Variadic<Weft_Value>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "(`(` $operands^ `:` type($operands) `)`)? attr-dict-with-keyword (`->` `(` type($results)^ `)`)? $body";
  let hasVerifier = 1;
}
def Weft_LaunchOp : Weft_CallLike<"launch", [Pure, DeclareOpInterfaceMethods<ReferenceOpInterface>]> {
  let summary = "runs a shared kernel";
  let description = [{
    `lines` holds, for each op of the kernel function in order (without the return), where it comes from in this launch.
    `weft.sizes` holds the value of each symbol of the kernel function (its attribute `weft.symbols`), in that order: a kernel
    may speak of a size that none of its operands has. `weft.not_fused` holds, for each operand that another kernel makes,
    the code of the reason why that is another kernel (docs/fusion.md). plan-memory adds `slots`: where each result lives.

    Example: `%r = weft.launch @k0(%x) : (tensor<4xf32>) -> tensor<4xf32>`
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Weft_Value>:$operands, OptionalAttr<ArrayAttr>:$lines);
}
def Weft_CopyOp : Weft_Op<"copy", [Pure, SameOperandsAndResultType, DeclareOpInterfaceMethods<ReferenceOpInterface>]> {
  let summary = "an explicit copy, with its reason";
  let description = [{
    Made by plan-memory where a value must stand in a second place.

    Example: `%r = weft.copy %x {reason = "returned twice"} : tensor<4xf32>`
  }];
  let arguments = (ins Weft_Any:$x, StrAttr:$reason);
  let results = (outs Weft_Any:$result);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}
def Weft_PackOp : Weft_Op<"pack", [Pure, DeclareOpInterfaceMethods<ReferenceOpInterface>,
    DeclareOpInterfaceMethods<FusionOpInterface>, DeclareOpInterfaceMethods<LowerOpInterface>]> {
  let summary = "a contraction's operand, laid out as its kernel reads it";
  let description = [{
    Made by assign-layout, in a kernel of its own, for an operand that many launches read: the same numbers in the layout
    that the result's type names.

    Example: `%r = weft.pack %x : tensor<40x768xf32> -> tensor<40x768xf32, #weft.panel<16, lanes = [0], folded = [1]>>`
  }];
  let arguments = (ins Weft_Any:$x);
  let results = (outs Weft_Any:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

#endif
