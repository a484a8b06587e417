// Decides how tensors of the reference keep, convert and rearrange their elements.
#include "weft/Reference/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "weft/Dialect/Weft/Weft.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include <cstring>

using namespace mlir;
using namespace weft;

//===-- Elements in memory
//-----------------------------------------------------------------------------------------===//

int64_t Tensor::byteWidth(Type element) {
  if (isa<KeyType>(element))
    return 8;
  if (!element.isIntOrFloat())
    return 0;
  return (element.getIntOrFloatBitWidth() + 7) / 8;
}

template <class T> static T load(const char *at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
template <class T> static void store(char *at, T value) { std::memcpy(at, &value, sizeof value); }

static double widenHalf(Type element, uint16_t bits) {
  return llvm::APFloat(cast<FloatType>(element).getFloatSemantics(), llvm::APInt(16, bits)).convertToDouble();
}
static uint16_t narrowHalf(Type element, double value) {
  llvm::APFloat number(value);
  bool losesInfo;
  number.convert(cast<FloatType>(element).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

/// Calls fn with a value of the C++ type in which integers of this element type are kept.
template <class Fn> static void withIntType(Type element, Fn fn) {
  bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  switch (Tensor::byteWidth(element)) {
  case 1:
    return isUnsigned ? fn(uint8_t()) : fn(int8_t());
  case 2:
    return isUnsigned ? fn(uint16_t()) : fn(int16_t());
  case 4:
    return isUnsigned ? fn(uint32_t()) : fn(int32_t());
  default:
    return isUnsigned ? fn(uint64_t()) : fn(int64_t());
  }
}

/// Calls fn(T()) for a type T whose values convert to and from the elements by `load<T>`; f16 and bf16 by themselves.
template <class Fn, class HalfFn> static void withType(Type element, Fn fn, HalfFn half) {
  if (element.isF32())
    return fn(float());
  if (element.isF64())
    return fn(double());
  if (isa<FloatType>(element))
    return half();
  withIntType(element, fn);
}

Tensor::Tensor(Type element, ArrayRef<int64_t> shape)
    : element(element), shape(shape), bytes(std::make_shared<std::vector<char>>(getNumBytes())) {}

Tensor Tensor::scalar(Scalar value) {
  Tensor t(value.type, {});
  t.set(0, value);
  return t;
}

int64_t Tensor::getNumElements() const {
  if (llvm::is_contained(shape, 0))
    return 0; // whatever the other sizes, whose product may overflow
  int64_t n = 1;
  for (int64_t size : shape)
    n *= size;
  return n;
}

Scalar Tensor::at(int64_t position) const {
  const char *where = data() + position * byteWidth(element);
  Scalar s;
  s.type = element;
  withType(
      element,
      [&](auto zero) {
        using T = decltype(zero);
        if constexpr (std::is_floating_point_v<T>)
          s.f = load<T>(where);
        else
          s.i = int64_t(load<T>(where));
      },
      [&] { s.f = widenHalf(element, load<uint16_t>(where)); });
  return s;
}

void Tensor::set(int64_t position, Scalar value) {
  char *where = data() + position * byteWidth(element);
  withType(
      element,
      [&](auto zero) {
        using T = decltype(zero);
        if constexpr (std::is_floating_point_v<T>)
          store(where, T(value.f));
        else
          store(where, T(value.i));
      },
      [&] { store(where, narrowHalf(element, value.f)); });
}

template <class T> std::vector<T> Tensor::values() const {
  std::vector<T> result(getNumElements());
  withType(
      element,
      [&](auto zero) {
        const char *from = data();
        for (T &value : result) {
          value = T(load<decltype(zero)>(from));
          from += sizeof zero;
        }
      },
      [&] {
        for (size_t i = 0; i < result.size(); ++i)
          result[i] = T(widenHalf(element, load<uint16_t>(data() + 2 * i)));
      });
  return result;
}

template <class T> Tensor Tensor::of(Type element, ArrayRef<int64_t> shape, const std::vector<T> &values) {
  Tensor result(element, shape);
  withType(
      element,
      [&](auto zero) {
        char *to = result.data();
        for (T value : values) {
          store(to, decltype(zero)(value));
          to += sizeof zero;
        }
      },
      [&] {
        for (size_t i = 0; i < values.size(); ++i)
          store(result.data() + 2 * i, narrowHalf(element, double(values[i])));
      });
  return result;
}

#define WEFT_INSTANTIATE(T)                                                                                            \
  template std::vector<T> Tensor::values<T>() const;                                                                   \
  template Tensor Tensor::of<T>(Type, ArrayRef<int64_t>, const std::vector<T> &);
WEFT_INSTANTIATE(float)
WEFT_INSTANTIATE(double)
WEFT_INSTANTIATE(int64_t)
WEFT_INSTANTIATE(uint64_t)
#undef WEFT_INSTANTIATE

//===-- Attributes
//---------------------------------------------------------------------------------------------------===//

std::optional<Tensor> Tensor::fromAttr(ElementsAttr attr) {
  Tensor result(attr.getElementType(), attr.getShapedType().getShape());
  Type element = result.element;
  if (!byteWidth(element))
    return std::nullopt;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || int64_t(blob->getData().size()) != result.getNumBytes())
      return std::nullopt;
    if (result.getNumBytes())
      std::memcpy(result.data(), blob->getData().data(), result.getNumBytes());
    return result;
  }
  auto dense = dyn_cast<DenseElementsAttr>(attr);
  if (!dense)
    return std::nullopt;
  int64_t i = 0;
  if (isa<FloatType>(element))
    for (const APFloat &value : dense.getValues<APFloat>()) {
      APFloat wide = value;
      bool losesInfo;
      wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
      result.set(i++, Scalar::ofFloat(element, wide.convertToDouble()));
    }
  else
    for (const APInt &value : dense.getValues<APInt>())
      result.set(i++, Scalar::ofInt(element, int64_t(value.getRawData()[0])));
  return result;
}

DenseElementsAttr Tensor::toAttr() const {
  auto type = RankedTensorType::get(shape, element);
  if (element.isInteger(1)) {
    SmallVector<bool> bits;
    for (int64_t i = 0, n = getNumElements(); i < n; ++i)
      bits.push_back(data()[i] != 0);
    return DenseElementsAttr::get(type, bits);
  }
  return DenseElementsAttr::getFromRawBuffer(type, ArrayRef<char>(data(), getNumBytes()));
}

//===-- Rearranging
//--------------------------------------------------------------------------------------------------===//

Tensor Tensor::reshaped(ArrayRef<int64_t> newShape) const {
  Tensor result = *this;
  result.shape.assign(newShape.begin(), newShape.end());
  return result;
}

Tensor Tensor::bitcast(Type newElement, ArrayRef<int64_t> newShape) const {
  Tensor result = reshaped(newShape);
  result.element = newElement;
  return result;
}

SmallVector<int64_t, 4> Tensor::strides() const {
  SmallVector<int64_t, 4> result(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    result[i - 1] = result[i] * shape[i];
  return result;
}

/// Calls fn(dense position, strided position) for every index of the shape, in row-major order.
template <class Fn> static void forEachIndex(ArrayRef<int64_t> shape, int64_t base, ArrayRef<int64_t> strides, Fn fn) {
  if (llvm::is_contained(shape, 0))
    return;
  SmallVector<int64_t, 6> index(shape.size(), 0);
  for (int64_t dense = 0, at = base;; ++dense) {
    fn(dense, at);
    size_t d = shape.size();
    while (d-- > 0) {
      at += strides[d];
      if (++index[d] < shape[d])
        break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
    if (d == size_t(-1))
      return;
  }
}

/// fn is called with a zero of an unsigned type of this many bytes.
template <class Fn> static void withWidth(int64_t width, Fn fn) {
  if (width == 1)
    fn(uint8_t());
  else if (width == 2)
    fn(uint16_t());
  else if (width == 4)
    fn(uint32_t());
  else
    fn(uint64_t());
}

Tensor Tensor::strided(ArrayRef<int64_t> newShape, int64_t base, ArrayRef<int64_t> strides) const {
  Tensor result(element, newShape);
  withWidth(byteWidth(element), [&](auto zero) {
    using T = decltype(zero);
    auto *to = reinterpret_cast<T *>(result.data());
    auto *from = reinterpret_cast<const T *>(data());
    forEachIndex(newShape, base, strides, [&](int64_t dense, int64_t at) { to[dense] = from[at]; });
  });
  return result;
}

void Tensor::place(const Tensor &x, int64_t base, ArrayRef<int64_t> strides) {
  withWidth(byteWidth(element), [&](auto zero) {
    using T = decltype(zero);
    auto *to = reinterpret_cast<T *>(data());
    auto *from = reinterpret_cast<const T *>(x.data());
    forEachIndex(x.shape, base, strides, [&](int64_t dense, int64_t at) { to[at] = from[dense]; });
  });
}

Tensor Tensor::row(int64_t i) const {
  Tensor result(element, ArrayRef(shape).drop_front());
  if (int64_t size = result.getNumBytes())
    std::memcpy(result.data(), data() + i * size, size);
  return result;
}

void Tensor::setRow(int64_t i, const Tensor &value) {
  if (int64_t size = value.getNumBytes())
    std::memcpy(data() + i * size, value.data(), size);
}
