// Decides the loops of kernels with a contraction: blocks of rows, lanes and k, a register tile of rows by vectors of
// accumulators over k (k ascends, one fma a step), the epilogue on the tile.
#include "Tile.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace weft {

Stretch Tile::stretch(Value first, int64_t length, Value end, bool divides) {
  Value whole = e.add(first, e.index(length));
  if (divides)
    return {first, whole};
  // Of the last panel whole blocks may be missing: such a stretch is empty, not one of a negative length.
  return {e.minimum(first, end), e.minimum(whole, end)};
}

static bool divides(int64_t length, const SizeExpr &total) {
  return total.constant() && *total.constant() % length == 0;
}

double Tile::nsOf(double rows, double lanes) {
  rows = std::min(rows, double(M.constant().value_or(INT64_MAX)));
  lanes = std::min(lanes, double(N.constant().value_or(INT64_MAX)));
  double depth = double(steps(K).constant().value_or(256));
  // Few rows wait for the right operand: for a cache at least.
  double bytes = c.rightBuffer < 0 ? 0 : lanes * depth * rightBytes();
  return std::max(rows * lanes * depth * 2 / e.target.flopsPerNs, bytes / (4 * e.target.bytesPerNs)) + 10;
}

LogicalResult Tile::emit() {
  outputs = g.outputs();
  ks = c.groups(g, c.folded, false);
  auto rowGroups = c.groups(g, c.rows, true), laneGroups = c.groups(g, c.lanes, true);
  outer = c.groups(g, c.batch, true);
  // Only what is packed together need not be read as one.
  if (s.packsRight())
    if (auto whole = c.groups(g, c.lanes, true, /*asRead=*/false);
        !whole.empty() && whole.back().size() > laneGroups.back().size()) {
      SmallVector<SmallVector<int>> around;
      for (auto &dims : laneGroups)
        (llvm::is_contained(whole.back(), dims.back()) ? pieces : around).push_back(dims);
      around.push_back(whole.back());
      laneGroups = std::move(around);
    }
  if (packsTurned()) {
    rowPieces = c.groups(g, c.rows, /*asWritten=*/false);
    rowsWritten = c.groups(g, c.rows, true, /*asRead=*/false);
    rowGroups = c.groups(g, c.rows, /*asWritten=*/false, /*asRead=*/false);
  }
  if (!rowGroups.empty())
    m = rowGroups.pop_back_val();
  if (!laneGroups.empty())
    n = laneGroups.pop_back_val();
  llvm::append_range(outer, rowGroups);
  llvm::append_range(outer, laneGroups);
  measure();
  if (!m.empty() && !n.empty())
    for (Node &other : g.nodes)
      for (OpOperand *input : other.op.getDpsInputOperands())
        if (int buffer = g.bufferOf(input->get()); other.kind == NodeKind::Map && buffer >= 0) {
          Linear access = g.access(other, *input, buffer);
          if (access.coefs[n.back()] == SizeExpr(1) && access.coefs[m.back()] != SizeExpr(0))
            tiles.push_back({buffer, access});
        }

  Shape sizes;
  for (auto &dims : outer)
    sizes.push_back(g.size(dims));
  if (s.packLeft == Pack::All || s.packRight == Pack::All) {
    packed(sizes);
    return emitBorders(e, s);
  }
  sizes.push_back(packsTurned() ? SizeExpr(int64_t(llvm::divideCeil(tilesOf(*M.constant()), tilesOfItem())))
                                : (M + SizeExpr(s.rowBlock - 1)).floordiv(s.rowBlock));
  // Of a turned tile the lanes come before the rows: all rows of a band use a strip of them before the next.
  SizeExpr strips = (N + SizeExpr(s.laneBlock - 1)).floordiv(s.laneBlock), rowItems = numElements(sizes);
  itemsOfStrip = s.band ? s.band : rowItems.constant().value_or(1);
  if (!s.turned)
    sizes.push_back(strips);
  SizeExpr items = s.turned ? rowItems * strips : numElements(sizes);
  e.parallel(items, SizeExpr(1), nsOf(s.rowBlock, s.laneBlock), [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value at) {
      Item it;
      it.origin.indices.assign(g.domain.size(), e.index(0));
      SmallVector<Value> position;
      if (s.turned) {
        Value length = e.index(itemsOfStrip), first = e.index(0); // of the band
        if (s.band) {
          first =
              e.mul(b.createOrFold<arith::DivUIOp>(e.loc, at, e.index(strips * SizeExpr(s.band))), SizeExpr(s.band));
          if (!divides(s.band, rowItems))
            length = e.minimum(length, e.sub(e.index(rowItems), first));
        }
        Value inBand = e.sub(at, e.mul(first, strips));
        it.number = b.createOrFold<arith::RemUIOp>(e.loc, inBand, length);
        position = e.delinearize(e.add(first, it.number), sizes);
        position.push_back(b.createOrFold<arith::DivUIOp>(e.loc, inBand, length));
      } else {
        position = e.delinearize(at, sizes);
      }
      for (auto [dims, i] : llvm::zip(outer, position))
        it.origin.indices[dims.back()] = i;
      auto blockOf = [&](Value block, const SizeExpr &total, int64_t length) {
        return stretch(e.mul(block, SizeExpr(length)), length, e.index(total), divides(length, total));
      };
      Value block = position[outer.size()];
      if (packsTurned()) { // whole tiles, of which the last ones are a row shorter
        Value tile = e.mul(block, SizeExpr(tilesOfItem())), end = e.add(tile, e.index(tilesOfItem()));
        it.rows = {rowOfTile(tile), rowOfTile(end)};
      } else {
        it.rows = blockOf(block, M, s.rowBlock);
      }
      it.lanes = blockOf(position[outer.size() + 1], N, s.laneBlock);
      item(it);
    });
  });
  return emitBorders(e, s);
}

