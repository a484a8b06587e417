// Decides how a planned program becomes objects: each part goes through all later stages by itself, in one thread, so
// that threads meet only where the context makes types and attributes unique.
#include "Parts.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "weft/Kernels/KernelShape.h"
#include <atomic>
#include <thread>

using namespace mlir;

namespace weft {

/// How long a kernel takes to compile, next to others: a contraction's register tile is most of what there is to emit.
static size_t workOf(func::FuncOp kernel) {
  size_t work = 0;
  for (Operation &op : kernel.front())
    work += fusionKind(&op) == FusionKind::Contract ? 64 : 1;
  return work;
}

std::vector<Part> splitIntoParts(ModuleOp module) {
  std::vector<std::pair<size_t, func::FuncOp>> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("weft.kernel") && !function->hasAttr("weft.inline") && !function.isExternal())
      kernels.push_back({workOf(function), function});
  llvm::sort(kernels, [](auto &a, auto &b) {
    return a.first != b.first ? a.first > b.first : a.second.getName() < b.second.getName();
  });

  std::vector<Part> parts(1 + kernels.size());
  auto create = [&](Part &part, StringRef symbol) {
    part.symbol = symbol.str();
    part.module = ModuleOp::create(module.getLoc());
  };
  create(parts[0], "weft_entry");
  for (auto [part, item] : llvm::zip(llvm::drop_begin(parts), kernels)) {
    func::FuncOp kernel = item.second;
    create(part, kernel.getName());
    OpBuilder(kernel).insert(kernel.cloneWithoutRegions()); // a declaration: linked by name
    kernel->remove();
    part.module->push_back(kernel);
  }
  parts[0].module->getOperation()->setAttrs(module->getAttrDictionary());
  auto &rest = module.getBody()->getOperations();
  parts[0].module->getBody()->getOperations().splice(parts[0].module->getBody()->end(), rest);
  return parts;
}

std::string Part::stored() const { return scratch.lookup(symbol).text() + "\n" + object; }

LogicalResult Part::restore(StringRef stored) {
  auto [text, bytes] = stored.split('\n');
  auto known = Scratch::parse(text);
  if (!known)
    return failure();
  scratch[symbol] = *known;
  object = bytes.str();
  return success();
}

static LogicalResult compilePart(Part &part, const PipelineOptions &options, ObjectWriter &writer, std::string &error) {
  PassManager manager(part.module->getContext());
  manager.enableVerifier(false);
  manager.addInstrumentation(part.times.instrumentation());
  buildPipeline(manager, Stage::Planned, Stage::LLVM, options);
  if (failed(manager.run(*part.module))) {
    error = "the compiler failed between the stages planned and llvm";
    return failure();
  }
  for (auto function : part.module->getOps<FunctionOpInterface>())
    if (Attribute scratch = function->getAttr("weft.scratch"))
      part.scratch[function.getName()] = Scratch::fromAttr(scratch);
  LogicalResult result = writer.write(*part.module, part.effort, part.object, error, part.times);
  part.module = {};
  return result;
}

LogicalResult compileParts(std::vector<Part> &parts, const PipelineOptions &options, const Target &target,
                           unsigned threads, std::optional<Clock::time_point> deadline, std::string &error) {
  MLIRContext *context = parts[0].module->getContext();
  { // no thread loads a dialect
    PassManager manager(context);
    buildPipeline(manager, Stage::Planned, Stage::LLVM, options);
    DialectRegistry registry;
    manager.getDependentDialects(registry);
    context->appendDialectRegistry(registry);
    prepareTranslation(*context);
    for (StringRef name : registry.getDialectNames())
      context->getOrLoadDialect(name);
  }
  std::vector<std::string> errors(parts.size());
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  auto work = [&] {
    ObjectWriter writer(target);
    for (size_t i; !failed && (i = next++) < parts.size();) {
      parts[i].effort = deadline && Clock::now() >= *deadline ? Effort::Quick : Effort::Full;
      if (mlir::failed(compilePart(parts[i], options, writer, errors[i])))
        failed = true;
    }
  };
  threads = std::min<size_t>(threads, parts.size());
  if (threads > 1)
    context->enableMultithreading(); // for this long only: no thread outlives the call, so a process may fork after it
  std::vector<std::thread> workers;
  for (unsigned i = 1; i < threads; ++i)
    workers.emplace_back(work);
  work();
  for (std::thread &worker : workers)
    worker.join();
  if (threads > 1)
    context->disableMultithreading();
  for (std::string &text : errors)
    if (!text.empty())
      error = std::move(text);
  return failure(failed);
}

} // namespace weft
