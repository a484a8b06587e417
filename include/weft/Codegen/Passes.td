// The passes of code generation.
#ifndef WEFT_CODEGEN_PASSES
#define WEFT_CODEGEN_PASSES

include "mlir/Pass/PassBase.td"

def EmitKernels : Pass<"weft-emit-kernels", "::mlir::ModuleOp"> {
  let summary = "writes the loops of each kernel function (linalg -> bufferized)";
  let description = [{
    Each function with `weft.kernel` becomes one over pointers and sizes, in scf, arith, math, vector and llvm loads and
    stores, by one of the leaf emitters (sweep, tile, pieces). Buffers are given by the caller; nothing is allocated.
  }];
  let options = [Option<"target", "target", "std::string", "\"host\"", "host, x86-64-v3, x86-64-v4, aarch64">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def LowerToLLVM : Pass<"weft-lower-to-llvm", "::mlir::ModuleOp"> {
  let summary = "turns bufferized kernels and the entry into the LLVM dialect";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::cf::ControlFlowDialect"];
}

#endif
