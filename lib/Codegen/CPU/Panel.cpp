// Decides the loops of a kernel that lays an operand out for contractions (#weft.panel): some strips at a time go to a
// thread. Where lanes lie side by side they are read in long stretches; where the steps of k do, squares of lanes by k
// are turned in registers.
#include "Tile.h"

using namespace mlir;

namespace weft {

LogicalResult emitPack(Emitter &e, const Schedule &s) {
  KernelGraph &g = e.graph;
  Node &node = g.nodes.front();
  OpOperand &input = *node.op.getDpsInputOperand(0);
  int from = g.bufferOf(input.get()), to = g.numInputs;
  Linear access = g.access(node, input, from);
  Type element = g.buffers[from].element;
  PanelAttr panel = g.buffers[to].panel;
  auto groupsOf = [&](ArrayRef<int64_t> dims) {
    return g.join(SmallVector<int>(dims), [&](int first, int second) { return g.asOne(access, first, second); });
  };
  auto lanes = groupsOf(panel.getLanes()), ks = groupsOf(panel.getFolded());
  if (lanes.size() > 1)
    return node.op.emitError("[WF4109] expected the lanes of a panel to lie in one stretch");
  SizeExpr L = lanes.empty() ? SizeExpr(1) : g.size(lanes.front()), K(1);
  for (auto &dims : ks)
    K = K * g.size(dims);
  const int64_t strip = panel.getStrip(), width = s.lanes;
  int64_t steps = K.constant().value_or(256), bytes = Emitter::byteWidth(element);
  const int64_t together = 8;
  SizeExpr strips = (L + SizeExpr(strip - 1)).floordiv(strip);
  SizeExpr items = (strips + SizeExpr(together - 1)).floordiv(together);
  double ns = double(together * strip * steps * bytes) * 2 / e.target.bytesPerNs;
  auto isOne = [&](int dim) { return access.coefs[dim] == SizeExpr(1); };
  bool turns =
      width > 1 && ks.size() == 1 && !lanes.empty() && isOne(ks.front().back()) && !isOne(lanes.front().back());
  const Linear inPanel{0, {SizeExpr(1), SizeExpr(1)}};

  e.parallel(items, SizeExpr(2 * together * strip * steps * bytes), ns, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value item) {
      Value firstStrip = e.mul(item, SizeExpr(together)), last = e.index(L);
      Value endStrip = e.minimum(e.add(firstStrip, e.index(together)), e.index(strips));
      Point origin;
      origin.indices.assign(g.domain.size(), e.index(0));
      auto place = [&](Value number, Value k, Value v) {
        Point at = rowOfMemory(e, e.add(e.mul(number, K * SizeExpr(strip)), e.mul(k, SizeExpr(strip))), width);
        at.indices[1] = v;
        return at;
      };
      auto step = [&](Point at, Value k, Value number) {
        Value first = e.mul(number, SizeExpr(strip));
        for (int64_t v = 0; v < strip; v += width) {
          Value lane = v ? e.add(first, e.index(v)) : first;
          at.mask = {};
          bool whole = L.constant() && *L.constant() % strip == 0;
          if (!lanes.empty()) {
            if (!whole && width == 1) // places past the end repeat the last one: their products are not stored
              lane = e.minimum(lane, e.sub(last, e.index(1)));
            if (!whole && width > 1)
              at.mask = e.laneMask(e.sub(last, lane), width);
            at.indices[lanes.front().back()] = lane;
            at.lane = width > 1 ? lanes.front().back() : -1;
            at.width = width;
          }
          Value vector = e.load(e.pointers[from], element, access, at);
          e.store(vector, e.pointers[to], element, inPanel, place(number, k, e.index(v)));
        }
      };
      auto turn = [&](Value number, Value k, Value v) {
        Point at = origin;
        at.indices[ks.front().back()] = k;
        at.lane = ks.front().back();
        at.width = width;
        SmallVector<Value> rows;
        for (int64_t t = 0; t < width; ++t) {
          Value lane = e.add(e.add(e.mul(number, SizeExpr(strip)), v), e.index(t));
          at.indices[lanes.front().back()] = e.minimum(lane, e.sub(last, e.index(1)));
          rows.push_back(e.load(e.pointers[from], element, access, at));
        }
        for (auto [t, vector] : llvm::enumerate(e.transposed(rows)))
          e.store(vector, e.pointers[to], element, inPanel, place(number, e.add(k, e.index(t)), v));
      };
      std::function<void(unsigned, Point, Value)> overK = [&](unsigned level, Point at, Value flat) {
        if (level == ks.size())
          return e.loop(firstStrip, endStrip, 1, [&](Value number) { step(at, flat, number); });
        e.loop(e.index(0), e.index(g.size(ks[level])), 1, [&](Value i) {
          Point deeper = at;
          deeper.indices[ks[level].back()] = i;
          overK(level + 1, deeper, level ? e.add(e.mul(flat, g.size(ks[level])), i) : i);
        });
      };
      e.streaming = s.stream;
      if (turns) {
        e.loop(firstStrip, endStrip, 1, [&](Value number) {
          Value middle = e.roundDown(e.index(K), width);
          e.loop(e.index(0), middle, width,
                 [&](Value k) { e.loop(e.index(0), e.index(strip), width, [&](Value v) { turn(number, k, v); }); });
          e.loop(middle, e.index(K), 1, [&](Value k) {
            Point at = origin;
            at.indices[ks.front().back()] = k;
            step(at, k, number);
          });
        });
      } else {
        overK(0, origin, e.index(0));
      }
      e.streaming = false;
    });
    if (s.stream)
      e.fenceStreams();
  });
  return success();
}

} // namespace weft
