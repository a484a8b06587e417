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
  let options = [Option<"maxBytes", "max-bytes", "int64_t", "-1", "reserved: the bytes that residuals may take">];
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

def ResolveRequests : Weft_ModulePass<"weft-resolve-requests"> {
  let summary = "replaces weft.jvp, weft.vjp and weft.vmap by calls of the functions they ask for";
  let description = [{
    Innermost first: before a function is differentiated, the requests in it and in what it calls are resolved. So any
    nesting works, and each level is an ordinary function.
  }];
}

#endif
