// Decides schedules: the form of a kernel's loops and their numbers, from its sizes and the target's page of facts.
#include "weft/Codegen/CPU/Schedule.h"
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_SCHEDULEKERNELS
#include "weft/Codegen/Passes.h.inc"

//===-- as an attribute ------------------------------------------------------------------------------------------===//

static constexpr StringLiteral forms[] = {"sweep", "tile", "pieces", "scan", "scatter", "sort"};

DictionaryAttr Schedule::toAttr(MLIRContext *context) const {
  Builder b(context);
  SmallVector<NamedAttribute> items{{b.getStringAttr("form"), b.getStringAttr(forms[int(form)])},
                                    {b.getStringAttr("lanes"), b.getI64IntegerAttr(lanes)}};
  auto number = [&](StringRef name, int64_t value) {
    items.push_back({b.getStringAttr(name), b.getI64IntegerAttr(value)});
  };
  auto flag = [&](StringRef name, bool value) { items.push_back({b.getStringAttr(name), b.getBoolAttr(value)}); };
  if (form == Form::Sweep) { // what is not chosen is not shown
    if (stream)
      flag("stream", true);
    if (prefetch)
      flag("prefetch", true);
    if (turnRows) {
      number("turn_rows", turnRows);
      number("turn_lanes", turnLanes);
    }
    if (strip) {
      number("strip", strip);
      number("together", together);
    }
  }
  if (form == Form::Tile) {
    for (auto [name, value] : {std::pair<StringRef, int64_t>{"rows", rows},
                               {"vectors", vectors},
                               {"row_block", rowBlock},
                               {"lane_block", laneBlock},
                               {"k_block", kBlock}})
      number(name, value);
    for (auto [name, value] : {std::pair<StringRef, bool>{"pack_left", packLeft}, {"pack_right", packRight}})
      flag(name, value);
  }
  return b.getDictionaryAttr(items);
}

std::optional<Schedule> Schedule::fromAttr(DictionaryAttr attr) {
  auto form = attr ? attr.getAs<StringAttr>("form") : StringAttr();
  const auto *it = form ? llvm::find(forms, form.getValue()) : std::end(forms);
  if (it == std::end(forms))
    return std::nullopt;
  Schedule s;
  s.form = Form(it - std::begin(forms));
  auto number = [&](StringRef name, int64_t &into) {
    if (auto value = attr.getAs<IntegerAttr>(name))
      into = value.getInt();
  };
  auto flag = [&](StringRef name, bool &into) {
    if (auto value = attr.getAs<BoolAttr>(name))
      into = value.getValue();
  };
  number("lanes", s.lanes);
  flag("stream", s.stream);
  flag("prefetch", s.prefetch);
  number("turn_rows", s.turnRows);
  number("turn_lanes", s.turnLanes);
  number("strip", s.strip);
  number("together", s.together);
  number("rows", s.rows);
  number("vectors", s.vectors);
  number("row_block", s.rowBlock);
  number("lane_block", s.laneBlock);
  number("k_block", s.kBlock);
  flag("pack_left", s.packLeft);
  flag("pack_right", s.packRight);
  return s;
}

//===-- contractions ---------------------------------------------------------------------------------------------===//

FailureOr<Contraction> Contraction::build(KernelGraph &g) {
  Contraction c;
  Node &node = g.nodes[g.contraction];
  Value acc = node.body().getArgument(2);
  Operation *add = cast<linalg::YieldOp>(node.body().getTerminator()).getOperand(0).getDefiningOp();
  c.product = add->getOperand(add->getOperand(0) == acc ? 1 : 0).getDefiningOp();
  c.accumulator = acc.getType();

  auto indexes = [&](int input) {
    SmallVector<bool> used(g.domain.size(), false);
    for (AffineExpr expr : node.op.getMatchingIndexingMap(node.op.getDpsInputOperand(input)).getResults())
      expr.walk([&](AffineExpr inner) {
        if (auto d = dyn_cast<AffineDimExpr>(inner))
          used[d.getPosition()] = true;
      });
    return used;
  };
  auto left = indexes(0), right = indexes(1);
  for (int i = 0; i < int(g.domain.size()); ++i)
    (g.isReduced[i] ? c.folded : left[i] && !right[i] ? c.rows : !left[i] && right[i] ? c.lanes : c.batch).push_back(i);
  // Lanes run along the innermost dimension of the result, which may be the left operand's: the steps of a convolution.
  auto innermost = [&] {
    for (AffineExpr expr : llvm::reverse(node.op.getMatchingIndexingMap(node.op.getDpsInitOperand(0)).getResults()))
      if (int d = int(cast<AffineDimExpr>(expr).getPosition()); g.domain[d] != SizeExpr(1))
        return d;
    return -1;
  };
  if (llvm::all_of(c.lanes, [&](int d) { return g.domain[d] == SizeExpr(1); }) ||
      llvm::is_contained(c.rows, innermost())) {
    // Matrix times vector: the matrix's rows are the lanes.
    std::swap(c.left, c.right);
    std::swap(c.rows, c.lanes);
  }
  OpOperand &l = *node.op.getDpsInputOperand(c.left), &r = *node.op.getDpsInputOperand(c.right);
  c.leftBuffer = g.bufferOf(l.get());
  c.rightBuffer = g.bufferOf(r.get());
  // An operand made in the kernel (a constant) is evaluated where it is read, and stands nowhere.
  Linear nowhere{0, SmallVector<SizeExpr, 4>(g.domain.size(), SizeExpr(0))};
  c.leftAccess = c.leftBuffer < 0 ? nowhere : g.access(node, l, c.leftBuffer);
  c.rightAccess = c.rightBuffer < 0 ? nowhere : g.access(node, r, c.rightBuffer);
  return c;
}

