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
  if (s.turned)
    return gatherLeft(origin, panel, rows, k);
  overTiles(rows, [&](Value i, int64_t count) {
    Value middle = runsLeft() ? turnLeft(origin, panel, i, count, k) : k.first;
    leftByOne(origin, panel, i, count, {middle, k.end});
  });
}

bool Tile::runsLeft() {
  auto isOne = [&](int dim) { return c.leftAccess.coefs[dim] == SizeExpr(1); };
  return width > 1 && ks.size() == 1 && !m.empty() && (isOne(ks.front().back()) || isOne(m.back()));
}

/// The steps of k of a tile's rows, number by number.
void Tile::leftByOne(const Point &origin, const Panel &panel, Value i, int64_t count, const Stretch &k) {
  Type element = g.buffers[c.leftBuffer].element;
  overK(0, origin, e.index(0), k, {}, [&](const Point &at, Value flat, ValueRange) {
    Point to;
    to.indices = {panelOffset(panel, i, count, flat)};
    for (int64_t r = 0; r < count; ++r) {
      Point from = at;
      from.indices[m.back()] = readsFrom(i);
      Linear linear = c.leftAccess;
      linear.offset = linear.offset + linear.coefs[m.back()] * SizeExpr(r);
      Value value = e.load(e.pointers[c.leftBuffer], element, linear, from);
      e.store(widensLeft() ? converted(c.left, at, 1, value) : value, panel.memory, leftElement(),
              Linear{SizeExpr(r), {SizeExpr(1)}}, to);
    }
    return SmallVector<Value>();
  });
}

/// A tile's rows by whole vectors, of rows side by side or of k, which are turned in registers. What is too much of a
/// vector the next step writes over; the last steps, as far as there is no room behind them, are left: returns the
/// first of them.
Value Tile::turnLeft(const Point &origin, const Panel &panel, Value i, int64_t count, const Stretch &k) {
  Type element = g.buffers[c.leftBuffer].element;
  const int dim = ks.front().back();
  const bool turns = c.leftAccess.coefs[dim] == SizeExpr(1);
  const int64_t step = turns ? width : 1;
  const int64_t over = llvm::divideCeil(llvm::alignTo(count, width) - count, count);
  Value steps = e.sub(k.end, k.first), first = readsFrom(i);
  if (over > stepsBehind())
    steps = b.createOrFold<arith::MaxSIOp>(e.loc, e.sub(steps, e.index(over - stepsBehind())), e.index(0));
  Value middle = e.add(k.first, e.roundDown(steps, step));
  e.loop(k.first, middle, step, [&](Value at) {
    Point from = origin;
    from.indices[dim] = at;
    from.lane = turns ? dim : m.back();
    from.width = width;
    auto loaded = [&](int64_t row, int64_t rows) {
      from.indices[m.back()] = e.add(first, e.index(row));
      from.mask = rows < int64_t(width) ? e.laneMask(e.index(rows), width) : Value();
      if (turns) { // each row is a stream of its own, too many for the processor to follow
        Linear soon = c.leftAccess;
        soon.offset = soon.offset + SizeExpr(2 * int64_t(width));
        e.prefetch(e.pointers[c.leftBuffer], element, soon, from);
      }
      Value vector = e.load(e.pointers[c.leftBuffer], element, c.leftAccess, from);
      return widensLeft() ? converted(c.left, from, width, vector) : vector;
    };
    SmallVector<SmallVector<Value>> parts; // of `width` rows each: a vector for each step
    for (int64_t first = 0; first < count; first += width) {
      SmallVector<Value> &vectors = parts.emplace_back();
      for (int64_t t = 0; turns && t < int64_t(width); ++t) // a row past the end is the last one
        vectors.push_back(loaded(std::min(first + t, count - 1), width));
      vectors = turns ? e.transposed(vectors) : SmallVector<Value>{loaded(first, count - first)};
    }
    for (int64_t t = 0; t < step; ++t) {
      Point to = rowOfMemory(e, panelOffset(panel, i, count, e.add(at, e.index(t))), width);
      for (auto [part, vectors] : llvm::enumerate(parts))
        e.store(vectors[t], panel.memory, leftElement(), Linear{SizeExpr(part * width), {SizeExpr(1), SizeExpr(1)}},
                to);
    }
  });
  return middle;
}

