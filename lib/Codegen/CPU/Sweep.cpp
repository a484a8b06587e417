// Decides the loops of kernels of maps and reductions over one index space. Three forms:
//   map     no reduction: lanes run along the innermost dimension;
//   row     the reduced dimensions are the trailing ones and contiguous: each row is swept once per reduction it waits
//   for; column  otherwise: lanes run along the innermost kept dimension, partial results lie in memory.
// The order of every fold is ir-decisions 5.6's: 64 strided partial results, folded by halves, in chunks of 65,536.
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/Schedule.h"

using namespace mlir;

namespace weft {
namespace {

constexpr int64_t kPartials = 64, kChunk = 65536;

class Sweep {
public:
  Sweep(Emitter &e, const Schedule &schedule) : e(e), g(e.graph), b(e.b), width(schedule.lanes) {}
  LogicalResult emit();

private:
  Emitter &e;
  KernelGraph &g;
  OpBuilder &b;
  unsigned width; // lanes
  SmallVector<Output> outputs;
  SmallVector<unsigned> live; // nodes that are needed, in program order
  // The index space as loops: groups of root dimensions that are walked as one (all accesses allow it).
  SmallVector<SmallVector<int>> kept, folded;
  double nsPerElement = 0.1;
  SizeExpr bytesPerElement = 0;

  void collect();
  SmallVector<SmallVector<int>> group(ArrayRef<int> dims);
  Shape groupSizes(ArrayRef<SmallVector<int>> groups);
  Point origin();
  bool isWide(Value value); // depends on a reduced dimension
  Linear storeAccess(const Output &output) { return e.graph.store(*g.nodeOf(output.value), output.buffer); }

  void emitMap();
  void emitRow();
  void emitColumn();
  void mapLanes(Frame outer, ArrayRef<int> laneDims, Value begin, Value end);
  Value foldVector(const Combiner &c, SmallVector<Value> partials);
  Value foldMemory(const Combiner &c, Value memory, Type element, Value count, unsigned lanes);

