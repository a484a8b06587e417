// Decides the reading of a kernel function: classifies its generics and lays their loops onto one root index space.
#include "weft/Codegen/CPU/KernelGraph.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "weft/Codegen/CPU/MadeSizes.h"
#include "weft/Dialect/Weft/Lower.h"

using namespace mlir;

namespace weft {

Shape stridesOf(const Shape &shape) {
  Shape strides(shape.size(), SizeExpr(1));
  for (int i = int(shape.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

static bool isTranscendental(Operation &op) {
  return isa<math::MathDialect>(op.getDialect()) &&
         !isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::FloorOp, math::RoundEvenOp, math::TruncOp,
              math::CopySignOp, math::FmaOp, math::SqrtOp, math::IsNaNOp, math::IsInfOp, math::IsFiniteOp>(op);
}

/// A sum of products over the reduction loops: acc + a * b (each perhaps converted first).
static bool isContraction(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumReductionLoops() == 0)
    return false;
  auto yield = cast<linalg::YieldOp>(op.getRegion().front().getTerminator());
  Operation *add = yield.getOperand(0).getDefiningOp();
  if (!add || !isa<arith::AddFOp, arith::AddIOp>(add))
    return false;
  Value acc = op.getRegion().front().getArgument(2);
  for (unsigned i = 0; i < 2; ++i)
    if (add->getOperand(i) == acc)
      if (Operation *mul = add->getOperand(1 - i).getDefiningOp(); mul && isa<arith::MulFOp, arith::MulIOp>(mul))
        return true;
  return false;
}

/// Whether a generic only passes one operand on.
static bool isView(linalg::GenericOp op) {
  auto yield = cast<linalg::YieldOp>(op.getRegion().front().getTerminator());
  return op.getNumDpsInputs() == 1 && !op.getNumReductionLoops() &&
         yield.getOperand(0) == op.getRegion().front().getArgument(0);
}

/// Whether a generic only reads at other indices what is there at any: a buffer, or (`orMade`) what is made of its
/// index.
static bool isViewOfBuffer(linalg::GenericOp op, bool orMade) {
  if (!op || !isView(op) || op->hasAttr("weft.part") ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return false;
  auto maker = op.getDpsInputOperand(0)->get().getDefiningOp<linalg::GenericOp>();
  return !maker || (orMade && maker.getNumDpsInputs() == 0);
}

/// Whether a generic widens each element of what is made in the kernel: rows of a chain.
static bool widensMade(linalg::GenericOp op) {
  if (!op || op.getNumDpsInputs() != 1 || op.getNumReductionLoops() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return false;
  auto widen =
      cast<linalg::YieldOp>(op.getRegion().front().getTerminator()).getOperand(0).getDefiningOp<arith::ExtFOp>();
  return widen && widen.getIn() == op.getRegion().front().getArgument(0);
}

/// Whether a generic converts each element of a buffer: ops of one operand each, from what it reads to what it gives.
static bool isConversion(linalg::GenericOp op) {
  if (!op || op.getNumDpsInputs() != 1 || op.getNumReductionLoops() || isView(op) ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return false;
  auto maker = op.getDpsInputOperand(0)->get().getDefiningOp<linalg::GenericOp>();
  if (maker && !isViewOfBuffer(maker, /*orMade=*/false))
    return false;
  Block &body = op.getRegion().front();
  Value value = cast<linalg::YieldOp>(body.getTerminator()).getOperand(0);
  while (value != body.getArgument(0)) {
    Operation *step = value.getDefiningOp();
    if (!step || step->getBlock() != &body || step->getNumOperands() != 1)
      return false;
    value = step->getOperand(0);
  }
  return true;
}

/// A contraction reads what is converted for it, and converts it in its own body.
static void foldConversion(linalg::GenericOp reader, OpOperand &input, linalg::GenericOp conversion) {
  BlockArgument argument = reader.getRegion().front().getArgument(input.getOperandNumber());
  Block &from = conversion.getRegion().front();
  OpBuilder builder = OpBuilder::atBlockBegin(argument.getOwner());
  IRMapping map;
  map.map(from.getArgument(0), argument);
  SmallPtrSet<Operation *, 2> steps;
  for (Operation &op : from.without_terminator())
    steps.insert(builder.clone(op, map));
  argument.replaceAllUsesExcept(map.lookup(from.getTerminator()->getOperand(0)), steps);
  OpOperand &narrow = *conversion.getDpsInputOperand(0);
  argument.setType(getElementTypeOrSelf(narrow.get()));
  SmallVector<AffineMap> maps = reader.getIndexingMapsArray();
  AffineMap &at = maps[input.getOperandNumber()];
  at = conversion.getMatchingIndexingMap(&narrow).compose(at);
  input.set(narrow.get());
  reader.setIndexingMapsAttr(Builder(reader.getContext()).getAffineMapArrayAttr(maps));
}

/// Views that views and contractions read become part of their readers' maps: values are evaluated at the reader's own
/// index, and a contraction reads buffers, converted where it reads them. In program order, so chains fold whole.
static void foldViews(func::FuncOp function) {
  for (auto reader : function.front().getOps<linalg::GenericOp>()) {
    if (!isView(reader) && !isContraction(reader))
      continue;
    for (OpOperand *input : reader.getDpsInputOperands()) {
      if (auto made = input->get().getDefiningOp<linalg::GenericOp>();
          isContraction(reader) && (isConversion(made) || widensMade(made)))
        foldConversion(reader, *input, made);
      auto view = input->get().getDefiningOp<linalg::GenericOp>();
      if (!isViewOfBuffer(view, /*orMade=*/isView(reader)))
        continue;
      SmallVector<AffineMap> maps = reader.getIndexingMapsArray();
      AffineMap &map = maps[input->getOperandNumber()];
      map = view.getMatchingIndexingMap(view.getDpsInputOperand(0)).compose(map);
      if (!inversePermutation(concatAffineMaps(maps, function.getContext())))
        continue; // a loop whose size no buffer would show
      input->set(view.getDpsInputOperand(0)->get());
      reader.setIndexingMapsAttr(Builder(function.getContext()).getAffineMapArrayAttr(maps));
    }
  }
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.front())))
    if (auto read = dyn_cast<linalg::GenericOp>(op);
        read && read->use_empty() && (isView(read) || isConversion(read) || widensMade(read)))
      read.erase();
}

/// What is made of its index has one place among the root's loops: reads of it at different indices get one each.
static void splitMade(func::FuncOp function) {
  for (auto made : llvm::make_early_inc_range(function.front().getOps<linalg::GenericOp>())) {
    if (made.getNumDpsInputs() > 0)
      continue;
    llvm::SmallMapVector<AffineMap, Value, 2> byMap;
    for (OpOperand &use : llvm::make_early_inc_range(made.getResult(0).getUses())) {
      auto reader = dyn_cast<linalg::GenericOp>(use.getOwner());
      if (!reader || !reader.isDpsInput(&use))
        continue;
      Value &copy = byMap[reader.getMatchingIndexingMap(&use)];
      if (!copy)
        copy = byMap.size() == 1 ? made.getResult(0) : OpBuilder(made).clone(*made)->getResult(0);
      use.set(copy);
    }
  }
}

FailureOr<KernelGraph> KernelGraph::build(func::FuncOp function) {
  KernelGraph g;
  g.function = function;
  foldViews(function);
  splitMade(function);
  auto types = function->getAttrOfType<ArrayAttr>("weft.types");
  if (!types)
    return function.emitError("[WF4101] expected a kernel function with `weft.types` (made by weft-to-linalg)");
  if (auto names = function->getAttrOfType<ArrayAttr>("weft.symbols"))
    for (Attribute name : names)
      g.symbols.push_back(cast<StringAttr>(name).getValue().str());
  for (Attribute type : types) {
    Type tensor = cast<TypeAttr>(type).getValue();
    g.buffers.push_back(
        {LowerContext::loweredElement(getElementTypeOrSelf(tensor)), shapeOf(tensor), {}, panelOf(tensor)});
  }
  for (BlockArgument argument : function.getArguments())
    if (isa<RankedTensorType>(argument.getType()))
      g.external[argument] = g.numInputs++;
  g.numResults = function.getNumResults();

  for (Operation &op : function.front()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      if (auto data = dyn_cast<DenseElementsAttr>(constant.getValue())) {
        g.external[constant] = g.buffers.size();
        g.buffers.push_back({data.getElementType(), shapeOf(data.getType()), data, {}});
      }
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic)
      continue;
    Node node;
    node.op = generic;
    node.isExpensive = llvm::any_of(generic.getRegion().front(), isTranscendental);
    if (generic.getNumReductionLoops() > 0) {
      node.kind = isContraction(generic) ? NodeKind::Contract : NodeKind::Reduce;
      g.hasReduction = true;
    }
    if (generic->hasAttr("weft.part"))
      node.kind = NodeKind::Part;
    g.producer[generic.getResult(0)] = g.nodes.size();
    g.nodes.push_back(node);
  }
  auto hasKind = [&](NodeKind kind) { return llvm::any_of(g.nodes, [&](Node &n) { return n.kind == kind; }); };
  g.isPieces = hasKind(NodeKind::Part) && !hasKind(NodeKind::Contract);
  for (auto [i, node] : llvm::enumerate(g.nodes)) {
    if (node.kind == NodeKind::Contract) {
      if (g.contraction >= 0 && (g.second >= 0 || !g.nodeOf(node.op.getDpsInputs()[0])))
        return node.op.emitError("[WF4102] expected one contraction in a kernel, or a second one over rows made of it");
      (g.contraction < 0 ? g.contraction : g.second) = i;
    }
    for (OpOperand *input : node.op.getDpsInputOperands())
      if (Node *maker = g.nodeOf(input->get());
          maker && !g.isPieces && !isPlain(node, *input) &&
          llvm::any_of(maker->op.getDpsInputs(), [&](Value from) { return g.bufferOf(from) < 0; }))
        return node.op.emitError("[WF4104] expected ops of one index space in a kernel");
    if (node.op->hasAttr("weft.scan"))
      g.scan = i;
    if (node.op->hasAttr("weft.scatter"))
      g.scatter = i;
    if (node.op->hasAttr("weft.sort"))
      g.sort = i;
    Value init = node.op.getDpsInits()[0];
    Node *before = g.nodeOf(init);
    if (!before || g.scatter == int(i))
      continue;
    if (node.op.getNumReductionLoops() > 0 || g.scan == int(i))
      before->kind = NodeKind::Fill; // the identity
    else if (node.kind == NodeKind::Part)
      before->kind = NodeKind::Part; // what no other part has
  }
  if (!g.isPieces && g.scatter < 0 && failed(g.placeLoops()))
    return failure();
  return g;
}

/// Whether a value is only read at computed indices: its maker has loops of its own.
static bool isOnlyExtracted(Value value) {
  return !value.use_empty() && llvm::all_of(value.getUsers(), llvm::IsaPred<tensor::ExtractOp>);
}

LogicalResult KernelGraph::placeLoops() {
  // The root: the contraction where there is one; else a reduction, which has all loops; else, of what the kernel gives
  // (what says places to a gather may have more loops), the generic with the most. What reads nothing is made at its
  // reader's index, which may be one element of it, so it is the root only where it stands alone.
  int root = contraction;
  auto weight = [&](Node &node) {
    return std::make_tuple(node.op.getNumDpsInputs() > 0, node.kind == NodeKind::Reduce,
                           !hasReduction && !resultsOf(node.result()).empty(), node.op.getNumLoops());
  };
  for (auto [i, node] : llvm::enumerate(nodes))
    if (contraction < 0 && node.kind != NodeKind::Fill && !isOnlyExtracted(node.result()) &&
        (root < 0 || weight(node) > weight(nodes[root])))
      root = i;
  if (root < 0)
    root = 0;
  if (nodes.empty())
    return function.emitError("[WF4103] expected a kernel with at least one linalg.generic");

  unsigned rank = nodes[root].op.getNumLoops();
  domain.assign(rank, SizeExpr(-1));
  isReduced.assign(rank, false);
  llvm::DenseMap<Value, SmallVector<int>> placed; // value -> root dimension per value dimension
  SmallVector<bool> done(nodes.size(), false);
  auto place = [&](unsigned i, SmallVector<int> loopDims) {
    Node &node = nodes[i];
    node.loopDims = SmallVector<int, 4>(loopDims.begin(), loopDims.end());
    done[i] = true;
    auto visit = [&](Value value, AffineMap map) {
      SmallVector<int> dims;
      for (AffineExpr e : map.getResults()) {
        auto dim = dyn_cast<AffineDimExpr>(e);
        dims.push_back(dim ? loopDims[dim.getPosition()] : -1);
      }
      placed.try_emplace(value, dims);
    };
    for (OpOperand &operand : node.op->getOpOperands())
      if (nodeOf(operand.get()))
        visit(operand.get(), node.op.getMatchingIndexingMap(&operand));
    visit(node.result(), node.op.getMatchingIndexingMap(node.op.getDpsInitOperand(0)));
    for (auto [loop, type] : llvm::enumerate(node.op.getIteratorTypesArray()))
      if (type == utils::IteratorType::reduction && loopDims[loop] >= 0)
        isReduced[loopDims[loop]] = true;
  };
  SmallVector<int> identity(llvm::to_vector(llvm::seq<int>(0, rank)));
  place(root, identity);
  bool unitsLast = false; // first whatever values tell
  for (bool changed = true; changed;) {
    changed = false;
    for (auto [i, node] : llvm::enumerate(nodes)) {
      if (done[i])
        continue;
      SmallVector<int> loopDims(node.op.getNumLoops(), -2);
      auto learn = [&](Value value, AffineMap map) {
        auto it = placed.find(value);
        if (it == placed.end())
          return;
        for (auto [dim, e] : llvm::zip(it->second, map.getResults()))
          if (auto d = dyn_cast<AffineDimExpr>(e))
            loopDims[d.getPosition()] = dim;
      };
      learn(node.result(), node.op.getMatchingIndexingMap(node.op.getDpsInitOperand(0)));
      for (OpOperand &operand : node.op->getOpOperands())
        learn(operand.get(), node.op.getMatchingIndexingMap(&operand));
      // A loop of size 1 that no value ties to a root dimension has none: it must not pass for a longer one.
      for (auto [dim, size] : llvm::zip(loopDims, node.op.getStaticLoopRanges()))
        if (unitsLast && dim == -2 && size == 1)
          dim = -1;
      if (llvm::is_contained(loopDims, -2))
        continue;
      place(i, loopDims);
      changed = true;
    }
    if (!changed && !unitsLast) {
      changed = unitsLast = true;
      continue;
    }
    if (!changed && second >= 0) // a fold of rows of a buffer, beside those that are made of the first contraction
      for (auto [i, node] : llvm::enumerate(nodes)) {
        OpOperand *rows = node.kind == NodeKind::Reduce ? node.op.getDpsInputOperand(0) : nullptr;
        SmallVector<int> made = placed.lookup(nodes[contraction].result());
        if (done[i] || !rows || !node.op.getMatchingIndexingMap(rows).isIdentity() ||
            made.size() != node.op.getNumLoops())
          continue;
        place(i, made);
        changed = true;
        break;
      }
    if (!changed && second >= 0 && !done[second]) { // its lanes are loops that nothing before it has
      Node &node = nodes[second];
      SmallVector<int> loopDims(node.op.getNumLoops(), -1);
      OpOperand &rows = *node.op.getDpsInputOperand(0);
      for (auto [dim, e] : llvm::zip(placed.lookup(rows.get()), node.op.getMatchingIndexingMap(&rows).getResults()))
        loopDims[cast<AffineDimExpr>(e).getPosition()] = dim;
      for (int &dim : loopDims)
        if (dim < 0) {
          dim = int(domain.size());
          domain.push_back(SizeExpr(-1));
          isReduced.push_back(false);
        }
      place(second, loopDims);
      changed = true;
      continue;
    }
    if (!changed) // a sibling that shares only inputs: its loops are the root's, in order
      for (auto [i, node] : llvm::enumerate(nodes))
        if (!done[i] && node.op.getNumLoops() == rank) {
          place(i, identity);
          changed = true;
          break;
        }
  }
  for (auto [i, node] : llvm::enumerate(nodes)) {
    if (!done[i]) {
      if (node.op.getNumLoops() == 0 || node.kind == NodeKind::Fill || isOnlyExtracted(node.result())) {
        place(i, SmallVector<int>(node.op.getNumLoops(), -1));
        continue;
      }
      return node.op.emitError("[WF4104] expected ops of one index space in a kernel");
    }
  }
  // Sizes of the root dimensions, from any buffer that a placed loop reads or writes plainly.
  auto measure = [&](Node &node, AffineMap map, int buffer) {
    for (auto [dim, e] : llvm::enumerate(map.getResults()))
      if (auto d = dyn_cast<AffineDimExpr>(e); d && node.loopDims[d.getPosition()] >= 0)
        domain[node.loopDims[d.getPosition()]] = buffers[buffer].shape[dim];
  };
  for (Node &node : nodes) {
    // A static loop size is known even where every read is at an offset.
    for (auto [loop, size] : llvm::enumerate(node.op.getStaticLoopRanges()))
      if (!ShapedType::isDynamic(size) && node.loopDims[loop] >= 0)
        domain[node.loopDims[loop]] = SizeExpr(size);
    for (OpOperand &operand : node.op->getOpOperands())
      if (int buffer = bufferOf(operand.get()); buffer >= 0)
        if (auto map = node.op.getMatchingIndexingMap(&operand);
            map.isProjectedPermutation(/*allowZeroInResults=*/true))
          measure(node, map, buffer);
    // A size that no buffer shows is one of the kernel's own: what the node starts from names it.
    if (Value init = node.op.getDpsInits()[0]; init.getDefiningOp<tensor::EmptyOp>()) {
      auto map = node.op.getMatchingIndexingMap(node.op.getDpsInitOperand(0));
      for (auto [e, size] : llvm::zip_equal(map.getResults(), sizesOf(*this, init)))
        if (auto d = dyn_cast<AffineDimExpr>(e); d && !size.constant() && node.loopDims[d.getPosition()] >= 0)
          domain[node.loopDims[d.getPosition()]] = size;
    }
    for (int buffer : resultsOf(node.result()))
      measure(node, node.op.getMatchingIndexingMap(node.op.getDpsInitOperand(0)), buffer);
  }
  for (const SizeExpr &size : domain)
    if (size == SizeExpr(-1))
      return function.emitError("[WF4105] expected every loop of the kernel to have a size that some buffer shows");
  return success();
}

int KernelGraph::bufferOf(Value value) const {
  auto it = external.find(value);
  return it == external.end() ? -1 : it->second;
}

Shape sizesOf(KernelGraph &graph, Value value) {
  if (int buffer = graph.bufferOf(value); buffer >= 0)
    return graph.buffers[buffer].shape;
  if (Node *node = graph.nodeOf(value))
    return sizesOf(graph, node->op.getDpsInits()[0]);
  auto named = value.getDefiningOp()->getAttrOfType<TypeAttr>("weft.type");
  return shapeOf(named ? named.getValue() : value.getType());
}

SmallVector<Output> KernelGraph::outputs() {
  SmallVector<Output> found;
  for (auto [i, value] : llvm::enumerate(function.front().getTerminator()->getOperands()))
    found.push_back({value, int(numInputs + i)});
  return found;
}

bool KernelGraph::readsAsOne(Node &node, int first, int second) {
  for (OpOperand *input : node.op.getDpsInputOperands())
    if (int buffer = bufferOf(input->get());
        buffer >= 0 ? !asOne(access(node, *input, buffer), first, second) : !isPlain(node, *input))
      return false;
  return !node.body()
              .walk([&](Operation *op) {
                bool tells = isa<tensor::ExtractOp>(op) && bufferOf(op->getOperand(0)) < 0;
                if (auto index = dyn_cast<linalg::IndexOp>(op))
                  tells = node.loopDims[index.getDim()] == first || node.loopDims[index.getDim()] == second;
                return tells ? WalkResult::interrupt() : WalkResult::advance();
              })
              .wasInterrupted();
}

SmallVector<SmallVector<int>> KernelGraph::join(ArrayRef<int> dims, llvm::function_ref<bool(int, int)> asOne) const {
  SmallVector<SmallVector<int>> groups;
  for (int dim : dims) {
    if (domain[dim] == SizeExpr(1))
      continue;
    if (!groups.empty() && asOne(groups.back().back(), dim))
      groups.back().push_back(dim);
    else
      groups.push_back({dim});
  }
  return groups;
}

SizeExpr KernelGraph::size(ArrayRef<int> dims) const {
  SizeExpr product(1);
  for (int dim : dims)
    product = product * domain[dim];
  return product;
}

SmallVector<int> KernelGraph::resultsOf(Value value) const {
  SmallVector<int> results;
  auto ret = cast<func::ReturnOp>(const_cast<func::FuncOp &>(function).front().getTerminator());
  for (auto [i, operand] : llvm::enumerate(ret.getOperands()))
    if (operand == value)
      results.push_back(numInputs + i);
  return results;
}

/// Adds `factor` times an affine expression over loops to a linear form over root dimensions.
static void accumulate(AffineExpr e, const SizeExpr &factor, ArrayRef<int> loopDims, Linear &out) {
  if (auto c = dyn_cast<AffineConstantExpr>(e)) {
    out.offset = out.offset + factor * SizeExpr(c.getValue());
  } else if (auto d = dyn_cast<AffineDimExpr>(e)) {
    if (int dim = loopDims[d.getPosition()]; dim >= 0)
      out.coefs[dim] = out.coefs[dim] + factor;
  } else {
    auto binary = cast<AffineBinaryOpExpr>(e);
    if (binary.getKind() == AffineExprKind::Mod) { // only says which part of a dimension is read (partOfDim)
      accumulate(binary.getLHS(), factor, loopDims, out);
    } else if (binary.getKind() == AffineExprKind::Add) {
      accumulate(binary.getLHS(), factor, loopDims, out);
      accumulate(binary.getRHS(), factor, loopDims, out);
    } else {
      auto by = cast<AffineConstantExpr>(binary.getRHS());
      accumulate(binary.getLHS(), factor * SizeExpr(by.getValue()), loopDims, out);
    }
  }
}

Linear KernelGraph::linear(AffineMap map, ArrayRef<int> loopDims, const Shape &shape) {
  Linear out;
  out.coefs.assign(domain.size(), SizeExpr(0));
  Shape strides = stridesOf(shape);
  for (auto [stride, e] : llvm::zip(strides, map.getResults()))
    accumulate(e, stride, loopDims, out);
  return out;
}

Linear KernelGraph::access(Node &node, OpOperand &operand, int buffer) {
  if (buffers[buffer].place)
    return *buffers[buffer].place;
  return linear(node.op.getMatchingIndexingMap(&operand), node.loopDims, buffers[buffer].shape);
}

SmallVector<Linear> KernelGraph::indicesOf(Node &node, OpOperand &operand) {
  SmallVector<Linear> indices;
  for (AffineExpr e : node.op.getMatchingIndexingMap(&operand).getResults()) {
    Linear out;
    out.coefs.assign(domain.size(), SizeExpr(0));
    accumulate(e, SizeExpr(1), node.loopDims, out);
    indices.push_back(out);
  }
  return indices;
}

bool KernelGraph::isPlain(Node &node, OpOperand &operand) {
  return llvm::all_of(node.op.getMatchingIndexingMap(&operand).getResults(), [](AffineExpr e) {
    auto constant = dyn_cast<AffineConstantExpr>(e);
    return isa<AffineDimExpr>(e) || (constant && constant.getValue() == 0);
  });
}

bool KernelGraph::isSameAlong(Node &node, OpOperand &operand, int dim) {
  if (int buffer = bufferOf(operand.get()); buffer >= 0)
    return access(node, operand, buffer).coefs[dim] == SizeExpr(0);
  Node *maker = nodeOf(operand.get());
  return maker && !isPieces && isPlain(node, operand) && !llvm::is_contained(maker->loopDims, dim);
}

OpOperand *KernelGraph::readBy(BodyValue at) {
  auto argument = dyn_cast<BlockArgument>(at.second);
  bool isOperand = argument && argument.getOwner() == &at.first->body();
  return isOperand ? &at.first->op->getOpOperand(argument.getArgNumber()) : nullptr;
}

Node *KernelGraph::makerAt(BodyValue at) {
  OpOperand *operand = readBy(at);
  return operand && isPlain(*at.first, *operand) ? nodeOf(operand->get()) : nullptr;
}

BodyValue KernelGraph::madeAt(BodyValue at) {
  for (Node *maker; (maker = makerAt(at)) && maker->kind != NodeKind::Reduce;)
    at = {maker, maker->yielded()};
  return at;
}

bool KernelGraph::isNonPositive(BodyValue value) {
  auto [at, made] = madeAt(value);
  if (auto negative = made.getDefiningOp<arith::NegFOp>())
    return bool(madeAt({at, negative.getOperand()}).second.getDefiningOp<math::AbsFOp>());
  auto difference = made.getDefiningOp<arith::SubFOp>();
  if (isPieces || !difference)
    return false;
  BodyValue element = madeAt({at, difference.getLhs()});
  Node *fold = makerAt(madeAt({at, difference.getRhs()}));
  if (!fold || fold->kind != NodeKind::Reduce)
    return false;
  auto maximum = fold->yielded().getDefiningOp<arith::MaximumFOp>();
  Value acc = fold->body().getArgument(fold->op.getNumDpsInputs());
  if (!maximum || (maximum.getLhs() == acc) == (maximum.getRhs() == acc))
    return false;
  BodyValue other = madeAt({fold, maximum.getLhs() == acc ? maximum.getRhs() : maximum.getLhs()});
  if (element == other)
    return true;
  OpOperand *one = readBy(element), *two = readBy(other);
  int buffer = one ? bufferOf(one->get()) : -1;
  if (!two || buffer < 0 || bufferOf(two->get()) != buffer)
    return false;
  Linear here = access(*element.first, *one, buffer), there = access(*other.first, *two, buffer);
  return here.offset == there.offset && here.coefs == there.coefs;
}

bool KernelGraph::isMadeElsewhere(Node &node, OpOperand &operand) {
  Node *maker = nodeOf(operand.get());
  return maker && maker->op.getNumDpsInputs() == 0 && maker->op.getNumLoops() > 0 &&
         !node.op.getMatchingIndexingMap(&operand).isIdentity();
}

Place KernelGraph::elementsOf(Node &node, OpOperand &operand) {
  Place place;
  if (node.op.getMatchingIndexingMap(&operand).isIdentity())
    return place;
  for (auto [dim, index] : llvm::enumerate(indicesOf(node, operand))) {
    place.starts.push_back(index.offset);
    place.steps.push_back(index.coefs[dim].constant().value_or(0));
  }
  return place;
}

/// By how much an expression grows with a dimension.
static int64_t stepOf(AffineExpr e, unsigned dim) {
  if (auto d = dyn_cast<AffineDimExpr>(e))
    return d.getPosition() == dim;
  auto binary = dyn_cast<AffineBinaryOpExpr>(e);
  if (!binary)
    return 0;
  if (binary.getKind() == AffineExprKind::Add)
    return stepOf(binary.getLHS(), dim) + stepOf(binary.getRHS(), dim);
  return stepOf(binary.getLHS(), dim) * cast<AffineConstantExpr>(binary.getRHS()).getValue();
}

/// The nodes that write a join, first to last.
static SmallVector<Node *> partsOf(KernelGraph &g, Value join) {
  SmallVector<Node *> parts;
  for (Node *part = g.nodeOf(join); part; part = g.nodeOf(part->op.getDpsInits()[0]))
    parts.push_back(part);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

Node &KernelGraph::partOf(Value join, int number) { return *partsOf(*this, join)[number]; }

Made KernelGraph::madeOf(Value value) {
  Made made;
  Node *node = nodeOf(value);
  if (!node)
    return made;
  if (node->kind != NodeKind::Part) {
    for (OpOperand *input : node->op.getDpsInputOperands())
      if (nodeOf(input->get()) && !isMadeElsewhere(*node, *input))
        made.from.push_back({input->get(), elementsOf(*node, *input), {}});
    return made;
  }
  made.isJoin = true;
  made.sizes = sizesOf(*this, value);
  for (Node *part : partsOf(*this, value)) {
    Made::From from{part->op.getDpsInputs()[0], {}, {}};
    if (auto starts = part->op->getAttrOfType<ArrayAttr>("weft.starts")) {
      AffineMap map = stripParts(part->op.getMatchingIndexingMap(part->op.getDpsInitOperand(0)));
      for (auto [dim, start] : llvm::enumerate(starts.getAsRange<SizeAttr>())) {
        from.place.starts.push_back(start.getSize());
        from.place.steps.push_back(std::max<int64_t>(1, stepOf(map.getResult(dim), dim))); // of size 1: no step
      }
      from.sizes = shapeOf(part->op->getAttrOfType<TypeAttr>("weft.part").getValue());
    }
    made.from.push_back(from);
  }
  return made;
}

Linear moved(Linear linear, const Place &at) {
  for (auto [coef, start, step] : llvm::zip(linear.coefs, at.starts, at.steps)) {
    linear.offset = linear.offset + coef * start;
    coef = coef * SizeExpr(step);
  }
  return linear;
}

Linear KernelGraph::store(Node &node, int buffer) {
  if (buffers[buffer].place)
    return *buffers[buffer].place;
  return linear(node.op.getMatchingIndexingMap(node.op.getDpsInitOperand(0)), node.loopDims, buffers[buffer].shape);
}

} // namespace weft
