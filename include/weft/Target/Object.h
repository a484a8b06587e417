// Decides how a module in the LLVM dialect becomes an object file, or a text to read.
#ifndef WEFT_TARGET_OBJECT_H
#define WEFT_TARGET_OBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "weft/Codegen/Target.h"
#include "weft/Target/PassTimes.h"
#include <memory>

namespace llvm {
class TargetMachine;
}

namespace weft {

enum class Emit { Object, Assembly, LLVMIR };

/// Full: code that runs fast. Quick: code that is made fast, of the same bits: LLVM then neither improves what our
/// emitters leave, nor weighs instructions or registers.
enum class Effort { Full, Quick };

/// Registers what a context needs for the functions below; before any of its threads calls them.
void prepareTranslation(mlir::MLIRContext &context);

/// Compiles modules for a target, in one thread. LLVM's tables of the target are made once for as many writers as there
/// ever are at a time.
class ObjectWriter {
public:
  explicit ObjectWriter(const Target &target);
  ~ObjectWriter();

  /// Compiles a module into one object file, in which all that is not private can be called. Modules of one context may
  /// be compiled side by side, each by a writer of its own. `times`: counts LLVM's part. On failure `error` says why.
  mlir::LogicalResult write(mlir::ModuleOp module, Effort effort, std::string &object, std::string &error,
                            PassTimes &times);

private:
  const Target &target;
  std::unique_ptr<llvm::TargetMachine> machines[2]; // by effort
};

/// A module as a text, to read.
mlir::LogicalResult emitText(mlir::ModuleOp module, const Target &target, Emit kind, std::string &output,
                             std::string &error);

} // namespace weft
#endif
