// Decides the schedule of a sweep: lanes, which results are stored past the caches, which rows are read ahead, what is
// turned in scratch, how wide a strip of partial results is.
#include "Sweep.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "weft/Kernels/KernelShape.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace weft {

std::optional<Turn> findTurn(KernelGraph &g) {
  if (g.isPieces || g.domain.empty())
    return std::nullopt;
  Turn turn;
  for (auto [dim, size] : llvm::enumerate(g.domain)) {
    if (!size.constant())
      return std::nullopt;
    if (*size.constant() != 1)
      turn.lane = dim;
  }
  if (turn.lane < 0 || !canTurn(g.domain[turn.lane]) || (g.hasReduction && !g.isReduced[turn.lane]))
    return std::nullopt;
  for (Node &node : g.nodes)
    for (OpOperand *input : node.op.getDpsInputOperands()) {
      int buffer = g.bufferOf(input->get());
      if (buffer < 0 || g.buffers[buffer].element.isInteger(1))
        continue;
      Linear access = g.access(node, *input, buffer);
      auto step = access.coefs[turn.lane].constant();
      if (!step || *step == 0 || *step == 1)
        continue;
      auto *across = llvm::find(access.coefs, SizeExpr(1));
      int dim = across == access.coefs.end() ? -1 : across - access.coefs.begin();
      if (dim < 0 || !canTurn(g.domain[dim]) || g.isReduced[dim] || (turn.across >= 0 && turn.across != dim))
        continue;
      turn.across = dim;
      turn.reads.push_back({&node, input, buffer});
    }
  return turn.reads.empty() ? std::nullopt : std::optional<Turn>(turn);
}

/// The size of the result that a map or a fold of rows writes at every point; nothing unless there is just one.
static std::optional<int64_t> wideResultBytes(KernelGraph &g, int64_t points) {
  std::optional<int64_t> bytes;
  for (const Output &output : g.outputs()) {
    auto elements = numElements(g.buffers[output.buffer].shape).constant();
    if (!elements || *elements != points)
      continue;
    if (bytes)
      return std::nullopt;
    bytes = points * int64_t(Emitter::byteWidth(g.buffers[output.buffer].element));
  }
  return bytes;
}

std::optional<int64_t> touchedBytes(KernelGraph &g) {
  int64_t bytes = 0;
  for (const Buffer &buffer : g.buffers) {
    auto elements = numElements(buffer.shape).constant();
    if (!elements)
      return std::nullopt;
    bytes += *elements * int64_t(Emitter::byteWidth(buffer.element));
  }
  return bytes;
}

bool computesOnPairs(KernelGraph &g, int lane) {
  auto alongPairs = [&](const Linear &linear, Type element) {
    return linear.coefs[lane] == SizeExpr(0) || (linear.coefs[lane] == SizeExpr(1) && element.isBF16());
  };
  bool converts = false;
  for (Node &node : g.nodes) {
    for (OpOperand *input : node.op.getDpsInputOperands()) {
      int buffer = g.bufferOf(input->get());
      if (buffer >= 0 ? !alongPairs(g.access(node, *input, buffer), g.buffers[buffer].element)
                      : !KernelGraph::isPlain(node, *input))
        return false;
    }
    for (Operation &op : node.body()) {
      auto isNarrow = [](Type type) { return type.isBF16(); };
      bool converting = isa<arith::ExtFOp, arith::TruncFOp>(op);
      bool carries = converting || isa<arith::ConstantOp, arith::SelectOp, linalg::YieldOp>(op);
      if (op.getNumRegions() || isa<linalg::IndexOp, tensor::ExtractOp>(op) ||
          (!carries && (llvm::any_of(op.getOperandTypes(), isNarrow) || llvm::any_of(op.getResultTypes(), isNarrow))))
        return false;
      converts |= converting;
    }
  }
  return converts && llvm::all_of(g.outputs(), [&](const Output &output) {
           return alongPairs(g.store(*g.nodeOf(output.value), output.buffer), g.buffers[output.buffer].element);
         });
}

/// The innermost dimension; -1: all have one element.
static int laneOf(KernelGraph &g) {
  int lane = int(g.domain.size()) - 1;
  while (lane >= 0 && g.domain[lane] == SizeExpr(1))
    --lane;
  return lane;
}

