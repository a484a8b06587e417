// Decides the small vocabulary of which the code of entries is made: addresses, calls of the runtime, early returns.
#ifndef WEFT_LIB_CODEGEN_CPU_ENTRYCODE_H
#define WEFT_LIB_CODEGEN_CPU_ENTRYCODE_H

#include "EntrySizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "weft/Runtime/Error.h"

namespace weft {

/// What a `register` slot holds: a vector of the widest machine.
constexpr int64_t registerBytes = 64;

/// A function under construction whose result is a status: code is added at `builder`; `exit` takes the status.
class EntryCode {
public:
  /// Makes the entry block and the exit of `function`, whose first argument is the call.
  explicit EntryCode(mlir::func::FuncOp function);

  mlir::OpBuilder builder;
  mlir::Location loc;
  mlir::func::FuncOp function;
  mlir::Value call;
  SizeEmitter sizes;

  mlir::Type pointerType() { return mlir::LLVM::LLVMPointerType::get(builder.getContext()); }
  mlir::Value i64(int64_t value);
  mlir::Value i32(int32_t value);
  mlir::Value load(mlir::Type type, mlir::Value pointer);
  void store(mlir::Value value, mlir::Value pointer);
  void copyBytes(mlir::Value to, mlir::Value from, mlir::Value bytes);
  /// A value of `type`: the small ones, of at most registerBytes, by one load and one store.
  void copyValue(mlir::Value to, mlir::Value from, mlir::Type type);
  /// `base` plus a number of bytes.
  mlir::Value address(mlir::Value base, mlir::Value bytes);
  mlir::Value address(mlir::Value base, const SizeExpr &bytes);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value a, mlir::Value b);

  /// Memory of the function's own, made once however often this place is run.
  mlir::Value stack(int64_t bytes);
  /// The address of a terminated text.
  mlir::Value text(llvm::StringRef text);

  /// Calls `name` of the runtime (weft/Runtime/ABI.h), declaring it at its first use. No result where `result` is null.
  mlir::Value callRuntime(llvm::StringRef name, mlir::Type result, mlir::ValueRange operands);

  /// Ends the block: goes to `next` and goes on there.
  void continueIn(mlir::Block *next, mlir::ValueRange operands = {});
  /// A block before the exit.
  mlir::Block *newBlock(mlir::TypeRange arguments = {});
  mlir::Block *getExit() { return exit; }
  /// Returns `status` unless it is 0.
  void returnIfFailed(mlir::Value status);
  /// Records a failure and returns its code unless `holds`.
  void require(mlir::Value holds, WeftStatus code, int64_t where, mlir::Value expected, mlir::Value got);
  /// Returns "no memory" if a request to the runtime, which recorded that, gave nothing.
  void returnIfNull(mlir::Value pointer);
  /// A number of bytes to ask for; the function fails with "no memory" where it does not fit 64 bits.
  mlir::Value byteCount(const SizeExpr &bytes);
  /// Returns success.
  void finish();

  /// From here to the end of the scope, a symbol has a value that is known only here; what depends on it is made at the
  /// beginning of the scope's body.
  struct Scope {
    std::string symbol;
    SizeEmitter outside;
    mlir::Operation *hoistBefore = nullptr;
  };
  void beginScope(llvm::StringRef symbol, mlir::Value value);
  void beginScopeBody();
  void endScope();

  /// From here on, sizes are made in front of the code that follows, so that they can be used in all of it.
  void beginBody();
  /// The value of a size; its symbols must be bound.
  mlir::Value hoisted(const SizeExpr &size);

private:
  mlir::Block *exit;
  mlir::Operation *hoistBefore = nullptr;
  std::vector<Scope> scopes;
};

/// Reads what the runtime passes to the entry: fills one data pointer per argument of `source`, binds its symbols from
/// the shapes, and emits the checks of all sizes and of `weft.assume`. Fails with a diagnostic if a symbol has no
/// value.
mlir::LogicalResult readArguments(EntryCode &code, mlir::func::FuncOp source, mlir::Value args,
                                  llvm::SmallVectorImpl<mlir::Value> &pointers);

} // namespace weft
#endif
