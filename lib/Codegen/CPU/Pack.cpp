// Decides how operands of contractions are packed: strips of neighbouring rows or lanes, each k after k, so that a
// register tile reads one stream; operands whose k lie side by side are turned in registers.
#include "Tile.h"

using namespace mlir;

namespace weft {

SizeExpr Tile::panelBytes(SizeExpr places, int64_t strip, const SizeExpr &length, unsigned bytes) {
  SizeExpr strips = (places + SizeExpr(strip - 1)).floordiv(strip);
  return strips * length * SizeExpr(strip * int64_t(bytes));
}

Value Tile::panelOffset(const Panel &panel, Value place, int64_t strip, Value k) {
  // A strip is whole up to the last one, so the places before this one fill their strips.
  Value base = e.mul(e.sub(place, panel.first), panel.length);
  return e.add(base, e.mul(panel.k ? e.sub(k, panel.k) : k, SizeExpr(strip)));
}

/// The rows, tile by tile. The last tile may be a smaller one.
void Tile::fillLeft(const Point &origin, const Panel &panel, const Stretch &rows, const Stretch &k) {
  if (s.group > 1)
    return groupLeft(origin, panel, rows, k);
  Type element = g.buffers[c.leftBuffer].element;
  overTiles(rows, [&](Value i, int64_t count) {
    overK(0, origin, e.index(0), k, {}, [&](const Point &at, Value flat, ValueRange) {
      Point to;
      to.indices = {panelOffset(panel, i, count, flat)};
      for (int64_t r = 0; r < count; ++r) {
        Point from = at;
        from.indices[m.back()] = i;
        Linear linear = c.leftAccess;
        linear.offset = linear.offset + linear.coefs[m.back()] * SizeExpr(r);
        Value value = e.load(e.pointers[c.leftBuffer], element, linear, from);
        e.store(widensLeft() ? converted(c.left, at, 1, value) : value, panel.memory, leftElement(),
                Linear{SizeExpr(r), {SizeExpr(1)}}, to);
      }
      return SmallVector<Value>();
    });
  });
}

/// One step of k of a strip; lanes past the end are 0.
void Tile::copyRight(const Point &at, const Panel &panel, const Lanes &lanes, Value flat) {
  Type element = g.buffers[c.rightBuffer].element;
  Value to = panelOffset(panel, lanes.j, strip(), flat);
  for (unsigned v = 0; v < lanes.vectors(); ++v)
    e.store(e.load(e.pointers[c.rightBuffer], element, c.rightAccess, lanePoint(at, lanes, v)), panel.memory, element,
            Linear{SizeExpr(int64_t(v * width)), {SizeExpr(1), SizeExpr(1)}}, rowOfMemory(e, to, width));
}

void Tile::fillRight(const Point &origin, const Panel &panel, const Stretch &lanes, const Stretch &k) {
  if (s.group > 1)
    return groupRight(origin, panel, lanes, k);
  if (!pieces.empty())
    return gatherRight(origin, panel, lanes, k);
  auto isOne = [&](int dim) { return c.rightAccess.coefs[dim] == SizeExpr(1); };
  if (width > 1 && ks.size() == 1 && isOne(ks.front().back()) && !isOne(n.back()))
    return overStrips(lanes, [&](const Lanes &strip) { turnRight(origin, panel, strip, k); });
  // Some strips at a time, so that rows are read in long stretches.
  e.loop(lanes.first, lanes.end, 8 * strip(), [&](Value j) {
    Stretch some = stretch(j, 8 * strip(), lanes.end, false);
    overK(0, origin, e.index(0), k, {}, [&](const Point &at, Value flat, ValueRange) {
      overStrips(some, [&](const Lanes &strip) { copyRight(at, panel, strip, flat); });
      return SmallVector<Value>();
    });
  });
}

/// Lanes in several pieces (the steps of a window's rows): at each k some strips' worth of them are laid side by side
/// in a buffer, piece by piece, and from there go to the strips.
void Tile::gatherRight(const Point &origin, const Panel &panel, const Stretch &lanes, const Stretch &k) {
  Type element = g.buffers[c.rightBuffer].element;
  const int64_t together = 8 * strip();
  ArrayRef<int> last = pieces.back();
  SizeExpr length = g.size(last);
  Shape sizes;
  for (auto &dims : ArrayRef(pieces).drop_back())
    sizes.push_back(g.size(dims));
  Value row = e.stack(element, together + width); // the end of a piece is written by whole vectors
  Linear inRow{0, {SizeExpr(1), SizeExpr(1)}};
  e.loop(lanes.first, lanes.end, together, [&](Value j) {
    Value end = e.minimum(e.add(j, e.index(together)), lanes.end);
    Value firstPiece = b.createOrFold<arith::DivUIOp>(e.loc, j, e.index(length));
    Value endPiece = b.createOrFold<arith::CeilDivUIOp>(e.loc, end, e.index(length));
    overK(0, origin, e.index(0), k, {}, [&](const Point &at, Value flat, ValueRange) {
      e.loop(firstPiece, endPiece, 1, [&](Value piece) {
        Point from = at;
        for (auto [dims, i] : llvm::zip(pieces, e.delinearize(piece, sizes)))
          from.indices[dims.back()] = i;
        Value start = e.mul(piece, length);
        Value first = b.createOrFold<arith::MaxSIOp>(e.loc, e.sub(j, start), e.index(0));
        Value stop = e.minimum(e.sub(end, start), e.index(length));
        from.lane = width > 1 ? last.back() : -1;
        from.width = width;
        Value to = e.sub(start, j);
        Value whole = e.add(first, e.roundDown(e.sub(stop, first), width));
        auto copy = [&](Value i) {
          from.indices[last.back()] = i;
          e.store(e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from), row, element, inRow,
                  rowOfMemory(e, e.add(to, i), width));
        };
        e.loop(first, whole, width, copy);
        e.loop(whole, stop, width, [&](Value i) {
          from.mask = width > 1 ? e.laneMask(e.sub(stop, i), width) : Value();
          copy(i);
        });
      });
      e.loop(j, end, strip(), [&](Value strips) {
        Value from = e.sub(strips, j), to = panelOffset(panel, strips, strip(), flat);
        for (int64_t v = 0; v < s.vectors; ++v) {
          Linear at{SizeExpr(v * width), {SizeExpr(1), SizeExpr(1)}};
          e.store(e.load(row, element, at, rowOfMemory(e, from, width)), panel.memory, element, at,
                  rowOfMemory(e, to, width));
        }
      });
      return SmallVector<Value>();
    });
  });
}

