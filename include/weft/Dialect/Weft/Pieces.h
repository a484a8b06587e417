// Decides how the index space of a kernel is cut where joins stand in it: into boxes, in each of which every join shows
// one of its parts. Kernel formation asks whether that can be told, code generation writes a loop for each box.
#ifndef WEFT_DIALECT_WEFT_PIECES_H
#define WEFT_DIALECT_WEFT_PIECES_H

#include "mlir/IR/Operation.h"
#include "weft/Dialect/Weft/Rules.h"
#include "weft/Dialect/Weft/Shape.h"

namespace weft {

/// What a value is made of inside a kernel; of nothing where it is read from outside.
struct Made {
  struct From {
    mlir::Value value;
    /// Of a join: where its elements stand in the result. Of others: which of its elements are read. Empty: those of
    /// the same index, and, of a join, all that no other part has.
    Place place;
    Shape sizes; // of a part
  };
  std::vector<From> from;
  bool isJoin = false;
  Shape sizes; // of a join
};
using MadeOf = llvm::function_ref<Made(mlir::Value)>;

/// A part of the root index space, and the sizes of the loops that go through it.
struct Box {
  Place place;
  Shape sizes;
  /// What an interleaving join (a padding between elements) fills here; its elements are written over it by a box that
  /// follows.
  bool isUnder = false;
};

/// The place of b's elements where b stands in a, and a in some space.
Place compose(const Place &a, const Place &b);
/// The same elements in the space of a part that has all of them.
Place within(const Place &at, const Place &part);

/// Calls `visit` for each value that is computed in a box, with its elements there and (of a join) the number of the
/// part that they are of. False where that cannot be told, or is not one part.
bool visitBox(llvm::ArrayRef<mlir::Value> roots, const Box &box, MadeOf made,
              llvm::function_ref<void(mlir::Value, const Place &, int part)> visit);

/// The part of a join that has all elements of a box at a place; negative where that is not one part, or not known.
int partAt(const Made &join, const Place &at, const Box &box);

/// The boxes of values of one shape, row-major in the order of the outermost cut; nothing where sizes do not tell how
/// the cuts lie to each other, or there would be more than `most`.
std::optional<std::vector<Box>> cutPieces(llvm::ArrayRef<mlir::Value> roots, const Shape &shape, MadeOf made,
                                          size_t most);

} // namespace weft
#endif
