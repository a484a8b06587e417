// Decides how a planned program becomes objects: each part goes through all later stages by itself, in one thread, so
// that threads meet only where the context makes types and attributes unique. LLVM, which takes most of the time, gets
// the functions of a long part in shares, where parts are few.
#include "Parts.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "weft/Kernels/KernelShape.h"
#include <condition_variable>
#include <mutex>
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

// A line for the scratch, one for each object, then the objects.
std::string Part::stored() const {
  std::string text = scratch.lookup(symbol).text() + "\n" + std::to_string(objects.size()) + "\n";
  for (const Object &object : objects)
    text += object.symbol + " " + std::to_string(object.code.size()) + "\n";
  for (const Object &object : objects)
    text += object.code;
  return text;
}

LogicalResult Part::restore(StringRef stored) {
  auto line = [&] {
    auto [text, rest] = stored.split('\n');
    stored = rest;
    return text;
  };
  auto known = Scratch::parse(line());
  size_t count, size;
  if (!known || line().getAsInteger(10, count) || count > stored.size())
    return failure();
  std::vector<size_t> sizes;
  for (size_t i = 0; i < count; ++i) {
    auto [name, digits] = line().split(' ');
    if (digits.getAsInteger(10, size))
      return failure();
    objects.push_back({name.str(), {}});
    sizes.push_back(size);
  }
  for (auto [object, size] : llvm::zip(objects, sizes)) {
    if (size > stored.size())
      return failure();
    object.code = stored.take_front(size).str();
    stored = stored.drop_front(size);
  }
  scratch[symbol] = *known;
  return success();
}

/// A function of this module that another one calls.
static LLVM::LLVMFuncOp calledIn(ModuleOp module) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal() && function.getLinkage() == LLVM::Linkage::External)
      return function;
  return {};
}

/// Shares the functions of long code out among modules, of which the given one is the first: two, as each object costs
/// 2 ms more than its code, or more of very long code. The longest functions first, each to the shortest module; what
/// they name is declared there. The one that others call stays, and so does what reads data. By the code alone, so that
/// objects are the same whatever the number of threads.
static std::vector<OwningOpRef<ModuleOp>> splitFunctions(ModuleOp module, StringRef called) {
  constexpr size_t longCode = 700, each = 1500; // ops
  struct Sized {
    LLVM::LLVMFuncOp function;
    size_t length = 0;
    llvm::SmallSetVector<LLVM::LLVMFuncOp, 8> named; // null: data
    bool stays = false;
  };
  std::vector<Sized> functions;
  size_t total = 0, most = 1;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    functions.push_back({function, 0, {}});
    function.walk([&](Operation *) { ++functions.back().length; });
    total += functions.back().length;
  }
  std::vector<OwningOpRef<ModuleOp>> made;
  if (total < longCode)
    return made;
  for (Sized &sized : functions) {
    LLVM::LLVMFuncOp function = sized.function;
    if (auto uses = SymbolTable::getSymbolUses(&function.getBody()))
      for (const SymbolTable::SymbolUse &use : *uses)
        sized.named.insert(module.lookupSymbol<LLVM::LLVMFuncOp>(use.getSymbolRef().getRootReference()));
    sized.stays = function.isExternal() || function.getName() == called || sized.named.contains({});
    most += !sized.stays;
  }
  std::vector<std::pair<size_t, ModuleOp>> modules{{0, module}};
  while (modules.size() < std::min(most, std::max<size_t>(2, total / each))) {
    made.push_back(ModuleOp::create(module.getLoc()));
    made.back().get()->setAttrs(module->getAttrDictionary());
    modules.push_back({0, made.back().get()});
  }
  auto rank = [](Sized &sized) {
    return std::make_tuple(!sized.stays, -int64_t(sized.length), sized.function.getName());
  };
  llvm::sort(functions, [&](Sized &a, Sized &b) { return rank(a) < rank(b); });
  for (Sized &sized : functions) {
    auto shortest = llvm::min_element(modules, [](auto &a, auto &b) { return a.first < b.first; });
    auto &[length, where] = sized.stays ? modules.front() : *shortest;
    length += sized.length;
    if (where != module) {
      sized.function->remove();
      where.push_back(sized.function);
    }
  }
  for (Sized &sized : functions) {
    auto home = cast<ModuleOp>(sized.function->getParentOp());
    for (LLVM::LLVMFuncOp named : sized.named)
      if (named && named->getParentOp() != home && !home.lookupSymbol(named.getName())) {
        named.setLinkage(LLVM::Linkage::External);
        home.push_back(named->cloneWithoutRegions());
      }
  }
  llvm::erase_if(made, [](auto &own) { return !calledIn(*own); });
  return made;
}

