// Decides the loops of chains: a block of rows of the first contraction lies in scratch, is swept row by row in place,
// and is the left operand of the second one. No more than a block of rows ever exists, and each op keeps its order.
// Columns that a mask throws away for all rows of a block are not computed (Masked.h).
#include "Masked.h"
#include "Sweep.h"
#include "Tile.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <numeric>

using namespace mlir;

namespace weft {

namespace {
int64_t ceilDiv(int64_t x, int64_t y) { return (x + y - 1) / y; }
int64_t roundUp(int64_t x, int64_t y) { return ceilDiv(x, y) * y; }
SizeExpr ceilDiv(const SizeExpr &x, int64_t y) { return (x + SizeExpr(y - 1)).floordiv(y); }
SizeExpr roundUp(const SizeExpr &x, int64_t y) { return ceilDiv(x, y) * SizeExpr(y); }
/// A named size stands for a middling one: the code is right for any.
int64_t about(const SizeExpr &size) { return size.constant().value_or(1024); }

/// How the root dimensions take part.
struct Roles {
  int row, lane, result;  // rows; what is swept and summed over; lanes of the second contraction
  SmallVector<int> outer; // each position of these is on its own

  Roles(KernelGraph &g, const Contraction &first, const Contraction &second)
      : row(first.rows.back()), lane(first.lanes.back()), result(second.lanes.back()) {
    for (int dim = 0; dim < int(g.domain.size()); ++dim)
      if (dim != row && dim != lane && dim != result && !llvm::is_contained(first.folded, dim) &&
          g.domain[dim] != SizeExpr(1))
        outer.push_back(dim);
  }
};

/// Elements from row to row in scratch: a line more than a row, so that rows do not fall into the same sets.
SizeExpr pitchOf(KernelGraph &g, const Roles &roles, int64_t lanes) {
  return roundUp(g.domain[roles.lane], 2 * lanes) + SizeExpr(2 * lanes);
}

/// The columns that are left out of rows, where some ever may be.
std::optional<MaskedColumns> maskedOf(KernelGraph &g, const Roles &roles, int64_t step) {
  auto length = g.domain[roles.lane].constant();
  return length && *length <= step ? std::nullopt : maskedColumns(g, roles.row, roles.lane);
}
} // namespace

void chooseChain(KernelGraph &g, const Target &target, Schedule &s) {
  auto first = Contraction::build(g, g.contraction), second = Contraction::build(g, g.second);
  Roles roles(g, *first, *second);
  const int64_t bytes = Emitter::byteWidth(first->accumulator);
  auto M = g.domain[roles.row].constant();
  s.lanes = std::max<int64_t>(1, target.lanes(bytes));
  s.vectors = 2;
  s.soon = target.soonSteps;
  // Rows are swept as a kernel of such rows would (SweepSchedule.cpp).
  if (about(g.domain[roles.lane]) >= 16 * s.lanes && llvm::any_of(g.nodes, [](Node &node) { return node.isExpensive; }))
    s.abreast = 2;
  s.rows = tallestTile(target, s.vectors);
  if (M)
    s.rows = tileRows(*M, s.rows, /*least=*/8); // 16 products: no machine waits for them
  // The block of rows takes a quarter of the second cache, beside a strip of either right operand. Where rows are long,
  // it has some tiles all the same, so that right operands come from the last cache seldom.
  const int64_t row = about(pitchOf(g, roles, s.lanes)) * bytes, result = about(g.domain[roles.result]);
  int64_t most = std::max(8 * s.rows, target.l2Bytes / 4 / row);
  if (maskedOf(g, roles, kPartials)) // a block's rows are as long as its longest
    most = std::min(most, 6 * s.rows);
  s.rowBlock = M ? roundUp(ceilDiv(*M, ceilDiv(*M, most)), s.rows) : most / s.rows * s.rows;
  // So much of it, and of the right operand, is multiplied at once as half of the second cache holds.
  const int64_t together = target.l2Bytes / 2 / ((s.rowBlock + result) * bytes), K = about(g.domain[roles.lane]);
  if (K > together * 3 / 2)
    s.kBlock = roundUp(ceilDiv(K, ceilDiv(K, together)), 2);
  second->leftBuffer = first->leftBuffer; // stands for the rows in scratch
  if (isa<FloatType>(first->accumulator))
    s.group = std::max(first->group(g, target), second->group(g, target));
  s.widen = s.group == 1 && (first->widensPanel(g, target) || second->widensPanel(g, target));
  // Right operands are packed by each item, so it has as many rows as leave some items for the threads.
  int64_t outer = 1;
  for (int dim : roles.outer)
    outer *= about(g.domain[dim]);
  s.itemRows = M ? roundUp(ceilDiv(*M, ceilDiv(8, outer)), s.rowBlock) : 8 * s.rowBlock;
}

class Chain {
public:
  Chain(Emitter &e, const Schedule &s, Contraction first, Contraction second)
      : e(e), g(e.graph), s(s), first(std::move(first)), second(std::move(second)), roles(g, this->first, this->second),
        M(g.domain[roles.row]), N(g.domain[roles.lane]), rows(g.nodes[g.second].op.getDpsInputOperand(0)->get()),
        step(std::lcm(kPartials, s.lanes * s.vectors)), masked(maskedOf(g, roles, step)) {}
  void emit();

private:
  void item(Point origin, const Point &next, const Stretch &all);
  void expectNext(Tile &tile, int lane, const Point &next, Value row);
  Value columnsOf(Value block);
  void sumRests(Tile &tile, Tile::Item &item, Value memory);
  /// Whether rows of a left operand are packed: narrow ones are converted once, or put in groups.
  bool packsRows(const Contraction &c) const {
    return c.leftBuffer >= 0 && !c.leftPanel && c.groups(g, c.folded, false).size() == 1 &&
           g.buffers[c.leftBuffer].element != c.accumulator;
  }
  /// The schedule of one of the contractions, whose right operand has this many lanes.
  Schedule tileSchedule(const Contraction &c, const SizeExpr &lanes) const {
    Schedule tile = s;
    tile.form = Form::Tile;
    if (auto n = lanes.constant())
      tile.vectors = std::min(s.vectors, ceilDiv(*n, s.lanes));
    tile.group = s.group > 1 ? c.group(g, e.target) : 1;
    tile.packLeft = packsRows(c) ? Pack::Item : Pack::None;
    return tile;
  }
  void prepare(Tile &tile, const Contraction &c, int lane, SmallVector<Output> outputs) {
    tile.ks = c.groups(g, c.folded, false);
    tile.m = {roles.row};
    tile.n = {lane};
    tile.rowByRow = true;
    tile.outputs = std::move(outputs);
    tile.measure();
  }
  SizeExpr bytesOf(const SizeExpr &elements) const {
    return elements * SizeExpr(int64_t(Emitter::byteWidth(first.accumulator)));
  }