  // row form
  llvm::DenseMap<Value, int> stages;
  int stageOf(Value value);
  struct RowState {
    llvm::DenseMap<Value, Value> scalars; // row values, by graph value
    llvm::DenseMap<Value, Value> scratch; // wide values kept from an earlier sweep -> memory
  };
  void sweepRow(RowState &state, const Point &row, int stage, ArrayRef<int> laneDims);
  SmallVector<unsigned> reductionsAt(int stage);
  SmallVector<Output> storesAt(int stage);
  void reach(Value value, int stage, llvm::DenseMap<Value, SmallVector<int>> &uses);
};

void Sweep::collect() {
  // Nodes that results depend on, and what they cost by what they touch.
  outputs = g.outputs();
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
    nsPerElement += node->isExpensive ? 1.0 : 0.05;
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

/// Neighbouring dimensions that all reads and writes of the kernel step through as one.
SmallVector<SmallVector<int>> Sweep::group(ArrayRef<int> dims) {
  return g.join(dims, [&](int first, int second) {
    // A value made here that has one of the two but not the other would need both.
    return g.isReduced[first] == g.isReduced[second] &&
           llvm::all_of(live, [&](unsigned i) { return g.readsAsOne(g.nodes[i], first, second); }) &&
           llvm::all_of(outputs, [&](const Output &output) { return g.asOne(storeAccess(output), first, second); });
  });
}

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

/// A merged group is walked by its innermost dimension alone.
static void setGroup(Point &point, ArrayRef<int> dims, Value index) { point.indices[dims.back()] = index; }

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

LogicalResult Sweep::emit() {
  collect();
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
    emitMap();
    return success();
  }
  bool trailing = kept.empty() || kept.back().back() < folded.front().front();
  if (trailing && folded.size() == 1) {
    emitRow();
    return success();
  }
  for (const Output &output : outputs)
    if (isWide(output.value))
      return g.function.emitError(
          "[WF4107] expected no value of the full index space from a fold over outer dimensions");
  emitColumn();
  return success();
}

//===-- map ------------------------------------------------------------------------------------------------------===//

/// Vector steps over [begin, end) of the lane group, then one masked step.
void Sweep::mapLanes(Frame outer, ArrayRef<int> laneDims, Value begin, Value end) {
  int lane = laneDims.empty() ? -1 : laneDims.back();
  auto step = [&](Value i, unsigned unroll, bool masked) {
    for (unsigned u = 0; u < unroll; ++u) {
      Frame frame = outer;
      Value at = u ? e.add(i, e.index(u * width)) : i;
      setGroup(frame.point, laneDims, at);
      frame.point.lane = width > 1 ? lane : -1;
      frame.point.width = width;
      if (masked && width > 1)
        frame.point.mask = e.laneMask(e.sub(end, at), width);
      for (Output &output : outputs) {
        Value value = e.evaluate(output.value, frame);
        e.loc = g.nodeOf(output.value)->op.getLoc();
        e.store(value, e.pointers[output.buffer], g.buffers[output.buffer].element, storeAccess(output), frame.point);
      }
    }
  };
  if (laneDims.empty()) {
    for (Output &output : outputs) {
      Frame frame = outer;
      Value value = e.evaluate(output.value, frame);
      e.store(value, e.pointers[output.buffer], g.buffers[output.buffer].element, storeAccess(output), frame.point);
    }
    return;
  }
  Value length = e.sub(end, begin);
  Value full = e.roundDown(length, width);
  Value middle = e.add(begin, full);
  e.loop(begin, middle, width, [&](Value i) { step(i, 1, false); });
  e.loop(middle, end, width, [&](Value i) { step(i, 1, true); });
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
  SmallVector<int> lane = kept.back();
  if (kept.size() == 1) {
    // One long run: the items are its elements, so a chunk is a stretch of it.
    e.parallel(g.size(lane), bytesPerElement, nsPerElement,
               [&](Value begin, Value end) { mapLanes(start(), lane, begin, end); });
    return;
  }
  auto outer = ArrayRef(kept).drop_back();
  Shape sizes = groupSizes(outer);
  SizeExpr length = g.size(lane);
  double perRow = nsPerElement * double(length.constant().value_or(256));
  e.parallel(numElements(sizes), bytesPerElement * length, perRow, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value row) {
      Frame inner = start();
      for (auto [dims, i] : llvm::zip(outer, e.delinearize(row, sizes)))
        setGroup(inner.point, dims, i);
      mapLanes(inner, lane, e.index(0), e.index(length));
    });
  });
}

//===-- folding --------------------------------------------------------------------------------------------------===//

/// 64 partial results in vectors of `width` -> one scalar.
Value Sweep::foldVector(const Combiner &c, SmallVector<Value> partials) {
  while (partials.size() > 1) {
    size_t half = partials.size() / 2;
    for (size_t i = 0; i < half; ++i)
      partials[i] = e.combine(c, partials[i], partials[i + half]);
    partials.resize(half);
  }
  Value v = partials.front();
  unsigned lanes = cast<VectorType>(v.getType()).getNumElements();
  while (lanes > 1) {
    lanes /= 2;
    auto low = llvm::to_vector(llvm::seq<int64_t>(0, lanes)),
         high = llvm::to_vector(llvm::seq<int64_t>(lanes, 2 * lanes));
    Value x = vector::ShuffleOp::create(b, e.loc, v, v, low), y = vector::ShuffleOp::create(b, e.loc, v, v, high);
    v = e.combine(c, x, y);
  }
  return vector::ExtractOp::create(b, e.loc, v, ArrayRef<int64_t>{0});
}

