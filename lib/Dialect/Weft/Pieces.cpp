// Decides the boxes of an index space with joins in it; what they are for stands in Pieces.h.
#include "weft/Dialect/Weft/Pieces.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace weft {

Place compose(const Place &a, const Place &b) {
  if (b.starts.empty())
    return a;
  if (a.starts.empty())
    return b;
  Place both;
  for (auto [aStart, aStep, bStart, bStep] : llvm::zip(a.starts, a.steps, b.starts, b.steps)) {
    both.starts.push_back(aStart + SizeExpr(aStep) * bStart);
    both.steps.push_back(aStep * bStep);
  }
  return both;
}

Place within(const Place &at, const Place &part) {
  if (part.starts.empty())
    return at;
  Place inner;
  for (auto [start, step, partStart, partStep] : llvm::zip(at.starts, at.steps, part.starts, part.steps)) {
    SizeExpr moved = start - partStart;
    inner.starts.push_back(partStep == 1 ? moved : SizeExpr(*moved.constant() / partStep));
    inner.steps.push_back(step / partStep);
  }
  return inner;
}

namespace {

/// Whether an expression is at least 0 whatever the sizes in it are.
bool isNatural(const SizeExpr &e) {
  return llvm::all_of(e.getTerms(), [](const auto &term) {
    return term.second >= 0 && llvm::all_of(term.first, [](const SizeExpr::Atom &atom) {
             return !atom.divisor || (atom.divisor > 0 && isNatural(atom.dividend.front()));
           });
  });
}

/// The ends of a join's parts along one dimension. They stand in order, whatever the sizes are.
class Ends {
public:
  Ends(const Made &join, size_t dim) {
    ends.push_back(0);
    for (const Made::From &part : join.from)
      if (!part.place.starts.empty()) {
        ends.push_back(part.place.starts[dim]);
        if (part.place.steps[dim] == 1)
          ends.push_back(part.place.starts[dim] + part.sizes[dim]);
      }
    ends.push_back(join.sizes[dim]);
  }
  /// Whether a <= b is known.
  bool atMost(const SizeExpr &a, const SizeExpr &b) const {
    if (isNatural(b - a))
      return true;
    const auto *first = llvm::find(ends, a);
    auto last = llvm::find(llvm::reverse(ends), b);
    return first != ends.end() && last != ends.rend() && first - ends.begin() <= ends.rend() - last - 1;
  }

private:
  SmallVector<SizeExpr, 8> ends;
};

struct Cut {
  size_t dim;
  SizeExpr at; // in steps of the box
};

/// How a box of a join's space lies to a part of it along one dimension.
struct Side {
  enum { Inside, Outside, Across, Between, Unknown } how;
  SizeExpr cut; // across: where to cut, in steps
};

Side sideOf(const Made &join, const Made::From &part, size_t dim, const Place &at, const Shape &box) {
  const SizeExpr &start = at.starts[dim], &steps = box[dim], &low = part.place.starts[dim], &size = part.sizes[dim];
  int64_t step = at.steps[dim], apart = part.place.steps[dim];
  if (apart != 1) {
    if (step == 1)
      return {Side::Between, {}};
    auto moved = (start - low).constant();
    if (step != apart || !moved || *moved % apart || *moved < 0 || !isNatural(size - SizeExpr(*moved / apart) - steps))
      return {Side::Unknown, {}};
    return {Side::Inside, {}};
  }
  if (low == SizeExpr(0) && size == join.sizes[dim])
    return {Side::Inside, {}};
  auto first = start.constant(), count = steps.constant(), from = low.constant(), many = size.constant();
  if (first && count && from && many) {
    int64_t begin = llvm::divideCeilSigned(*from - *first, step),
            end = llvm::divideCeilSigned(*from + *many - *first, step);
    if (begin <= 0 && *count <= end)
      return {Side::Inside, {}};
    if (*count <= begin || end <= 0)
      return {Side::Outside, {}};
    return {Side::Across, begin > 0 ? begin : end};
  }
  if (step != 1)
    return {Side::Unknown, {}};
  Ends ends(join, dim);
  SizeExpr last = start + steps, high = low + size;
  if (ends.atMost(low, start) && ends.atMost(last, high))
    return {Side::Inside, {}};
  if (ends.atMost(last, low) || ends.atMost(high, start))
    return {Side::Outside, {}};
  for (const SizeExpr &end : {low, high})
    if (end != start && end != last && ends.atMost(start, end) && ends.atMost(end, last))
      return {Side::Across, end - start};
  return {Side::Unknown, {}};
}

/// The walk through what a box shows; where that is not one part of each join, what to do about it.
class Walk {
public:
  Walk(const Box &box, MadeOf made, llvm::function_ref<void(Value, const Place &, int)> visit)
      : box(box), made(made), visit(visit) {}

