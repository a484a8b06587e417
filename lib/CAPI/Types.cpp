// Decides how types, sizes and attributes are made and read over the C API without text: element types are the
// runtime's codes, sizes are numbers or their normal form.
#include "Support.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "weft/Dialect/Weft/ElementTypes.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Runtime/Image.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"

using namespace mlir;
using namespace weft::capi;
using weft::SizeExpr;

MlirType weftTypeParse(MlirContext context, MlirStringRef text, WeftBytes *error) {
  Diagnostics diagnostics(unwrap(context));
  Type type = parseType(unwrap(text), unwrap(context));
  if (!type)
    diagnostics.into(error, "the text is not a type");
  return wrap(type);
}

MlirAttribute weftAttributeParse(MlirContext context, MlirStringRef text, WeftBytes *error) {
  Diagnostics diagnostics(unwrap(context));
  Attribute attribute = parseAttribute(unwrap(text), unwrap(context));
  if (!attribute)
    diagnostics.into(error, "the text is not an attribute");
  return wrap(attribute);
}

static Type elementType(MLIRContext *context, int32_t dtype) {
  auto integer = [&](unsigned width, bool isUnsigned = false) -> Type {
    return IntegerType::get(context, width, isUnsigned ? IntegerType::Unsigned : IntegerType::Signless);
  };
  switch (dtype) {
  case WEFT_BOOL:
    return integer(1);
  case WEFT_I8:
    return integer(8);
  case WEFT_I16:
    return integer(16);
  case WEFT_I32:
    return integer(32);
  case WEFT_I64:
    return integer(64);
  case WEFT_U8:
    return integer(8, true);
  case WEFT_U16:
    return integer(16, true);
  case WEFT_U32:
    return integer(32, true);
  case WEFT_U64:
    return integer(64, true);
  case WEFT_F16:
    return Float16Type::get(context);
  case WEFT_BF16:
    return BFloat16Type::get(context);
  case WEFT_F32:
    return Float32Type::get(context);
  case WEFT_F64:
    return Float64Type::get(context);
  case WEFT_C64:
    return ComplexType::get(Float32Type::get(context));
  case WEFT_C128:
    return ComplexType::get(Float64Type::get(context));
  case WEFT_KEY:
    return weft::KeyType::get(context);
  default:
    return nullptr;
  }
}

/// As weft::dtypeOf, and of complex numbers, which types may have though no program computes with them yet.
static int32_t dtypeOf(Type type) {
  for (int32_t code : {WEFT_C64, WEFT_C128})
    if (elementType(type.getContext(), code) == type)
      return code;
  return weft::dtypeOf(type);
}

MlirType weftElementType(MlirContext context, int32_t dtype) { return wrap(elementType(unwrap(context), dtype)); }

MlirType weftTensorType(MlirContext context, int32_t dtype, intptr_t rank, const int64_t *sizes,
                        const MlirStringRef *texts) {
  Type element = elementType(unwrap(context), dtype);
  weft::Shape shape;
  for (intptr_t i = 0; element && i < rank; ++i) {
    std::optional<SizeExpr> size = sizes[i] >= 0 ? std::optional<SizeExpr>(SizeExpr(sizes[i]))
                                   : texts       ? SizeExpr::parse(unwrap(texts[i]))
                                                 : std::nullopt;
    if (!size)
      return {nullptr};
    shape.push_back(*size);
  }
  return wrap(element ? Type(weft::typeOf(shape, element)) : Type());
}

bool weftTypeDescribe(MlirType type, int32_t *dtype, intptr_t *rank, int64_t *sizes, intptr_t capacity) {
  auto tensor = llvm::dyn_cast<RankedTensorType>(unwrap(type));
  if (!tensor || !(*dtype = dtypeOf(tensor.getElementType())))
    return false;
  *rank = tensor.getRank();
  for (intptr_t i = 0; i < *rank && i < capacity; ++i)
    sizes[i] = tensor.isDynamicDim(i) ? -1 : tensor.getDimSize(i);
  return true;
}

void weftTypeSizeText(MlirType type, intptr_t index, MlirStringCallback callback, void *user) {
  std::string text = weft::shapeOf(unwrap(type))[index].str();
  callback(wrap(StringRef(text)), user);
}

/// The greatest constant kept as a dense attribute: those live as long as the context.
static constexpr size_t denseLimit = 1024;

MlirAttribute weftConstantAttr(MlirType type, const void *data, size_t bytes) {
  auto tensor = llvm::dyn_cast<RankedTensorType>(unwrap(type));
  if (!tensor || !tensor.hasStaticShape())
    return {nullptr};
  int32_t width = weft_dtype_size(dtypeOf(tensor.getElementType()));
  if (!width || size_t(tensor.getNumElements()) * width != bytes)
    return {nullptr};
  auto *chars = static_cast<const char *>(data);
  ArrayRef<char> raw(chars, bytes);
  bool splat = bytes && (bytes == size_t(width) || std::memcmp(chars, chars + width, bytes - width) == 0);
  if (tensor.getElementType().isInteger(1)) {
    SmallVector<bool> values;
    for (size_t i = 0, n = splat ? 1 : bytes; i < n; ++i)
      values.push_back(chars[i] != 0);
    return wrap(DenseElementsAttr::get(tensor, values));
  }
  if (splat)
    return wrap(DenseElementsAttr::getFromRawBuffer(tensor, raw.take_front(width)));
  if (bytes <= denseLimit)
    return wrap(DenseElementsAttr::getFromRawBuffer(tensor, raw));
  // Equal content has an equal name, so that equal constants are equal attributes.
  std::array<uint8_t, 16> digest =
      llvm::BLAKE3::hash<16>(ArrayRef<uint8_t>(reinterpret_cast<const uint8_t *>(chars), bytes));
  std::string name = "c" + llvm::toHex(digest, /*LowerCase=*/true);
  auto &manager = DenseResourceElementsHandle::getManagerInterface(tensor.getContext());
  if (auto *entry = manager.getBlobManager().lookup(name))
    return wrap(DenseResourceElementsAttr::get(
        tensor, DenseResourceElementsHandle(entry, llvm::cast<BuiltinDialect>(manager.getDialect()))));
  return wrap(DenseResourceElementsAttr::get(tensor, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(raw, 64)));
}

MlirAttribute weftSizeAttr(MlirContext context, MlirStringRef text) {
  std::optional<SizeExpr> size = SizeExpr::parse(unwrap(text));
  return wrap(size ? Attribute(weft::SizeAttr::get(unwrap(context), *size)) : Attribute());
}

MlirAttribute weftEnumAttr(MlirContext context, MlirStringRef keyword, MlirStringRef value) {
  // One line an enum of the dialect, generated beside the op table (tools/gen_op_table.py).
#define WEFT_ENUM(mnemonic, Enum)                                                                                      \
  if (unwrap(keyword) == mnemonic) {                                                                                   \
    if (auto found = weft::symbolizeEnum<weft::Enum>(unwrap(value)))                                                   \
      return wrap(Attribute(weft::Enum##Attr::get(unwrap(context), *found)));                                          \
    return {nullptr};                                                                                                  \
  }
#include "weft-c/EnumList.inc"
#undef WEFT_ENUM
  return {nullptr};
}