/// Folds `count` rows of `lanes` elements in memory by halves, the absent ones being identities: row j with j + half,
/// half from the power of two at or above count, down to 1. The result is row 0.
Value Sweep::foldMemory(const Combiner &c, Value memory, Type element, Value count, unsigned lanes) {
  auto rowAt = [&](Value row) {
    Linear l{0, {SizeExpr(int64_t(lanes)), SizeExpr(1)}};
    Point p;
    p.indices = {row, e.index(0)};
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
            auto op = scf::IfOp::create(b, loc, TypeRange{none.getType()}, inside, true);
            OpBuilder::InsertionGuard guard(b);
            b.setInsertionPointToStart(op.thenBlock());
            scf::YieldOp::create(b, loc, e.load(memory, element, linear, point));
            b.setInsertionPointToStart(op.elseBlock());
            scf::YieldOp::create(b, loc, none);
            return op.getResult(0);
          };
          Value sum = e.combine(c, read(here, l, p), read(there, l2, p2));
          e.store(sum, memory, element, l, p);
        });
        scf::YieldOp::create(b, loc, ValueRange{b.createOrFold<arith::DivUIOp>(loc, half, e.index(2))});
      });
  auto [l, p] = rowAt(e.index(0));
  return e.load(memory, element, l, p);
}

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
    if (g.nodes[i].kind == NodeKind::Reduce && stageOf(g.nodes[i].result()) == stage + 1)
      found.push_back(i);
  return found;
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

