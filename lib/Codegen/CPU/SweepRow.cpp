// Decides the loops of folds over whole rows: a sweep along the row per reduction that it waits for, the values that a
// later sweep needs again in scratch, the results of a row in registers.
#include "Sweep.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace weft {

//===-- row ------------------------------------------------------------------------------------------------------===//

int Sweep::stageOf(Value value) {
  Node *node = g.nodeOf(value);
  if (!node || node->kind == NodeKind::Fill)
    return 0;
  if (auto it = stages.find(value); it != stages.end())
    return it->second;
  int stage = 0;
  for (OpOperand *input : node->op.getDpsInputOperands())
    stage = std::max(stage, stageOf(input->get()));
  return stages[value] = stage + (node->kind == NodeKind::Reduce ? 1 : 0);
}

SmallVector<unsigned> Sweep::reductionsAt(int stage) {
  SmallVector<unsigned> found;
  for (unsigned i : live)
    if (g.nodes[i].kind == NodeKind::Reduce && stageOf(g.nodes[i].result()) == stage + 1 && !picked(g.nodes[i]))
      found.push_back(i);
  return found;
}

/// Rows in scratch may end early.
std::optional<Picked> Sweep::picked(Node &fold) {
  return columnsEnd ? std::nullopt : findPicked(g, fold, folded.front().back());
}

SmallVector<Output> Sweep::storesAt(int stage) {
  SmallVector<Output> found;
  for (Output &output : outputs)
    if (isWide(output.value) && stageOf(output.value) == stage)
      found.push_back(output);
  return found;
}

/// Notes that sweep `stage` computes the wide values that `value` depends on.
void Sweep::reach(Value value, int stage, llvm::DenseMap<Value, SmallVector<int>> &uses) {
  Node *node = g.nodeOf(value);
  if (!node || node->kind != NodeKind::Map || !isWide(value))
    return;
  auto &at = uses[value];
  if (llvm::is_contained(at, stage))
    return;
  at.push_back(stage);
  for (OpOperand *input : node->op.getDpsInputOperands())
    reach(input->get(), stage, uses);
}

int Sweep::lastStage() {
  int last = 0;
  for (unsigned i : live)
    last = std::max(last, stageOf(g.nodes[i].result()));
  return last;
}

/// The sweeps that compute each wide value.
llvm::DenseMap<Value, SmallVector<int>> Sweep::usesByStage() {
  llvm::DenseMap<Value, SmallVector<int>> uses;
  for (int stage = 0; stage <= lastStage(); ++stage) {
    for (unsigned i : reductionsAt(stage))
      for (OpOperand *input : g.nodes[i].op.getDpsInputOperands())
        reach(input->get(), stage, uses);
    for (Output &output : storesAt(stage))
      reach(output.value, stage, uses);
  }
  return uses;
}

/// The sweep with the most arithmetic, beside which memory works: the first that computes a dear value, else the last
/// fold that neither waits for memory itself nor writes to it, else the last one.
int Sweep::busiestStage() {
  const int last = lastStage();
  int busiest = last;
  for (int stage = 1; stage <= last; ++stage)
    if (!reductionsAt(stage).empty())
      busiest = stage;
  for (auto &[value, at] : usesByStage())
    if (g.nodeOf(value)->isExpensive)
      busiest = std::min(busiest, *llvm::min_element(at));
  return busiest;
}

/// The row in scratch whose place a value may take, which is made of it: from this sweep on nothing reads that row but
/// to make the value; -1: there is none.
int Sweep::rowToTake(Value value, int stage) {
  if (outputs.size() != 1 || !g.buffers[outputs[0].buffer].place)
    return -1;
  auto row = llvm::find_if(g.buffers, [&](Buffer &buffer) {
    return buffer.place && buffer.element == getElementTypeOrSelf(value.getType());
  });
  if (row == g.buffers.end())
    return -1;
  const int taken = int(row - g.buffers.begin());
  llvm::SmallSetVector<Value, 8> work;
  for (unsigned i : live)
    if (g.nodes[i].kind == NodeKind::Reduce && stageOf(g.nodes[i].result()) > stage)
      work.insert_range(g.nodes[i].op.getDpsInputs());
  work.insert(outputs[0].value);
  for (size_t i = 0; i < work.size(); ++i)
    if (Value from = work[i]; g.bufferOf(from) == taken)
      return -1;
    else if (Node *maker = g.nodeOf(from); maker && from != value && maker->kind == NodeKind::Map)
      work.insert_range(maker->op.getDpsInputs());
  return taken;
}

