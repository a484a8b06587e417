// Decides how shapes with named sizes are read from and put into tensor types.
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"

using namespace mlir;

namespace weft {

Shape shapeOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  auto dims = dyn_cast_or_null<DimsAttr>(tensor.getEncoding());
  Shape shape;
  for (auto [i, size] : llvm::enumerate(tensor.getShape())) {
    if (!ShapedType::isDynamic(size))
      shape.push_back(SizeExpr(size));
    else if (dims && i < dims.getSizes().size() && dims.getSizes()[i].getValue() != "_")
      shape.push_back(dims.getSize(i));
    else
      shape.push_back(SizeExpr::symbol("unnamed" + std::to_string(i)));
  }
  return shape;
}

/// Whether a size is one that shapeOf made up for a bare `?`.
static bool isBare(const SizeExpr &size) {
  return llvm::any_of(size.symbols(), [](StringRef name) { return name.starts_with("unnamed"); });
}

RankedTensorType typeOf(ArrayRef<SizeExpr> shape, Type element) {
  MLIRContext *context = element.getContext();
  SmallVector<int64_t> sizes;
  SmallVector<StringAttr> names;
  bool named = false;
  for (const SizeExpr &size : shape) {
    auto constant = size.constant();
    sizes.push_back(constant ? *constant : ShapedType::kDynamic);
    bool hasName = !constant && !isBare(size); // a bare `?` stays one, until name-dims
    names.push_back(StringAttr::get(context, hasName ? size.str() : "_"));
    named |= hasName;
  }
  return RankedTensorType::get(sizes, element, named ? DimsAttr::get(context, names) : DimsAttr());
}

SizeExpr numElements(ArrayRef<SizeExpr> shape) {
  SizeExpr product(1);
  for (const SizeExpr &size : shape)
    product = product * size;
  return product;
}

PanelAttr panelOf(Type type) { return dyn_cast_or_null<PanelAttr>(cast<RankedTensorType>(type).getEncoding()); }

SizeExpr bytesOf(Type type) {
  Type element = cast<RankedTensorType>(type).getElementType();
  int64_t bytes = 8; // a key: two 32-bit words
  if (auto complex = dyn_cast<ComplexType>(element))
    bytes = 2 * complex.getElementType().getIntOrFloatBitWidth() / 8;
  else if (element.isIntOrFloat())
    bytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  Shape shape = shapeOf(type);
  PanelAttr panel = panelOf(type);
  if (!panel)
    return numElements(shape) * SizeExpr(bytes);
  SizeExpr lanes(1);
  for (int64_t dim : panel.getLanes())
    lanes = lanes * shape[dim];
  SizeExpr strips = (lanes + SizeExpr(panel.getStrip() - 1)).floordiv(panel.getStrip());
  for (int64_t dim : panel.getFolded())
    strips = strips * shape[dim];
  return strips * SizeExpr(panel.getStrip() * bytes);
}

RankedTensorType withElement(Type type, Type element) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(tensor.getShape(), element, tensor.getEncoding());
}

RankedTensorType withoutNames(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(tensor.getShape(), tensor.getElementType());
}

bool unify(Type formal, Type actual, llvm::StringMap<SizeExpr> &bindings) {
  auto f = dyn_cast<RankedTensorType>(formal), a = dyn_cast<RankedTensorType>(actual);
  if (!f || !a || f.getElementType() != a.getElementType() || f.getRank() != a.getRank() || panelOf(f) != panelOf(a))
    return false;
  for (auto [want, have] : llvm::zip(shapeOf(f), shapeOf(a))) {
    auto symbols = want.symbols();
    if (want.isSymbol() && !bindings.count(symbols.front())) {
      bindings[symbols.front()] = have;
      continue;
    }
    SizeExpr bound = want.substitute([&](StringRef name) -> std::optional<SizeExpr> {
      auto it = bindings.find(name);
      return it == bindings.end() ? std::nullopt : std::optional<SizeExpr>(it->second);
    });
    if (bound != have)
      return false;
  }
  return true;
}

bool unify(TypeRange formals, TypeRange actuals, llvm::StringMap<SizeExpr> &bindings) {
  if (formals.size() != actuals.size())
    return false;
  for (auto [formal, actual] : llvm::zip(formals, actuals)) {
    auto f = dyn_cast<RankedTensorType>(formal), a = dyn_cast<RankedTensorType>(actual);
    if (!f || !a || f.getRank() != a.getRank())
      return false;
    for (auto [want, have] : llvm::zip(shapeOf(f), shapeOf(a)))
      if (want.isSymbol())
        bindings.try_emplace(want.symbols().front(), have);
  }
  for (auto [formal, actual] : llvm::zip(formals, actuals))
    if (!unify(formal, actual, bindings))
      return false;
  return true;
}

Type substitute(Type type, const llvm::StringMap<SizeExpr> &bindings) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.getEncoding() || panelOf(tensor))
    return type;
  Shape shape = shapeOf(tensor);
  for (SizeExpr &size : shape)
    size = size.substitute([&](StringRef name) -> std::optional<SizeExpr> {
      auto it = bindings.find(name);
      return it == bindings.end() ? std::nullopt : std::optional<SizeExpr>(it->second);
    });
  return typeOf(shape, tensor.getElementType());
}

Type accumulatorType(Type element) {
  return element.isF16() || element.isBF16() ? Float32Type::get(element.getContext()) : element;
}

} // namespace weft
