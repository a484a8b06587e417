// Decides how folded rows are written: a row beside a sweep of the next one, lines in which one row ends and the next
// begins as a whole.
#include "Sweep.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace weft {

void Sweep::write(const Output &output, Frame &frame) {
  Value value = e.evaluate(output.value, frame);
  e.loc = g.nodeOf(output.value)->op.getLoc();
  Type element = g.buffers[output.buffer].element;
  auto store = [&](Value value, const Point &point) {
    e.store(value, e.pointers[output.buffer], element, storeAccess(output), point);
  };
  if (!shared || shared->place == SharedLine::Place::none)
    return store(value, frame.point);
  value = e.widen(value, frame.point.width);
  Linear inLine{0, {SizeExpr(1)}};
  Point line;
  line.indices = {e.index(0)};
  line.lane = 0;
  line.width = frame.point.width;
  if (shared->place == SharedLine::Place::tail) {
    e.store(value, shared->memory, element, inLine, line);
    return e.when(shared->isLast, [&] { store(value, frame.point); });
  }
  e.when(
      shared->isFirst, [&] { store(value, frame.point); },
      [&] {
        Point whole = frame.point;
        whole.mask = {};
        e.streaming = true;
        store(e.choose(frame.point.mask, value, e.load(shared->memory, element, inLine, line)), whole);
        e.streaming = false;
      });
}

/// Whether rows that follow each other, as the one result does that is stored past the caches, share lines of it;
/// vectors are lines.
bool Sweep::sharesLines() {
  auto length = g.size(folded.front()).constant();
  if (!schedule.stream || e.pairs || spread || next < 0 || !length || outputs.size() != 1 ||
      !isWide(outputs[0].value) || kept.back().back() != next)
    return false;
  const int64_t bytes = Emitter::byteWidth(g.buffers[outputs[0].buffer].element);
  Linear to = storeAccess(outputs[0]);
  SizeExpr apart = *length;
  for (auto &dims : llvm::reverse(kept)) {
    if (to.coefs[dims.back()] != apart)
      return false;
    apart = apart * g.size(dims);
  }
  return e.target.cheapMaskedStore && least * bytes == 64 && *length * bytes % 64 && *length >= 2 * least &&
         to.coefs[folded.front().back()] == SizeExpr(1);
}

/// What a row reads along the lanes in rows that begin with a line, or in one that all rows read.
SmallVector<Turn::Read> Sweep::readsByLine(int lane) {
  SmallVector<Turn::Read> reads;
  for (unsigned i : live)
    for (OpOperand *input : g.nodes[i].op.getDpsInputOperands()) {
      int buffer = g.bufferOf(input->get());
      if (buffer < 0 || g.buffers[buffer].place || Emitter::byteWidth(g.buffers[buffer].element) * least != 64)
        continue;
      Linear at = g.access(g.nodes[i], *input, buffer);
      auto apart = at.coefs[next].constant();
      if (at.coefs[lane] == SizeExpr(1) && apart && *apart % least == 0)
        reads.push_back({&g.nodes[i], input, buffer});
    }
  return reads;
}

/// Whole vectors of a row whose first line begins `head` lanes behind its start. What is read by rows that begin with a
/// line is read in lines, and a vector is put together of two: across two lines a read takes twice as long. Where the
/// rest begins.
Value Sweep::stepsAcrossLines(Value head, const Point &at, ArrayRef<int> laneDims, Step step) {
  const int lane = laneDims.back();
  SmallVector<Turn::Read> reads = readsByLine(lane);
  const int64_t end = (*g.size(laneDims).constant() - least) / width * width; // a line is read behind it
  if (reads.empty() || columnsEnd || end <= 0)
    return head;
  auto lineAt = [&](const Turn::Read &read, Value i) {
    Point point = at;
    setGroup(point, laneDims, i);
    point.lane = lane;
    point.width = least;
    return e.load(e.pointers[read.buffer], g.buffers[read.buffer].element,
                  g.access(*read.node, *read.operand, read.buffer), point);
  };
  SmallVector<Value> first;
  for (const Turn::Read &read : reads)
    first.push_back(lineAt(read, e.index(0)));
  e.loopCarry(e.index(0), e.index(end), width, first, [&](Value i, ValueRange carried) {
    SmallVector<Value> lines(carried);
    for (auto [read, line] : llvm::zip(reads, lines)) {
      Value lanes;
      for (unsigned u = least; u <= width; u += least) {
        Value next = lineAt(read, e.add(i, e.index(u))), some = e.across(line, next, head);
        if (lanes)
          some = vector::ShuffleOp::create(b, e.loc, lanes, some, llvm::to_vector(llvm::seq<int64_t>(0, u)));
        lanes = some;
        line = next;
      }
      given.push_back({read.node->body().getArgument(read.operand->getOperandNumber()), lanes});
    }
    e.streaming = true;
    step(e.add(i, head), {}, width);
    e.streaming = false;
    given.clear();
    return lines;
  });
  return e.add(head, e.index(end));
}

/// The sweep beside which the row before is written: the busiest one, or in the caches, where that writes, the one
/// before it.
int Sweep::trailedStage() {
  int busiest = busiestStage();
  return busiest == lastStage() && !schedule.stream ? busiest - 1 : busiest;
}