void Tile::measure() {
  M = g.size(m);
  N = g.size(n);
  K = inner = SizeExpr(1);
  for (auto [i, dims] : llvm::enumerate(ks)) {
    K = K * g.size(dims);
    if (i)
      inner = inner * g.size(dims);
  }
  // A dear or long epilogue is emitted once, in a loop over the tile in memory.
  int64_t ops = 0;
  llvm::SmallSetVector<Value, 8> values;
  for (const Output &output : outputs)
    values.insert(output.value);
  for (size_t i = 0; i < values.size(); ++i)
    if (Node *maker = g.nodeOf(values[i]); maker && maker->kind == NodeKind::Map) {
      epilogueInLoop |= maker->isExpensive;
      for (Operation &op : maker->body()) // a rounding to bfloat16 is some instructions (roundToBF16)
        ops += isa<arith::TruncFOp>(op) && op.getResult(0).getType().isBF16() ? 10 : 1;
      values.insert_range(maker->op.getDpsInputs());
    }
  epilogueInLoop |= ops * s.rows * s.vectors > 80;
}

/// One outer position after another, with operands packed by all threads before the items that read them.
void Tile::packed(ArrayRef<SizeExpr> outerSizes) {
  auto blocks = [](const SizeExpr &total, int64_t length) { return (total + SizeExpr(length - 1)).floordiv(length); };
  int64_t panel = s.panel;
  SizeExpr laneSpan = panel ? SizeExpr(panel) : N;
  e.loop(e.index(0), e.index(numElements(Shape(outerSizes.begin(), outerSizes.end()))), 1, [&](Value at) {
    Item it;
    it.origin.indices.assign(g.domain.size(), e.index(0));
    for (auto [dims, i] : llvm::zip(outer, e.delinearize(at, outerSizes)))
      it.origin.indices[dims.back()] = i;
    SmallVector<SizeExpr> bytes;
    if (s.packLeft == Pack::All)
      bytes.push_back(panelBytes(M, s.rows, leftSteps(K), leftBytes()));
    if (s.packRight == Pack::All)
      bytes.push_back(panelBytes(laneSpan, strip(), rightSteps(K), rightBytes()));
    SmallVector<Value> memory = e.scratch(bytes);

    // What bodies of parallel loops see of all this.
    SmallVector<Value *> captured;
    for (auto &dims : outer)
      captured.push_back(&it.origin.indices[dims.back()]);
    Value zeroIndex = it.origin.indices.empty() ? Value() : e.index(0);
    auto inBody = [&](llvm::function_ref<void()> body) { // constants are made anew in each function
      auto saved = it.origin.indices;
      for (auto [i, value] : llvm::enumerate(it.origin.indices))
        if (value == zeroIndex || llvm::none_of(outer, [&](auto &dims) { return dims.back() == int(i); }))
          value = e.index(0);
      body();
      it.origin.indices = saved;
    };
    if (s.packLeft == Pack::All) {
      it.left = {memory.front(), {}, {}, leftSteps(K)};
      captured.push_back(&it.left.memory);
      double ns = double(s.rows) * double(K.constant().value_or(256));
      e.parallel(
          blocks(M, s.rows), SizeExpr(1), ns,
          [&](Value begin, Value end) {
            inBody([&] {
              Panel whole = it.left;
              whole.first = e.index(0);
              fillLeft(it.origin, whole, {rowOfTile(begin), rowOfTile(end)}, allK());
            });
          },
          captured);
    }
    auto overLanes = [&](Value first, Value end) {
      Value laneFirst = first, laneEnd = end;
      captured.push_back(&laneFirst);
      captured.push_back(&laneEnd);
      if (s.packRight == Pack::All) {
        it.right = {memory.back(), {}, {}, rightSteps(K)};
        captured.push_back(&it.right.memory);
        // Few lanes (a small image) are split along k too, so that there is a share for each thread; where the whole of
        // k corrects a lane, not.
        const int64_t together = 8 * strip();
        int64_t groups = blocks(laneSpan, together).constant().value_or(8);
        int64_t steps = ks.empty() ? 1 : g.size(ks.front()).constant().value_or(1);
        int64_t shares = s.group > 1 ? 8 : std::min<int64_t>(groups, 8);
        int64_t some = (steps * shares + 7) / 8; // steps of the first group in an item
        Shape sizes{blocks(laneSpan, together), SizeExpr((steps + some - 1) / some)};
        double ns = double(together) * double(K.constant().value_or(256)) / 4 * double(some) / double(steps);
        e.parallel(
            numElements(sizes), SizeExpr(1), ns,
            [&](Value begin, Value end) {
              inBody([&] {
                Panel whole = it.right;
                whole.first = laneFirst;
                e.loop(begin, end, 1, [&](Value i) {
                  SmallVector<Value> position = e.delinearize(i, sizes);
                  Value from = e.add(laneFirst, e.mul(position[0], SizeExpr(together)));
                  Stretch k = allK();
                  if (some < steps)
                    k = stretch(e.mul(position[1], SizeExpr(some)), some, k.end, steps % some == 0);
                  fillRight(it.origin, whole, stretch(from, together, laneEnd, false), k);
                });
              });
            },
            captured);
      }
      Shape sizes{blocks(M, s.rowBlock), blocks(laneSpan, s.laneBlock)};
      e.parallel(
          numElements(sizes), SizeExpr(1), nsOf(s.rowBlock, s.laneBlock),
          [&](Value begin, Value end) {
            inBody([&] {
              e.loop(begin, end, 1, [&](Value at) {
                SmallVector<Value> position = e.delinearize(at, sizes);
                Item inside = it;
                inside.rows =
                    stretch(e.mul(position[0], SizeExpr(s.rowBlock)), s.rowBlock, e.index(M), divides(s.rowBlock, M));
                inside.lanes =
                    stretch(e.add(laneFirst, e.mul(position[1], SizeExpr(s.laneBlock))), s.laneBlock, laneEnd, false);
                if (inside.left)
                  inside.left.first = e.index(0);
                if (inside.right)
                  inside.right.first = laneFirst;
                item(inside);
              });
            });
          },
          captured);
    };
    if (!panel || (N.constant() && *N.constant() <= panel))
      overLanes(e.index(0), e.index(N));
    else
      e.loop(e.index(0), e.index(N), panel,
             [&](Value j) { overLanes(j, e.minimum(e.add(j, e.index(panel)), e.index(N))); });
  });
}