void Tile::fillRow(const Point &origin, const Panel &panel, Value row, const Stretch &k) {
  Type element = g.buffers[c.leftBuffer].element;
  const int dim = ks.front().back(), step = int(width * s.group);
  Point from = origin;
  from.indices[m.back()] = row;
  from.lane = step > 1 ? dim : -1;
  from.width = step;
  auto over = [&](Value first, Value end, bool masks, SmallVector<Value> sofar) {
    return e.loopCarry(first, end, step, sofar, [&](Value at, ValueRange carried) {
      from.indices[dim] = at;
      from.mask = masks ? e.laneMask(e.sub(end, at), step) : Value();
      Value loaded = e.load(e.pointers[c.leftBuffer], element, c.leftAccess, from);
      loaded = step > 1 ? e.widen(loaded, step) : loaded;
      Value value = s.group > 1 ? groupsAlong(c.left, loaded) : converted(c.left, from, step, loaded);
      Value number = b.createOrFold<arith::DivUIOp>(e.loc, at, e.index(s.group));
      e.store(value, panel.memory, leftElement(), Linear{0, {SizeExpr(1), SizeExpr(1)}},
              rowOfMemory(e, panelOffset(panel, row, 1, number), width));
      return sumsHalves() ? extremes(carried, value) : SmallVector<Value>();
    });
  };
  bool whole = step == 1 || (K.constant() && *K.constant() % step == 0 && !depth);
  Value middle = whole ? k.end : e.add(k.first, e.roundDown(e.sub(k.end, k.first), step));
  SmallVector<Value> ends = over(k.first, middle, false, sumsHalves() ? noExtremes() : SmallVector<Value>());
  if (!whole)
    ends = over(middle, k.end, true, ends);
  if (sumsHalves())
    noteWild(ends, panel, row, 1);
}

/// One step of k of a strip; lanes past the end are 0.
void Tile::copyRight(const Point &at, const Panel &panel, const Lanes &lanes, Value flat) {
  Type element = g.buffers[c.rightBuffer].element;
  Value to = panelOffset(panel, lanes.j, strip(), flat);
  for (unsigned v = 0; v < lanes.vectors(); ++v) {
    Point from = lanePoint(at, lanes, v);
    Value vector = asPacked(from, width, e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from));
    e.store(vector, panel.memory, rightElement(), Linear{SizeExpr(int64_t(v * width)), {SizeExpr(1), SizeExpr(1)}},
            rowOfMemory(e, to, width));
  }
}

bool Tile::turnsRight() {
  auto isOne = [&](int dim) { return c.rightAccess.coefs[dim] == SizeExpr(1); };
  return width > 1 && s.group == 1 && pieces.empty() && ks.size() == 1 && isOne(ks.front().back()) && !isOne(n.back());
}

void Tile::fillRight(const Point &origin, const Panel &panel, const Stretch &lanes, const Stretch &k) {
  if (s.group > 1)
    return groupRight(origin, panel, lanes, k);
  if (!pieces.empty())
    return gatherRight(origin, panel, lanes, k);
  if (turnsRight())
    return e.loop(lanes.first, lanes.end, strip(), [&](Value j) { turnRight(origin, panel, anyStrip(j), k); });
  // Some strips at a time, so that rows are read in long stretches.
  e.loop(lanes.first, lanes.end, 8 * strip(), [&](Value j) {
    Stretch some = stretch(j, 8 * strip(), lanes.end, false);
    overK(0, origin, e.index(0), k, {}, [&](const Point &at, Value flat, ValueRange) {
      overStrips(some, [&](const Lanes &strip) { copyRight(at, panel, strip, flat); }, /*whole=*/true);
      return SmallVector<Value>();
    });
  });
}