SmallVector<Sweep::Ahead, 0> Sweep::readsAhead(int lane) {
  SmallVector<Ahead, 0> reads;
  for (unsigned i : live)
    for (OpOperand *input : g.nodes[i].op.getDpsInputOperands()) {
      int buffer = g.bufferOf(input->get());
      if (buffer < 0 || llvm::any_of(reads, [&](const Ahead &read) { return read.buffer == buffer; }))
        continue;
      Linear at = g.access(g.nodes[i], *input, buffer);
      int64_t line = std::max<int64_t>(1, 64 / Emitter::byteWidth(g.buffers[buffer].element));
      int64_t step = at.coefs[lane].constant().value_or(0);
      if (step >= 1 && step <= line && at.coefs[next] != SizeExpr(0))
        reads.push_back({buffer, e.pointers[buffer], at, step, line / step});
    }
  return reads;
}

void Sweep::ask(const Ahead &read, const Point &from, int64_t lanes) {
  for (int64_t k = 0; k < lanes; k += read.lanes)
    e.prefetch(read.pointer, g.buffers[read.buffer].element, {read.at.offset + SizeExpr(k * read.step), read.at.coefs},
               from, /*forWriting=*/false, read.intoFirst);
}

/// Some lanes of a row, with what is known of it.
Frame Sweep::rowFrame(const RowState &state, const Point &row, ArrayRef<int> laneDims, Value i, Value mask,
                      unsigned lanes) {
  int lane = laneDims.back();
  Frame frame;
  frame.point = row;
  setGroup(frame.point, laneDims, i);
  frame.point.lane = lane;
  frame.point.width = lanes;
  frame.point.mask = mask;
  for (auto &[value, scalar] : state.scalars)
    frame.known[value] = scalar;
  Linear along{0, SmallVector<SizeExpr, 4>(g.domain.size(), SizeExpr(0))};
  along.coefs[lane] = 1;
  Point full = frame.point;
  bool isHead = shared && shared->place == SharedLine::Place::head;
  if (g.size(laneDims).constant() && !isHead) // else whole vectors may stand past the row, or before it
    full.mask = {};
  for (auto &[value, memory] : state.scratch)
    frame.known[value] = e.load(memory, getElementTypeOrSelf(value.getType()), along, full);
  for (auto &[argument, value] : given)
    frame.known[argument] = value;
  readTurned(frame);
  return frame;
}