/// A strip whose k lie side by side: squares of lanes by k, turned in registers.
void Tile::turnRight(const Point &origin, const Panel &panel, const Lanes &lanes, const Stretch &k) {
  Type element = g.buffers[c.rightBuffer].element;
  int dim = ks.front().back();
  Value middle = e.add(k.first, e.roundDown(e.sub(k.end, k.first), width));
  e.loop(k.first, middle, width, [&](Value at) {
    Point from = origin;
    from.indices[dim] = at;
    from.lane = dim;
    from.width = width;
    auto turn = [&](Value v, Value mask) {
      SmallVector<Value> rows;
      for (unsigned t = 0; t < width; ++t) {
        Value lane = e.add(e.add(lanes.j, v), e.index(t));
        if (mask) // a lane past the end reads the last one; its products are not stored
          lane = e.minimum(lane, e.sub(e.index(N), e.index(1)));
        from.indices[n.back()] = lane;
        rows.push_back(e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from));
      }
      for (auto [t, vector] : llvm::enumerate(e.transposed(rows))) {
        Point to = rowOfMemory(e, panelOffset(panel, lanes.j, strip(), e.add(at, e.index(t))), width);
        to.indices[1] = v;
        e.store(vector, panel.memory, element, Linear{SizeExpr(0), {SizeExpr(1), SizeExpr(1)}}, to);
      }
    };
    // As a loop where vectors are alike: shuffles are dear to compile.
    if (llvm::none_of(lanes.masks, [](Value mask) { return bool(mask); }))
      e.loop(e.index(0), e.index(int64_t(lanes.vectors()) * width), width, [&](Value v) { turn(v, {}); });
    else
      for (unsigned v = 0; v < lanes.vectors(); ++v)
        turn(e.index(v * width), lanes.masks[v]);
  });
  e.loop(middle, k.end, 1, [&](Value at) {
    Point from = origin;
    from.indices[dim] = at;
    copyRight(from, panel, lanes, at);
  });
}

} // namespace weft
