// Decides what a value of the reference is: row-major elements in native width (bool: a byte; f16 and bf16: two).
#ifndef WEFT_REFERENCE_TENSOR_H
#define WEFT_REFERENCE_TENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "weft/Reference/Scalar.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>
#include <vector>

namespace weft {

class Tensor {
public:
  Tensor() = default;
  /// Zeros.
  Tensor(mlir::Type element, llvm::ArrayRef<int64_t> shape);
  /// The elements of a dense attribute or resource; nothing where the attribute has another form.
  static std::optional<Tensor> fromAttr(mlir::ElementsAttr attr);
  static Tensor scalar(Scalar value);

  mlir::Type getElementType() const { return element; }
  llvm::ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getRank() const { return shape.size(); }
  int64_t getNumElements() const;
  int64_t getNumBytes() const { return getNumElements() * byteWidth(element); }
  /// Bytes of an element in memory; 0 for element types without a reference (complex).
  static int64_t byteWidth(mlir::Type element);
  char *data() { return bytes->data(); }
  const char *data() const { return bytes->data(); }

  /// By row-major position.
  Scalar at(int64_t position) const;
  void set(int64_t position, Scalar value);
  /// The same elements under another shape (shared).
  Tensor reshaped(llvm::ArrayRef<int64_t> newShape) const;
  /// The same bytes as elements of another type.
  Tensor bitcast(mlir::Type newElement, llvm::ArrayRef<int64_t> newShape) const;
  /// As a dense attribute of this element type and shape.
  mlir::DenseElementsAttr toAttr() const;

  /// A new tensor whose element at an index is this one's at position base + sum of index[i] * strides[i].
  Tensor strided(llvm::ArrayRef<int64_t> newShape, int64_t base, llvm::ArrayRef<int64_t> strides) const;
  /// Writes the elements of `x` at positions base + sum of index[i] * strides[i].
  void place(const Tensor &x, int64_t base, llvm::ArrayRef<int64_t> strides);
  /// Positions between neighbours of each dimension.
  llvm::SmallVector<int64_t, 4> strides() const;
  /// Slice i of the leading dimension, copied, and its writing.
  Tensor row(int64_t i) const;
  void setRow(int64_t i, const Tensor &value);

  /// All elements as T (float, double, int64_t or uint64_t), which must hold them exactly.
  template <class T> std::vector<T> values() const;
  /// From such numbers: rounded or wrapped to the element type.
  template <class T> static Tensor of(mlir::Type element, llvm::ArrayRef<int64_t> shape, const std::vector<T> &values);

private:
  mlir::Type element;
  llvm::SmallVector<int64_t, 4> shape;
  std::shared_ptr<std::vector<char>> bytes;
};

} // namespace weft
#endif
