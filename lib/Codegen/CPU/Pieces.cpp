// Decides the loops of kernels with joins (pad, concat): the index space of the results is cut into boxes (Pieces.h),
// in each of which every join is one of its parts, so a box is a map. Boxes that lie side by side are written in one
// pass through the memory of the result: row by row of what they share, each row in parts; or where such rows are
// shorter than vectors (a stack of last dimensions), by lanes across rows, a vector for each column of the result.
#include "Columns.h"
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
    std::vector<Piece> pieces;
    for (const Box &box : *boxes) {
      if (numElements(box.sizes) == SizeExpr(0) ||
          (bordersOnly && partAt(g.madeOf(results.front()), box.place, box) > 0)) // the first part fills the rest
        continue;
      pieces.push_back(pieceOf(box));
    }
    write(pieces, 0);
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

  static bool isAlike(const Box &a, const Box &b, int dim) {
    return a.sizes[dim] == b.sizes[dim] && a.place.starts[dim] == b.place.starts[dim] &&
           a.place.steps[dim] == b.place.steps[dim];
  }

  /// The first dimension from `dim` on in which pieces differ; the rank: they are one.
  int firstApart(ArrayRef<Piece> pieces, int dim) {
    while (
        dim < rank &&
        llvm::all_of(pieces.drop_front(), [&](const Piece &other) { return isAlike(pieces[0].box, other.box, dim); }))
      ++dim;
    return dim;
  }

  /// Calls `some` for neighbours that are alike in a dimension.
  void runs(ArrayRef<Piece> pieces, int dim, llvm::function_ref<void(ArrayRef<Piece>)> some) {
    for (size_t from = 0, to; from < pieces.size(); from = to) {
      for (to = from + 1; to < pieces.size() && dim < rank && isAlike(pieces[from].box, pieces[to].box, dim);)
        ++to;
      some(pieces.slice(from, to - from));
    }
  }

  /// Pieces that are alike in the dimensions before `dim`: threads share what they are all of, if that is many rows
  /// that are not long ones.
  void write(ArrayRef<Piece> pieces, int dim) {
    if (pieces.empty())
      return;
    constexpr int64_t rowBytes = 64 << 10; // a longer row is work enough to be shared out by itself
    int apart = firstApart(pieces, dim);
    setDomain(pieces.front().box.sizes);
    if (pieces.size() == 1) {
      auto all = groupsOf(pieces, 0, rank);
      if (all.size() <= 1) // one long run: the items are its elements, so a chunk is a stretch of it
        return parallel(numElements(pieces.front().box.sizes), pieces.front().bytes, pieces.front().ns,
                        [&](Value begin, Value end) { stretch(pieces.front(), 0, origin(), begin, end); });
      apart = all.back().front();
    }
    auto outer = groupsOf(pieces, 0, apart);
    Shape sizes = llvm::map_to_vector<4>(outer, [&](ArrayRef<int> dims) { return g.size(dims); });
    SizeExpr bytes = 0;
    double ns = 0;
    for (const Piece &piece : pieces) {
      SizeExpr length = numElements(ArrayRef(piece.box.sizes).drop_front(apart));
      bytes = bytes + length * piece.bytes;
      ns += piece.ns * double(length.constant().value_or(256)) + 2;
    }
    if (pieces.size() > 1 && writeAcross(pieces, apart, outer, sizes, bytes, ns))
      return;
    auto known = bytes.constant();
    if (pieces.size() > 1 && (known ? *known > rowBytes : numElements(sizes) == SizeExpr(1)))
      return runs(pieces, apart, [&](ArrayRef<Piece> run) { write(run, apart); });
    parallel(numElements(sizes), bytes, ns, [&](Value begin, Value end) {
      e.loop(begin, end, 1, [&](Value row) {
        Point point = origin();
        for (auto [dims, i] : llvm::zip(outer, e.delinearize(row, sizes)))
          setGroup(point, dims, i);
        inRow(pieces, apart, point);
      });
    });
  }

  /// Rows of which pieces have an element or two each, by lanes across them. False where rows are others.
  bool writeAcross(ArrayRef<Piece> pieces, int apart, ArrayRef<SmallVector<int>> outer, Shape sizes,
                   const SizeExpr &bytes, double ns) {
    const Shape &shape = g.buffers[g.numInputs].shape;
    auto length = numElements(ArrayRef(shape).drop_front(apart)).constant();
    auto rows = sizes.empty() ? std::nullopt : sizes.back().constant();
    if (!length || !rows || width == 1 || *rows < width || *length > mostAcross ||
        *length > int64_t(pieces.size() * width / 4))
      return false;
    const int row = outer.back().back(), lane = rank - 1;
    // The result's rows lie one after the other, and each element of them is in one piece.
    Linear whole{0, stridesOf(shape)};
    SmallVector<const Piece *> pieceOf(*length);
    SmallVector<SmallVector<int64_t>> placeIn(*length);
    for (const Piece &piece : pieces) {
      ArrayRef<SizeExpr> inner = ArrayRef(piece.box.sizes).drop_front(apart);
      for (int64_t i = 0, n = *numElements(inner).constant(); i < n; ++i) {
        SmallVector<int64_t> place;
        int64_t column = 0, rest = i;
        for (int dim = rank - 1; dim >= apart; --dim) {
          int64_t size = *piece.box.sizes[dim].constant();
          place.push_back(rest % size);
          auto start = piece.box.place.starts[dim].constant();
          if (!start)
            return false;
          column += (*start + place.back() * piece.box.place.steps[dim]) * *whole.coefs[dim].constant();
          rest /= size;
        }
        pieceOf[column] = &piece; // of a padding between elements the one behind, which is written last
        placeIn[column].assign(place.rbegin(), place.rend());
      }
    }
    if (!llvm::all_of(pieceOf, [](const Piece *piece) { return piece; }) ||
        llvm::any_of(ArrayRef(pieces.front().box.place.steps).take_front(apart),
                     [](int64_t step) { return step != 1; }))
      return false;
    const Columns columns{e, width, *length, row, lane};
    const int64_t blocks = *rows / width, rest = *rows % width;
    sizes.back() = SizeExpr(blocks + (rest ? 1 : 0));
    auto block = [&](const Point &first) {
      for (const Output &output : g.outputs()) {
        SmallVector<Value> made;
        for (auto [piece, place] : llvm::zip(pieceOf, placeIn)) {
          setDomain(piece->box.sizes);
          e.box = &piece->box;
          Frame frame;
          frame.point = first;
          frame.point.lane = row;
          frame.point.width = width;
          for (auto [i, index] : llvm::enumerate(place))
            frame.point.indices[apart + i] = e.index(index);
          frame.place = piece->box.place;
          made.push_back(e.evaluate(output.value, frame));
        }
        e.box = nullptr;
        e.loc = g.nodeOf(output.value)->op.getLoc();
        Linear store = whole;
        for (int dim = 0; dim < apart; ++dim)
          store.offset = store.offset + store.coefs[dim] * pieces.front().box.place.starts[dim];
        columns.store(std::move(made), e.pointers[output.buffer], g.buffers[output.buffer].element, store, first, 0);
      }
    };
    parallel(numElements(sizes), bytes * SizeExpr(width), ns * width, [&](Value begin, Value end) {
      e.loop(begin, end, 1, [&](Value item) {
        auto place = e.delinearize(item, sizes);
        Point first = origin();
        for (auto [dims, i] : llvm::zip(outer, place))
          setGroup(first, dims, i);
        first.indices[row] = e.mul(place.back(), SizeExpr(width));
        if (!rest)
          return block(first);
        e.when(
            e.isLess(place.back(), e.index(blocks)), [&] { block(first); },
            [&] {
              e.loop(first.indices[row], e.index(*rows), 1, [&](Value i) {
                Point point = first;
                point.indices[row] = i;
                inRow(pieces, apart, point);
              });
            });
      });
    });
    return true;
  }

  /// One after another what pieces have of one index of the dimensions before `dim`.
  void inRow(ArrayRef<Piece> pieces, int dim, const Point &row) {
    int apart = firstApart(pieces, dim);
    setDomain(pieces.front().box.sizes);
    if (pieces.size() == 1) {
      auto rest = groupsOf(pieces, dim, rank);
      apart = rest.empty() ? dim : rest.back().front();
    }
    auto outer = groupsOf(pieces, dim, apart);
    Shape sizes = llvm::map_to_vector<4>(outer, [&](ArrayRef<int> dims) { return g.size(dims); });
    std::function<void(unsigned, Point)> over = [&](unsigned level, Point at) {
      if (level < outer.size())
        return e.loop(e.index(0), e.index(sizes[level]), 1, [&](Value i) {
          Point deeper = at;
          setGroup(deeper, outer[level], i);
          over(level + 1, deeper);
        });
      if (pieces.size() == 1)
        return stretch(pieces.front(), apart, at, e.index(0),
                       e.index(numElements(ArrayRef(pieces.front().box.sizes).drop_front(apart))));
      runs(pieces, apart, [&](ArrayRef<Piece> run) { inRow(run, apart, at); });
    };
    over(0, row);
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

  /// The elements begin .. end-1 of a row of a piece, which is of the dimensions from `first` on.
  void stretch(const Piece &piece, int first, Point row, Value begin, Value end) {
    setDomain(piece.box.sizes);
    e.box = &piece.box;
    auto lanes = groupsOf(piece, first, rank);
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
