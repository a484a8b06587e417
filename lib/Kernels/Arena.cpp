// Decides which bytes of the arena the temporaries of a function take: best fit over conflicting lives, in the best of a
// few orders, because no one order is within a tenth of the peak for all shapes of programs.
#include "Arena.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <limits>
#include <tuple>

namespace weft {

constexpr int64_t alignment = 64; // a cache line, and the widest vector

SizeExpr roundUp64(const SizeExpr &bytes) {
  return (bytes + SizeExpr(alignment - 1)).floordiv(alignment) * SizeExpr(alignment);
}

static bool overlap(const Temporary &a, const Temporary &b) { return a.begin <= b.end && b.begin <= a.end; }

namespace {
/// Temporaries of static size, sizes rounded up, and where an order puts them.
struct StaticPacking {
  llvm::ArrayRef<Temporary> temporaries;
  llvm::ArrayRef<int64_t> sizes;
  std::vector<int64_t> offsets;
  int64_t total = 0;

  void place(unsigned item, llvm::ArrayRef<unsigned> placed) {
    llvm::SmallVector<std::pair<int64_t, int64_t>> taken;
    for (unsigned other : placed)
      if (overlap(temporaries[item], temporaries[other]))
        taken.push_back({offsets[other], offsets[other] + sizes[other]});
    llvm::sort(taken);
    // The smallest gap that fits; else behind all that is taken.
    int64_t end = 0, best = -1, bestGap = std::numeric_limits<int64_t>::max();
    for (auto [from, to] : taken) {
      if (int64_t gap = from - end; gap >= sizes[item] && gap < bestGap)
        best = end, bestGap = gap;
      end = std::max(end, to);
    }
    offsets[item] = best >= 0 ? best : end;
    total = std::max(total, offsets[item] + sizes[item]);
  }

  void run(llvm::ArrayRef<unsigned> order) {
    offsets.assign(temporaries.size(), 0);
    for (size_t i = 0; i < order.size(); ++i)
      place(order[i], order.take_front(i));
  }
};
} // namespace

ArenaPlan planArena(llvm::ArrayRef<Temporary> temporaries) {
  ArenaPlan plan;
  plan.offsets.resize(temporaries.size());
  std::vector<int64_t> sizes(temporaries.size(), 0);
  std::vector<unsigned> fixed, named;
  for (unsigned i = 0; i < temporaries.size(); ++i) {
    if (auto bytes = temporaries[i].bytes.constant()) {
      sizes[i] = llvm::alignTo(*bytes, alignment);
      fixed.push_back(i);
    } else {
      named.push_back(i);
    }
  }

  using Key = int64_t (*)(const Temporary &, int64_t size);
  const Key keys[] = {[](const Temporary &, int64_t size) { return -size; },
                      [](const Temporary &t, int64_t) { return t.begin; },
                      [](const Temporary &t, int64_t) { return -(t.end - t.begin); }};
  StaticPacking best{temporaries, sizes, {}, std::numeric_limits<int64_t>::max()};
  for (Key key : keys) {
    std::vector<unsigned> order = fixed;
    llvm::sort(order, [&](unsigned a, unsigned b) {
      return std::make_tuple(key(temporaries[a], sizes[a]), -sizes[a], a) <
             std::make_tuple(key(temporaries[b], sizes[b]), -sizes[b], b);
    });
    StaticPacking packing{temporaries, sizes, {}, 0};
    packing.run(order);
    if (packing.total < best.total)
      best = std::move(packing);
  }
  for (unsigned i : fixed)
    plan.offsets[i] = SizeExpr(best.offsets[i]);
  plan.total = SizeExpr(best.total);

  struct Slot {
    SizeExpr size, offset;
    std::vector<unsigned> users;
  };
  std::vector<Slot> slots;
  llvm::sort(named, [&](unsigned a, unsigned b) {
    return std::make_pair(temporaries[a].begin, a) < std::make_pair(temporaries[b].begin, b);
  });
  for (unsigned i : named) {
    SizeExpr size = roundUp64(temporaries[i].bytes);
    auto slot = std::find_if(slots.begin(), slots.end(), [&](const Slot &s) {
      return s.size == size && llvm::none_of(s.users, [&](unsigned u) { return overlap(temporaries[u], temporaries[i]); });
    });
    if (slot == slots.end()) {
      slots.push_back({size, plan.total, {}});
      slot = std::prev(slots.end());
      plan.total = plan.total + size;
    }
    slot->users.push_back(i);
    plan.offsets[i] = slot->offset;
  }
  return plan;
}

std::optional<int64_t> peakBytes(llvm::ArrayRef<Temporary> temporaries) {
  int64_t peak = 0;
  // A new greatest sum can only appear where a life begins.
  for (const Temporary &at : temporaries) {
    int64_t sum = 0;
    for (const Temporary &t : temporaries) {
      auto bytes = t.bytes.constant();
      if (!bytes)
        return std::nullopt;
      if (t.begin <= at.begin && at.begin <= t.end)
        sum += *bytes;
    }
    peak = std::max(peak, sum);
  }
  return peak;
}

} // namespace weft
