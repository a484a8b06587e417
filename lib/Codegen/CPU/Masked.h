// Decides how it is told which columns of a chain's rows are left out.
#ifndef WEFT_CODEGEN_CPU_MASKED_H
#define WEFT_CODEGEN_CPU_MASKED_H

#include "weft/Codegen/CPU/KernelGraph.h"

namespace weft {

/// In row r all columns from `slope * r + first` on have one value, which ends as +0 in the rows that the second
/// contraction sums, or as NaN in all of them; slope >= 0. A fold that meets one of them meets all.
struct MaskedColumns {
  int64_t slope, first;
};

/// Of a chain, whose rows are `row` and run along `lane`; nothing where no comparison of the two leaves any out.
std::optional<MaskedColumns> maskedColumns(KernelGraph &graph, int row, int lane);

} // namespace weft
#endif
