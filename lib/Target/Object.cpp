// Decides LLVM's part: which few passes run on our IR (it is vectorised already, so neither vectorisers nor unrollers),
// and how an object is made: position independent, everything local, so that two relocation types remain.
#include "weft/Target/Object.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/AlwaysInliner.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include <mutex>

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
    // Our loops have few indices already: loop strength reduction would make one of each address, and takes a third of
    // the back end's time.
    if (auto *option = llvm::cl::getRegisteredOptions().lookup("disable-lsr"))
      static_cast<llvm::cl::opt<bool> *>(option)->setValue(true);
    return true;
  }();
  (void)done;
}

static std::unique_ptr<llvm::TargetMachine> makeMachine(const Target &target, Effort effort, std::string &error) {
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
  // What the levels above Less add (a second scheduler) is worth nothing to our loops.
  return std::unique_ptr<llvm::TargetMachine>(backEnd->createTargetMachine(
      triple, target.cpu, features, options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
      effort == Effort::Quick ? llvm::CodeGenOptLevel::None : llvm::CodeGenOptLevel::Less));
}

namespace {
/// Machines that no writer uses now: to make one, with the tables that it makes when it first compiles, takes longer
/// than a small kernel. Nobody waits for the lock, which a fork may leave held.
class IdleMachines {
public:
  std::unique_ptr<llvm::TargetMachine> take(const std::string &kind) {
    std::unique_lock<std::mutex> lock(mutex, std::try_to_lock);
    if (!lock || idle[kind].empty())
      return nullptr;
    return idle[kind].pop_back_val();
  }
  void give(const std::string &kind, std::unique_ptr<llvm::TargetMachine> machine) {
    std::unique_lock<std::mutex> lock(mutex, std::try_to_lock);
    if (lock)
      idle[kind].push_back(std::move(machine));
  }

private:
  std::mutex mutex;
  llvm::StringMap<llvm::SmallVector<std::unique_ptr<llvm::TargetMachine>>> idle;
};
IdleMachines &idleMachines() {
  static auto *machines = new IdleMachines; // for as long as any thread may compile
  return *machines;
}
std::string kindOf(const Target &target, Effort effort) {
  return llvm::join(target.features, ",") + " " + target.cpu + " " + target.triple + std::to_string(int(effort));
}
} // namespace

/// Fold the address arithmetic, hoist what is invariant: what our emitters leave to LLVM. Induction variables are
/// simple as they come: indvars finds nothing, in half of the time of all these passes. What LICM leaves to combine the
/// back end does (a fifth of the time, for one instruction in a thousand). Passes are named by their classes, not in a
/// text, whose parser would link every pass that LLVM has.
static llvm::FunctionPassManager functionPasses(Effort effort) {
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  if (effort == Effort::Quick)
    return passes;
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), /*UseMemorySSA=*/true));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::SimplifyCFGPass());
  return passes;
}

/// Optimises and writes one LLVM module. Safe to run in a thread of its own.
static LogicalResult compile(llvm::Module &ir, llvm::TargetMachine &machine, Effort effort, Emit kind,
                             std::string &output, std::string &error, PassTimes &times) {
  double start = PassTimes::now();
  auto count = [&](llvm::StringRef what) {
    double now = PassTimes::now();
    times.add(what, now - std::exchange(start, now));
  };
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager cgscc;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(cgscc);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, cgscc, modules);
  llvm::ModulePassManager passes;
  passes.addPass(llvm::AlwaysInlinerPass()); // small kernels become part of the entry
  passes.addPass(llvm::createModuleToFunctionPassAdaptor(functionPasses(effort)));
  passes.addPass(llvm::GlobalDCEPass());
  passes.run(ir, modules);
  count("llvm: passes");

  if (kind == Emit::LLVMIR) {
    llvm::raw_string_ostream stream(output);
    ir.print(stream, nullptr);
    return success();
  }
  llvm::SmallVector<char> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager emit;
  auto file = kind == Emit::Object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  if (machine.addPassesToEmitFile(emit, stream, nullptr, file)) {
    error = "the back end cannot write this kind of file";
    return failure();
  }
  emit.run(ir);
  output.assign(bytes.begin(), bytes.end());
  count("llvm: machine code");
  return success();
}

static std::unique_ptr<llvm::Module> translate(ModuleOp module, const Target &target, llvm::TargetMachine &machine,
                                               llvm::LLVMContext &context, std::string &error) {
  auto ir = translateModuleToLLVMIR(module, context, "weft", /*disableVerification=*/true); // tests verify the text
  if (!ir) {
    error = "the module does not translate to LLVM IR";
    return nullptr;
  }
  ir->setDataLayout(machine.createDataLayout());
  ir->setTargetTriple(machine.getTargetTriple());
  for (llvm::Function &function : *ir) {
    function.setDSOLocal(true);
    if (function.isIntrinsic())
      continue;
    // The loader alone finds names: nothing needs the global offset table.
    if (!function.hasLocalLinkage()) {
      function.setLinkage(llvm::GlobalValue::ExternalLinkage);
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
    }
    function.addFnAttr("prefer-vector-width", std::to_string(target.vectorBytes * 8));
  }
  return ir;
}

void prepareTranslation(MLIRContext &context) {
  registerBuiltinDialectTranslation(context);
  registerLLVMDialectTranslation(context);
}

ObjectWriter::ObjectWriter(const Target &target) : target(target) {}
ObjectWriter::~ObjectWriter() {
  for (Effort effort : {Effort::Full, Effort::Quick})
    if (auto &machine = machines[size_t(effort)])
      idleMachines().give(kindOf(target, effort), std::move(machine));
}

LogicalResult ObjectWriter::write(ModuleOp module, Effort effort, std::string &object, std::string &error,
                                  PassTimes &times) {
  double start = PassTimes::now();
  auto &machine = machines[size_t(effort)];
  if (!machine)
    machine = idleMachines().take(kindOf(target, effort));
  if (!machine && !(machine = makeMachine(target, effort, error)))
    return failure();
  llvm::LLVMContext context;
  auto ir = translate(module, target, *machine, context, error);
  times.add("llvm: translation", PassTimes::now() - start);
  return ir ? compile(*ir, *machine, effort, Emit::Object, object, error, times) : failure();
}

LogicalResult emitText(ModuleOp module, const Target &target, Emit kind, std::string &output, std::string &error) {
  prepareTranslation(*module.getContext());
  auto machine = makeMachine(target, Effort::Full, error);
  if (!machine)
    return failure();
  llvm::LLVMContext context;
  auto ir = translate(module, target, *machine, context, error);
  PassTimes times;
  return ir ? compile(*ir, *machine, Effort::Full, kind, output, error, times) : failure();
}

} // namespace weft
