// Decides which bytes of the arena the temporaries of a function take, given their sizes and lives.
#ifndef WEFT_LIB_KERNELS_ARENA_H
#define WEFT_LIB_KERNELS_ARENA_H

#include "weft/Dialect/Weft/SizeExpr.h"
#include "weft/Kernels/Beside.h"
#include "llvm/ADT/ArrayRef.h"
#include <optional>

namespace weft {

/// A temporary: its bytes, and the first and the last position (of an op, in program order) at which it is alive.
struct Temporary {
  SizeExpr bytes;
  int64_t begin = 0, end = 0;
  std::vector<Beside> within = {}; // parts that run side by side, inside of which all of its life is
};

struct ArenaPlan {
  /// One offset per temporary, a multiple of 64.
  std::vector<SizeExpr> offsets;
  /// The size of the whole, a multiple of 64.
  SizeExpr total;
};

/// The next multiple of 64.
SizeExpr roundUp64(const SizeExpr &bytes);

/// Temporaries alive at a common position never share bytes, nor do those in different parts of a group. Those of
/// static size come first, packed by best fit; of those of named size, only equal sizes share.
ArenaPlan planArena(llvm::ArrayRef<Temporary> temporaries);

/// The greatest sum of bytes alive at one position; nothing if a size is named.
std::optional<int64_t> peakBytes(llvm::ArrayRef<Temporary> temporaries);

} // namespace weft
#endif
