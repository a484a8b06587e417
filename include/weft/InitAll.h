// Registers what the tools and the library offer, in one place: dialects, passes, pipelines.
#ifndef WEFT_INITALL_H
#define WEFT_INITALL_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "weft/Codegen/Passes.h"
#include "weft/Conversion/Passes.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Kernels/Passes.h"
#include "weft/Pipelines/Pipelines.h"
#include "weft/Transforms/Passes.h"

namespace weft {

/// The dialects that a program meets on its way, and no other: each costs megabytes of wheel.
inline void registerDialects(mlir::DialectRegistry &registry) {
  registry.insert<WeftDialect, mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                  mlir::LLVM::LLVMDialect, mlir::linalg::LinalgDialect, mlir::math::MathDialect, mlir::scf::SCFDialect,
                  mlir::tensor::TensorDialect, mlir::ub::UBDialect, mlir::vector::VectorDialect>();
}

inline void registerPasses() {
  registerCodegenPasses();
  registerWeftConversionPasses();
  registerWeftKernelsPasses();
  registerWeftTransformsPasses();
  registerPipelines();
}

} // namespace weft
#endif
