// Decides the loops of kernels with a contraction: a register tile of MR rows by NV vectors of accumulators over all of k
// (k ascends, one fma a step), the right operand packed where its lanes do not lie side by side, the epilogue on the tile.
#include "weft/Codegen/CPU/Emitter.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace weft {
namespace {

class Tile {
public:
  explicit Tile(Emitter &e) : e(e), g(e.graph), b(e.b), node(g.nodes[g.contraction]) {}
  LogicalResult emit();

private:
  Emitter &e;
  KernelGraph &g;
  OpBuilder &b;
  Node &node;

  int left = 0, right = 1;     // which input gives rows (scalars), which lanes (vectors)
  Linear leftAccess, rightAccess;
  int leftBuffer = 0, rightBuffer = 0;
  SmallVector<SmallVector<int>> outer, ks; // groups of root dimensions
  SmallVector<int> m, n;                   // the groups of rows and of lanes; empty: none
  unsigned width = 1, rows = 1, vectors = 1;
  Operation *product = nullptr;
  Type accumulator;
  struct Output {
    Value value;
    int buffer;
  };
  SmallVector<Output> outputs;
  bool epilogueInLoop = false;

  SmallVector<SmallVector<int>> group(ArrayRef<int> dims, bool withOutputs);
  SizeExpr size(ArrayRef<int> dims);
  void chooseTile();
  void item(const Point &origin, Value firstRow, Value endRow, Value firstLane, Value endLane);
  void strip(const Point &origin, Value firstRow, Value endRow, Value j, unsigned vectors, Value mask, Value panel);
  void tile(const Point &origin, Value i, Value j, unsigned rows, unsigned vectors, Value mask, Value panel);
  SmallVector<Value> overK(unsigned level, Point point, Value flat, ValueRange accs,
                           llvm::function_ref<SmallVector<Value>(const Point &, Value, ValueRange)> body);
  Value pack(const Point &origin, Value j, unsigned vectors, Value mask);
  void finish(const Point &point, Value acc);
};

SizeExpr Tile::size(ArrayRef<int> dims) {
  SizeExpr product(1);
  for (int dim : dims)
    product = product * g.domain[dim];
  return product;
}

/// Neighbouring dimensions that every access steps through as one; size 1 is left out.
SmallVector<SmallVector<int>> Tile::group(ArrayRef<int> dims, bool withOutputs) {
  auto mergeable = [&](int first, int second) {
    auto agrees = [&](const Linear &l) { return l.coefs[first] == l.coefs[second] * g.domain[second]; };
    if (!agrees(leftAccess) || !agrees(rightAccess))
      return false;
    if (!withOutputs)
      return true;
    for (Node &other : g.nodes) {
      if (other.kind != NodeKind::Map)
        continue;
      for (OpOperand *input : other.op.getDpsInputOperands())
        if (int buffer = g.bufferOf(input->get()); buffer >= 0 && !agrees(g.access(other, *input, buffer)))
          return false;
      if (llvm::any_of(other.body(), [](Operation &op) { return isa<linalg::IndexOp>(op); }))
        return false;
    }
    return llvm::all_of(outputs, [&](const Output &o) { return agrees(g.store(*g.nodeOf(o.value), o.buffer)); });
  };
  SmallVector<SmallVector<int>> groups;
  for (int dim : dims) {
    if (g.domain[dim] == SizeExpr(1))
      continue;
    if (!groups.empty() && mergeable(groups.back().back(), dim))
      groups.back().push_back(dim);
    else
      groups.push_back({dim});
  }
  return groups;
}

LogicalResult Tile::emit() {
  auto ret = cast<func::ReturnOp>(g.function.front().getTerminator());
  for (auto [i, value] : llvm::enumerate(ret.getOperands()))
    outputs.push_back({value, int(g.numInputs + i)});

  Value acc = node.body().getArgument(2);
  Operation *add = cast<linalg::YieldOp>(node.body().getTerminator()).getOperand(0).getDefiningOp();
  product = add->getOperand(add->getOperand(0) == acc ? 1 : 0).getDefiningOp();
  accumulator = acc.getType();

  // Which loops are rows, lanes, batches, folded: by the operands that they index.
  auto indexes = [&](int input) {
    SmallVector<bool> used(g.domain.size(), false);
    for (AffineExpr expr : node.op.getMatchingIndexingMap(node.op.getDpsInputOperand(input)).getResults())
      expr.walk([&](AffineExpr inner) {
        if (auto d = dyn_cast<AffineDimExpr>(inner))
          used[d.getPosition()] = true;
      });
    return used;
  };
  auto usedLeft = indexes(0), usedRight = indexes(1);
  SmallVector<int> batch, rowDims, laneDims, foldedDims;
  for (int i = 0; i < int(g.domain.size()); ++i)
    (g.isReduced[i] ? foldedDims : usedLeft[i] && !usedRight[i] ? rowDims : !usedLeft[i] && usedRight[i] ? laneDims : batch).push_back(i);
  bool anyLane = llvm::any_of(laneDims, [&](int d) { return g.domain[d] != SizeExpr(1); });
  if (!anyLane) { // matrix times vector: the matrix's rows are the lanes
    std::swap(left, right);
    std::swap(rowDims, laneDims);
  }
  OpOperand &leftOperand = *node.op.getDpsInputOperand(left), &rightOperand = *node.op.getDpsInputOperand(right);
  leftBuffer = g.bufferOf(leftOperand.get());
  rightBuffer = g.bufferOf(rightOperand.get());
  if (leftBuffer < 0 || rightBuffer < 0)
    return node.op.emitError("[WF4109] expected a contraction of buffers (nothing computed in the same kernel)");
  leftAccess = g.access(node, leftOperand, leftBuffer);
  rightAccess = g.access(node, rightOperand, rightBuffer);

  ks = group(foldedDims, false);
  auto rowGroups = group(rowDims, true), laneGroups = group(laneDims, true);
  outer = group(batch, true);
  if (!rowGroups.empty())
    m = rowGroups.pop_back_val();
  if (!laneGroups.empty())
    n = laneGroups.pop_back_val();
  llvm::append_range(outer, rowGroups);
  llvm::append_range(outer, laneGroups);

  unsigned ops = 0;
  for (Node &other : g.nodes)
    if (other.kind == NodeKind::Map) {
      epilogueInLoop |= other.isExpensive;
      ops += std::distance(other.body().begin(), other.body().end());
    }
  epilogueInLoop |= ops > 16;
  chooseTile();

  // An item: a block of rows by a block of lanes of one outer position, by size alone.
  int64_t rowBlock = std::max<int64_t>(rows, 96 / rows * rows), laneBlock = int64_t(width) * vectors * 4;
  SizeExpr M = size(m), N = size(n);
  if (M.constant())
    rowBlock = std::min<int64_t>(rowBlock, std::max<int64_t>(*M.constant(), 1));
  Shape outerSizes;
  for (auto &dims : outer)
    outerSizes.push_back(size(dims));
  SizeExpr rowBlocks = (M + SizeExpr(rowBlock - 1)).floordiv(rowBlock);
  SizeExpr laneBlocks = (N + SizeExpr(laneBlock - 1)).floordiv(laneBlock);
  SizeExpr K(1);
  for (auto &dims : ks)
    K = K * size(dims);
  double itemRows = double(std::min<int64_t>(rowBlock, M.constant().value_or(rowBlock)));
  double itemLanes = double(std::min<int64_t>(laneBlock, N.constant().value_or(laneBlock)));
  double ns = itemRows * itemLanes * double(K.constant().value_or(256)) * 2 / e.target.flopsPerNs + 10;
  SizeExpr items = numElements(outerSizes) * rowBlocks * laneBlocks;
  e.parallel(items, SizeExpr(1), ns, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value at) {
      Point origin;
      origin.indices.assign(g.domain.size(), e.index(0));
      Shape sizes(outerSizes);
      sizes.push_back(rowBlocks);
      sizes.push_back(laneBlocks);
      SmallVector<Value> position = e.delinearize(at, sizes);
      for (auto [dims, i] : llvm::zip(outer, position))
        origin.indices[dims.back()] = i;
      Value firstRow = e.mul(position[outer.size()], SizeExpr(rowBlock)), firstLane = e.mul(position[outer.size() + 1], SizeExpr(laneBlock));
      auto endOf = [&](Value first, const SizeExpr &total, int64_t block) {
        if (total.constant() && *total.constant() % block == 0)
          return e.add(first, e.index(block));
        return e.minimum(e.index(total), e.add(first, e.index(block)));
      };
      item(origin, firstRow, endOf(firstRow, M, rowBlock), firstLane, endOf(firstLane, N, laneBlock));
    });
  });
  return success();
}