/// Lanes that lie in several pieces: some steps of k at a time they are laid side by side in a buffer, piece by piece;
/// `spread` then brings each step, from its place there, to where it belongs. So many steps that what was stored is
/// there when it is read again.
void Tile::sideBySide(const Point &origin, const Stretch &places, int64_t length, const Stretch &k, SideBySide spread) {
  Type element = g.buffers[c.rightBuffer].element;
  const int64_t together = 16, pitch = length + width; // the end of a piece is written by whole vectors
  ArrayRef<int> last = pieces.back();
  SizeExpr size = g.size(last);
  Shape sizes;
  for (auto &dims : ArrayRef<SmallVector<int>>(pieces).drop_back())
    sizes.push_back(g.size(dims));
  Value memory = e.stack(element, together * pitch);
  auto rowOf = [&](Value step, Value place) {
    return rowOfMemory(e, e.add(e.mul(step, SizeExpr(pitch)), place), width);
  };
  // Steps of the innermost group from `begin` to `end`; `flat` is the position of its first in all of k.
  auto some = [&](const Point &at, Value flat, Value begin, Value end) {
    auto each = [&](llvm::function_ref<void(Point, Value)> body) {
      e.loop(begin, end, 1, [&](Value i) {
        Point deeper = at;
        if (!ks.empty())
          deeper.indices[ks.back().back()] = i;
        body(deeper, i);
      });
    };
    Value firstPiece = b.createOrFold<arith::DivUIOp>(e.loc, places.first, e.index(size));
    Value endPiece = b.createOrFold<arith::CeilDivUIOp>(e.loc, places.end, e.index(size));
    e.loop(firstPiece, endPiece, 1, [&](Value piece) {
      SmallVector<Value> position = e.delinearize(piece, sizes);
      Value start = e.mul(piece, size);
      Value first = b.createOrFold<arith::MaxSIOp>(e.loc, e.sub(places.first, start), e.index(0));
      Value stop = e.minimum(e.sub(places.end, start), e.index(size));
      Value to = e.sub(start, places.first);
      Value whole = e.add(first, e.roundDown(e.sub(stop, first), width));
      each([&](Point from, Value i) {
        for (auto [dims, index] : llvm::zip(pieces, position))
          from.indices[dims.back()] = index;
        from.lane = width > 1 ? last.back() : -1;
        from.width = width;
        auto copy = [&](Value place, Value mask) {
          from.indices[last.back()] = place;
          from.mask = mask;
          e.store(e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from), memory, element,
                  Linear{0, {SizeExpr(1), SizeExpr(1)}}, rowOf(e.sub(i, begin), e.add(to, place)));
        };
        e.loop(first, whole, width, [&](Value place) { copy(place, {}); });
        e.loop(whole, stop, width,
               [&](Value place) { copy(place, width > 1 ? e.laneMask(e.sub(stop, place), width) : Value()); });
      });
    });
    each([&](const Point &, Value i) { spread(e.add(flat, i), memory, e.mul(e.sub(i, begin), SizeExpr(pitch))); });
  };
  std::function<void(unsigned, Point, Value)> overOuter = [&](unsigned level, Point at, Value flat) {
    if (ks.empty())
      return some(at, flat, e.index(0), e.index(1));
    SizeExpr extent = g.size(ks[level]);
    Value scaled = level ? e.mul(flat, extent) : flat;
    Stretch all = level ? Stretch{e.index(0), e.index(extent)} : k;
    if (level + 1 < ks.size())
      return e.loop(all.first, all.end, 1, [&](Value i) {
        Point deeper = at;
        deeper.indices[ks[level].back()] = i;
        overOuter(level + 1, deeper, e.add(scaled, i));
      });
    if (level && extent.constant() && *extent.constant() <= together)
      return some(at, scaled, all.first, all.end);
    e.loop(all.first, all.end, together,
           [&](Value i) { some(at, scaled, i, e.minimum(e.add(i, e.index(together)), all.end)); });
  };
  overOuter(0, origin, e.index(0));
}