void Sweep::sweepRow(RowState &state, const Point &row, int stage, ArrayRef<int> laneDims, Trail *trail) {
  SizeExpr n = g.size(laneDims);
  auto constant = n.constant();
  SmallVector<unsigned> reductions = reductionsAt(stage);
  SmallVector<Output> stores = storesAt(stage);
  if (reductions.empty() && stores.empty())
    return;
  int lane = laneDims.back();
  unsigned groups = kPartials / width;

  Point here = row; // the row, as the function that is being emitted sees it
  // Wide values that this sweep computes and a later one needs again are kept where that pays and fits.
  llvm::DenseMap<Value, SmallVector<int>> uses = usesByStage();
  // On the stack, or, of rows that leave the second cache room for what is read, in scratch, which is asked for once.
  int64_t most = kOnStack;
  if (next >= 0 && !spread && turned.empty() && constant && *constant <= kChunk && !state.takesScratch)
    most = std::max(most, e.target.l2Bytes / 8);
  SmallVector<Value> keep, large;
  SmallVector<SizeExpr> largeBytes;
  for (unsigned i : live) {
    Value value = g.nodes[i].result();
    auto it = uses.find(value);
    if (it == uses.end() || state.scratch.count(value) || !g.nodes[i].isExpensive)
      continue;
    auto &at = it->second;
    int64_t width = Emitter::byteWidth(getElementTypeOrSelf(value.getType()));
    int64_t bytes = constant ? *constant * width : INT64_MAX;
    bool inPlace = rowToTake(value, stage) >= 0;
    if (!llvm::is_contained(at, stage) || llvm::none_of(at, [&](int s) { return s > stage; }) ||
        (bytes > most && !inPlace))
      continue;
    keep.push_back(value);
    if (bytes > kOnStack && !inPlace) {
      large.push_back(value);
      largeBytes.push_back((*constant + this->width) * width);
    }
  }
  llvm::DenseMap<Value, Value> kept;
  if (!large.empty()) {
    state.takesScratch = true;
    for (auto [value, memory] : llvm::zip(large, e.scratch(largeBytes)))
      kept[value] = memory;
  }
  for (Value value : keep)
    if (int row = rowToTake(value, stage); row >= 0) {
      kept[value] = e.address(e.pointers[row], g.buffers[row].element, e.offset(*g.buffers[row].place, here));
    } else if (!kept.count(value)) {
      kept[value] = e.stack(getElementTypeOrSelf(value.getType()), *constant + width);
    }

  auto inParts = [&](const SizeExpr &items, int64_t elements, ArrayRef<Value *> memories,
                     llvm::function_ref<void(Value, Value)> body) {
    SmallVector<Value *> captured(memories);
    for (unsigned i : live)
      if (auto it = state.scalars.find(g.nodes[i].result()); it != state.scalars.end())
        captured.push_back(&it->second);
    parallel(
        items, bytesPerElement * SizeExpr(elements), nsPerElement * double(elements),
        [&](Value begin, Value end) {
          here = origin();
          body(begin, end);
          here = row;
        },
        captured);
  };
  auto frameAt = [&](Value i, Value mask, unsigned lanes) { return rowFrame(state, here, laneDims, i, mask, lanes); };
  // The busiest sweep reads rows ahead, into the second cache, since the first one is full of the row.
  SmallVector<Ahead, 0> reads;
  if (schedule.prefetch && stage == busiestStage() && next >= 0 && constant)
    reads = readsAhead(lane);
  for (Ahead &read : reads) {
    int64_t rowBytes = *constant * read.step * int64_t(Emitter::byteWidth(g.buffers[read.buffer].element));
    read.at.offset = read.at.offset + read.at.coefs[next] * SizeExpr(std::max<int64_t>(1, (16 << 10) / rowBytes));
    if (rowBytes % 64) // a row across lines ends in one more
      e.prefetch(read.pointer, g.buffers[read.buffer].element,
                 {read.at.offset + SizeExpr((*constant - 1) * read.step), read.at.coefs}, here, /*forWriting=*/false,
                 /*intoFirst=*/false);
  }
  const bool asks = beside && stage == busiestStage();
  auto visit = [&](Frame &frame) {
    for (const Ahead &read : reads)
      ask(read, frame.point, frame.point.width);
    if (asks)
      beside(frame.point, frame.point.width);
    Linear along{0, SmallVector<SizeExpr, 4>(g.domain.size(), SizeExpr(0))};
    along.coefs[lane] = 1;
    for (Value value : keep) {
      Point full = frame.point;
      if (constant)
        full.mask = {};
      e.store(e.evaluate(value, frame), kept[value], getElementTypeOrSelf(value.getType()), along, full);
    }
    for (Output &output : stores)
      write(output, frame);
  };
  if (trail) {
    for (Value value : keep)
      trail->state.scratch[value] = kept[value];
    beginBehind(*trail, laneDims);
  }

  if (reductions.empty()) {
    auto part = [&](Value begin, Value end) {
      overLanes(begin, end, here, laneDims, [&](Value i, Value mask, unsigned lanes) {
        Frame frame = frameAt(i, mask, lanes);
        visit(frame);
      });
    };
    if (spread)
      inParts(n, 1, {}, part);
    else
      part(e.index(0), columnsEnd ? columnsEnd : e.index(n));
    for (Value value : keep)
      state.scratch[value] = kept[value];
    return;
  }

  SmallVector<Combiner> combiners;
  for (unsigned i : reductions)
    combiners.push_back(e.combiner(g.nodes[i]));
  // The greatest of floats (NaN before all, +0 above -0) takes five instructions a vector where there is none for it.
  // One does unless there is a NaN, which a sum of the numbers tells, or the result is a zero: then it is sought once
  // more.
  auto isQuick = [&](unsigned r) {
    return !e.target.hasMaximum && isa<arith::MaximumFOp, arith::MinimumFOp>(combiners[r].op);
  };
  unsigned quickOnes = llvm::count_if(llvm::seq<unsigned>(0, combiners.size()), isQuick);
  bool mayRepeat = stores.empty() && keep.empty() && !trail && (!constant || *constant >= 4 * kPartials);
  auto zero = [&](unsigned r) {
    Type type = combiners[r].op->getResult(0).getType();
    return arith::ConstantOp::create(b, e.loc, b.getZeroAttr(type));
  };
  // One block of 64: groups vectors per reduction, then a sum per quick one; with `limit`, lanes at or past it are left
  // alone.
  auto block = [&](Value base, ValueRange accs, Value limit, std::optional<int64_t> known) {
    SmallVector<Value> next(accs.begin(), accs.end());
    bool quick = accs.size() > combiners.size() * groups;
    SmallVector<Value> sums(combiners.size());
    if (trail) // before what is kept of this row takes its place
      writeBehind(*trail, laneDims, base);
    for (unsigned u = 0; u < groups; ++u) {
      if (known && int64_t(u * width) >= *known)
        break;
      Value at = e.add(base, e.index(u * width));
      Value mask, chosen; // of memory, of what is computed
      if (limit && !(known && int64_t((u + 1) * width) <= *known)) {
        mask = e.laneMask(e.sub(limit, at), width);
        chosen = e.pairs ? e.orderedMask(e.sub(limit, at), width) : mask;
      }
      Frame frame = frameAt(at, mask, width);
      visit(frame);
      for (auto [r, node] : llvm::enumerate(reductions)) {
        e.loc = g.nodes[node].op.getLoc();
        Value element = e.widen(e.payload(g.nodes[node], combiners[r].element, frame), width);
        Value &acc = next[r * groups + u];
        bool quickly = quick && isQuick(r);
        Value next = quickly ? e.combineQuickly(combiners[r], acc, element) : e.combine(combiners[r], acc, element);
        acc = e.choose(chosen, next, acc);
        if (!quickly)
          continue;
        if (chosen)
          element = e.choose(chosen, element, e.widen(zero(r), width));
        sums[r] = sums[r] ? arith::AddFOp::create(b, e.loc, sums[r], element) : element;
      }
    }
    unsigned n = combiners.size() * groups;
    for (Value sum : sums)
      if (sum) {
        next[n] = arith::AddFOp::create(b, e.loc, next[n], sum);
        ++n;
      }
    return next;
  };
  // A chunk of at most 65,536 elements -> one scalar per reduction; where quick ones are `doubtful`, they say so.
  auto sweep = [&](Value begin, Value end, std::optional<int64_t> known, Value *doubtful) {
    SmallVector<Value> accs;
    for (const Combiner &c : combiners)
      for (unsigned u = 0; u < groups; ++u)
        accs.push_back(e.widen(e.identity(c), width));
    for (unsigned r = 0; r < combiners.size(); ++r)
      if (doubtful && isQuick(r))
        accs.push_back(e.widen(zero(r), width));
    Value length = e.sub(end, begin);
    Value full =
        known ? e.index(*known / kPartials * kPartials)
              : Value(b.createOrFold<arith::MulIOp>(
                    e.loc, b.createOrFold<arith::DivUIOp>(e.loc, length, e.index(kPartials)), e.index(kPartials)));
    Value middle = e.add(begin, full);
    if (columnsEnd && known)
      middle = e.minimum(middle, end);
    if (!known || *known >= kPartials)
      accs = e.loopCarry(begin, middle, kPartials, accs,
                         [&](Value i, ValueRange carried) { return block(i, carried, {}, std::nullopt); });
    if (columnsEnd && known && *known % kPartials) // no step, or one
      accs = e.loopCarry(middle, end, kPartials, accs, [&](Value i, ValueRange carried) {
        return block(i, carried, e.index(*known), *known % kPartials);
      });
    else if (known && *known % kPartials)
      accs = block(middle, accs, end, *known % kPartials);
    else if (!known) // the tail: no step, or one
      accs = e.loopCarry(middle, end, kPartials, accs,
                         [&](Value i, ValueRange carried) { return block(i, carried, end, std::nullopt); });
    SmallVector<Value> results;
    unsigned n = combiners.size() * groups;
    for (auto [r, c] : llvm::enumerate(combiners)) {
      bool quick = doubtful && isQuick(r);
      results.push_back(foldVector(c, SmallVector<Value>(ArrayRef(accs).slice(r * groups, groups)), quick));
      if (!quick)
        continue;
      Value isNan = arith::CmpFOp::create(b, e.loc, arith::CmpFPredicate::UNO, accs[n], accs[n]);
      ++n;
      if (isa<VectorType>(isNan.getType()))
        isNan = vector::ReductionOp::create(b, e.loc, vector::CombiningKind::OR, isNan);
      Value isZero = arith::CmpFOp::create(b, e.loc, arith::CmpFPredicate::OEQ, results.back(), zero(r));
      for (Value doubt : {isNan, isZero})
        *doubtful = *doubtful ? Value(arith::OrIOp::create(b, e.loc, *doubtful, doubt)) : doubt;
    }
    return results;
  };
  // The quick ones as the ops have them, which in any order is the same; rare, so a vector at a time.
  auto slowly = [&](Value begin, Value end, SmallVector<Value> results) {
    SmallVector<Value> accs;
    for (unsigned r = 0; r < combiners.size(); ++r)
      if (isQuick(r))
        accs.push_back(e.widen(e.identity(combiners[r]), width));
    accs = e.loopCarry(begin, end, width, accs, [&](Value i, ValueRange carried) {
      SmallVector<Value> next(carried);
      Value left = e.sub(end, i), chosen = e.pairs ? e.orderedMask(left, width) : e.laneMask(left, width);
      Frame frame = frameAt(i, e.laneMask(left, width), width);
      for (unsigned r = 0, at = 0; r < combiners.size(); ++r) {
        if (!isQuick(r))
          continue;
        Value element = e.widen(e.payload(g.nodes[reductions[r]], combiners[r].element, frame), width);
        next[at] = e.choose(chosen, e.combine(combiners[r], next[at], element), next[at]);
        ++at;
      }
      return next;
    });
    for (unsigned r = 0, at = 0; r < combiners.size(); ++r)
      if (isQuick(r))
        results[r] = foldVector(combiners[r], {accs[at++]}, /*quick=*/false);
    return results;
  };
  auto chunk = [&](Value begin, Value end, std::optional<int64_t> known) {
    if (!quickOnes || !mayRepeat)
      return sweep(begin, end, known, nullptr);
    Value doubtful;
    SmallVector<Value> quick = sweep(begin, end, known, &doubtful);
    return e.branch(
        doubtful, ValueRange(quick).getTypes(), [&] { return slowly(begin, end, quick); }, [&] { return quick; });
  };

  SmallVector<Value> results;
  if (constant && *constant <= kChunk) {
    results = chunk(e.index(0), columnsEnd ? columnsEnd : e.index(n), *constant);
  } else {
    // Each chunk's result to memory, then folded by halves.
    SizeExpr numChunks = (n + SizeExpr(kChunk - 1)).floordiv(kChunk);
    Value chunks =
        columnsEnd ? Value(b.createOrFold<arith::CeilDivUIOp>(e.loc, columnsEnd, e.index(kChunk))) : e.index(numChunks);
    SmallVector<SizeExpr> bytes;
    SmallVector<Type> elements;
    Linear at{0, {SizeExpr(1)}};
    for (const Combiner &c : combiners) {
      elements.push_back(c.op->getResult(0).getType());
      bytes.push_back(numChunks * SizeExpr(int64_t(Emitter::byteWidth(elements.back()))));
    }
    SmallVector<Value> memories = chunkMemory;
    if (memories.empty())
      memories = e.scratch(bytes);
    memories.resize(combiners.size());
    auto part = [&](Value first, Value last) {
      e.loop(first, last, 1, [&](Value k) {
        Value begin = b.createOrFold<arith::MulIOp>(e.loc, k, e.index(kChunk));
        Value stop = e.minimum(columnsEnd ? columnsEnd : e.index(n), e.add(begin, e.index(kChunk)));
        Point p;
        p.indices = {k};
        for (auto [memory, element, value] : llvm::zip(memories, elements, chunk(begin, stop, std::nullopt)))
          e.store(value, memory, element, at, p);
      });
    };
    if (spread) {
      SmallVector<Value *> captured;
      for (Value &memory : memories)
        captured.push_back(&memory);
      inParts(numChunks, kChunk, captured, part);
    } else {
      part(e.index(0), chunks);
    }
    for (auto [memory, element, c] : llvm::zip(memories, elements, combiners))
      results.push_back(foldMemory(c, memory, element, chunks, 1, 1, e.index(0)));
  }
  for (auto [node, value] : llvm::zip(reductions, results))
    state.scalars[g.nodes[node].result()] = value;
  for (Value value : keep)
    state.scratch[value] = kept[value];
}

