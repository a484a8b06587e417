// Decides bounds of named sizes, by interval arithmetic over their terms.
#include "weft/Dialect/Weft/SizeBounds.h"

namespace weft {

/// Whether it is 0 or more wherever its symbols are, as far as its signs tell.
static bool isNeverNegative(const SizeExpr &size) {
  return llvm::all_of(size.getTerms(), [](const auto &term) {
    return term.second > 0 && llvm::all_of(term.first, [](const SizeExpr::Atom &atom) {
             return !atom.divisor || isNeverNegative(atom.dividend.front());
           });
  });
}

namespace {
/// Both ends of what a size may be.
struct Range {
  SizeExpr low, high;
};

/// Ranges of sizes in which a symbol is anything from 0 to `most`.
struct Ranges {
  llvm::StringRef symbol;
  const SizeExpr &most;

  std::optional<Range> of(const SizeExpr &size) const {
    Range sum;
    for (auto &[atoms, coefficient] : size.getTerms()) {
      auto range = ofProduct(atoms);
      if (!range)
        return std::nullopt;
      SizeExpr factor(coefficient);
      sum.low = sum.low + factor * (coefficient < 0 ? range->high : range->low);
      sum.high = sum.high + factor * (coefficient < 0 ? range->low : range->high);
    }
    return sum;
  }

private:
  std::optional<Range> ofProduct(const std::vector<SizeExpr::Atom> &atoms) const {
    Range product{1, 1};
    for (const SizeExpr::Atom &atom : atoms) {
      auto range = ofAtom(atom);
      // Ends multiply where no factor is below 0.
      if (!range || (atoms.size() > 1 && !isNeverNegative(range->low)))
        return std::nullopt;
      product = {product.low * range->low, product.high * range->high};
    }
    return product;
  }

  std::optional<Range> ofAtom(const SizeExpr::Atom &atom) const {
    if (!atom.divisor) {
      SizeExpr self = SizeExpr::symbol(atom.symbol);
      return atom.symbol == symbol ? Range{0, most} : Range{self, self};
    }
    auto range = of(atom.dividend.front());
    if (!range)
      return std::nullopt;
    return Range{range->low.floordiv(atom.divisor), range->high.floordiv(atom.divisor)};
  }
};
} // namespace

std::optional<SizeExpr> atMost(const SizeExpr &size, llvm::StringRef symbol, const SizeExpr &most) {
  auto range = isNeverNegative(most) ? Ranges{symbol, most}.of(size) : std::nullopt;
  return range ? std::optional<SizeExpr>(range->high) : std::nullopt;
}

SizeExpr noLessThan(const SizeExpr &one, const SizeExpr &other) {
  if (isNeverNegative(one - other))
    return one;
  return isNeverNegative(other - one) ? other : one + other;
}

} // namespace weft