/// Lanes in several pieces (the steps of a window's rows), some strips' worth of them at a time.
void Tile::gatherRight(const Point &origin, const Panel &panel, const Stretch &lanes, const Stretch &k) {
  Type element = g.buffers[c.rightBuffer].element;
  const int64_t together = 8 * strip();
  e.loop(lanes.first, lanes.end, together, [&](Value j) {
    Stretch places{j, e.minimum(e.add(j, e.index(together)), lanes.end)};
    sideBySide(origin, places, together, k, [&](Value flat, Value row, Value at) {
      e.loop(j, places.end, strip(), [&](Value strips) {
        Value from = e.add(at, e.sub(strips, j)), to = panelOffset(panel, strips, strip(), flat);
        for (int64_t v = 0; v < s.vectors; ++v) {
          Linear there{SizeExpr(v * width), {SizeExpr(1), SizeExpr(1)}};
          Value vector = asPacked(origin, width, e.load(row, element, there, rowOfMemory(e, from, width)));
          e.store(vector, panel.memory, rightElement(), there, rowOfMemory(e, to, width));
        }
      });
    });
  });
}

/// All vectors of a strip that may be the last one, which may end early.
Tile::Lanes Tile::anyStrip(Value j) {
  Lanes lanes{j, SmallVector<Value>(s.vectors), width};
  for (auto [v, mask] : llvm::enumerate(lanes.masks))
    if (auto total = N.constant(); !total || *total % strip())
      mask = e.laneMask(e.sub(e.index(N), e.add(j, e.index(int64_t(v * width)))), width);
  return lanes;
}

/// Lane v + t of a strip; past the end it is the last one, whose sums are not stored.
Value Tile::laneToTurn(const Lanes &lanes, Value v, unsigned t) {
  Value lane = e.add(e.add(lanes.j, v), e.index(t));
  bool inside = llvm::none_of(lanes.masks, [](Value mask) { return bool(mask); });
  return inside ? lane : e.minimum(lane, e.sub(e.index(N), e.index(1)));
}

/// Lanes from v of a strip on, as many as `from` has steps of k, turned: a vector of lanes for each step.
SmallVector<Value> Tile::turnedSquare(Point from, const Lanes &lanes, Value v, int64_t soon) {
  const Type element = g.buffers[c.rightBuffer].element;
  Linear ahead = c.rightAccess;
  ahead.offset = ahead.offset + SizeExpr(soon);
  SmallVector<Value> rows;
  for (unsigned t = 0; t < from.width; ++t) {
    from.indices[n.back()] = laneToTurn(lanes, v, t);
    if (soon)
      e.prefetch(e.pointers[c.rightBuffer], element, ahead, from);
    rows.push_back(e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from));
  }
  return e.transposed(rows);
}

/// A strip whose k lie side by side: squares of lanes by k, turned in registers.
void Tile::turnRight(const Point &origin, const Panel &panel, const Lanes &lanes, const Stretch &k) {
  int dim = ks.front().back();
  Value middle = e.add(k.first, e.roundDown(e.sub(k.end, k.first), width));
  e.loop(k.first, middle, width, [&](Value at) {
    Point from = origin;
    from.indices[dim] = at;
    from.lane = dim;
    from.width = width;
    e.loop(e.index(0), e.index(strip()), width, [&](Value v) {
      for (auto [t, vector] : llvm::enumerate(turnedSquare(from, lanes, v))) {
        Point to = rowOfMemory(e, panelOffset(panel, lanes.j, strip(), e.add(at, e.index(t))), width);
        to.indices[1] = v;
        e.store(asPacked(from, width, vector), panel.memory, rightElement(),
                Linear{SizeExpr(0), {SizeExpr(1), SizeExpr(1)}}, to);
      }
    });
  });
  e.loop(middle, k.end, 1, [&](Value at) {
    Point from = origin;
    from.indices[dim] = at;
    copyRight(from, panel, lanes, at);
  });
}

