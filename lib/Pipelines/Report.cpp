// Decides what explain() can say of a program: read off the IR at the stage `planned`, stored as JSON with the image.
#include "weft/Pipelines/Report.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "weft/Dialect/Weft/Linalg.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Kernels/Beside.h"
#include "weft/Kernels/KernelShape.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace weft {

SmallVector<std::string> linesOf(Location loc) {
  SmallVector<std::string> lines;
  auto add = [&](auto &&self, Location at) -> void {
    if (auto line = dyn_cast<FileLineColRange>(LocationAttr(at))) {
      std::string text = (line.getFilename().getValue() + ":" + Twine(line.getStartLine())).str();
      if (!llvm::is_contained(lines, text))
        lines.push_back(text);
    } else if (auto call = dyn_cast<CallSiteLoc>(LocationAttr(at))) {
      self(self, call.getCallee());
    } else if (auto name = dyn_cast<NameLoc>(LocationAttr(at))) {
      self(self, name.getChildLoc());
    } else if (auto fused = dyn_cast<FusedLoc>(LocationAttr(at))) {
      for (Location inner : fused.getLocations())
        self(self, inner);
    }
  };
  add(add, loc);
  return lines;
}

void Report::begin(StringRef name) {
  stage = name.str();
  start = std::chrono::steady_clock::now();
}

void Report::end() {
  double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  stages.push_back(llvm::json::Object{{"stage", stage}, {"ms", ms}});
}

void Report::compiled(StringRef symbol, const PassTimes &times, Effort effort) {
  passes.add(times);
  isQuick |= effort == Effort::Quick;
  for (llvm::json::Value &kernel : kernels)
    if (kernel.getAsObject()->getString("name") == symbol) {
      (*kernel.getAsObject())["compile_ms"] = times.total();
      ++freshKernels;
      return;
    }
  entryMs = times.total();
}

static std::string typeText(Type type) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto tensor = cast<RankedTensorType>(type);
  stream << tensor.getElementType() << "[";
  llvm::interleaveComma(shapeOf(tensor), stream, [&](const SizeExpr &size) { stream << size.str(); });
  stream << "]";
  return text;
}

static llvm::json::Array linesJson(Location loc) {
  llvm::json::Array lines;
  for (std::string &line : linesOf(loc))
    lines.push_back(std::move(line));
  return lines;
}

/// The lines of the op that makes a result of the launch.
static void linesOfResult(LaunchOp launch, func::FuncOp kernel, unsigned result, SmallVectorImpl<Location> &into) {
  Operation *op = kernel.getBody().front().getTerminator()->getOperand(result).getDefiningOp();
  auto lines = launch.getLines();
  if (op && lines)
    into.push_back(cast<LocationAttr>((*lines)[std::distance(kernel.getBody().front().begin(), op->getIterator())]));
}

/// The lines of the ops that read an operand of the launch.
static void linesOfReaders(LaunchOp launch, func::FuncOp kernel, unsigned operand, SmallVectorImpl<Location> &into) {
  auto lines = launch.getLines();
  for (auto [number, op] : llvm::enumerate(kernel.getBody().front().without_terminator()))
    if (lines && llvm::is_contained(op.getOperands(), kernel.getArgument(operand)))
      into.push_back(cast<LocationAttr>((*lines)[number]));
}

/// What stands between two launches, where fusion was refused: once per pair, with the lines of the values on the way.
void Report::readNotFused(ModuleOp module, ArrayRef<LaunchOp> order) {
  DenseMap<Operation *, int64_t> number;
  for (LaunchOp launch : order)
    number.try_emplace(launch, number.size());
  auto kernelOf = [&](LaunchOp launch) { return module.lookupSymbol<func::FuncOp>(launch.getCallee()); };
  for (LaunchOp reader : order) {
    auto codes = reader->getAttrOfType<ArrayAttr>("weft.not_fused");
    if (!codes)
      continue;
    llvm::MapVector<std::pair<Operation *, StringRef>, SmallVector<Location>> pairs;
    for (auto [i, code] : llvm::enumerate(codes.getAsValueRange<StringAttr>())) {
      Value value = reader.getOperand(i);
      while (auto copy = value.getDefiningOp<CopyOp>()) // the plan's
        value = copy.getX();
      auto producer = value.getDefiningOp<LaunchOp>();
      if (code.empty() || !producer)
        continue;
      SmallVector<Location> &lines = pairs[{producer, code}];
      linesOfResult(producer, kernelOf(producer), cast<OpResult>(value).getResultNumber(), lines);
      linesOfReaders(reader, kernelOf(reader), i, lines);
    }
    for (auto &[pair, lines] : pairs)
      notFused.push_back(llvm::json::Object{{"producer", number.lookup(pair.first)},
                                            {"consumer", number.lookup(reader)},
                                            {"code", pair.second},
                                            {"reason", textOfFusionCode(pair.second)},
                                            {"lines", linesJson(FusedLoc::get(module.getContext(), lines))}});
  }
}