void Tile::item(Item it) {
  SizeExpr length = s.kBlock ? SizeExpr(s.kBlock) * inner : K;
  SmallVector<SizeExpr> bytes;
  SmallVector<Value *> places;
  Value left, right;
  if (s.packLeft == Pack::Item && !it.left) {
    bytes.push_back(panelBytes(SizeExpr(s.rowBlock), s.rows, leftSteps(length), leftBytes()));
    places.push_back(&left);
  }
  if (s.packRight == Pack::Item && !n.empty()) {
    SizeExpr lanes = packsInPassing() ? 2 * strip() : s.laneBlock; // a strip, and the one behind it
    bytes.push_back(panelBytes(lanes, strip(), rightSteps(length), rightBytes()));
    places.push_back(&right);
  }
  if (packsTurned()) {
    bytes.push_back(strip() * resultPitch() * int64_t(Emitter::byteWidth(c.accumulator)));
    places.push_back(&it.results);
  }
  if (s.kBlock && !it.partial) {
    bytes.push_back(s.rowBlock * (s.laneBlock + strip()) * int64_t(Emitter::byteWidth(c.accumulator)));
    places.push_back(&it.partial);
  }
  if (!bytes.empty())
    for (auto [place, pointer] : llvm::zip(places, e.scratch(bytes)))
      *place = pointer;

  if (c.leftPanel)
    it.left = {e.pointers[c.leftBuffer], e.index(0), {}, K, c.leftPanel.getStrip()};
  if (c.rightPanel)
    it.right = {e.pointers[c.rightBuffer], e.index(0), {}, K, c.rightPanel.getStrip()};
  // The first tile of the first strip packs it, the tiles of each strip the one behind it; what is turned is turned
  // before, and all tiles ask for what comes next.
  bool packs = !packsInPassing(), inPassing = right && s.ahead && (!packs || turnsRight());
  auto select = [&](Value condition, Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, e.loc, condition, yes, no);
  };
  auto run = [&](const Block &block) {
    Value k = e.mul(steps(block.k).first, inner);
    if (left) {
      it.left = {left, it.rows.first, k, leftSteps(length)};
      fillLeft(it.origin, it.left, it.rows, block.k);
    }
    if (right) {
      it.right = {right, it.lanes.first, k, rightSteps(length)};
      if (packs) // once for all tiles of the item
        e.apart([&] { fillRight(it.origin, it.right, it.lanes, block.k); });
    }
    Value none = e.index(0);
    auto lastOf = [&](Value yes, Value no) { return block.last ? select(block.last, yes, no) : yes; };
    if (inPassing) { // what comes after this block
      it.nextLane = lastOf(e.add(it.lanes.first, e.index(packs ? s.ahead : s.laneBlock)), it.lanes.first);
      it.stepsToNext = e.sub(lastOf(none, block.k.end), block.k.first);
    }
    auto down = [&](const Lanes &lanes) {
      if (m.empty())
        return tile(it, e.index(0), 1, lanes, block);
      if (packs)
        return overTiles(it.rows, [&](Value i, int64_t rows) { tile(it, i, rows, lanes, block); });
      Item inside = it;
      // Two places in turn.
      Value number = b.createOrFold<arith::DivUIOp>(e.loc, e.sub(lanes.j, it.lanes.first), e.index(strip()));
      Value place = e.mul(b.createOrFold<arith::RemUIOp>(e.loc, number, e.index(2)), SizeExpr(strip()));
      Value behind = e.add(lanes.j, e.index(strip()));
      inside.hasNext = e.isLess(behind, it.lanes.end);
      inside.nextLane = select(inside.hasNext, behind, it.nextLane);
      inside.stepsToNext = select(inside.hasNext, none, it.stepsToNext);
      inside.right.first = e.sub(lanes.j, place);
      inside.next = inside.right;
      inside.next.first = e.sub(inside.nextLane, e.sub(e.index(strip()), place));
      Value isFirst = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq, lanes.j, it.lanes.first);
      Stretch rows = it.rows;
      e.when(isFirst, [&] {
        inside.copies = true;
        e.apart([&] { tile(inside, rows.first, s.rows, lanes, block); });
        inside.copies = false;
      });
      rows.first = select(isFirst, e.add(rows.first, e.index(s.rows)), rows.first);
      overTiles(rows, [&](Value i, int64_t rows) { tile(inside, i, rows, lanes, block); });
    };
    if (n.empty())
      down({e.index(0), {Value()}, width});
    else
      overStrips(it.lanes, [&](const Lanes &strip) {
        auto all = [&] {
          inParts(strip, down);
          if (it.results && block.last)
            e.when(block.last, [&] { finishStrip(it, strip); });
          else if (it.results)
            finishStrip(it, strip);
        };
        // The last one, of an item at most.
        bool isRest = llvm::any_of(strip.masks, [](Value mask) { return bool(mask); });
        if (isRest && s.rows > 1 && N.constant().value_or(INT64_MAX) > this->strip())
          e.apart(all);
        else
          all();
      });
  };
  if (!s.kBlock) {
    run({allK(), {}, {}});
    return;
  }
  Stretch all = allK();
  bool even = !depth && divides(s.kBlock, g.size(ks.front()));
  Value end = all.end;
  if (!g.size(ks.front()).constant()) // once, if there are no steps at all
    end = arith::MaxSIOp::create(b, e.loc, end, e.index(1));
  e.loop(all.first, end, s.kBlock, [&](Value k) {
    Stretch part = stretch(k, s.kBlock, all.end, even);
    auto is = [&](Value x, Value y) -> Value {
      return arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq, x, y);
    };
    run({part, is(k, all.first), is(part.end, all.end)});
  });
}

