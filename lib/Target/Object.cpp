// Decides LLVM's part: which few passes run on our IR (it is vectorised already, so neither vectorisers nor unrollers),
// and how an object is made: position independent, everything local, so that two relocation types remain.
#include "weft/Target/Object.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include <atomic>
#include <thread>

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

/// Optimises and writes one LLVM module. Safe to run in a thread of its own.
static LogicalResult compile(llvm::Module &ir, const Target &target, Emit kind, std::string &output,
                             std::string &error) {
  auto machine = makeMachine(target, error);
  if (!machine)
    return failure();
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
  // Small kernels become part of the entry. Fold the address arithmetic, hoist what is invariant, turn indices into
  // pointers: what our emitters leave to LLVM.
  if (auto failed = builder.parsePassPipeline(
          passes, "always-inline,function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,"
                  "simplifycfg,loop-mssa(licm),early-cse<memssa>,"
                  "loop(indvars),instcombine<no-verify-fixpoint>,simplifycfg),globaldce")) {
    error = llvm::toString(std::move(failed));
    return failure();
  }
  passes.run(ir, modules);

  if (kind == Emit::LLVMIR) {
    llvm::raw_string_ostream stream(output);
    ir.print(stream, nullptr);
    return success();
  }
  llvm::SmallVector<char> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager emit;
  auto file = kind == Emit::Object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  if (machine->addPassesToEmitFile(emit, stream, nullptr, file)) {
    error = "the back end cannot write this kind of file";
    return failure();
  }
  emit.run(ir);
  output.assign(bytes.begin(), bytes.end());
  return success();
}

static std::unique_ptr<llvm::Module> translate(ModuleOp module, const Target &target, llvm::LLVMContext &context,
                                               std::string &error) {
  auto machine = makeMachine(target, error);
  if (!machine)
    return nullptr;
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  auto ir = translateModuleToLLVMIR(module, context, "weft");
  if (!ir) {
    error = "the module does not translate to LLVM IR";
    return nullptr;
  }
  ir->setDataLayout(machine->createDataLayout());
  ir->setTargetTriple(machine->getTargetTriple());
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

LogicalResult emitText(ModuleOp module, const Target &target, Emit kind, std::string &output, std::string &error) {
  llvm::LLVMContext context;
  auto ir = translate(module, target, context, error);
  return ir ? compile(*ir, target, kind, output, error) : failure();
}

/// The function that a definition belongs to: its parallel body and its data follow a kernel; what is inlined, the
/// entry.
static llvm::StringRef ownerOf(const llvm::GlobalValue &value) {
  llvm::StringRef name = value.getName();
  name = name.starts_with("k_") ? name.take_until([n = 0](char c) mutable { return c == '_' && n++; }) : "weft_entry";
  const llvm::Function *owner = value.getParent()->getFunction(name);
  return owner && owner->hasFnAttribute(llvm::Attribute::AlwaysInline) ? "weft_entry" : name;
}

/// Which part each function goes to, and the function that a part is called by.
struct Deal {
  llvm::StringMap<unsigned> part;
  std::vector<std::string> symbols;
};

/// The entry's part first, then one for each kernel, the largest first, so that threads end together.
static Deal deal(const llvm::Module &ir) {
  llvm::StringMap<size_t> sizes;
  for (const llvm::Function &function : ir)
    if (!function.isDeclaration() && ownerOf(function) != "weft_entry")
      sizes[ownerOf(function)] += function.getInstructionCount();
  std::vector<std::pair<size_t, llvm::StringRef>> order;
  for (auto &item : sizes)
    order.push_back({item.second, item.first()});
  llvm::sort(order, [](auto &a, auto &b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  Deal deal{{{"weft_entry", 0}}, {"weft_entry"}};
  for (auto &[size, name] : order) {
    deal.part[name] = deal.symbols.size();
    deal.symbols.push_back(name.str());
  }
  return deal;
}

LogicalResult emitObjects(ModuleOp module, const Target &target, unsigned threads, SmallVectorImpl<Object> &objects,
                          std::string &error) {
  llvm::LLVMContext context;
  auto ir = translate(module, target, context, error);
  if (!ir)
    return failure();
  // A thread pays from about a thousand instructions on (some 30 ms of work).
  size_t instructions = 0;
  for (llvm::Function &function : *ir)
    instructions += function.getInstructionCount();
  threads = std::clamp<unsigned>(instructions / 1000, 1, std::max(1u, threads));
  Deal dealt = deal(*ir);
  unsigned parts = dealt.symbols.size();
  objects.resize(parts);
  for (unsigned i = 0; i < parts; ++i)
    objects[i].symbol = dealt.symbols[i];
  std::vector<std::string> errors(parts);
  std::vector<llvm::SmallVector<char>> bitcode(parts);
  for (unsigned i = 1; i < parts; ++i) {
    llvm::ValueToValueMapTy map;
    auto clone = llvm::CloneModule(
        *ir, map, [&](const llvm::GlobalValue *value) { return dealt.part.lookup(ownerOf(*value)) == i; });
    llvm::raw_svector_ostream stream(bitcode[i]);
    llvm::WriteBitcodeToFile(*clone, stream);
  }
  // What another part defines is only declared in this one.
  if (parts > 1)
    for (llvm::Function &function : *ir)
      if (!function.isDeclaration() && dealt.part.lookup(ownerOf(function)) != 0) {
        function.deleteBody();
        function.setVisibility(llvm::GlobalValue::HiddenVisibility);
      }
  std::atomic<unsigned> next{1};
  auto work = [&] {
    for (unsigned i; (i = next++) < parts;) {
      llvm::LLVMContext own;
      auto parsed = llvm::parseBitcodeFile(llvm::MemoryBufferRef({bitcode[i].data(), bitcode[i].size()}, "weft"), own);
      if (!parsed)
        errors[i] = llvm::toString(parsed.takeError());
      else if (failed(compile(**parsed, target, Emit::Object, objects[i].bytes, errors[i])) && errors[i].empty())
        errors[i] = "the back end failed";
    }
  };
  std::vector<std::thread> workers;
  for (unsigned i = 1; i < threads; ++i)
    workers.emplace_back(work);
  LogicalResult first = compile(*ir, target, Emit::Object, objects[0].bytes, errors[0]);
  work();
  for (std::thread &worker : workers)
    worker.join();
  for (const std::string &text : errors)
    if (!text.empty()) {
      error = text;
      return failure();
    }
  return first;
}

} // namespace weft
