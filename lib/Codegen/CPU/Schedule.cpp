// Decides schedules: the form of a kernel's loops and their numbers, from its sizes and the target's page of facts.
#include "weft/Codegen/CPU/Schedule.h"
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/Passes.h"
#include <numeric>

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_SCHEDULEKERNELS
#include "weft/Codegen/Passes.h.inc"

//===-- as an attribute ------------------------------------------------------------------------------------------===//

static constexpr StringLiteral forms[] = {"sweep", "tile", "pieces", "scan", "scatter", "sort", "pack", "chain"};
static constexpr StringLiteral packs[] = {"none", "tile", "item", "all"};

DictionaryAttr Schedule::toAttr(MLIRContext *context) const {
  Builder b(context);
  SmallVector<NamedAttribute> items{{b.getStringAttr("form"), b.getStringAttr(forms[int(form)])},
                                    {b.getStringAttr("lanes"), b.getI64IntegerAttr(lanes)}};
  auto number = [&](StringRef name, int64_t value) {
    items.push_back({b.getStringAttr(name), b.getI64IntegerAttr(value)});
  };
  auto flag = [&](StringRef name, bool value) { items.push_back({b.getStringAttr(name), b.getBoolAttr(value)}); };
  if ((form == Form::Sweep || form == Form::Pieces || form == Form::Pack) && stream) // what is not chosen is not shown
    flag("stream", true);
  if ((form == Form::Sweep || form == Form::Chain) && abreast > 1)
    number("abreast", abreast);
  if (form == Form::Sweep) {
    if (across)
      flag("across", true);
    if (pairs)
      flag("pairs", true);
    if (prefetch)
      flag("prefetch", true);
    if (trail)
      flag("trail", true);
    if (turnRows) {
      number("turn_rows", turnRows);
      number("turn_lanes", turnLanes);
      if (turnBlocks > 1)
        number("turn_blocks", turnBlocks);
    }
    if (strip) {
      number("strip", strip);
      number("together", together);
    }
    if (parts)
      number("parts", parts);
  }
  if (form == Form::Chain) {
    for (auto [name, value] : {std::pair<StringRef, int64_t>{"rows", rows},
                               {"vectors", vectors},
                               {"row_block", rowBlock},
                               {"item_rows", itemRows}})
      number(name, value);
    if (group > 1)
      number("group", group);
    if (kBlock)
      number("k_block", kBlock);
    if (soon)
      number("soon", soon);
    if (widen)
      flag("widen", true);
  }
  if (form == Form::Tile) {
    for (auto [name, value] : {std::pair<StringRef, int64_t>{"rows", rows},
                               {"vectors", vectors},
                               {"row_block", rowBlock},
                               {"lane_block", laneBlock}})
      number(name, value);
    if (group > 1)
      number("group", group);
    for (auto [name, value] : {std::pair<StringRef, int64_t>{"k_block", kBlock},
                               {"panel", panel},
                               {"band", band},
                               {"ahead", ahead},
                               {"soon", soon}})
      if (value)
        number(name, value);
    if (turned)
      flag("turned", true);
    if (widen)
      flag("widen", true);
    for (auto [name, value] : {std::pair<StringRef, Pack>{"pack_left", packLeft}, {"pack_right", packRight}})
      if (value != Pack::None)
        items.push_back({b.getStringAttr(name), b.getStringAttr(packs[int(value)])});
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
  number("abreast", s.abreast);
  s.abreast = llvm::bit_floor(uint64_t(std::clamp<int64_t>(s.abreast, 1, 64)));
  flag("across", s.across);
  flag("pairs", s.pairs);
  flag("stream", s.stream);
  flag("prefetch", s.prefetch);
  flag("trail", s.trail);
  number("turn_rows", s.turnRows);
  number("turn_lanes", s.turnLanes);
  number("turn_blocks", s.turnBlocks);
  number("strip", s.strip);
  number("together", s.together);
  number("parts", s.parts);
  number("rows", s.rows);
  number("vectors", s.vectors);
  number("row_block", s.rowBlock);
  number("item_rows", s.itemRows);
  number("lane_block", s.laneBlock);
  number("group", s.group);
  number("k_block", s.kBlock);
  number("panel", s.panel);
  number("band", s.band);
  number("ahead", s.ahead);
  number("soon", s.soon);
  flag("turned", s.turned);
  flag("widen", s.widen);
  auto pack = [&](StringRef name, Pack &into) {
    if (auto value = attr.getAs<StringAttr>(name))
      if (const auto *known = llvm::find(packs, value.getValue()); known != std::end(packs))
        into = Pack(known - std::begin(packs));
  };
  pack("pack_left", s.packLeft);
  pack("pack_right", s.packRight);
  if (s.form == Form::Tile) { // by hand blocks may be given that are not whole tiles
    auto whole = [](int64_t &block, int64_t step) {
      block = llvm::divideCeil(std::max<int64_t>(block, 0), step) * step;
    };
    for (int64_t *count : {&s.lanes, &s.rows, &s.vectors, &s.rowBlock, &s.laneBlock})
      *count = std::max<int64_t>(*count, 1);
    whole(s.rowBlock, s.rows);
    whole(s.laneBlock, s.lanes * s.vectors);
    whole(s.panel, s.lanes * s.vectors);
  }
  return s;
}

FailureOr<Schedule> chooseSchedule(KernelGraph &g, const Target &target) {
  Schedule s;
  if (g.isPieces) {
    choosePieces(g, target, s);
    return s;
  }
  if (PanelAttr panel = g.buffers[g.numInputs].panel) {
    s.form = Form::Pack;
    const int64_t bytes = Emitter::byteWidth(g.buffers[g.numInputs].element);
    const int64_t lanes = std::max<int64_t>(1, target.lanes(bytes));
    s.lanes = std::gcd(panel.getStrip(), lanes);
    // The last cache holds little of a large one when the first kernel reads it.
    auto elements = numElements(g.buffers[g.numInputs].shape).constant();
    s.stream = target.streams && s.lanes == lanes && panel.getStrip() * bytes % 64 == 0 && elements &&
               *elements * bytes >= target.l3Bytes / 4;
    return s;
  }
  if (g.second >= 0) {
    s.form = Form::Chain;
    chooseChain(g, target, s);
    return s;
  }
  if (g.contraction >= 0) {
    s.form = Form::Tile;
    auto contraction = Contraction::build(g, g.contraction);
    if (failed(contraction))
      return failure();
    if (auto turned = turnedContraction(g, target); turned && turned->rightPanel) {
      s.turned = true;
      contraction = *turned;
    }
    chooseTile(g, *contraction, target, s);
    if (s.packsRight() || contraction->rightPanel)
      s.soon = target.soonSteps;
    s.widen = s.packsRight() && s.group == 1 && contraction->widensPanel(g, target);
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
