// Decides the schedule of a contraction: which operand gives lanes, the register tile, the blocks of rows, lanes and k,
// and which operands are packed, from sizes, strides and the target's caches.
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/Schedule.h"
#include <numeric>

using namespace mlir;

namespace weft {

/// Rows of few tiles, for which the other operand is turned in registers, since what is turned is hardly used again.
constexpr int64_t fewRows = 12;

FailureOr<Contraction> Contraction::build(KernelGraph &g, int number, bool turned) {
  Contraction c;
  c.number = number;
  Node &node = g.nodes[number];
  Value acc = node.body().getArgument(2);
  Operation *add = cast<linalg::YieldOp>(node.body().getTerminator()).getOperand(0).getDefiningOp();
  c.product = add->getOperand(add->getOperand(0) == acc ? 1 : 0).getDefiningOp();
  c.accumulator = acc.getType();

  auto indexes = [&](int input) {
    SmallVector<bool> used(node.op.getNumLoops(), false);
    for (AffineExpr expr : node.op.getMatchingIndexingMap(node.op.getDpsInputOperand(input)).getResults())
      expr.walk([&](AffineExpr inner) {
        if (auto d = dyn_cast<AffineDimExpr>(inner))
          used[d.getPosition()] = true;
      });
    return used;
  };
  auto left = indexes(0), right = indexes(1);
  for (auto [i, iterator] : llvm::enumerate(node.op.getIteratorTypesArray()))
    (iterator == utils::IteratorType::reduction ? c.folded
     : left[i] && !right[i]                     ? c.rows
     : !left[i] && right[i]                     ? c.lanes
                                                : c.batch)
        .push_back(node.loopDims[i]);
  // Lanes run along the innermost dimension of the result, which may be the left operand's: the steps of a convolution.
  auto innermost = [&] {
    for (AffineExpr expr : llvm::reverse(node.op.getMatchingIndexingMap(node.op.getDpsInitOperand(0)).getResults()))
      if (int d = node.loopDims[cast<AffineDimExpr>(expr).getPosition()]; g.domain[d] != SizeExpr(1))
        return d;
    return -1;
  };
  auto swap = [&] {
    std::swap(c.left, c.right);
    std::swap(c.rows, c.lanes);
  };
  if (llvm::all_of(c.lanes, [&](int d) { return g.domain[d] == SizeExpr(1); }) ||
      (!turned && llvm::is_contained(c.rows, innermost())))
    swap(); // matrix times vector: the matrix's rows are the lanes
  // A tall matrix, whose k lie side by side, times one of few columns, which fill no vector: its rows are the lanes
  // too, turned in registers; results, fewer by far, are stored apart.
  auto sizeOf = [&](ArrayRef<int> dims) { return g.size(dims).constant().value_or(0); };
  auto readsAlongK = [&](int input) {
    OpOperand &operand = *node.op.getDpsInputOperand(input);
    int buffer = g.bufferOf(operand.get());
    return buffer >= 0 && !g.buffers[buffer].panel && c.folded.size() == 1 &&
           g.access(node, operand, buffer).coefs[c.folded.back()] == SizeExpr(1);
  };
  if (!turned && g.second < 0 && isa<FloatType>(c.accumulator) && sizeOf(c.lanes) > 1 && sizeOf(c.lanes) <= fewRows &&
      sizeOf(c.rows) >= 4 * fewRows && sizeOf(c.folded) >= 4 * fewRows && readsAlongK(c.left))
    swap();
  OpOperand &l = *node.op.getDpsInputOperand(c.left), &r = *node.op.getDpsInputOperand(c.right);
  c.leftBuffer = g.bufferOf(l.get());
  c.rightBuffer = g.bufferOf(r.get());
  // An operand made in the kernel (a constant) is evaluated where it is read, and stands nowhere.
  Linear nowhere{0, SmallVector<SizeExpr, 4>(g.domain.size(), SizeExpr(0))};
  c.leftAccess = c.leftBuffer < 0 ? nowhere : g.access(node, l, c.leftBuffer);
  c.rightAccess = c.rightBuffer < 0 ? nowhere : g.access(node, r, c.rightBuffer);
  c.leftPanel = c.leftBuffer < 0 ? PanelAttr() : g.buffers[c.leftBuffer].panel;
  c.rightPanel = c.rightBuffer < 0 ? PanelAttr() : g.buffers[c.rightBuffer].panel;
  return c;
}

Value Contraction::side(int input) const {
  for (Value operand : product->getOperands()) {
    Value from = operand;
    while (Operation *op = from.getDefiningOp())
      from = op->getOperand(0);
    if (from == product->getBlock()->getArgument(input))
      return operand;
  }
  llvm_unreachable("the product's operands are each one input, perhaps converted");
}

bool Contraction::widensPanel(KernelGraph &g, const Target &target) const {
  return target.widensPanels && rightBuffer >= 0 && isa<FloatType>(accumulator) &&
         g.buffers[rightBuffer].element != accumulator;
}

SmallVector<SmallVector<int>> Contraction::groups(KernelGraph &g, ArrayRef<int> dims, bool asWritten,
                                                  bool asRead) const {
  auto outputs = g.outputs();
  return g.join(dims, [&](int first, int second) {
    auto isRead = [&](const Linear &access, ArrayRef<int> places) {
      return (!asRead && llvm::is_contained(places, first)) || g.asOne(access, first, second);
    };
    if (!isRead(leftAccess, rows) || !isRead(rightAccess, lanes))
      return false;
    if (!asWritten && leftBuffer >= 0 && rightBuffer >= 0)
      return true;
    return llvm::all_of(
               g.nodes,
               [&](Node &other) { return other.kind != NodeKind::Map || g.readsAsOne(other, first, second); }) &&
           (!asWritten || llvm::all_of(outputs, [&](const Output &output) {
             return g.asOne(g.store(*g.nodeOf(output.value), output.buffer), first, second);
           }));
  });
}

int64_t extent(KernelGraph &g, ArrayRef<int> dims) {
  int64_t size = 1;
  for (int dim : dims)
    size *= std::max<int64_t>(1, g.domain[dim].constant().value_or(256));
  return size;
}

namespace {

int64_t ceilDiv(int64_t x, int64_t y) { return (x + y - 1) / y; }
int64_t roundUp(int64_t x, int64_t y) { return ceilDiv(x, y) * y; }
/// The block of at most about `most` that divides a size evenly, in whole steps.
int64_t evenBlock(int64_t size, int64_t most, int64_t step) {
  return roundUp(ceilDiv(size, ceilDiv(size, std::max(most, step))), step);
}

/// The largest block of at most `most` and at least two thirds of that, in whole steps, at which two, four and eight
/// threads, each taking one after another, wait for the last one hardly longer than at any.
int64_t fairBlock(int64_t size, int64_t most, int64_t step) {
  auto taken = [&](int64_t block) {
    int64_t sum = 0;
    for (int64_t threads : {2, 4, 8})
      sum += roundUp(ceilDiv(size, block), threads) * block;
    return sum;
  };
  const int64_t last = std::max(most / step, int64_t(1)) * step;
  int64_t fewest = taken(last), block = last;
  for (int64_t other = last; other * 3 >= last * 2; other -= step)
    fewest = std::min(fewest, taken(other));
  while (taken(block) * 50 > fewest * 51)
    block -= step;
  return block;
}

/// Whether lines this far apart fall into few sets of the first cache, whose ways are 4 KB apart.
bool fallsInFewSets(std::optional<int64_t> bytes) { return !bytes || std::gcd(*bytes, int64_t(4096)) > 128; }

/// Whether vectors of lanes side by side lie across two lines: rows of the right operand begin anywhere.
bool crossesLines(KernelGraph &g, const Contraction &c) {
  if (c.rightBuffer < 0 || c.lanes.empty() || c.folded.empty() || c.rightAccess.coefs[c.lanes.back()] != SizeExpr(1))
    return false;
  auto row = c.rightAccess.coefs[c.folded.back()].constant();
  return row && *row * int64_t(Emitter::byteWidth(g.buffers[c.rightBuffer].element)) % 64;
}

/// Steps of k in a step of the first folded dimension: those of a convolution's window.
int64_t windowOf(KernelGraph &g, const Contraction &c) {
  return c.folded.empty() ? 1 : extent(g, ArrayRef(c.folded).drop_front());
}

/// A tile whose steps are too short to wait for lines of the second cache.
bool hasSmallTile(const Target &target) { return tallestTile(target, 2) < 12; }

/// The rows of a turned tile are read in place where the steps of a tile take long enough to wait for lines of the
/// second cache, that is where it is large, and where those of an image fill it, or a window reads them often; else
/// they are packed, if lanes enough use them: more where they do not lie side by side, which takes twice as long. With
/// a large tile too, where sums are long enough to pay for the way of the results: those that lie apart, and those of
/// small images, read or written in rows that fill no tile.
bool packsRowsOf(KernelGraph &g, const Contraction &turned, const Target &target) {
  const int64_t tallest = tallestTile(target, 2);
  auto rowsOf = [&](bool inPlace) {
    auto groups = turned.groups(g, turned.rows, /*asWritten=*/inPlace, /*asRead=*/inPlace);
    return groups.empty() ? 1 : extent(g, groups.back());
  };
  bool isShort = 2 * rowsOf(true) <= tallest && rowsOf(false) >= 2 * tallest;
  bool sideBySide = turned.leftAccess.coefs[turned.rows.back()] == SizeExpr(1);
  int64_t vectors = extent(g, turned.lanes) / target.lanes(Emitter::byteWidth(turned.accumulator));
  if (hasSmallTile(target))
    return vectors >= (sideBySide ? 8 : 16);
  return vectors >= 16 && windowOf(g, turned) == 1 && (isShort || !sideBySide) &&
         extent(g, turned.folded) >= 8 * tallest;
}

} // namespace

int64_t tallestTile(const Target &target, int64_t vectors) {
  return (int64_t(target.vectorRegisters) - target.repeatRegisters - vectors) / vectors;
}

bool leavesFewIdle(int64_t rows, int64_t height) { return (roundUp(rows, height) - rows) * 256 <= rows; }

int64_t tileRows(int64_t rows, int64_t most, int64_t least) {
  for (int64_t some = most; some >= least; --some)
    if (rows % some == 0)
      return some;
  for (int64_t some = most; some >= least; --some)
    if (leavesFewIdle(rows, some))
      return some;
  return ceilDiv(rows, ceilDiv(rows, most));
}

std::optional<Contraction> turnedContraction(KernelGraph &g, const Target &target) {
  auto plain = Contraction::build(g, g.contraction), turned = Contraction::build(g, g.contraction, /*turned=*/true);
  if (failed(plain) || failed(turned) || plain->left == turned->left || turned->lanes.size() != 1 ||
      !llvm::all_of(g.domain, [](const SizeExpr &size) { return size.constant().has_value(); }))
    return std::nullopt;
  int64_t width = target.lanes(Emitter::byteWidth(turned->accumulator)), lanes = extent(g, turned->lanes);
  auto isWide = [&](int buffer) { return buffer >= 0 && g.buffers[buffer].element == turned->accumulator; };
  if (width < 4 || lanes % width || !isWide(turned->leftBuffer) || !isWide(turned->rightBuffer))
    return std::nullopt;
  // Results are turned on their way to memory, which few products do not pay for.
  if (extent(g, turned->folded) < 4 * width)
    return std::nullopt;
  // Rows that are read in place share lines.
  auto step = turned->leftAccess.coefs[turned->rows.back()].constant();
  if (!step || *step * int64_t(Emitter::byteWidth(turned->accumulator)) > 64)
    return std::nullopt;
  // Steps as lanes cost a copy where they lie in pieces, and lose lanes where they fill few vectors.
  auto steps = plain->groups(g, plain->lanes, true, /*asRead=*/false), read = plain->groups(g, plain->lanes, true);
  if (steps.empty())
    return std::nullopt;
  int64_t size = extent(g, steps.back());
  bool inPieces =
      read.back().size() < steps.back().size() || plain->rightAccess.coefs[plain->lanes.back()] != SizeExpr(1);
  // Rows that are packed are one, however they are written: better than steps in pieces of few strips, if products are
  // many more than results, which are turned.
  bool isPacked = steps.size() > 1 && size < 16 * width && extent(g, turned->folded) >= 32 * width &&
                  packsRowsOf(g, *turned, target);
  if (!isPacked && !inPieces && roundUp(size, width) * 20 <= size * 21)
    return std::nullopt;
  return *turned;
}

SmallVector<PanelAttr> panelsOf(KernelGraph &g, const Contraction &c, const Schedule &s, const Target &target) {
  SmallVector<PanelAttr> panels(g.numInputs);
  if (s.group > 1) // such panels belong to one kernel
    return panels;
  Node &node = g.nodes[g.contraction];
  auto panel = [&](int input, int buffer, ArrayRef<int> places, int64_t strip) {
    // The whole of an argument of known sizes, which nothing else reads: each of its dimensions is one of the loops.
    Value operand = node.op.getDpsInputOperand(input)->get();
    AffineMap map = node.op.getMatchingIndexingMap(node.op.getDpsInputOperand(input));
    if (buffer < 0 || buffer >= int(g.numInputs) || !operand.hasOneUse() || !map.isProjectedPermutation())
      return;
    SmallVector<int64_t> lanes, folded;
    auto dimsOf = [&](ArrayRef<int> loops, SmallVector<int64_t> &into) {
      for (int loop : loops)
        for (auto [dim, e] : llvm::enumerate(map.getResults()))
          if (node.loopDims[cast<AffineDimExpr>(e).getPosition()] == loop &&
              g.domain[loop] == g.buffers[buffer].shape[dim])
            into.push_back(dim);
    };
    dimsOf(places, lanes);
    dimsOf(c.folded, folded);
    bool known =
        llvm::all_of(g.buffers[buffer].shape, [](const SizeExpr &size) { return size.constant().has_value(); });
    if (known && lanes.size() + folded.size() == map.getNumResults())
      panels[buffer] = PanelAttr::get(g.function.getContext(), strip, lanes, folded);
  };
  if (auto turned = turnedContraction(g, target); turned && !s.turned) {
    Schedule other;
    other.turned = true;
    chooseTile(g, *turned, target, other);
    return panelsOf(g, *turned, other, target);
  }
  // Strips run along one group of rows or lanes. What stays in the first cache is read as fast in any layout; a turned
  // tile reads no other.
  auto isLarge = [&](ArrayRef<int> places) {
    int64_t bytes = extent(g, places) * extent(g, c.folded) * int64_t(Emitter::byteWidth(c.accumulator));
    return s.turned || bytes > target.l1Bytes;
  };
  if (s.rows > 1 && !s.turned && isLarge(c.rows) && c.groups(g, c.rows, true).size() == 1)
    panel(c.left, c.leftBuffer, c.rows, s.rows);
  // A row of a strip is packed in passing in the time of some 8 rows of a step, or turned, at a cost that many tiles
  // hide.
  bool sideBySide = c.lanes.empty() || c.rightAccess.coefs[c.lanes.back()] == SizeExpr(1);
  bool inPassing = s.packRight == Pack::Item && s.ahead && extent(g, c.rows) >= (sideBySide ? 96 : 32 * s.rows);
  // Strips begin with lines: only few rows need more than two vectors. Rows that one tile of one vector takes are not
  // split over two of two: it passes over what comes from memory once.
  const int64_t rows = extent(g, c.rows), bytes = Emitter::byteWidth(c.accumulator);
  bool oncePast = !s.turned && rows > s.rows && rows <= tallestTile(target, 1) &&
                  extent(g, c.lanes) * extent(g, c.folded) * bytes > target.l3Bytes / 4;
  int64_t vectors = oncePast ? 1 : s.rows < 4 ? s.vectors : std::min<int64_t>(s.vectors, 2);
  if (s.lanes > 1 && !inPassing && isLarge(c.lanes) && c.groups(g, c.lanes, true).size() == 1)
    panel(c.right, c.rightBuffer, c.lanes, s.lanes * vectors);
  return panels;
}

void chooseTile(KernelGraph &g, const Contraction &c, const Target &target, Schedule &s) {
  const int64_t bytes = Emitter::byteWidth(c.accumulator);
  const int64_t registers = target.vectorRegisters - target.repeatRegisters;
  const bool packsRows = s.turned && packsRowsOf(g, c, target);
  const int64_t window = windowOf(g, c);
  // Rows and lanes are the innermost group of each; the others are walked around them.
  auto rowGroups = c.groups(g, c.rows, /*asWritten=*/!packsRows, /*asRead=*/!packsRows),
       laneGroups = c.groups(g, c.lanes, true, /*asRead=*/false);
  const int64_t M = rowGroups.empty() ? 1 : extent(g, rowGroups.back());
  const int64_t N = laneGroups.empty() ? 1 : extent(g, laneGroups.back());
  auto read = c.groups(g, c.lanes, true);
  bool inPieces = !laneGroups.empty() && read.back().size() < laneGroups.back().size();
  const int64_t batch = extent(g, c.batch) * (extent(g, c.rows) / M) * (extent(g, c.lanes) / N);
  bool namedRows = llvm::any_of(c.rows, [&](int d) { return !g.domain[d].constant(); });
  bool single = llvm::all_of(c.lanes, [&](int d) { return g.domain[d] == SizeExpr(1); });

  // The register tile: as many accumulators as leave room for the right operand's vectors and what is repeated. Few
  // rows take more vectors, so that enough products are in flight; vectors across lines cost two loads each, which
  // more of them make up for by what is repeated.
  s.lanes = single ? 1 : std::max<int64_t>(1, target.lanes(bytes));
  // Steps of k in groups, where rows enough use what is packed for that; floats read in place are not much slower.
  if (s.lanes > 1 && M >= (isa<FloatType>(c.accumulator) ? 16 : 4) && !inPieces)
    s.group = c.group(g, target);
  const int64_t K = ceilDiv(extent(g, c.folded), s.group);
  int64_t mostVectors = ceilDiv(N, s.lanes);
  // An operand that is packed already says what is read at once.
  s.vectors = c.rightPanel ? c.rightPanel.getStrip() / s.lanes : std::min<int64_t>(2, mostVectors);
  s.rows = std::max<int64_t>(1, tallestTile(target, s.vectors));
  if (namedRows) {
    s.rows = std::min<int64_t>(s.rows, 8);
  } else {
    s.rows = tileRows(M, s.rows, s.turned ? s.rows : ceilDiv(20, s.vectors));
    if (!c.rightPanel && (s.rows < 4 || crossesLines(g, c)))
      s.vectors = std::min(mostVectors, std::clamp<int64_t>(registers / (s.rows + 1), s.vectors, 4));
  }
  if (c.leftPanel)
    s.rows = c.leftPanel.getStrip();
  const int64_t strip = s.lanes * s.vectors, inner = s.group > 1 ? 1 : window;

  if (packsRows) {
    s.rows = ceilDiv(M, ceilDiv(M, tallestTile(target, s.vectors))); // evenly: two heights, one apart
    // Rows enough for the way of the weights from the last cache, an even number of blocks of them; then lanes, in
    // blocks of which one is worth the packing, two of them at least.
    int64_t blocks = ceilDiv(M, 6 * s.rows);
    blocks += blocks > 1 ? blocks % 2 : 0;
    s.packLeft = Pack::Item;
    s.rowBlock = roundUp(ceilDiv(M, blocks), s.rows);
    s.laneBlock = evenBlock(N, std::max(N / ceilDiv(12, blocks), std::min(8 * strip, ceilDiv(N, 2))), strip);
    int64_t inItem = target.l2Bytes / 2 / (s.rowBlock * bytes);
    if (K > inItem && inner < inItem)
      s.kBlock = evenBlock(ceilDiv(K, inner), inItem / inner, 1);
    s.ahead = strip;
    return;
  }
  // Rows are read where they lie; a strip of the right operand stays in the second cache for all of them.
  if (s.turned) {
    s.rowBlock = evenBlock(M, 96, s.rows);
    s.laneBlock = strip;
    // Bands of the image, so that what a thread writes is what it reads next, as far as rows are enough for their way
    // of the weights from the last cache.
    int64_t rows = extent(g, c.rows) * extent(g, c.batch), items = rows / M * ceilDiv(M, s.rowBlock);
    int64_t bands = 8;
    while (bands > 1 && (items % bands || rows / bands < 7 * s.rows))
      bands /= 2;
    s.band = bands > 1 ? items / bands : 0;
    // Lines that another core wrote take some 100 ns: 4,096 products of vectors are several times that. Far from
    // the last cache what is asked for so early was gone from the first one again: as long as a line takes. A small
    // tile asks for too many of them.
    s.ahead = hasSmallTile(target) ? 0 : ceilDiv(target.farLastCache ? 512 : 4096, s.rows * s.vectors * inner);
    return;
  }

  // Blocks of k: a strip of the right operand takes a quarter of the second cache, from which it is read as fast as it
  // is used; visits to partial sums cost more. Only of a known size: the loop over blocks runs at least once.
  bool knownK = llvm::all_of(c.folded, [&](int d) { return g.domain[d].constant().has_value(); });
  int64_t stripK = target.l2Bytes / (inPieces ? 16 : 4) / (strip * bytes);
  if (knownK && K > stripK * 3 / 2 && inner < stripK)
    s.kBlock = evenBlock(ceilDiv(K, inner), ceilDiv(stripK, inner), 1);
  int64_t blockK = s.kBlock ? s.kBlock * inner : K;
  s.kBlock *= s.group;

  // Packing. Lanes that do not lie side by side must be; else it pays where rows enough use the copy, or where the rows
  // of a strip would push each other out of the first cache.
  auto inBytes = [&](const SizeExpr &coefficient, int buffer) -> std::optional<int64_t> {
    auto step = coefficient.constant();
    return step ? std::optional(*step * int64_t(Emitter::byteWidth(g.buffers[buffer].element))) : std::nullopt;
  };
  bool canPackRight = c.rightBuffer >= 0 && !c.rightPanel && !single && !c.folded.empty();
  bool canPackLeft = c.leftBuffer >= 0 && !c.leftPanel && !c.rows.empty() && !c.folded.empty();
  bool sideBySide = !canPackRight || c.lanes.empty() || c.rightAccess.coefs[c.lanes.back()] == SizeExpr(1);
  bool packRight = canPackRight && inPieces && M >= 2 * s.rows, packLeft = false;
  if (canPackRight && !packRight) {
    bool few = fallsInFewSets(inBytes(c.rightAccess.coefs[c.folded.back()], c.rightBuffer));
    packRight = !sideBySide || (M > 2 * s.rows && K * N * bytes > target.l1Bytes && (M > 16 * s.rows || few));
  }
  if (canPackLeft) {
    bool runs = c.leftAccess.coefs[c.folded.back()] == SizeExpr(1);
    bool few = !runs && fallsInFewSets(inBytes(c.leftAccess.coefs[c.folded.back()], c.leftBuffer));
    packLeft = N >= 4 * strip && M > 2 * s.rows && (K > 64 || few || inPieces);
    // Few rows, which all steps of a long way read together: lines of one set.
    packLeft |= c.rightPanel && s.vectors == 1 && M > 4 && runs &&
                fallsInFewSets(inBytes(c.leftAccess.coefs[c.rows.back()], c.leftBuffer));
    // Not what the second cache holds for all strips, where a tile reads whole lines that do not push each other out of
    // the first one: those of its rows side by side, or of a step of k.
    auto step = inBytes(c.leftAccess.coefs[c.rows.back()], c.leftBuffer);
    bool wholeLines =
        runs ? step && s.rows * std::gcd(*step, int64_t(4096)) < target.l1Bytes : step == bytes && s.rows * bytes >= 48;
    if (wholeLines && !inPieces && g.buffers[c.leftBuffer].element == c.accumulator &&
        c.groups(g, c.folded, false).size() == 1)
      packLeft &= M * blockK * bytes >= target.l2Bytes / 2;
    // Rows that are read in place, along k, and fall into the same sets: as many as leave room there.
    const int64_t most = runs && step ? target.l1Bytes * 2 / 3 / std::gcd(*step, int64_t(4096)) : s.rows;
    if (!packLeft && !namedRows && !c.leftPanel && M > 2 * s.rows && s.rows > most)
      s.rows = tileRows(M, most, ceilDiv(most * 3, 4));
  }
  if (s.group > 1)
    packLeft = packRight = true;

  // Few rows, which leave registers for squares of lanes by k: what lies along k is turned in them, and used once. One
  // row takes two vectors of lanes, two chains of sums, but not where whole lines of so many come from memory, or from
  // a cache whose sets they share out badly: few of them from memory, one alone where rows are whole pages apart.
  bool alongK = canPackRight && c.rightAccess.coefs[c.folded.back()] == SizeExpr(1);
  const int64_t beside = std::max<int64_t>(1, int64_t(target.vectorRegisters) - s.lanes - 2);
  if (alongK && !sideBySide && !inPieces && !namedRows && s.group == 1 && s.lanes > 1 &&
      M <= std::min(2 * beside, fewRows) && c.groups(g, c.folded, false).size() == 1) {
    s.packRight = Pack::Tile;
    const int64_t all = batch * K * N * bytes, part = target.l3Bytes / 4;
    const bool fromMemory = all > (target.farLastCache ? part : 3 * part);
    auto pitch = inBytes(c.rightAccess.coefs[c.lanes.back()], c.rightBuffer);
    bool collides = fromMemory ? fallsInFewSets(pitch) : all <= part && (!pitch || *pitch % 4096 == 0);
    s.vectors = M == 1 && (s.lanes * bytes < 64 || !collides) ? 2 : 1;
    s.rows = ceilDiv(M, ceilDiv(M, beside));
    s.rowBlock = roundUp(M, s.rows);
    s.laneBlock = evenBlock(N, 2 * s.lanes, s.lanes * s.vectors);
    s.kBlock = 0;
    s.soon = knownK && (fromMemory || (all > part && !fallsInFewSets(pitch))) ? 256 / bytes : 0;
    return;
  }

  // Few rows: the right operand passes by once, in long stretches of few rows of its memory, each asked for ahead; of
  // so many that partial sums, read and written for each block of them, are no more than they.
  bool streams = M <= 2 * s.rows && knownK && K > 1 && inner <= 8 && K * N * bytes > target.l2Bytes;
  if (!packRight && canPackRight && streams) {
    s.kBlock = std::max<int64_t>(1, (M > 4 ? 16 : 8) / inner);
    s.rowBlock = roundUp(M, s.rows);
    // Two pages of each row, which memory reads faster than one; two items at least. The blocks are few: one of a small
    // rest would leave threads without work.
    const int64_t most = 8192 / bytes, blocks = std::max<int64_t>(N * bytes >= 384 ? 2 : 1, (N + most / 2) / most);
    s.laneBlock = roundUp(ceilDiv(N, blocks), strip);
    s.soon = s.kBlock;
    return;
  }

  // An item of work: rows enough for a strip of the right operand to be worth its way from the last cache, and so few
  // that they, packed, and their partial sums take little of it; lanes that an item packs fit the second cache.
  const int64_t share = target.farLastCache ? target.l2Bytes / 2 : target.l2Bytes * 4;
  // Blocks of all rows, of this strip and of the next one share the second cache.
  auto stepsTogether = [&] { return target.l2Bytes * 4 / 5 / ((M + 2 * strip) * bytes); };
  int64_t mostRows = std::max(s.rows, share / (blockK * bytes)),
          mostLanes = std::max(strip, target.l2Bytes / (inPieces ? 2 : 1) / (blockK * bytes));
  bool alone = batch >= 8 || double(M) * double(N) * double(K) * 2 / target.flopsPerNs < 20000;
  auto pack = [](bool packs, Pack how) { return packs ? how : Pack::None; };
  bool fromPanels = packLeft || packRight || c.leftPanel || c.rightPanel;
  if (alone) {
    s.packLeft = pack(packLeft, Pack::Item);
    s.packRight = pack(packRight, Pack::Item);
    s.rowBlock = evenBlock(M, fromPanels ? mostRows : 96, s.rows);
    s.laneBlock = fromPanels ? evenBlock(N, std::max<int64_t>(mostLanes, 512), strip) : strip * 4;
    if (c.rightPanel && batch < 8 && M <= 2 * s.rows) // few products for what they read: by several threads
      s.laneBlock = evenBlock(N, std::max(strip, N / 4), strip);
  } else if ((M <= mostRows || (target.farLastCache && stepsTogether() >= 1024)) && N >= 8 * strip) {
    // All rows are one block: each item packs its own lanes, and the left operand is packed once.
    s.packLeft = pack(packLeft, Pack::All);
    s.packRight = pack(packRight, Pack::Item);
    s.rowBlock = roundUp(M, s.rows);
    s.laneBlock = evenBlock(N, std::max(2 * strip, std::min(mostLanes, N / 8)), strip);
    // Rows of lanes side by side that are in no cache: the tiles of a strip pack the one behind it, as far as it is one
    // of the item; rows of k are turned before, and all tiles ask for those after them.
    bool inRows = sideBySide || (s.lanes > 1 && c.rightAccess.coefs[c.folded.back()] == SizeExpr(1));
    if (canPackRight && inRows && s.group == 1 && !inPieces && !namedRows && knownK && M > 2 * s.rows &&
        c.groups(g, c.folded, false).size() == 1 && K * N * bytes > target.l2Bytes) {
      s.packRight = Pack::Item;
      // Where another thread of the core may take half of its instructions, a squarer tile, which repeats fewer
      // numbers.
      int64_t wide = 3 * s.lanes;
      if (target.farLastCache && sideBySide && N % wide == 0 && !c.leftPanel) { // whose rows are those of its strips
        s.vectors = 3;
        s.rows = tileRows(M, tallestTile(target, 3), ceilDiv(20, 3));
        s.rowBlock = roundUp(M, s.rows);
      } else {
        wide = strip;
      }
      s.ahead = wide;
      s.laneBlock = sideBySide ? evenBlock(N, std::clamp(N / 16, 2 * wide, 4 * wide), wide) : wide;
      if (int64_t steps = stepsTogether(); steps >= 256 && K > steps)
        s.kBlock = evenBlock(K, steps, 1);
    }
  } else {
    // Many rows: the right operand is packed once, a panel of lanes at a time, and each item packs its own rows.
    s.packLeft = pack(packLeft, Pack::Item);
    s.packRight = pack(packRight, Pack::All);
    // A squarer tile reads fewer numbers for a product, where there are registers for one; each block of its rows, in
    // the second cache, takes all strips from the last one.
    if (packLeft && packRight && s.group == 1 && !inPieces && !target.farLastCache && tallestTile(target, 3) >= 8) {
      s.vectors = 3;
      s.rows = tileRows(M, tallestTile(target, 3), 8);
      s.rowBlock = fairBlock(M, std::min({mostRows, M / 12, target.l2Bytes * 3 / 4 / (blockK * bytes)}), s.rows);
    } else {
      s.rowBlock = evenBlock(M, std::min(mostRows, std::max(2 * s.rows, M / 32)), s.rows);
    }
    const int64_t wide = s.vectors * s.lanes;
    int64_t lanes =
        c.rightPanel ? roundUp(N, wide) : evenBlock(N, std::max(16 * wide, target.l3Bytes / 4 / (K * bytes)), wide);
    s.panel = c.rightPanel ? 0 : lanes;
    s.laneBlock = packLeft ? lanes : evenBlock(lanes, std::max(2 * wide, lanes / 4), wide);
  }
  // Strips that all items read are not in the second cache: the one behind is asked for; of those that few rows pass
  // by, the steps 16 KB on, which is further than processors look; one row is as fast as memory by itself.
  if ((s.packRight == Pack::All || c.rightPanel) && knownK && K * N * bytes > target.l2Bytes)
    s.ahead = M > 2 * s.rows ? s.vectors * s.lanes : c.rightPanel && s.rows > 1 ? (16 << 10) / (strip * bytes) : 0;
  if (namedRows)
    s.rowBlock = std::max(s.rowBlock, 16 * s.rows);
}

} // namespace weft
