// Decides the loops of kernels with joins (pad, concat): the index space of the results is cut into boxes (Pieces.h),
// in each of which every join is one of its parts, so a box is a map. Boxes that share rows are written row by row.
#include "Sweep.h"
#include "weft/Codegen/CPU/MadeSizes.h"

using namespace mlir;

namespace weft {

namespace {

/// A box, and what its loops read.
struct Piece {
  Box box;
  SmallVector<Linear, 0> accesses; // over the steps of the box, the results' among them
  SmallVector<bool> asked;         // dimensions whose index something in it asks for
  bool isWhole = true;             // dimensions may be joined
  SizeExpr bytes = 0;              // per element
  double ns = 0;
};

/// Pieces that are written together, row by row; `first` is the first dimension of a row.
struct Rows {
  std::vector<Piece> pieces;
  int first;
};

class Pieces {
public:
  Pieces(Emitter &e, const Schedule &schedule) : e(e), g(e.graph), schedule(schedule), width(schedule.lanes) {}

  /// All boxes, or those that a padding fills around what is made elsewhere.
  LogicalResult emit(bool bordersOnly = false) {
    for (Node &node : g.nodes)
      node.loopDims = llvm::to_vector<4>(llvm::seq<int>(0, node.op.getNumLoops()));
    Shape shape = g.buffers[g.numInputs].shape;
    rank = shape.size();
    setDomain(shape);
    for (const Output &output : g.outputs())
      results.push_back(output.value);
    auto made = [&](Value value) {
      Node *node = g.nodeOf(value);
      return bordersOnly && node && node->kind != NodeKind::Part ? Made() : g.madeOf(value);
    };
    auto boxes = cutPieces(results, shape, made, /*most=*/SIZE_MAX);
    if (!boxes)
      return g.function.emitError("[WF4108] expected joins whose parts are told by their sizes");
    std::vector<Rows> all;
    for (const Box &box : *boxes) {
      if (numElements(box.sizes) == SizeExpr(0) ||
          (bordersOnly && partAt(g.madeOf(results.front()), box.place, box) > 0)) // the first part fills the rest
        continue;
      Piece piece = pieceOf(box);
      if (all.empty() || !joins(all.back(), piece))
        all.push_back({{piece}, lastOf(piece)});
    }
    for (Rows &rows : all)
      write(rows);
    return success();
  }

private:
  void setDomain(const Shape &sizes) {
    g.domain = sizes;
    g.isReduced.assign(sizes.size(), false);
  }

  Linear storeAt(const Box &box) {
    Linear linear{0, stridesOf(g.buffers[g.numInputs].shape)};
    return moved(linear, box.place);
  }

  Piece pieceOf(const Box &box) {
    Piece piece;
    piece.box = box;
    piece.asked.assign(rank, false);
    piece.accesses.push_back(storeAt(box));
    SmallVector<bool> touched(g.buffers.size(), false);
    auto touch = [&](int buffer) {
      if (!std::exchange(touched[buffer], true))
        piece.bytes = piece.bytes + SizeExpr(Emitter::byteWidth(g.buffers[buffer].element));
    };
    for (const Output &output : g.outputs())
      touch(output.buffer);
    auto made = [&](Value value) { return g.madeOf(value); };
    visitBox(results, box, made, [&](Value value, const Place &at, int part) {
      Node *node = g.nodeOf(value);
      if (!node)
        return;
      Place own = at;
      if (part >= 0) {
        own = within(at, g.madeOf(value).from[part].place);
        node = &g.partOf(value, part);
      }
      piece.ns += node->isExpensive ? 3.0 : 0.05;
      for (OpOperand *input : node->op.getDpsInputOperands()) {
        if (int buffer = g.bufferOf(input->get()); buffer >= 0) {
          piece.accesses.push_back(moved(g.access(*node, *input, buffer), own));
          touch(buffer);
        }
        piece.isWhole &= !g.isMadeElsewhere(*node, *input);
      }
      node->body().walk([&](Operation *op) {
        if (auto index = dyn_cast<linalg::IndexOp>(op))
          piece.asked[index.getDim()] = true;
        if (op->getName().getStringRef() == "tensor.extract")
          piece.isWhole &= g.bufferOf(op->getOperand(0)) >= 0;
      });
    });
    piece.ns = piece.ns / std::max(1u, width / 2) + 0.02 * double(*piece.bytes.constant());
    return piece;
  }

  /// Neighbouring dimensions that a piece steps through as through one.
  SmallVector<SmallVector<int>> groupsOf(ArrayRef<Piece> pieces, int begin, int end) {
    return g.join(llvm::to_vector(llvm::seq<int>(begin, end)), [&](int first, int second) {
      return llvm::all_of(pieces, [&](const Piece &piece) {
        return piece.isWhole && !piece.asked[first] && !piece.asked[second] &&
               llvm::all_of(piece.accesses, [&](const Linear &access) { return g.asOne(access, first, second); });
      });
    });
  }

  /// The first dimension of the last group of a piece.
  int lastOf(const Piece &piece) {
    setDomain(piece.box.sizes);
    auto groups = groupsOf(piece, 0, rank);
    return groups.empty() ? 0 : groups.back().front();
  }

