// Decides how code of an entry becomes a function that other threads can run: a body of weft_rt_beside.
#ifndef WEFT_LIB_CODEGEN_CPU_ENTRYBESIDE_H
#define WEFT_LIB_CODEGEN_CPU_ENTRYBESIDE_H

#include "EntryCode.h"

namespace weft {

/// One part: its blocks, in the entry's function as yet, the first of which nothing leads to; the last ends without a
/// terminator. And what is estimated of it, in ns.
struct EntryPart {
  llvm::SmallVector<mlir::Block *> blocks;
  int64_t all = 0, shared = 0;
};

/// Where parts run, and which: the call stands before `at`.
struct BesideSite {
  mlir::Operation *at;
  llvm::SmallVector<EntryPart> parts;
};

/// Moves the parts into a function of their own and calls the runtime with it. After the whole entry is written: what
/// only the parts use goes with them.
void outlineParts(EntryCode &code, const BesideSite &site, llvm::StringRef name);

} // namespace weft
#endif
