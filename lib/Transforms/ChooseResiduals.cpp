// Decides what the linear part of a function or region keeps and what it computes again: a minimum cut by bytes; and
// how a bound on the bytes makes it compute again more than what is cheap.
#include "weft/Dialect/Weft/GraphBuilder.h"
#include "weft/Dialect/Weft/Linalg.h"
#include "weft/Transforms/Derivative.h"
#include "weft/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>
#include <deque>
#include <limits>

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_CHOOSERESIDUALS
#include "weft/Transforms/Passes.h.inc"

namespace {
/// Maximum flow by shortest augmenting paths (Dinic), and from it the minimum cut nearest to the sink.
class FlowGraph {
public:
  static constexpr int64_t infinite = std::numeric_limits<int64_t>::max() / 4;
  struct Edge {
    unsigned to;
    int64_t capacity;
  };

  unsigned addNode() {
    edgesOf.emplace_back();
    return edgesOf.size() - 1;
  }
  void addEdge(unsigned from, unsigned to, int64_t capacity) {
    edgesOf[from].push_back(edges.size());
    edges.push_back({to, capacity});
    edgesOf[to].push_back(edges.size());
    edges.push_back({from, 0});
  }

  void maximize(unsigned source, unsigned sink) {
    while (findLevels(source, sink)) {
      next.assign(edgesOf.size(), 0);
      while (push(source, sink, infinite)) {
      }
    }
  }
  /// Which nodes still reach the sink: the sink's side of the cut.
  std::vector<bool> sinkSide(unsigned sink) const {
    std::vector<bool> reaches(edgesOf.size(), false);
    std::deque<unsigned> queue{sink};
    reaches[sink] = true;
    while (!queue.empty()) {
      unsigned node = queue.front();
      queue.pop_front();
      for (unsigned e : edgesOf[node]) {
        unsigned from = edges[e].to; // the edge from -> node is e's partner
        if (edges[e ^ 1].capacity > 0 && !reaches[from]) {
          reaches[from] = true;
          queue.push_back(from);
        }
      }
    }
    return reaches;
  }

private:
  bool findLevels(unsigned source, unsigned sink) {
    level.assign(edgesOf.size(), -1);
    level[source] = 0;
    std::deque<unsigned> queue{source};
    while (!queue.empty()) {
      unsigned node = queue.front();
      queue.pop_front();
      for (unsigned e : edgesOf[node])
        if (edges[e].capacity > 0 && level[edges[e].to] < 0) {
          level[edges[e].to] = level[node] + 1;
          queue.push_back(edges[e].to);
        }
    }
    return level[sink] >= 0;
  }
  /// Pushes flow along one path of a level graph; the path is a list, not a recursion, since programs are deep.
  int64_t push(unsigned source, unsigned sink, int64_t limit) {
    std::vector<unsigned> path;
    unsigned node = source;
    while (node != sink) {
      bool advanced = false;
      for (unsigned &i = next[node]; i < edgesOf[node].size(); ++i) {
        unsigned e = edgesOf[node][i];
        if (edges[e].capacity > 0 && level[edges[e].to] == level[node] + 1) {
          path.push_back(e);
          node = edges[e].to;
          advanced = true;
          break;
        }
      }
      if (advanced)
        continue;
      if (path.empty())
        return 0;
      level[node] = -1;
      node = edges[path.back() ^ 1].to;
      path.pop_back();
    }
    for (unsigned e : path)
      limit = std::min(limit, edges[e].capacity);
    for (unsigned e : path) {
      edges[e].capacity -= limit;
      edges[e ^ 1].capacity += limit;
    }
    return limit;
  }

  std::vector<std::vector<unsigned>> edgesOf;
  std::vector<Edge> edges;
  std::vector<int> level;
  std::vector<unsigned> next;
};
} // namespace

/// Bytes of a value. A named size is not known here; 256 stands for it, so that it counts as more than a small
/// constant.
static int64_t bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  double bytes = std::max<unsigned>(1, type.getElementType().isIntOrFloat() ? type.getElementTypeBitWidth() / 8 : 8);
  for (const SizeExpr &size : shapeOf(type)) {
    llvm::StringMap<int64_t> values;
    for (const std::string &name : size.symbols())
      values[name] = 256;
    bytes *= std::max<int64_t>(0, size.evaluate(values).value_or(256));
  }
  return int64_t(std::min(bytes, 1e15)) + 1; // one more: of two equal cuts through different numbers of values, fewer
}