  /// Whether a piece is a run behind those of `rows`, in rows that a thread takes several of.
  bool joins(Rows &rows, const Piece &piece) {
    constexpr int64_t rowBytes = 64 << 10; // a longer row is work enough to be shared out by itself
    const Box &before = rows.pieces.front().box;
    int first = 0;
    while (first < rank && before.sizes[first] == piece.box.sizes[first] &&
           before.place.starts[first] == piece.box.place.starts[first] &&
           before.place.steps[first] == piece.box.place.steps[first])
      ++first;
    if (first == rank || (rows.pieces.size() > 1 && first != rows.first))
      return false;
    SizeExpr bytes = 0, outer = 1;
    for (int dim = 0; dim < first; ++dim)
      outer = outer * piece.box.sizes[dim];
    std::vector<Piece> together = rows.pieces;
    together.push_back(piece);
    for (const Piece &one : together) {
      setDomain(one.box.sizes);
      if (groupsOf(one, first, rank).size() > 1)
        return false;
      bytes = bytes + numElements(ArrayRef(one.box.sizes).drop_front(first)) * one.bytes;
    }
    auto known = bytes.constant();
    if (known ? *known > rowBytes : outer == SizeExpr(1))
      return false;
    rows = {together, first};
    return true;
  }

  void write(Rows &rows) {
    setDomain(rows.pieces.front().box.sizes);
    auto outer = groupsOf(rows.pieces, 0, rows.first);
    SizeExpr bytes = 0;
    double ns = 0;
    for (const Piece &piece : rows.pieces) {
      SizeExpr length = lengthOf(rows, piece);
      bytes = bytes + length * piece.bytes;
      ns += piece.ns * double(length.constant().value_or(256)) + 2;
    }
    if (outer.empty() && rows.pieces.size() == 1) {
      // One long run: the items are its elements, so a chunk is a stretch of it.
      const Piece &piece = rows.pieces.front();
      return parallel(lengthOf(rows, piece), piece.bytes, piece.ns,
                      [&](Value begin, Value end) { stretch(rows, piece, origin(), begin, end); });
    }
    Shape sizes = llvm::map_to_vector<4>(outer, [&](ArrayRef<int> dims) { return g.size(dims); });
    parallel(numElements(sizes), bytes, ns, [&](Value begin, Value end) {
      e.loop(begin, end, 1, [&](Value row) {
        Point point = origin();
        for (auto [dims, i] : llvm::zip(outer, e.delinearize(row, sizes)))
          setGroup(point, dims, i);
        for (const Piece &piece : rows.pieces)
          stretch(rows, piece, point, e.index(0), e.index(lengthOf(rows, piece)));
      });
    });
  }

  SizeExpr lengthOf(const Rows &rows, const Piece &piece) {
    return numElements(ArrayRef(piece.box.sizes).drop_front(rows.first));
  }

  Point origin() {
    Point point;
    point.indices.assign(rank, e.index(0));
    return point;
  }

  void parallel(const SizeExpr &items, const SizeExpr &bytes, double ns, llvm::function_ref<void(Value, Value)> body) {
    e.parallel(items, bytes, ns, [&](Value begin, Value end) {
      body(begin, end);
      if (schedule.stream)
        e.fenceStreams();
    });
  }

  /// The elements begin .. end-1 of a row of a piece.
  void stretch(const Rows &rows, const Piece &piece, Point row, Value begin, Value end) {
    setDomain(piece.box.sizes);
    e.box = &piece.box;
    auto lanes = groupsOf(piece, rows.first, rank);
    Linear store = storeAt(piece.box);
    auto write = [&](Frame frame) {
      frame.place = piece.box.place;
      for (const Output &output : g.outputs()) {
        Value value = e.evaluate(output.value, frame);
        e.loc = g.nodeOf(output.value)->op.getLoc();
        e.store(value, e.pointers[output.buffer], g.buffers[output.buffer].element, store, frame.point);
      }
    };
    if (lanes.empty()) {
      Frame frame;
      frame.point = row;
      write(frame);
    } else {
      int lane = lanes.back().back();
      auto step = [&](Value i, Value mask, unsigned) {
        Frame frame;
        frame.point = row;
        frame.point.indices[lane] = i;
        frame.point.lane = width > 1 ? lane : -1;
        frame.point.width = width;
        frame.point.mask = mask;
        write(frame);
      };
      int buffer = g.outputs().front().buffer;
      Type element = g.buffers[buffer].element;
      if (schedule.stream && g.numResults == 1 && !piece.box.isUnder && store.coefs[lane] == SizeExpr(1) &&
          streamsVectors(width, element)) {
        row.indices[lane] = begin;
        streamedSteps(e, width, width, begin, end, element,
                      e.address(e.pointers[buffer], element, e.offset(store, row)), step);
      } else {
        vectorSteps(e, width, width, begin, end, step);
      }
    }
    e.box = nullptr;
  }

  Emitter &e;
  KernelGraph &g;
  const Schedule &schedule;
  unsigned width;
  int rank = 0;
  SmallVector<Value> results;
};

} // namespace

LogicalResult emitPieces(Emitter &emitter, const Schedule &schedule) { return Pieces(emitter, schedule).emit(); }

LogicalResult emitBorders(Emitter &emitter, const Schedule &schedule) {
  KernelGraph &g = emitter.graph;
  bool isPadded = g.nodeOf(g.outputs().front().value)->kind == NodeKind::Part;
  return isPadded ? Pieces(emitter, schedule).emit(/*bordersOnly=*/true) : success();
}

void choosePieces(KernelGraph &g, const Target &target, Schedule &s) {
  s.form = Form::Pieces;
  s.lanes = lanesOf(g, target);
  // As a sweep: a result that no cache holds is stored past them.
  auto elements = numElements(g.buffers[g.numInputs].shape).constant(), touched = touchedBytes(g);
  int64_t written = elements.value_or(0) * int64_t(Emitter::byteWidth(g.buffers[g.numInputs].element));
  s.stream = target.streams && s.lanes > 1 && g.numResults == 1 && written >= target.l3Bytes / 4 && touched &&
             *touched >= target.l3Bytes;
}

} // namespace weft