/// The parts of each group of a block: its ops, in order.
static llvm::MapVector<int64_t, llvm::MapVector<int64_t, SmallVector<Operation *>>> groupsIn(Block &block) {
  llvm::MapVector<int64_t, llvm::MapVector<int64_t, SmallVector<Operation *>>> groups;
  for (Operation &op : block)
    if (auto mark = besideOf(&op))
      groups[mark->group][mark->part].push_back(&op);
  return groups;
}

/// How many parts run side by side where the op is; 0: it is in none.
static int64_t partsAround(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto mark = besideOf(op))
      return groupsIn(*op->getBlock())[mark->group].size();
  return 0;
}

void Report::readBesides(Block &block) {
  for (auto &[group, parts] : groupsIn(block)) {
    llvm::json::Array told;
    for (auto &[number, ops] : parts) {
      SmallVector<Location> places;
      int64_t ns = 0, shared = 0;
      for (Operation *op : ops)
        if (auto estimate = op->getAttrOfType<DenseI64ArrayAttr>("weft.beside_ns"); estimate && estimate.size() == 2) {
          places.push_back(op->getLoc());
          ns += estimate[0];
          shared += estimate[1];
        }
      told.push_back(llvm::json::Object{{"lines", linesJson(FusedLoc::get(block.getParentOp()->getContext(), places))},
                                        {"ns", ns},
                                        {"shared", shared}});
    }
    besides.push_back(llvm::json::Object{{"parts", std::move(told)}});
  }
}

/// A launch's symbols become those of the program through all calls; what depends on data stays a name of its own.
void Report::readLaunches(ModuleOp module, func::FuncOp function, const llvm::StringMap<SizeExpr> &bindings,
                          int64_t beside) {
  auto bind = [&](Operation *op, func::FuncOp callee) {
    llvm::StringMap<SizeExpr> inner;
    unify(callee.getArgumentTypes(), op->getOperandTypes(), inner);
    unify(callee.getResultTypes(), op->getResultTypes(), inner);
    for (auto &entry : inner)
      entry.second = entry.second.substitute([&](StringRef name) -> std::optional<SizeExpr> {
        auto it = bindings.find(name);
        return it == bindings.end() ? std::nullopt : std::optional<SizeExpr>(it->second);
      });
    return inner;
  };
  auto isNew = [&](func::FuncOp callee, const llvm::StringMap<SizeExpr> &inner, int64_t parts) {
    std::set<std::string> texts{std::to_string(parts)};
    for (auto &entry : inner)
      texts.insert((entry.first() + "=" + entry.second.str()).str());
    return readAlready.insert(callee.getName().str() + "|" + llvm::join(texts, ",")).second;
  };
  function.walk([&](Operation *op) {
    auto launch = dyn_cast<LaunchOp>(op);
    auto call = dyn_cast<CallOp>(op);
    if (!launch && !call)
      return;
    auto callee = module.lookupSymbol<func::FuncOp>(launch ? launch.getCallee() : call.getCallee());
    auto inner = bind(op, callee);
    int64_t parts = beside ? beside : partsAround(op);
    if (!isNew(callee, inner, parts))
      return;
    if (launch)
      usesOf[callee.getName()].push_back({std::move(inner), parts});
    else
      readLaunches(module, callee, inner, parts);
  });
}

void Report::readScratch(const llvm::StringMap<Scratch> &uses) {
  for (auto &use : uses)
    for (auto &[bindings, beside] : usesOf.lookup(use.first())) {
      bool isKnown = true; // when the program is called
      auto here = [&known = bindings](const SizeExpr &size) {
        return size.substitute([&](StringRef name) -> std::optional<SizeExpr> {
          auto it = known.find(name);
          return it == known.end() ? std::nullopt : std::optional<SizeExpr>(it->second);
        });
      };
      Scratch bound = {here(use.second.own), here(use.second.body), use.second.threads};
      for (const SizeExpr *size : {&bound.own, &bound.body})
        for (const std::string &name : size->symbols())
          isKnown &= programSymbols.count(name) > 0;
      if (isKnown && !bound.empty())
        scratch.insert({bound.text(), beside});
    }
}

static bool isInLoop(Operation *op) {
  while (op && !isa<ForOp, WhileOp>(op))
    op = op->getParentOp();
  return op;
}