/// Elementwise ops, views and constants: computing them again costs less than storing and loading their result.
static bool isCheap(Operation *op) {
  auto fusion = dyn_cast<FusionOpInterface>(op);
  if (!fusion || op->getNumRegions() || !isMemoryEffectFree(op))
    return false;
  FusionKind kind = fusion.getFusionKind();
  return kind == FusionKind::Map || kind == FusionKind::View || kind == FusionKind::Alias;
}

namespace {
/// A minimum cut between what may not be computed again and what the linear part uses.
class Cut {
public:
  Cut(Block &primal, Block &linear, function_ref<Keep(Value)> keep, function_ref<bool(Operation *)> isAllowed)
      : primal(primal), needed(crossingValues(primal, linear)) {
    FlowGraph graph;
    unsigned source = graph.addNode(), sink = graph.addNode();
    // Each value is an edge in -> out that it costs to cut: to keep the value.
    SmallVector<Value> worklist;
    auto node = [&](Value value) {
      auto [it, isNew] = nodes.insert({value, {}});
      if (isNew) {
        unsigned in = graph.addNode(), out = graph.addNode();
        Keep how = keep(value);
        graph.addEdge(in, out, how == Keep::Free ? 0 : how == Keep::AtHand ? 1 : bytesOf(value));
        nodes[value] = {in, out};
        worklist.push_back(value);
      }
      return nodes[value];
    };
    for (Value value : needed)
      graph.addEdge(node(value).second, sink, FlowGraph::infinite);
    while (!worklist.empty()) {
      Value value = worklist.pop_back_val();
      Operation *op = value.getDefiningOp();
      unsigned in = nodes[value].first;
      if (!op || op->getBlock() != &primal || !isAllowed(op)) {
        graph.addEdge(source, in, FlowGraph::infinite);
        continue;
      }
      for (Value operand : op->getOperands())
        graph.addEdge(node(operand).second, in, FlowGraph::infinite);
    }
    graph.maximize(source, sink);
    late = graph.sinkSide(sink);
    for (auto &[value, ends] : nodes)
      if (!late[ends.first] && late[ends.second] && keep(value) == Keep::Stored)
        keptBytes += bytesOf(value);
  }

  /// The bytes of the values on the cut.
  int64_t getKeptBytes() const { return keptBytes; }
  bool isLate(Value value) const { return late[nodes.find(value)->second.first]; }

  /// What is computed again: the ops beyond the cut, those that others read first.
  llvm::SetVector<Operation *> getRecomputed() const {
    llvm::SetVector<Operation *> recomputed;
    std::function<void(Value)> visit = [&](Value value) {
      Operation *op = value.getDefiningOp();
      if (!isLate(value) || !op || op->getBlock() != &primal || recomputed.contains(op))
        return;
      for (Value operand : op->getOperands())
        visit(operand);
      recomputed.insert(op);
    };
    for (Value value : needed)
      visit(value);
    return recomputed;
  }

private:
  Block &primal;
  SmallVector<Value> needed;
  llvm::MapVector<Value, std::pair<unsigned, unsigned>> nodes;
  std::vector<bool> late;
  int64_t keptBytes = 0;
};
} // namespace

void chooseResiduals(Block &primal, Block &linear, function_ref<Keep(Value)> keep) {
  llvm::SetVector<Operation *> recomputed = Cut(primal, linear, keep, isCheap).getRecomputed();
  if (recomputed.empty())
    return;
  OpBuilder builder(recomputed.front()->getContext()); // the block need not stand in an op yet
  builder.setInsertionPointToStart(&linear);
  IRMapping copies;
  for (Operation *op : recomputed)
    builder.clone(*op, copies);
  for (Operation *op : recomputed)
    for (Value result : op->getResults())
      for (OpOperand &use : llvm::make_early_inc_range(result.getUses()))
        if (use.getOwner()->getBlock() == &linear)
          use.set(copies.lookup(result));
}

//===-- a bound --------------------------------------------------------------------------------------------------===//

