// Decides how rows that are shorter than vectors pass between memory and vectors of columns: lanes run across rows, of
// which a step has one vector for each column, and what lies row by row in memory is turned in registers.
#ifndef WEFT_CODEGEN_CPU_COLUMNS_H
#define WEFT_CODEGEN_CPU_COLUMNS_H

#include "weft/Codegen/CPU/Emitter.h"

namespace weft {

struct Columns {
  Emitter &e;
  unsigned width; // rows at a time
  int64_t length; // of a row
  int row, lane;  // the dimensions from row to row, and along one, in which elements lie side by side

  /// The columns of the rows from `first` on, of which `rest` are there (0: all).
  llvm::SmallVector<mlir::Value> load(mlir::Value pointer, mlir::Type element, const Linear &access, const Point &first,
                                      int64_t rest) const;
  void store(llvm::SmallVector<mlir::Value> columns, mlir::Value pointer, mlir::Type element, const Linear &access,
             const Point &first, int64_t rest) const;

private:
  bool isInterleaved(const Linear &access, int64_t rest) const;
  Point along(Point at, int64_t column) const;
};

} // namespace weft
#endif
