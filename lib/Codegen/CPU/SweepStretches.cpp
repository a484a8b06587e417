// Decides the loops of folds whose rows lie in several stretches of lanes (a sum over the first and the last
// dimension): a chunk of the row is folded in registers, stretch by stretch, each of its elements into the partial
// result that its number in the whole row says, so blocks at the ends of a stretch are masked. Threads share the
// chunks.
#include "Sweep.h"

using namespace mlir;

namespace weft {

/// Whether rows are folded so: lanes run along the innermost folded group, which is long enough for vectors.
bool Sweep::hasStretches() {
  const int64_t shortest = 16;
  return width > 1 && (kept.empty() || kept.back().back() < folded.back().back()) &&
         g.size(folded.back()).constant().value_or(shortest) >= shortest;
}

void Sweep::emitStretches() {
  const SmallVector<int> lane = folded.back();
  const Shape outerSizes = groupSizes(ArrayRef(folded).drop_back()), keptSizes = groupSizes(kept);
  const SizeExpr length = g.size(lane), n = numElements(groupSizes(folded)), rows = numElements(keptSizes);
  const SizeExpr chunks = (n + SizeExpr(kChunk - 1)).floordiv(kChunk);
  const bool isAligned = length.constant() && *length.constant() % kPartials == 0; // each begins at partial result 0
  const bool isWhole = n.constant() && *n.constant() <= kChunk;                    // a row is one chunk
  const unsigned groups = kPartials / width;
  const Folds folds = foldsAtOnce();
  auto &[reductions, combiners, types] = folds;

  auto pointOf = [&](Value row) {
    Point point = origin();
    for (auto [dims, i] : llvm::zip(kept, e.delinearize(row, keptSizes)))
      setGroup(point, dims, i);
    return point;
  };
  // The elements of [first, end) in the 64 from number `block` on; `start` is the number of the stretch's first one.
  auto fold = [&](const Point &at, Value start, Value block, ValueRange accs, Value first, Value end) {
    SmallVector<Value> next(accs);
    for (unsigned u = 0; u < groups; ++u) {
      Value number = e.add(block, e.index(u * width));
      Frame frame;
      frame.point = at;
      setGroup(frame.point, lane, e.sub(number, start));
      frame.point.lane = lane.back();
      frame.point.width = width;
      Value mask = end ? e.laneMask(e.sub(end, number), width) : Value();
      if (first) {
        Value behind = e.lanesFrom(e.sub(first, number), width);
        mask = mask ? Value(arith::AndIOp::create(b, e.loc, mask, behind)) : behind;
      }
      frame.point.mask = mask;
      for (auto [r, node] : llvm::enumerate(reductions)) {
        e.loc = g.nodes[node].op.getLoc();
        Value element = e.widen(e.payload(g.nodes[node], combiners[r].element, frame), width);
        Value &acc = next[r * groups + u];
        acc = e.choose(mask, e.combine(combiners[r], acc, element), acc);
      }
    }
    return next;
  };
  auto chunk = [&](const Point &row, Value k) {
    Value begin = e.mul(k, SizeExpr(kChunk)), stop = e.index(n);
    if (!isWhole)
      stop = e.minimum(stop, e.add(begin, e.index(kChunk)));
    SmallVector<Value> accs;
    for (const Combiner &c : combiners)
      accs.append(groups, e.widen(e.identity(c), width));
    Value firstStretch = isWhole ? e.index(0) : Value(b.createOrFold<arith::DivUIOp>(e.loc, begin, e.index(length)));
    Value lastStretch = isWhole ? e.index(numElements(outerSizes))
                                : Value(b.createOrFold<arith::CeilDivUIOp>(e.loc, stop, e.index(length)));
    accs = e.loopCarry(firstStretch, lastStretch, 1, accs, [&](Value i, ValueRange carried) {
      Point at = row;
      for (auto [dims, index] : llvm::zip(folded, e.delinearize(i, outerSizes)))
        setGroup(at, dims, index);
      Value start = e.mul(i, length), from = start, to = e.add(start, e.index(length));
      if (!isWhole) {
        from = b.createOrFold<arith::MaxSIOp>(e.loc, from, begin);
        to = e.minimum(to, stop);
      }
      auto blocks = [&](Value first, Value end, ValueRange accs, Value masksBefore, Value masksFrom) {
        return e.loopCarry(first, end, kPartials, accs, [&](Value block, ValueRange accs) {
          return fold(at, start, block, accs, masksBefore, masksFrom);
        });
      };
      if (isAligned)
        return blocks(from, to, carried, {}, {});
      // What stands before the first whole block, if anything, whole ones, what is left.
      Value first = e.roundDown(e.add(from, e.index(kPartials - 1)), kPartials);
      Value end = b.createOrFold<arith::MaxSIOp>(e.loc, first, e.roundDown(to, kPartials));
      SmallVector<Value> accs = blocks(e.roundDown(from, kPartials), first, carried, from, to);
      return blocks(end, to, blocks(first, end, accs, {}, {}), {}, to);
    });
    SmallVector<Value> results;
    for (auto [r, c] : llvm::enumerate(combiners))
      results.push_back(foldVector(c, SmallVector<Value>(ArrayRef(accs).slice(r * groups, groups))));
    return results;
  };
  auto perElement = [&](const SizeExpr &count) { return nsPerElement * double(count.constant().value_or(4096)); };
  if (isWhole) {
    parallel(rows, bytesPerElement * n, perElement(n) + 20, [&](Value begin, Value end) {
      e.loop(begin, end, 1, [&](Value row) {
        Point point = pointOf(row);
        writeFolded(point, folds, chunk(point, e.index(0)));
      });
    });
    return;
  }
  SmallVector<SizeExpr> bytes;
  for (Type type : types)
    bytes.push_back(rows * chunks * SizeExpr(int64_t(Emitter::byteWidth(type))));
  SmallVector<Value> memories = e.scratch(bytes);
  SmallVector<Value *> captured;
  for (Value &memory : memories)
    captured.push_back(&memory);
  const Linear place{0, {SizeExpr(1)}};
  parallel(
      rows * chunks, bytesPerElement * SizeExpr(kChunk), nsPerElement * double(kChunk),
      [&](Value begin, Value end) {
        e.loop(begin, end, 1, [&](Value item) {
          Value row = b.createOrFold<arith::DivUIOp>(e.loc, item, e.index(chunks));
          Value k = b.createOrFold<arith::RemUIOp>(e.loc, item, e.index(chunks));
          Point to;
          to.indices = {item};
          for (auto [memory, type, value] : llvm::zip(memories, types, chunk(pointOf(row), k)))
            e.store(value, memory, type, place, to);
        });
      },
      captured);
  parallel(
      rows, bytesPerElement * chunks, perElement(chunks) + 20,
      [&](Value begin, Value end) {
        e.loop(begin, end, 1, [&](Value row) {
          SmallVector<Value> results;
          for (auto [c, memory, type] : llvm::zip(combiners, memories, types)) {
            Value from = e.address(memory, type, e.mul(row, chunks));
            results.push_back(foldMemory(c, from, type, e.index(chunks), 1, 1, e.index(0)));
          }
          writeFolded(pointOf(row), folds, results);
        });
      },
      captured);
}

} // namespace weft