void Sweep::sweepRow(RowState &state, const Point &row, int stage, ArrayRef<int> laneDims) {
  SizeExpr n = g.size(laneDims);
  auto constant = n.constant();
  SmallVector<unsigned> reductions = reductionsAt(stage);
  SmallVector<Output> stores = storesAt(stage);
  if (reductions.empty() && stores.empty())
    return;
  int lane = laneDims.back();
  unsigned groups = kPartials / width;

  // Wide values that this sweep computes and a later one needs again are kept where that pays and fits.
  llvm::DenseMap<Value, SmallVector<int>> uses;
  int last = 0;
  for (unsigned i : live)
    last = std::max(last, stageOf(g.nodes[i].result()));
  for (int s = 0; s <= last; ++s) {
    for (unsigned i : reductionsAt(s))
      for (OpOperand *input : g.nodes[i].op.getDpsInputOperands())
        reach(input->get(), s, uses);
    for (Output &output : storesAt(s))
      reach(output.value, s, uses);
  }
  SmallVector<Value> keep;
  for (unsigned i : live) {
    Value value = g.nodes[i].result();
    auto it = uses.find(value);
    if (it == uses.end() || state.scratch.count(value) || !g.nodes[i].isExpensive || !constant)
      continue;
    auto &at = it->second;
    int64_t bytes = *constant * Emitter::byteWidth(getElementTypeOrSelf(value.getType()));
    if (llvm::is_contained(at, stage) && llvm::any_of(at, [&](int s) { return s > stage; }) && bytes <= 32 << 10)
      keep.push_back(value);
  }
  llvm::DenseMap<Value, Value> kept;
  for (Value value : keep)
    kept[value] = e.stack(getElementTypeOrSelf(value.getType()), *constant + width);

  auto frameAt = [&](Value i, Value mask) {
    Frame frame;
    frame.point = row;
    setGroup(frame.point, laneDims, i);
    frame.point.lane = lane;
    frame.point.width = width;
    frame.point.mask = mask;
    for (auto &[value, scalar] : state.scalars)
      frame.known[value] = scalar;
    Linear along{0, SmallVector<SizeExpr, 4>(g.domain.size(), SizeExpr(0))};
    along.coefs[lane] = 1;
    Point full = frame.point;
    full.mask = {};
    for (auto &[value, memory] : state.scratch)
      frame.known[value] = e.load(memory, getElementTypeOrSelf(value.getType()), along, full);
    return frame;
  };
  auto visit = [&](Frame &frame) {
    Linear along{0, SmallVector<SizeExpr, 4>(g.domain.size(), SizeExpr(0))};
    along.coefs[lane] = 1;
    for (Value value : keep) {
      Point full = frame.point;
      full.mask = {};
      e.store(e.evaluate(value, frame), kept[value], getElementTypeOrSelf(value.getType()), along, full);
    }
    for (Output &output : stores) {
      Value value = e.evaluate(output.value, frame);
      e.loc = g.nodeOf(output.value)->op.getLoc();
      e.store(value, e.pointers[output.buffer], g.buffers[output.buffer].element, storeAccess(output), frame.point);
    }
  };

  if (reductions.empty()) {
    Value end = e.index(n),
          full = e.index(constant ? SizeExpr(*constant / width * width) : n.floordiv(width) * SizeExpr(int64_t(width)));
    e.loop(e.index(0), full, width, [&](Value i) {
      Frame frame = frameAt(i, {});
      visit(frame);
    });
    e.loop(full, end, width, [&](Value i) {
      Frame frame = frameAt(i, e.laneMask(e.sub(end, i), width));
      visit(frame);
    });
    for (Value value : keep)
      state.scratch[value] = kept[value];
    return;
  }

  SmallVector<Combiner> combiners;
  for (unsigned i : reductions)
    combiners.push_back(e.combiner(g.nodes[i]));
  // One block of 64: groups vectors per reduction; with `limit`, lanes at or past it are left alone.
  auto block = [&](Value base, ValueRange accs, Value limit, std::optional<int64_t> known) {
    SmallVector<Value> next(accs.begin(), accs.end());
    for (unsigned u = 0; u < groups; ++u) {
      if (known && int64_t(u * width) >= *known)
        break;
      Value at = e.add(base, e.index(u * width));
      Value mask;
      if (limit && !(known && int64_t((u + 1) * width) <= *known))
        mask = e.laneMask(e.sub(limit, at), width);
      Frame frame = frameAt(at, mask);
      visit(frame);
      for (auto [r, node] : llvm::enumerate(reductions)) {
        e.loc = g.nodes[node].op.getLoc();
        Value element = e.widen(e.payload(g.nodes[node], combiners[r].element, frame), width);
        Value &acc = next[r * groups + u];
        acc = e.choose(mask, e.combine(combiners[r], acc, element), acc);
      }
    }
    return next;
  };
  // A chunk of at most 65,536 elements -> one scalar per reduction.
  auto chunk = [&](Value begin, Value end, std::optional<int64_t> known) {
    SmallVector<Value> accs;
    for (const Combiner &c : combiners)
      for (unsigned u = 0; u < groups; ++u)
        accs.push_back(e.widen(e.identity(c), width));
    Value length = e.sub(end, begin);
    Value full =
        known ? e.index(*known / kPartials * kPartials)
              : Value(b.createOrFold<arith::MulIOp>(
                    e.loc, b.createOrFold<arith::DivUIOp>(e.loc, length, e.index(kPartials)), e.index(kPartials)));
    Value middle = e.add(begin, full);
    if (!known || *known >= kPartials)
      accs = e.loopCarry(begin, middle, kPartials, accs,
                         [&](Value i, ValueRange carried) { return block(i, carried, {}, std::nullopt); });
    if (known && *known % kPartials)
      accs = block(middle, accs, end, *known % kPartials);
    else if (!known) // the tail: no step, or one
      accs = e.loopCarry(middle, end, kPartials, accs,
                         [&](Value i, ValueRange carried) { return block(i, carried, end, std::nullopt); });
    SmallVector<Value> results;
    for (auto [r, c] : llvm::enumerate(combiners))
      results.push_back(foldVector(c, SmallVector<Value>(ArrayRef(accs).slice(r * groups, groups))));
    return results;
  };

  SmallVector<Value> results;
  if (constant && *constant <= kChunk) {
    results = chunk(e.index(0), e.index(n), *constant);
  } else {
    // Each chunk's result to memory, then folded by halves.
    Value end = e.index(n);
    Value chunks = b.createOrFold<arith::CeilDivUIOp>(e.loc, end, e.index(kChunk));
    SmallVector<Value> memories;
    SmallVector<Type> elements;
    Linear at{0, {SizeExpr(1)}};
    for (const Combiner &c : combiners) {
      elements.push_back(c.op->getResult(0).getType());
      memories.push_back(b.createOrFold<arith::MulIOp>(e.loc, chunks, e.index(Emitter::byteWidth(elements.back()))));
    }
    memories = e.scratch(memories);
    e.loop(e.index(0), chunks, 1, [&](Value k) {
      Value begin = b.createOrFold<arith::MulIOp>(e.loc, k, e.index(kChunk));
      Value stop = e.minimum(end, e.add(begin, e.index(kChunk)));
      Point p;
      p.indices = {k};
      for (auto [memory, element, value] : llvm::zip(memories, elements, chunk(begin, stop, std::nullopt)))
        e.store(value, memory, element, at, p);
    });
    for (auto [memory, element, c] : llvm::zip(memories, elements, combiners))
      results.push_back(foldMemory(c, memory, element, chunks, 1));
  }
  for (auto [node, value] : llvm::zip(reductions, results))
    state.scalars[g.nodes[node].result()] = value;
  for (Value value : keep)
    state.scratch[value] = kept[value];
}

