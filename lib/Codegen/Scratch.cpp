// Decides how scratch of several requests is one: their greatest, or a bound of it where sizes have names.
#include "weft/Codegen/Scratch.h"
#include "mlir/IR/Builders.h"
#include "weft/Dialect/Weft/SizeBounds.h"
#include "weft/Dialect/Weft/Weft.h"

using namespace mlir;

namespace weft {

void Scratch::include(const Scratch &other) {
  if (other.body != SizeExpr(0)) {
    bool isFirst = body == SizeExpr(0);
    threads = isFirst ? other.threads : threads && other.threads ? std::max(threads, other.threads) : 0;
  }
  own = noLessThan(own, other.own);
  body = noLessThan(body, other.body);
}

Attribute Scratch::toAttr(MLIRContext *context) const {
  Builder b(context);
  return b.getDictionaryAttr({b.getNamedAttr("body", SizeAttr::get(context, body)),
                              b.getNamedAttr("own", SizeAttr::get(context, own)),
                              b.getNamedAttr("threads", b.getI64IntegerAttr(threads))});
}

Scratch Scratch::fromAttr(Attribute attribute) {
  auto parts = cast<DictionaryAttr>(attribute);
  return {parts.getAs<SizeAttr>("own").getSize(), parts.getAs<SizeAttr>("body").getSize(),
          parts.getAs<IntegerAttr>("threads").getInt()};
}

std::string Scratch::text() const { return own.str() + ";" + body.str() + ";" + std::to_string(threads); }

std::optional<Scratch> Scratch::parse(StringRef text) {
  SmallVector<StringRef> parts;
  text.split(parts, ';');
  Scratch scratch;
  if (parts.size() != 3 || parts[2].getAsInteger(10, scratch.threads))
    return std::nullopt;
  auto own = SizeExpr::parse(parts[0]), body = SizeExpr::parse(parts[1]);
  if (!own || !body)
    return std::nullopt;
  scratch.own = *own;
  scratch.body = *body;
  return scratch;
}

} // namespace weft
