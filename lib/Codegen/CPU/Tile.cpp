// Decides the loops of kernels with a contraction: a register tile of rows by vectors of accumulators over k (k
// ascends, one fma a step), operands packed into scratch where the schedule says so, the epilogue on the tile.
#include "mlir/Dialect/Math/IR/Math.h"
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/Schedule.h"

using namespace mlir;

namespace weft {
namespace {

/// A stretch of rows, lanes or k: first and end.
struct Stretch {
  Value first, end;
};

class Tile {
public:
  Tile(Emitter &e, const Schedule &s, const Contraction &c)
      : e(e), g(e.graph), b(e.b), s(s), c(c), node(g.nodes[g.contraction]), width(s.lanes) {}
  LogicalResult emit();

private:
  Emitter &e;
  KernelGraph &g;
  OpBuilder &b;
  const Schedule &s;
  const Contraction &c;
  Node &node;
  unsigned width;

  SmallVector<SmallVector<int>> outer, ks; // groups of root dimensions
  SmallVector<int> m, n;                   // the groups of rows and of lanes; empty: none
  SizeExpr M, N, K;
  SmallVector<Output> outputs;
  bool epilogueInLoop = false;

  /// What is fixed inside one item of work.
  struct Item {
    Point origin;
    Stretch rows, lanes;
    Value leftPack, rightPack, partial; // scratch, where the schedule uses it
  };

  SmallVector<SmallVector<int>> group(ArrayRef<int> dims, bool withOutputs);
  bool blocksK() const { return s.kBlock > 0 && ks.size() == 1; }
  int64_t strip() const { return int64_t(width) * s.vectors; }

  void item(const Point &origin, Stretch rows, Stretch lanes);
  void overLanes(Item &item, Stretch k, bool first, bool last);
  void overRows(Item &item, Value j, unsigned vectors, Value mask, Stretch k, bool first, bool last);
  void packLeft(Item &item);
  void packRight(Item &item, Value j, unsigned vectors, Value mask, Stretch k);
  void tile(Item &item, Value i, Value j, unsigned rows, unsigned vectors, Value mask, Stretch k, bool first,
            bool last);
  SmallVector<Value> overK(unsigned level, Point point, Value flat, Stretch k, ValueRange accs,
                           llvm::function_ref<SmallVector<Value>(const Point &, Value, ValueRange)> body);
  Value evaluated(int input, Point at);
  Value leftScalar(Item &item, const Point &at, Value i, unsigned r, unsigned rows, Value k);
  Value rightVector(Item &item, const Point &at, Value j, unsigned v, unsigned vectors, Value mask, Value k);
  void finish(const Point &point, Value acc);
};

/// Neighbouring dimensions that all accesses step through as one; the folded ones are in neither outputs nor epilogue.
SmallVector<SmallVector<int>> Tile::group(ArrayRef<int> dims, bool withOutputs) {
  return g.join(dims, [&](int first, int second) {
    if (!g.asOne(c.leftAccess, first, second) || !g.asOne(c.rightAccess, first, second))
      return false;
    if (!withOutputs && c.leftBuffer >= 0 && c.rightBuffer >= 0)
      return true;
    return llvm::all_of(
               g.nodes,
               [&](Node &other) { return other.kind != NodeKind::Map || g.readsAsOne(other, first, second); }) &&
           (!withOutputs || llvm::all_of(outputs, [&](const Output &output) {
             return g.asOne(g.store(*g.nodeOf(output.value), output.buffer), first, second);
           }));
  });
}

LogicalResult Tile::emit() {
  outputs = g.outputs();
  ks = group(c.folded, false);
  auto rowGroups = group(c.rows, true), laneGroups = group(c.lanes, true);
  outer = group(c.batch, true);
  if (!rowGroups.empty())
    m = rowGroups.pop_back_val();
  if (!laneGroups.empty())
    n = laneGroups.pop_back_val();
  llvm::append_range(outer, rowGroups);
  llvm::append_range(outer, laneGroups);
  M = g.size(m);
  N = g.size(n);
  K = SizeExpr(1);
  for (auto &dims : ks)
    K = K * g.size(dims);

  // A dear or long epilogue is emitted once, in a loop over the tile in memory.
  int64_t ops = 0;
  for (Node &other : g.nodes)
    if (other.kind == NodeKind::Map) {
      epilogueInLoop |= other.isExpensive;
      ops += std::distance(other.body().begin(), other.body().end());
    }
  epilogueInLoop |= ops * s.rows * s.vectors > 80;

  Shape sizes;
  for (auto &dims : outer)
    sizes.push_back(g.size(dims));
  sizes.push_back((M + SizeExpr(s.rowBlock - 1)).floordiv(s.rowBlock));
  sizes.push_back((N + SizeExpr(s.laneBlock - 1)).floordiv(s.laneBlock));
  double itemRows = double(std::min<int64_t>(s.rowBlock, M.constant().value_or(s.rowBlock)));
  double itemLanes = double(std::min<int64_t>(s.laneBlock, N.constant().value_or(s.laneBlock)));
  double ns = itemRows * itemLanes * double(K.constant().value_or(256)) * 2 / e.target.flopsPerNs + 10;
  e.parallel(numElements(sizes), SizeExpr(1), ns, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value at) {
      Point origin;
      origin.indices.assign(g.domain.size(), e.index(0));
      SmallVector<Value> position = e.delinearize(at, sizes);
      for (auto [dims, i] : llvm::zip(outer, position))
        origin.indices[dims.back()] = i;
      auto stretch = [&](Value block, const SizeExpr &total, int64_t length) -> Stretch {
        Value first = e.mul(block, SizeExpr(length)), end = e.add(first, e.index(length));
        return {first, total.constant() && *total.constant() % length == 0 ? end : e.minimum(e.index(total), end)};
      };
      item(origin, stretch(position[outer.size()], M, s.rowBlock), stretch(position[outer.size() + 1], N, s.laneBlock));
    });
  });
  return success();
}

