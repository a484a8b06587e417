// Decides how a block looks when its kernels are formed: each op has its own reads, and reshapes stand where they cost
// nothing.
#ifndef WEFT_KERNELS_PREPAREBLOCK_H
#define WEFT_KERNELS_PREPAREBLOCK_H

#include "mlir/IR/Operation.h"

namespace weft {

/// Whether some op reads through this one: a View, or for contractions a conversion to a wider type.
bool isRead(mlir::Operation *op);

/// Whether `user` can take a View or a conversion into its own kernel as a read.
bool absorbs(mlir::Operation *user, mlir::Operation *read);

void prepareBlock(mlir::Block &block);

} // namespace weft
#endif