  Emitter &e;
  KernelGraph &g;
  const Schedule &s;
  Contraction first, second;
  Roles roles;
  SizeExpr M, N; // of rows; of what is swept
  Value rows;    // what the second contraction sums over
  // A block of rows has columns up to a multiple of `step`, or all: whole strips, whole rounds of partial results.
  const int64_t step;
  std::optional<MaskedColumns> masked;
};

/// How many columns are computed of the block of rows that begins at `block`: one masked one of each row is, which
/// folds meet, and which makes a sum NaN if it is.
Value Chain::columnsOf(Value block) {
  Value masksFrom =
      e.add(e.mul(block, SizeExpr(masked->slope)), e.index(masked->slope * (s.rowBlock - 1) + masked->first));
  masksFrom = arith::MaxSIOp::create(e.b, e.loc, masksFrom, e.index(0));
  return e.minimum(e.roundDown(e.add(masksFrom, e.index(step)), step), e.index(N));
}

/// What the products of the columns that are left out add up to, from each multiple of `step` on: +0 times each value
/// of the right operand is +0, -0, or NaN where it is infinite or NaN; and sums of these, begun at -0, are the same in
/// any order.
void Chain::sumRests(Tile &tile, Tile::Item &item, Value memory) {
  Type element = second.accumulator;
  auto repeated = [&](double x) {
    Value number = arith::ConstantOp::create(e.b, e.loc, e.b.getFloatAttr(element, x));
    return tile.width > 1 ? e.widen(number, tile.width) : number;
  };
  const int64_t strip = tile.strip();
  SizeExpr pitch = roundUp(g.domain[roles.result], strip);
  Value last = e.index(ceilDiv(N, step)), zero = repeated(0);
  SmallVector<Value> none(tile.s.vectors, repeated(-0.0));
  e.loop(e.index(0), e.index(pitch), strip, [&](Value j) {
    Tile::Lanes lanes{j, SmallVector<Value>(tile.s.vectors), tile.width};
    auto store = [&](Value number, ValueRange sums) {
      Point at = rowOfMemory(e, number, tile.width);
      at.indices[1] = j;
      for (auto [v, sum] : llvm::enumerate(sums))
        e.store(sum, memory, element, Linear{SizeExpr(int64_t(v * tile.width)), {pitch, SizeExpr(1)}}, at);
    };
    store(last, none);
    e.loopCarry(e.index(0), last, 1, none, [&](Value back, ValueRange sums) {
      Value number = e.sub(e.sub(last, e.index(1)), back), from = e.mul(number, SizeExpr(step));
      Value end = e.minimum(e.add(from, e.index(step)), e.index(N));
      auto next = e.loopCarry(from, end, tile.s.group, sums, [&](Value k, ValueRange carried) {
        SmallVector<Value> next(carried);
        Value step = e.b.createOrFold<arith::DivUIOp>(e.loc, k, e.index(tile.s.group));
        for (auto [v, sum] : llvm::enumerate(next)) {
          Value right = tile.rightVector(item, item.origin, lanes, v, step);
          auto add = [&](Value right) -> Value { return math::FmaOp::create(e.b, e.loc, zero, right, sum); };
          if (tile.s.group == 1) {
            sum = add(right);
            continue;
          }
          sum = add(tile.half(right, /*upper=*/true));
          Value inside = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::ult, e.add(k, e.index(1)), end);
          sum = arith::SelectOp::create(e.b, e.loc, inside, add(tile.half(right, /*upper=*/false)), sum);
        }
        return next;
      });
      store(number, next);
      return next;
    });
  });
}

