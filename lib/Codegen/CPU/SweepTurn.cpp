// Decides how operands are read whose rows lie across the lanes: they are turned into scratch, squares of vectors in
// registers, and swept from there. A fold turns whole rows at a time, a map strips of a block.
#include "Sweep.h"

using namespace mlir;

namespace weft {

constexpr int64_t kLine = 64;

/// Scratch for `copies` times `rows` rows of `lanes` elements of each operand.
Sweep::TurnedRows Sweep::turnedRows(const Turn &turn, int64_t rows, int64_t lanes, int64_t copies) {
  TurnedRows to{{}, rows, lanes + width, {0, SmallVector<SizeExpr, 4>(g.domain.size(), SizeExpr(0))}};
  to.place.coefs[turn.across] = to.pitch; // rows of scratch in different sets
  to.place.coefs[turn.lane] = 1;
  SmallVector<SizeExpr> bytes;
  for (const Turn::Read &read : turn.reads)
    bytes.push_back(copies * rows * to.pitch * int64_t(Emitter::byteWidth(g.buffers[read.buffer].element)));
  to.memory = e.scratch(bytes);
  return to;
}

/// From here on, a copy's first row and lane are those: `turnSquare` writes it, `readTurned` reads it.
void Sweep::setTurned(const Turn &turn, const TurnedRows &to, Value row, Value column, Value copy) {
  // Where the space's origin would lie.
  Value origin = e.sub(e.mul(copy, SizeExpr(to.rows * to.pitch)), e.add(e.mul(row, SizeExpr(to.pitch)), column));
  turned.clear();
  for (auto [memory, read] : llvm::zip(to.memory, turn.reads))
    turned.push_back({read, e.address(memory, g.buffers[read.buffer].element, origin), to.place});
}

/// Turns a square: rows from p on by lanes from q on; at an edge, of those before the block's ends. `beside` is emitted
/// at each line that is read.
void Sweep::turnSquare(const Turn &turn, const Block &block, Value p, Value q, bool edge,
                       llvm::function_ref<void(const Turn::Read &, unsigned)> beside) {
  for (const Turned &to : turned) {
    Type element = g.buffers[to.read.buffer].element;
    Linear access = g.access(*to.read.node, *to.read.operand, to.read.buffer);
    Point from = block.at;
    from.indices[turn.across] = p;
    from.indices[turn.lane] = q;
    from.width = width;
    Point into = from;
    from.lane = turn.across;
    into.lane = turn.lane;
    SmallVector<Value> vectors;
    for (unsigned t = 0; t < width; ++t) {
      Linear line = access;
      line.offset = line.offset + line.coefs[turn.lane] * SizeExpr(int64_t(t));
      if (edge) { // columns past the end: no lane
        Value inside = e.isLess(e.add(q, e.index(t)), block.columnEnd);
        from.mask = e.laneMask(arith::SelectOp::create(b, e.loc, inside, e.sub(block.rowEnd, p), e.index(0)), width);
      }
      vectors.push_back(e.load(e.pointers[to.read.buffer], element, line, from));
      if (beside)
        beside(to.read, t);
    }
    for (auto [t, vector] : llvm::enumerate(e.transposed(vectors))) {
      Linear line = to.place;
      line.offset = line.coefs[turn.across] * SizeExpr(int64_t(t));
      e.store(vector, to.base, element, line, into);
    }
  }
}

/// The elements of a line of what is read.
int64_t Sweep::lineOf(const Turn::Read &read) {
  return std::max<int64_t>(1, kLine / Emitter::byteWidth(g.buffers[read.buffer].element));
}

/// Asks for a line of a block that is turned later, by its number in the order of memory.
void Sweep::askForLine(const Turn &turn, const Turn::Read &read, const Block &block, Value number) {
  const int64_t line = lineOf(read);
  auto at = e.delinearize(number, {SizeExpr(1), SizeExpr(std::max<int64_t>(1, block.rows / line))});
  Point point = block.at;
  point.indices[turn.lane] = e.add(block.column, at[0]);
  point.indices[turn.across] = e.add(block.row, e.mul(at[1], SizeExpr(line)));
  e.prefetch(e.pointers[read.buffer], g.buffers[read.buffer].element, g.access(*read.node, *read.operand, read.buffer),
             point, /*forWriting=*/false, /*intoFirst=*/false);
}

/// Asks for the share that some lanes of a row of a block have in what the block after it turns.
void Sweep::askBeside(const Turn &turn, const Block &block, const Block &after, const Point &point, unsigned lanes) {
  Value row = e.sub(point.indices[turn.across], block.row), column = e.sub(point.indices[turn.lane], block.column);
  for (const Turn::Read &read : turn.reads) {
    const int64_t line = lineOf(read);
    Value first =
        e.add(e.mul(row, SizeExpr(block.lanes / line)), b.createOrFold<arith::DivUIOp>(e.loc, column, e.index(line)));
    for (int64_t k = 0; k < std::max<int64_t>(1, int64_t(lanes) / line); ++k)
      askForLine(turn, read, after, e.add(first, e.index(k)));
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

/// Turns a square of a block, of which the last rows and columns may be no whole one.
void Sweep::turnSquareOf(const Turn &turn, const Block &block, Value p, Value q,
                         llvm::function_ref<void(const Turn::Read &, unsigned)> beside) {
  if (*g.domain[turn.across].constant() % width == 0 && *g.domain[turn.lane].constant() % width == 0)
    return turnSquare(turn, block, p, q, false, beside);
  Value whole = b.createOrFold<arith::AndIOp>(e.loc, e.isLess(e.add(p, e.index(width - 1)), block.rowEnd),
                                              e.isLess(e.add(q, e.index(width - 1)), block.columnEnd));
  e.when(
      whole, [&] { turnSquare(turn, block, p, q, false, beside); },
      [&] { turnSquare(turn, block, p, q, true, beside); });
}

/// Turns a block, rows innermost: a stretch of memory at a time; what it holds is read from the copy then. Stretches
/// are whole pages apart, of which processors foresee none: those of the squares after the next ones are asked for,
/// unless the whole block was before.
void Sweep::turnBlock(const Turn &turn, const TurnedRows &to, const Block &block, Value copy, bool foresees) {
  setTurned(turn, to, block.row, block.column, copy);
  auto squares = [&](Value q, Value begin, Value end, bool edge) {
    e.loop(begin, end, width, [&](Value p) {
      turnSquare(turn, block, p, q, edge, [&](const Turn::Read &read, unsigned t) {
        if (!foresees)
          return;
        Point point = block.at;
        point.indices[turn.lane] = e.add(q, e.index(2 * width + t));
        point.indices[turn.across] = p;
        e.prefetch(e.pointers[read.buffer], g.buffers[read.buffer].element,
                   g.access(*read.node, *read.operand, read.buffer), point, /*forWriting=*/false, /*intoFirst=*/false);
      });
    });
  };
  Value rowMiddle = e.add(block.row, e.roundDown(e.sub(block.rowEnd, block.row), width));
  Value columnMiddle = e.add(block.column, e.roundDown(e.sub(block.columnEnd, block.column), width));
  e.loop(block.column, columnMiddle, width, [&](Value q) {
    squares(q, block.row, rowMiddle, false);
    if (*g.domain[turn.across].constant() % width)
      squares(q, rowMiddle, block.rowEnd, true);
  });
  if (*g.domain[turn.lane].constant() % width)
    e.loop(columnMiddle, block.columnEnd, width, [&](Value q) { squares(q, block.row, block.rowEnd, true); });
}

/// Blocks of whole rows of a fold. While one is swept the next one is turned, some squares behind each row, whose lines
/// were asked for beside the row's busiest sweep: they come from memory while there is arithmetic to do.
void Sweep::rowsTurned(const Turn &turn, const TurnedRows &to, Value begin, Value end,
                       llvm::function_ref<Block(Value)> blockAt) {
  const bool overlaps = schedule.turnBlocks > 1;
  auto sweepBlock = [&](Value number, Value copy, Value other) {
    Block block = blockAt(number), after = blockAt(e.add(number, e.index(1)));
    if (!overlaps)
      turnBlock(turn, to, block, copy, schedule.prefetch);
    setTurned(turn, to, block.row, block.column, copy);
    if (schedule.prefetch)
      beside = [&](const Point &point, unsigned lanes) { askBeside(turn, block, after, point, lanes); };
    // A row's share of the squares, in the order in which their lines were asked for.
    const Shape squares{SizeExpr(block.lanes / width), SizeExpr(block.rows / width)};
    Value height = e.sub(block.rowEnd, block.row), another = e.isLess(e.add(number, e.index(1)), end);
    auto turnNext = [&](Value row) {
      auto share = [&](Value k) {
        return b.createOrFold<arith::DivUIOp>(e.loc, e.mul(k, numElements(squares)), height);
      };
      Value k = e.sub(row, block.row), first = share(k), last = share(e.add(k, e.index(1)));
      auto current = std::exchange(turned, {});
      setTurned(turn, to, after.row, after.column, other);
      e.loop(first, arith::SelectOp::create(b, e.loc, another, last, first), 1, [&](Value square) {
        auto at = e.delinearize(square, squares);
        turnSquareOf(turn, after, e.add(after.row, e.mul(at[1], SizeExpr(width))),
                     e.add(after.column, e.mul(at[0], SizeExpr(width))));
      });
      turned = std::move(current);
    };
    auto at = [&](Value p) {
      Point point = block.at;
      point.indices[turn.across] = p;
      return point;
    };
    using Behind = llvm::function_ref<void(Value)>;
    rows(block.row, block.rowEnd, at, overlaps ? Behind(turnNext) : Behind());
    beside = nullptr;
  };
  auto copyOf = [&](Value number) { return b.createOrFold<arith::RemUIOp>(e.loc, number, e.index(2)); };
  if (overlaps)
    turnBlock(turn, to, blockAt(begin), copyOf(begin), schedule.prefetch);
  e.loop(begin, end, 1, [&](Value number) {
    Value copy = overlaps ? copyOf(number) : e.index(0);
    sweepBlock(number, copy, e.sub(e.index(1), copy));
  });
}

/// Blocks of a map: each is turned, then its rows are written. Beside them is asked for what the next block turns, in
/// the order of memory, and what its rows read along the lanes: memory is read and written all the while, in runs.
void Sweep::blocksTurned(const Turn &turn, const TurnedRows &to, Value begin, Value end,
                         llvm::function_ref<Block(Value)> blockAt) {
  constexpr int64_t rowsAhead = 4; // from the second cache into the first one
  auto start = [&](const Ahead &read, const Block &block) {
    Point point = block.at;
    point.indices[turn.across] = block.row;
    point.indices[turn.lane] = block.column;
    return e.offset(read.at, point);
  };
  e.loop(begin, end, 1, [&](Value number) {
    Block block = blockAt(number), after = blockAt(e.add(number, e.index(1)));
    turnBlock(turn, to, block, e.index(0), /*foresees=*/false);
    SmallVector<Ahead, 0> ahead;
    if (schedule.prefetch) {
      for (Ahead read : readsAhead(turn.lane)) {
        auto behind = [&](Value far) {
          return e.address(e.pointers[read.buffer], g.buffers[read.buffer].element, far);
        };
        read.pointer = behind(e.sub(start(read, after), start(read, block)));
        ahead.push_back(read);
        read.pointer = behind(e.index(read.at.coefs[turn.across] * SizeExpr(rowsAhead)));
        read.intoFirst = true;
        ahead.push_back(read);
      }
      beside = [&](const Point &point, unsigned lanes) {
        for (const Ahead &read : ahead)
          ask(read, point, lanes);
        askBeside(turn, block, after, point, lanes);
      };
    }
    e.loop(block.row, block.rowEnd, 1, [&](Value row) {
      Frame frame;
      frame.point = block.at;
      frame.point.indices[turn.across] = row;
      mapLanes(frame, {turn.lane}, block.column, block.columnEnd);
    });
    beside = nullptr;
  });
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
  // Row blocks innermost: what is turned is read on along its own rows.
  sizes.push_back(SizeExpr((Q + C - 1) / C));
  sizes.push_back(SizeExpr((P + R - 1) / R));
  const int64_t blocks = *numElements(sizes).constant();
  next = across.back();
  auto blockAt = [&](Value number) {
    Block block{origin(), {}, {}, {}, {}, R, C};
    auto position = e.delinearize(e.minimum(number, e.index(blocks - 1)), sizes); // none is behind the last one
    for (auto [dims, i] : llvm::zip(outer, position))
      setGroup(block.at, dims, i);
    block.column = e.mul(position[outer.size()], SizeExpr(C));
    block.row = e.mul(position[outer.size() + 1], SizeExpr(R));
    block.rowEnd = e.minimum(e.index(P), e.add(block.row, e.index(R)));
    block.columnEnd = e.minimum(e.index(Q), e.add(block.column, e.index(C)));
    return block;
  };
  const int64_t each = folds ? std::clamp<int64_t>(schedule.turnBlocks, 1, blocks) : 1;
  double ns = (folds ? perRow() : 0) * double(R * each) + nsPerElement * double(R * C * each) * 2;
  parallel(SizeExpr((blocks + each - 1) / each), bytesPerElement * SizeExpr(R * C * each), ns,
           [&](Value begin, Value end) {
             if (folds) {
               TurnedRows to = turnedRows(*turn, R, C, schedule.turnBlocks > 1 ? 2 : 1);
               auto first = [&](Value item) { return e.minimum(e.mul(item, SizeExpr(each)), e.index(blocks)); };
               return rowsTurned(*turn, to, first(begin), first(end), blockAt);
             }
             blocksTurned(*turn, turnedRows(*turn, R, C, 1), begin, end, blockAt);
           });
  turned.clear();
  return true;
}

} // namespace weft
