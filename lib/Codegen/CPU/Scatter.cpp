// Decides the loops of windows written at computed starts (a generic with `weft.scatter`, see LowerContext::scatter):
// per index of the batch, the windows are written in order, lanes along the innermost dimensions of a window. Before
// that the array is copied to the result, unless the plan says that it is there (`weft.over`).
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/Schedule.h"
#include "weft/Dialect/Weft/Lower.h"
#include "weft/Dialect/Weft/Weft.h"

using namespace mlir;

namespace weft {
namespace {

class Scatter {
public:
  Scatter(Emitter &e, const Schedule &schedule)
      : e(e), g(e.graph), b(e.b), node(g.nodes[g.scatter]), width(schedule.lanes) {
    auto attr = node.op->getAttrOfType<DictionaryAttr>("weft.scatter");
    batch = attr.getAs<IntegerAttr>("batch").getInt();
    dims = attr.getAs<DenseI64ArrayAttr>("dims").asArrayRef();
    for (Attribute size : attr.getAs<ArrayAttr>("sizes"))
      loops.push_back(cast<SizeAttr>(size).getSize());
    auto over = g.function->getAttrOfType<DenseI64ArrayAttr>("weft.over");
    isThere = over && over[0] >= 0;
  }

  void emit() {
    const Shape &whole = g.buffers[out()].shape;
    SizeExpr items = numElements(ArrayRef(whole).take_front(batch)),
             part = numElements(ArrayRef(whole).drop_front(batch));
    SizeExpr written = numElements(ArrayRef(loops).drop_front(batch)), moved = isThere ? written : part + written;
    double ns = 10 + 0.2 * double(moved.constant().value_or(1024));
    SizeExpr bytes = moved * SizeExpr(int64_t(Emitter::byteWidth(element())));
    e.parallel(items, bytes, ns, [&](Value begin, Value end) {
      e.loop(begin, end, 1, [&](Value item) {
        if (!isThere)
          copy(item, part);
        write(item);
      });
    });
  }

private:
  Emitter &e;
  KernelGraph &g;
  OpBuilder &b;
  Node &node;
  unsigned width;
  int64_t batch = 0;
  ArrayRef<int64_t> dims;
  Shape loops;
  bool isThere = false;

  int out() const { return g.numInputs; }
  Type element() const { return g.buffers[out()].element; }

  /// Gives a value made in the kernel, and what it is made of, the loops of its reader.
  void place(Value value, ArrayRef<int> at) {
    Node *maker = g.nodeOf(value);
    if (!maker)
      return;
    maker->loopDims.assign(at.begin(), at.end()); // it writes its elements in order
    for (OpOperand *input : maker->op.getDpsInputOperands())
      place(input->get(), dimsOf(maker->op.getMatchingIndexingMap(input), at));
  }
  static SmallVector<int> dimsOf(AffineMap map, ArrayRef<int> loops) {
    return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      return dim ? loops[dim.getPosition()] : -1;
    });
  }

  void copy(Value item, const SizeExpr &part) {
    OpOperand &init = *node.op.getDpsInitOperand(0);
    Node *maker = g.nodeOf(init.get());
    Linear flat{0, {part, SizeExpr(1)}};
    Point point;
    auto at = [&](Value i, Value mask) {
      point.indices = {item, i};
      point.lane = width > 1 ? 1 : -1;
      point.width = width;
      point.mask = mask;
    };
    bool byIndex = maker && (maker->op.getNumDpsInputs() || !maker->body().getOps<linalg::IndexOp>().empty());
    if (!byIndex) {
      e.lanes(part, width, [&](Value i, Value mask) {
        at(i, mask);
        Frame frame;
        Value value =
            maker ? e.evaluate(init.get(), frame) : e.load(e.pointers[g.bufferOf(init.get())], element(), flat, point);
        e.store(value, e.pointers[out()], element(), flat, point);
      });
      return;
    }
    // Made from indices (an iota, a table of constants): one dimension after the other.
    const Shape &whole = g.buffers[out()].shape;
    g.domain = whole;
    g.isReduced.assign(whole.size(), false);
    place(init.get(), llvm::to_vector(llvm::seq<int>(0, whole.size())));
    e.loop(e.index(0), e.index(part), 1, [&](Value i) {
      Frame frame;
      frame.point.indices = e.delinearize(item, ArrayRef(whole).take_front(batch));
      llvm::append_range(frame.point.indices, e.delinearize(i, ArrayRef(whole).drop_front(batch)));
      Value value = e.evaluate(init.get(), frame);
      point.indices = {item, i};
      e.store(value, e.pointers[out()], element(), flat, point);
    });
  }

