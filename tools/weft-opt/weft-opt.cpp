// weft-opt: reads IR at any stage, runs passes, prints. Decides what it says last where that fails: one line with a
// code.
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "weft/InitAll.h"

using namespace mlir;

/// What was wrong with a file on which the tool failed; its diagnostics have been printed, so that this one is quiet.
static llvm::StringRef whatFailed(llvm::StringRef file, const DialectRegistry &registry) {
  if (file == "-")
    return "[WF2002] the input does not parse or verify, or a pass refused it";
  auto parses = [&](bool verify) {
    MLIRContext context(registry);
    ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
    return bool(parseSourceFile<ModuleOp>(file, ParserConfig(&context, verify)));
  };
  if (!parses(false))
    return "[WF2002] the input does not parse";
  if (!parses(true))
    return "[WF2003] the input does not verify";
  return "[WF1505] a pass refused the program";
}

int main(int argc, char **argv) {
  weft::registerPasses();
  DialectRegistry registry;
  weft::registerDialects(registry);
  auto [input, output] = registerAndParseCLIOptions(argc, argv, "Weft's optimiser driver\n", registry);
  if (succeeded(MlirOptMain(argc, argv, input, output, registry)))
    return 0;
  llvm::errs() << "weft-opt: " << whatFailed(input, registry) << '\n';
  return 1;
}
