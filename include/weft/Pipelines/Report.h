// Decides what is told of a compilation: kernels with their ops, lines and bytes, calls of the library, refused
// fusions, copies, memory, sizes that depend on data, time per stage, pass and kernel.
#ifndef WEFT_PIPELINES_REPORT_H
#define WEFT_PIPELINES_REPORT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "weft/Codegen/Scratch.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Target/Object.h"
#include "weft/Target/PassTimes.h"
#include "llvm/Support/JSON.h"
#include <chrono>
#include <set>

namespace weft {

class Report {
public:
  /// Times what happens until end().
  void begin(llvm::StringRef stage);
  void end();
  /// Reads kernels, launches, calls of the library of factorisations, what runs side by side, copies, sizes that depend
  /// on data, what became of maps, and the arena from a module at the stage `planned`.
  void readPlan(mlir::ModuleOp module);
  /// The passes of the program as a whole are counted here.
  PassTimes &passTimes() { return passes; }
  /// What a kernel, or the entry (`weft_entry`), took to compile, and how.
  void compiled(llvm::StringRef symbol, const PassTimes &times, Effort effort);
  /// What kernels ask of scratch; after readPlan.
  void readScratch(const llvm::StringMap<Scratch> &kernels);
  /// How many kernels came from a store.
  void stored(int64_t kernels) { storedKernels = kernels; }
  std::string json() const;

private:
  /// `beside`: how many parts run side by side where the function is called, or 0.
  void readLaunches(mlir::ModuleOp module, mlir::func::FuncOp function, const llvm::StringMap<SizeExpr> &bindings,
                    int64_t beside);
  void readBesides(mlir::Block &block);
  void readNotFused(mlir::ModuleOp module, llvm::ArrayRef<LaunchOp> order);

  llvm::json::Array results, kernels, launches, calls, notFused, copies, sizes, maps, besides, stages;
  std::string arena = "0", kept = "0";
  PassTimes passes;
  double entryMs = 0;
  int64_t freshKernels = 0, storedKernels = 0;
  bool isQuick = false; ///< some part of it
  /// A way in which a kernel is launched: what its symbols are in terms of the program's, and how many parts run side
  /// by side there, or 0.
  struct Use {
    llvm::StringMap<SizeExpr> bindings;
    int64_t beside;
  };
  llvm::StringMap<std::vector<Use>> usesOf;
  std::set<std::string> readAlready; ///< functions with bindings
  std::set<std::string> programSymbols;
  std::set<std::pair<std::string, int64_t>> scratch; ///< beside of the use
  std::vector<int64_t> donations;                    ///< (result, argument) one after the other
  std::vector<int64_t> keptFrom; ///< the arguments from which is computed what stays from call to call
  std::string stage;
  std::chrono::steady_clock::time_point start;
};

/// The innermost user lines of a location, "file:line", each once.
llvm::SmallVector<std::string> linesOf(mlir::Location loc);

} // namespace weft
#endif
