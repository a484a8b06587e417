// weft-opt: reads IR at any stage, runs passes, prints.
#include "weft/Codegen/Passes.h"
#include "weft/Conversion/Passes.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Kernels/Passes.h"
#include "weft/Pipelines/Pipelines.h"
#include "weft/Transforms/Passes.h"
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
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  weft::registerCodegenPasses();
  weft::registerWeftConversionPasses();
  weft::registerWeftKernelsPasses();
  weft::registerPipelines();
  weft::registerWeftTransformsPasses();
  mlir::DialectRegistry registry;
  registry.insert<weft::WeftDialect, mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                  mlir::LLVM::LLVMDialect, mlir::linalg::LinalgDialect, mlir::math::MathDialect, mlir::scf::SCFDialect,
                  mlir::tensor::TensorDialect, mlir::ub::UBDialect, mlir::vector::VectorDialect>();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Weft's optimiser driver\n", registry));
}
