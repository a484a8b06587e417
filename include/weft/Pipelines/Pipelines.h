// Decides the stages that a program goes through, and how to run from one to another.
#ifndef WEFT_PIPELINES_PIPELINES_H
#define WEFT_PIPELINES_PIPELINES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace weft {

/// The forms that a program has on its way, in order.
enum class Stage { Traced, Resolved, Optimized, Kernels, Planned, Linalg, Scheduled, Bufferized, LLVM };

/// "traced", "resolved", ...
llvm::StringRef stringify(Stage stage);
std::optional<Stage> parseStage(llvm::StringRef name);
/// "traced, resolved, ...", for messages.
std::string stageNames();

struct PipelineOptions {
  std::string target = "host";
  /// Every bit is that of the reference interpreter.
  bool strict = false;
  /// Check the contract of each stage that is reached.
  bool checkContracts = false;
  /// With it, that no op lost its place in the user's program.
  bool checkLocations = false;
  /// At most so many bytes of packed captured arrays stay from call to call; below 0: any number.
  int64_t keepBytes = -1;
  /// Keep the user's lines down to the instructions, for a line table; kernels are not shared then.
  bool debugLines = false;
};

/// Adds the passes that lead from the form `from` to the form `to`.
void buildPipeline(mlir::OpPassManager &pm, Stage from, Stage to, const PipelineOptions &options = {});

/// Checks a module against the contract of a stage; diagnostics on the ops that break it.
mlir::LogicalResult checkContract(mlir::ModuleOp module, Stage stage, bool locations = false);

#define GEN_PASS_DECL
#include "weft/Pipelines/Passes.h.inc"

/// Registers `--weft-pipeline=<from>..<to>` and `--weft-check-contract=<stage>`.
void registerPipelines();

} // namespace weft
#endif
