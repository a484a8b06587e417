// Decides how passes, the compiler and the reference are run over the C API.
#include "Support.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "weft/Pipelines/Compile.h"
#include "weft/Pipelines/Report.h"
#include "weft/Reference/Interpreter.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif

using namespace mlir;
using namespace weft::capi;

bool weftRunPasses(MlirModule module, MlirStringRef pipeline, WeftBytes *error) {
  ModuleOp op = unwrap(module);
  Diagnostics diagnostics(op.getContext());
  PassManager manager(op.getContext());
  llvm::raw_string_ostream stream(diagnostics.text);
  StringRef text = unwrap(pipeline);
  // As MLIR writes it, `builtin.module(...)`, or only what stands inside.
  if (text.consume_front("builtin.module("))
    text.consume_back(")");
  if (failed(parsePassPipeline(text, manager, stream))) {
    diagnostics.into(error, "malformed pipeline");
    return false;
  }
  if (succeeded(manager.run(op)))
    return true;
  diagnostics.into(error, "a pass failed");
  return false;
}

static LogicalResult parseOptions(StringRef text, weft::CompileOptions &options, WeftBytes *error) {
  SmallVector<StringRef> lines;
  text.split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    auto [key, value] = line.split('=');
    bool good = true;
    if (key == "numerics") {
      good = value == "strict" || value == "default" || value == "fast";
      options.numerics = value == "strict" ? weft::Numerics::Strict
                         : value == "fast" ? weft::Numerics::Fast
                                           : weft::Numerics::Default;
    } else if (key == "threads") {
      good = !value.getAsInteger(10, options.threads) && options.threads >= 0;
    } else if (key == "target") {
      options.target = value.str();
    } else if (key == "budget") {
      good = !value.getAsDouble(options.budget.emplace()) && *options.budget >= 0;
    } else if (key == "keep_bytes") {
      good = !value.getAsInteger(10, options.keepBytes) && options.keepBytes >= 0;
    } else if (key == "stage") {
      options.stage = value.str();
    } else if (key == "debug") {
      good = value == "lines";
      options.debugLines = good;
    } else {
      good = false;
    }
    if (!good) {
      fill(error, ("bad option " + line).str());
      return failure();
    }
  }
  return success();
}

bool weftPipeline(MlirModule module, MlirStringRef from, MlirStringRef to, MlirStringRef text, WeftBytes *error) {
  weft::CompileOptions options;
  if (failed(parseOptions(unwrap(text), options, error)))
    return false;
  Diagnostics diagnostics(unwrap(module).getContext());
  std::string message;
  if (succeeded(weft::runStages(unwrap(module), unwrap(from), unwrap(to), options, message)))
    return true;
  diagnostics.into(error, message);
  return false;
}

bool weftCompile(MlirModule module, MlirStringRef text, const WeftObjectStore *given, WeftBytes *image,
                 WeftBytes *report, WeftBytes *error) {
  weft::CompileOptions options;
  if (failed(parseOptions(unwrap(text), options, error)))
    return false;
  Diagnostics diagnostics(unwrap(module).getContext());
  std::string imageBytes, reportText, message;
  weft::ObjectStore store;
  if (given) {
    store.find = [given](StringRef key, std::string &object) {
      WeftBytes bytes = {};
      if (!given->find(given->user, wrap(key), &bytes))
        return false;
      object.assign(bytes.data, bytes.size);
      bytes.release(bytes.data);
      return true;
    };
    store.keep = [given](StringRef key, StringRef object) { given->keep(given->user, wrap(key), wrap(object)); };
  }
  bool good = succeeded(
      weft::compileModule(unwrap(module), options, imageBytes, reportText, message, given ? &store : nullptr));
#ifdef __GLIBC__
  malloc_trim(0); // what the program will run in should not stand beside what the compiler needed
#endif
  if (good) {
    fill(image, imageBytes);
    fill(report, reportText);
    return true;
  }
  diagnostics.into(error, message);
  return false;
}

void weftModuleLines(MlirModule module, MlirStringCallback callback, void *user) {
  llvm::StringMap<int64_t> numbers;
  llvm::json::Array lines, ops;
  unwrap(module)->walk<WalkOrder::PreOrder>([&](Operation *op) {
    llvm::json::Array own;
    for (std::string &line : weft::linesOf(op->getLoc())) {
      auto [entry, isNew] = numbers.try_emplace(line, numbers.size());
      own.push_back(entry->second);
      if (isNew)
        lines.push_back(std::move(line));
    }
    ops.push_back(std::move(own));
  });
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(
      llvm::json::Object{{"lines", std::move(lines)}, {"ops", std::move(ops)}});
  callback(wrap(StringRef(text)), user);
}

bool weftCompileToText(MlirModule module, MlirStringRef kind, MlirStringRef text, WeftBytes *result, WeftBytes *error) {
  weft::CompileOptions options;
  if (failed(parseOptions(unwrap(text), options, error)))
    return false;
  Diagnostics diagnostics(unwrap(module).getContext());
  std::string output, message;
  if (succeeded(weft::compileToText(unwrap(module), options, unwrap(kind), output, message))) {
    fill(result, output);
    return true;
  }
  diagnostics.into(error, message);
  return false;
}

bool weftReference(MlirModule module, MlirStringRef name, intptr_t numArgs, const WeftHostValue *args,
                   intptr_t numResults, WeftHostValue *results, WeftBytes *error) {
  MLIRContext *context = unwrap(module).getContext();
  Diagnostics diagnostics(context);
  auto function = unwrap(module).lookupSymbol<func::FuncOp>(unwrap(name));
  if (!function || function.getNumResults() != size_t(numResults) || function.getNumArguments() != size_t(numArgs)) {
    fill(error, ("no function @" + unwrap(name) + " with so many arguments and results").str());
    return false;
  }
  SmallVector<weft::Tensor> inputs, outputs;
  for (intptr_t i = 0; i < numArgs; ++i) {
    Type element = getElementTypeOrSelf(unwrap(weftElementType(wrap(context), args[i].dtype)));
    inputs.emplace_back(element, ArrayRef<int64_t>(args[i].sizes, args[i].rank));
    std::memcpy(inputs.back().data(), args[i].data, inputs.back().getNumBytes());
  }
  weft::Interpreter interpreter(unwrap(module));
  if (failed(interpreter.run(function, inputs, outputs))) {
    diagnostics.into(error, "the reference failed");
    return false;
  }
  for (intptr_t i = 0; i < numResults; ++i) {
    weft::Tensor &tensor = outputs[i];
    WeftHostValue &result = results[i];
    intptr_t rank;
    weftTypeDescribe(wrap(Type(RankedTensorType::get(tensor.getShape(), tensor.getElementType()))), &result.dtype,
                     &rank, result.sizes, 16);
    result.rank = rank;
    fill(&result.bytes, StringRef(tensor.data(), tensor.getNumBytes()));
    result.data = result.bytes.data;
  }
  return true;
}