void Tile::item(const Point &origin, Stretch rows, Stretch lanes) {
  Item it{origin, rows, lanes, {}, {}, {}};
  SmallVector<Value> sizes;
  SmallVector<Value *> places;
  if (s.packLeft) {
    sizes.push_back(e.index(K * SizeExpr(s.rowBlock * int64_t(Emitter::byteWidth(g.buffers[c.leftBuffer].element)))));
    places.push_back(&it.leftPack);
  }
  if (s.packRight && !n.empty()) {
    sizes.push_back(e.index(K * SizeExpr(strip() * int64_t(Emitter::byteWidth(g.buffers[c.rightBuffer].element)))));
    places.push_back(&it.rightPack);
  }
  if (blocksK()) {
    sizes.push_back(e.index(s.rowBlock * (s.laneBlock + strip()) * int64_t(Emitter::byteWidth(c.accumulator))));
    places.push_back(&it.partial);
  }
  if (!sizes.empty())
    for (auto [place, pointer] : llvm::zip(places, e.scratch(sizes)))
      *place = pointer;
  if (it.leftPack)
    packLeft(it);

  Value all = e.index(ks.empty() ? SizeExpr(1) : g.size(ks.front()));
  if (!blocksK()) {
    overLanes(it, {e.index(0), all}, true, true);
    return;
  }
  // First block from zero, middle ones through memory, last one with the epilogue.
  Value start = e.index(0), step = e.index(s.kBlock);
  Value last =
      b.createOrFold<arith::MulIOp>(e.loc, b.createOrFold<arith::DivUIOp>(e.loc, e.sub(all, e.index(1)), step), step);
  Value several = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::sgt, last, start);
  auto branch = scf::IfOp::create(b, e.loc, several, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  overLanes(it, {start, step}, true, false);
  e.loop(step, last, s.kBlock, [&](Value k) { overLanes(it, {k, e.add(k, step)}, false, false); });
  overLanes(it, {last, all}, false, true);
  b.setInsertionPointToStart(branch.elseBlock());
  overLanes(it, {start, all}, true, true);
}

