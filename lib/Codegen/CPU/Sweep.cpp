// Decides the loops of kernels of maps and reductions over one index space. Five forms:
//   map     no reduction: lanes run along the innermost dimension;
//   row     the reduced dimensions are the trailing ones and contiguous: each row is swept once per reduction it waits
//   for;
//   stretches  lanes run along the innermost reduced dimension, others lie outside of kept ones (SweepStretches.cpp);
//   across  rows shorter than vectors: lanes run across them (SweepAcross.cpp);
//   column  otherwise: lanes run along the innermost kept dimension, partial results lie in memory.
// Where operands of the first two are read across the lanes, blocks of rows are turned first (SweepTurn.cpp).
// The order of every fold is ir-decisions 5.6's: 64 strided partial results, folded by halves, in chunks of 65,536.
#include "Sweep.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace weft {

void Sweep::collect(SmallVector<Output> results) {
  // Nodes that results depend on, and what they cost by what they touch.
  outputs = std::move(results);
  SmallVector<Value> work;
  for (const Output &output : outputs)
    work.push_back(output.value);
  SmallVector<bool> needed(g.nodes.size(), false);
  SmallVector<bool> seen(g.buffers.size(), false);
  auto touch = [&](int buffer) {
    if (!seen[buffer])
      bytesPerElement = bytesPerElement + SizeExpr(Emitter::byteWidth(g.buffers[buffer].element));
    seen[buffer] = true;
  };
  for (Output &output : outputs)
    touch(output.buffer);
  nsPerElement = 0;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    Node *node = g.nodeOf(value);
    if (!node || needed[g.producer[value]])
      continue;
    needed[g.producer[value]] = true;
    nsPerElement += node->isExpensive ? 3.0 : 0.05;
    for (OpOperand *input : node->op.getDpsInputOperands()) {
      if (int buffer = g.bufferOf(input->get()); buffer >= 0)
        touch(buffer);
      work.push_back(input->get());
    }
  }
  for (unsigned i = 0; i < g.nodes.size(); ++i)
    if (needed[i])
      live.push_back(i);
  nsPerElement = nsPerElement / std::max(1u, width / 2) + 0.02 * double(*bytesPerElement.constant());
}

SmallVector<SmallVector<int>> walkedAsOne(KernelGraph &g, ArrayRef<int> dims, ArrayRef<unsigned> nodes,
                                          ArrayRef<Output> outputs) {
  return g.join(dims, [&](int first, int second) {
    // A value made here that has one of the two but not the other would need both.
    return g.isReduced[first] == g.isReduced[second] &&
           llvm::all_of(nodes, [&](unsigned i) { return g.readsAsOne(g.nodes[i], first, second); }) &&
           llvm::all_of(outputs, [&](const Output &output) {
             return g.asOne(g.store(*g.nodeOf(output.value), output.buffer), first, second);
           });
  });
}

SmallVector<SmallVector<int>> Sweep::group(ArrayRef<int> dims) { return walkedAsOne(g, dims, live, outputs); }

Shape Sweep::groupSizes(ArrayRef<SmallVector<int>> groups) {
  Shape sizes;
  for (auto &dims : groups)
    sizes.push_back(g.size(dims));
  return sizes;
}

Point Sweep::origin() {
  Point point;
  point.indices.assign(g.domain.size(), e.index(0));
  return point;
}

bool Sweep::isWide(Value value) {
  Node *node = g.nodeOf(value);
  if (!node)
    return false;
  auto map = node->op.getMatchingIndexingMap(node->op.getDpsInitOperand(0));
  for (AffineExpr expr : map.getResults())
    if (auto d = dyn_cast<AffineDimExpr>(expr))
      if (int dim = node->loopDims[d.getPosition()]; dim >= 0 && g.isReduced[dim])
        return true;
  return false;
}

/// bfloat16 in pairs along the last of some dimensions, where the schedule asks for it and it can be.
void Sweep::takePairs(ArrayRef<SmallVector<int>> dims) {
  e.pairs =
      schedule.pairs && !schedule.turnRows && width % 2 == 0 && !dims.empty() && computesOnPairs(g, dims.back().back());
  if (e.pairs)
    least = width;
}

