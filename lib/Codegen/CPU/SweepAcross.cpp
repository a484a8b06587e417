// Decides the loops of sweeps whose rows are shorter than vectors (points of three numbers, scores of ten classes):
// lanes run across rows, of which each step has a vector for each column. What lies row by row in memory is turned in
// registers on its way in and out.
#include "Sweep.h"

using namespace mlir;

namespace weft {

namespace {

/// Of elements that lie row by row, `length` in each of as many rows as there are lanes: between vectors as memory has
/// them and vectors of columns.
struct Interleave {
  Emitter &e;
  int64_t length, width;

  /// `lane(v, i)` says which vector, and which of its lanes, lane i of result v is.
  SmallVector<Value> made(ArrayRef<Value> from,
                          llvm::function_ref<std::pair<int64_t, int64_t>(int64_t, int64_t)> lane) {
    SmallVector<Value> results;
    for (int64_t v = 0; v < length; ++v)
      results.push_back(e.picked(from, [&](int64_t i) { return lane(v, i); }));
    return results;
  }
  SmallVector<Value> columns(ArrayRef<Value> memory) {
    return made(memory, [&](int64_t column, int64_t row) {
      int64_t at = row * length + column;
      return std::pair(at / width, at % width);
    });
  }
  SmallVector<Value> memory(ArrayRef<Value> columns) {
    return made(columns, [&](int64_t v, int64_t i) {
      int64_t at = v * width + i;
      return std::pair(at % length, at / length);
    });
  }
};

/// Rows of so few elements are taken apart by shuffles of each pair of vectors; longer ones are squares.
constexpr int64_t mostInterleaved = 4;

} // namespace

/// The rows that lanes may run across: their group, and that of a row's elements.
std::optional<Sweep::Across> Sweep::runsAcross() {
  Across across;
  across.lane = g.hasReduction ? folded.back() : kept.empty() ? SmallVector<int>() : kept.back();
  if (g.hasReduction)
    across.around.assign(folded.begin(), std::prev(folded.end()));
  for (ArrayRef<int> dims : across.around) {
    auto size = g.size(dims).constant();
    if (!size || *size > mostAcross)
      return std::nullopt;
    across.turns *= *size;
  }
  across.outer = kept;
  if (!g.hasReduction && !kept.empty())
    across.outer.pop_back();
  if (across.outer.empty() || width == 1)
    return std::nullopt;
  across.row = across.outer.pop_back_val();
  auto length = g.size(across.lane).constant(), rows = g.size(across.row).constant();
  if (!length || *length < 2 || across.turns * *length > mostAcross || !rows || *rows < least)
    return std::nullopt;
  across.length = *length;
  across.rows = *rows;
  // Booleans are no lanes of memory, and are not turned.
  for (unsigned i : live)
    for (OpOperand *input : g.nodes[i].op.getDpsInputOperands())
      if (int buffer = g.bufferOf(input->get()); buffer >= 0 && g.buffers[buffer].element.isInteger(1))
        return std::nullopt;
  return across;
}

void Sweep::emitAcross(const Across &across) {
  width = least;
  const int64_t length = across.length, squares = llvm::divideCeil(length, width);
  const int row = across.row.back(), lane = across.lane.back();
  const Shape outerSizes = groupSizes(across.outer);
  const int64_t blocks = llvm::divideCeil(across.rows, width);
  Interleave interleave{e, length, width};
  auto lanesOfSquare = [&](Point &point, int64_t square) {
    point.lane = lane;
    point.width = width;
    setGroup(point, across.lane, e.index(square * width));
    if (int64_t there = length - square * width; there < width)
      point.mask = e.laneMask(e.index(there), width);
  };

  // A vector of rows for each column of what is read row by row; `rest` rows are there, or all (0).
  auto columnsOf = [&](Node &node, OpOperand &operand, int buffer, const Point &first, int64_t rest) {
    Linear access = g.access(node, operand, buffer);
    Type element = g.buffers[buffer].element;
    SmallVector<Value> columns;
    if (length <= mostInterleaved && !rest && access.coefs[row] == SizeExpr(length)) {
      Point from = first;
      from.lane = lane;
      from.width = width;
      from.mask = {};
      for (int64_t v = 0; v < length; ++v) {
        Linear part = access;
        part.offset = part.offset + SizeExpr(v * width);
        columns.push_back(e.load(e.pointers[buffer], element, part, from));
      }
      return interleave.columns(columns);
    }
    for (int64_t square = 0; square < squares; ++square) {
      SmallVector<Value> vectors;
      for (int64_t t = 0; t < width; ++t) {
        Point from = first;
        from.mask = {};
        setGroup(from, across.row, e.add(first.indices[row], e.index(rest ? std::min(t, rest - 1) : t)));
        lanesOfSquare(from, square);
        vectors.push_back(e.load(e.pointers[buffer], element, access, from));
      }
      llvm::append_range(columns, e.transposed(vectors));
    }
    return columns;
  };
  auto write = [&](const Output &output, const Point &first, SmallVector<Value> columns, int64_t rest) {
    Linear access = storeAccess(output);
    Type element = Emitter::memoryType(g.buffers[output.buffer].element);
    for (Value &column : columns) {
      column = e.widen(column, width);
      if (g.buffers[output.buffer].element.isInteger(1))
        column = arith::ExtUIOp::create(b, e.loc, e.vectorOf(element, width), column);
    }
    if (access.coefs[lane] != SizeExpr(1)) { // the result holds columns as rows
      for (auto [c, column] : llvm::enumerate(columns)) {
        Point to = first;
        setGroup(to, across.lane, e.index(int64_t(c)));
        e.store(column, e.pointers[output.buffer], element, access, to);
      }
      return;
    }
    if (length <= mostInterleaved && !rest && access.coefs[row] == SizeExpr(length)) {
      Point to = first;
      to.lane = lane;
      for (auto [v, vector] : llvm::enumerate(interleave.memory(columns))) {
        Linear part = access;
        part.offset = part.offset + SizeExpr(int64_t(v * width));
        e.store(vector, e.pointers[output.buffer], element, part, to);
      }
      return;
    }
    for (int64_t square = 0; square < squares; ++square) {
      SmallVector<Value> vectors;
      for (int64_t c = square * width; c < (square + 1) * int64_t(width); ++c)
        vectors.push_back(columns[std::min(c, length - 1)]);
      for (auto [t, vector] : llvm::enumerate(e.transposed(vectors))) {
        if (rest && int64_t(t) >= rest)
          break;
        Point to = first;
        to.mask = {};
        setGroup(to, across.row, e.add(first.indices[row], e.index(int64_t(t))));
        lanesOfSquare(to, square);
        e.store(vector, e.pointers[output.buffer], element, access, to);
      }
    }
  };

  auto block = [&](Point first, int64_t rest) {
    first.lane = row;
    first.width = width;
    if (rest)
      first.mask = e.laneMask(e.index(rest), width);
    SmallVector<Point> turns(across.turns, first); // each at its place around
    for (auto [turn, point] : llvm::enumerate(turns)) {
      int64_t number = turn;
      for (ArrayRef<int> dims : llvm::reverse(across.around)) {
        setGroup(point, dims, e.index(number % *g.size(dims).constant()));
        number /= *g.size(dims).constant();
      }
    }
    SmallVector<Frame, 0> frames(across.turns * length);
    for (auto [i, frame] : llvm::enumerate(frames)) {
      frame.point = turns[i / length];
      setGroup(frame.point, across.lane, e.index(int64_t(i % length)));
    }
    for (unsigned i : live)
      for (OpOperand *input : g.nodes[i].op.getDpsInputOperands()) {
        int buffer = g.bufferOf(input->get());
        if (buffer < 0)
          continue;
        Linear access = g.access(g.nodes[i], *input, buffer);
        if (access.coefs[lane] != SizeExpr(1) || access.coefs[row] == SizeExpr(0) || access.coefs[row] == SizeExpr(1))
          continue;
        Value argument = g.nodes[i].body().getArgument(input->getOperandNumber());
        for (auto [turn, point] : llvm::enumerate(turns))
          for (auto [c, column] : llvm::enumerate(columnsOf(g.nodes[i], *input, buffer, point, rest)))
            if (int64_t(c) < length)
              frames[turn * length + c].known[argument] = column;
      }
    // Folds stage by stage; what a row has one of is a vector of rows.
    Frame scalars;
    scalars.point = first;
    auto tell = [&](Value value, Value rows) {
      scalars.known[value] = rows;
      for (Frame &frame : frames)
        frame.known[value] = rows;
    };
    for (int stage = 0; g.hasReduction && stage <= lastStage(); ++stage) {
      for (unsigned i : live) {
        Node &node = g.nodes[i];
        if (node.kind == NodeKind::Map && !isWide(node.result()) && stageOf(node.result()) == stage)
          tell(node.result(), e.evaluate(node.result(), scalars));
      }
      for (unsigned i : live) {
        Node &node = g.nodes[i];
        if (node.kind != NodeKind::Reduce || stageOf(node.result()) != stage + 1)
          continue;
        Combiner combiner = e.combiner(node);
        e.loc = node.op.getLoc();
        Value identity = e.widen(e.identity(combiner), width);
        SmallVector<Value> partials;
        for (Frame &frame : frames)
          partials.push_back(e.combine(combiner, identity, e.widen(e.payload(node, combiner.element, frame), width)));
        partials.resize(llvm::PowerOf2Ceil(partials.size()), identity);
        auto both = [&](Value x, Value y) { return e.combine(combiner, x, y); };
        tell(node.result(), byHalves(std::move(partials), both));
      }
    }
    for (Output &output : outputs) {
      if (g.hasReduction && !isWide(output.value)) {
        Value value = e.evaluate(output.value, scalars);
        e.loc = g.nodeOf(output.value)->op.getLoc();
        e.store(value, e.pointers[output.buffer], g.buffers[output.buffer].element, storeAccess(output), first);
        continue;
      }
      SmallVector<Value> columns;
      for (Frame &frame : frames)
        columns.push_back(e.evaluate(output.value, frame));
      e.loc = g.nodeOf(output.value)->op.getLoc();
      write(output, first, columns, rest);
    }
  };

  const int64_t rest = across.rows % width;
  const int64_t inBlock = across.turns * length * width;
  parallel(numElements(outerSizes) * SizeExpr(blocks), bytesPerElement * SizeExpr(inBlock),
           nsPerElement * double(inBlock) + 10, [&](Value begin, Value end) {
             e.loop(begin, end, 1, [&](Value item) {
               Point first = origin();
               Value number = b.createOrFold<arith::RemUIOp>(e.loc, item, e.index(blocks));
               Value around = b.createOrFold<arith::DivUIOp>(e.loc, item, e.index(blocks));
               for (auto [dims, i] : llvm::zip(across.outer, e.delinearize(around, outerSizes)))
                 setGroup(first, dims, i);
               setGroup(first, across.row, e.mul(number, SizeExpr(int64_t(width))));
               if (!rest)
                 return block(first, 0);
               e.when(e.isLess(number, e.index(blocks - 1)), [&] { block(first, 0); }, [&] { block(first, rest); });
             });
           });
}

} // namespace weft
