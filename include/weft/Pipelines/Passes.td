// Decides the passes that belong to no stage: the check of a stage's contract.
#ifndef WEFT_PIPELINES_PASSES
#define WEFT_PIPELINES_PASSES

include "mlir/Pass/PassBase.td"

def CheckContract : Pass<"weft-check-contract", "::mlir::ModuleOp"> {
  let summary = "Checks that a module has the form of a stage";
  let description = [{
    Changes nothing. Each clause of each stage has a code (WF40xx); see CheckContract.cpp.

    Example: `weft-opt --weft-check-contract=kernels`
  }];
  let options = [
    Option<"stage", "stage", "std::string", "\"traced\"", "The stage">,
    Option<"locations", "locations", "bool", "false",
           "Also that each op of the dialect knows where it comes from (off, because IR written by hand need not)">];
}

#endif
