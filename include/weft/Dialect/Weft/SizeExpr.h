// Decides what a named size is: a polynomial with floordiv over symbols, kept in one normal form, so that two sizes are
// equal exactly if their texts are. Grammar: sums of terms `coeff*sym*sym`, and the atom `(expr floordiv n)`.
#ifndef WEFT_DIALECT_WEFT_SIZEEXPR_H
#define WEFT_DIALECT_WEFT_SIZEEXPR_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weft {

class SizeExpr {
public:
  SizeExpr(int64_t constant = 0) {
    if (constant)
      terms[{}] = constant;
  }
  static SizeExpr symbol(llvm::StringRef name);
  /// Parses the grammar above; nothing where the text does not fit it.
  static std::optional<SizeExpr> parse(llvm::StringRef text);

  std::optional<int64_t> constant() const;
  bool isSymbol() const;
  std::string str() const;

  SizeExpr operator+(const SizeExpr &other) const;
  SizeExpr operator-(const SizeExpr &other) const { return *this + other * SizeExpr(-1); }
  SizeExpr operator*(const SizeExpr &other) const;
  SizeExpr floordiv(int64_t divisor) const;
  /// This divided by `other` where that is exact for every value of the symbols (other: one term), else nothing.
  std::optional<SizeExpr> exactDiv(const SizeExpr &other) const;
  bool operator==(const SizeExpr &other) const { return terms == other.terms; }
  bool operator!=(const SizeExpr &other) const { return terms != other.terms; }

  /// The names that occur, in order of first appearance in the text.
  std::vector<std::string> symbols() const;
  /// Replaces symbols; `lookup` gives nothing for those that stay.
  SizeExpr substitute(llvm::function_ref<std::optional<SizeExpr>(llvm::StringRef)> lookup) const;
  /// The value for given symbols; nothing if one is missing.
  std::optional<int64_t> evaluate(const llvm::StringMap<int64_t> &values) const;

  /// A factor of a term: a symbol, or a floor division (then `divisor` is not 0).
  struct Atom {
    std::string symbol;
    std::vector<SizeExpr> dividend; // empty or one (a vector, because the type is recursive)
    int64_t divisor = 0;
    std::string str() const;
    bool operator<(const Atom &other) const { return str() < other.str(); }
    bool operator==(const Atom &other) const { return str() == other.str(); }
  };
  /// Sorted factors -> coefficient; no coefficient is 0.
  using Terms = std::map<std::vector<Atom>, int64_t>;
  const Terms &getTerms() const { return terms; }

private:
  Terms terms;
};

} // namespace weft
#endif
