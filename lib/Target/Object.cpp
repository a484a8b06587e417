// Decides LLVM's part: which few passes run on our IR (it is vectorised already, so neither vectorisers nor unrollers),
// and how an object is made: position independent, everything local, so that two relocation types remain.
#include "weft/Target/Object.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

namespace weft {

/// The back ends that the library holds, by name.
static void initializeTargets() {
  static bool done = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)done;
}

static std::unique_ptr<llvm::TargetMachine> makeMachine(const Target &target, std::string &error) {
  initializeTargets();
  llvm::Triple triple(target.triple);
  const llvm::Target *backEnd = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backEnd)
    return nullptr;
  std::string features;
  for (const std::string &feature : target.features)
    features += (features.empty() ? "" : ",") + feature;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict; // a product and a sum stay two roundings unless written as fma
  return std::unique_ptr<llvm::TargetMachine>(backEnd->createTargetMachine(triple, target.cpu, features, options,
                                                                           llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                                                           llvm::CodeGenOptLevel::Default));
}

LogicalResult emitObject(ModuleOp module, const Target &target, Emit kind, std::string &output, std::string &error) {
  auto machine = makeMachine(target, error);
  if (!machine)
    return failure();
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  llvm::LLVMContext context;
  auto ir = translateModuleToLLVMIR(module, context, "weft");
  if (!ir) {
    error = "the module does not translate to LLVM IR";
    return failure();
  }
  ir->setDataLayout(machine->createDataLayout());
  ir->setTargetTriple(machine->getTargetTriple());
  for (llvm::Function &function : *ir) {
    function.setDSOLocal(true);
    if (!function.isDeclaration() && function.getName() != "weft_entry")
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
    if (function.isDeclaration() && !function.isIntrinsic())
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
    function.addFnAttr("prefer-vector-width", std::to_string(target.vectorBytes * 8));
  }

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager cgscc;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(cgscc);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, cgscc, modules);
  llvm::ModulePassManager passes;
  // Fold the address arithmetic, hoist what is invariant, turn indices into pointers: what our emitters leave to LLVM.
  if (auto failed =
          builder.parsePassPipeline(passes, "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,"
                                            "simplifycfg,loop-mssa(licm),early-cse<memssa>,"
                                            "loop(indvars),instcombine<no-verify-fixpoint>,simplifycfg),globaldce")) {
    error = llvm::toString(std::move(failed));
    return failure();
  }
  passes.run(*ir, modules);

  if (kind == Emit::LLVMIR) {
    llvm::raw_string_ostream stream(output);
    ir->print(stream, nullptr);
    return success();
  }
  llvm::SmallVector<char> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager emit;
  if (machine->addPassesToEmitFile(emit, stream, nullptr,
                                   kind == Emit::Object ? llvm::CodeGenFileType::ObjectFile
                                                        : llvm::CodeGenFileType::AssemblyFile)) {
    error = "the back end cannot write this kind of file";
    return failure();
  }
  emit.run(*ir);
  output.assign(bytes.begin(), bytes.end());
  return success();
}

} // namespace weft