  bool isUnknown = false;
  std::optional<Cut> cut;  // the outermost one
  std::optional<Box> over; // elements that stand among others, to be written after those

  void go(Value value, const Place &at) {
    auto &places = seen[value];
    if (isUnknown || llvm::any_of(places, [&](const Place &p) { return p.starts == at.starts && p.steps == at.steps; }))
      return;
    places.push_back(at);
    Made what = made(value);
    int part = -1;
    if (what.isJoin && !choose(what, at, part))
      return;
    visit(value, at, part);
    if (what.isJoin)
      return go(what.from[part].value, within(at, what.from[part].place));
    for (const Made::From &from : what.from)
      go(from.value, compose(at, from.place));
  }

  /// The part that has the whole box.
  bool choose(const Made &join, const Place &at, int &chosen) {
    std::optional<Cut> here;
    std::optional<Box> between;
    for (auto [i, part] : llvm::enumerate(join.from)) {
      if (part.place.starts.empty()) { // it is asked last
        chosen = i;
        continue;
      }
      bool isInside = true, isOutside = false, isBetween = false, isUnclear = false;
      std::optional<Cut> first;
      for (size_t dim = 0; dim < box.sizes.size() && !isOutside; ++dim) {
        Side side = sideOf(join, part, dim, at, box.sizes);
        isInside &= side.how == Side::Inside;
        isOutside |= side.how == Side::Outside;
        isBetween |= side.how == Side::Between;
        isUnclear |= side.how == Side::Unknown;
        if (side.how == Side::Across && !first)
          first = Cut{dim, side.cut};
      }
      if (isOutside)
        continue;
      if (isInside) {
        chosen = i;
        return true;
      }
      if (isBetween && box.isUnder)
        continue;
      bool isWhole = at.starts == Shape(at.starts.size(), SizeExpr(0)) && box.sizes == join.sizes &&
                     llvm::all_of(at.steps, [](int64_t step) { return step == 1; });
      if (isUnclear || (isBetween && !isWhole)) {
        isUnknown = true;
        return false;
      }
      if (isBetween)
        between = Box{compose(box.place, part.place), part.sizes};
      else if (first && (!here || first->dim < here->dim))
        here = first;
    }
    // Of two that interleave, one box would lack what the other has outside of it.
    isUnknown |= between && over &&
                 (over->place.starts != between->place.starts || over->place.steps != between->place.steps ||
                  over->sizes != between->sizes);
    if (between)
      over = between;
    if (here && (!cut || here->dim < cut->dim))
      cut = here;
    isUnknown |= chosen < 0 && !here && !between;
    return !here && !between && !isUnknown;
  }

private:
  const Box &box;
  MadeOf made;
  llvm::function_ref<void(Value, const Place &, int)> visit;
  llvm::DenseMap<Value, SmallVector<Place, 1>> seen;
};

void ignore(Value, const Place &, int) {}

} // namespace

bool visitBox(ArrayRef<Value> roots, const Box &box, MadeOf made,
              llvm::function_ref<void(Value, const Place &, int)> visit) {
  Walk walk(box, made, visit);
  for (Value root : roots)
    walk.go(root, box.place);
  return !walk.isUnknown && !walk.cut && !walk.over;
}

int partAt(const Made &join, const Place &at, const Box &box) {
  int part = -1;
  auto nothing = [](Value) { return Made(); };
  Walk walk(box, nothing, ignore);
  return walk.choose(join, at, part) ? part : -1;
}

std::optional<std::vector<Box>> cutPieces(ArrayRef<Value> roots, const Shape &shape, MadeOf made, size_t most) {
  std::vector<Box> done, open;
  open.push_back({{SmallVector<SizeExpr, 4>(shape.size()), SmallVector<int64_t, 4>(shape.size(), 1)}, shape});
  while (!open.empty()) {
    Box box = std::move(open.back());
    open.pop_back();
    Walk walk(box, made, ignore);
    for (Value root : roots)
      walk.go(root, box.place);
    if (walk.isUnknown || (walk.over && walk.cut) || done.size() + open.size() >= most)
      return std::nullopt;
    if (walk.over) {
      box.isUnder = true;
      open.push_back(*walk.over);
      open.push_back(box);
    } else if (walk.cut) {
      Box before = box, after = box;
      size_t dim = walk.cut->dim;
      before.sizes[dim] = walk.cut->at;
      after.sizes[dim] = box.sizes[dim] - walk.cut->at;
      after.place.starts[dim] = box.place.starts[dim] + SizeExpr(box.place.steps[dim]) * walk.cut->at;
      open.push_back(after);
      open.push_back(before);
    } else {
      done.push_back(box);
    }
  }
  return done;
}

} // namespace weft
