// Decides what a register tile asks for before it reads it: strips of the right operand, rows of the left one, what the
// epilogue takes; each tile its share, step by step, so that memory works all the while.
#include "Tile.h"

using namespace mlir;

namespace weft {

void Tile::expectLeft(const Point &at, Value i, unsigned rows) {
  Point from = at;
  from.indices[m.back()] = i;
  Linear linear = c.leftAccess;
  linear.offset = linear.offset + linear.coefs[ks.front().back()] * SizeExpr(s.ahead);
  auto step = linear.coefs[m.back()].constant();
  int64_t line = std::max<int64_t>(1, 64 / leftBytes()), last = step ? *step * int64_t(rows - 1) : 0;
  for (int64_t offset = 0; offset < last + line; offset += line) {
    Linear there = linear;
    there.offset = there.offset + SizeExpr(std::min(offset, last));
    e.prefetch(e.pointers[c.leftBuffer], leftElement(), there, from);
  }
}

void Tile::expectStrip(const Item &item, const Point &at, Value i, const Lanes &lanes) {
  const int64_t line = 64 / int64_t(rightBytes());
  auto k = K.constant(), n = N.constant();
  if (!item.right || !item.number || !k || !n || *k * *n * int64_t(rightBytes()) <= e.target.l1Bytes)
    return;
  // The tiles that use this strip share out the lines of the next one, and each asks for its own step by step.
  const int64_t inBlock = llvm::divideCeil(s.rowBlock, s.rows);
  const int64_t share = llvm::divideCeil(*k * strip() / line, itemsOfStrip * inBlock);
  int64_t steps = 1;
  Value step = e.index(0);
  for (auto &dims : ks.size() > 1 ? ArrayRef(ks).drop_back() : ArrayRef(ks)) {
    step = e.add(e.mul(step, g.size(dims)), at.indices[dims.back()]);
    steps *= g.size(dims).constant().value_or(1);
  }
  const int64_t each = llvm::divideCeil(share, steps);
  Value tile = e.add(e.mul(item.number, SizeExpr(inBlock)), tileNumber(item, i));
  Value first = e.add(e.mul(tile, SizeExpr(share * line)), e.mul(step, SizeExpr(each * line)));
  first = e.add(first, panelOffset(item.right, e.add(lanes.j, e.index(strip())), strip(), e.index(0)));
  for (int64_t l = 0; l < each; ++l)
    e.prefetch(item.right.memory, g.buffers[c.rightBuffer].element,
               Linear{SizeExpr(l * line), {SizeExpr(1), SizeExpr(1)}}, rowOfMemory(e, first, 1));
}

void Tile::expectNext(const Item &item, Value first, int64_t count, Value k) {
  const int64_t turns = std::min(count, 64 / int64_t(rightBytes()));
  Point at = item.origin;
  at.indices[ks.front().back()] = e.add(k, item.stepsToNext);
  first = e.add(first, e.mul(b.createOrFold<arith::RemUIOp>(e.loc, k, e.index(turns)), SizeExpr(count / turns)));
  for (int64_t i = 0; i < count / turns; ++i) {
    at.indices[n.back()] = e.add(item.nextLane, e.add(first, e.index(i)));
    e.prefetch(e.pointers[c.rightBuffer], g.buffers[c.rightBuffer].element, c.rightAccess, at);
  }
}

/// How many tiles of the item stand above the one at row i; the last ones may be a row shorter (overTiles).
Value Tile::tileNumber(const Item &item, Value i) {
  Value below = e.add(e.sub(i, item.rows.first), e.index(s.rows - 1));
  return b.createOrFold<arith::DivUIOp>(e.loc, below, e.index(s.rows));
}

/// Strips of a panel that all items read come from the last cache or from memory: the tiles of one share out the strip
/// behind it, some elements at each step of k.
std::optional<Tile::Ahead> Tile::aheadOf(const Item &item, Value i, const Lanes &lanes, const Block &block) {
  if (!s.ahead || (s.turned && !item.left) || !item.right || item.copies || item.nextLane || streamsPanel())
    return std::nullopt;
  const int64_t share = llvm::divideCeil(strip(), tilesOfItem()), shares = llvm::divideCeil(strip(), share);
  Stretch k = steps(block.k);
  Value number = b.createOrFold<arith::RemUIOp>(e.loc, tileNumber(item, i), e.index(shares));
  Value first = e.mul(k.first, inner), length = e.sub(e.mul(k.end, inner), first);
  Value from = e.add(panelOffset(item.right, e.add(lanes.j, e.index(strip())), strip(), first),
                     e.mul(b.createOrFold<arith::MulIOp>(e.loc, number, length), SizeExpr(share)));
  return Ahead{e.sub(from, e.mul(first, SizeExpr(share))), share};
}

void Tile::expect(const Point &origin, Value i, unsigned rows, const Lanes &lanes) {
  for (auto &[buffer, access] : tiles) {
    Type element = g.buffers[buffer].element;
    for (unsigned r = 0; r < rows; ++r)
      for (unsigned v = 0; v < lanes.vectors(); ++v) {
        if (v * width * Emitter::byteWidth(element) % 64)
          continue;
        Point at = origin;
        at.indices[m.back()] = i;
        Linear row = access;
        row.offset = row.offset + row.coefs[m.back()] * SizeExpr(int64_t(r));
        e.prefetch(e.pointers[buffer], element, row, lanePoint(at, lanes, v));
      }
  }
}

} // namespace weft
