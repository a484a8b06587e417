// Decides how operands are read whose rows lie across the lanes: a block of rows is turned into scratch, squares of
// vectors in registers, and swept from there. A map's blocks are some lanes wide; a fold's are whole rows.
#include "Sweep.h"

using namespace mlir;

namespace weft {

/// Turns rows [rows, rowEnd) of a block by its lanes; from then on `readTurned` reads them.
void Sweep::turnBlock(const Turn &turn, const Point &at, std::pair<Value, Value> rows, std::pair<Value, Value> lanes,
                      int64_t mostRows, int64_t mostLanes) {
  const int across = turn.across, lane = turn.lane;
  auto [row, rowEnd] = rows;
  auto [column, columnEnd] = lanes;
  Linear place{0, SmallVector<SizeExpr, 4>(g.domain.size(), SizeExpr(0))};
  const int64_t pitch = mostLanes + width; // rows of scratch in different sets
  place.coefs[across] = pitch;
  place.coefs[lane] = 1;
  SmallVector<SizeExpr> bytes;
  for (const Turn::Read &read : turn.reads)
    bytes.push_back(mostRows * pitch * int64_t(Emitter::byteWidth(g.buffers[read.buffer].element)));
  SmallVector<Value> scratch = e.scratch(bytes);
  Value first = e.add(e.mul(row, SizeExpr(pitch)), column);
  Value rowMiddle = e.add(row, e.roundDown(e.sub(rowEnd, row), width));
  Value columnMiddle = e.add(column, e.roundDown(e.sub(columnEnd, column), width));
  turned.clear();
  for (auto [memory, read] : llvm::zip(scratch, turn.reads)) {
    Type element = g.buffers[read.buffer].element;
    Value base = e.address(memory, element, e.sub(e.index(0), first)); // where the space's origin would lie
    turned.push_back({read, base, place});
    Linear access = g.access(*read.node, *read.operand, read.buffer);
    auto square = [&](Value p, Value q, bool edge) {
      SmallVector<Value> vectors;
      Point from = at;
      from.indices[across] = p;
      from.indices[lane] = q;
      from.width = width;
      Point to = from;
      from.lane = across;
      to.lane = lane;
      for (unsigned t = 0; t < width; ++t) {
        Linear line = access;
        line.offset = line.offset + line.coefs[lane] * SizeExpr(int64_t(t));
        if (edge) { // columns past the end: no lane
          Value inside = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::slt, e.add(q, e.index(t)), columnEnd);
          from.mask = e.laneMask(arith::SelectOp::create(b, e.loc, inside, e.sub(rowEnd, p), e.index(0)), width);
        }
        vectors.push_back(e.load(e.pointers[read.buffer], element, line, from));
      }
      for (auto [t, vector] : llvm::enumerate(e.transposed(vectors))) {
        Linear line = place;
        line.offset = int64_t(t) * pitch;
        e.store(vector, base, element, line, to);
      }
    };
    // Rows innermost: a stretch of `mostRows` elements of memory at a time.
    const bool evenRows = *g.domain[across].constant() % width == 0,
               evenLanes = *g.domain[lane].constant() % width == 0;
    e.loop(column, columnMiddle, width, [&](Value q) {
      e.loop(row, rowMiddle, width, [&](Value p) { square(p, q, false); });
      if (!evenRows)
        e.loop(rowMiddle, rowEnd, width, [&](Value p) { square(p, q, true); });
    });
    if (!evenLanes)
      e.loop(columnMiddle, columnEnd, width,
             [&](Value q) { e.loop(row, rowEnd, width, [&](Value p) { square(p, q, true); }); });
  }
}

/// What was turned, at a frame's point.
void Sweep::readTurned(Frame &frame) {
  Point whole = frame.point; // scratch is there past a row's end
  whole.mask = {};
  for (const Turned &t : turned)
    frame.known[t.read.node->body().getArgument(t.read.operand->getOperandNumber())] =
        e.load(t.base, g.buffers[t.read.buffer].element, t.place, whole);
}

bool Sweep::emitTurned() {
  auto turn = schedule.turnRows ? findTurn(g) : std::nullopt;
  if (!turn)
    return false;
  const bool folds = g.hasReduction;
  SmallVector<int> across, lane;
  SmallVector<SmallVector<int>> outer;
  if (folds)
    lane = folded.front();
  for (auto &dims : kept)
    (dims.back() == turn->across ? across : !folds && dims.back() == turn->lane ? lane : outer.emplace_back()) = dims;
  if (across.empty() || lane.empty() || lane.back() != turn->lane)
    return false;
  auto whole = [&](int64_t x) { return (x + width - 1) / width * width; };
  const int64_t P = *g.size(across).constant(), Q = *g.size(lane).constant(), R = whole(schedule.turnRows),
                C = whole(folds ? Q : schedule.turnLanes);
  if (folds && Q > kChunk) // its chunks want the scratch
    return false;
  Shape sizes = groupSizes(outer);
  sizes.push_back(SizeExpr((P + R - 1) / R));
  sizes.push_back(SizeExpr((Q + C - 1) / C));
  next = across.back();
  double ns = (folds ? perRow() : 0) * double(R) + nsPerElement * double(R * C) * 2;
  parallel(numElements(sizes), bytesPerElement * SizeExpr(R * C), ns, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value item) {
      Frame frame;
      frame.point = origin();
      auto position = e.delinearize(item, sizes);
      for (auto [dims, i] : llvm::zip(outer, position))
        setGroup(frame.point, dims, i);
      Value row = e.mul(position[outer.size()], SizeExpr(R)), column = e.mul(position[outer.size() + 1], SizeExpr(C));
      Value rowEnd = e.minimum(e.index(P), e.add(row, e.index(R)));
      Value columnEnd = e.minimum(e.index(Q), e.add(column, e.index(C)));
      turnBlock(*turn, frame.point, {row, rowEnd}, {column, columnEnd}, R, C);
      e.loop(row, rowEnd, 1, [&](Value p) {
        setGroup(frame.point, across, p);
        if (folds)
          this->row(frame.point);
        else
          mapLanes(frame, lane, column, columnEnd);
      });
    });
  });
  turned.clear();
  return true;
}

} // namespace weft
