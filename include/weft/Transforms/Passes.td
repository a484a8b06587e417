// Decides the passes from graph to graph: what each is for and its options.
#ifndef WEFT_TRANSFORMS_PASSES
#define WEFT_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

class Weft_ModulePass<string argument> : Pass<argument, "::mlir::ModuleOp"> {
  let dependentDialects = ["::weft::WeftDialect", "::mlir::func::FuncDialect"];
}

def Linearize : Weft_ModulePass<"weft-linearize"> {
  let summary = "splits a function into its values and its tangents";
  let description = [{
    From `@f` and a mask of active arguments makes `@f.fwd` (arguments -> results, residuals) and `@f.lin` (residuals,
    tangents -> tangents), once per (function, mask). Callees are split first and called. Whatever the tangents need is a
    residual; choose-residuals decides what of it to store.
  }];
  let options = [
    Option<"function", "function", "std::string", "\"main\"", "the function's name">,
    ListOption<"active", "active", "int64_t", "0 or 1 per argument: whether it has a tangent (default: all that can)">];
}

def ChooseResiduals : Weft_ModulePass<"weft-choose-residuals"> {
  let summary = "recomputes in the linear part what is cheap, so that less is stored";
  let description = [{
    For every pair that linearize made and nobody calls yet: a minimum cut, by bytes, between the values that cannot be
    recomputed (results of reductions, contractions, region ops) and those that `@f.lin` uses. Elementwise ops, views and
    constants may be recomputed; arguments and results of `@f` cost nothing. Of two equal cuts the one nearer to the use
    is taken, which recomputes less.
  }];
  let options = [Option<"maxBytes", "max-bytes", "int64_t", "-1",
    "the bytes that residuals may take (negative: any): beyond them, dear ops are computed again, in a weft.recompute">];
}

def Transpose : Weft_ModulePass<"weft-transpose"> {
  let summary = "turns a linear function around";
  let description = [{
    From `@f.lin` makes `@f.bwd`: residuals, cotangents of the results -> cotangents of the tangents.
  }];
  let options = [
    Option<"function", "function", "std::string", "", "the linear function's name">,
    ListOption<"linear", "linear", "int64_t", "0 or 1 per argument: whether it is a tangent (default: what linearize says)">];
}

def NameDims : Weft_ModulePass<"weft-name-dims"> {
  let summary = "names the sizes that a text leaves bare";
  let description = [{
    A bare `?` of an argument is a size of its own: `d0`, `d1`, ... Results follow: by their op's rule, by the callee, by
    what a broadcast or a reshape leaves open. A size that nothing gives a name is an error (WF1408).
  }];
}

def Reroll : Weft_ModulePass<"weft-reroll"> {
  let summary = "makes loops of repeated straight-line code";
  let description = [{
    A Python loop that is unrolled by tracing leaves its steps one after another. Four or more of them that do the same to
    operands of the same types become one `weft.for`, where each operand comes from the same place in every step: from the
    step itself, from the step before (a carry), from outside, from neighbouring rows of one array (then the loop walks
    the rows, up or down), or is one constant. What later code reads of many steps is stacked; gradients of such a loop
    are loops over what it stacked. Only long programs change: 128 ops and more where steps read rows, since kernels that
    read a fixed row are compiled one by one, and 1,024 where they do not; and only steps that hold a contraction or a
    loop, or whose values are small, since others fuse with each other. No bit changes.
  }];
}

def Hoist : Weft_ModulePass<"weft-hoist"> {
  let summary = "computes before a counted loop what its steps need not compute one by one";
  let description = [{
    Dear ops (contractions, reductions, sorts ...) on what is the same at every step are computed once. A contraction of a
    step's slices with such a value (`x_t @ w`) is computed for all steps together, by the ops' rules of batching, if the
    stacked result takes at most four times the room of the slices: it then reads the shared operand once. Where the
    products of all steps would take more than 1 MiB and the count has a fitting divisor, the loop becomes one over blocks
    of steps, and the products of a block are computed together: they stay in cache and need little memory. Ops with effects
    and ops that need not end stay; the others are total, so a loop of no steps does no harm. No bit changes.
  }];
}

def Simplify : Weft_ModulePass<"weft-simplify"> {
  let summary = "folds, merges and drops what it can without changing a bit";
  let description = [{
    Walks the ops' fold hooks and canonicalization patterns, folds constants (as weft-constant-fold), merges equal ops (as
    weft-cse) and drops what nothing reads (as weft-dce), until nothing changes. Every rule is exact. Every op keeps its
    place in the user's program: a merged op has the places of all that it stands for (at most 8), a constant that of its
    user; upstream's canonicalizer and CSE erase them.
  }];
  let options = [Option<"derivativesTaken", "derivatives-taken", "bool", "false",
    "no derivative will be asked for any more: what only speaks to derivatives (stop_gradient) goes">];
}