void Tile::overStrips(const Stretch &lanes, llvm::function_ref<void(const Lanes &)> body, bool whole) {
  auto total = N.constant();
  Value middle = lanes.end;
  if (!total || *total % strip()) {
    Value length = e.sub(lanes.end, lanes.first);
    middle = e.add(lanes.first, e.roundDown(length, strip()));
  }
  if (!total || *total >= strip())
    e.loop(lanes.first, middle, strip(), [&](Value j) { body({j, SmallVector<Value>(s.vectors), width}); });
  if (total && *total % strip() == 0)
    return;
  // Lane blocks are multiples of a strip, so only the last strip of all has a rest.
  int64_t rest = total ? *total % strip() : strip() - 1;
  e.loop(middle, lanes.end, strip(), [&](Value j) {
    Lanes last{j, {}, width};
    for (int64_t v = 0; whole ? v < s.vectors : v * width < rest; ++v)
      last.masks.push_back(width == 1 || (total && rest >= (v + 1) * width)
                               ? Value()
                               : e.laneMask(e.sub(lanes.end, e.add(j, e.index(v * width))), width));
    last.inLast = total && !whole ? rest % width : 0;
    body(last);
  });
}

void Tile::inParts(const Lanes &lanes, llvm::function_ref<void(const Lanes &)> body) {
  // Where vectors of 64 bytes pass in two parts (AMD Zen 4), half of one takes half the time; elsewhere, no more.
  bool narrow = lanes.inLast && lanes.inLast <= width / 2 && width * Emitter::byteWidth(c.accumulator) >= 64;
  if (!narrow)
    return body(lanes);
  Lanes head = lanes, tail{lanes.j, {}, width / 2, lanes.vectors() - 1};
  head.masks.pop_back();
  if (head.vectors())
    body(head);
  bool whole = lanes.inLast == width / 2;
  tail.masks.push_back(whole ? Value() : e.laneMask(e.index(lanes.inLast), tail.width));
  body(tail);
}

/// Where all rows are one block, or blocks are of whole tiles, tiles have two heights, one apart, rather than a last
/// one of few products in flight: how many have the greater one; 0: not so. A panel that was packed before has its own
/// strips.
int64_t Tile::highTiles() {
  auto total = M.constant();
  if (!total || repeatsRows() || (*total > s.rowBlock && !packsTurned()) || *total % s.rows == 0 || c.leftPanel)
    return 0;
  return std::max<int64_t>(0, *total - tilesOf(*total) * (s.rows - 1));
}

bool Tile::repeatsRows() {
  auto total = M.constant();
  // Of packed rows, of which a tile may take any; halves that are not tame are summed by other rows.
  return total && *total > s.rows && *total % s.rows && leavesFewIdle(*total, s.rows) && !s.turned &&
         s.packLeft != Pack::None && !rowByRow && !sumsHalves();
}

Value Tile::readsFrom(Value i) { return repeatsRows() ? e.minimum(i, e.sub(e.index(M), e.index(s.rows))) : i; }

/// The row at which a tile begins, counted from the first of all.
Value Tile::rowOfTile(Value number) {
  Value row = e.mul(number, SizeExpr(s.rows));
  if (int64_t high = highTiles())
    row = e.minimum(row, e.add(e.mul(number, SizeExpr(s.rows - 1)), e.index(high)));
  return e.minimum(row, e.index(M));
}

