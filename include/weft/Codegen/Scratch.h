// Decides how it is told what a kernel asks of the runtime's scratch: an attribute of its function, `weft.scratch`,
// from the stage `bufferized` on, and a line of text in front of its stored object.
#ifndef WEFT_CODEGEN_SCRATCH_H
#define WEFT_CODEGEN_SCRATCH_H

#include "mlir/IR/BuiltinAttributes.h"
#include "weft/Dialect/Weft/SizeExpr.h"

namespace weft {

/// The greatest requests (weft_rt_scratch): outside of parallel loops, and in their bodies, in bytes. At most `threads`
/// threads run a body; 0: as many as there are.
struct Scratch {
  SizeExpr own, body;
  int64_t threads = 1;

  bool empty() const { return own == SizeExpr(0) && body == SizeExpr(0); }
  /// No less than both.
  void include(const Scratch &other);

  mlir::Attribute toAttr(mlir::MLIRContext *context) const;
  static Scratch fromAttr(mlir::Attribute attribute);
  std::string text() const;
  static std::optional<Scratch> parse(llvm::StringRef text);
};

} // namespace weft
#endif