/// The nodes that are computed in vectors: not what is the same all along a row, nor, of a fold, what is only picked.
static SmallVector<Node *> nodesOfLanes(KernelGraph &g) {
  const int lane = laneOf(g);
  bool rows = lane >= 0 && g.isReduced[lane];
  llvm::SmallSetVector<Value, 16> work;
  for (const Output &output : g.outputs())
    work.insert(output.value);
  SmallVector<Node *> found;
  for (size_t i = 0; i < work.size(); ++i) {
    Node *node = g.nodeOf(work[i]);
    bool isPicked = node && rows && findPicked(g, *node, lane);
    if (!node || isPicked)
      continue;
    work.insert_range(node->op->getOperands());
    // What is read at computed places has loops of its own, and may be read in vectors.
    if (lane < 0 || llvm::any_of(
                        llvm::zip(node->loopDims, node->op.getStaticLoopRanges()),
                        [&](auto loop) {
                          auto [dim, size] = loop;
                          return dim == lane || (dim < 0 && size != 1);
                        }))
      found.push_back(node);
    for (Operation &op : node->body())
      if (auto read = dyn_cast<tensor::ExtractOp>(op))
        work.insert(read.getTensor());
  }
  return found;
}

/// Ops on an element, a function for as many as it has or so.
static int64_t opsPerElement(ArrayRef<Node *> nodes) {
  int64_t ops = 0;
  for (Node *node : nodes) {
    int64_t dear = 0;
    for (Operation &op : node->body())
      if (isa<math::MathDialect>(op.getDialect()))
        dear += isa<math::ExpOp, math::TanhOp, math::LogOp, math::ErfOp>(op) ? 20 : 60;
    ops += node->isExpensive ? dear : std::distance(node->body().begin(), node->body().end());
  }
  return ops;
}

/// The bytes of the widest type that is read, written or computed with (f16 is computed in f32), along the lanes.
static int64_t widestBytes(KernelGraph &g, ArrayRef<Node *> nodes) {
  const int lane = laneOf(g);
  int64_t bytes = 1;
  auto add = [&](Type type) {
    if (type.isIntOrFloat() && type.getIntOrFloatBitWidth() > 1)
      bytes = std::max<int64_t>(bytes, type.getIntOrFloatBitWidth() / 8);
  };
  for (Node *node : nodes) {
    for (OpOperand &operand : node->op->getOpOperands()) {
      bool isOfRow = lane >= 0 && node->op.isDpsInput(&operand) && g.isSameAlong(*node, operand, lane);
      if (!isOfRow)
        add(getElementTypeOrSelf(operand.get().getType()));
    }
    for (Operation &op : node->body())
      for (Type type : op.getResultTypes())
        add(type);
  }
  return bytes;
}

int64_t lanesOf(KernelGraph &g, const Target &target) {
  // A branch in a payload is taken element by element; one over sizes is the same for all. No more lanes than a fold
  // has partial results.
  for (Node &node : g.nodes)
    for (Operation &op : node.body())
      if (auto branch = dyn_cast<scf::IfOp>(op);
          branch && node.op->isProperAncestor(branch.getCondition().getDefiningOp()))
        return 1;
  return std::clamp<int64_t>(target.lanes(widestBytes(g, nodesOfLanes(g))), 1, 64);
}

/// The elements of a map's innermost dimension that is not walked as one with those around it; 0: there is no other, or
/// it is named.
static int64_t shortRow(KernelGraph &g) {
  auto groups = walkedAsOne(g, llvm::to_vector(llvm::seq<int>(0, g.domain.size())),
                            llvm::to_vector(llvm::seq<unsigned>(0, g.nodes.size())), g.outputs());
  return groups.size() < 2 ? 0 : g.size(groups.back()).constant().value_or(0);
}