static int64_t product(KernelGraph &g, ArrayRef<int> dims, int64_t unknown) {
  int64_t size = 1;
  for (int dim : dims)
    size *= g.domain[dim].constant().value_or(unknown);
  return size;
}

static void chooseTile(KernelGraph &g, const Contraction &c, const Target &target, Schedule &s) {
  // A named size stands for a middling one here; the code is right for any.
  constexpr int64_t unknown = 256;
  int64_t bytes = Emitter::byteWidth(c.accumulator);
  int64_t M = product(g, c.rows, unknown), N = product(g, c.lanes, unknown), K = product(g, c.folded, unknown);
  bool named = llvm::any_of(c.rows, [&](int d) { return !g.domain[d].constant(); });
  bool single = llvm::all_of(c.lanes, [&](int d) { return g.domain[d] == SizeExpr(1); });
  s.lanes = single ? 1 : std::max<int64_t>(1, target.lanes(bytes));
  // The register tile: as many accumulators as leave room for the right operand's vectors and one scalar.
  s.vectors = N <= s.lanes ? 1 : 2;
  s.rows = std::max<int64_t>(1, (int64_t(target.vectorRegisters) - 1 - s.vectors) / s.vectors);
  if (named) {
    s.rows = std::min<int64_t>(s.rows, 8);
  } else if (M > 0) { // divided evenly
    int64_t tiles = (M + s.rows - 1) / s.rows;
    s.rows = (M + tiles - 1) / tiles;
  }
  int64_t strip = s.lanes * s.vectors;

  // Packing: lanes that do not lie side by side must be; a large operand is, so that a strip of it stays in the cache
  // and does not fall into few sets; not for a few rows, which do not pay for the copy.
  bool inner = c.rightBuffer < 0 || (!c.lanes.empty() && c.rightAccess.coefs[c.lanes.back()] == SizeExpr(1));
  bool large = c.rightBuffer >= 0 && K * N * bytes > target.l2Bytes / 2;
  s.packRight = !single && (!inner || (large && M >= 4 * s.rows));
  bool leftRuns = !c.folded.empty() && c.leftAccess.coefs[c.folded.back()] == SizeExpr(1);
  s.packLeft = leftRuns && s.packRight && M * K * bytes > target.l1Bytes && N >= 4 * strip;
  if (c.folded.size() > 1)
    s.packLeft = false;

  // An item: rows whose packed block takes a quarter of the second cache, by a stretch of lanes; by size alone.
  int64_t fit = std::max<int64_t>(1, target.l2Bytes / 4 / std::max<int64_t>(1, K * bytes) / s.rows) * s.rows;
  s.rowBlock = s.packLeft || s.packRight ? std::max(fit, s.rows * 4) : std::max(s.rows, 96 / s.rows * s.rows);
  if (!named)
    s.rowBlock = std::min(s.rowBlock, (std::max<int64_t>(M, 1) + s.rows - 1) / s.rows * s.rows);
  s.laneBlock = s.packLeft ? std::max(strip * 32, strip) : strip * 4;

  // A large right operand read in place for a few rows: walk it a few rows of its memory at a time.
  if (!s.packRight && !single && large && c.folded.size() == 1 && K > 128 && isa<FloatType>(c.accumulator)) {
    s.kBlock = 64;
    s.laneBlock = std::min<int64_t>((N + strip - 1) / strip * strip, 4096);
  }
}

FailureOr<Schedule> chooseSchedule(KernelGraph &g, const Target &target) {
  Schedule s;
  if (g.isPieces) {
    s.form = Form::Pieces;
    s.lanes = std::max<int64_t>(1, target.lanes(Emitter::byteWidth(g.buffers[g.numInputs].element)));
    return s;
  }
  if (g.contraction >= 0) {
    s.form = Form::Tile;
    auto contraction = Contraction::build(g);
    if (failed(contraction))
      return failure();
    chooseTile(g, *contraction, target, s);
    return s;
  }
  chooseSweep(g, target, s);
  if (g.scan >= 0)
    s.form = Form::Scan;
  if (g.scatter >= 0)
    s.form = Form::Scatter;
  if (g.sort >= 0)
    s.form = Form::Sort;
  return s;
}

namespace {
struct ScheduleKernelsPass : impl::ScheduleKernelsBase<ScheduleKernelsPass> {
  using ScheduleKernelsBase::ScheduleKernelsBase;

  void runOnOperation() override {
    Target machine = targetByName(target);
    if (machine.triple.empty()) {
      getOperation().emitError("[WF4110] no target named ") << target << "; known: host, x86-64-v3, x86-64-v4, aarch64";
      return signalPassFailure();
    }
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr("weft.kernel") || function.isExternal() || function->hasAttr("weft.schedule"))
        continue;
      auto graph = KernelGraph::build(function);
      auto schedule = failed(graph) ? FailureOr<Schedule>() : chooseSchedule(*graph, machine);
      if (failed(schedule))
        return signalPassFailure();
      function->setAttr("weft.schedule", schedule->toAttr(&getContext()));
    }
  }
};
} // namespace

} // namespace weft
