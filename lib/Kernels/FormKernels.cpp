// Decides which graph ops become one kernel: greedily, producers into consumers in program order, then siblings that
// read the same values, then cheap producers computed again instead of stored. What one kernel may hold stands in
// KernelShape.h.
#include "PrepareBlock.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "weft/Dialect/Weft/Effects.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Kernels/KernelShape.h"
#include "weft/Kernels/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include <queue>

namespace weft {
#define GEN_PASS_DEF_FORMKERNELS
#include "weft/Kernels/Passes.h.inc"
} // namespace weft

using namespace mlir;
using namespace weft;

namespace {

/// The bytes of a value as an expression in its sizes (bool is a byte in memory).
SizeExpr bytesOf(Value value) {
  Type element = getElementTypeOrSelf(value.getType());
  unsigned bits = 64;
  if (auto complex = dyn_cast<ComplexType>(element))
    bits = 2 * complex.getElementType().getIntOrFloatBitWidth();
  else if (element.isIntOrFloat())
    bits = std::max(8u, element.getIntOrFloatBitWidth());
  return numElements(shapeOf(value)) * SizeExpr(bits / 8);
}

/// Whether a <= b for all sizes, as far as can be told: their difference is a constant, or equal expressions.
bool atMost(const SizeExpr &a, const SizeExpr &b) {
  auto difference = (b - a).constant();
  return difference && *difference >= 0;
}

struct Limits {
  unsigned maxOps, maxValues;
  double maxRecompute;
};

/// Forms the kernels of one block.
class BlockKernels {
public:
  BlockKernels(Block &block, Limits limits) : block(block), limits(limits) {}

  void run() {
    prepareBlock(block);
    collect();
    mergeViews();
    // What a reduction or contraction takes is not taken by a join or gather before it.
    mergeProducers(/*behindJoins=*/false);
    mergeChains();
    mergeProducers(/*behindJoins=*/true);
    mergeSiblings();
    recompute();
    mergeProducers(/*behindJoins=*/true); // the last word on what is refused
    report();
    build();
  }

private:
  /// A set of ops in program order: a kernel, or one op that stays outside.
  struct Cluster {
    SmallVector<Operation *> ops;
    bool kernel = false;
  };

  void collect() {
    unsigned position = 0;
    Operation *lastEffect = nullptr;
    for (Operation &op : block.without_terminator()) {
      positions[&op] = position++;
      // Ops with effects keep their order.
      if (!hasNoEffects(&op)) {
        if (lastEffect)
          nextEffect[lastEffect] = &op;
        lastEffect = &op;
      }
      clusterOf[&op] = clusters.size();
      rank.push_back(clusters.size());
      ranked.push_back(clusters.size());
      clusters.push_back({{&op}, fusionKind(&op).has_value()});
    }
  }

  //===-- merging -------------------------------------------------------------------------------------------------===//

  bool isOpen(unsigned c) const { return clusters[c].kernel && !isLeaf(clusters[c].ops.front()); }

  std::optional<unsigned> clusterOfValue(Value value) const {
    Operation *op = value.getDefiningOp();
    auto it = op ? clusterOf.find(op) : clusterOf.end();
    return it == clusterOf.end() ? std::nullopt : std::optional<unsigned>(it->second);
  }

  template <class F> void forEachSuccessor(unsigned c, F visit) const {
    for (Operation *op : clusters[c].ops) {
      for (Operation *user : op->getUsers())
        if (auto it = clusterOf.find(user); it != clusterOf.end() && it->second != c)
          visit(it->second);
      if (Operation *next = nextEffect.lookup(op))
        visit(clusterOf.lookup(next));
    }
  }

  /// The clusters that a path from `from` leads to and that stand before `to` in the order.
  DenseSet<unsigned> between(unsigned from, unsigned to) const {
    DenseSet<unsigned> seen;
    SmallVector<unsigned> work{from};
    while (!work.empty())
      forEachSuccessor(work.pop_back_val(), [&](unsigned next) {
        if (rank[next] < rank[to] && seen.insert(next).second)
          work.push_back(next);
      });
    return seen;
  }

  /// Whether a path leads from `from` to `to` through a third cluster: merging the two would close a cycle.
  bool pathThroughOthers(unsigned from, unsigned to) const {
    return llvm::any_of(between(from, to), [&](unsigned c) {
      bool found = false;
      forEachSuccessor(c, [&](unsigned next) { found |= next == to; });
      return found;
    });
  }

