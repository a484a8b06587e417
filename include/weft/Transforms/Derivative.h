// Decides what derivatives are made of. Linearizer splits a computation into a primal part and a linear part;
// Transposer turns a linear part around; a LinearPair is a function split so. Null values mean "no tangent" and "zero
// cotangent".
#ifndef WEFT_TRANSFORMS_DERIVATIVE_H
#define WEFT_TRANSFORMS_DERIVATIVE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "llvm/ADT/StringSet.h"

namespace weft {

/// Whether values of the type vary smoothly: floating-point tensors. Integers, bools and keys have no tangent.
bool hasTangent(mlir::Type type);

//===-- Blocks ---------------------------------------------------------------------------------------------------===//

/// Builds, for one block, the primal ops at `primal` and the linear ops at `linear`. While building, the linear ops use
/// primal values directly; whoever owns the two blocks then makes those uses explicit (residuals).
class Linearizer {
public:
  Linearizer(mlir::ModuleOp module, mlir::OpBuilder primal, mlir::OpBuilder linear)
      : module(module), primal(primal), linear(linear) {}
  /// Forward mode: one part, with each tangent beside its value; nothing is kept for later, and nothing transposes it.
  enum ForwardTag { Forward };
  Linearizer(mlir::ModuleOp module, mlir::OpBuilder builder, ForwardTag)
      : module(module), primal(builder), linear(builder), isForward_(true) {}
  bool isForward() const { return isForward_; }

  mlir::ModuleOp module;
  mlir::OpBuilder primal;
  mlir::OpBuilder linear;

  /// Clones the ops of `block` into the primal part and their tangents into the linear part. `tangents[i]` is null for
  /// an inactive argument. Fills the terminator's operands and their tangents (null: inactive).
  mlir::LogicalResult linearizeBlock(mlir::Block &block, mlir::ValueRange arguments, mlir::ValueRange tangents,
                                     llvm::SmallVectorImpl<mlir::Value> &results,
                                     llvm::SmallVectorImpl<mlir::Value> &resultTangents);
  /// Which of the block's terminator operands depend on active arguments (no code is built).
  static llvm::SmallVector<bool> activity(mlir::Block &block, llvm::ArrayRef<bool> active);

private:
  mlir::LogicalResult linearizeOp(mlir::Operation *op, mlir::ValueRange tangents, mlir::Value &tangent);

  bool isForward_ = false;
};

/// Walks the linear ops of a block backwards and builds their adjoints at `builder`.
class Transposer {
public:
  Transposer(mlir::ModuleOp module, mlir::OpBuilder builder, bool isMasked = false)
      : module(module), builder(builder), isMasked(isMasked) {}

  mlir::ModuleOp module;
  mlir::OpBuilder builder;
  /// Whether the cotangents that come in may hold zeros in place of what a choice left out. Products with such ones are
  /// strong: there a factor that is infinite or NaN does not count.
  bool isMasked;

