// Decides the loops of running folds (a generic with `weft.scan`, see LowerContext::scan): lanes run along the
// dimensions behind the scanned one, or along it where nothing lies behind.
// The order is the op's: blocks of 16 elements, each folded as a tree (at step s = 1, 2, 4, 8 every element whose
// position has the bit s takes in the last one of the s before it); then what was folded before the block is taken in.
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/Schedule.h"

using namespace mlir;

namespace weft {
namespace {

constexpr int64_t kBlock = 16;

class Scan {
public:
  Scan(Emitter &e, const Schedule &schedule)
      : e(e), g(e.graph), b(e.b), node(g.nodes[g.scan]), width(schedule.lanes), c(e.combiner(node)),
        dim(node.op->getAttrOfType<IntegerAttr>("weft.scan").getInt()), reverse(node.op->hasAttr("weft.reverse")) {
    for (int i = 0; i < int(g.domain.size()); ++i)
      if (i != dim)
        (i < dim ? outer : inner) = (i < dim ? outer : inner) * g.domain[i];
    laneDim = int(g.domain.size()) - 1;
    for (Node &other : g.nodes)
      tellsIndex |= !other.body().getOps<linalg::IndexOp>().empty();
    if (tellsIndex) {
      int wide = 0;
      for (int i = dim + 1; i < int(g.domain.size()); ++i)
        if (g.domain[i] != SizeExpr(1))
          laneDim = i, ++wide;
      width = wide > 1 ? 1 : width; // no lanes over two dimensions, of which each has its index
    }
    for (const Buffer &buffer : g.buffers)
      bytesPerStep = bytesPerStep + SizeExpr(Emitter::byteWidth(buffer.element));
  }

  void emit() {
    if (inner == SizeExpr(1))
      alongRows();
    else
      acrossRows();
  }

private:
  Emitter &e;
  KernelGraph &g;
  OpBuilder &b;
  Node &node;
  unsigned width;
  Combiner c;
  int dim;
  bool reverse;
  // The index space as three sizes: all accesses are plain, so what lies before and behind `dim` is walked as one, but
  // where a value is made of its index.
  SizeExpr outer = 1, inner = 1, bytesPerStep = 0;
  bool tellsIndex = false;
  int laneDim;

  Point at(Value row, Value step, Value lane) {
    Point point;
    point.indices.assign(g.domain.size(), Value());
    for (Value &i : point.indices)
      i = e.index(0);
    auto domain = ArrayRef(g.domain);
    auto place = [&](unsigned first, Value flat, ArrayRef<SizeExpr> sizes) {
      llvm::copy(e.delinearize(flat, sizes), point.indices.begin() + first);
    };
    if (dim > 0 && tellsIndex)
      place(0, row, domain.take_front(dim));
    else if (dim > 0)
      point.indices[dim - 1] = row;
    point.indices[dim] = step;
    if (lane && tellsIndex && width == 1)
      place(dim + 1, lane, domain.drop_front(dim + 1));
    else if (lane)
      point.indices[laneDim] = lane;
    return point;
  }

  Value element(Frame &frame) { return e.payload(node, c.element, frame); }

  void store(Frame &frame, Value value) {
    frame.known[node.result()] = value;
    for (Output &output : g.outputs()) {
      Value stored = e.evaluate(output.value, frame);
      e.loc = g.nodeOf(output.value)->op.getLoc();
      e.store(stored, e.pointers[output.buffer], g.buffers[output.buffer].element,
              g.store(*g.nodeOf(output.value), output.buffer), frame.point);
    }
  }

  void acrossRows();
  void alongRows();
};

/// Each register holds `width` neighbours of one step; a block is 16 registers.
void Scan::acrossRows() {
  SizeExpr n = g.domain[dim];
  SizeExpr blocks = (inner + SizeExpr(int64_t(width) - 1)).floordiv(width);
  bool even = inner.constant() && *inner.constant() % width == 0;
  double ns = double(n.constant().value_or(256)) * 0.5 + 2;
  e.parallel(outer * blocks, bytesPerStep * SizeExpr(int64_t(width)) * n, ns, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value item) {
      Value row = b.createOrFold<arith::DivUIOp>(e.loc, item, e.index(blocks));
      Value first = b.createOrFold<arith::MulIOp>(e.loc, b.createOrFold<arith::RemUIOp>(e.loc, item, e.index(blocks)),
                                                  e.index(width));
      Value mask = even || width == 1 ? Value() : e.laneMask(e.sub(e.index(inner), first), width);
      Value total = e.index(n), last = e.sub(total, e.index(1)), full = e.roundDown(total, kBlock);
      auto wide = [&](Value value) { return width > 1 ? e.widen(value, width) : value; };
      // `count`: how many of the 16 steps there are (none given: all).
      auto block = [&](Value base, Value carry, Value count) {
        SmallVector<Frame, 0> frames(kBlock);
        SmallVector<Value> v(kBlock);
        auto exists = [&](int64_t j) {
          return arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::slt, e.index(j), count);
        };
        for (int64_t j = 0; j < kBlock; ++j) {
          Value step = e.add(base, e.index(j));
          frames[j].point = at(row, reverse ? e.sub(last, step) : step, first);
          frames[j].point.lane = width > 1 ? laneDim : -1;
          frames[j].point.width = width;
          frames[j].point.mask = mask;
          if (!count) {
            v[j] = wide(element(frames[j]));
            continue;
          }
          Value none = wide(e.identity(c));
          auto read = [&] {
            Frame there = frames[j];
            return SmallVector<Value>{wide(element(there))};
          };
          v[j] = e.branch(exists(j), none.getType(), read, [&] { return SmallVector<Value>{none}; }).front();
        }
        e.loc = node.op.getLoc();
        for (int64_t s = 1; s < kBlock; s *= 2)
          for (int64_t j = 0; j < kBlock; ++j)
            if (j & s)
              v[j] = e.combine(c, v[j / s * s - 1], v[j]);
        for (int64_t j = 0; j < kBlock; ++j) {
          v[j] = e.combine(c, carry, v[j]);
          if (!count) {
            store(frames[j], v[j]);
            continue;
          }
          e.when(exists(j), [&] { store(frames[j], v[j]); });
        }
        return v.back();
      };
      SmallVector<Value> carry{wide(e.identity(c))};
      carry = e.loopCarry(e.index(0), full, kBlock, carry,
                          [&](Value i, ValueRange carried) { return SmallVector<Value>{block(i, carried[0], {})}; });
      e.loop(full, total, kBlock, [&](Value i) { block(i, carry[0], e.sub(total, full)); });
    });
  });
}

