// Decides how .npy headers are read and written, and how values are printed.
#include "Npy.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace weft;
using llvm::StringRef;

static llvm::Error damaged(const llvm::Twine &what) {
  return llvm::createStringError("[WF1702] not a sound .npy file: " + what);
}

//===-- Element types
//----------------------------------------------------------------------------------------------===//

static Type typeOfDescr(StringRef descr, MLIRContext *context) {
  if (!descr.consume_front("<") && !descr.consume_front("|") && !descr.consume_front("="))
    return {};
  Builder b(context);
  auto integer = [&](unsigned bits, bool isSigned) {
    return IntegerType::get(context, bits, isSigned ? IntegerType::Signless : IntegerType::Unsigned);
  };
  return llvm::StringSwitch<Type>(descr)
      .Case("b1", b.getI1Type())
      .Case("i1", integer(8, true))
      .Case("i2", integer(16, true))
      .Case("i4", integer(32, true))
      .Case("i8", integer(64, true))
      .Case("u1", integer(8, false))
      .Case("u2", integer(16, false))
      .Case("u4", integer(32, false))
      .Case("u8", integer(64, false))
      .Case("f2", b.getF16Type())
      .Case("f4", b.getF32Type())
      .Case("f8", b.getF64Type())
      .Case("V2", b.getBF16Type())
      .Default({});
}

static std::string descrOf(Type element) {
  if (element.isInteger(1))
    return "|b1";
  std::string bytes = std::to_string(Tensor::byteWidth(element));
  if (element.isBF16())
    return "<V2";
  const char *kind = isa<FloatType>(element) ? "f" : element.isUnsignedInteger() ? "u" : "i";
  return (bytes == "1" ? "|" : "<") + std::string(kind) + bytes;
}

//===-- Reading
//----------------------------------------------------------------------------------------------------===//

/// The text after `'key':` in the header's dict.
static std::optional<StringRef> field(StringRef header, StringRef key) {
  for (char quote : {'\'', '"'}) {
    std::string name = quote + key.str() + quote;
    size_t at = header.find(name);
    if (at == StringRef::npos)
      continue;
    StringRef rest = header.drop_front(at + name.size()).ltrim();
    if (rest.consume_front(":"))
      return rest.ltrim();
  }
  return std::nullopt;
}

llvm::Expected<Tensor> weft::readNpy(StringRef bytes, MLIRContext *context) {
  if (!bytes.consume_front(StringRef("\x93NUMPY", 6)))
    return damaged("it does not begin as one");
  if (bytes.size() < 4)
    return damaged("it ends within its header");
  unsigned version = static_cast<unsigned char>(bytes[0]), lengthBytes = version == 1 ? 2 : 4;
  if (version < 1 || version > 3)
    return damaged("version " + llvm::Twine(version) + " is not known");
  bytes = bytes.drop_front(2);
  if (bytes.size() < lengthBytes)
    return damaged("it ends within its header");
  uint64_t length = 0;
  for (unsigned i = 0; i < lengthBytes; ++i)
    length |= uint64_t(static_cast<unsigned char>(bytes[i])) << (8 * i);
  bytes = bytes.drop_front(lengthBytes);
  if (bytes.size() < length)
    return damaged("it ends within its header");
  StringRef header = bytes.take_front(length), data = bytes.drop_front(length);

  auto descr = field(header, "descr"), order = field(header, "fortran_order"), shapeText = field(header, "shape");
  if (!descr || descr->size() < 2 || !order || !shapeText || !shapeText->consume_front("("))
    return damaged("its header lacks descr, fortran_order or shape");
  char quote = descr->front();
  Type element = typeOfDescr(descr->drop_front().split(quote).first, context);
  if ((quote != '\'' && quote != '"') || !element)
    return llvm::createStringError("[WF1603] elements of type " + descr->take_front(12).split(',').first.str() +
                                   " have no place here; hint: convert with .astype, little-endian");
  SmallVector<int64_t, 4> shape;
  StringRef sizes = shapeText->split(')').first;
  double total = double(Tensor::byteWidth(element));
  for (StringRef rest = sizes; !rest.trim().empty();) {
    auto [size, more] = rest.split(',');
    int64_t n;
    if (size.trim().rtrim('L').getAsInteger(10, n) || n < 0)
      return damaged("its shape is (" + sizes.take_front(40) + ")");
    shape.push_back(n);
    total *= double(n);
    rest = more;
  }
  if (total != double(data.size()))
    return damaged("its shape needs " + llvm::Twine(uint64_t(std::min(total, 1e18))) + " bytes, it has " +
                   llvm::Twine(data.size()));
  Tensor tensor(element, shape);
  if (!data.empty())
    std::memcpy(tensor.data(), data.data(), data.size());
  if (element.isInteger(1))
    for (int64_t i = 0; i < tensor.getNumBytes(); ++i)
      tensor.data()[i] = tensor.data()[i] != 0;
  if (!order->starts_with("True"))
    return tensor;
  // Fortran order: the first index varies fastest.
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t i = 1; i < shape.size(); ++i)
    strides[i] = strides[i - 1] * shape[i - 1];
  return tensor.strided(shape, 0, strides);
}

