// weft-run: runs a function of a program on .npy inputs. Exit status: 0 done, 1 the input was bad, 2 wrong usage.
#include "Compiled.h"
#include "Npy.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "weft/InitAll.h"
#include "weft/Pipelines/Compile.h"
#include "weft/Reference/Interpreter.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include <cmath>

using namespace mlir;
using namespace weft;
namespace cl = llvm::cl;

static cl::OptionCategory category("weft-run");
static cl::opt<std::string> program(cl::Positional, cl::desc("<program.mlir or ->"), cl::Required, cl::cat(category));
static cl::list<std::string> inputs("input", cl::desc("A .npy file for the next argument (- is standard input)"),
                                    cl::value_desc("file"), cl::cat(category));
static cl::list<std::string> outputs("output", cl::desc("A .npy file for the next result (- is standard output)"),
                                     cl::value_desc("file"), cl::cat(category));
static cl::opt<std::string> functionName("function", cl::desc("The function to run"), cl::init("main"),
                                         cl::cat(category));
static cl::opt<bool> reference("reference", cl::desc("Run by the reference interpreter"), cl::cat(category));
static cl::opt<bool> verify("verify", cl::desc("Compare native code with the reference, bit for bit (NaN equals NaN)"),
                            cl::cat(category));
static cl::opt<unsigned>
    timed("time", cl::desc("Call this many times more, and print the times and the report of the compilation"),
          cl::value_desc("calls"), cl::init(0), cl::cat(category));
static cl::opt<bool> memory("memory",
                            cl::desc("Print the peak of live bytes, as the reference counts it, to standard error"),
                            cl::cat(category));

static int bad(const llvm::Twine &message) {
  llvm::errs() << "weft-run: error: " << message << "\n";
  return 1;
}
static int wrongUsage(const llvm::Twine &message) {
  llvm::errs() << "weft-run: [WF1902] " << message << "\n";
  return 2;
}

/// Reads a whole file, or standard input.
static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readFile(const std::string &name) {
  auto file = llvm::MemoryBuffer::getFileOrSTDIN(name, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return llvm::createStringError("[WF1705] cannot read " + name + ": " + file.getError().message());
  return std::move(*file);
}

static llvm::Error writeFile(const std::string &name, StringRef bytes) {
  std::string message;
  auto file = openOutputFile(name, &message);
  if (!file)
    return llvm::createStringError("[WF1705] " + message);
  file->os() << bytes;
  file->os().flush();
  if (file->os().has_error()) {
    std::string reason = file->os().error().message();
    file->os().clear_error();
    return llvm::createStringError("[WF1705] cannot write " + name + ": " + reason);
  }
  file->keep();
  return llvm::Error::success();
}

/// Sign and payload of NaN are outside the promise.
static bool sameBits(const Tensor &a, const Tensor &b) {
  if (a.getShape() != b.getShape())
    return false;
  for (int64_t i = 0; i < a.getNumElements(); ++i) {
    Scalar x = a.at(i), y = b.at(i);
    bool same =
        x.isFloat() ? (x.f != x.f && y.f != y.f) || (x.f == y.f && std::signbit(x.f) == std::signbit(y.f)) : x.i == y.i;
    if (!same)
      return false;
  }
  return true;
}

static int run() {
  auto text = readFile(program);
  if (!text)
    return bad(llvm::toString(text.takeError()));
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry);
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy((*text)->getBuffer(), program), llvm::SMLoc());
  SourceMgrDiagnosticHandler diagnostics(*sources, &context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
  if (!module)
    return bad("[WF1501] " + program + " is not a program of the dialect; see above");
  auto function = module->lookupSymbol<func::FuncOp>(functionName);
  if (!function)
    return bad("[WF1705] " + program + " has no function @" + functionName);

  SmallVector<Tensor> arguments, results;
  for (const std::string &name : inputs) {
    auto file = readFile(name);
    if (!file)
      return bad(llvm::toString(file.takeError()));
    auto tensor = readNpy((*file)->getBuffer(), &context);
    if (!tensor)
      return bad(name + ": " + llvm::toString(tensor.takeError()));
    arguments.push_back(*tensor);
  }
  if (outputs.size() > function.getNumResults())
    return bad("[WF1705] @" + functionName + " has " + llvm::Twine(function.getNumResults()) + " results, got " +
               llvm::Twine(outputs.size()) + " --output");
  // Requests are resolved by passes, for the reference too.
  std::string error;
  bool hasRequests =
      module
          ->walk([](Operation *op) {
            return isa<JvpRequestOp, VjpRequestOp, VmapRequestOp>(op) ? WalkResult::interrupt() : WalkResult::advance();
          })
          .wasInterrupted();
  if (hasRequests && failed(runStages(*module, "traced", "resolved", CompileOptions(), error)))
    return bad(error);
  function = module->lookupSymbol<func::FuncOp>(functionName);
  if (!function)
    return bad("[WF1705] @" + functionName + " is private and nothing calls it");
  Interpreter interpreter(*module);
  SmallVector<Tensor> expected;
  if ((reference || verify) && failed(interpreter.run(function, arguments, reference ? results : expected)))
    return 1;
  if (!reference) {
    if (functionName != "main")
      return wrongUsage("only @main can run as native code; hint: add --reference");
    SmallVector<Type> types(function.getResultTypes());
    if (auto error = runCompiled(*module, arguments, types, results, timed))
      return bad(program + ": " + llvm::toString(std::move(error)));
  }
  if (verify)
    for (auto [i, pair] : llvm::enumerate(llvm::zip(results, expected)))
      if (auto [got, want] = pair; !sameBits(got, want))
        return bad("[WF1901] result " + llvm::Twine(i) + " differs from the reference:\n" + printTensor(got) +
                   "\nthe reference gives\n" + printTensor(want));
  for (auto [name, result] : llvm::zip(outputs, results))
    if (auto error = writeFile(name, writeNpy(result)))
      return bad(llvm::toString(std::move(error)));
  if (outputs.empty())
    for (const Tensor &result : results)
      llvm::outs() << printTensor(result) << "\n";
  if (memory)
    llvm::errs() << "peak bytes: " << interpreter.peakBytes << "\n";
  return 0;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  std::string errors;
  llvm::raw_string_ostream out(errors);
  if (!cl::ParseCommandLineOptions(argc, argv, "Runs a program of Weft on .npy files\n", &out))
    return wrongUsage(errors);
  if (reference && verify)
    return wrongUsage("--reference and --verify exclude each other: --verify compares native code with the reference");
  return run();
}
