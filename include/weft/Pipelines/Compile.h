// Decides what the compiler offers as a whole: from one stage to another, and from a module to an image.
#ifndef WEFT_PIPELINES_COMPILE_H
#define WEFT_PIPELINES_COMPILE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"
#include <functional>
#include <optional>
#include <string>

namespace weft {

enum class Numerics { Strict, Default, Fast };

struct CompileOptions {
  Numerics numerics = Numerics::Default;
  /// Threads to plan for; 0: as many as the runtime finds at the call.
  int threads = 0;
  /// As targetByName takes it: host, x86-64-v3, ...
  std::string target = "host";
  /// At most so many bytes of packed captured arrays stay from call to call; below 0: any number.
  int64_t keepBytes = -1;
  /// Write a line table of the user's lines (DWARF) into the object; kernels are not shared then.
  bool debugLines = false;
  /// Milliseconds after which what is not compiled yet is compiled quickly (Effort::Quick); without it, nothing is.
  std::optional<double> budget;
  /// Where a module that is compiled stands: traced, or a later stage up to planned, at which kernels may have been
  /// given schedules.
  std::string stage = "traced";
};

/// Runs the passes between two stages (traced, resolved, ... llvm) in place. On failure `error` says why.
mlir::LogicalResult runStages(mlir::ModuleOp module, llvm::StringRef from, llvm::StringRef to,
                              const CompileOptions &options, std::string &error);

/// Where the objects of kernels are kept from one program, or process, to the next. A key says all that an object
/// depends on, but for the version of the compiler.
struct ObjectStore {
  /// Whether there is one under a key; fills `object`.
  std::function<bool(llvm::StringRef key, std::string &object)> find;
  std::function<void(llvm::StringRef key, llvm::StringRef object)> keep;
};

/// Compiles a module into an image, with the JSON of explain() in `report`. The module is spent. With
/// a store, only kernels that it does not have are compiled.
mlir::LogicalResult compileModule(mlir::ModuleOp module, const CompileOptions &options, std::string &image,
                                  std::string &report, std::string &error, const ObjectStore *store = nullptr);

/// The assembly ("asm") or LLVM IR ("llvm-ir") of a module at stage `traced`, to read. The module is spent.
mlir::LogicalResult compileToText(mlir::ModuleOp module, const CompileOptions &options, llvm::StringRef kind,
                                  std::string &text, std::string &error);

} // namespace weft
#endif
