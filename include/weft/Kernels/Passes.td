// Decides the passes from graph ops to shared kernels, and to a plan of memory.
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
  let options = [Option<"keepLines", "keep-lines", "bool", "false",
    "Share nothing: each kernel keeps the user's lines on its ops, for a line table">];
}

def InlineKernels : Pass<"weft-inline-kernels", "::mlir::ModuleOp"> {
  let summary = "Marks kernels that become part of the code that launches them";
  let description = [{
    Puts `weft.inline` on kernel functions of a few scalar operations on few elements, if that makes the program no
    larger: their work is less than a call, and what they read and write stays in registers (`#weft.slot<register n>`).
  }];
}

def PlanMemory : Pass<"weft-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Says where each value of the program lives";
  let description = [{
    Walks every function that is not a kernel, callees first, and gives each op with results `weft.slots`, one
    `#weft.slot` per result: in a result buffer where the value is returned (or yielded: the place of the outer value),
    else in the function's frame of the arena, where values whose lives do not overlap share bytes. `weft.arena` on the
    function is the size of its frame, callees' frames included (`weft.frame` on a call is where the callee's begins).
    A `for` has `weft.spares`: per carry the second place, with which the first (its result's slot) is swapped each
    step, or `in_place`; and `weft.step`, where the step is stored, if it is read. The last value always ends in the
    first place, so the init begins in the second where the count is odd (of a `while`, the last value is moved there).
    A `sized` has `weft.bytes`, the memory to ask for at its beginning, where values inside have its size and it has no
    bound. A value of at most 64 bytes that only inlined kernels touch has a `register`; a carry whose second place is
    one is held in registers while the loop runs. What a `weft.kept` launch makes stays from call to call, in memory apart:
    `weft.kept` on the function says how much.

    What a kernel changes in few places of an operand is written `over` it, by loops and branches around it too; a carry
    that is a row of the loop as well has that row as its second place. What must stay, or stand in a second place, gets a
    `weft.copy` with the reason.
  }];
  let options = [Option<"printPeak", "print-peak", "bool", "false",
    "Remark on each function: its frame, and the greatest sum of bytes alive at once">];
  let dependentDialects = ["::weft::WeftDialect"];
}

#endif