void Tile::overTiles(const Stretch &rows, llvm::function_ref<void(Value, int64_t)> body) {
  if (repeatsRows())
    return e.loop(rows.first, rows.end, s.rows, [&](Value i) { body(i, s.rows); });
  if (int64_t high = highTiles()) {
    Value below = e.index(high * s.rows);
    e.loop(rows.first, e.minimum(below, rows.end), s.rows, [&](Value i) { body(i, s.rows); });
    if (high < tilesOf(*M.constant()))
      e.loop(b.createOrFold<arith::MaxSIOp>(e.loc, below, rows.first), rows.end, s.rows - 1,
             [&](Value i) { body(i, s.rows - 1); });
    return;
  }
  auto total = M.constant();
  Value middle = rows.end;
  if (!total || *total % s.rows) {
    Value length = e.sub(rows.end, rows.first);
    middle = e.add(rows.first, e.roundDown(length, s.rows));
  }
  if (!total || *total >= s.rows)
    e.loop(rows.first, middle, s.rows, [&](Value i) { body(i, s.rows); });
  // Row blocks are multiples of the tile: only the last item has a rest.
  if (int64_t rest = total ? *total % s.rows : 1; rest && s.rows > 1)
    e.loop(middle, rows.end, rest, [&](Value i) { body(i, rest); });
}

SmallVector<Value> Tile::overK(unsigned level, Point point, Value flat, Stretch k, ValueRange accs,
                               llvm::function_ref<SmallVector<Value>(const Point &, Value, ValueRange)> body,
                               llvm::function_ref<void(const Point &)> before, int64_t unrolls, Innermost innermost) {
  if (level == ks.size())
    return body(point, flat, accs);
  if (before && level && level + 1 == ks.size())
    before(point);
  SizeExpr extent = g.size(ks[level]);
  Value scaled = level ? e.mul(flat, extent) : flat;
  Value first = level ? e.index(0) : k.first, end = level ? e.index(extent) : k.end;
  if (level && extent.constant() && *extent.constant() <= unrolls) {
    SmallVector<Value> carried(accs);
    for (int64_t i = 0; i < *extent.constant(); ++i) {
      Point deeper = point;
      deeper.indices[ks[level].back()] = e.index(i);
      carried = overK(level + 1, deeper, e.add(scaled, e.index(i)), k, carried, body, before, unrolls, innermost);
    }
    return carried;
  }
  auto step = [&](Value i, ValueRange carried) {
    Point deeper = point;
    deeper.indices[ks[level].back()] = i;
    if (before && ks.size() == 1)
      before(deeper);
    return overK(level + 1, deeper, level ? e.add(scaled, i) : i, k, carried, body, before, unrolls, innermost);
  };
  if (!innermost || level + 1 < ks.size())
    return e.loopCarry(first, end, 1, accs, step);
  point.indices[ks[level].back()] = first;
  return innermost({point, level ? scaled : first, first, end}, accs, step);
}

Point rowOfMemory(Emitter &e, Value row, unsigned width) {
  Point p;
  p.indices = {row, e.index(0)};
  p.lane = width > 1 ? 1 : -1;
  p.width = width;
  return p;
}

/// An operand made in the kernel, at a point.
Value Tile::evaluated(int input, Point at) {
  Frame frame;
  frame.point = at;
  return e.madeOperand(node, *node.op.getDpsInputOperand(input), frame);
}

Value Tile::converted(int input, const Point &at, unsigned width, Value loaded) {
  Frame frame;
  frame.point = at;
  frame.point.width = width;
  frame.known[node.body().getArgument(input)] = loaded;
  return e.payload(node, c.side(input), frame);
}

Value Tile::leftScalar(Item &item, const Point &at, Value i, unsigned r, unsigned rows, Value k) {
  if (c.leftBuffer < 0) {
    Point from = at;
    if (!m.empty())
      from.indices[m.back()] = e.add(i, e.index(r));
    return evaluated(c.left, from);
  }
  Type element = leftElement();
  if (item.left || item.leftAt) {
    SizeExpr step = !item.left ? c.leftAccess.coefs[m.back()] : item.left.strip == 1 ? item.left.length : SizeExpr(1);
    Point from;
    from.indices = {item.leftAt ? e.index(0) : panelOffset(item.left, i, leftStrip(item, rows), k)};
    return e.load(item.leftAt ? item.leftAt : item.left.memory, element,
                  Linear{SizeExpr(int64_t(r)) * step, {SizeExpr(1)}}, from);
  }
  Point from = at;
  Linear linear = c.leftAccess;
  if (!m.empty()) {
    from.indices[m.back()] = i;
    linear.offset = linear.offset + linear.coefs[m.back()] * SizeExpr(int64_t(r));
  }
  return e.load(e.pointers[c.leftBuffer], element, linear, from);
}

Point Tile::lanePoint(Point at, const Lanes &lanes, unsigned v) {
  if (n.empty())
    return at;
  at.indices[n.back()] = e.add(lanes.j, e.index((lanes.from + v) * width));
  at.lane = width > 1 ? n.back() : -1;
  at.width = lanes.width;
  at.mask = lanes.masks[v];
  return at;
}