void Tile::chooseTile() {
  width = n.empty() ? 1 : std::max(1u, e.target.lanes(Emitter::byteWidth(accumulator)));
  unsigned registers = e.target.vectorRegisters;
  auto N = size(n).constant(), M = size(m).constant();
  vectors = N && *N <= width ? 1 : 2;
  rows = std::max(1u, (registers - 1 - vectors) / vectors);
  if (M && *M > 0) { // divided evenly
    int64_t tiles = (*M + rows - 1) / rows;
    rows = unsigned((*M + tiles - 1) / tiles);
  } else {
    rows = std::min(rows, 8u);
  }
}

void Tile::item(const Point &origin, Value firstRow, Value endRow, Value firstLane, Value endLane) {
  int64_t step = int64_t(width) * vectors;
  if (n.empty()) {
    strip(origin, firstRow, endRow, e.index(0), 1, {}, {});
    return;
  }
  bool mustPack = rightAccess.coefs[n.back()] != SizeExpr(1);
  auto run = [&](Value j, unsigned count, Value mask) {
    strip(origin, firstRow, endRow, j, count, mask, mustPack ? pack(origin, j, count, mask) : Value());
  };
  auto N = size(n).constant();
  Value length = arith::SubIOp::create(b, e.loc, endLane, firstLane);
  Value middle = endLane;
  if (!N || *N % step) {
    middle = e.add(firstLane, arith::MulIOp::create(b, e.loc, arith::DivUIOp::create(b, e.loc, length, e.index(step)), e.index(step)));
    // What is left: whole vectors and one masked, vector by vector.
    e.loop(middle, endLane, width, [&](Value j) {
      bool whole = N && *N % width == 0;
      run(j, 1, whole ? Value() : e.laneMask(arith::SubIOp::create(b, e.loc, endLane, j), width));
    });
  }
  if (!N || *N >= step)
    e.loop(firstLane, middle, step, [&](Value j) { run(j, vectors, {}); });
}

