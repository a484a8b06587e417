// Decides what the dialect registers, and how its types and attributes are written and checked.
#include "mlir/IR/DialectImplementation.h"
#include "weft/Dialect/Weft/Effects.h"
#include "weft/Dialect/Weft/Linalg.h"
#include "weft/Dialect/Weft/Network.h"
#include "weft/Dialect/Weft/Weft.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace weft;

#include "weft/Dialect/Weft/WeftDialect.cpp.inc"
#include "weft/Dialect/Weft/WeftEnums.cpp.inc"
#include "weft/Dialect/Weft/WeftInterfaces.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "weft/Dialect/Weft/WeftTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "weft/Dialect/Weft/WeftAttrs.cpp.inc"

void WeftDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "weft/Dialect/Weft/WeftTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "weft/Dialect/Weft/WeftAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Elementwise.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Reduction.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Movement.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Indexing.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Contraction.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Window.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Linalg.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Sorting.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Creation.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Control.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Random.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Effects.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Recompute.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Composite.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "weft/Dialect/Weft/Ops/Network.cpp.inc"
      >();
}

Operation *WeftDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getShapedType() != type)
    return nullptr;
  return ConstantOp::create(builder, loc, elements);
}

//===-- #weft.dims -----------------------------------------------------------------------------------------------===//

/// A size in normal form, read up to the next `,` or `>` outside brackets. The lexer's tokens are glued, so the text is
/// rebuilt from them: identifiers, integers, + - * ( ).
static FailureOr<std::string> parseSizeText(AsmParser &parser) {
  std::string text;
  int depth = 0;
  SMLoc loc = parser.getCurrentLocation();
  // Words stay apart: `B S` is a mistake, not the symbol BS.
  auto append = [&](llvm::StringRef word) {
    bool touches = !text.empty() && (llvm::isAlnum(text.back()) || text.back() == '_');
    text += (touches ? " " : "") + word.str();
  };
  while (true) {
    std::string keyword;
    APInt number;
    // A sign is a token of its own, but parseOptionalInteger would swallow it and insist on digits: `B-(S floordiv 2)`.
    if (succeeded(parser.parseOptionalMinus()))
      text += "-";
    else if (succeeded(parser.parseOptionalKeywordOrString(&keyword)))
      append(keyword);
    else if (OptionalParseResult r = parser.parseOptionalInteger(number); r.has_value()) {
      if (failed(*r))
        return failure();
      append(llvm::toString(number, 10, /*Signed=*/false));
    } else if (succeeded(parser.parseOptionalPlus()))
      text += "+";
    else if (succeeded(parser.parseOptionalStar()))
      text += "*";
    else if (succeeded(parser.parseOptionalLParen())) {
      text += "(";
      ++depth;
    } else if (depth && succeeded(parser.parseOptionalRParen())) {
      text += ")";
      --depth;
    } else
      break;
  }
  if (text == "_")
    return text;
  auto expr = SizeExpr::parse(text);
  if (!expr) {
    parser.emitError(loc, "[WF2001] expected a size expression such as 2*S+1");
    return failure();
  }
  return expr->str();
}

Attribute DimsAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> sizes;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, [&]() -> ParseResult {
        auto text = parseSizeText(parser);
        if (failed(text))
          return failure();
        sizes.push_back(StringAttr::get(parser.getContext(), *text));
        return success();
      }))
    return {};
  return DimsAttr::get(parser.getContext(), sizes);
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getSizes(), printer, [&](StringAttr s) { printer << s.getValue(); });
  printer << ">";
}

SizeExpr DimsAttr::getSize(unsigned i) const { return *SizeExpr::parse(getSizes()[i].getValue()); }

Attribute SizeAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  auto text = parseSizeText(parser);
  if (failed(text) || parser.parseGreater())
    return {};
  return SizeAttr::get(parser.getContext(), StringAttr::get(parser.getContext(), *text));
}

void SizeAttr::print(AsmPrinter &printer) const { printer << "<" << getText().getValue() << ">"; }

SizeAttr SizeAttr::get(MLIRContext *context, const SizeExpr &size) {
  return get(context, StringAttr::get(context, size.str()));
}

SizeExpr SizeAttr::getSize() const { return *SizeExpr::parse(getText().getValue()); }

//===-- #weft.slot -----------------------------------------------------------------------------------------------===//

static bool hasPlace(SlotKind kind) { return kind != SlotKind::Alias && kind != SlotKind::InPlace; }

Attribute SlotAttr::parse(AsmParser &parser, Type) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeyword(&keyword))
    return {};
  auto kind = symbolizeSlotKind(keyword);
  if (!kind) {
    parser.emitError(loc, "[WF2002] expected a kind of slot such as arena, got ") << keyword;
    return {};
  }
  std::string place = "0";
  if (hasPlace(*kind)) {
    auto text = parseSizeText(parser);
    if (failed(text))
      return {};
    place = *text;
    if (*kind != SlotKind::Arena && *kind != SlotKind::Frame && !SizeExpr::parse(place)->constant()) {
      parser.emitError(loc, "[WF2002] expected a number after ") << keyword << ", got " << place;
      return {};
    }
  }
  if (parser.parseGreater())
    return {};
  return SlotAttr::get(parser.getContext(), *kind, StringAttr::get(parser.getContext(), place));
}

void SlotAttr::print(AsmPrinter &printer) const {
  printer << "<" << stringifySlotKind(getKind());
  if (hasPlace(getKind()))
    printer << " " << getText().getValue();
  printer << ">";
}

SlotAttr SlotAttr::get(MLIRContext *context, SlotKind kind, const SizeExpr &place) {
  return get(context, kind, StringAttr::get(context, place.str()));
}

SizeExpr SlotAttr::getPlace() const { return *SizeExpr::parse(getText().getValue()); }