/// The block of a map: some lines either way, within the first cache; longer ones where rows share lines, or in the
/// last cache. Memory wants long runs of what is turned, caches of what is written.
static void chooseTurnedBlock(KernelGraph &g, const Turn &turn, int64_t written, int64_t bytes, const Target &target,
                              Schedule &s) {
  const int64_t line = 64 / bytes, fit = target.l1Bytes * 2 / 3 / bytes / int64_t(turn.reads.size());
  const bool shares = s.stream && *g.domain[turn.lane].constant() % line, isLarge = written >= 2 * target.l2Bytes;
  s.turnRows = std::max(s.lanes, (isLarge && (s.stream || bytes >= 4) ? 4 : 2) * line);
  const int64_t most = fit / s.turnRows;
  s.turnLanes = std::min((shares || (isLarge && !s.stream) ? 8 : 4) * line, s.stream ? most : std::max(most, 4 * line));
  s.turnLanes = std::max<int64_t>(s.lanes, llvm::bit_floor(uint64_t(s.turnLanes)));
  s.turnRows = std::max(s.lanes, std::min(s.turnRows, fit / s.turnLanes / s.lanes * s.lanes));
}

/// Blocks of whole rows for eight items, as even as may be, where each item has two at least. A whole sweep's time to
/// come from memory makes up for shorter runs, if they begin with lines.
static void chooseTurnBlocks(KernelGraph &g, const Turn &turn, int64_t allRows, Schedule &s) {
  bool begins = llvm::all_of(turn.reads, [&](const Turn::Read &read) {
    auto step = g.access(*read.node, *read.operand, read.buffer).coefs[turn.lane].constant();
    return step && *step * int64_t(Emitter::byteWidth(g.buffers[read.buffer].element)) % 64 == 0;
  });
  if (!begins)
    return;
  const int64_t inLines = std::max(s.lanes, s.turnRows / 2 / s.lanes * s.lanes), most = allRows / 8 / inLines;
  if (most < 2)
    return;
  s.turnBlocks = most;
  s.turnRows = inLines;
  if (g.domain[turn.across] != SizeExpr(allRows))
    return;
  int64_t least = INT64_MAX; // rows of an item
  for (int64_t blocks = most; blocks >= 2 && blocks * 3 >= most * 2; --blocks) {
    int64_t some = llvm::alignTo(llvm::divideCeil(allRows, 8 * blocks), s.lanes);
    if (some * blocks >= least)
      continue;
    least = some * blocks;
    s.turnBlocks = blocks;
    s.turnRows = some;
  }
}

