// Decides how a module becomes an image: the stages, the object, the container, and the report that explain() reads.
#include "weft/Pipelines/Compile.h"
#include "Parts.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "weft/Dialect/Weft/ElementTypes.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Kernels/ContentHash.h"
#include "weft/Pipelines/Pipelines.h"
#include "weft/Pipelines/Report.h"
#include "weft/Runtime/Image.h"
#include "weft/Target/Object.h"
#include "llvm/ADT/StringExtras.h"
#include <sched.h>

using namespace mlir;

namespace weft {

static PipelineOptions pipelineOptions(const CompileOptions &options) {
  PipelineOptions pipeline;
  pipeline.target = options.target;
  pipeline.strict = options.numerics == Numerics::Strict;
  pipeline.debugLines = options.debugLines;
  pipeline.keepBytes = options.keepBytes;
  return pipeline;
}

static LogicalResult run(ModuleOp module, Stage from, Stage to, const CompileOptions &options, std::string &error,
                         PassTimes &times) {
  PassManager manager(module.getContext());
  manager.enableVerifier(false); // tests check contracts and verify; a release pays for neither
  manager.addInstrumentation(times.instrumentation());
  buildPipeline(manager, from, to, pipelineOptions(options));
  if (succeeded(manager.run(module)))
    return success();
  if (error.empty())
    error = ("the compiler failed between the stages " + stringify(from) + " and " + stringify(to)).str();
  return failure();
}

LogicalResult runStages(ModuleOp module, StringRef from, StringRef to, const CompileOptions &options,
                        std::string &error) {
  auto first = parseStage(from), last = parseStage(to);
  if (!first || !last || *first > *last) {
    error = ("[WF1504] no way from stage '" + from + "' to '" + to + "'; the stages are " + stageNames()).str();
    return failure();
  }
  PassTimes times;
  return run(module, *first, *last, options, error, times);
}

/// The signature of @main, in the image's terms.
struct Signature {
  SmallVector<SmallVector<int64_t>> dims;
  SmallVector<WeftValueType> args, results;

  LogicalResult read(func::FuncOp main, std::string &error) {
    auto add = [&](Type type, SmallVectorImpl<WeftValueType> &into) -> LogicalResult {
      auto tensor = dyn_cast<RankedTensorType>(type);
      int32_t dtype = tensor ? dtypeOf(tensor.getElementType()) : 0;
      if (!dtype) {
        llvm::raw_string_ostream(error) << "[WF1022] a program cannot take or give " << type;
        return failure();
      }
      dims.emplace_back();
      for (int64_t size : tensor.getShape())
        dims.back().push_back(ShapedType::isDynamic(size) ? -1 : size);
      into.push_back({dtype, int32_t(tensor.getRank()), nullptr});
      return success();
    };
    for (Type type : main.getArgumentTypes())
      if (failed(add(type, args)))
        return failure();
    for (Type type : main.getResultTypes())
      if (failed(add(type, results)))
        return failure();
    size_t i = 0;
    for (auto *list : {&args, &results})
      for (WeftValueType &value : *list)
        value.dims = dims[i++].data();
    return success();
  }
};

/// Cores that this process may use.
static unsigned compilerThreads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

/// What everything that is made for a target depends on.
static std::string describe(const Target &target, const CompileOptions &options) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << target.triple << ' ' << target.cpu << ' ' << llvm::join(target.features, ",") << ' ' << target.vectorBytes
         << ' ' << target.vectorRegisters << ' ' << target.repeatRegisters << ' ' << target.cheapMaskedStore << ' '
         << target.scales << ' ' << int(target.lookup) << ' ' << target.streams << ' ' << target.l1Bytes << ' '
         << target.l2Bytes << ' ' << target.l3Bytes << ' ' << target.farLastCache << ' ' << target.soonSteps << ' '
         << target.widensPanels << ' ' << target.flopsPerNs << ' ' << target.bytesPerNs << ' ' << int(options.numerics)
         << ' ' << options.threads;
  return text;
}

/// The kernels of a module that a store may hold, with their keys: none where a name is not that of the content alone
/// (each op with its own lines, or two contents with one hash), since objects find each other by name.
static llvm::StringMap<std::string> keysOfKernels(ModuleOp module, StringRef surroundings) {
  llvm::StringMap<std::string> keys;
  for (auto kernel : module.getOps<func::FuncOp>()) {
    if (!kernel->hasAttr("weft.kernel") || kernel->hasAttr("weft.inline")) // that one becomes a part of the entry
      continue;
    if (kernel.getName().count('_') != 1)
      return {};
    keys[kernel.getName()] = contentHash(kernel, surroundings);
  }
  return keys;
}

