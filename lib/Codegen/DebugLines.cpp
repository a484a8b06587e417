// Decides what a debugger is told (`debug="lines"`): each instruction has one line of the user's program. A line table
// holds one line per address, and a location fused of several would become line 0: the first stands for all.
#include "weft/Codegen/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_DEBUGLINES
#include "weft/Codegen/Passes.h.inc"

namespace {

/// The innermost place in a file that a location speaks of; null: none.
FileLineColLoc firstLine(Location loc) {
  LocationAttr at = loc;
  if (auto range = dyn_cast<FileLineColRange>(at))
    return FileLineColLoc::get(range.getFilename(), range.getStartLine(), range.getStartColumn());
  if (auto call = dyn_cast<CallSiteLoc>(at))
    return firstLine(call.getCallee());
  if (auto name = dyn_cast<NameLoc>(at))
    return firstLine(name.getChildLoc());
  if (auto fused = dyn_cast<FusedLoc>(at))
    for (Location part : fused.getLocations())
      if (FileLineColLoc line = firstLine(part))
        return line;
  return {};
}

struct DebugLinesPass : impl::DebugLinesBase<DebugLinesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto nowhere = FileLineColLoc::get(StringAttr::get(&getContext(), "weft"), 0, 0);
    for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
      FileLineColLoc line = firstLine(function.getLoc());
      // LLVM wants a place on every call between functions that have lines, so what has none takes its function's.
      Location home = line ? line : nowhere;
      function->setLoc(home);
      function.walk([&](Operation *op) {
        FileLineColLoc own = firstLine(op->getLoc());
        op->setLoc(own ? Location(own) : home);
      });
    }
  }
};

} // namespace
} // namespace weft