/// A block is 16 / width registers, each of `width` neighbours along the scanned dimension.
void Scan::alongRows() {
  SizeExpr n = g.domain[dim];
  // One partial register stands for the tail, so a scalar needs a mask too: vectors of 2 at least.
  width = std::clamp<unsigned>(width, 2, kBlock);
  unsigned groups = kBlock / width;
  auto shuffled = [&](Value v, llvm::function_ref<int64_t(int64_t)> from) -> Value {
    auto lanes = llvm::map_to_vector(llvm::seq<int64_t>(0, width), from);
    return vector::ShuffleOp::create(b, e.loc, v, v, lanes);
  };
  auto turned = [&](Value v) { return shuffled(v, [&](int64_t l) { return int64_t(width) - 1 - l; }); };
  auto last = [&](Value v) -> Value {
    return e.widen(vector::ExtractOp::create(b, e.loc, v, ArrayRef<int64_t>{int64_t(width) - 1}), width);
  };
  double ns = double(n.constant().value_or(256)) * 0.4 + 2;
  e.parallel(outer, bytesPerStep * n, ns, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value row) {
      Value total = e.index(n), full = e.roundDown(total, kBlock);
      auto block = [&](Value base, Value carry, bool partial) {
        SmallVector<Frame, 0> frames(groups);
        SmallVector<Value> v(groups);
        for (unsigned u = 0; u < groups; ++u) {
          Value step = e.add(base, e.index(u * width));
          Value index = reverse ? e.sub(e.sub(total, step), e.index(width)) : step;
          Point &point = frames[u].point;
          point = at(row, index, {});
          point.lane = dim;
          point.width = width;
          if (partial && !reverse)
            point.mask = e.laneMask(e.sub(total, step), width);
          if (partial && reverse) { // the lanes before the row's start are none of it
            Value before = e.laneMask(e.sub(e.index(0), index), width);
            Value all =
                arith::ConstantOp::create(b, e.loc, DenseElementsAttr::get(e.vectorOf(b.getI1Type(), width), true));
            point.mask = arith::XOrIOp::create(b, e.loc, before, all);
          }
          v[u] = e.widen(element(frames[u]), width);
          e.loc = node.op.getLoc();
          if (reverse)
            v[u] = turned(v[u]);
        }
        for (int64_t s = 1; s < kBlock; s *= 2)
          for (unsigned u = 0; u < groups; ++u) {
            if (s >= width) {
              int64_t first = u * width;
              if (first & s)
                v[u] = e.combine(c, last(v[(first / s * s - 1) / width]), v[u]);
              continue;
            }
            Value before = shuffled(v[u], [&](int64_t l) { return l & s ? l / s * s - 1 : l; });
            auto takes = llvm::map_to_vector(llvm::seq<int64_t>(0, width), [&](int64_t l) { return bool(l & s); });
            Value mask = arith::ConstantOp::create(
                b, e.loc, DenseElementsAttr::get(e.vectorOf(b.getI1Type(), width), ArrayRef<bool>(takes)));
            v[u] = e.choose(mask, e.combine(c, before, v[u]), v[u]);
          }
        for (unsigned u = 0; u < groups; ++u) {
          v[u] = e.combine(c, carry, v[u]);
          store(frames[u], reverse ? turned(v[u]) : v[u]);
          e.loc = node.op.getLoc();
        }
        return last(v.back());
      };
      SmallVector<Value> carry{e.widen(e.identity(c), width)};
      carry = e.loopCarry(e.index(0), full, kBlock, carry,
                          [&](Value i, ValueRange carried) { return SmallVector<Value>{block(i, carried[0], false)}; });
      e.loop(full, total, kBlock, [&](Value i) { block(i, carry[0], true); });
    });
  });
}

} // namespace

LogicalResult emitScan(Emitter &emitter, const Schedule &schedule) {
  Scan(emitter, schedule).emit();
  return success();
}

} // namespace weft
