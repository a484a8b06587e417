// Decides what is turned how: rows of very few elements are taken apart by shuffles of the vectors that they lie in,
// longer ones are turned as squares of vectors.
#include "Columns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace weft {

constexpr int64_t mostInterleaved = 4;

/// Whether the rows are taken apart by shuffles: they lie one behind the other.
bool Columns::isInterleaved(const Linear &access, int64_t rest) const {
  return length <= mostInterleaved && !rest && access.coefs[row] == SizeExpr(length);
}

/// A vector along a row, from a column on.
Point Columns::along(Point at, int64_t column) const {
  at.lane = lane;
  at.width = width;
  at.indices[lane] = e.index(column);
  at.mask = {};
  if (length - column < int64_t(width))
    at.mask = e.laneMask(e.index(length - column), width);
  return at;
}

SmallVector<Value> Columns::load(Value pointer, Type element, const Linear &access, const Point &first,
                                 int64_t rest) const {
  SmallVector<Value> columns, vectors;
  if (isInterleaved(access, rest)) {
    Point from = first;
    from.lane = lane;
    from.width = width;
    from.mask = {};
    for (int64_t v = 0; v < length; ++v) {
      Linear part = access;
      part.offset = part.offset + SizeExpr(v * width);
      vectors.push_back(e.load(pointer, element, part, from));
    }
    for (int64_t c = 0; c < length; ++c)
      columns.push_back(e.picked(vectors, [&](int64_t i) {
        int64_t at = i * length + c;
        return std::pair(at / width, at % width);
      }));
    return columns;
  }
  for (int64_t column = 0; column < length; column += width) {
    vectors.clear();
    for (int64_t t = 0; t < width; ++t) {
      Point from = along(first, column);
      from.indices[row] = e.add(first.indices[row], e.index(rest ? std::min(t, rest - 1) : t));
      vectors.push_back(e.load(pointer, element, access, from));
    }
    llvm::append_range(columns, e.transposed(vectors));
  }
  columns.resize(length);
  return columns;
}

void Columns::store(SmallVector<Value> columns, Value pointer, Type element, const Linear &access, const Point &first,
                    int64_t rest) const {
  OpBuilder &b = e.b;
  Type memory = Emitter::memoryType(element);
  for (Value &column : columns) {
    column = e.widen(column, width);
    if (element.isInteger(1))
      column = arith::ExtUIOp::create(b, e.loc, e.vectorOf(memory, width), column);
  }
  if (isInterleaved(access, rest)) {
    Point to = first;
    to.lane = lane;
    for (int64_t v = 0; v < length; ++v) {
      Linear part = access;
      part.offset = part.offset + SizeExpr(v * width);
      Value vector = e.picked(columns, [&](int64_t i) {
        int64_t at = v * width + i;
        return std::pair(at % length, at / length);
      });
      e.store(vector, pointer, memory, part, to);
    }
    return;
  }
  for (int64_t column = 0; column < length; column += width) {
    SmallVector<Value> vectors;
    for (int64_t c = column; c < column + int64_t(width); ++c)
      vectors.push_back(columns[std::min(c, length - 1)]);
    for (auto [t, vector] : llvm::enumerate(e.transposed(vectors))) {
      if (rest && int64_t(t) >= rest)
        break;
      Point to = along(first, column);
      to.indices[row] = e.add(first.indices[row], e.index(int64_t(t)));
      e.store(vector, pointer, memory, access, to);
    }
  }
}

} // namespace weft