LogicalResult compileModule(ModuleOp module, const CompileOptions &options, std::string &image, std::string &report,
                            std::string &error, const ObjectStore *store) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || main.isExternal()) {
    error = "[WF2020] a program needs a function named @main";
    return failure();
  }
  std::optional<Clock::time_point> deadline;
  if (options.budget)
    deadline = Clock::now() + std::chrono::microseconds(int64_t(std::min(*options.budget, 1e9) * 1e3));
  std::optional<Stage> given = parseStage(options.stage);
  if (!given || *given > Stage::Planned) {
    error = "[WF1504] a module is compiled from a stage up to planned, not from '" + options.stage + "'";
    return failure();
  }
  Signature signature;
  if (failed(signature.read(main, error)))
    return failure();
  Target target = targetByName(options.target);
  if (target.triple.empty()) {
    error = "[WF4110] no target named " + options.target;
    return failure();
  }
  Report explain;
  llvm::StringMap<std::string> keys;
  std::vector<Part> found;
  Stage stage = *given;
  for (Stage next : {Stage::Resolved, Stage::Optimized, Stage::Kernels, Stage::Planned}) {
    if (next <= stage)
      continue;
    explain.begin(stringify(next));
    if (failed(run(module, stage, next, options, error, explain.passTimes())))
      return failure();
    explain.end();
    stage = next;
  }
  explain.readPlan(module);
  if (store && !options.debugLines) {
    keys = keysOfKernels(module, describe(target, options));
    for (auto kernel : module.getOps<func::FuncOp>()) {
      auto key = keys.find(kernel.getName());
      Part part;
      part.symbol = kernel.getName().str();
      std::string stored;
      if (key == keys.end() || !store->find(key->second, stored) || failed(part.restore(stored)))
        continue;
      found.push_back(std::move(part));
      kernel.eraseBody(); // a declaration: linked by name
      kernel.setPrivate();
    }
  }
  explain.begin("native");
  std::vector<Part> parts = splitIntoParts(module);
  if (failed(compileParts(parts, pipelineOptions(options), target, compilerThreads(), deadline, error)))
    return failure();
  explain.end();
  for (const Part &part : parts) {
    explain.compiled(part.symbol, part.times, part.effort);
    if (auto key = keys.find(part.symbol); key != keys.end() && part.effort == Effort::Full)
      store->keep(key->second, part.stored());
  }
  explain.stored(found.size());
  for (const Part &part : llvm::concat<const Part>(parts, found))
    explain.readScratch(part.scratch);
  report = explain.json();

  WeftImageSpec spec = {};
  bool isArm = llvm::StringRef(target.triple).starts_with("aarch64");
  spec.machine = isArm ? WEFT_MACHINE_AARCH64 : WEFT_MACHINE_X86_64;
  std::vector<std::string> needed = target.requiredFeatures();
  SmallVector<const char *> features;
  for (const std::string &name : needed)
    features.push_back(name.c_str());
  spec.features = features.data();
  spec.num_features = features.size();
  spec.args = signature.args.data();
  spec.num_args = signature.args.size();
  spec.results = signature.results.data();
  spec.num_results = signature.results.size();
  SmallVector<WeftImageObject> objects;
  for (const Part &part : llvm::concat<const Part>(parts, found))
    for (const Object &object : part.objects)
      objects.push_back({object.symbol.c_str(), object.code.data(), object.code.size()});
  spec.objects = objects.data();
  spec.num_objects = objects.size();
  spec.metadata = report.data();
  spec.metadata_size = report.size();
  void *bytes = nullptr;
  size_t size = 0;
  WeftError failureText = {};
  if (weft_image_write(&spec, &bytes, &size, &failureText) != 0) {
    error = failureText.message;
    return failure();
  }
  image.assign(static_cast<char *>(bytes), size);
  weft_image_free(bytes);
  return success();
}

LogicalResult compileToText(ModuleOp module, const CompileOptions &options, StringRef kind, std::string &text,
                            std::string &error) {
  Target target = targetByName(options.target);
  if (target.triple.empty()) {
    error = "[WF4110] no target named " + options.target;
    return failure();
  }
  PassTimes times;
  if (failed(run(module, Stage::Traced, Stage::LLVM, options, error, times)))
    return failure();
  return emitText(module, target, kind == "asm" ? Emit::Assembly : Emit::LLVMIR, text, error);
}

} // namespace weft
