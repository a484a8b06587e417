// Decides the order of passes, each with its reason, and how a command line names a stretch of it.
#include "weft/Pipelines/Pipelines.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "weft/Codegen/Passes.h"
#include "weft/Conversion/Passes.h"
#include "weft/Kernels/Passes.h"
#include "weft/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace weft {

static constexpr StringLiteral names[] = {"traced", "resolved",  "optimized",  "kernels", "planned",
                                          "linalg", "scheduled", "bufferized", "llvm"};

StringRef stringify(Stage stage) { return names[size_t(stage)]; }

std::optional<Stage> parseStage(StringRef name) {
  const auto *it = llvm::find(names, name);
  return it == std::end(names) ? std::nullopt : std::optional<Stage>(Stage(it - std::begin(names)));
}

std::string stageNames() { return llvm::join(ArrayRef(names), ", "); }

/// The passes that lead to a stage from the one before it.
static void addStep(OpPassManager &pm, Stage to, const PipelineOptions &options) {
  switch (to) {
  case Stage::Traced: // the start: nothing leads here
    break;
  case Stage::Resolved:
    // Before derivatives, which know composites by name.
    pm.addPass(createRaise({/*forDerivatives=*/true}));
    // Derivatives and batches become ordinary functions before anything looks at them.
    pm.addPass(createResolveRequests());
    // Functions that only a request named are no longer needed.
    pm.addPass(createSymbolDCEPass());
    break;
  case Stage::Optimized: {
    // Bodies before rules, so that rules see across calls; a function called often stays one.
    pm.addPass(createInline());
    // Nothing below knows a composite; first, so that what follows sees what it costs and simplifies it.
    pm.addPass(createDecompose());
    // Before simplification, which then works on what maps became; after inlining, since calls keep lanes apart.
    LowerMapOptions maps;
    maps.strict = options.strict;
    pm.addPass(createLowerMap(maps));
    // On code as it was traced, where steps are alike; after derivatives, so that their sums keep their order.
    pm.addPass(createReroll());
    // Before simplification, which then works on the loops and on what left them.
    pm.addPass(createHoist());
    SimplifyOptions simplify;
    simplify.derivativesTaken = true; // all requests are resolved
    pm.addPass(createSimplify(simplify));
    // When nothing else changes what is elementwise; before kernels, which end where dimensions are permuted.
    pm.addPass(createCancelTransposes());
    break;
  }
  case Stage::Kernels:
    // Equal ops are merged by now, so what is computed again stays apart from what was computed before.
    pm.addPass(createFlattenRecompute());
    // On functions of their own: kernels never cross a call, so functions go in parallel.
    pm.addNestedPass<func::FuncOp>(createFormKernels());
    // Only now, when all kernels of the program are known: equal ones of different functions share too.
    pm.addPass(createShareKernels({options.debugLines}));
    // When it is known how often each is launched; before memory is planned, which keeps what they touch in registers.
    pm.addPass(createInlineKernels());
    break;
  case Stage::Planned: {
    // When launches are known, before memory is planned: what is packed once has a place of its own.
    AssignLayoutOptions layout;
    layout.target = options.target;
    layout.keepLines = options.debugLines;
    layout.keepBytes = options.keepBytes;
    pm.addPass(createAssignLayout(layout));
    // When all launches are there; before memory is planned, which keeps apart what is alive at once.
    pm.addPass(createRunBeside({options.target}));
    // On tensors, over the whole program: no later stage allocates.
    pm.addPass(createPlanMemory());
    break;
  }
  case Stage::Linalg:
    // After planning, which reads named sizes: the names end here.
    pm.addPass(createWeftToLinalg());
    break;
  case Stage::Scheduled: {
    // Numbers before loops, so that they can be printed, changed by hand, and cached.
    ScheduleKernelsOptions schedule;
    schedule.target = options.target;
    pm.addPass(createScheduleKernels(schedule));
    break;
  }
  case Stage::Bufferized: {
    EmitKernelsOptions emit;
    emit.target = options.target;
    pm.addPass(createEmitKernels(emit));
    // After the kernels, whose final signatures the entry calls.
    pm.addPass(createLowerEntry());
    break;
  }
  case Stage::LLVM:
    pm.addPass(createLowerToLLVM());
    if (options.debugLines) {
      // Last, when no pass merges locations any more.
      pm.addPass(createDebugLines());
      pm.addPass(LLVM::createDIScopeForLLVMFuncOpPass());
    }
    break;
  }
}

