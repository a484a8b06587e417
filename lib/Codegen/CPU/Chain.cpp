// Decides the loops of chains: a block of rows of the first contraction lies in scratch, is swept row by row in place,
// and is the left operand of the second one. No more than a block of rows ever exists, and each op keeps its order.
#include "Sweep.h"
#include "Tile.h"

using namespace mlir;

namespace weft {

namespace {
int64_t sizeOf(KernelGraph &g, int dim) { return *g.domain[dim].constant(); }
int64_t ceilDiv(int64_t x, int64_t y) { return (x + y - 1) / y; }
int64_t roundUp(int64_t x, int64_t y) { return ceilDiv(x, y) * y; }

/// How the root dimensions take part; all sizes are known.
struct Roles {
  int row, lane, result;  // rows; what is swept and summed over; lanes of the second contraction
  SmallVector<int> outer; // each position of these is on its own

  Roles(KernelGraph &g, const Contraction &first, const Contraction &second)
      : row(first.rows.back()), lane(first.lanes.back()), result(second.lanes.back()) {
    for (int dim = 0; dim < int(g.domain.size()); ++dim)
      if (dim != row && dim != lane && dim != result && !llvm::is_contained(first.folded, dim) && sizeOf(g, dim) != 1)
        outer.push_back(dim);
  }
};

/// Elements from row to row in scratch: a line more than a row, so that rows do not fall into the same sets.
int64_t pitchOf(KernelGraph &g, const Roles &roles, int64_t lanes) {
  return roundUp(sizeOf(g, roles.lane), 2 * lanes) + 2 * lanes;
}
} // namespace

void chooseChain(KernelGraph &g, const Target &target, Schedule &s) {
  auto first = Contraction::build(g, g.contraction), second = Contraction::build(g, g.second);
  Roles roles(g, *first, *second);
  const int64_t bytes = Emitter::byteWidth(first->accumulator), M = sizeOf(g, roles.row);
  s.lanes = std::max<int64_t>(1, target.lanes(bytes));
  s.vectors = 2;
  s.rows = (target.vectorRegisters - target.repeatRegisters - s.vectors) / s.vectors;
  s.rows = ceilDiv(M, ceilDiv(M, s.rows));
  // The block of rows takes a quarter of the second cache, beside a strip of either right operand.
  int64_t most = std::max(s.rows, target.l2Bytes / 4 / (pitchOf(g, roles, s.lanes) * bytes));
  s.rowBlock = roundUp(ceilDiv(M, ceilDiv(M, most)), s.rows);
  // Right operands are packed by each item, so it has as many rows as leave some items for the threads.
  int64_t outer = 1;
  for (int dim : roles.outer)
    outer *= sizeOf(g, dim);
  s.itemRows = roundUp(ceilDiv(M, ceilDiv(8, outer)), s.rowBlock);
}

class Chain {
public:
  Chain(Emitter &e, const Schedule &s, Contraction first, Contraction second)
      : e(e), g(e.graph), s(s), first(std::move(first)), second(std::move(second)), roles(g, this->first, this->second),
        rows(g.nodes[g.second].op.getDpsInputOperand(0)->get()) {}
  void emit();

private:
  void item(Point origin, const Stretch &all);
  /// The schedule of one of the contractions, whose right operand has this many lanes.
  Schedule tileSchedule(int lane) const {
    Schedule tile = s;
    tile.form = Form::Tile;
    tile.vectors = std::min(s.vectors, ceilDiv(sizeOf(g, lane), s.lanes));
    return tile;
  }
  void prepare(Tile &tile, const Contraction &c, int lane, SmallVector<Output> outputs) {
    tile.ks = c.groups(g, c.folded, false);
    tile.m = {roles.row};
    tile.n = {lane};
    tile.outputs = std::move(outputs);
    tile.measure();
  }

  Emitter &e;
  KernelGraph &g;
  const Schedule &s;
  Contraction first, second;
  Roles roles;
  Value rows; // what the second contraction sums over
};

void Chain::emit() {
  Shape sizes;
  for (int dim : roles.outer)
    sizes.push_back(g.domain[dim]);
  const int64_t M = sizeOf(g, roles.row);
  sizes.push_back(SizeExpr(ceilDiv(M, s.itemRows)));
  double k = double(*g.size(first.folded).constant() + sizeOf(g, roles.result));
  double ns = double(std::min(M, s.itemRows)) * double(sizeOf(g, roles.lane)) * k * 2 / e.target.flopsPerNs;
  e.parallel(numElements(sizes), SizeExpr(1), ns, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value at) {
      Point origin;
      origin.indices.assign(g.domain.size(), e.index(0));
      SmallVector<Value> position = e.delinearize(at, sizes);
      for (auto [dim, i] : llvm::zip(roles.outer, position))
        origin.indices[dim] = i;
      Value from = e.mul(position.back(), SizeExpr(s.itemRows));
      item(origin, {from, e.minimum(e.add(from, e.index(s.itemRows)), e.index(M))});
    });
  });
}

void Chain::item(Point origin, const Stretch &all) {
  const int64_t pitch = pitchOf(g, roles, s.lanes), M = sizeOf(g, roles.row);
  Type element = first.accumulator;
  Linear place{0, SmallVector<SizeExpr, 4>(g.domain.size(), SizeExpr(0))};
  place.coefs[roles.row] = pitch;
  place.coefs[roles.lane] = 1;
  int scratch = g.addScratch(element, place);
  Value sums = g.nodes[g.contraction].result();
  second.leftBuffer = scratch;
  second.leftAccess = place;

  Schedule upper = tileSchedule(roles.lane), lower = tileSchedule(roles.result);
  Tile one(e, upper, first), two(e, lower, second);
  prepare(one, first, roles.lane, {{sums, scratch}});
  prepare(two, second, roles.result, g.outputs());

  auto bytes = [&](Tile &tile) { return tile.panelBytes(tile.N, tile.strip(), tile.K, tile.rightBytes()); };
  SmallVector<Value> memory =
      e.scratch({bytes(one), bytes(two), SizeExpr(s.rowBlock * pitch * int64_t(Emitter::byteWidth(element)))});
  e.pointers.push_back(memory[2]);
  auto packed = [&](Tile &tile, Value where) {
    Tile::Item item;
    item.origin = origin;
    item.lanes = {e.index(0), e.index(tile.N)};
    item.right = {where, e.index(0), {}, tile.K};
    tile.fillRight(origin, item.right, item.lanes, tile.allK());
    return item;
  };
  Tile::Item above = packed(one, memory[0]), below = packed(two, memory[1]);

  e.loop(all.first, all.end, s.rowBlock, [&](Value i) {
    // Row i of the space is row 0 of scratch.
    e.pointers[scratch] = e.address(memory[2], element, e.sub(e.index(0), e.mul(i, SizeExpr(pitch))));
    above.rows = below.rows = one.stretch(i, s.rowBlock, all.end, M % s.rowBlock == 0);
    one.item(above);
    g.settle(sums, scratch);
    Sweep sweep(e, s);
    sweep.takeRows({{rows, scratch}}, roles.lane);
    e.loop(above.rows.first, above.rows.end, 1, [&](Value r) {
      Point point = origin;
      point.indices[roles.row] = r;
      sweep.row(point);
    });
    two.item(below);
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
