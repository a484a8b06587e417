// Decides the passes from graph ops to shared kernels.
#ifndef WEFT_KERNELS_PASSES
#define WEFT_KERNELS_PASSES

include "mlir/Pass/PassBase.td"

def FormKernels : Pass<"weft-form-kernels", "::mlir::func::FuncOp"> {
  let summary = "Wraps graph ops in place into weft.kernel regions";
  let description = [{
    Groups the ops of each block into kernels that code generation can emit as one loop nest (see KernelShape.h), so that
    every op but control flow, calls, aliases and copies stands in exactly one kernel. Constants and other ops without
    operands are cloned into each kernel that reads them. Each decision is a remark of category `fusion`.
  }];
  let options = [
    Option<"maxOps", "max-ops", "unsigned", "128", "Ops in one kernel, at most">,
    Option<"maxValues", "max-values", "unsigned", "40", "Operands and results of one kernel, at most">,
    Option<"maxRecompute", "max-recompute", "double", "4.0",
           "Operations per element that may be computed again rather than written and read">];
}

def ShareKernels : Pass<"weft-share-kernels", "::mlir::ModuleOp"> {
  let summary = "Outlines each distinct weft.kernel body to one function, launched from its places";
  let description = [{
    Two kernels share a function if their bodies are equal once the symbols of sizes are renamed in order of appearance;
    locations do not count. The function is named by the hash of its text, and each launch keeps its own lines.
  }];
}

#endif
