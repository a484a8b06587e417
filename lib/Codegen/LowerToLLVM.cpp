// Decides the way from scf, arith, math, vector and cf to the LLVM dialect: upstream's patterns, in one conversion.
#include "BFloat16.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "weft/Codegen/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_LOWERTOLLVM
#include "weft/Codegen/Passes.h.inc"

namespace {

struct LowerToLLVMPass : impl::LowerToLLVMBase<LowerToLLVMPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    bfloat16AsBits(module);
    ConversionConfig config;
    config.allowPatternRollback = false; // no pattern here takes back what it did: a third of the time
    {
      RewritePatternSet patterns(context);
      vector::populateVectorBroadcastLoweringPatterns(patterns);
      arith::populateCeilFloorDivExpandOpsPatterns(patterns);
      populateSCFToControlFlowConversionPatterns(patterns);
      ConversionTarget target(*context);
      target.addIllegalDialect<scf::SCFDialect>();
      target.addIllegalOp<arith::CeilDivUIOp, arith::CeilDivSIOp, arith::FloorDivSIOp>();
      target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
      if (failed(applyPartialConversion(module, target, std::move(patterns), config)))
        return signalPassFailure();
    }
    LLVMTypeConverter types(context);
    RewritePatternSet patterns(context);
    arith::populateArithToLLVMConversionPatterns(types, patterns);
    populateMathToLLVMConversionPatterns(types, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(types, patterns);
    populateFuncToLLVMConversionPatterns(types, patterns);
    populateVectorToLLVMConversionPatterns(types, patterns);
    ub::populateUBToLLVMConversionPatterns(types, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    if (failed(applyFullConversion(module, target, std::move(patterns), config)))
      return signalPassFailure();
    // Everything of a program is found by the loader alone, so nothing needs the global offset table.
    for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
      function.setDsoLocal(true);
      if (function.isExternal() || function.getName() == "weft_entry")
        function.setLinkage(LLVM::Linkage::External);
      if (function->hasAttr("weft.inline")) {
        function.setLinkage(LLVM::Linkage::Internal);
        function.setAlwaysInline(true);
      }
      function.setNoUnwind(true);
    }
  }
};

} // namespace
} // namespace weft
