// Decides the loops of sweeps whose rows are shorter than vectors (points of three numbers, scores of ten classes):
// lanes run across rows, of which each step has a vector for each column (Columns.h).
#include "Columns.h"
#include "Sweep.h"

using namespace mlir;

namespace weft {

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
  const int64_t length = across.length;
  const int row = across.row.back(), lane = across.lane.back();
  const Shape outerSizes = groupSizes(across.outer);
  const int64_t blocks = llvm::divideCeil(across.rows, width);
  const Columns memory{e, width, length, row, lane};
  auto write = [&](const Output &output, const Point &first, SmallVector<Value> columns, int64_t rest) {
    Linear access = storeAccess(output);
    Value pointer = e.pointers[output.buffer];
    Type element = g.buffers[output.buffer].element;
    if (access.coefs[lane] == SizeExpr(1))
      return memory.store(std::move(columns), pointer, element, access, first, rest);
    for (auto [c, column] : llvm::enumerate(columns)) { // the result holds columns as rows
      Point to = first;
      setGroup(to, across.lane, e.index(int64_t(c)));
      e.store(column, pointer, element, access, to);
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
        Type element = g.buffers[buffer].element;
        Value argument = g.nodes[i].body().getArgument(input->getOperandNumber());
        for (auto [turn, point] : llvm::enumerate(turns))
          for (auto [c, column] : llvm::enumerate(memory.load(e.pointers[buffer], element, access, point, rest)))
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
