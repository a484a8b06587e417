// Decides what a value of the reference is: row-major elements in native width (bool: a byte; f16 and bf16: two).
#ifndef WEFT_REFERENCE_TENSOR_H
#define WEFT_REFERENCE_TENSOR_H

#include "weft/Reference/Scalar.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>
#include <vector>

namespace weft {

class Tensor {
public:
  Tensor() = default;
  /// Zeros.
  Tensor(mlir::Type element, llvm::ArrayRef<int64_t> shape);
  static Tensor fromAttr(mlir::ElementsAttr attr);
  static Tensor scalar(Scalar value);

  mlir::Type getElementType() const { return element; }
  llvm::ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getRank() const { return shape.size(); }
  int64_t getNumElements() const;
  int64_t getNumBytes() const;
  static int64_t byteWidth(mlir::Type element);
  char *data() { return bytes->data(); }
  const char *data() const { return bytes->data(); }

  /// By row-major position.
  Scalar at(int64_t position) const;
  void set(int64_t position, Scalar value);
  /// The same elements under another shape (shared).
  Tensor reshaped(llvm::ArrayRef<int64_t> newShape) const;
  /// As a dense attribute of the given type.
  mlir::DenseElementsAttr toAttr() const;

private:
  mlir::Type element;
  llvm::SmallVector<int64_t, 4> shape;
  std::shared_ptr<std::vector<char>> bytes;
};

} // namespace weft
#endif
