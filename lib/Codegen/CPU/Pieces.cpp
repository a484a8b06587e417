// Decides the loops of kernels whose ops write parts of one output (pad, concat): each part is a sweep of its own over
// the part's index space by all threads, in program order, so that later parts overwrite earlier ones.
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/MadeSizes.h"
#include "weft/Codegen/CPU/Schedule.h"

using namespace mlir;

namespace weft {

LogicalResult emitPieces(Emitter &e, const Schedule &schedule) {
  KernelGraph &g = e.graph;
  auto ret = cast<func::ReturnOp>(g.function.front().getTerminator());
  if (ret.getNumOperands() != 1)
    return g.function.emitError("[WF4108] expected one result from a kernel that writes parts");
  int out = g.numInputs;
  Type element = g.buffers[out].element;
  // The parts are the chain of starts that the result grew from; all else is made where a part reads it.
  llvm::SmallPtrSet<Operation *, 8> parts;
  for (Node *part = g.nodeOf(ret.getOperand(0)); part; part = g.nodeOf(part->op.getDpsInits()[0]))
    parts.insert(part->op);
  for (Node &node : g.nodes)
    node.loopDims = llvm::to_vector<4>(llvm::seq<int>(0, node.op.getNumLoops()));
  for (Node &node : g.nodes) {
    if (!parts.contains(node.op))
      continue;
    // A part's own index space: its loops; sizes from what it reads, or the whole output for a fill.
    unsigned rank = node.op.getNumLoops();
    g.domain.assign(rank, SizeExpr(-1));
    g.isReduced.assign(rank, false);
    for (auto [i, size] : llvm::enumerate(node.op.getStaticLoopRanges()))
      if (!ShapedType::isDynamic(size))
        g.domain[i] = SizeExpr(size);
    auto measure = [&](OpOperand &operand) {
      AffineMap map = node.op.getMatchingIndexingMap(&operand);
      for (auto [expr, size] : llvm::zip_equal(map.getResults(), sizesOf(g, operand.get())))
        if (auto d = dyn_cast<AffineDimExpr>(expr); d && g.domain[d.getPosition()] == SizeExpr(-1))
          g.domain[d.getPosition()] = size;
    };
    for (OpOperand *input : node.op.getDpsInputOperands())
      measure(*input);
    measure(*node.op.getDpsInitOperand(0));
    if (llvm::is_contained(g.domain, SizeExpr(-1)))
      return node.op.emitError("[WF4105] expected every loop of the kernel to have a size that some buffer shows");

    e.loc = node.op.getLoc();
    unsigned width = schedule.lanes;
    Linear linear = g.store(node, out);
    Value inner = cast<linalg::YieldOp>(node.body().getTerminator()).getOperand(0);
    // Neighbouring dimensions in one run, if all that is read lies in memory.
    bool reads = llvm::all_of(node.op.getDpsInputs(), [&](Value from) { return g.bufferOf(from) >= 0; });
    auto groups = g.join(llvm::to_vector(llvm::seq<int>(0, rank)), [&](int first, int second) {
      return reads && g.asOne(linear, first, second) && g.readsAsOne(node, first, second);
    });
    SmallVector<int> lane = groups.empty() ? SmallVector<int>() : groups.pop_back_val();
    Shape sizes;
    for (auto &dims : groups)
      sizes.push_back(g.size(dims));
    int64_t bytes = Emitter::byteWidth(element) * 2;
    auto origin = [&] {
      Frame frame;
      frame.point.indices.assign(rank, e.index(0));
      return frame;
    };
    auto write = [&](Frame at) { e.store(e.payload(node, inner, at), e.pointers[out], element, linear, at.point); };
    auto stretch = [&](const Frame &row, Value begin, Value end) {
      auto step = [&](Value i, Value mask) {
        Frame at = row;
        at.point.indices[lane.back()] = i;
        at.point.lane = width > 1 ? lane.back() : -1;
        at.point.width = width;
        at.point.mask = mask;
        write(at);
      };
      Value middle = e.add(begin, e.roundDown(e.sub(end, begin), width));
      e.loop(begin, middle, width, [&](Value i) { step(i, {}); });
      if (width > 1)
        e.loop(middle, end, width, [&](Value i) { step(i, e.laneMask(e.sub(end, i), width)); });
    };
    const double nsPerElement = 0.05;
    if (lane.empty()) {
      write(origin());
    } else if (groups.empty()) {
      // One long run: the items are its elements, so a chunk is a stretch of it.
      e.parallel(g.size(lane), SizeExpr(bytes), nsPerElement,
                 [&](Value begin, Value end) { stretch(origin(), begin, end); });
    } else {
      SizeExpr length = g.size(lane);
      double perRow = nsPerElement * double(length.constant().value_or(256)) + 2;
      e.parallel(numElements(sizes), length * SizeExpr(bytes), perRow, [&](Value begin, Value end) {
        e.loop(begin, end, 1, [&](Value row) {
          Frame at = origin();
          for (auto [dims, i] : llvm::zip(groups, e.delinearize(row, sizes)))
            at.point.indices[dims.back()] = i;
          stretch(at, e.index(0), e.index(length));
        });
      });
    }
  }
  return success();
}

} // namespace weft