LogicalResult Sweep::emit() {
  collect(g.outputs());
  SmallVector<int> keptDims, foldedDims;
  for (int i = 0; i < int(g.domain.size()); ++i)
    (g.isReduced[i] ? foldedDims : keptDims).push_back(i);
  kept = group(keptDims);
  folded = group(foldedDims);
  if (folded.empty() && !foldedDims.empty()) // all of size 1: one loop remains
    folded.push_back({foldedDims.back()});
  if (!g.hasReduction || foldedDims.empty()) {
    if (g.hasReduction) // reductions over dimensions that have no loop: sizes of one, nothing to fold
      return g.function.emitError("[WF4106] expected a reduction over at least one loop");
    if (auto across = schedule.across ? runsAcross() : std::nullopt) {
      emitAcross(*across);
      return success();
    }
    takePairs(kept);
    emitMap();
    return success();
  }
  bool trailing = kept.empty() || kept.back().back() < folded.front().front();
  if (trailing && folded.size() == 1) {
    if (auto across = schedule.across ? runsAcross() : std::nullopt) {
      emitAcross(*across);
      return success();
    }
    takePairs(folded);
    emitRow();
    return success();
  }
  for (const Output &output : outputs)
    if (isWide(output.value))
      return g.function.emitError(
          "[WF4107] expected no value of the full index space from a fold over outer dimensions");
  if (auto across = schedule.across ? runsAcross() : std::nullopt) {
    emitAcross(*across);
    return success();
  }
  hasStretches() ? emitStretches() : emitColumn();
  return success();
}

//===-- map ------------------------------------------------------------------------------------------------------===//

void Sweep::parallel(const SizeExpr &items, const SizeExpr &bytesPerItem, double nsPerItem,
                     llvm::function_ref<void(Value, Value)> body, ArrayRef<Value *> captured) {
  auto fenced = [&](Value begin, Value end) {
    body(begin, end);
    if (schedule.stream)
      e.fenceStreams();
  };
  e.parallel(items, bytesPerItem, nsPerItem, fenced, captured);
}

void vectorSteps(Emitter &e, unsigned width, unsigned least, Value begin, Value end, Step step) {
  for (unsigned lanes = width;; lanes = least) {
    Value middle = e.add(begin, e.roundDown(e.sub(end, begin), lanes));
    e.loop(begin, middle, lanes, [&](Value i) { step(i, {}, lanes); });
    begin = middle;
    if (lanes == least)
      break;
  }
  if (least > 1)
    e.loop(begin, end, least, [&](Value i) { step(i, e.laneMask(e.sub(end, i), least), least); });
}

/// Whole lines of [begin, end), `lanes` at a time; where what is left begins.
static Value wholeLines(Emitter &e, unsigned lanes, int64_t line, Value begin, Value end, Step step) {
  const int64_t some = std::max<int64_t>(lanes, line);
  Value middle = e.add(begin, e.roundDown(e.sub(end, begin), some));
  e.loop(begin, middle, some, [&](Value i) {
    e.streaming = true;
    for (int64_t u = 0; u < some; u += lanes)
      step(u ? e.add(i, e.index(u)) : i, {}, lanes);
    e.streaming = false;
  });
  return middle;
}

void stepsFromLine(Emitter &e, unsigned width, unsigned least, Value begin, Value end, Type element, Step step,
                   Step tail) {
  const int64_t line = 64 / Emitter::byteWidth(element);
  Value rest = wholeLines(e, width, line, begin, end, step);
  if (std::max<int64_t>(width, line) > std::max<int64_t>(least, line))
    rest = wholeLines(e, least, line, rest, end, step);
  if (least < line)
    return vectorSteps(e, least, least, rest, end, tail);
  e.loop(rest, end, least, [&](Value i) { tail(i, e.laneMask(e.sub(end, i), least), least); });
}

void stepBeforeLine(Emitter &e, unsigned lanes, Value begin, Value first, Step head) {
  e.when(e.isLess(begin, first), [&] {
    Value start = e.sub(first, e.index(lanes));
    head(start, e.lanesFrom(e.sub(begin, start), lanes), lanes);
  });
}

void streamedSteps(Emitter &e, unsigned width, unsigned least, Value begin, Value end, Type element, Value address,
                   Step step) {
  Value first = e.minimum(end, e.add(begin, e.beforeLine(address, element)));
  e.loop(begin, first, least, [&](Value i) { step(i, e.laneMask(e.sub(first, i), least), least); });
  stepsFromLine(e, width, least, first, end, element, step, step);
}

