// Decides how shapes with named sizes are read and made: a Shape is a list of size expressions.
#ifndef WEFT_DIALECT_WEFT_SHAPE_H
#define WEFT_DIALECT_WEFT_SHAPE_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeRange.h"
#include "weft/Dialect/Weft/SizeExpr.h"
#include "llvm/ADT/SmallVector.h"

namespace weft {

using Shape = llvm::SmallVector<SizeExpr, 4>;

/// The sizes of a tensor type. A dynamic size without a name (before name-dims) becomes a symbol `?<i>` that equals
/// nothing that has a name.
Shape shapeOf(mlir::Type type);
inline Shape shapeOf(mlir::Value value) { return shapeOf(value.getType()); }

/// The tensor type of a shape: constants are static, the rest `?` with names.
mlir::RankedTensorType typeOf(llvm::ArrayRef<SizeExpr> shape, mlir::Type element);

/// The product of all sizes.
SizeExpr numElements(llvm::ArrayRef<SizeExpr> shape);

class PanelAttr;
/// The layout of a value in memory; null: dense, row-major.
PanelAttr panelOf(mlir::Type type);

/// The bytes of a value in memory; a bool takes one.
SizeExpr bytesOf(mlir::Type type);

/// The same type with another element type, or another shape.
mlir::RankedTensorType withElement(mlir::Type type, mlir::Type element);

/// A tensor type without names (for linalg).
mlir::RankedTensorType withoutNames(mlir::Type type);

/// Matches the sizes of `formal` (a callee's type, symbols free) with `actual`; extends `bindings`; false if they
/// differ.
bool unify(mlir::Type formal, mlir::Type actual, llvm::StringMap<SizeExpr> &bindings);

/// The same for lists, in any order of sizes: names that stand alone are bound first, then every size is compared.
bool unify(mlir::TypeRange formals, mlir::TypeRange actuals, llvm::StringMap<SizeExpr> &bindings);

/// The type with its symbols replaced.
mlir::Type substitute(mlir::Type type, const llvm::StringMap<SizeExpr> &bindings);

/// The float type in which a type accumulates and computes: f32 for f16 and bf16, otherwise itself.
mlir::Type accumulatorType(mlir::Type element);

} // namespace weft
#endif