void Chain::emit() {
  Shape sizes;
  for (int dim : roles.outer)
    sizes.push_back(g.domain[dim]);
  sizes.push_back(ceilDiv(M, s.itemRows));
  double k = double(about(g.size(first.folded)) + about(g.domain[roles.result]));
  double ns = double(std::min(about(M), s.itemRows)) * double(about(N)) * k * 2 / e.target.flopsPerNs;
  e.parallel(numElements(sizes), SizeExpr(1), ns, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value at) {
      Point origin;
      origin.indices.assign(g.domain.size(), e.index(0));
      SmallVector<Value> position = e.delinearize(at, sizes);
      for (auto [dim, i] : llvm::zip(roles.outer, position))
        origin.indices[dim] = i;
      Value from = e.mul(position.back(), SizeExpr(s.itemRows));
      Point next = origin;
      SmallVector<Value> behind = e.delinearize(e.add(at, e.index(1)), sizes);
      for (auto [dim, i] : llvm::zip(roles.outer, behind))
        next.indices[dim] = i;
      item(origin, next, {from, e.minimum(e.add(from, e.index(s.itemRows)), e.index(M))});
    });
  });
}

/// Asks for what the next item packs of a right operand, one share of its rows in memory with each row that is swept.
void Chain::expectNext(Tile &tile, int lane, const Point &next, Value row) {
  const Linear &access = tile.c.rightAccess;
  const int buffer = tile.c.rightBuffer;
  if (tile.ks.size() != 1 || buffer < 0 || tile.c.rightPanel)
    return;
  int along = tile.ks.front().back(), across = lane;
  if (access.coefs[lane] == SizeExpr(1))
    std::swap(along, across);
  Type element = g.buffers[buffer].element;
  const int64_t bytes = Emitter::byteWidth(element);
  auto length = g.domain[along].constant(), count = g.domain[across].constant(), all = M.constant();
  if (access.coefs[along] != SizeExpr(1) || !length || !count || !all ||
      *length * *count * bytes > e.target.l2Bytes / 4)
    return;
  const int64_t share = ceilDiv(*count, std::min(*all, s.itemRows));
  Value first = e.mul(row, SizeExpr(share));
  e.loop(first, e.add(first, e.index(share)), 1, [&](Value i) {
    Point at = next;
    at.indices[across] = i;
    for (int64_t j = 0; j < *length; j += 64 / bytes)
      e.prefetch(e.pointers[buffer], element, Linear{access.offset + SizeExpr(j), access.coefs}, at);
  });
}

