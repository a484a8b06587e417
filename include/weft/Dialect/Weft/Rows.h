// Decides what a row of an array is: what stands at one index of its leading dimension.
#ifndef WEFT_DIALECT_WEFT_ROWS_H
#define WEFT_DIALECT_WEFT_ROWS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>

namespace weft {

struct Row {
  mlir::Value array;
  int64_t index;
};

/// The row that a value is, with the leading dimension (of size 1) or without it; nothing for other values.
std::optional<Row> rowOf(mlir::Value value);

/// A row, without the leading dimension if `type` has none.
mlir::Value takeRow(mlir::OpBuilder &builder, mlir::Location loc, Row row, mlir::RankedTensorType type);

/// `count` rows from a row on; the array itself where these are all.
mlir::Value takeRows(mlir::OpBuilder &builder, mlir::Location loc, Row first, int64_t count);

/// The type of `count` values side by side along a new leading dimension.
mlir::RankedTensorType stackedType(mlir::Type type, int64_t count);

} // namespace weft
#endif
