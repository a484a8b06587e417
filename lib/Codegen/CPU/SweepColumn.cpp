// Decides the loops of folds over outer dimensions: partial results of a strip of lanes in memory; several rows, 64
// apart, are folded into each as it is visited, so that memory is read in as many long streams; at the end the partials
// of each vector of lanes are folded in registers, where those of few rows stay all the while. Threads share the
// strips, or where whole rows fit the partial results.
#include "Sweep.h"

using namespace mlir;

namespace weft {

void Sweep::emitColumn() {
  // Lanes along the innermost kept group, unless a folded dimension lies inside it (then one element at a time).
  SmallVector<int> lane;
  SmallVector<SmallVector<int>> outer(kept);
  if (!kept.empty() && kept.back().back() > folded.back().back()) {
    lane = kept.back();
    outer.pop_back();
  }
  unsigned lanes = lane.empty() ? 1 : width;
  int64_t strip = lane.empty() ? 1 : std::max<int64_t>(lanes, schedule.strip / lanes * lanes);
  Shape outerSizes = groupSizes(outer), foldedSizes = groupSizes(folded);
  SizeExpr length = lane.empty() ? SizeExpr(1) : g.size(lane), n = numElements(foldedSizes);
  SizeExpr strips = (length + SizeExpr(strip - 1)).floordiv(strip);
  const Folds folds = foldsAtOnce();
  auto &[reductions, combiners, types] = folds;
  auto total = n.constant();
  int64_t used = total ? std::min<int64_t>(kPartials, llvm::PowerOf2Ceil(std::max<int64_t>(*total, 1))) : kPartials;
  int64_t together = std::max<int64_t>(1, schedule.together);
  if (total)
    together = std::clamp<int64_t>(*total / kPartials, 1, together);
  double perStrip = (nsPerElement + 2.0 / lanes) * double(strip) * double(total.value_or(256));

  // The partial results of a lane go to several threads where each has whole rows of its own to read; `parts` of them
  // are an item's. Else all are one's, a strip of lanes at a time.
  int64_t parts = total && *total <= kChunk && outer.empty() && length.constant() ? schedule.parts : 0;
  int64_t pitch = parts ? strip * *strips.constant() : strip; // from a row of partial results to the next

  auto slot = [&](int64_t row) { return Linear{SizeExpr(row * pitch), {SizeExpr(pitch), SizeExpr(1)}}; };
  auto slotAt = [&](Value row, Value column) {
    Point p;
    p.indices = {row, column};
    p.lane = lanes > 1 ? 1 : -1;
    p.width = lanes;
    return p;
  };
  auto repeated = [&](const Combiner &c) {
    Value value = e.identity(c);
    return lanes > 1 ? e.widen(value, lanes) : value;
  };

  // What an item folds: a strip of lanes from `first` on, `columns` of them, at a point of the outer dimensions; the
  // partial results lie in `partials`, 64 rows of it.
  SmallVector<Value> partials(types.size());
  Point point;
  Value first, columns;
  auto takeStrip = [&](Value item) {
    point = origin();
    SmallVector<SizeExpr> sizes(outerSizes.begin(), outerSizes.end());
    sizes.push_back(strips);
    SmallVector<Value> position = e.delinearize(item, sizes);
    for (auto [dims, i] : llvm::zip(outer, position))
      setGroup(point, dims, i);
    first = e.mul(position.back(), SizeExpr(strip));
    bool even = length.constant() && *length.constant() % strip == 0;
    columns = even ? e.index(strip) : e.minimum(e.index(strip), e.sub(e.index(length), first));
  };
  // A vector of lanes, `column` from the strip's first.
  auto pointAt = [&](Value column) {
    Point at = point;
    if (!lane.empty()) {
      setGroup(at, lane, e.add(first, column));
      at.lane = lanes > 1 ? lane.back() : -1;
      at.width = lanes;
      bool whole = length.constant() && *length.constant() % lanes == 0;
      if (lanes > 1 && !whole)
        at.mask = e.laneMask(e.sub(columns, column), lanes);
    }
    return at;
  };
  auto overColumns = [&](llvm::function_ref<void(Value)> body) { e.loop(e.index(0), columns, lanes, body); };
  // Folds rows i, i + 64, ... (`count` of them) into partial j, over the strip.
  auto visit = [&](Value i, Value j, int64_t count) {
    SmallVector<SmallVector<Value>> rows;
    for (int64_t r = 0; r < count; ++r)
      rows.push_back(e.delinearize(r ? e.add(i, e.index(r * kPartials)) : i, foldedSizes));
    overColumns([&](Value column) {
      Point at = pointAt(column);
      SmallVector<Value> accs;
      for (auto [memory, type] : llvm::zip(partials, types))
        accs.push_back(e.load(memory, type, slot(0), slotAt(j, column)));
      for (auto &row : rows) {
        Frame frame;
        frame.point = at;
        for (auto [dims, index] : llvm::zip(folded, row))
          setGroup(frame.point, dims, index);
        for (auto [node, c, acc] : llvm::zip(reductions, combiners, accs)) {
          e.loc = g.nodes[node].op.getLoc();
          acc = e.combine(c, acc, e.payload(g.nodes[node], c.element, frame));
        }
      }
      for (auto [memory, type, acc] : llvm::zip(partials, types, accs))
        e.store(acc, memory, type, slot(0), slotAt(j, column));
    });
  };
  // Folds rows [from, to) into partials [begin, end).
  auto fill = [&](Value from, Value to, Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value j) {
      overColumns([&](Value column) {
        for (auto [c, memory, type] : llvm::zip(combiners, partials, types))
          e.store(repeated(c), memory, type, slot(0), slotAt(j, column));
      });
    });
    Value middle = from;
    if (together > 1) {
      middle = e.add(from, e.roundDown(e.sub(to, from), kPartials * together));
      e.loop(from, middle, kPartials * together,
             [&](Value base) { e.loop(begin, end, 1, [&](Value j) { visit(e.add(base, j), j, together); }); });
    }
    e.loop(middle, to, kPartials, [&](Value base) {
      e.loop(begin, e.minimum(end, e.sub(to, base)), 1, [&](Value j) { visit(e.add(base, j), j, 1); });
    });
  };
  // The partials of one vector of lanes, folded by halves: row j with j + half, depth first, so that few live at once.
  auto folded64 = [&](unsigned r, Value column) {
    auto fold = [&](auto &&self, int64_t count, int64_t row) -> Value {
      if (count == used)
        return e.load(partials[r], types[r], slot(row), slotAt(e.index(0), parts ? e.add(first, column) : column));
      Value x = self(self, count * 2, row), y = self(self, count * 2, row + count);
      return e.combine(combiners[r], x, y);
    };
    return fold(fold, 1, 0);
  };
  auto finish = [&](Value column, ArrayRef<Value> results) { writeFolded(pointAt(column), folds, results); };
  auto finish64 = [&] {
    overColumns([&](Value column) {
      SmallVector<Value> results;
      for (unsigned r = 0; r < reductions.size(); ++r)
        results.push_back(folded64(r, column));
      finish(column, results);
    });
  };
  auto memory = [&](const SizeExpr &rows) { // for rows of a strip, one per fold
    SmallVector<SizeExpr> bytes;
    for (Type type : types)
      bytes.push_back(rows * SizeExpr(pitch * int64_t(Emitter::byteWidth(type))));
    return e.scratch(bytes);
  };

  if (parts) {
    // The partial results are shared out, then the lanes: each item reads rows that follow one another.
    partials = memory(SizeExpr(kPartials));
    SmallVector<Value *> captured;
    for (Value &pointer : partials)
      captured.push_back(&pointer);
    SizeExpr visited = SizeExpr(*total / kPartials * parts);
    parallel(
        SizeExpr((kPartials + parts - 1) / parts), bytesPerElement * length * visited,
        nsPerElement * double(*length.constant()) * double(*visited.constant()),
        [&](Value begin, Value end) {
          point = origin();
          first = e.index(0);
          columns = e.index(length);
          e.loop(begin, end, 1, [&](Value item) {
            Value j = e.mul(item, SizeExpr(parts));
            fill(e.index(0), e.index(n), j, e.minimum(e.index(kPartials), e.add(j, e.index(parts))));
          });
        },
        captured);
    parallel(
        strips, bytesPerElement * SizeExpr(strip * kPartials), 2.0 / lanes * double(strip * kPartials),
        [&](Value begin, Value end) {
          e.loop(begin, end, 1, [&](Value item) {
            takeStrip(item);
            finish64();
          });
        },
        captured);
    return;
  }

  // Few rows: the partial results of a vector of lanes stay in registers.
  constexpr int64_t fewRows = 8;
  if (total && *total >= 1 && *total <= fewRows) {
    auto fold = [&](Value column) {
      SmallVector<SmallVector<Value>> sums(reductions.size());
      for (int64_t i = 0; i < used; ++i) {
        Frame frame;
        frame.point = pointAt(column);
        for (auto [dims, index] : llvm::zip(folded, e.delinearize(e.index(i), foldedSizes)))
          setGroup(frame.point, dims, index);
        for (auto [node, c, sum] : llvm::zip(reductions, combiners, sums)) {
          e.loc = g.nodes[node].op.getLoc();
          sum.push_back(i < *total ? e.combine(c, repeated(c), e.payload(g.nodes[node], c.element, frame))
                                   : repeated(c));
        }
      }
      SmallVector<Value> results;
      for (auto [c, sum] : llvm::zip(combiners, sums))
        results.push_back(byHalves(sum, [&, &c = c](Value x, Value y) { return e.combine(c, x, y); }));
      finish(column, results);
    };
    parallel(numElements(outerSizes) * strips, bytesPerElement * SizeExpr(strip) * n, perStrip,
             [&](Value begin, Value end) {
               e.loop(begin, end, 1, [&](Value item) {
                 takeStrip(item);
                 overColumns(fold);
               });
             });
    return;
  }

  // Chunk k's results, and what all chunks give.
  SizeExpr numChunks = (n + SizeExpr(kChunk - 1)).floordiv(kChunk);
  auto foldChunk = [&](Value k, ArrayRef<Value> memories) {
    Value from = b.createOrFold<arith::MulIOp>(e.loc, k, e.index(kChunk));
    fill(from, e.minimum(e.index(n), e.add(from, e.index(kChunk))), e.index(0), e.index(used));
    overColumns([&](Value column) {
      for (unsigned r = 0; r < reductions.size(); ++r)
        e.store(folded64(r, column), memories[r], types[r], slot(0), slotAt(k, column));
    });
  };
  auto finishChunks = [&](ArrayRef<Value> memories) {
    Value chunks = e.index(numChunks);
    overColumns([&](Value column) {
      SmallVector<Value> results;
      for (unsigned r = 0; r < reductions.size(); ++r)
        results.push_back(foldMemory(combiners[r], memories[r], types[r], chunks, lanes, pitch, column));
      finish(column, results);
    });
  };
  auto takePartials = [&] {
    for (auto [pointer, type] : llvm::zip(partials, types))
      pointer = e.stack(type, used * pitch);
  };

  // One strip of many rows: threads share its chunks.
  if (total && *total > kChunk && outer.empty() && strips == SizeExpr(1)) {
    SmallVector<Value> memories = memory(numChunks);
    SmallVector<Value *> captured;
    for (Value &pointer : memories)
      captured.push_back(&pointer);
    parallel(
        numChunks, bytesPerElement * length * SizeExpr(kChunk), perStrip / double(*numChunks.constant()),
        [&](Value begin, Value end) {
          takePartials();
          takeStrip(e.index(0));
          e.loop(begin, end, 1, [&](Value k) { foldChunk(k, memories); });
        },
        captured);
    parallel(
        SizeExpr(1), bytesPerElement * length * numChunks, 1,
        [&](Value, Value) {
          takeStrip(e.index(0));
          finishChunks(memories);
        },
        captured);
    return;
  }

  parallel(numElements(outerSizes) * strips, bytesPerElement * SizeExpr(strip) * n, perStrip,
           [&](Value begin, Value end) {
             takePartials();
             e.loop(begin, end, 1, [&](Value item) {
               takeStrip(item);
               if (total && *total <= kChunk) {
                 fill(e.index(0), e.index(n), e.index(0), e.index(used));
                 finish64();
                 return;
               }
               SmallVector<Value> memories = memory(numChunks);
               e.loop(e.index(0), e.index(numChunks), 1, [&](Value k) { foldChunk(k, memories); });
               finishChunks(memories);
             });
           });
}

} // namespace weft