void Chain::item(Point origin, const Point &next, const Stretch &all) {
  const SizeExpr pitch = pitchOf(g, roles, s.lanes);
  Type element = first.accumulator;
  Linear place{0, SmallVector<SizeExpr, 4>(g.domain.size(), SizeExpr(0))};
  place.coefs[roles.row] = pitch;
  place.coefs[roles.lane] = 1;
  int scratch = g.addScratch(element, place), swept = scratch;
  Value sums = g.nodes[g.contraction].result();
  second.leftBuffer = scratch;
  second.leftAccess = place;
  if (Type narrow = getElementTypeOrSelf(rows.getType()); narrow != element) { // a row of it, from which it is packed
    place.coefs[roles.row] = 0;
    second.leftBuffer = swept = g.addScratch(narrow, place);
    second.leftAccess = place;
  }

  Schedule upper = tileSchedule(first, N), lower = tileSchedule(second, g.domain[roles.result]);
  upper.kBlock = 0;
  Tile one(e, upper, first), two(e, lower, second);
  prepare(one, first, roles.lane, {{sums, scratch}});
  prepare(two, second, roles.result, g.outputs());
  lower.laneBlock = about(roundUp(two.N, two.strip()));

  auto panel = [&](Tile &tile) {
    return tile.panelBytes(tile.N, tile.strip(), tile.rightSteps(tile.K), tile.rightBytes());
  };
  auto rowPanel = [&](Tile &tile) {
    return tile.s.packLeft == Pack::None ? SizeExpr(0)
                                         : bytesOf(SizeExpr(s.rowBlock) * (tile.rowSteps(tile.K) + SizeExpr(1)));
  };
  SizeExpr rests(0), restsPitch = roundUp(two.N, two.strip());
  if (masked)
    rests = (ceilDiv(N, step) + SizeExpr(1)) * restsPitch;
  SmallVector<SizeExpr> needed{panel(one),
                               panel(two),
                               bytesOf(SizeExpr(s.rowBlock) * pitch),
                               bytesOf(rests),
                               SizeExpr(s.kBlock ? s.rowBlock : 0) * bytesOf(SizeExpr(lower.laneBlock + two.strip())),
                               rowPanel(one),
                               rowPanel(two),
                               swept != scratch ? bytesOf(pitch) : SizeExpr(0)};
  const size_t fixed = needed.size();
  if (!N.constant())
    needed.append(llvm::count_if(g.nodes, [](Node &node) { return node.kind == NodeKind::Reduce; }),
                  (ceilDiv(N, kChunk) + SizeExpr(1)) * SizeExpr(8));
  SmallVector<Value> memory = e.scratch(needed);
  e.pointers.push_back(memory[2]);
  if (swept != scratch)
    e.pointers.push_back(memory[7]);
  auto packed = [&](Tile &tile, Value where) {
    Tile::Item item;
    item.origin = origin;
    item.lanes = {e.index(0), e.index(tile.N)};
    item.right = {where, e.index(0), {}, tile.rightSteps(tile.K)};
    e.apart([&] { tile.fillRight(origin, item.right, item.lanes, tile.allK()); });
    return item;
  };
  Tile::Item above = packed(one, memory[0]), below = packed(two, memory[1]);
  below.partial = memory[4];
  one.N = roundUp(one.N, one.strip()); // rows in scratch have room for whole strips
  above.lanes.end = e.index(one.N);
  if (masked)
    sumRests(two, below, memory[3]);

  e.loop(all.first, all.end, s.rowBlock, [&](Value i) {
    // Row i of the space is row 0 of scratch.
    e.pointers[scratch] = e.address(memory[2], element, e.sub(e.index(0), e.mul(i, pitch)));
    above.rows = below.rows = one.stretch(i, s.rowBlock, all.end, M.constant() && *M.constant() % s.rowBlock == 0);
    Value columns;
    if (masked) {
      columns = above.lanes.end = two.depth = columnsOf(i);
      Value number = e.b.createOrFold<arith::CeilDivUIOp>(e.loc, columns, e.index(step));
      two.rest = e.address(memory[3], element, e.mul(number, restsPitch));
    }
    auto rowsOf = [&](Tile &tile, Value where) {
      return tile.s.packLeft == Pack::None ? Panel() : Panel{where, i, {}, tile.rowSteps(tile.K), 1};
    };
    above.left = rowsOf(one, memory[5]);
    below.left = rowsOf(two, memory[6]);
    if (above.left)
      e.loop(above.rows.first, above.rows.end, 1, [&](Value r) { one.fillRow(origin, above.left, r, one.allK()); });
    e.apart([&] { one.item(above); });
    g.settle(sums, scratch);
    Sweep sweep(e, s);
    sweep.takeRows({{rows, swept}}, roles.lane, columns, ArrayRef(memory).drop_front(fixed));
    e.loop(above.rows.first, above.rows.end, 1, [&](Value r) {
      Point point = origin;
      point.indices[roles.row] = r;
      expectNext(one, roles.lane, next, e.sub(r, all.first));
      expectNext(two, roles.result, next, e.sub(r, all.first));
      sweep.row(point);
      if (below.left)
        two.fillRow(point, below.left, r, two.allK());
    });
    e.apart([&] { two.item(below); });
  });
}

LogicalResult emitChain(Emitter &emitter, const Schedule &schedule) {
  KernelGraph &g = emitter.graph;
  auto first = Contraction::build(g, g.contraction), second = Contraction::build(g, g.second);
  if (failed(first) || failed(second))
    return failure();
  Chain(emitter, schedule, *first, *second).emit();
  return success();
}

} // namespace weft