  void write(Value item) {
    g.domain = loops;
    g.isReduced.assign(loops.size(), false);
    SmallVector<int> all = llvm::to_vector(llvm::seq<int>(0, loops.size()));
    node.loopDims.assign(all.begin(), all.end());
    for (OpOperand *input : node.op.getDpsInputOperands())
      place(input->get(), dimsOf(node.op.getMatchingIndexingMap(input), all));
    // Loops of the index tuples, and those of a window.
    SmallVector<bool> isTuple(loops.size(), true);
    for (AffineExpr expr : stripParts(node.op.getMatchingIndexingMap(node.op.getDpsInitOperand(0))).getResults())
      isTuple[cast<AffineDimExpr>(expr).getPosition()] = false;
    SmallVector<int> tuple, window;
    for (int i = batch; i < int(loops.size()); ++i)
      (isTuple[i] ? tuple : window).push_back(i);
    auto sizesOf = [&](ArrayRef<int> which) { return llvm::map_to_vector<4>(which, [&](int i) { return loops[i]; }); };
    Shape tupleSizes = sizesOf(tuple);
    SmallVector<Value> first = e.delinearize(item, ArrayRef(loops).take_front(batch));
    first.resize(loops.size());
    for (unsigned i = batch; i < loops.size(); ++i)
      first[i] = e.index(0);

    e.loop(e.index(0), e.index(numElements(tupleSizes)), 1, [&](Value number) {
      Frame frame;
      frame.point.indices = SmallVector<Value, 4>(first.begin(), first.end());
      for (auto [dim, i] : llvm::zip(tuple, e.delinearize(number, tupleSizes)))
        frame.point.indices[dim] = i;
      Shape strides = stridesOf(g.buffers[out()].shape);
      Value offset = e.index(0), inside;
      for (auto [c, dim] : llvm::enumerate(dims)) {
        Value start = e.payload(node, node.body().getArgument(c), frame);
        Value here = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::sge, start, e.index(0));
        inside = inside ? b.createOrFold<arith::AndIOp>(e.loc, inside, here) : here;
        offset = e.add(offset, e.mul(start, strides[dim]));
      }
      auto windowAt = [&] { writeWindow(frame.point, window, e.address(e.pointers[out()], element(), offset)); };
      if (!inside)
        return windowAt();
      e.when(inside, windowAt);
    });
  }

  void writeWindow(const Point &tuple, ArrayRef<int> window, Value base) {
    Linear target = g.store(node, out());
    Value result = cast<linalg::YieldOp>(node.body().getTerminator()).getOperand(0);
    BlockArgument before = node.body().getArguments().back();
    auto element = [&](const Point &point) {
      Frame frame;
      frame.point = point;
      if (!before.use_empty())
        frame.known[before] = e.load(base, this->element(), target, point);
      Value value = e.payload(node, result, frame);
      e.store(value, base, this->element(), target, point);
    };
    // The innermost dimensions through which the update and the result step as through one are the lanes.
    SmallVector<SmallVector<int>> groups = g.join(window, [&](int x, int y) {
      return g.readsAsOne(node, x, y) && g.asOne(target, x, y) &&
             llvm::all_of(node.op.getDpsInputs(), [&](Value input) {
               Node *maker = g.nodeOf(input);
               return !maker || g.readsAsOne(*maker, x, y);
             });
    });
    if (groups.empty()) {
      element(tuple);
      return;
    }
    SmallVector<int> lane = groups.pop_back_val();
    Shape sizes = llvm::map_to_vector<4>(groups, [&](ArrayRef<int> dims) { return g.size(dims); });
    e.loop(e.index(0), e.index(numElements(sizes)), 1, [&](Value row) {
      Point point = tuple;
      for (auto [dims, i] : llvm::zip(groups, e.delinearize(row, sizes)))
        point.indices[dims.back()] = i;
      e.lanes(g.size(lane), width, [&](Value i, Value mask) {
        point.indices[lane.back()] = i;
        point.lane = width > 1 ? lane.back() : -1;
        point.width = width;
        point.mask = mask;
        element(point);
      });
    });
  }
};

} // namespace

LogicalResult emitScatter(Emitter &emitter, const Schedule &schedule) {
  Scatter(emitter, schedule).emit();
  return success();
}

} // namespace weft