void Sweep::overLanes(Value begin, Value end, const Point &at, ArrayRef<int> laneDims, Step step) {
  // Streamed: the one result that is written along the lanes.
  Output *streamed = nullptr;
  int count = 0;
  for (Output &output : outputs)
    if (schedule.stream && width > 1 && (!g.hasReduction || isWide(output.value)) &&
        storeAccess(output).coefs[laneDims.back()] == SizeExpr(1) && ++count == 1)
      streamed = &output;
  if (count != 1 || !streamsVectors(width, g.buffers[streamed->buffer].element)) {
    auto length = g.size(laneDims).constant();
    if (columnsEnd && length && *length % width == 0) // where columns end early, they end at a vector
      e.loop(begin, end, width, [&](Value i) { step(i, {}, width); });
    else
      vectorSteps(e, width, least, begin, end, step);
    return;
  }
  Type element = g.buffers[streamed->buffer].element;
  Point first = at;
  setGroup(first, laneDims, begin);
  Value address = e.address(e.pointers[streamed->buffer], element, e.offset(storeAccess(*streamed), first));
  if (!shared)
    return streamedSteps(e, width, least, begin, end, element, address, step);
  Value line = e.minimum(end, e.add(begin, e.beforeLine(address, element)));
  stepBeforeLine(e, least, begin, line, inShared(SharedLine::Place::head, step));
  line = stepsAcrossLines(line, at, laneDims, step);
  stepsFromLine(e, width, least, line, end, element, step, inShared(SharedLine::Place::tail, step));
}

void Sweep::mapLanes(Frame outer, ArrayRef<int> laneDims, Value begin, Value end) {
  int lane = laneDims.empty() ? -1 : laneDims.back();
  auto visit = [&](Frame frame) {
    readTurned(frame);
    if (beside)
      beside(frame.point, frame.point.width);
    for (const Output &output : outputs)
      write(output, frame);
  };
  if (laneDims.empty())
    return visit(outer);
  overLanes(begin, end, outer.point, laneDims, [&](Value i, Value mask, unsigned lanes) {
    Frame frame = outer;
    setGroup(frame.point, laneDims, i);
    frame.point.lane = width > 1 ? lane : -1;
    frame.point.width = lanes;
    frame.point.mask = mask;
    visit(frame);
  });
}

void Sweep::emitMap() {
  // The origin is made where the loops are: the body of a parallel loop is a function of its own.
  auto start = [&] {
    Frame frame;
    frame.point = origin();
    return frame;
  };
  if (kept.empty()) {
    mapLanes(start(), {}, {}, {});
    return;
  }
  if (emitTurned())
    return;
  SmallVector<int> lane = kept.back();
  if (kept.size() == 1) {
    // One long run: the items are its elements, so a chunk is a stretch of it.
    parallel(g.size(lane), bytesPerElement, nsPerElement,
             [&](Value begin, Value end) { mapLanes(start(), lane, begin, end); });
    return;
  }
  auto outer = ArrayRef(kept).drop_back();
  SizeExpr length = g.size(lane), elements = length;
  // Where a row stands is computed by divisions: short ones are several to an item, walked by loops, as far as items
  // are enough for threads.
  SmallVector<SmallVector<int>> inside;
  constexpr int64_t enough = 512, items = 64;
  while (outer.size() > 1 && elements.constant().value_or(enough) < enough &&
         numElements(groupSizes(outer.drop_back())).constant().value_or(0) >= items) {
    inside.push_back(outer.back());
    elements = elements * g.size(outer.back());
    outer = outer.drop_back();
  }
  Shape sizes = groupSizes(outer);
  auto walk = [&](auto &&self, Frame frame, ArrayRef<SmallVector<int>> loops) -> void {
    if (loops.empty())
      return mapLanes(frame, lane, e.index(0), e.index(length));
    e.loop(e.index(0), e.index(g.size(loops.back())), 1, [&](Value i) {
      setGroup(frame.point, loops.back(), i);
      self(self, frame, loops.drop_back());
    });
  };
  double perItem = nsPerElement * double(elements.constant().value_or(256));
  parallel(numElements(sizes), bytesPerElement * elements, perItem, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value item) {
      Frame frame = start();
      for (auto [dims, i] : llvm::zip(outer, e.delinearize(item, sizes)))
        setGroup(frame.point, dims, i);
      walk(walk, frame, inside);
    });
  });
}

//===-- folding --------------------------------------------------------------------------------------------------===//

