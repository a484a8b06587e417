// Decides how marks of ops that run side by side are read and written.
#include "weft/Kernels/Beside.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;

namespace weft {

static constexpr llvm::StringLiteral name = "weft.beside";

std::optional<Beside> besideOf(Operation *op) {
  auto mark = op->getAttrOfType<DenseI64ArrayAttr>(name);
  return mark && mark.size() == 2 ? std::optional<Beside>({mark[0], mark[1]}) : std::nullopt;
}

void setBeside(Operation *op, Beside beside) {
  op->setAttr(name, DenseI64ArrayAttr::get(op->getContext(), {beside.group, beside.part}));
}

bool runBeside(Operation *a, Operation *b) {
  auto one = besideOf(a), other = besideOf(b);
  return one && other && one->isApartFrom(*other);
}

void joinPart(Operation *op, Operation *user) {
  if (auto beside = besideOf(user))
    setBeside(op, *beside);
}

} // namespace weft
