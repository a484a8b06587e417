// Decides how named sizes become numbers at run time: expressions as arith ops, and what the argument shapes must be.
#ifndef WEFT_LIB_CODEGEN_CPU_ENTRYSIZES_H
#define WEFT_LIB_CODEGEN_CPU_ENTRYSIZES_H

#include "mlir/IR/Builders.h"
#include "weft/Dialect/Weft/SizeExpr.h"
#include "llvm/ADT/StringMap.h"

namespace weft {

/// Emits size expressions as i64 values. A value once emitted is used again, so all builders given to one emitter must
/// point to places that dominate each other in order.
class SizeEmitter {
public:
  void bind(llvm::StringRef symbol, mlir::Value value) { symbols[symbol] = value; }
  bool isBound(llvm::StringRef symbol) const { return symbols.count(symbol); }
  /// Forgets the values made so far: where symbols mean something else, and for code that they do not dominate.
  void forget() { known.clear(); }

  /// The value, wrapping on overflow; null if a symbol is not bound.
  mlir::Value emit(mlir::OpBuilder &builder, mlir::Location loc, const SizeExpr &size);
  /// The value, and in `overflow` (an i1, null for "never") whether a step of it left 64 bits.
  mlir::Value emitChecked(mlir::OpBuilder &builder, mlir::Location loc, const SizeExpr &size, mlir::Value &overflow);

private:
  mlir::Value expand(mlir::OpBuilder &builder, mlir::Location loc, const SizeExpr &size, mlir::Value *overflow);

  llvm::StringMap<mlir::Value> symbols, known; // known: by text
};

/// `size` as coefficient * symbol + rest; nothing where it is not of that form.
std::optional<std::pair<SizeExpr, SizeExpr>> linearIn(const SizeExpr &size, llvm::StringRef symbol);

} // namespace weft
#endif