/// Whether a row's last sweep, which writes it, goes beside one of the next row: there is arithmetic to do while memory
/// takes the lines, while it divides, while a fold ends. What it reads of its row must then be kept by that sweep, or
/// stand in memory.
bool Sweep::trails() {
  auto length = g.size(folded.front()).constant();
  if (!schedule.trail || e.pairs || spread || next < 0 || !length || *length > kChunk)
    return false;
  const int last = lastStage(), trailed = trailedStage();
  if (trailed == last || trailed < 0 || reductionsAt(trailed).empty() || outputs.size() != 1 ||
      storesAt(last).size() != 1 || storeAccess(outputs[0]).coefs[folded.front().back()] != SizeExpr(1) ||
      !streamsVectors(width, g.buffers[outputs[0].buffer].element))
    return false;
  return llvm::all_of(usesByStage(), [&](auto &use) {
    int64_t bytes = *length * int64_t(Emitter::byteWidth(getElementTypeOrSelf(use.first.getType())));
    return !g.nodeOf(use.first)->isExpensive || !llvm::is_contained(use.second, last) ||
           (bytes <= kOnStack && *llvm::min_element(use.second) == trailed);
  });
}

void Sweep::writeTrailing(const Trail &trail, ArrayRef<int> laneDims, Value i, Value mask, unsigned lanes) {
  Frame frame = rowFrame(trail.state, trail.row, laneDims, i, mask, lanes);
  write(outputs[0], frame);
}

/// What stands before the first whole line of the row before.
void Sweep::beginBehind(Trail &trail, ArrayRef<int> laneDims) {
  const Output &output = outputs[0];
  Type element = g.buffers[output.buffer].element;
  Point first = trail.row;
  setGroup(first, laneDims, e.index(0));
  Value address = e.address(e.pointers[output.buffer], element, e.offset(storeAccess(output), first));
  Value end = e.index(g.size(laneDims));
  trail.end = arith::SelectOp::create(b, e.loc, trail.isThere, end, e.index(0));
  trail.head = e.minimum(trail.end, e.beforeLine(address, element));
  auto step = [&](Value i, Value mask, unsigned lanes) { writeTrailing(trail, laneDims, i, mask, lanes); };
  if (shared)
    return stepBeforeLine(e, least, e.index(0), trail.head, inShared(SharedLine::Place::head, step));
  e.loop(e.index(0), trail.head, least, [&](Value i) { step(i, e.laneMask(e.sub(trail.head, i), least), least); });
}

/// 64 elements of the row before, or what is left of it: whole lines from its first one on.
void Sweep::writeBehind(Trail &trail, ArrayRef<int> laneDims, Value base) {
  auto step = [&](Value i, Value mask, unsigned lanes) { writeTrailing(trail, laneDims, i, mask, lanes); };
  Value begin = e.minimum(trail.end, e.add(trail.head, base)), end = e.add(begin, e.index(kPartials));
  auto rest = [&] {
    if (!schedule.stream)
      return vectorSteps(e, width, least, begin, trail.end, step);
    stepsFromLine(e, least, least, begin, trail.end, g.buffers[outputs[0].buffer].element, step,
                  inShared(SharedLine::Place::tail, step));
  };
  e.when(e.isLess(trail.end, end), rest, [&] {
    e.streaming = schedule.stream;
    for (int64_t u = 0; u < kPartials; u += width)
      step(e.add(begin, e.index(u)), {}, width);
    e.streaming = false;
  });
}

void Sweep::rows(Value begin, Value end, llvm::function_ref<Point(Value)> at, llvm::function_ref<void(Value)> behind) {
  if (sharesLines()) {
    Type element = g.buffers[outputs[0].buffer].element;
    shared = SharedLine{e.stack(element, least), {}, {}};
  }
  // What is written next: this row.
  auto writes = [&](Value number) {
    if (!shared)
      return;
    shared->isFirst = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq, number, begin);
    shared->isLast = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::eq, e.add(number, e.index(1)), end);
  };
  if (!trails()) {
    e.loop(begin, end, 1, [&](Value number) {
      writes(number);
      row(at(number));
      if (behind)
        behind(number);
    });
    shared.reset();
    return;
  }
  // What is known of a row once it is folded, in memory that the next turn of the loop reads.
  SmallVector<std::pair<Value, Value>> slots;
  auto slotsInto = [&](Trail &trail) {
    for (auto [value, memory] : slots)
      trail.state.scalars[value] = e.load(memory, getElementTypeOrSelf(value.getType()), Linear(), Point());
  };
  for (unsigned i : live)
    if (Value value = g.nodes[i].result(); !isWide(value) && g.nodes[i].kind != NodeKind::Fill)
      slots.push_back({value, e.stack(getElementTypeOrSelf(value.getType()), 1)});
  Trail trail;
  e.loop(begin, end, 1, [&](Value number) {
    trail = Trail{RowState(), at(e.sub(number, e.index(1))), e.isLess(begin, number), {}, {}};
    slotsInto(trail);
    writes(e.sub(number, e.index(1)));
    row(at(number), &trail);
    for (auto [value, memory] : slots)
      e.store(trail.state.scalars.lookup(value), memory, getElementTypeOrSelf(value.getType()), Linear(), Point());
    if (behind)
      behind(number);
  });
  slotsInto(trail);
  Value last = e.sub(end, e.index(1));
  writes(last);
  sweepRow(trail.state, at(last), lastStage(), folded.front(), nullptr);
  shared.reset();
}

} // namespace weft
