// Decides how an assumption on named sizes is written: an entry of a function's `weft.assume`, such as "B >= 1" or
// "S mod 8 == 0". The program's entry checks them once per call; the reference does so too.
#ifndef WEFT_DIALECT_WEFT_ASSUMPTION_H
#define WEFT_DIALECT_WEFT_ASSUMPTION_H

#include "weft/Dialect/Weft/SizeExpr.h"

namespace weft {

/// `lhs op rhs` with == != < <= > >=; in `lhs mod n op rhs` the left side is the remainder, which is not negative.
struct Assumption {
  SizeExpr lhs, rhs;
  std::string op;

  /// Nothing where the text is malformed.
  static std::optional<Assumption> parse(llvm::StringRef text);
  static bool compare(llvm::StringRef op, int64_t lhs, int64_t rhs);
};

} // namespace weft
#endif