Value Tile::rightVector(Item &item, const Point &at, const Lanes &lanes, unsigned v, Value k) {
  Linear inStrip{SizeExpr(int64_t((lanes.from + v) * width)), {SizeExpr(1), SizeExpr(1)}};
  Value memory = item.rightAt ? item.rightAt : item.right.memory;
  auto inPanel = [&] {
    return rowOfMemory(e, item.rightAt ? e.index(0) : panelOffset(item.right, lanes.j, strip(), k), lanes.width);
  };
  if (item.right && !item.copies) { // lanes past the end are there, and not stored
    const int64_t steps = s.ahead && streamsPanel() ? s.ahead : s.soon;
    if (steps && v * width * rightBytes() % 64 == 0) {
      Linear soon = inStrip;
      soon.offset = soon.offset + SizeExpr(steps * strip());
      e.prefetch(memory, rightElement(), soon, inPanel());
    }
    Value packed = e.load(memory, rightElement(), inStrip, inPanel());
    return s.group > 1 || widensRight() ? packed : converted(c.right, at, lanes.width, packed);
  }
  if (item.turned)
    return converted(c.right, at, lanes.width, item.turned);
  Point from = lanePoint(at, lanes, v);
  if (c.rightBuffer < 0)
    return s.group > 1 ? evaluated(c.right, from) : converted(c.right, at, lanes.width, evaluated(c.right, from));
  Type element = g.buffers[c.rightBuffer].element;
  // Lanes side by side: while a strip is copied those some steps below, into the first cache; else those of `soon`.
  const int64_t below = s.turned || s.packRight == Pack::Tile ? 0 : item.copies ? (s.ahead ? 8 : 0) : s.soon;
  if (below && v * width * Emitter::byteWidth(element) % 64 == 0) {
    Point soon = from;
    Value &row = soon.indices[ks.front().back()];
    row = e.add(row, e.index(below));
    e.prefetch(e.pointers[c.rightBuffer], element, c.rightAccess, soon, /*forWriting=*/false, item.copies);
  }
  Value vector = e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from);
  Value packed = item.copies ? asPacked(from, lanes.width, vector) : vector;
  if (item.copies)
    e.store(packed, memory, rightElement(), inStrip, inPanel());
  return s.group > 1 || (item.copies && widensRight()) ? packed : converted(c.right, at, lanes.width, vector);
}

/// The fused products of a block of k, added to the accumulators.
SmallVector<Value> Tile::products(Item &item, Value i, unsigned rows, const Lanes &lanes, const Block &block,
                                  SmallVector<Value> accs) {
  // The tiles below one another share out the lanes of what is turned next.
  Value share;
  int64_t inShare = 0;
  if (item.nextLane && !item.next) {
    inShare = llvm::PowerOf2Ceil(llvm::divideCeil(s.ahead, llvm::divideCeil(s.rowBlock, s.rows)));
    int64_t shares = llvm::divideCeil(s.ahead, inShare);
    share = b.createOrFold<arith::RemUIOp>(e.loc, tileNumber(item, i), e.index(shares));
    share = e.mul(share, SizeExpr(inShare));
  }
  std::optional<Ahead> ahead = aheadOf(item, i, lanes, block);
  auto step = [&](const Lanes &lanes, const Point &at, Value flat, ValueRange carried) {
    if (share)
      expectNext(item, share, inShare, flat);
    for (int64_t from = 0; ahead && from < ahead->share; from += 64 / int64_t(rightBytes()))
      e.prefetch(item.right.memory, rightElement(), Linear{SizeExpr(from), {SizeExpr(1), SizeExpr(1)}},
                 rowOfMemory(e, e.add(ahead->from, e.mul(flat, SizeExpr(ahead->share))), 1));
    SmallVector<Value> next(carried.begin(), carried.end());
    // Groups as the instruction takes them, or their halves one after the other.
    auto factors = [&](Value words) -> SmallVector<Value> {
      if (item.oneByOne)
        return {half(words, /*upper=*/true), half(words, /*upper=*/false)};
      return {s.group > 1 ? parts(words) : words};
    };
    SmallVector<SmallVector<Value>> right;
    for (unsigned v = 0; v < lanes.vectors(); ++v) {
      Value vector = rightVector(item, at, lanes, v, flat);
      // One value for all lanes is loaded as a scalar.
      right.push_back(factors(width > 1 ? e.widen(vector, lanes.width) : vector));
    }
    for (unsigned r = 0; r < rows; ++r) {
      Value left = leftScalar(item, at, i, r, rows, flat);
      if (!widensLeft() && s.group == 1)
        left = converted(c.left, at, lanes.width, left);
      SmallVector<Value> lefts = factors(width > 1 ? e.widen(left, lanes.width) : left);
      for (unsigned v = 0; v < lanes.vectors(); ++v)
        for (auto [x, y] : llvm::zip(lefts, right[v])) {
          Value &acc = next[r * lanes.vectors() + v];
          if (s.group > 1 && !item.oneByOne)
            acc = dot(acc, x, y);
          else if (isa<FloatType>(c.accumulator))
            acc = math::FmaOp::create(b, e.loc, x, y, acc);
          else
            acc = b.createOrFold<arith::AddIOp>(e.loc, acc, b.createOrFold<arith::MulIOp>(e.loc, x, y));
        }
    }
    return next;
  };
  if (turnsInTile(item))
    return productsOfSquares(item, lanes, block.k, accs, step);
  auto body = [&](const Point &at, Value flat, ValueRange carried) { return step(lanes, at, flat, carried); };
  auto ask = [&](const Point &at) {
    expectLeft(at, i, rows);
    expectStrip(item, at, i, lanes);
  };
  bool asks = s.turned && s.ahead && !item.left && c.leftBuffer >= 0 && !m.empty() && !ks.empty();
  auto carry = [&](const Steps &steps, ValueRange accs,
                   llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    return carrySteps(item, i, rows, lanes, steps, accs, body);
  };
  if (asks)
    return overK(0, item.origin, e.index(0), block.k, accs, body, ask, /*unrolls=*/0, carry);
  const bool inPanels = item.left && item.right && !item.copies; // both are read by the position in all of k
  auto some = [&](const Stretch &k, ValueRange accs) {
    if (!inPanels)
      return overK(0, item.origin, e.index(0), k, accs, body, {}, /*unrolls=*/0, carry);
    Value first = e.mul(k.first, inner);
    return carry({item.origin, first, first, e.mul(k.end, inner)}, accs,
                 [&](Value flat, ValueRange carried) { return body(item.origin, flat, carried); });
  };
  Stretch k = inPanels ? steps(block.k) : block.k;
  return item.next && !item.copies ? packBehind(item, i, k, accs, some) : some(k, accs);
}

