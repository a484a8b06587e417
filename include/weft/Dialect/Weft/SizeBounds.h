// Decides how large a named size can be while one of its symbols is anything up to a bound.
#ifndef WEFT_DIALECT_WEFT_SIZEBOUNDS_H
#define WEFT_DIALECT_WEFT_SIZEBOUNDS_H

#include "weft/Dialect/Weft/SizeExpr.h"

namespace weft {

/// No less than `size` for any value of the symbol from 0 to `most`, all others being 0 or more; without that symbol.
/// Nothing where that is not known, as of a product of differences, or where `most` may be below 0.
std::optional<SizeExpr> atMost(const SizeExpr &size, llvm::StringRef symbol, const SizeExpr &most);

/// No less than either, wherever symbols are 0 or more: the greater one, or the sum where that depends on them.
SizeExpr noLessThan(const SizeExpr &one, const SizeExpr &other);

} // namespace weft
#endif
