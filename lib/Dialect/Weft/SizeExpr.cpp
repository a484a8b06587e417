// Decides the normal form of named sizes and their arithmetic.
#include "weft/Dialect/Weft/SizeExpr.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>

namespace weft {

std::string SizeExpr::Atom::str() const {
  if (!divisor)
    return symbol;
  return "(" + dividend.front().str() + " floordiv " + std::to_string(divisor) + ")";
}

SizeExpr SizeExpr::symbol(llvm::StringRef name) {
  SizeExpr e;
  e.terms[{Atom{name.str(), {}, 0}}] = 1;
  return e;
}

std::optional<int64_t> SizeExpr::constant() const {
  if (terms.empty())
    return 0;
  if (terms.size() == 1 && terms.begin()->first.empty())
    return terms.begin()->second;
  return std::nullopt;
}

bool SizeExpr::isSymbol() const {
  return terms.size() == 1 && terms.begin()->second == 1 && terms.begin()->first.size() == 1 &&
         !terms.begin()->first[0].divisor;
}

std::string SizeExpr::str() const {
  if (terms.empty())
    return "0";
  // Highest degree first, then by text, the constant last: what a person would write.
  std::vector<std::pair<std::vector<Atom>, int64_t>> order(terms.begin(), terms.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto &a, const auto &b) { return a.first.size() > b.first.size(); });
  std::string text;
  for (auto &[atoms, coefficient] : order) {
    uint64_t magnitude = coefficient < 0 ? 0 - uint64_t(coefficient) : uint64_t(coefficient);
    text += coefficient < 0 ? "-" : text.empty() ? "" : "+";
    std::string factors = llvm::join(llvm::map_range(atoms, [](const Atom &a) { return a.str(); }), "*");
    if (magnitude != 1 || factors.empty())
      text += std::to_string(magnitude) + (factors.empty() ? "" : "*");
    text += factors;
  }
  return text;
}

