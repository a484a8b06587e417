// Decides how a planned program becomes objects: a part for the entry and one for each kernel, compiled side by side;
// the functions of a long kernel are shared out among objects.
#ifndef WEFT_PIPELINES_PARTS_H
#define WEFT_PIPELINES_PARTS_H

#include "mlir/IR/OwningOpRef.h"
#include "weft/Codegen/Scratch.h"
#include "weft/Codegen/Target.h"
#include "weft/Pipelines/Pipelines.h"
#include "weft/Target/Object.h"
#include "weft/Target/PassTimes.h"
#include <chrono>
#include <optional>
#include <vector>

namespace weft {

/// One object, and the function that it defines for others.
struct Object {
  std::string symbol, code;
};

/// What goes through the stages from `planned` on by itself.
struct Part {
  std::string symbol; // the function that others call
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<Object> objects;
  Effort effort = Effort::Full; // what it was made with
  PassTimes times;
  llvm::StringMap<Scratch> scratch; // of the kernels in it

  /// Its objects, with what goes with them, for a store; and back.
  std::string stored() const;
  mlir::LogicalResult restore(llvm::StringRef stored);
};

/// The parts of a module: the entry with what is inlined into it, then each kernel that has a body, the one with most
/// work first. The module is empty then.
std::vector<Part> splitIntoParts(mlir::ModuleOp module);

using Clock = std::chrono::steady_clock;

/// Compiles parts in up to `threads` threads, in their order; those begun after `deadline` quickly.
mlir::LogicalResult compileParts(std::vector<Part> &parts, const PipelineOptions &options, const Target &target,
                                 unsigned threads, std::optional<Clock::time_point> deadline, std::string &error);

} // namespace weft
#endif