/// About how many operations an op takes: its own, or those of all that it runs.
static double costOf(Operation *op) {
  auto elements = [](Value value) { return double(bytesOf(value)); };
  double cost = 0;
  if (auto library = dyn_cast<LibraryOpInterface>(op))
    return library.getCost();
  if (auto fusion = dyn_cast<FusionOpInterface>(op)) {
    for (Value operand : op->getOperands())
      cost = std::max(cost, elements(operand));
    if (fusion.getFusionKind() == FusionKind::Contract) // the sum over what both read, for each element of the result
      return std::sqrt(elements(op->getOperand(0)) * elements(op->getOperand(1)) * elements(op->getResult(0)));
    return fusion.getOpsPerElement() * std::max(cost, elements(op->getResult(0)));
  }
  if (isa<DecomposeOpInterface>(op)) {
    std::unique_ptr<Block> madeOf = decompositionOf(op);
    for (Operation &inner : madeOf->without_terminator())
      cost += costOf(&inner);
    return cost;
  }
  op->walk([&](Operation *inner) {
    if (inner != op && !inner->hasTrait<OpTrait::IsTerminator>())
      cost += costOf(inner);
  });
  if (auto loop = dyn_cast<ForOp>(op)) {
    llvm::StringMap<int64_t> values;
    for (const std::string &name : loop.getCount().getSize().symbols())
      values[name] = 256;
    cost *= double(loop.getCount().getSize().evaluate(values).value_or(256));
  } else if (auto call = dyn_cast<CallOp>(op)) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, call.getCalleeAttr());
    if (callee && !callee.isExternal())
      for (Operation &inner : callee.getBody().front().without_terminator())
        cost += costOf(&inner);
  }
  return cost;
}

void boundResiduals(Block &primal, Block &linear, function_ref<Keep(Value)> keep, int64_t maxBytes, const Twine &id) {
  // The order does not depend on the bound, so a smaller one allows more, and the cut gets no larger by that.
  SmallVector<std::pair<double, Operation *>> dear;
  for (Operation &op : primal) {
    if (op.hasTrait<OpTrait::IsTerminator>() || isCheap(&op) || !isMemoryEffectFree(&op) || !op.getNumResults())
      continue;
    double bytes = 0;
    for (Value result : op.getResults())
      bytes += double(bytesOf(result));
    dear.push_back({costOf(&op) / bytes, &op});
  }
  llvm::stable_sort(dear, [](auto &a, auto &b) { return a.first < b.first; });
  auto cut = [&](unsigned allowed) {
    llvm::SmallPtrSet<Operation *, 16> set;
    for (auto &[cost, op] : ArrayRef(dear).take_front(allowed))
      set.insert(op);
    return Cut(primal, linear, keep, [&](Operation *op) { return isCheap(op) || set.contains(op); });
  };
  unsigned low = 0, high = dear.size();
  while (low < high) {
    unsigned middle = (low + high) / 2;
    if (cut(middle).getKeptBytes() <= maxBytes)
      high = middle;
    else
      low = middle + 1;
  }
  llvm::SetVector<Operation *> recomputed = cut(low).getRecomputed();
  computeAgain(primal, linear, [&](Value value) { return !recomputed.contains(value.getDefiningOp()); }, id);
}

namespace {
struct ChooseResiduals : impl::ChooseResidualsBase<ChooseResiduals> {
  using ChooseResidualsBase::ChooseResidualsBase;
  void runOnOperation() override {
    for (auto lin : getOperation().getOps<func::FuncOp>()) {
      auto pair = LinearPair::of(lin);
      // A pair that is called keeps its form: its callers' own residuals follow from it.
      if (!pair || !SymbolTable::symbolKnownUseEmpty(lin, getOperation()) ||
          !SymbolTable::symbolKnownUseEmpty(pair->fwd, getOperation()))
        continue;
      auto name = lin->getAttrOfType<DictionaryAttr>("weft.linear").getAs<StringAttr>("of");
      pair->join();
      Block &primal = pair->fwd.getBody().front();
      auto results = primal.getTerminator()->getOperands();
      auto keep = [&](Value value) {
        return isa<BlockArgument>(value)            ? Keep::Free
               : llvm::is_contained(results, value) ? Keep::AtHand
                                                    : Keep::Stored;
      };
      if (maxBytes >= 0)
        boundResiduals(primal, lin.getBody().front(), keep, maxBytes, lin.getSymName());
      else
        chooseResiduals(primal, lin.getBody().front(), keep);
      eraseDeadOps(primal, /*isLinearPart=*/false);
      pair->split();
      pair->record(name.getValue());
    }
  }
};
} // namespace

} // namespace weft
