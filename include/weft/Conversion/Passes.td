// Decides the passes that leave the dialect.
#ifndef WEFT_CONVERSION_PASSES
#define WEFT_CONVERSION_PASSES

include "mlir/Pass/PassBase.td"

def WeftToLinalg : Pass<"weft-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Lowers kernel functions to linalg on tensors";
  let description = [{
    Rewrites each function with the attribute `weft.kernel` by the lowering interface of the ops it holds. Names leave
    the types here: each symbol of the kernel becomes a trailing `index` argument, listed in `weft.symbols` in the order
    of its first appearance, and each `weft.launch` gets `weft.sizes`, their values in the caller's symbols. Unsigned
    integers become signless. The kernel is marked `weft.lowered`, and `weft.types` keeps
    the types with names of its arguments and results. Each value returned is the result of a `linalg.generic` of its own.

    Example: with `s0` named in the types of

    ```mlir
    func.func private @k(%x: tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>> attributes {weft.kernel} {
      %r = weft.neg %x : (tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s0>>
      return %r : tensor<?xf32, #weft.dims<s0>>
    }
    ```

    the kernel becomes `@k(%x: tensor<?xf32>, %s0: index) -> tensor<?xf32>`, one `tensor.empty(%s0)` and one generic.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

#endif