SmallVector<Value> Tile::carrySteps(Item &item, Value i, unsigned rows, const Lanes &lanes, const Steps &steps,
                                    ValueRange accs, llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  SmallVector<Value> carried(accs);
  SmallVector<std::pair<Value *, SizeExpr>> places; // the last ones carried, and how far they move in a step
  auto carry = [&](Value &at, Value place, const SizeExpr &step) {
    carried.push_back(place);
    places.emplace_back(&at, step);
  };
  if (item.left) {
    int64_t strip = leftStrip(item, rows);
    carry(item.leftAt, e.address(item.left.memory, leftElement(), panelOffset(item.left, i, strip, steps.flat)), strip);
  } else if (c.leftBuffer >= 0 && !m.empty()) {
    Point first = steps.first;
    first.indices[m.back()] = i;
    carry(item.leftAt, e.address(e.pointers[c.leftBuffer], leftElement(), e.offset(c.leftAccess, first)),
          c.leftAccess.coefs[ks.back().back()]);
  }
  if (item.right && !item.copies)
    carry(item.rightAt,
          e.address(item.right.memory, rightElement(), panelOffset(item.right, lanes.j, strip(), steps.flat)), strip());
  carried = e.loopCarry(steps.begin, steps.end, 1, carried, [&](Value at, ValueRange values) {
    for (auto [place, value] : llvm::zip(places, values.take_back(places.size())))
      *place.first = value;
    SmallVector<Value> next = body(at, values.drop_back(places.size()));
    for (auto &[place, step] : places)
      next.push_back(e.address(*place, place == &item.leftAt ? leftElement() : rightElement(), e.index(step)));
    return next;
  });
  item.leftAt = item.rightAt = {};
  carried.truncate(accs.size());
  return carried;
}

void Tile::tile(Item &item, Value i, unsigned rows, const Lanes &lanes, const Block &block) {
  if (!sumsHalves())
    return sum(item, i, rows, lanes, block);
  e.when(
      isWild(item, i, rows, lanes), [&] { e.apart([&] { sumOneByOne(item, i, rows, lanes, block); }); },
      [&] { sum(item, i, rows, lanes, block); });
}