/// All rows of the item for one strip of lanes.
void Tile::strip(const Point &origin, Value firstRow, Value endRow, Value j, unsigned count, Value mask, Value panel) {
  auto M = size(m).constant();
  if (m.empty()) {
    tile(origin, e.index(0), j, 1, count, mask, panel);
    return;
  }
  if (M && *M % rows == 0) {
    e.loop(firstRow, endRow, rows, [&](Value i) { tile(origin, i, j, rows, count, mask, panel); });
    return;
  }
  Value length = arith::SubIOp::create(b, e.loc, endRow, firstRow);
  Value middle = e.add(firstRow, arith::MulIOp::create(b, e.loc, arith::DivUIOp::create(b, e.loc, length, e.index(rows)), e.index(rows)));
  e.loop(firstRow, middle, rows, [&](Value i) { tile(origin, i, j, rows, count, mask, panel); });
  if (M) // row blocks are multiples of the tile, so only the last item has a rest, of one size
    e.loop(middle, endRow, *M % rows, [&](Value i) { tile(origin, i, j, *M % rows, count, mask, panel); });
  else
    e.loop(middle, endRow, 1, [&](Value i) { tile(origin, i, j, 1, count, mask, panel); });
}

/// Nested loops over the folded groups, carrying accumulators; `flat` is the position in all of k.
SmallVector<Value> Tile::overK(unsigned level, Point point, Value flat, ValueRange accs,
                               llvm::function_ref<SmallVector<Value>(const Point &, Value, ValueRange)> body) {
  if (level == ks.size())
    return body(point, flat, accs);
  SizeExpr extent = size(ks[level]);
  Value scaled = level ? e.mul(flat, extent) : flat;
  return e.loopCarry(e.index(0), e.index(extent), 1, accs, [&](Value k, ValueRange carried) {
    Point inner = point;
    inner.indices[ks[level].back()] = k;
    return overK(level + 1, inner, level ? e.add(scaled, k) : k, carried, body);
  });
}

/// Copies the strip of the right operand to scratch, k by lanes side by side.
Value Tile::pack(const Point &origin, Value j, unsigned count, Value mask) {
  Type element = g.buffers[rightBuffer].element;
  int64_t lanes = int64_t(width) * count;
  SizeExpr K(1);
  for (auto &dims : ks)
    K = K * size(dims);
  Value bytes = e.index(K * SizeExpr(lanes * Emitter::byteWidth(element)));
  Value panel = e.scratch({bytes}).front();
  overK(0, origin, e.index(0), {}, [&](const Point &at, Value k, ValueRange) {
    for (unsigned v = 0; v < count; ++v) {
      Point from = at;
      from.indices[n.back()] = e.add(j, e.index(v * width));
      from.lane = n.back();
      from.width = width;
      from.mask = mask;
      Value value = e.load(e.pointers[rightBuffer], element, rightAccess, from);
      Linear to{SizeExpr(int64_t(v * width)), {SizeExpr(lanes), SizeExpr(1)}};
      Point place;
      place.indices = {k, e.index(0)};
      place.lane = 1;
      place.width = width;
      e.store(value, panel, element, to, place);
    }
    return SmallVector<Value>();
  });
  return panel;
}