/// The products of a tile over k, of which the right operand's lie side by side: squares of lanes by k are read along
/// k, and turned in registers. Few rows: what is turned is used once.
SmallVector<Value> Tile::productsOfSquares(Item &item, const Lanes &lanes, const Stretch &k, SmallVector<Value> accs,
                                           Step step) {
  const int dim = ks.front().back();
  const unsigned square = lanes.width, vectors = lanes.vectors(), rows = accs.size() / vectors;
  Value middle = e.add(k.first, e.roundDown(e.sub(k.end, k.first), square));
  auto add = [&](Value at, unsigned steps, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (unsigned v = 0; v < vectors; ++v) {
      Lanes one{lanes.j, {lanes.masks[v]}, square, lanes.from + v};
      Point from = item.origin;
      from.indices[dim] = at;
      from.lane = dim;
      from.width = square;
      from.mask = steps < square ? e.laneMask(e.index(steps), square) : Value();
      SmallVector<Value> sums;
      for (unsigned r = 0; r < rows; ++r)
        sums.push_back(next[r * vectors + v]);
      auto turned = turnedSquare(from, one, e.index(one.from * width), steps < square ? 0 : s.soon);
      for (unsigned t = 0; t < steps; ++t) {
        Point point = item.origin;
        point.indices[dim] = e.add(at, e.index(t));
        item.turned = turned[t];
        sums = step(one, point, point.indices[dim], sums);
      }
      item.turned = {};
      for (unsigned r = 0; r < rows; ++r)
        next[r * vectors + v] = sums[r];
      if (v + 1 < vectors) // of no instruction: there are registers for one square, and LLVM would begin all at once
        LLVM::FenceOp::create(b, e.loc, LLVM::AtomicOrdering::acq_rel, "singlethread");
    }
    return next;
  };
  accs = e.loopCarry(k.first, middle, square, accs,
                     [&](Value at, ValueRange carried) { return add(at, square, carried); });
  if (auto all = K.constant(); all && !s.kBlock) // k is whole: its last steps are a part of a square
    return *all % square ? add(middle, *all % square, accs) : accs;
  return e.loopCarry(middle, k.end, 1, accs, [&](Value at, ValueRange carried) {
    Point point = item.origin;
    point.indices[dim] = at;
    return step(lanes, point, at, carried);
  });
}

/// The products of a tile over k, between which it packs its share of the strip behind: some steps of k, one after
/// every few of its own. All tiles but the first share, which may be packing its own strip. Each line is used soon
/// after it was asked for: those of a strip are whole rows apart, and often fall into few sets of the caches.
SmallVector<Value> Tile::packBehind(const Item &item, Value i, const Stretch &k, ValueRange accs, SomeProducts some) {
  constexpr int64_t soon = 8; // steps of the strip behind between asking for one and packing it
  const int64_t shares = std::max<int64_t>(1, tilesOfItem() - 1), every = std::min<int64_t>(shares, 16);
  Value share = b.createOrFold<arith::CeilDivUIOp>(e.loc, e.sub(k.end, k.first), e.index(shares));
  Value above = tileNumber(item, i);
  Value first = e.add(k.first, b.createOrFold<arith::MulIOp>(e.loc, e.sub(above, e.index(1)), share));
  Value isFirst = e.isLess(above, e.index(1));
  Value end = e.minimum(e.add(first, share), k.end);
  end = arith::SelectOp::create(b, e.loc, isFirst, first, end);
  const Type element = g.buffers[c.rightBuffer].element;
  const Lanes behind = anyStrip(item.nextLane);
  auto packOne = [&](Value row) {
    Point at = item.origin;
    const int dim = ks.front().back();
    at.indices[dim] = e.add(row, e.add(item.stepsToNext, e.index(soon)));
    const int64_t line = 64 / int64_t(Emitter::byteWidth(element));
    for (int64_t lane = 0; lane <= strip(); lane += line) {
      at.indices[n.back()] = e.add(behind.j, e.index(std::min(lane, strip() - 1)));
      e.prefetch(e.pointers[c.rightBuffer], element, c.rightAccess, at);
    }
    e.when(item.hasNext, [&] {
      at.indices[dim] = row;
      copyRight(at, item.next, behind, row);
    });
  };
  return e.loopCarry(k.first, k.end, every, accs, [&](Value at, ValueRange carried) {
    Value row = e.add(first, b.createOrFold<arith::DivUIOp>(e.loc, e.sub(at, k.first), e.index(every)));
    e.when(e.isLess(row, end), [&] { packOne(row); });
    return some({at, e.minimum(e.add(at, e.index(every)), k.end)}, carried);
  });
}

} // namespace weft