def CancelTransposes : Weft_ModulePass<"weft-cancel-transposes"> {
  let summary = "computes elementwise ops in another order of dimensions where transposes around them then cancel";
  let description = [{
    Takes connected elementwise ops of a block, some of which read transposes by one permutation, as a group: computed in the
    order of dimensions from before these, the transposes in front go, and those behind that lead back. One
    that would come is counted against them, twice if it would stand behind the group, where it is a pass over memory of its
    own. Exact. Contractions take transposes into their numbers of dimensions, reductions and kernels read through them, by
    other rules.
  }];
}

def ConstantFold : Weft_ModulePass<"weft-constant-fold"> {
  let summary = "evaluates ops on constants";
  let description = [{
    By the op's reference, so the result is right by definition. Results and operands are at most 64 KB, except splats,
    which stay splats: an elementwise op on them is evaluated on one element, a view of one is one. Ops with regions and
    calls are left: what they cost is not known by their sizes.
  }];
}

def CSE : Weft_ModulePass<"weft-cse"> {
  let summary = "merges equal ops, keeping all their places";
  let description = [{
    Ops without effects and regions, of one block, with equal names, attributes and operands (in any order where the op is
    commutative). The first stays, with the places of all.
  }];
}

def DCE : Weft_ModulePass<"weft-dce"> {
  let summary = "drops ops that nothing reads and private functions that nothing names";
  let description = "An op with effects stays, and so do a loop, a branch and a call that hold one.";
}

def Inline : Weft_ModulePass<"weft-inline"> {
  let summary = "puts the bodies of small functions and of those called once in place of their calls";
  let description = [{
    Symbols of the callee become the sizes of the call; the callee's ops stand at `callsite(place in callee at place of the
    call)`. Functions that call themselves stay, and so do kernels.
  }];
  let options = [Option<"maxOps", "max-ops", "int64_t", "16", "how many ops a function called more than once may have">];
}

def FlattenRecompute : Weft_ModulePass<"weft-flatten-recompute"> {
  let summary = "puts the ops of weft.recompute in place, for kernels to be formed of them";
  let description = [{
    Runs when nothing merges ops any more. Each op gets `weft.recompute = n`, the number of its region: form-kernels puts
    it in no kernel with an op from before the region.
  }];
}

def Raise : Weft_ModulePass<"weft-raise"> {
  let summary = "finds composites that are written out";
  let description = [{
    Walks the composites' own rules. Only forms of which each bit is the composite's own are taken: `exp(x - max(x))` over
    its sum, the greatest element taken as a constant or not, is `weft.softmax`, whose derivative needs the result alone;
    `log(sum(exp(x - m))) + m`, with m the greatest element or 0 where that is infinite, is `weft.logsumexp`;
    `x * rsqrt(mean(x * x) + eps)` is `weft.rms_norm`, or `weft.layer_norm` of y where x is `y - mean(y)`.
  }];
  let options = [Option<"forDerivatives", "for-derivatives", "bool", "false",
    "only in a module that asks for derivatives: elsewhere a name is worth nothing, and steps written out keep a line each">];
}

def Decompose : Weft_ModulePass<"weft-decompose"> {
  let summary = "puts what composites are made of in their place";
  let description = "After derivatives and batches are made; from then on there are core ops only.";
}

def Vectorize : Weft_ModulePass<"weft-vectorize"> {
  let summary = "makes a function that acts on a batch";
  let description = [{
    From `@f` and a mask of batched arguments makes `@f.vmap`, once per (function, mask, size): those arguments and all
    results have a batch axis in front. Ops that depend on a batched argument follow their batch rule; the rest is
    computed once. Callees are batched and called. A branch or loop on a batched predicate becomes a `map` that holds it.
  }];
  let options = [
    Option<"function", "function", "std::string", "\"main\"", "the function's name">,
    ListOption<"batched", "batched", "int64_t", "0 or 1 per argument: whether it has the axis (default: all)">,
    Option<"size", "size", "std::string", "\"N\"", "the size of the axis: a number, or any name">];
}

def LowerMap : Weft_ModulePass<"weft-lower-map"> {
  let summary = "chooses what becomes of each weft.map";
  let description = [{
    All lanes at once, where the body is total, has a form over a batch and takes few operations: a branch computes all
    its sides and selects, a `while` runs until the last lane has ended, and lanes that have ended keep their values. Else
    a loop over the lanes. A branch that holds a `while` is never computed for a lane that does not ask for it. Each choice
    is a remark of category `control`, and stands in the report that explain() reads.
  }];
  let options = [
    Option<"maxOps", "max-ops", "double", "4096.0", "operations of one lane, all branches counted, up to which all run at once">,
    Option<"strict", "strict", "bool", "false", "keep the order of sums of floating-point numbers">];
}

def ResolveRequests : Weft_ModulePass<"weft-resolve-requests"> {
  let summary = "replaces weft.jvp, weft.vjp and weft.vmap by calls of the functions they ask for";
  let description = [{
    Innermost first: before a function is differentiated, the requests in it and in what it calls are resolved. So any
    nesting works, and each level is an ordinary function.
  }];
}

#endif
