// Decides what is particular to tiles whose lanes the result holds as rows (a convolution's features): how rows of the
// image are packed, and how results are turned and written.
#include "Tile.h"

using namespace mlir;

namespace weft {

/// The vectors that bring a tile's rows from the image, of which so many pieces hold some, and the row each of them
/// begins with. They are whole in the panel: what is too much of one the next writes over, or the next step.
SmallVector<std::pair<Point, Value>> Tile::rowVectors(const Point &origin, Value i, int64_t count, int64_t pieces) {
  const int dim = rowPieces.back().back();
  const SizeExpr size = g.size(rowPieces.back());
  Shape sizes;
  for (auto &dims : ArrayRef<SmallVector<int>>(rowPieces).drop_back())
    sizes.push_back(g.size(dims));
  Value number = b.createOrFold<arith::DivUIOp>(e.loc, i, e.index(size)), place = e.sub(i, e.mul(number, size));
  SmallVector<std::pair<Point, Value>> vectors;
  Value begin = e.index(0), left = e.index(count); // the rows before this piece, and from it on
  for (int64_t piece = 0; piece < pieces; ++piece, place = e.index(0)) {
    Point from = origin;
    for (auto [dims, index] : llvm::zip(rowPieces, e.delinearize(e.add(number, e.index(piece)), sizes)))
      from.indices[dims.back()] = index;
    from.lane = dim;
    from.width = width;
    Value length = pieces == 1 ? left : e.minimum(left, e.sub(e.index(size), place));
    for (int64_t v = 0; v < std::min(count, *size.constant()); v += width) {
      from.indices[dim] = e.add(place, e.index(v));
      from.mask = pieces == 1 && count - v >= int64_t(width) ? Value() : e.laneMask(e.sub(length, e.index(v)), width);
      vectors.push_back({from, e.minimum(e.add(begin, e.index(v)), e.index(count))});
    }
    begin = e.add(begin, length);
    left = e.sub(left, length);
  }
  return vectors;
}

/// The rows of a turned tile, some steps of k at a time, so that tiles that share lines find them in the first cache.
void Tile::gatherLeft(const Point &origin, const Panel &panel, const Stretch &rows, const Stretch &k) {
  const Type element = g.buffers[c.leftBuffer].element;
  const int64_t size = *g.size(rowPieces.back()).constant(), steps = *inner.constant();
  auto tile = [&](Value i, int64_t count, const Stretch &k) {
    auto inPieces = [&](int64_t pieces) {
      auto vectors = rowVectors(origin, i, count, pieces);
      auto step = [&](const Point &at, Value flat, ValueRange) {
        Value to = panelOffset(panel, i, count, flat);
        for (auto [from, row] : vectors) {
          for (int dim : c.folded)
            from.indices[dim] = at.indices[dim];
          e.store(e.load(e.pointers[c.leftBuffer], element, c.leftAccess, from), panel.memory, element,
                  Linear{0, {SizeExpr(1), SizeExpr(1)}}, rowOfMemory(e, e.add(row, to), width));
        }
        return SmallVector<Value>();
      };
      overK(0, origin, e.index(0), k, {}, step, {}, /*unrolls=*/8);
    };
    const int64_t most = (count + size - 2) / size + 1;
    if (rowPieces.size() == 1 || most == 1) {
      inPieces(1);
      return;
    }
    Value inPiece = b.createOrFold<arith::RemUIOp>(e.loc, i, e.index(size));
    Value ends = e.isLess(e.index(size), e.add(inPiece, e.index(count)));
    e.when(ends, [&] { inPieces(most); }, [&] { inPieces(1); });
  };
  const int64_t together = std::max<int64_t>(1, 64 / steps);
  e.loop(k.first, k.end, together, [&](Value from) {
    Stretch some{from, e.minimum(e.add(from, e.index(together)), k.end)};
    overTiles(rows, [&](Value i, int64_t count) { tile(i, count, some); });
  });
}

void Tile::finishTurned(const Item &item, Value i, unsigned rows, const Lanes &lanes, ArrayRef<Value> accs) {
  const unsigned vectors = lanes.vectors(), squares = llvm::divideCeil(rows, width);
  Value memory = item.results;
  Linear slots{0, {SizeExpr(resultPitch()), SizeExpr(1)}};
  if (memory) { // with the other tiles of the strip: finishStrip
    memory = e.address(memory, c.accumulator, e.sub(i, item.rows.first));
  } else {
    memory = e.stack(c.accumulator, int64_t(vectors) * width * squares * width);
    slots.coefs[0] = SizeExpr(int64_t(squares * width));
  }
  auto slot = [&](unsigned square) { return Linear{SizeExpr(int64_t(square * width)), slots.coefs}; };
  Value nothing = e.widen(e.identity(e.combiner(node)), width);
  for (unsigned v = 0; v < vectors; ++v)
    for (unsigned square = 0; square < squares; ++square) {
      SmallVector<Value> values;
      for (unsigned r = square * width; r < (square + 1) * width; ++r)
        values.push_back(r < rows ? accs[r * vectors + v] : nothing);
      for (auto [t, vector] : llvm::enumerate(e.transposed(values)))
        e.store(vector, memory, c.accumulator, slot(square), rowOfMemory(e, e.index(int64_t(v * width + t)), width));
    }
  if (item.results)
    return;
  e.loop(e.index(0), e.index(int64_t(vectors) * width), 1, [&](Value lane) {
    for (unsigned square = 0; square < squares; ++square) {
      Point point = item.origin;
      point.indices[n.back()] = e.add(lanes.j, lane);
      point.indices[m.back()] = e.add(i, e.index(int64_t(square * width)));
      point.lane = m.back();
      point.width = width;
      if (int64_t left = rows - square * width; left < int64_t(width))
        point.mask = e.laneMask(e.index(left), width);
      finish(point, e.load(memory, c.accumulator, slot(square), rowOfMemory(e, lane, width)));
    }
  });
}

/// The epilogue on a strip of which all rows of the item are summed, lane by lane: on as many rows at once as are
/// written side by side, whatever the tiles were.
void Tile::finishStrip(const Item &item, const Lanes &lanes) {
  SmallVector<SmallVector<int>> pieces = rowsWritten;
  SizeExpr size = g.size(pieces.back());
  pieces.pop_back();
  Shape sizes;
  for (auto &dims : pieces)
    sizes.push_back(g.size(dims));
  Value firstPiece = b.createOrFold<arith::DivUIOp>(e.loc, item.rows.first, e.index(size));
  Value endPiece = b.createOrFold<arith::CeilDivUIOp>(e.loc, item.rows.end, e.index(size));
  auto overPiece = [&](Value lane, Value piece) {
    Point at = item.origin;
    for (auto [dims, index] : llvm::zip(pieces, e.delinearize(piece, sizes)))
      at.indices[dims.back()] = index;
    at.indices[n.back()] = e.add(lanes.j, lane);
    Value start = e.mul(piece, size), from = e.sub(start, item.rows.first);
    Value first = b.createOrFold<arith::MaxSIOp>(e.loc, e.sub(item.rows.first, start), e.index(0));
    Value stop = e.minimum(e.sub(item.rows.end, start), e.index(size));
    auto some = [&](Value place, unsigned wide, Value mask) {
      at.indices[m.back()] = place;
      at.lane = wide > 1 ? m.back() : -1;
      at.width = wide;
      at.mask = mask;
      Point there = rowOfMemory(e, lane, wide);
      there.indices[1] = e.add(from, place);
      finish(at, e.load(item.results, c.accumulator, Linear{0, {SizeExpr(resultPitch()), SizeExpr(1)}}, there));
    };
    Value whole = e.add(first, e.roundDown(e.sub(stop, first), width));
    e.loop(first, whole, width, [&](Value place) { some(place, width, {}); });
    if (e.target.cheapMaskedStore || epilogueInLoop)
      return e.loop(whole, stop, width,
                    [&](Value place) { some(place, width, e.laneMask(e.sub(stop, place), width)); });
    // Powers of two: a masked store is dear.
    for (unsigned wide = width / 2; wide; wide /= 2) {
      Value bit = e.index(int64_t(wide)), none = e.index(0);
      Value has = b.createOrFold<arith::AndIOp>(e.loc, e.sub(stop, whole), bit);
      Value isThere = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::ne, has, none);
      e.when(isThere, [&] { some(whole, wide, {}); });
      whole = e.add(whole, has);
    }
  };
  e.loop(e.index(0), e.index(int64_t(lanes.vectors()) * width), 1,
         [&](Value lane) { e.loop(firstPiece, endPiece, 1, [&](Value piece) { overPiece(lane, piece); }); });
}

} // namespace weft