void Sweep::emitRow() {
  SmallVector<int> lane = folded.front();
  int last = 0;
  for (unsigned i : live)
    last = std::max(last, stageOf(g.nodes[i].result()));
  Shape sizes = groupSizes(kept);
  SizeExpr length = g.size(lane);
  double perRow = (nsPerElement + 0.05) * double(length.constant().value_or(256)) + 20;
  e.parallel(numElements(sizes), bytesPerElement * length, perRow, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value row) {
      Point point = origin();
      for (auto [dims, i] : llvm::zip(kept, e.delinearize(row, sizes)))
        setGroup(point, dims, i);
      RowState state;
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
        sweepRow(state, point, stage, lane);
      }
      for (Output &output : outputs)
        if (!isWide(output.value))
          e.store(state.scalars.lookup(output.value), e.pointers[output.buffer], g.buffers[output.buffer].element,
                  storeAccess(output), point);
    });
  });
}

//===-- column ---------------------------------------------------------------------------------------------------===//

void Sweep::emitColumn() {
  // Lanes along the innermost kept group, unless a folded dimension lies inside it (then one element at a time).
  SmallVector<int> lane;
  SmallVector<SmallVector<int>> outer(kept);
  if (!kept.empty() && kept.back().back() > folded.back().back()) {
    lane = kept.back();
    outer.pop_back();
  }
  unsigned lanes = lane.empty() ? 1 : width;
  Shape outerSizes = groupSizes(outer), foldedSizes = groupSizes(folded);
  SizeExpr length = lane.empty() ? SizeExpr(1) : g.size(lane), n = numElements(foldedSizes);
  SizeExpr blocks = (length + SizeExpr(int64_t(lanes) - 1)).floordiv(lanes);
  SmallVector<Combiner> combiners;
  SmallVector<unsigned> reductions;
  for (unsigned i : live)
    if (g.nodes[i].kind == NodeKind::Reduce) {
      reductions.push_back(i);
      combiners.push_back(e.combiner(g.nodes[i]));
    }
  double perBlock = (nsPerElement * lanes + 2) * double(n.constant().value_or(256));
  e.parallel(numElements(outerSizes) * blocks, bytesPerElement * SizeExpr(int64_t(lanes)) * n, perBlock,
             [&](Value begin, Value end) {
               SmallVector<Value> partials;
               for (const Combiner &c : combiners)
                 partials.push_back(e.stack(c.op->getResult(0).getType(), kPartials * lanes));
               Linear slot{0, {SizeExpr(int64_t(lanes)), SizeExpr(1)}};
               auto slotAt = [&](Value row) {
                 Point p;
                 p.indices = {row, e.index(0)};
                 p.lane = lanes > 1 ? 1 : -1;
                 p.width = lanes;
                 return p;
               };
               auto repeated = [&](const Combiner &c) {
                 Value value = e.identity(c);
                 return lanes > 1 ? e.widen(value, lanes) : value;
               };
               e.loop(begin, end, 1, [&](Value item) {
                 Point point = origin();
                 Value row = b.createOrFold<arith::DivUIOp>(e.loc, item, e.index(blocks));
                 Value first = b.createOrFold<arith::MulIOp>(
                     e.loc, b.createOrFold<arith::RemUIOp>(e.loc, item, e.index(blocks)), e.index(lanes));
                 for (auto [dims, i] : llvm::zip(outer, e.delinearize(row, outerSizes)))
                   setGroup(point, dims, i);
                 if (!lane.empty()) {
                   setGroup(point, lane, first);
                   point.lane = lane.back();
                   point.width = lanes;
                   bool even = length.constant() && *length.constant() % lanes == 0;
                   if (lanes > 1 && !even)
                     point.mask = e.laneMask(e.sub(e.index(length), first), lanes);
                   if (lanes == 1)
                     point.lane = -1;
                 }
                 auto chunk = [&](Value from, Value to) {
                   SmallVector<Value> results;
                   Value count = e.minimum(e.index(kPartials), e.sub(to, from));
                   e.loop(e.index(0), count, 1, [&](Value j) {
                     for (auto [c, memory] : llvm::zip(combiners, partials))
                       e.store(repeated(c), memory, c.op->getResult(0).getType(), slot, slotAt(j));
                   });
                   e.loop(from, to, 1, [&](Value i) {
                     Frame frame;
                     frame.point = point;
                     for (auto [dims, at] : llvm::zip(folded, e.delinearize(i, foldedSizes)))
                       setGroup(frame.point, dims, at);
                     Value j = b.createOrFold<arith::RemUIOp>(e.loc, e.sub(i, from), e.index(kPartials));
                     for (auto [node, c, memory] : llvm::zip(reductions, combiners, partials)) {
                       Type type = c.op->getResult(0).getType();
                       e.loc = g.nodes[node].op.getLoc();
                       Value acc = e.load(memory, type, slot, slotAt(j));
                       Value element = e.payload(g.nodes[node], c.element, frame);
                       e.store(e.combine(c, acc, element), memory, type, slot, slotAt(j));
                     }
                   });
                   for (auto [c, memory] : llvm::zip(combiners, partials))
                     results.push_back(foldMemory(c, memory, c.op->getResult(0).getType(), count, lanes));
                   return results;
                 };
                 SmallVector<Value> results;
                 Value total = e.index(n);
                 if (n.constant() && *n.constant() <= kChunk) {
                   results = chunk(e.index(0), total);
                 } else {
                   Value chunks = b.createOrFold<arith::CeilDivUIOp>(e.loc, total, e.index(kChunk));
                   SmallVector<Value> memories;
                   for (const Combiner &c : combiners)
                     memories.push_back(b.createOrFold<arith::MulIOp>(
                         e.loc, chunks, e.index(lanes * Emitter::byteWidth(c.op->getResult(0).getType()))));
                   memories = e.scratch(memories);
                   e.loop(e.index(0), chunks, 1, [&](Value k) {
                     Value from = b.createOrFold<arith::MulIOp>(e.loc, k, e.index(kChunk));
                     Value to = e.minimum(total, e.add(from, e.index(kChunk)));
                     for (auto [memory, c, value] : llvm::zip(memories, combiners, chunk(from, to)))
                       e.store(value, memory, c.op->getResult(0).getType(), slot, slotAt(k));
                   });
                   for (auto [memory, c] : llvm::zip(memories, combiners))
                     results.push_back(foldMemory(c, memory, c.op->getResult(0).getType(), chunks, lanes));
                 }
                 Frame frame;
                 frame.point = point;
                 for (auto [node, value] : llvm::zip(reductions, results))
                   frame.known[g.nodes[node].result()] = value;
                 for (Output &output : outputs) {
                   Value value = e.evaluate(output.value, frame);
                   e.loc = g.nodeOf(output.value)->op.getLoc();
                   e.store(value, e.pointers[output.buffer], g.buffers[output.buffer].element, storeAccess(output),
                           frame.point);
                 }
               });
             });
}

} // namespace

LogicalResult emitSweep(Emitter &emitter, const Schedule &schedule) { return Sweep(emitter, schedule).emit(); }

} // namespace weft
