// Decides the loops of kernels whose ops write parts of one output (pad, concat): each part is a sweep of its own over
// the part's index space, in program order, so that later parts overwrite earlier ones.
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
    SizeExpr length = rank ? g.domain.back() : SizeExpr(1);
    Shape outer(g.domain.begin(), g.domain.begin() + (rank ? rank - 1 : 0));
    Linear linear = g.store(node, out);
    Value inner = cast<linalg::YieldOp>(node.body().getTerminator()).getOperand(0);
    e.loop(e.index(0), e.index(numElements(outer)), 1, [&](Value row) {
      Frame frame;
      for (Value i : e.delinearize(row, outer))
        frame.point.indices.push_back(i);
      auto step = [&](Value i, Value mask) {
        Frame at = frame;
        if (rank) {
          at.point.indices.push_back(i);
          at.point.lane = rank - 1;
          at.point.width = width;
          at.point.mask = mask;
        }
        e.store(e.payload(node, inner, at), e.pointers[out], element, linear, at.point);
      };
      if (rank)
        e.lanes(length, width, step);
      else
        step({}, {});
    });
  }
  return success();
}

} // namespace weft