void Tile::tile(const Point &origin, Value i, Value j, unsigned rows, unsigned count, Value mask, Value panel) {
  Type element = g.buffers[leftBuffer].element, rightElement = g.buffers[rightBuffer].element;
  Value zero = e.identity(e.combiner(node));
  SmallVector<Value> accs(rows * count, width > 1 ? e.widen(zero, width) : zero);
  int64_t lanes = int64_t(width) * count;
  Location outerLoc = e.loc;
  e.loc = node.op.getLoc();
  accs = overK(0, origin, e.index(0), accs, [&](const Point &at, Value k, ValueRange carried) {
    SmallVector<Value> next(carried.begin(), carried.end());
    Frame frame;
    frame.point = at;
    frame.point.width = width;
    BlockArgument leftArgument = node.body().getArgument(left), rightArgument = node.body().getArgument(right);
    Value leftSide = product->getOperand(0), rightSide = product->getOperand(1);
    // The product's operands are each one input, perhaps converted.
    auto dependsOn = [&](Value v, Value argument) {
      while (Operation *op = v.getDefiningOp())
        v = op->getOperand(0);
      return v == argument;
    };
    if (!dependsOn(leftSide, leftArgument))
      std::swap(leftSide, rightSide);
    SmallVector<Value> vectors;
    for (unsigned v = 0; v < count; ++v) {
      Frame inner = frame;
      Value loaded;
      if (panel) {
        Linear from{SizeExpr(int64_t(v * width)), {SizeExpr(lanes), SizeExpr(1)}};
        Point place;
        place.indices = {k, e.index(0)};
        place.lane = 1;
        place.width = width;
        loaded = e.load(panel, rightElement, from, place);
      } else {
        Point from = at;
        if (!n.empty()) {
          from.indices[n.back()] = e.add(j, e.index(v * width));
          from.lane = n.back();
          from.width = width;
          from.mask = mask;
        }
        loaded = e.load(e.pointers[rightBuffer], rightElement, rightAccess, from);
      }
      inner.known[rightArgument] = loaded;
      vectors.push_back(e.payload(node, rightSide, inner));
    }
    for (unsigned r = 0; r < rows; ++r) {
      Point from = at;
      if (!m.empty())
        from.indices[m.back()] = i;
      Linear linear = leftAccess;
      if (!m.empty())
        linear.offset = linear.offset + linear.coefs[m.back()] * SizeExpr(int64_t(r));
      Frame inner = frame;
      inner.known[leftArgument] = e.load(e.pointers[leftBuffer], element, linear, from);
      Value scalar = e.payload(node, leftSide, inner);
      if (width > 1)
        scalar = e.widen(scalar, width);
      for (unsigned v = 0; v < count; ++v) {
        Value &acc = next[r * count + v];
        if (isa<FloatType>(accumulator))
          acc = math::FmaOp::create(b, e.loc, scalar, vectors[v], acc);
        else
          acc = arith::AddIOp::create(b, e.loc, acc, arith::MulIOp::create(b, e.loc, scalar, vectors[v]));
      }
    }
    return next;
  });
  e.loc = outerLoc;

  auto pointAt = [&](Value row, unsigned v) {
    Point point = origin;
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
      for (unsigned v = 0; v < count; ++v)
        finish(pointAt(r ? e.add(i, e.index(r)) : i, v), accs[r * count + v]);
    return;
  }
  // A dear epilogue is emitted once, over the tile in memory.
  Value memory = e.stack(accumulator, rows * lanes);
  auto slot = [&](unsigned v) { return Linear{SizeExpr(int64_t(v * width)), {SizeExpr(lanes), SizeExpr(1)}}; };
  auto place = [&](Value row) {
    Point p;
    p.indices = {row, e.index(0)};
    p.lane = width > 1 ? 1 : -1;
    p.width = width;
    return p;
  };
  for (unsigned r = 0; r < rows; ++r)
    for (unsigned v = 0; v < count; ++v)
      e.store(accs[r * count + v], memory, accumulator, slot(v), place(e.index(r)));
  e.loop(e.index(0), e.index(rows), 1, [&](Value r) {
    for (unsigned v = 0; v < count; ++v)
      finish(pointAt(e.add(i, r), v), e.load(memory, accumulator, slot(v), place(r)));
  });
}

/// The epilogue at one point, and the stores.
void Tile::finish(const Point &point, Value acc) {
  Frame frame;
  frame.point = point;
  frame.known[node.result()] = acc;
  for (const Output &output : outputs) {
    Value value = e.evaluate(output.value, frame);
    e.loc = g.nodeOf(output.value)->op.getLoc();
    e.store(value, e.pointers[output.buffer], g.buffers[output.buffer].element, g.store(*g.nodeOf(output.value), output.buffer), point);
  }
}

} // namespace

LogicalResult emitTile(Emitter &emitter) { return Tile(emitter).emit(); }

} // namespace weft