void Report::readPlan(ModuleOp module) {
  if (auto told = module->getAttrOfType<ArrayAttr>("weft.maps"))
    for (auto choice : told.getAsRange<DictionaryAttr>())
      maps.push_back(llvm::json::Object{{"form", choice.getAs<StringAttr>("form").str()},
                                        {"reason", choice.getAs<StringAttr>("reason").str()},
                                        {"lines", linesJson(choice.getAs<LocationAttr>("place"))}});
  module->removeAttr("weft.maps");
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr("weft.kernel")) {
      if (function.getName() == "main") {
        for (Type type : function.getResultTypes())
          results.push_back(bytesOf(type).str());
        for (Type type : function.getArgumentTypes())
          for (const SizeExpr &size : shapeOf(type))
            for (const std::string &name : size.symbols())
              programSymbols.insert(name);
        readLaunches(module, function, {}, 0);
        if (auto size = function->getAttrOfType<SizeAttr>("weft.arena"))
          arena = size.getSize().str();
        if (auto pairs = function->getAttrOfType<DenseI64ArrayAttr>("weft.donations"))
          for (int64_t number : pairs.asArrayRef())
            donations.push_back(number);
        if (auto size = function->getAttrOfType<SizeAttr>("weft.kept"))
          kept = size.getSize().str();
        for (auto launch : function.getOps<LaunchOp>())
          for (Value operand : launch.getOperands())
            if (auto argument = dyn_cast<BlockArgument>(operand); argument && launch->hasAttr("weft.kept"))
              if (!llvm::is_contained(keptFrom, int64_t(argument.getArgNumber())))
                keptFrom.push_back(argument.getArgNumber());
      }
      continue;
    }
    llvm::json::Array ops, inputs, outputs;
    for (Operation &op : function.front().without_terminator())
      ops.push_back(op.getName().stripDialect().str());
    for (Type type : function.getArgumentTypes())
      inputs.push_back(typeText(type));
    for (Type type : function.getResultTypes())
      outputs.push_back(typeText(type));
    kernels.push_back(llvm::json::Object{{"name", function.getName().str()},
                                         {"ops", std::move(ops)},
                                         {"inlined", function->hasAttr("weft.inline")},
                                         {"compile_ms", 0.0},
                                         {"inputs", std::move(inputs)},
                                         {"outputs", std::move(outputs)}});
  }
  SmallVector<LaunchOp> order;
  auto bytes = [](TypeRange types) {
    llvm::json::Array list;
    for (Type type : types)
      list.push_back(bytesOf(type).str());
    return list;
  };
  auto describe = [&](Operation *op, StringRef key, StringRef what) {
    return llvm::json::Object{{key, what.str()},
                              {"lines", linesJson(op->getLoc())},
                              {"in_loop", isInLoop(op)},
                              {"read_bytes", bytes(op->getOperandTypes())},
                              {"written_bytes", bytes(op->getResultTypes())}};
  };
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      order.push_back(launch);
      llvm::json::Object told = describe(op, "kernel", launch.getCallee());
      told["kept"] = launch->hasAttr("weft.kept");
      launches.push_back(std::move(told));
    } else if (isa<LibraryOpInterface>(op)) {
      calls.push_back(describe(op, "op", op->getName().stripDialect()));
    } else if (auto sized = dyn_cast<SizedOp>(op)) {
      auto bound = sized.getBound();
      auto asked = op->getAttrOfType<SizeAttr>("weft.bytes");
      sizes.push_back(llvm::json::Object{{"symbol", sized.getSymbol().str()},
                                         {"bound", bound ? bound->getSize().str() : ""},
                                         {"bytes", asked ? asked.getSize().str() : "0"},
                                         {"lines", linesJson(op->getLoc())}});
    }
  });
  module.walk<WalkOrder::PreOrder>([&](Block *block) { readBesides(*block); });
  readNotFused(module, order);
  module.walk([&](CopyOp copy) {
    copies.push_back(llvm::json::Object{{"reason", copy.getReason().str()},
                                        {"lines", linesJson(copy.getLoc())},
                                        {"bytes", bytesOf(copy.getType()).str()}});
  });
}

std::string Report::json() const {
  llvm::json::Array passTimes;
  for (auto &[pass, ms] : passes.entries())
    passTimes.push_back(llvm::json::Object{{"pass", pass}, {"ms", ms}});
  llvm::json::Array scratchUses;
  for (auto &[text, beside] : scratch) {
    Scratch use = *Scratch::parse(text);
    scratchUses.push_back(llvm::json::Object{
        {"own", use.own.str()}, {"body", use.body.str()}, {"threads", use.threads}, {"beside", beside}});
  }
  llvm::json::Object root{{"kernels", llvm::json::Value(llvm::json::Array(kernels))},
                          {"launches", llvm::json::Value(llvm::json::Array(launches))},
                          {"calls", llvm::json::Value(llvm::json::Array(calls))},
                          {"not_fused", llvm::json::Value(llvm::json::Array(notFused))},
                          {"copies", llvm::json::Value(llvm::json::Array(copies))},
                          {"sizes", llvm::json::Value(llvm::json::Array(sizes))},
                          {"maps", llvm::json::Value(llvm::json::Array(maps))},
                          {"beside", llvm::json::Value(llvm::json::Array(besides))},
                          {"result_bytes", llvm::json::Value(llvm::json::Array(results))},
                          {"arena_bytes", arena},
                          {"scratch", std::move(scratchUses)},
                          {"kept_bytes", kept},
                          {"kept_from", llvm::json::Value(llvm::json::Array(keptFrom))},
                          {"tier", isQuick ? "quick" : "full"},
                          {"fresh_kernels", freshKernels},
                          {"stored_kernels", storedKernels},
                          {"donations", llvm::json::Value(llvm::json::Array(donations))},
                          {"stages", llvm::json::Value(llvm::json::Array(stages))},
                          {"passes", llvm::json::Value(std::move(passTimes))},
                          {"entry_ms", entryMs}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(root));
  return text;
}

} // namespace weft
