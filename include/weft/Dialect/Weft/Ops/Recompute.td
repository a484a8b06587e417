// Decides the family of recomputation: a region whose ops are computed again, apart from the equal ops outside it.
#ifndef WEFT_RECOMPUTE
#define WEFT_RECOMPUTE

include "weft/Dialect/Weft/WeftBase.td"

def Weft_RecomputeOp : Weft_Op<"recompute", [
    RecursiveMemoryEffects, IsolatedFromAbove, DeclareOpInterfaceMethods<ReferenceOpInterface>,
    DeclareOpInterfaceMethods<BatchOpInterface, ["batchedResults"]>, DeclareOpInterfaceMethods<RegionDerivativeOpInterface>]> {
  let summary = "computes its region again, apart from equal ops outside";
  let description = [{
    The body's arguments are the captures; it yields the results. Merging, folding and hoisting never cross its border, so
    what it computes is not the value that was computed before, and that one need not be kept. `id` tells regions apart
    that look alike. Fusion does see through it: weft-flatten-recompute puts its ops in place when all equal ops are merged.

    Example:
    ```mlir
    %r = weft.recompute "f.lin" (%x : tensor<4xf32>) -> (tensor<4xf32>) {
    ^bb0(%a: tensor<4xf32>):
      %e = weft.exp %a : (tensor<4xf32>) -> tensor<4xf32>
      weft.yield %e : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$id, Variadic<Weft_Value>:$captures);
  let results = (outs Variadic<Weft_Value>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$id (`(` $captures^ `:` type($captures) `)`)? attr-dict-with-keyword (`->` `(` type($results)^ `)`)? $body";
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    ::mlir::Block &getBodyBlock() { return getBody().front(); }
  }];
}

#endif