//===-- Writing
//----------------------------------------------------------------------------------------------------===//

std::string weft::writeNpy(const Tensor &tensor) {
  std::string header;
  llvm::raw_string_ostream out(header);
  out << "{'descr': '" << descrOf(tensor.getElementType()) << "', 'fortran_order': False, 'shape': (";
  llvm::interleaveComma(tensor.getShape(), out);
  out << (tensor.getRank() == 1 ? ",), }" : "), }");
  // Magic, version and length are 10 bytes; data begins at a multiple of 64.
  while ((header.size() + 11) % 64)
    header += ' ';
  header += '\n';
  std::string file("\x93NUMPY\x01\x00", 8);
  file += char(header.size() & 0xff);
  file += char(header.size() >> 8);
  return file + header + std::string(tensor.data(), tensor.getNumBytes());
}

//===-- Printing
//-----------------------------------------------------------------------------------------------------===//

static std::string printScalar(Scalar value) {
  if (value.type.isInteger(1))
    return value.i ? "True" : "False";
  if (!value.isFloat())
    return value.isUnsigned() ? std::to_string(uint64_t(value.i)) : std::to_string(value.i);
  if (std::isnan(value.f))
    return "nan";
  if (std::isinf(value.f))
    return value.f < 0 ? "-inf" : "inf";
  // The fewest digits that give the number back; with an exponent only where it is far from 1.
  char text[64];
  int digits = 1;
  for (; digits < 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*e", digits - 1, value.f);
    if (Scalar::ofFloat(value.type, std::strtod(text, nullptr)).f == value.f)
      break;
  }
  std::snprintf(text, sizeof text, "%.*e", digits - 1, value.f);
  int exponent = std::atoi(std::strchr(text, 'e') + 1);
  if (value.f == 0 || (exponent >= -4 && exponent < 16))
    std::snprintf(text, sizeof text, "%.*f", std::max(0, digits - 1 - exponent), value.f);
  return StringRef(text).find_first_of(".e") == StringRef::npos ? std::string(text) + "." : text;
}

static void print(llvm::raw_ostream &out, const Tensor &tensor, size_t dim, int64_t base, unsigned indent) {
  if (dim == tensor.getShape().size()) {
    out << printScalar(tensor.at(base));
    return;
  }
  int64_t size = tensor.getShape()[dim], stride = tensor.strides()[dim];
  bool cut = tensor.getNumElements() > 1000 && size > 6, last = dim + 1 == tensor.getShape().size();
  out << "[";
  for (int64_t i = 0; i < size; ++i) {
    if (i)
      last ? out << ", " : (out << ",\n").indent(indent + 1);
    if (cut && i == 3) {
      out << "...";
      i = size - 4;
      continue;
    }
    print(out, tensor, dim + 1, base + i * stride, indent + 1);
  }
  out << "]";
}

std::string weft::printTensor(const Tensor &tensor) {
  std::string text;
  llvm::raw_string_ostream out(text);
  print(out, tensor, 0, 0, 0);
  return text;
}