/// Strips of lanes: whole register tiles, then vector by vector, the last one masked.
void Tile::overLanes(Item &item, Stretch k, bool first, bool last) {
  if (n.empty()) {
    overRows(item, e.index(0), 1, {}, k, first, last);
    return;
  }
  auto run = [&](Value j, unsigned vectors, Value mask) {
    if (item.rightPack)
      packRight(item, j, vectors, mask, k);
    overRows(item, j, vectors, mask, k, first, last);
  };
  auto total = N.constant();
  Value middle = item.lanes.end;
  if (!total || *total % strip()) {
    Value length = e.sub(item.lanes.end, item.lanes.first);
    Value whole = e.roundDown(length, strip());
    middle = e.add(item.lanes.first, whole);
  }
  if (!total || *total >= strip())
    e.loop(item.lanes.first, middle, strip(), [&](Value j) { run(j, s.vectors, {}); });
  if (!total || *total % strip())
    e.loop(middle, item.lanes.end, width, [&](Value j) {
      bool whole = width == 1 || (total && *total % width == 0);
      run(j, 1, whole ? Value() : e.laneMask(e.sub(item.lanes.end, j), width));
    });
}

/// Register tiles down the rows of the item, then the rest: of one size where it is known, else row by row.
void Tile::overRows(Item &item, Value j, unsigned vectors, Value mask, Stretch k, bool first, bool last) {
  auto total = M.constant();
  if (m.empty()) {
    tile(item, e.index(0), j, 1, vectors, mask, k, first, last);
    return;
  }
  Value middle = item.rows.end;
  if (!total || *total % s.rows) {
    Value length = e.sub(item.rows.end, item.rows.first);
    middle = e.add(item.rows.first, e.roundDown(length, s.rows));
  }
  if (!total || *total >= s.rows)
    e.loop(item.rows.first, middle, s.rows, [&](Value i) { tile(item, i, j, s.rows, vectors, mask, k, first, last); });
  if (!total)
    e.loop(middle, item.rows.end, 1, [&](Value i) { tile(item, i, j, 1, vectors, mask, k, first, last); });
  else if (int64_t rest = *total % s.rows) // row blocks are multiples of the tile: only the last item has a rest
    e.loop(middle, item.rows.end, rest, [&](Value i) { tile(item, i, j, rest, vectors, mask, k, first, last); });
}

/// Nested loops over the folded groups, carrying accumulators; `flat` is the position in all of k. `k` bounds the
/// first.
SmallVector<Value> Tile::overK(unsigned level, Point point, Value flat, Stretch k, ValueRange accs,
                               llvm::function_ref<SmallVector<Value>(const Point &, Value, ValueRange)> body) {
  if (level == ks.size())
    return body(point, flat, accs);
  SizeExpr extent = g.size(ks[level]);
  Value scaled = level ? e.mul(flat, extent) : flat;
  Value first = level ? e.index(0) : k.first, end = level ? e.index(extent) : k.end;
  return e.loopCarry(first, end, 1, accs, [&](Value i, ValueRange carried) {
    Point inner = point;
    inner.indices[ks[level].back()] = i;
    return overK(level + 1, inner, level ? e.add(scaled, i) : i, k, carried, body);
  });
}

static Point rowOfMemory(Emitter &e, Value row, unsigned width) {
  Point p;
  p.indices = {row, e.index(0)};
  p.lane = width > 1 ? 1 : -1;
  p.width = width;
  return p;
}

/// The rows of an item, tile by tile, in each k side by side: a tile at row i begins at i * K.
void Tile::packLeft(Item &item) {
  Type element = g.buffers[c.leftBuffer].element;
  auto copy = [&](Value i, int64_t rows) {
    Value base = e.mul(e.sub(i, item.rows.first), K);
    overK(0, item.origin, e.index(0), {e.index(0), e.index(g.size(ks.front()))}, {},
          [&](const Point &at, Value k, ValueRange) {
            for (int64_t r = 0; r < rows; ++r) {
              Point from = at;
              from.indices[m.back()] = i;
              Linear linear = c.leftAccess;
              linear.offset = linear.offset + linear.coefs[m.back()] * SizeExpr(r);
              Point to;
              to.indices = {base, k};
              e.store(e.load(e.pointers[c.leftBuffer], element, linear, from), item.leftPack, element,
                      Linear{SizeExpr(r), {SizeExpr(1), SizeExpr(rows)}}, to);
            }
            return SmallVector<Value>();
          });
  };
  auto total = M.constant();
  Value length = e.sub(item.rows.end, item.rows.first);
  Value middle = e.add(item.rows.first, e.roundDown(length, s.rows));
  e.loop(item.rows.first, middle, s.rows, [&](Value i) { copy(i, s.rows); });
  int64_t rest = total ? *total % s.rows : 1;
  if (rest)
    e.loop(middle, item.rows.end, rest, [&](Value i) { copy(i, rest); });
}