  /// `isLinear[i]`: argument i is a tangent; the others are residuals, given in `residuals` (in order). Fills one
  /// cotangent per linear argument (null: zero).
  mlir::LogicalResult transposeBlock(mlir::Block &block, llvm::ArrayRef<bool> isLinear, mlir::ValueRange residuals,
                                     mlir::ValueRange cotangents,
                                     llvm::SmallVectorImpl<mlir::Value> &argumentCotangents);
  /// Which of the block's terminator operands depend on linear arguments (no code is built).
  static llvm::SmallVector<bool> linearity(mlir::Block &block, llvm::ArrayRef<bool> isLinear);

private:
  mlir::LogicalResult transposeOp(mlir::Operation *op, bool masked, mlir::ValueRange operands,
                                  llvm::ArrayRef<bool> linear, mlir::ValueRange cotangents,
                                  llvm::SmallVectorImpl<mlir::Value> &operandCotangents);
};

/// Whether an op is the product where zero wins (weft.strong_mul), whose derivatives are such products too.
bool isStrongProduct(mlir::Operation *op);

/// The values of `primal` (its arguments and results of its ops) that ops of `linear` use, in order of definition.
llvm::SmallVector<mlir::Value> crossingValues(mlir::Block &primal, mlir::Block &linear);
/// Replaces uses of `from` by ops of `linear`.
void replaceIn(mlir::Block &linear, mlir::Value from, mlir::Value to);

/// What it costs to keep a value for the linear part.
enum class Keep {
  Free,   // it is at hand anyway (an argument, a sliced input, a capture)
  AtHand, // it is made anyway (a result): better than a value of its own, worse than computing from what is free
  Stored, // it takes its bytes
};
/// Rewrites `linear` so that it recomputes from fewer bytes of `primal`'s values what is cheap to recompute: a minimum
/// cut between what cannot be recomputed and what `linear` uses. `terminator`s may stand in the blocks or not.
void chooseResiduals(mlir::Block &primal, mlir::Block &linear, llvm::function_ref<Keep(mlir::Value)> keep);

/// Keeps at most `maxBytes` of values (those that cost `Stored`) for `linear`: beyond what is cheap, ops may be
/// computed again in a weft.recompute called `id`, in the order of what they cost for a byte. Of two bounds the smaller
/// never keeps more.
void boundResiduals(mlir::Block &primal, mlir::Block &linear, llvm::function_ref<Keep(mlir::Value)> keep,
                    int64_t maxBytes, const llvm::Twine &id);
/// Computes again, in a weft.recompute called `id` at the start of `linear`, what `linear` uses of `primal`, from
/// arguments and from the values that `isSaved` names. The blocks need not stand in an op yet.
void computeAgain(mlir::Block &primal, mlir::Block &linear, llvm::function_ref<bool(mlir::Value)> isSaved,
                  const llvm::Twine &id);
/// The name that weft.checkpoint_name gives to a value; empty without one.
llvm::StringRef checkpointName(mlir::Value value);

/// Erases ops without uses, last first. A linear part holds no effects, so there every op may go.
void eraseDeadOps(mlir::Block &block, bool isLinearPart);

//===-- Functions ------------------------------------------------------------------------------------------------===//

/// A function f split in two: fwd(arguments) -> results of f, then residuals; lin(residuals, tangents of the active
/// arguments) -> tangents of the active results. lin keeps the rest in its attribute `weft.linear`.
struct LinearPair {
  mlir::func::FuncOp fwd, lin;
  /// Which arguments of f have a tangent, and which results.
  llvm::SmallVector<bool> active, activeResults;
  /// Where argument i of lin is found: an index into fwd's arguments followed by fwd's results, so that what the caller
  /// has already is forwarded and never stored twice.
  llvm::SmallVector<int64_t> residuals;
  /// The bound on the bytes of residuals that it was made for; negative without one.
  int64_t maxBytes = -1;

