// Decides what one kernel may hold: the contract between kernel formation and code generation.
//
// Sweep: Map, View and Reduce ops over one index space, the root. All Reduce ops fold the same dimensions of it. A
// value has
//   the root's shape; or is a row value (the root's shape with the folded dimensions left out, or of size 1); or is a
//   scalar.
//   - A View (or a chain of Views) reads an operand of the kernel or an op without operands (a constant): a read at an
//     affine index. Of values computed inside, only row values and scalars are viewed, and only by broadcast.
//   - A Gather reads an operand of the kernel; what says its places is an operand too, or computed by Map ops over the
//   index space of the places, for gathers alone.
//   - A row value is broadcast back to the root only if the folded dimensions are the trailing ones and a row fits a
//   cache.
//   - Values of the root's shape leave a kernel that reduces only if it folds whole rows: the trailing dimensions,
//   which
//     every read steps through as through one.
//   - Each folded size that is not static is shown by an operand that is read plainly along it.
//   - Every row value is tied to the root by values computed inside.
// Contraction: one Contract op; before it, Views that permute elements of operands (transpose) and conversions of
// operands
//   to a wider type, which are read as they are; after it, Map ops on the result's shape that read operands of that
//   shape or broadcasts of smaller operands.
// Chain: a Contract op, a sweep of the rows of its result, and a Contract op that sums over these rows, some of which
//   fit a cache (attention). Nothing leaves but what the Contraction rule lets leave after the second one.
// Pieces: joins (concat, pad) with Map ops before and behind them, and Views of operands. All results have one shape;
//   its index space is cut into boxes (Pieces.h), in each of which every join is one part: a map over the box.
// Single: an op of another kind, alone.
//
// Ops without operands (constants, iota, sizes) may stand in any kernel, in any shape.
#ifndef WEFT_KERNELS_KERNELSHAPE_H
#define WEFT_KERNELS_KERNELSHAPE_H

#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"

namespace weft {

/// A static row of at most this many elements (256 KB of f32) may be swept again after its reduction: the second cache
/// holds it, if only half of it. A longer one is read again from a thread's share of the last one, up to 16 MB of f32;
/// but of few such rows each sweep has something for all threads only as a kernel of its own.
constexpr int64_t maxShortRow = 1 << 16, maxLongRow = 1 << 22, minLongRows = 32;

/// Rows that an operand holds as columns are turned in scratch, some at a time, where both dimensions are known and no
/// smaller than this; rows that are folded of at most so many elements.
constexpr int64_t minTurned = 16, maxTurnedRow = 1 << 14;
inline bool canTurn(const SizeExpr &size) { return size.constant().value_or(0) >= minTurned; }

/// A chain keeps a block of rows between its contractions: rows of at most this many elements, of which some tiles'
/// worth takes little of the last cache. Shorter ones, or few, pay for no block. A size with a name is taken to be none
/// of these.
constexpr int64_t maxChainElements = 1 << 14, minChainElements = 16, minChainRows = 8;
/// Each block of rows reads the right operands whole: of at most this many elements, or this many for each element of a
/// row, so that they stay in a cache.
constexpr int64_t maxChainOperand = 1 << 19, maxChainFeatures = 128;

/// Pieces of one kernel, each with code of its own; ops in all of them together; operations per element that may be
/// computed again, for each part that reads them.
constexpr size_t maxPieces = 48, maxPieceOps = 1024;
constexpr double maxAgain = 4;

struct KernelShape {
  enum Family { Sweep, Contraction, Chain, Pieces, Single };
  Family family = Sweep;
  Shape root;                        // of a chain: the result of its first contraction
  llvm::SmallVector<int64_t> folded; // of the root; empty without Reduce ops
};

/// Why ops do not become one kernel (FusionReasons.def), and its stable code and text.
enum class FusionReason {
#define WEFT_FUSION_REASON(name, code, text) name,
#include "weft/Kernels/FusionReasons.def"
};
llvm::StringRef codeOf(FusionReason reason);
llvm::StringRef textOf(FusionReason reason);
llvm::StringRef textOfFusionCode(llvm::StringRef code); // empty for no code

/// An op that reads nothing and so is cloned into each kernel that uses it: a constant, an iota, a size.
bool isLeaf(mlir::Operation *op);

/// How an op fuses; nothing for control flow, calls, copies and all else without the interface, and for aliases.
std::optional<FusionKind> fusionKind(mlir::Operation *op);

/// Whether the View keeps each element of its operand exactly once (transpose, reverse), which a contraction can read.
bool permutesElements(mlir::Operation *view);

/// Whether the op only gives each element of its operand in a wider type: a contraction reads the narrow one, and
/// converts what it has read.
bool widensElements(mlir::Operation *op);

/// The shape of the kernel that these ops of one block would form (leaves among them are ignored unless there is
/// nothing else); nothing, and why, where code generation cannot emit them as one.
std::optional<KernelShape> kernelShape(llvm::ArrayRef<mlir::Operation *> ops, FusionReason &why);

/// "[B, 128]"
std::string describe(llvm::ArrayRef<SizeExpr> shape);

} // namespace weft
#endif