// Sizes wrap on overflow rather than trap; the entry's checks refuse sizes that large.
static int64_t wrapMul(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
static int64_t wrapAdd(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }

SizeExpr SizeExpr::operator+(const SizeExpr &other) const {
  SizeExpr sum = *this;
  for (auto &[atoms, coefficient] : other.terms) {
    int64_t &c = sum.terms[atoms];
    c = wrapAdd(c, coefficient);
    if (!c)
      sum.terms.erase(atoms);
  }
  return sum;
}

SizeExpr SizeExpr::operator*(const SizeExpr &other) const {
  SizeExpr product;
  for (auto &[a, ca] : terms)
    for (auto &[b, cb] : other.terms) {
      std::vector<Atom> atoms = a;
      atoms.insert(atoms.end(), b.begin(), b.end());
      std::sort(atoms.begin(), atoms.end());
      int64_t &c = product.terms[atoms];
      c = wrapAdd(c, wrapMul(ca, cb));
      if (!c)
        product.terms.erase(atoms);
    }
  return product;
}

static int64_t floorDivide(int64_t a, int64_t b) {
  int64_t q = a / b;
  return q * b != a && ((a < 0) != (b < 0)) ? q - 1 : q;
}

SizeExpr SizeExpr::floordiv(int64_t divisor) const {
  if (divisor == 1)
    return *this;
  // Terms that divide leave the bracket: (2*S + 3) floordiv 2 = S + 1 (the constant leaves by its floor).
  SizeExpr whole, rest;
  for (auto &[atoms, coefficient] : terms) {
    int64_t quotient = floorDivide(coefficient, divisor), remainder = coefficient - quotient * divisor;
    if (atoms.empty() || !remainder) {
      if (quotient)
        whole.terms[atoms] = quotient;
      if (remainder)
        rest.terms[atoms] = remainder;
    } else {
      rest.terms[atoms] = coefficient;
    }
  }
  if (auto c = rest.constant())
    return whole + SizeExpr(floorDivide(*c, divisor));
  SizeExpr e;
  e.terms[{Atom{"", {rest}, divisor}}] = 1;
  return whole + e;
}

std::optional<SizeExpr> SizeExpr::exactDiv(const SizeExpr &other) const {
  if (other.terms.size() != 1)
    return *this == other && !terms.empty() ? std::optional<SizeExpr>(1) : std::nullopt;
  auto &[factors, by] = *other.terms.begin();
  SizeExpr quotient;
  for (auto &[atoms, coefficient] : terms) {
    std::vector<Atom> left;
    std::vector<Atom> remaining = atoms;
    for (const Atom &f : factors) {
      auto it = std::find(remaining.begin(), remaining.end(), f);
      if (it == remaining.end())
        return std::nullopt;
      remaining.erase(it);
    }
    if (coefficient % by)
      return std::nullopt;
    quotient.terms[remaining] = coefficient / by;
  }
  return quotient;
}

static void collect(const SizeExpr &e, std::vector<std::string> &names) {
  for (auto &[atoms, coefficient] : e.getTerms())
    for (const SizeExpr::Atom &a : atoms) {
      if (a.divisor)
        collect(a.dividend.front(), names);
      else if (std::find(names.begin(), names.end(), a.symbol) == names.end())
        names.push_back(a.symbol);
    }
}

std::vector<std::string> SizeExpr::symbols() const {
  std::vector<std::string> names;
  collect(*this, names);
  return names;
}

SizeExpr SizeExpr::substitute(llvm::function_ref<std::optional<SizeExpr>(llvm::StringRef)> lookup) const {
  SizeExpr result;
  for (auto &[atoms, coefficient] : terms) {
    SizeExpr product(coefficient);
    for (const Atom &a : atoms) {
      if (a.divisor)
        product = product * a.dividend.front().substitute(lookup).floordiv(a.divisor);
      else
        product = product * lookup(a.symbol).value_or(SizeExpr::symbol(a.symbol));
    }
    result = result + product;
  }
  return result;
}

std::optional<int64_t> SizeExpr::evaluate(const llvm::StringMap<int64_t> &values) const {
  return substitute([&](llvm::StringRef name) -> std::optional<SizeExpr> {
           auto it = values.find(name);
           return it == values.end() ? std::nullopt : std::optional<SizeExpr>(SizeExpr(it->second));
         })
      .constant();
}

namespace {
/// Recursive descent over the grammar; `bad` latches the first mistake. Depth is bounded: the text may be hostile.
struct Parser {
  llvm::StringRef text;
  int depth = 0;
  bool bad = false;

  void skip() { text = text.ltrim(); }
  bool eat(llvm::StringRef token) {
    skip();
    return text.consume_front(token);
  }
  SizeExpr integer() {
    skip();
    uint64_t value = 0;
    if (text.consumeInteger(10, value) || value > uint64_t(INT64_MAX))
      bad = true;
    return SizeExpr(int64_t(value));
  }
  SizeExpr factor() {
    skip();
    if (bad || text.empty() || depth > 64) {
      bad = true;
      return SizeExpr();
    }
    if (eat("(")) {
      ++depth;
      SizeExpr e = sum();
      --depth;
      if (eat("floordiv")) {
        SizeExpr by = integer();
        if (bad || !by.constant() || *by.constant() <= 0)
          bad = true;
        else
          e = e.floordiv(*by.constant());
      }
      bad |= !eat(")");
      return e;
    }
    if (llvm::isDigit(text.front()))
      return integer();
    if (eat("-"))
      return factor() * SizeExpr(-1);
    llvm::StringRef name = text.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
    if (name.empty() || name == "floordiv")
      bad = true;
    text = text.drop_front(name.size());
    return bad ? SizeExpr() : SizeExpr::symbol(name);
  }
  SizeExpr product() {
    SizeExpr e = factor();
    while (!bad && eat("*"))
      e = e * factor();
    return e;
  }
  SizeExpr sum() {
    SizeExpr e = product();
    while (!bad) {
      if (eat("+"))
        e = e + product();
      else if (eat("-"))
        e = e - product();
      else
        break;
    }
    return e;
  }
};
} // namespace

std::optional<SizeExpr> SizeExpr::parse(llvm::StringRef text) {
  Parser p{text};
  SizeExpr e = p.sum();
  p.skip();
  if (p.bad || !p.text.empty())
    return std::nullopt;
  return e;
}

} // namespace weft
