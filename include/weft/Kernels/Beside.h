// Decides how the plan says which ops of a block run side by side: `weft.beside = array<i64: group, part>`. Ops of
// different parts of a group depend on none of each other, and may run at once; those of one part run in order. A mark
// changes no meaning: run one after the other, the ops give the same.
#ifndef WEFT_KERNELS_BESIDE_H
#define WEFT_KERNELS_BESIDE_H

#include "mlir/IR/Operation.h"

namespace weft {

struct Beside {
  int64_t group, part; // groups are numbered through the function
  bool isApartFrom(const Beside &other) const { return group == other.group && part != other.part; }
};

std::optional<Beside> besideOf(mlir::Operation *op);
void setBeside(mlir::Operation *op, Beside beside);

/// Whether the two, of one block, may run at once.
bool runBeside(mlir::Operation *a, mlir::Operation *b);

/// What an op made for `user`, just before it, belongs to: the same part.
void joinPart(mlir::Operation *op, mlir::Operation *user);

} // namespace weft
#endif