void Tile::sum(Item &item, Value i, unsigned rows, const Lanes &lanes, const Block &block) {
  Location outerLoc = e.loc;
  e.loc = node.op.getLoc();
  const unsigned vectors = lanes.vectors(), count = rows * vectors;
  // Partial sums in memory: row i of the item, lane j of the item.
  auto partialAt = [&](unsigned v) {
    return Linear{SizeExpr(int64_t((lanes.from + v) * width)), {SizeExpr(s.laneBlock + strip()), SizeExpr(1)}};
  };
  auto partialPoint = [&](unsigned r) {
    Value row = m.empty() ? e.index(0) : Value(e.sub(i, item.rows.first));
    Point p = rowOfMemory(e, r ? e.add(row, e.index(r)) : row, lanes.width);
    if (!n.empty())
      p.indices[1] = e.sub(lanes.j, item.lanes.first);
    return p;
  };
  // A panel corrects its own k: each block's, or all of them.
  bool corrects = movesLeft(), correctsBlock = corrects && item.right.k && block.first;
  auto correction = [&](unsigned v) {
    Linear inStrip{SizeExpr(int64_t((lanes.from + v) * width)), {SizeExpr(1), SizeExpr(1)}};
    Value at = panelOffset(item.right, lanes.j, strip(), behind(item.right));
    return e.load(item.right.memory, c.accumulator, inStrip, rowOfMemory(e, at, lanes.width));
  };
  auto zeros = [&] {
    SmallVector<Value> sums;
    Value zero = e.identity(e.combiner(node));
    zero = width > 1 ? e.widen(zero, lanes.width) : zero;
    for (unsigned at = 0; at < count; ++at)
      sums.push_back(corrects && !correctsBlock ? correction(at % vectors) : zero);
    return sums;
  };
  auto partials = [&] {
    SmallVector<Value> sums;
    for (unsigned r = 0; s.rowBlock > s.rows && r < rows; ++r) { // of the tile below, which is next
      Linear next = partialAt(0);
      next.offset = next.offset + SizeExpr(int64_t(rows)) * next.coefs[0];
      e.prefetch(item.partial, c.accumulator, next, partialPoint(r));
    }
    for (unsigned at = 0; at < count; ++at)
      sums.push_back(e.load(item.partial, c.accumulator, partialAt(at % vectors), partialPoint(at / vectors)));
    return sums;
  };
  auto pointAt = [&](Value row, unsigned v) {
    Point point = item.origin;
    if (!m.empty())
      point.indices[m.back()] = row;
    return lanePoint(point, lanes, v);
  };
  auto finishRows = [&](ArrayRef<Value> accs) {
    // All is read before any is written: a read waits for a write that lies a multiple of 4 KB from it.
    SmallVector<std::pair<Point, SmallVector<Value>>> results;
    for (unsigned r = 0; r < rows; ++r)
      for (unsigned v = 0; v < vectors; ++v) {
        Point point = pointAt(r ? e.add(i, e.index(r)) : i, v);
        results.emplace_back(point, resultsOf(point, accs[r * vectors + v]));
      }
    for (auto &[point, values] : results)
      store(point, values);
  };
  auto finishInLoop = [&](ArrayRef<Value> accs) {
    Value memory = e.stack(c.accumulator, int64_t(count) * width), first = readsFrom(i);
    auto slot = [&](unsigned v) {
      return Linear{SizeExpr(int64_t(v * width)), {SizeExpr(int64_t(width) * vectors), SizeExpr(1)}};
    };
    for (unsigned at = 0; at < count; ++at)
      e.store(accs[at], memory, c.accumulator, slot(at % vectors), rowOfMemory(e, e.index(at / vectors), lanes.width));
    e.loop(repeatsRows() ? e.sub(i, first) : e.index(0), e.index(rows), 1, [&](Value r) {
      for (unsigned v = 0; v < vectors; ++v)
        finish(pointAt(e.add(first, r), v), e.load(memory, c.accumulator, slot(v), rowOfMemory(e, r, lanes.width)));
    });
  };
  auto finishAll = [&](ArrayRef<Value> accs) {
    if (s.turned)
      return finishTurned(item, i, rows, lanes, accs);
    if (epilogueInLoop)
      return finishInLoop(accs);
    if (!repeatsRows())
      return finishRows(accs);
    e.when(e.isLess(readsFrom(i), i), [&] { finishInLoop(accs); }, [&] { finishRows(accs); });
  };

  expect(item.origin, readsFrom(i), rows, lanes);
  if (!block.first) {
    finishAll(products(item, i, rows, lanes, block, zeros()));
    e.loc = outerLoc;
    return;
  }
  Type type = width > 1 ? Type(e.vectorOf(c.accumulator, lanes.width)) : c.accumulator;
  SmallVector<Value> accs = e.branch(block.first, SmallVector<Type>(count, type), zeros, partials);
  for (unsigned at = 0; correctsBlock && at < count; ++at)
    accs[at] = arith::AddIOp::create(b, e.loc, accs[at], correction(at % vectors));
  accs = products(item, i, rows, lanes, block, accs);
  auto keep = [&] {
    for (unsigned at = 0; at < count; ++at)
      e.store(accs[at], item.partial, c.accumulator, partialAt(at % vectors), partialPoint(at / vectors));
  };
  e.when(block.last, [&] { finishAll(accs); }, keep);
  e.loc = outerLoc;
}

void Tile::finish(const Point &point, Value acc) { store(point, resultsOf(point, acc)); }

/// The epilogue at one point: a value for each output.
SmallVector<Value> Tile::resultsOf(const Point &point, Value acc) {
  Frame frame;
  frame.point = point;
  if (rest) {
    Linear lane{0, SmallVector<SizeExpr>(g.domain.size(), SizeExpr(0))};
    lane.coefs[n.back()] = 1;
    Point whole = point; // past the last lane there are numbers
    whole.mask = {};
    acc = arith::AddFOp::create(b, e.loc, acc, e.load(rest, c.accumulator, lane, whole));
  }
  frame.known[node.result()] = acc;
  return llvm::map_to_vector(outputs, [&](const Output &output) { return e.evaluate(output.value, frame); });
}

void Tile::store(const Point &point, ArrayRef<Value> values) {
  for (auto [output, value] : llvm::zip(outputs, values)) {
    Node &maker = *g.nodeOf(output.value);
    e.loc = maker.op.getLoc();
    e.store(value, e.pointers[output.buffer], g.buffers[output.buffer].element, g.store(maker, output.buffer), point);
  }
}

LogicalResult emitTile(Emitter &emitter, const Schedule &schedule) {
  auto contraction = Contraction::build(emitter.graph, emitter.graph.contraction, schedule.turned);
  if (failed(contraction))
    return failure();
  bool inPassing = schedule.packRight == Pack::Item && schedule.ahead;
  bool packs = schedule.packLeft != Pack::None && schedule.packsRight() && !inPassing;
  if (schedule.group > 1 && (!packs || schedule.group != contraction->group(emitter.graph, emitter.target)))
    return emitter.graph.function.emitError("[WF4112] no instruction of the target sums groups of ")
           << schedule.group << " products of these operands, packed; hint: leave `group` out";
  return Tile(emitter, schedule, *contraction).emit();
}

} // namespace weft