  /// Gives the union of a and b, which no path joins through others, its place: what depends on it goes after it. A
  /// cluster's ops may stand far apart, so their positions in the block tell no order of clusters.
  void placeUnion(unsigned a, unsigned b) {
    unsigned first = rank[a] < rank[b] ? a : b, last = first == a ? b : a;
    DenseSet<unsigned> after = between(first, last);
    unsigned place = rank[first];
    SmallVector<unsigned> region(ranked.begin() + place, ranked.begin() + rank[last] + 1);
    auto put = [&](bool dependent) {
      for (unsigned c : region)
        if (c != first && c != last && after.contains(c) == dependent)
          ranked[rank[c] = place++] = c;
    };
    put(false);
    ranked[rank[first] = place++] = first;
    ranked[rank[last] = place++] = last;
    put(true);
  }

  SmallVector<Operation *> unionOf(unsigned a, unsigned b) const {
    SmallVector<Operation *> ops;
    std::merge(clusters[a].ops.begin(), clusters[a].ops.end(), clusters[b].ops.begin(), clusters[b].ops.end(),
               std::back_inserter(ops), [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
    return ops;
  }

  static llvm::SetVector<Value> inputsOf(ArrayRef<Operation *> ops) {
    llvm::SmallPtrSet<Operation *, 32> set(ops.begin(), ops.end());
    llvm::SetVector<Value> inputs;
    for (Operation *op : ops)
      for (Value v : op->getOperands())
        if (!v.getDefiningOp() || (!set.contains(v.getDefiningOp()) && !isLeaf(v.getDefiningOp())))
          inputs.insert(v);
    return inputs;
  }

  static SmallVector<Value> outputsOf(ArrayRef<Operation *> ops) {
    llvm::SmallPtrSet<Operation *, 32> set(ops.begin(), ops.end());
    SmallVector<Value> outputs;
    for (Operation *op : ops)
      for (Value v : op->getResults())
        if (llvm::any_of(v.getUsers(), [&](Operation *user) { return !set.contains(user); }))
          outputs.push_back(v);
    return outputs;
  }

  /// Whether a holds ops of a weft.recompute that begins after an op of b: together they would be computed then, and
  /// what is computed again to not be kept would be kept.
  bool isComputedAgainAfter(unsigned a, unsigned b) const {
    for (Operation *op : clusters[a].ops) {
      Attribute region = op->getAttr("weft.recompute");
      if (region && llvm::any_of(clusters[b].ops, [&](Operation *other) {
            return other->getAttr("weft.recompute") != region && other->isBeforeInBlock(op);
          }))
        return true;
    }
    return false;
  }

  /// Why two clusters cannot be one kernel; nothing if they can.
  std::optional<FusionReason> whyNot(unsigned a, unsigned b) const {
    if (clusters[a].ops.size() + clusters[b].ops.size() > limits.maxOps)
      return FusionReason::TooManyOps;
    if (isComputedAgainAfter(a, b) || isComputedAgainAfter(b, a))
      return FusionReason::ComputedAgain;
    SmallVector<Operation *> ops = unionOf(a, b);
    FusionReason why;
    if (!kernelShape(ops, why))
      return why;
    if (inputsOf(ops).size() + outputsOf(ops).size() > limits.maxValues)
      return FusionReason::TooManyValues;
    if (pathThroughOthers(a, b) || pathThroughOthers(b, a))
      return FusionReason::KernelBetween;
    return std::nullopt;
  }

  bool merge(unsigned a, unsigned b) {
    if (a == b || !isOpen(a) || !isOpen(b) || whyNot(a, b))
      return false;
    join(a, b);
    return true;
  }

  void join(unsigned a, unsigned b) {
    placeUnion(a, b);
    clusters[a].ops = unionOf(a, b);
    for (Operation *op : clusters[b].ops)
      clusterOf[op] = a;
    clusters[b] = {};
    refusals.clear();
  }

  /// Reads go with what reads through them before anything else, so that a producer never takes one away.
  void mergeViews() {
    for (Operation &op : llvm::reverse(block.without_terminator()))
      if (isRead(&op) && op.hasOneUse() && (fusionKind(&op) == FusionKind::View || absorbs(*op.user_begin(), &op)))
        if (auto it = clusterOf.find(*op.user_begin()); it != clusterOf.end())
          merge(clusterOf.lookup(&op), it->second);
  }

  /// Merges along the edges until nothing changes (a merge can make a later one possible). What stays refused, and why,
  /// is left in `refusals`: each reason is of the clusters as they are in the end.
  void mergeProducers(bool behindJoins) {
    auto joins = [&](unsigned c) {
      return llvm::any_of(clusters[c].ops, [](Operation *op) {
        return fusionKind(op) == FusionKind::Join || fusionKind(op) == FusionKind::Gather;
      });
    };
    refusals.clear();
    for (bool changed = true; std::exchange(changed, false);)
      for (Operation &op : block.without_terminator())
        for (Value operand : op.getOperands()) {
          auto from = clusterOfValue(operand);
          unsigned to = clusterOf.lookup(&op);
          if (!from || *from == to || !isOpen(*from) || !isOpen(to) || refusals.contains({*from, to}) ||
              (!behindJoins && joins(*from)))
            continue;
          if (auto why = whyNot(*from, to)) {
            refusals.try_emplace({*from, to}, *why);
          } else {
            join(*from, to);
            changed = true;
          }
        }
  }

  /// A contraction, the sweep of its rows and the contraction that sums over them: no two of them are a kernel.
  void mergeChains() {
    auto contracts = [&](unsigned c) {
      return llvm::any_of(clusters[c].ops, [](Operation *op) { return fusionKind(op) == FusionKind::Contract; });
    };
    for (Operation &op : block.without_terminator()) {
      if (fusionKind(&op) != FusionKind::Contract)
        continue;
      unsigned last = clusterOf.lookup(&op);
      Value swept = op.getOperand(0); // perhaps converted where they are read
      if (Operation *read = swept.getDefiningOp(); read && widensElements(read) && clusterOfValue(swept) == last)
        swept = read->getOperand(0);
      auto rows = clusterOfValue(swept);
      if (!rows || *rows == last || !isOpen(*rows) || contracts(*rows))
        continue;
      std::optional<unsigned> first;
      for (Operation *inner : clusters[*rows].ops)
        for (Value operand : inner->getOperands())
          if (auto from = clusterOfValue(operand); from && *from != *rows && isOpen(*from) && contracts(*from))
            first = from;
      if (!first || *first == last)
        continue;
      SmallVector<Operation *> ops = unionOf(*first, *rows);
      llvm::append_range(ops, clusters[last].ops);
      llvm::sort(ops, [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
      FusionReason why;
      bool again =
          llvm::any_of(ops, [&](Operation *x) { return x->getAttr("weft.recompute") != op.getAttr("weft.recompute"); });
      if (again || ops.size() > limits.maxOps || !kernelShape(ops, why) ||
          inputsOf(ops).size() + outputsOf(ops).size() > limits.maxValues)
        continue;
      // What the rows are made of goes nowhere else, so no path leads through others.
      join(*first, *rows);
      join(*first, last);
    }
  }

  /// Sweeps over one root that read a value of the root's size: reading it once saves its bytes.
  void mergeSiblings() {
    SmallVector<Value> values(block.getArguments());
    for (Operation &op : block.without_terminator())
      llvm::append_range(values, op.getResults());
    for (Value value : values) {
      if (isa_and_nonnull<FusionOpInterface>(value.getDefiningOp()) && isLeaf(value.getDefiningOp()))
        continue;
      llvm::SmallSetVector<Operation *, 8> users(value.user_begin(), value.user_end());
      std::optional<unsigned> into;
      for (Operation *user : llvm::reverse(users)) {
        auto it = clusterOf.find(user);
        if (it == clusterOf.end() || !isOpen(it->second) || clusterOfValue(value) == it->second || it->second == into)
          continue;
        // A View of the value reads other bytes at a time: no saving.
        FusionReason why;
        auto shape = fusionKind(user) == FusionKind::View ? std::nullopt : kernelShape(clusters[it->second].ops, why);
        if (!shape || shape->family != KernelShape::Sweep || shape->root != shapeOf(value) || shape->root.empty())
          continue;
        if (!into || !sameRoot(*into, *shape) || !merge(*into, it->second))
          into = clusterOf.lookup(user);
      }
    }
  }

  bool sameRoot(unsigned c, const KernelShape &shape) const {
    FusionReason why;
    auto other = kernelShape(clusters[c].ops, why);
    return other && other->family == KernelShape::Sweep && other->root == shape.root;
  }

  //===-- recomputation -------------------------------------------------------------------------------------------===//

  /// A cheap Map op whose result goes to other kernels only through memory is cloned into each of them, where all can
  /// take it and its own operands are no more bytes to read than its result.
  void recompute() {
    for (Operation *op = block.getTerminator()->getPrevNode(), *before; op; op = before) {
      before = op->getPrevNode(); // the op may go
      auto it = clusterOf.find(op);
      if (it == clusterOf.end() || !isOpen(it->second) || fusionKind(op) != FusionKind::Map)
        continue;
      if (cast<FusionOpInterface>(op).getOpsPerElement() > limits.maxRecompute || !paysAgain(op, it->second))
        continue;
      cloneIntoReaders(op, it->second);
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) // what only they read
      if (op.use_empty() && fusionKind(&op) == FusionKind::View && clusterOf.contains(&op))
        drop(&op);
  }

  bool paysAgain(Operation *op, unsigned home) const {
    SizeExpr bytes;
    for (Value operand : op->getOperands()) {
      if (operand.getDefiningOp() && isLeaf(operand.getDefiningOp()))
        continue;
      if (clusterOfValue(operand) == home) {
        if (smallRead(operand))
          continue;   // made again too
        return false; // its operand would have to be stored instead
      }
      bytes = bytes + bytesOf(operand);
    }
    return atMost(bytes, bytesOf(op->getResult(0)));
  }

  /// A broadcast (or another View) of what takes little beside what it gives, from outside of its kernel.
  Operation *smallRead(Value value) const {
    Operation *read = value.getDefiningOp();
    if (!read || fusionKind(read) != FusionKind::View)
      return nullptr;
    auto from = bytesOf(read->getOperand(0)).constant(), to = bytesOf(value).constant();
    Operation *maker = read->getOperand(0).getDefiningOp();
    bool isOutside = !maker || isLeaf(maker) || clusterOfValue(maker->getResult(0)) != clusterOfValue(value);
    return from && to && *from * 8 <= *to && isOutside ? read : nullptr;
  }

  void cloneIntoReaders(Operation *op, unsigned home) {
    Value value = op->getResult(0);
    llvm::SmallSetVector<Operation *, 8> users(value.user_begin(), value.user_end());
    llvm::MapVector<unsigned, SmallVector<Operation *>> readers;
    for (Operation *user : llvm::reverse(users)) {
      if (isObserver(user)) // what it reads stays where it is, and nothing else changes
        continue;
      auto it = clusterOf.find(user);
      if (it == clusterOf.end() || !isOpen(it->second))
        return; // control flow needs the value itself
      if (it->second != home)
        readers[it->second].push_back(user);
    }
    SmallVector<Operation *> copies, reads; // of the op; of what it reads through
    bool fits = true;
    for (auto &[reader, uses] : readers) {
      Operation *earliest = *llvm::min_element(uses, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
      SmallVector<Operation *> &ops = clusters[reader].ops;
      auto put = [&, reader = reader](Operation *copy) {
        ops.insert(llvm::lower_bound(ops, copy, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); }),
                   copy);
        clusterOf[copy] = reader;
        positions[copy] = positions.lookup(earliest);
        return copy;
      };
      IRMapping mapping;
      for (Value operand : op->getOperands())
        if (Operation *read = smallRead(operand);
            read && clusterOfValue(operand) == home && !mapping.contains(operand)) {
          reads.push_back(put(OpBuilder(earliest).clone(*read)));
          mapping.map(operand, reads.back()->getResult(0));
        }
      Operation *copy = put(OpBuilder(earliest).clone(*op, mapping));
      copies.push_back(copy);
      for (Operation *user : uses)
        user->replaceUsesOfWith(value, copy->getResult(0));
      FusionReason why;
      fits &= ops.size() <= limits.maxOps && kernelShape(ops, why).has_value();
    }
    if (fits) {
      if (op->use_empty()) // a kernel of its own would give nothing
        drop(op);
      return;
    }
    for (Operation *copy : copies) {
      copy->getResult(0).replaceAllUsesWith(value);
      drop(copy);
    }
    for (Operation *read : reads)
      drop(read);
  }

  void drop(Operation *op) {
    Cluster &cluster = clusters[clusterOf.lookup(op)];
    llvm::erase(cluster.ops, op);
    if (cluster.ops.empty())
      cluster = {};
    clusterOf.erase(op);
    positions.erase(op);
    op->erase();
  }

  //===-- remarks -------------------------------------------------------------------------------------------------===//

  void report() {
    if (!block.getParentOp()->getContext()->getRemarkEngine())
      return;
    StringRef function = block.getParentOp()->getParentOfType<func::FuncOp>()
                             ? block.getParentOp()->getParentOfType<func::FuncOp>().getName()
                             : cast<func::FuncOp>(block.getParentOp()).getName();
    auto options = [&](StringRef name) { return remark::RemarkOpts::name(name).category("fusion").function(function); };
    static constexpr StringRef families[] = {"sweep", "contraction", "chain of contractions", "join of pieces",
                                             "single op"};
    for (Cluster &cluster : clusters) {
      if (!cluster.kernel || cluster.ops.empty() || isLeaf(cluster.ops.front()))
        continue;
      FusionReason why;
      auto shape = kernelShape(cluster.ops, why);
      SizeExpr saved;
      llvm::SmallPtrSet<Operation *, 32> set(cluster.ops.begin(), cluster.ops.end());
      for (Operation *op : cluster.ops)
        for (Value v : op->getResults())
          if (llvm::any_of(v.getUsers(), [&](Operation *user) { return set.contains(user); }))
            saved = saved + bytesOf(v); // one read less
      SizeExpr read, written;
      for (Value v : inputsOf(cluster.ops))
        read = read + bytesOf(v);
      for (Value v : outputsOf(cluster.ops))
        written = written + bytesOf(v);
      if (cluster.ops.size() > 1)
        remark::passed(cluster.ops.back()->getLoc(), options("Fused"))
            << remark::add("{0}", std::to_string(cluster.ops.size()) + " ops into one " +
                                      families[shape->family].str() + " over " + describe(shape->root))
            << remark::metric("ops", int(cluster.ops.size())) << remark::metric("bytes_saved", saved.str())
            << remark::metric("bytes_read", read.str()) << remark::metric("bytes_written", written.str());
    }
    for (auto [pair, reason] : refusals)
      remark::missed(clusters[pair.second].ops.back()->getLoc(), options("NotFused"))
          << remark::reason("{0} {1}", codeOf(reason), textOf(reason))
          << remark::metric("producer", nameOf(clusters[pair.first].ops.back()))
          << remark::metric("consumer", nameOf(clusters[pair.second].ops.back()));
  }

  static std::string nameOf(Operation *op) { return op->getName().getStringRef().str(); }

  //===-- building ------------------------------------------------------------------------------------------------===//

  /// Whether a leaf's value is needed outside kernels.
  bool standsAlone(Operation *leaf) const {
    return llvm::any_of(leaf->getUsers(), [&](Operation *user) {
      auto it = clusterOf.find(user);
      return it == clusterOf.end() || !clusters[it->second].kernel;
    });
  }

  void build() {
    for (unsigned c : order()) {
      Cluster &cluster = clusters[c];
      if (!cluster.kernel)
        cluster.ops.front()->moveBefore(block.getTerminator());
      else
        buildKernel(c);
    }
    // Old ops are dead now, the leaves after their readers.
    for (Cluster &cluster : clusters)
      if (cluster.kernel)
        for (Operation *op : llvm::reverse(cluster.ops))
          op->dropAllReferences();
    for (Cluster &cluster : clusters)
      if (cluster.kernel)
        for (Operation *op : cluster.ops)
          op->erase();
  }

  /// A topological order of the clusters, as near to the program's as their dependences allow.
  SmallVector<unsigned> order() const {
    DenseMap<unsigned, unsigned> waiting;
    auto place = [&](unsigned c) { return positions.lookup(clusters[c].ops.back()); };
    auto later = [&](unsigned a, unsigned b) { return std::make_pair(place(a), a) > std::make_pair(place(b), b); };
    std::priority_queue<unsigned, std::vector<unsigned>, decltype(later)> ready(later);
    for (unsigned c = 0; c < clusters.size(); ++c)
      if (!clusters[c].ops.empty())
        forEachSuccessor(c, [&](unsigned next) { ++waiting[next]; });
    for (unsigned c = 0; c < clusters.size(); ++c)
      if (!clusters[c].ops.empty() && !waiting.count(c))
        ready.push(c);
    SmallVector<unsigned> result;
    while (!ready.empty()) {
      unsigned c = ready.top();
      ready.pop();
      forEachSuccessor(c, [&](unsigned next) {
        if (!--waiting[next])
          ready.push(next);
      });
      if (Operation *op = clusters[c].ops.front(); !clusters[c].kernel || !isLeaf(op) || standsAlone(op))
        result.push_back(c);
    }
    return result;
  }

  static Location mergedLocation(ArrayRef<Operation *> ops) {
    return mergeLocations(ops.front()->getContext(),
                          llvm::map_to_vector(ops, [](Operation *op) { return op->getLoc(); }));
  }

  /// `weft.not_fused`: per operand the code of the reason why the kernel that makes it is another; empty for others.
  void noteRefusals(KernelOp kernel, unsigned c) {
    bool any = false;
    auto codes = llvm::map_to_vector(kernel.getOperands(), [&](Value operand) {
      auto it = builtFrom.find(operand.getDefiningOp());
      auto refusal = it == builtFrom.end() ? refusals.end() : refusals.find({it->second, c});
      any |= refusal != refusals.end();
      return refusal == refusals.end() ? StringRef() : codeOf(refusal->second);
    });
    if (any)
      kernel->setAttr("weft.not_fused", Builder(kernel.getContext()).getStrArrayAttr(codes));
  }

  void buildKernel(unsigned c) {
    ArrayRef<Operation *> ops = clusters[c].ops;
    llvm::SmallPtrSet<Operation *, 32> set(ops.begin(), ops.end());
    SmallVector<Value> inputs = inputsOf(ops).takeVector(), outputs;
    if (!isLeaf(ops.front()))
      outputs = outputsOf(ops);
    else
      outputs.push_back(ops.front()->getResult(0));
    OpBuilder builder(block.getTerminator());
    Location loc = mergedLocation(ops);
    auto kernel = KernelOp::create(builder, loc, ValueRange(outputs).getTypes(), inputs);
    noteRefusals(kernel, c);
    builtFrom[kernel] = c;
    Block *body = builder.createBlock(&kernel.getBody());
    IRMapping map;
    for (Value input : inputs)
      map.map(input, body->addArgument(input.getType(), input.getLoc()));
    // Equal views that met in one kernel (splitViews made them) are one read.
    SmallVector<Operation *> views;
    for (Operation *op : ops) {
      for (Value operand : op->getOperands())
        if (!map.contains(operand))
          map.map(operand, builder.clone(*operand.getDefiningOp())->getResult(0)); // a leaf
      Operation *copy = builder.clone(*op, map);
      copy->removeAttr("weft.recompute");
      if (fusionKind(op) != FusionKind::View)
        continue;
      auto same = llvm::find_if(views, [&](Operation *view) {
        return OperationEquivalence::isEquivalentTo(view, copy, OperationEquivalence::IgnoreLocations);
      });
      if (same == views.end()) {
        views.push_back(copy);
        continue;
      }
      map.map(op->getResult(0), (*same)->getResult(0));
      (*same)->setLoc(mergedLocation({*same, copy}));
      copy->erase();
    }
    SmallVector<Value> yielded = llvm::map_to_vector(outputs, [&](Value v) { return map.lookup(v); });
    YieldOp::create(builder, loc, yielded);
    bool leaf = isLeaf(ops.front());
    for (auto [old, result] : llvm::zip(outputs, kernel.getResults()))
      old.replaceUsesWithIf(result, [&](OpOperand &use) {
        Operation *user = use.getOwner();
        // Kernels not built yet clone a leaf; all others read the kernel's result.
        auto it = clusterOf.find(user);
        return !set.contains(user) && (!leaf || it == clusterOf.end() || !clusters[it->second].kernel);
      });
  }

  Block &block;
  Limits limits;
  SmallVector<Cluster> clusters;
  SmallVector<unsigned> ranked, rank; // an order in which no cluster depends on a later one, and each one's place in it
  DenseMap<Operation *, unsigned> clusterOf, positions;
  DenseMap<Operation *, Operation *> nextEffect;
  llvm::MapVector<std::pair<unsigned, unsigned>, FusionReason> refusals; // (producer, reader)
  DenseMap<Operation *, unsigned> builtFrom;                             // the cluster of each kernel op
};

struct FormKernels : public weft::impl::FormKernelsBase<FormKernels> {
  using FormKernelsBase::FormKernelsBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || function->hasAttr("weft.kernel"))
      return;
    SmallVector<Block *> blocks;
    function.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<KernelOp>(op))
        return WalkResult::skip();
      for (Region &region : op->getRegions())
        for (Block &block : region)
          blocks.push_back(&block);
      return WalkResult::advance();
    });
    // Inner blocks first: an op with regions that turns out dead takes its blocks with it.
    for (Block *block : llvm::reverse(blocks))
      BlockKernels(*block, {maxOps, maxValues, maxRecompute}).run();
  }
};

} // namespace