void Sweep::takeRows(SmallVector<Output> results, int lane, Value end, ArrayRef<Value> chunks) {
  collect(std::move(results));
  folded = {{lane}};
  columnsEnd = end;
  chunkMemory.assign(chunks.begin(), chunks.end());
}

void Sweep::row(const Point &point, Trail *trail) {
  const int last = lastStage();
  RowState state;
  // A line that two rows share, if it is written in parts, is read first: asked for before the sweeps.
  auto length = g.size(folded.front()).constant();
  for (Output &output : outputs) {
    Type element = g.buffers[output.buffer].element;
    if (shared || !schedule.stream || !isWide(output.value) || !length ||
        *length * Emitter::byteWidth(element) % 64 == 0)
      continue;
    Linear end = storeAccess(output);
    end.offset = end.offset + end.coefs[folded.front().back()] * SizeExpr(*length - 1);
    e.prefetch(e.pointers[output.buffer], element, end, point, /*forWriting=*/true);
  }
  for (int stage = 0; stage <= last; ++stage) {
    // Scalars of the row that this sweep reads are computed before its loops.
    Frame scalars;
    scalars.point = point;
    for (auto &[value, scalar] : state.scalars)
      scalars.known[value] = scalar;
    for (unsigned i : live)
      if (Value value = g.nodes[i].result();
          g.nodes[i].kind == NodeKind::Map && !isWide(value) && stageOf(value) <= stage)
        state.scalars[value] = e.evaluate(value, scalars);
    if (trail && stage == last) {
      trail->state = std::move(state);
      return;
    }
    sweepRow(state, point, stage, folded.front(), stage == trailedStage() ? trail : nullptr);
    for (unsigned i : live)
      if (Node &fold = g.nodes[i]; fold.kind == NodeKind::Reduce && stageOf(fold.result()) == stage + 1)
        if (auto found = picked(fold))
          state.scalars[fold.result()] = pick(state, point, fold, *found);
  }
  for (Output &output : outputs)
    if (!isWide(output.value))
      e.store(state.scalars.lookup(output.value), e.pointers[output.buffer], g.buffers[output.buffer].element,
              storeAccess(output), point);
}

double Sweep::perRow() { return (nsPerElement + 0.05) * double(g.size(folded.front()).constant().value_or(256)) + 20; }

void Sweep::emitRow() {
  if (emitTurned())
    return;
  next = kept.empty() ? -1 : kept.back().back();
  Shape sizes = groupSizes(kept);
  SizeExpr length = g.size(folded.front());
  spread = numElements(sizes) == SizeExpr(1) && length.constant().value_or(INT64_MAX) > kChunk;
  auto at = [&](Value row) {
    Point point = origin();
    for (auto [dims, i] : llvm::zip(kept, e.delinearize(row, sizes)))
      setGroup(point, dims, i);
    return point;
  };
  if (spread)
    rows(e.index(0), e.index(1), at);
  else
    parallel(numElements(sizes), bytesPerElement * length, perRow(),
             [&](Value begin, Value end) { rows(begin, end, at); });
}

} // namespace weft