namespace {
/// All that is to be done: parts, in their order, and before them the functions that parts have set free.
class Work {
public:
  Work(std::vector<Part> &parts, const PipelineOptions &options, const Target &target,
       std::optional<Clock::time_point> deadline)
      : parts(parts), options(options), target(target), deadline(deadline) {}

  /// Takes one thing after another, as long as any may come.
  void run() {
    ObjectWriter writer(target);
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return !pieces.empty() || next < parts.size() || !lowering || !error.empty(); });
      if (!error.empty() || (pieces.empty() && next == parts.size()))
        return;
      if (pieces.empty()) {
        Part &part = parts[next++];
        ++lowering;
        lock.unlock();
        std::vector<Piece> found = lower(part);
        lock.lock();
        --lowering;
        llvm::move(found, std::back_inserter(pieces));
        changed.notify_all();
        continue; // which begins with the longest of its own
      }
      Piece piece = std::move(pieces.back());
      pieces.pop_back();
      lock.unlock();
      std::string wrong;
      PassTimes times;
      LogicalResult result = writer.write(*piece.module, piece.part->effort, piece.object->code, wrong, times);
      piece.module = {};
      lock.lock();
      piece.part->times.add(times);
      if (failed(result))
        fail(wrong);
    }
  }

  std::string error;

private:
  struct Piece {
    Part *part;
    Object *object;
    OwningOpRef<ModuleOp> module;
  };

  std::vector<Part> &parts;
  const PipelineOptions &options;
  const Target &target;
  std::optional<Clock::time_point> deadline;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Piece> pieces;
  size_t next = 0, lowering = 0;

  void fail(const std::string &why) {
    error = why;
    changed.notify_all();
  }

  /// Through the later stages; the longest piece last.
  std::vector<Piece> lower(Part &part) {
    part.effort = deadline && Clock::now() >= *deadline ? Effort::Quick : Effort::Full;
    PassManager manager(part.module->getContext());
    manager.enableVerifier(false);
    manager.addInstrumentation(part.times.instrumentation());
    buildPipeline(manager, Stage::Planned, Stage::LLVM, options);
    if (failed(manager.run(*part.module))) {
      std::lock_guard<std::mutex> lock(mutex);
      fail("the compiler failed between the stages planned and llvm");
      return {};
    }
    for (auto function : part.module->getOps<FunctionOpInterface>())
      if (Attribute scratch = function->getAttr("weft.scratch"))
        part.scratch[function.getName()] = Scratch::fromAttr(scratch);
    // Of the entry some are inlined. Where kernels are many, they are compiled side by side as they are: each object
    // takes 2 ms more than its code.
    std::vector<OwningOpRef<ModuleOp>> modules;
    if (&part != &parts.front() && parts.size() <= 8)
      modules = splitFunctions(*part.module, part.symbol);
    part.objects.resize(1 + modules.size());
    part.objects[0].symbol = part.symbol;
    std::vector<Piece> found;
    for (auto [object, module] : llvm::zip(llvm::drop_begin(part.objects), modules)) {
      object.symbol = calledIn(*module).getName().str();
      found.push_back({&part, &object, std::move(module)});
    }
    found.push_back({&part, &part.objects[0], std::move(part.module)});
    return found;
  }
};
} // namespace

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
  Work work(parts, options, target, deadline);
  threads = std::min<size_t>(threads, 2 * parts.size() - 1);
  if (threads > 1)
    context->enableMultithreading(); // for this long only: no thread outlives the call, so a process may fork after it
  std::vector<std::thread> workers;
  for (unsigned i = 1; i < threads; ++i)
    workers.emplace_back([&] { work.run(); });
  work.run();
  for (std::thread &worker : workers)
    worker.join();
  if (threads > 1)
    context->disableMultithreading();
  error = std::move(work.error);
  return success(error.empty());
}

} // namespace weft
