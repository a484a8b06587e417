// Decides how an assumption on named sizes is read.
#include "weft/Dialect/Weft/Assumption.h"

namespace weft {

std::optional<Assumption> Assumption::parse(llvm::StringRef text) {
  size_t at = text.find_first_of("=!<>");
  if (at == llvm::StringRef::npos)
    return std::nullopt;
  llvm::StringRef left = text.take_front(at), right = text.drop_front(at);
  Assumption assumption;
  for (llvm::StringRef op : {"==", "!=", "<=", ">=", "<", ">"})
    if (right.consume_front(op)) {
      assumption.op = op.str();
      break;
    }
  int64_t modulus = 0;
  if (auto [size, number] = left.split(" mod "); !number.empty()) {
    if (number.trim().getAsInteger(10, modulus) || modulus <= 0)
      return std::nullopt;
    left = size;
  }
  auto lhs = SizeExpr::parse(left.trim()), rhs = SizeExpr::parse(right.trim());
  if (assumption.op.empty() || !lhs || !rhs)
    return std::nullopt;
  assumption.lhs = modulus ? *lhs - lhs->floordiv(modulus) * SizeExpr(modulus) : *lhs;
  assumption.rhs = *rhs;
  return assumption;
}

bool Assumption::compare(llvm::StringRef op, int64_t lhs, int64_t rhs) {
  if (op == "==" || op == "!=")
    return (lhs == rhs) == (op == "==");
  if (op == "<" || op == ">=")
    return (lhs < rhs) == (op == "<");
  return (lhs > rhs) == (op == ">");
}

} // namespace weft