/// 64 partial results in vectors of `width` -> one scalar.
Value Sweep::foldVector(const Combiner &c, SmallVector<Value> partials, bool quick) {
  auto both = [&](Value x, Value y) { return quick ? e.combineQuickly(c, x, y) : e.combine(c, x, y); };
  Value v = e.inPlace(byHalves(std::move(partials), both));
  unsigned lanes = cast<VectorType>(v.getType()).getNumElements();
  while (lanes > 1) {
    lanes /= 2;
    auto low = llvm::to_vector(llvm::seq<int64_t>(0, lanes)),
         high = llvm::to_vector(llvm::seq<int64_t>(lanes, 2 * lanes));
    Value x = vector::ShuffleOp::create(b, e.loc, v, v, low), y = vector::ShuffleOp::create(b, e.loc, v, v, high);
    v = both(x, y);
  }
  return vector::ExtractOp::create(b, e.loc, v, ArrayRef<int64_t>{0});
}

Sweep::Folds Sweep::foldsAtOnce() {
  Folds folds;
  for (unsigned i : live)
    if (g.nodes[i].kind == NodeKind::Reduce) {
      folds.nodes.push_back(i);
      folds.combiners.push_back(e.combiner(g.nodes[i]));
      folds.types.push_back(folds.combiners.back().op->getResult(0).getType());
    }
  return folds;
}

void Sweep::writeFolded(const Point &point, const Folds &folds, ArrayRef<Value> results) {
  Frame frame;
  frame.point = point;
  for (auto [node, value] : llvm::zip(folds.nodes, results))
    frame.known[g.nodes[node].result()] = value;
  for (Output &output : outputs) {
    Value value = e.evaluate(output.value, frame);
    e.loc = g.nodeOf(output.value)->op.getLoc();
    e.store(value, e.pointers[output.buffer], g.buffers[output.buffer].element, storeAccess(output), frame.point);
  }
}

/// Folds `count` rows of `lanes` elements in memory, `pitch` apart, from `column` on, by halves, the absent ones being
/// identities: row j with j + half, half from the power of two at or above count, down to 1. The result is row 0.
Value Sweep::foldMemory(const Combiner &c, Value memory, Type element, Value count, unsigned lanes, int64_t pitch,
                        Value column) {
  auto rowAt = [&](Value row) {
    Linear l{0, {SizeExpr(pitch), SizeExpr(1)}};
    Point p;
    p.indices = {row, column};
    p.lane = lanes > 1 ? 1 : -1;
    p.width = lanes;
    return std::make_pair(l, p);
  };
  // half = power of two >= count, halved: by shifting while 2 * half < count.
  auto grow = scf::WhileOp::create(
      b, e.loc, TypeRange{b.getIndexType()}, ValueRange{e.index(1)},
      [&](OpBuilder &, Location loc, ValueRange args) {
        Value twice = b.createOrFold<arith::MulIOp>(loc, args[0], e.index(2));
        Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, twice, count);
        scf::ConditionOp::create(b, loc, more, args);
      },
      [&](OpBuilder &, Location loc, ValueRange args) {
        scf::YieldOp::create(b, loc, ValueRange{b.createOrFold<arith::MulIOp>(loc, args[0], e.index(2))});
      });
  scf::WhileOp::create(
      b, e.loc, TypeRange{b.getIndexType()}, ValueRange{grow.getResult(0)},
      [&](OpBuilder &, Location loc, ValueRange args) {
        Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, args[0], e.index(1));
        scf::ConditionOp::create(b, loc, more, args);
      },
      [&](OpBuilder &, Location loc, ValueRange args) {
        Value half = args[0];
        e.loop(e.index(0), half, 1, [&](Value j) {
          Value other = e.add(j, half);
          auto [l, p] = rowAt(j);
          auto [l2, p2] = rowAt(other);
          Value here = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, j, count);
          Value there = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, other, count);
          auto read = [&](Value inside, const Linear &linear, const Point &point) -> Value {
            Value none = e.identity(c);
            if (lanes > 1)
              none = e.widen(none, lanes);
            auto yes = [&] { return SmallVector<Value>{e.load(memory, element, linear, point)}; };
            return e.branch(inside, none.getType(), yes, [&] { return SmallVector<Value>{none}; }).front();
          };
          Value sum = e.combine(c, read(here, l, p), read(there, l2, p2));
          e.store(sum, memory, element, l, p);
        });
        scf::YieldOp::create(b, loc, ValueRange{b.createOrFold<arith::DivUIOp>(loc, half, e.index(2))});
      });
  auto [l, p] = rowAt(e.index(0));
  return e.load(memory, element, l, p);
}

LogicalResult emitSweep(Emitter &emitter, const Schedule &schedule) { return Sweep(emitter, schedule).emit(); }

} // namespace weft