/// A strip of the right operand, k by lanes side by side.
void Tile::packRight(Item &item, Value j, unsigned vectors, Value mask, Stretch k) {
  Type element = g.buffers[c.rightBuffer].element;
  overK(0, item.origin, e.index(0), k, {}, [&](const Point &at, Value flat, ValueRange) {
    for (unsigned v = 0; v < vectors; ++v) {
      Point from = at;
      from.indices[n.back()] = e.add(j, e.index(v * width));
      from.lane = width > 1 ? n.back() : -1;
      from.width = width;
      from.mask = mask;
      Linear to{SizeExpr(int64_t(v * width)), {SizeExpr(int64_t(width) * vectors), SizeExpr(1)}};
      e.store(e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from), item.rightPack, element, to,
              rowOfMemory(e, flat, width));
    }
    return SmallVector<Value>();
  });
}

/// An operand made in the kernel, at a point.
Value Tile::evaluated(int input, Point at) {
  Frame frame;
  frame.point = at;
  return e.evaluate(node.op.getDpsInputOperand(input)->get(), frame);
}

Value Tile::leftScalar(Item &item, const Point &at, Value i, unsigned r, unsigned rows, Value k) {
  if (c.leftBuffer < 0) {
    Point from = at;
    if (!m.empty())
      from.indices[m.back()] = e.add(i, e.index(r));
    return evaluated(c.left, from);
  }
  Type element = g.buffers[c.leftBuffer].element;
  if (item.leftPack) {
    Point from;
    from.indices = {e.mul(e.sub(i, item.rows.first), K), k};
    return e.load(item.leftPack, element, Linear{SizeExpr(int64_t(r)), {SizeExpr(1), SizeExpr(int64_t(rows))}}, from);
  }
  Point from = at;
  Linear linear = c.leftAccess;
  if (!m.empty()) {
    from.indices[m.back()] = i;
    linear.offset = linear.offset + linear.coefs[m.back()] * SizeExpr(int64_t(r));
  }
  return e.load(e.pointers[c.leftBuffer], element, linear, from);
}

Value Tile::rightVector(Item &item, const Point &at, Value j, unsigned v, unsigned vectors, Value mask, Value k) {
  if (item.rightPack) {
    Type element = g.buffers[c.rightBuffer].element;
    Linear from{SizeExpr(int64_t(v * width)), {SizeExpr(int64_t(width) * vectors), SizeExpr(1)}};
    return e.load(item.rightPack, element, from, rowOfMemory(e, k, width));
  }
  Point from = at;
  if (!n.empty()) {
    from.indices[n.back()] = e.add(j, e.index(v * width));
    from.lane = width > 1 ? n.back() : -1;
    from.width = width;
    from.mask = mask;
  }
  if (c.rightBuffer < 0)
    return evaluated(c.right, from);
  return e.load(e.pointers[c.rightBuffer], g.buffers[c.rightBuffer].element, c.rightAccess, from);
}