  static std::optional<LinearPair> of(mlir::func::FuncOp lin);
  /// Writes `weft.linear`.
  void record(llvm::StringRef name) const;
  /// Makes lin's uses of fwd's values explicit: arguments of lin, results of fwd.
  void split();
  /// The inverse of split: lin uses fwd's values directly.
  void join();
  /// The residuals among a call's operands and the results of fwd there.
  llvm::SmallVector<mlir::Value> pick(mlir::ValueRange arguments, mlir::ValueRange results) const;
};

/// The pair of a function for a mask of active arguments, made once. `choose` runs chooseResiduals on it; `maxBytes`
/// bounds what it keeps if it is not negative.
mlir::FailureOr<LinearPair> linearizeFunction(mlir::ModuleOp module, mlir::func::FuncOp function,
                                              llvm::ArrayRef<bool> active, bool choose = true, int64_t maxBytes = -1);

/// jvp(arguments, tangents of the active ones) -> results, tangents of the active ones (whose flags it fills); made
/// once.
mlir::FailureOr<mlir::func::FuncOp> forwardFunction(mlir::ModuleOp module, mlir::func::FuncOp function,
                                                    llvm::ArrayRef<bool> active,
                                                    llvm::SmallVector<bool> &activeResults);

/// Whether a transpose has an argument for a cotangent. A zero one is not read, but may be what binds a size's name.
inline bool isCotangentGiven(mlir::Type type, bool isZero) {
  return !isZero || !mlir::cast<mlir::RankedTensorType>(type).hasStaticShape();
}

/// bwd(arguments that are not linear, cotangents of the results) -> cotangents of the linear arguments; made once.
/// Cotangents of results with `isZero` are zero and not read (default: none is). `isMasked` as in Transposer.
mlir::FailureOr<mlir::func::FuncOp> transposeFunction(mlir::ModuleOp module, mlir::func::FuncOp function,
                                                      llvm::ArrayRef<bool> isLinear, llvm::ArrayRef<bool> isZero = {},
                                                      bool isMasked = false);

//===-- Custom rules ---------------------------------------------------------------------------------------------===//
// Attributes of a function, which calls of it follow: `weft.jvp = @g`, g(arguments, tangents) -> results, tangents; or
// `weft.fwd = @a, weft.bwd = @b`, a(arguments) -> results, residuals, b(residuals, cotangents) -> cotangents. Tangents
// and cotangents are those of floating values; captures (the last arguments) have none.

bool hasCustomRule(mlir::func::FuncOp function);
/// The functions that its rules name.
llvm::SmallVector<mlir::func::FuncOp> customRules(mlir::func::FuncOp function);
/// Which results count as active: any floating one, if an argument is.
llvm::SmallVector<bool> customActivity(mlir::func::FuncOp function, llvm::ArrayRef<bool> active);
/// The pair that the rule says. For fwd and bwd, lin has no body until completeCustom makes one: only forward mode
/// needs it, and only then must bwd be linear.
mlir::FailureOr<LinearPair> linearizeCustom(mlir::ModuleOp module, mlir::func::FuncOp function,
                                            llvm::ArrayRef<bool> active);
/// Whether a function is the lin of such a pair, without a body; its transpose; the body.
bool isCustomLinear(mlir::func::FuncOp lin);
mlir::LogicalResult transposeCustom(mlir::func::FuncOp lin, mlir::func::FuncOp bwd, llvm::ArrayRef<bool> isZero);
mlir::LogicalResult completeCustom(mlir::ModuleOp module, mlir::func::FuncOp lin);
/// Gives the rules of a function, over a batch axis, to the function that is it over that axis.
mlir::LogicalResult batchCustom(mlir::ModuleOp module, mlir::func::FuncOp function, mlir::func::FuncOp batchedFunction,
                                llvm::ArrayRef<bool> batched, const SizeExpr &size);
/// Takes the rules off all functions: no derivative will be asked for any more.
void dropCustomRules(mlir::ModuleOp module);

/// Calls a function: result types by the sizes of the operands.
CallOp createCall(mlir::OpBuilder &builder, mlir::Location loc, mlir::func::FuncOp function, mlir::ValueRange operands);

/// A private function after `like` under a name that is free in the module (`name`, or with a number), with an entry
/// block, `like`'s location and the attributes of `like` that hold for whatever is made of it.
mlir::func::FuncOp createFunction(mlir::ModuleOp module, mlir::func::FuncOp like, const llvm::Twine &name,
                                  mlir::TypeRange inputs);

/// The names of sizes that the function and what it holds speak of.
llvm::StringSet<> symbolsOf(mlir::func::FuncOp function);
/// A name for a size that nothing in the function around the op has, nor a region around it (`base`, or with a number).
SizeExpr freshSize(mlir::Operation *op, llvm::StringRef base);
/// Fails with a coded error if a size named in the function is bound by none of its arguments.
mlir::LogicalResult verifySymbolsBound(mlir::func::FuncOp function);
/// Fails with a coded error if the function calls itself, by any path.
mlir::LogicalResult verifyNotRecursive(mlir::func::FuncOp function);

} // namespace weft
#endif