void buildPipeline(OpPassManager &pm, Stage from, Stage to, const PipelineOptions &options) {
  auto check = [&](Stage stage) {
    if (options.checkContracts)
      pm.addPass(createCheckContract({stringify(stage).str(), options.checkLocations}));
  };
  // What a pass leaves is checked where it is made, so that the first broken stage is the one named.
  // A text written by hand may leave names of sizes out; a traced program never does.
  if (from == Stage::Traced)
    pm.addPass(createNameDims());
  check(from);
  for (int stage = int(from) + 1; stage <= int(to); ++stage) {
    addStep(pm, Stage(stage), options);
    check(Stage(stage));
  }
}

//===-- command line ---------------------------------------------------------------------------------------------===//

/// Reads `traced..kernels`, or `from=traced to=kernels`, with `target=`, `debug-lines`, `check`, `check-locations`
/// after it.
static LogicalResult parsePipeline(OpPassManager &pm, StringRef text,
                                   function_ref<LogicalResult(const Twine &)> error) {
  Stage from = Stage::Traced, to = Stage::LLVM;
  PipelineOptions options;
  auto stage = [&](StringRef name, Stage &into) {
    auto parsed = parseStage(name);
    into = parsed.value_or(into);
    return parsed ? success() : error("[WF1504] no stage named '" + name + "'; the stages are " + stageNames());
  };
  SmallVector<StringRef> words;
  text.split(words, ' ', -1, /*KeepEmpty=*/false);
  for (StringRef word : words) {
    auto [key, value] = word.split('=');
    LogicalResult result = success();
    if (word.contains("..")) {
      auto [first, last] = word.split("..");
      result = success(succeeded(stage(first, from)) && succeeded(stage(last, to)));
    } else if (key == "from") {
      result = stage(value, from);
    } else if (key == "to") {
      result = stage(value, to);
    } else if (key == "target" && !value.empty()) {
      options.target = value.str();
    } else if (word == "debug-lines") {
      options.debugLines = true;
    } else if (word == "check" || word == "check-locations") {
      options.checkContracts = true;
      options.checkLocations |= word == "check-locations";
    } else {
      result = error("[WF1504] expected <stage>..<stage>, got '" + word + "'");
    }
    if (failed(result))
      return failure();
  }
  if (from > to)
    return error("[WF1504] the stage '" + stringify(to) + "' comes before '" + stringify(from) + "'");
  buildPipeline(pm, from, to, options);
  return success();
}

/// Reads `kernels`, or the pass's own `stage=kernels locations=true`.
static LogicalResult parseCheck(OpPassManager &pm, StringRef text, function_ref<LogicalResult(const Twine &)> error) {
  CheckContractOptions options;
  SmallVector<StringRef> words;
  text.split(words, ' ', -1, /*KeepEmpty=*/false);
  for (StringRef word : words) {
    auto [key, value] = word.split('=');
    if (word == "locations" || key == "locations")
      options.locations = value != "false";
    else
      options.stage = key == "stage" ? value.str() : word.str();
  }
  if (!parseStage(options.stage))
    return error("[WF1504] no stage named '" + options.stage + "'; the stages are " + stageNames());
  pm.addPass(createCheckContract(options));
  return success();
}

void registerPipelines() {
  auto noOptions = [](function_ref<void(const mlir::detail::PassOptions &)>) {};
  registerPassPipeline(
      "weft-pipeline",
      "Runs from one stage to another: <from>..<to> [check] [check-locations] [debug-lines] [target=...]",
      parsePipeline, noOptions);
  registerPassPipeline("weft-check-contract", "Checks the contract of a stage: <stage> [locations]", parseCheck,
                       noOptions);
}

} // namespace weft