void Tile::tile(Item &item, Value i, Value j, unsigned rows, unsigned vectors, Value mask, Stretch k, bool first,
                bool last) {
  Location outerLoc = e.loc;
  e.loc = node.op.getLoc();
  // Partial sums in memory: row i of the item, lane j of the item.
  auto partialAt = [&](unsigned v) {
    return Linear{SizeExpr(int64_t(v * width)), {SizeExpr(s.laneBlock + strip()), SizeExpr(1)}};
  };
  auto partialPoint = [&](unsigned r) {
    Value row = m.empty() ? e.index(0) : Value(e.sub(i, item.rows.first));
    Point p = rowOfMemory(e, r ? e.add(row, e.index(r)) : row, width);
    if (!n.empty())
      p.indices[1] = e.sub(j, item.lanes.first);
    return p;
  };
  SmallVector<Value> accs;
  if (first) {
    Value zero = e.identity(e.combiner(node));
    accs.assign(rows * vectors, width > 1 ? e.widen(zero, width) : zero);
  } else {
    for (unsigned r = 0; r < rows; ++r)
      for (unsigned v = 0; v < vectors; ++v)
        accs.push_back(e.load(item.partial, c.accumulator, partialAt(v), partialPoint(r)));
  }

  BlockArgument leftArgument = node.body().getArgument(c.left), rightArgument = node.body().getArgument(c.right);
  // The product's operands are each one input, perhaps converted.
  auto comesFrom = [](Value v, Value argument) {
    while (Operation *op = v.getDefiningOp())
      v = op->getOperand(0);
    return v == argument;
  };
  Value leftSide = c.product->getOperand(0), rightSide = c.product->getOperand(1);
  if (!comesFrom(leftSide, leftArgument))
    std::swap(leftSide, rightSide);
  accs = overK(0, item.origin, e.index(0), k, accs, [&](const Point &at, Value flat, ValueRange carried) {
    SmallVector<Value> next(carried.begin(), carried.end());
    auto converted = [&](Value side, Value argument, Value loaded) {
      Frame frame;
      frame.point = at;
      frame.point.width = width;
      frame.known[argument] = loaded;
      return e.payload(node, side, frame);
    };
    SmallVector<Value> right;
    for (unsigned v = 0; v < vectors; ++v) {
      Value vector = converted(rightSide, rightArgument, rightVector(item, at, j, v, vectors, mask, flat));
      right.push_back(width > 1 ? e.widen(vector, width) : vector); // one value for all lanes is loaded as a scalar
    }
    for (unsigned r = 0; r < rows; ++r) {
      Value left = converted(leftSide, leftArgument, leftScalar(item, at, i, r, rows, flat));
      if (width > 1)
        left = e.widen(left, width);
      for (unsigned v = 0; v < vectors; ++v) {
        Value &acc = next[r * vectors + v];
        if (isa<FloatType>(c.accumulator))
          acc = math::FmaOp::create(b, e.loc, left, right[v], acc);
        else
          acc = b.createOrFold<arith::AddIOp>(e.loc, acc, b.createOrFold<arith::MulIOp>(e.loc, left, right[v]));
      }
    }
    return next;
  });
  if (!last) {
    for (unsigned r = 0; r < rows; ++r)
      for (unsigned v = 0; v < vectors; ++v)
        e.store(accs[r * vectors + v], item.partial, c.accumulator, partialAt(v), partialPoint(r));
    e.loc = outerLoc;
    return;
  }

  auto pointAt = [&](Value row, unsigned v) {
    Point point = item.origin;
    if (!m.empty())
      point.indices[m.back()] = row;
    if (!n.empty()) {
      point.indices[n.back()] = e.add(j, e.index(v * width));
      point.lane = width > 1 ? n.back() : -1;
      point.width = width;
      point.mask = mask;
    }
    return point;
  };
  if (!epilogueInLoop) {
    for (unsigned r = 0; r < rows; ++r)
      for (unsigned v = 0; v < vectors; ++v)
        finish(pointAt(r ? e.add(i, e.index(r)) : i, v), accs[r * vectors + v]);
  } else {
    Value memory = e.stack(c.accumulator, int64_t(rows) * width * vectors);
    auto slot = [&](unsigned v) {
      return Linear{SizeExpr(int64_t(v * width)), {SizeExpr(int64_t(width) * vectors), SizeExpr(1)}};
    };
    for (unsigned r = 0; r < rows; ++r)
      for (unsigned v = 0; v < vectors; ++v)
        e.store(accs[r * vectors + v], memory, c.accumulator, slot(v), rowOfMemory(e, e.index(r), width));
    e.loop(e.index(0), e.index(rows), 1, [&](Value r) {
      for (unsigned v = 0; v < vectors; ++v)
        finish(pointAt(e.add(i, r), v), e.load(memory, c.accumulator, slot(v), rowOfMemory(e, r, width)));
    });
  }
  e.loc = outerLoc;
}

/// The epilogue at one point, and the stores.
void Tile::finish(const Point &point, Value acc) {
  Frame frame;
  frame.point = point;
  frame.known[node.result()] = acc;
  for (const Output &output : outputs) {
    Value value = e.evaluate(output.value, frame);
    e.loc = g.nodeOf(output.value)->op.getLoc();
    e.store(value, e.pointers[output.buffer], g.buffers[output.buffer].element,
            g.store(*g.nodeOf(output.value), output.buffer), point);
  }
}

} // namespace

LogicalResult emitTile(Emitter &emitter, const Schedule &schedule) {
  auto contraction = Contraction::build(emitter.graph);
  if (failed(contraction))
    return failure();
  return Tile(emitter, schedule, *contraction).emit();
}

} // namespace weft