void chooseSweep(KernelGraph &g, const Target &target, Schedule &s) {
  s.lanes = lanesOf(g, target);
  auto nodes = nodesOfLanes(g);
  int64_t bytes = widestBytes(g, nodes), folds = 0;
  for (Node &node : g.nodes)
    folds += node.kind == NodeKind::Reduce;

  // What follows needs sizes: with named ones, the plain forms, which are right for any.
  auto points = numElements(g.domain).constant();
  if (!points || *points == 0)
    return;
  int innermost = -1;
  int64_t inner = 1; // the elements of the trailing dimensions that are kept, or folded, together
  for (int i = int(g.domain.size()) - 1; i >= 0; --i) {
    if (g.domain[i] == SizeExpr(1))
      continue;
    if (innermost < 0)
      innermost = i;
    if (g.isReduced[i] != g.isReduced[innermost])
      break;
    inner *= *g.domain[i].constant();
  }
  bool rows = g.hasReduction && innermost >= 0 && g.isReduced[innermost];
  // Rows that fill no vector: of a map, where they are not walked as one; of a fold, with what follows it.
  if (s.lanes > 1 && target.vectorBytes >= 32 && (rows || !g.hasReduction)) {
    // Each column is code of its own, and once more where rows are left over; not more of it than of a long function.
    constexpr int64_t mostCode = 900;
    int64_t length = rows ? 1 : shortRow(g);
    for (auto [size, isFolded] : llvm::zip(g.domain, g.isReduced))
      length *= rows && isFolded ? *size.constant() : 1;
    const int64_t copies = length > 1 && *points / length % s.lanes ? 2 : 1;
    s.across = length > 1 && length <= (rows ? mostAcross : s.lanes / 2) && *points >= 4 * length * s.lanes &&
               (length <= s.lanes || copies * length * opsPerElement(nodes) <= mostCode);
    if (s.across)
      return;
  }
  if (g.hasReduction && !rows) {
    // The partial results of a strip take a quarter of the second cache at most; some strips for the threads.
    int64_t fit = target.l2Bytes / 4 / (64 * bytes * std::max<int64_t>(folds, 1));
    s.strip =
        std::max(s.lanes, std::min({fit, std::max<int64_t>(64, inner / 8), inner + s.lanes - 1}) / s.lanes * s.lanes);
    s.together = 8;
    // A row folds into what the one before left: several vectors side by side wait for each other less.
    if (inner >= 16 * s.lanes)
      s.abreast = std::clamp<int64_t>(kPartials / s.lanes, 1, 4);
    // Whole rows, some partial results to an item, read memory in longer streams: eight pages side by side, where those
    // of an item fit as a strip's do.
    int64_t all = 1, rowBytes = inner * bytes;
    for (auto [size, reduced] : llvm::zip(g.domain, g.isReduced))
      all *= reduced ? 1 : *size.constant();
    int64_t total = *points / all;
    if (all == inner && total >= kPartials * s.together && total <= kChunk && *points * bytes >= 2 * target.l2Bytes) {
      int64_t parts = std::clamp<int64_t>(llvm::PowerOf2Ceil(llvm::divideCeil(32 << 10, rowBytes)), 1, kPartials / 8);
      if (parts * rowBytes * std::max<int64_t>(folds, 1) <= target.l2Bytes / 4)
        s.parts = parts;
    }
    return;
  }
  // Where the last cache cannot hold what is read and written, a large result is not read again soon: lines that are
  // written whole need not be read first.
  auto written = wideResultBytes(g, *points), touched = touchedBytes(g);
  s.stream = target.streams && s.lanes > 1 && written && *written >= target.l3Bytes / 4 && touched &&
             *touched >= target.l3Bytes;
  s.prefetch = rows && *points * bytes >= 2 * target.l2Bytes && inner * bytes <= target.l2Bytes / 4;
  auto turn = s.lanes > 1 ? findTurn(g) : std::nullopt;
  const bool dear = llvm::any_of(nodes, [](Node *node) { return node->isExpensive; });
  // Two vectors abreast where an op waits for the one before, if the rows are long enough to pay for the code. Where
  // registers are few, not for constants that are written out in a map (gelu by tanh): they would be moved about.
  if (s.lanes > 1 && !turn && *points >= 1 << 14 && inner >= 16 * s.lanes &&
      (s.lanes == target.lanes(4) || s.lanes == target.lanes(8))) {
    s.pairs = computesOnPairs(g, innermost);
    int64_t ops = opsPerElement(nodes);
    bool many = target.vectorRegisters >= 32;
    s.abreast = s.pairs || (ops >= 16 && (rows || dear || many)) ? 2 : 1;
    // One function behind another: of two vectors, too few instructions within sight are ready.
    if (ops >= 60 && many && !rows && !s.pairs)
      s.abreast = 4;
  }
  // Memory is given lines beside dear arithmetic; in the caches what waits is the end of a fold, in rows that are long
  // and many enough to be worth the code.
  s.trail = rows && !s.pairs && (s.stream ? dear : *points >= 1 << 14 && inner >= 32);
  if (turn) {
    s.prefetch = s.prefetch || (!rows && *points * bytes * int64_t(g.buffers.size()) >= 16 * target.l2Bytes);
    if (rows) {
      // Rows are what is read side by side: memory wants longer runs than a cache. Whole rows are a thread's share of
      // the last cache at most, and some blocks for the threads.
      s.turnRows = std::max<int64_t>(s.lanes, (s.stream ? 8 : 4) * 64 / bytes);
      s.turnLanes = inner;
      int64_t fit = target.l3Bytes / 16 / (inner * bytes * int64_t(turn->reads.size()));
      int64_t most = std::max(64 / bytes, std::min(fit, *points / inner / 16));
      s.turnRows = std::max(s.lanes, std::min(s.turnRows, most) / s.lanes * s.lanes);
      if (s.prefetch)
        chooseTurnBlocks(g, *turn, *points / inner, s);
    } else {
      chooseTurnedBlock(g, *turn, *points * bytes, bytes, target, s);
    }
  }
}

} // namespace weft
