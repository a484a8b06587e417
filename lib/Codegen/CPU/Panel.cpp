// Decides the loops of a kernel that lays an operand out for contractions (#weft.panel): some strips at a time go to a
// thread, so that where lanes lie side by side they are read in long stretches.
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/Schedule.h"

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
  Linear inPanel{0, {SizeExpr(1), SizeExpr(1)}};

  e.parallel(items, SizeExpr(2 * together * strip * steps * bytes), ns, [&](Value begin, Value end) {
    e.loop(begin, end, 1, [&](Value item) {
      Value firstStrip = e.mul(item, SizeExpr(together)), last = e.index(L);
      Value endStrip = e.minimum(e.add(firstStrip, e.index(together)), e.index(strips));
      Point origin;
      origin.indices.assign(g.domain.size(), e.index(0));
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
          Point place;
          place.indices = {e.add(e.mul(first, K), e.add(e.mul(k, SizeExpr(strip)), e.index(v))), e.index(0)};
          place.lane = width > 1 ? 1 : -1;
          place.width = width;
          e.store(e.load(e.pointers[from], element, access, at), e.pointers[to], element, inPanel, place);
        }
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
      overK(0, origin, e.index(0));
    });
  });
  return success();
}

} // namespace weft
