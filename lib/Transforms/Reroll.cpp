// Decides which straight-line code is a loop that was written out (a Python loop leaves nothing else), and where a loop
// is worth having again: where each step would be code of its own, or the steps are very many.
#include "mlir/IR/Matchers.h"
#include "weft/Dialect/Weft/Rows.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_REROLL
#include "weft/Transforms/Passes.h.inc"

namespace {

constexpr unsigned kLeastSteps = 4, kLongestStep = 256;
/// Ops from which on a loop pays: with rows, since a kernel that reads a fixed row is compiled for this row alone; and
/// without, where steps share their kernels and only what is linear in the program grows.
constexpr unsigned kLeastOpsWithRows = 128, kLeastOps = 1024;
/// Elementwise steps of larger values fuse with each other, which saves more than a loop does.
constexpr int64_t kSmallBytes = 16 << 10;

std::optional<FusionKind> kindOf(Operation *op) {
  auto fusion = dyn_cast<FusionOpInterface>(op);
  return fusion ? std::optional(fusion.getFusionKind()) : std::nullopt;
}

/// What stands for itself in a loop: a constant, or a row of an array.
bool isLeaf(Operation *op) {
  return op->hasTrait<OpTrait::ConstantLike>() || (op->getNumResults() == 1 && rowOf(op->getResult(0)));
}

/// Whether two ops do the same to operands of the same types.
bool doTheSame(Operation *a, Operation *b) {
  return a->getName() == b->getName() && a->getAttrDictionary() == b->getAttrDictionary() &&
         a->getOperandTypes() == b->getOperandTypes() && a->getResultTypes() == b->getResultTypes() &&
         a->getNumRegions() == b->getNumRegions() &&
         llvm::all_of(llvm::zip(a->getRegions(), b->getRegions()), [](auto pair) {
           return OperationEquivalence::isRegionEquivalentTo(&std::get<0>(pair), &std::get<1>(pair),
                                                             OperationEquivalence::IgnoreLocations);
         });
}

/// Where an operand of a step's op comes from, the same way in each step.
struct Source {
  enum Kind { Inside, Before, Row, Constant, Outside } kind = Outside;
  unsigned op = 0, result = 0; // Inside: of this step; Before: of the step before
  Value value;                 // Row: the array. Constant, Outside: what it is
  int64_t index = 0;           // Row: in the first step
};

/// Steps of a loop: `count` times `length` ops from `begin` on.
struct Steps {
  unsigned begin = 0, length = 0, count = 0;
  std::vector<SmallVector<Source, 2>> sources; // per op of a step, as the second step has them
  int64_t direction = 0;                       // from row to row: 1, -1; 0: no rows

  unsigned at(unsigned step, unsigned op) const { return begin + step * length + op; }
  unsigned ops() const { return length * count; }
  unsigned carries() const {
    llvm::DenseSet<std::pair<unsigned, unsigned>> distinct;
    for (auto &of : sources)
      for (const Source &source : of)
        if (source.kind == Source::Before)
          distinct.insert({source.op, source.result});
    return distinct.size();
  }
};

class BlockRoller {
public:
  explicit BlockRoller(Block &block) : block(block) { number(); }

  /// Makes one loop where that pays; whether there was one.
  bool run() {
    if (ops.size() < kLeastOpsWithRows)
      return false;
    for (unsigned length = 1; length <= kLongestStep && length * kLeastSteps <= ops.size(); ++length)
      for (unsigned t = length; t < ops.size(); ++t) {
        unsigned end = t;
        while (end < ops.size() && kinds[end] == kinds[end - length])
          ++end;
        if (end - t >= (kLeastSteps - 1) * length && !wasTried(t - length, end, length)) {
          Steps best = find(t - length, end, length);
          if (best.count >= kLeastSteps && pays(best)) {
            roll(best);
            return true;
          }
          if (best.ops() * 2 >= end - (t - length))
            tried.push_back({t - length, end, length});
        }
        t = std::max(t, end);
      }
    return false;
  }

private:
  Block &block;
  std::vector<Operation *> ops;                // in order, without leaves
  llvm::DenseMap<Operation *, unsigned> place; // of each
  std::vector<unsigned> kinds;                 // equal for ops that do the same
  std::vector<Operation *> order;              // all ops, leaves too

  /// Puts what is made of leaves alone before its first reader: so it stands in the step that it belongs to.
  void number() {
    std::vector<Operation *> all;
    for (Operation &op : block.without_terminator())
      all.push_back(&op);
    llvm::DenseMap<Operation *, unsigned> index, key;
    for (auto [i, op] : llvm::enumerate(all))
      index[op] = i;
    llvm::DenseSet<Operation *> light;
    for (Operation *op : all) {
      auto kind = kindOf(op);
      bool moves = isLeaf(op) ||
                   ((kind == FusionKind::Map || kind == FusionKind::View) && !op->getNumRegions() && mayRunEarly(op));
      if (moves && llvm::all_of(op->getOperands(), [&](Value v) {
            Operation *maker = v.getDefiningOp();
            return !maker || light.contains(maker) || isLeaf(op);
          }))
        light.insert(op);
    }
    for (Operation *op : llvm::reverse(all)) {
      unsigned least = index[op];
      if (light.contains(op) && !op->use_empty()) {
        least = all.size();
        for (Operation *user : op->getUsers())
          if (Operation *here = block.findAncestorOpInBlock(*user); here && key.count(here))
            least = std::min(least, key[here]);
      }
      key[op] = least;
    }
    llvm::sort(all, [&](Operation *a, Operation *b) {
      return std::make_pair(key[a], index[a]) < std::make_pair(key[b], index[b]);
    });
    order = all;
    llvm::DenseMap<llvm::hash_code, SmallVector<std::pair<Operation *, unsigned>, 1>> known;
    unsigned distinct = 0;
    for (Operation *op : all) {
      if (isLeaf(op))
        continue;
      place[op] = ops.size();
      ops.push_back(op);
      kinds.push_back(distinct);
      if (!op->getNumResults() || !mayRunEarly(op)) { // like no other
        ++distinct;
        continue;
      }
      auto &alike = known[llvm::hash_combine(
          op->getName(), op->getAttrDictionary(),
          llvm::hash_combine_range(op->getOperandTypes().begin(), op->getOperandTypes().end()))];
      auto *same = llvm::find_if(alike, [&](auto &other) { return doTheSame(other.first, op); });
      if (same != alike.end())
        kinds.back() = same->second;
      else
        alike.push_back({op, distinct++});
    }
  }

  struct Tried {
    unsigned begin, end, length;
  };
  SmallVector<Tried> tried; // where a loop did not pay

  /// Whether several steps of these would be one of those.
  bool wasTried(unsigned begin, unsigned end, unsigned length) {
    return llvm::any_of(tried, [&](const Tried &former) {
      return length % former.length == 0 && former.begin <= begin && end <= former.end;
    });
  }

  /// The steps within ops that repeat, wherever they begin best.
  Steps find(unsigned begin, unsigned end, unsigned length) {
    Steps best;
    for (unsigned shift = 0; shift < length && begin + shift + kLeastSteps * length <= end; ++shift)
      for (unsigned first = begin + shift; first + kLeastSteps * length <= end;) {
        Steps steps = from(first, end, length);
        if (steps.count > best.count || (steps.count == best.count && steps.carries() < best.carries()))
          best = steps;
        first += std::max(1u, steps.count) * length;
      }
    return best;
  }

  /// As many steps from an op on as take their operands in the same way.
  Steps from(unsigned begin, unsigned end, unsigned length) {
    Steps steps;
    steps.begin = begin, steps.length = length, steps.count = 1;
    for (unsigned step = 1; begin + (step + 1) * length <= end; ++step) {
      std::vector<SmallVector<Source, 2>> sources(length);
      int64_t direction = steps.direction;
      for (unsigned op = 0; op < length; ++op)
        for (unsigned i = 0; i < ops[steps.at(step, op)]->getNumOperands(); ++i) {
          auto source = sourceOf(steps, step, op, i, direction);
          if (!source || (step > 1 && source->kind != steps.sources[op][i].kind) ||
              (step > 1 && (source->op != steps.sources[op][i].op || source->result != steps.sources[op][i].result)))
            return withoutLooseEnds(steps);
          sources[op].push_back(*source);
        }
      steps.direction = direction;
      if (step == 1)
        steps.sources = std::move(sources);
      steps.count = step + 1;
    }
    return withoutLooseEnds(steps);
  }

  /// Where an operand comes from, seen from a step and the one before it; nothing if that is no way of a loop.
  std::optional<Source> sourceOf(const Steps &steps, unsigned step, unsigned op, unsigned i, int64_t &direction) {
    Value now = ops[steps.at(step, op)]->getOperand(i), before = ops[steps.at(step - 1, op)]->getOperand(i);
    Source source;
    if (auto made = placeOf(now); made && *made >= steps.begin) {
      unsigned start = steps.at(step, 0);
      auto former = placeOf(before);
      source.result = cast<OpResult>(now).getResultNumber();
      source.kind = *made >= start ? Source::Inside : Source::Before;
      source.op = *made - (*made >= start ? start : start - steps.length);
      if (*made + steps.length < start)
        return std::nullopt;
      if (source.kind == Source::Before && step == 1) // the value before the loop
        return isOutside(before, steps.begin) ? std::optional(source) : std::nullopt;
      bool same =
          former && *former + steps.length == *made && cast<OpResult>(before).getResultNumber() == source.result;
      return same ? std::optional(source) : std::nullopt;
    }
    auto row = rowOf(now), formerRow = rowOf(before);
    if (row && formerRow && row->array == formerRow->array && row->index == formerRow->index)
      before = now; // one row for all
    if (now != before && row && formerRow) {
      int64_t by = row->index - formerRow->index;
      if (row->array != formerRow->array || (by != 1 && by != -1) || (direction && direction != by) ||
          !isOutside(row->array, steps.begin))
        return std::nullopt;
      direction = by;
      source.kind = Source::Row;
      source.value = row->array;
      source.index = formerRow->index;
      return source;
    }
    Attribute number, formerNumber;
    if (matchPattern(now, m_Constant(&number)) && matchPattern(before, m_Constant(&formerNumber))) {
      source.kind = Source::Constant;
      source.value = now;
      return number == formerNumber ? std::optional(source) : std::nullopt;
    }
    source.value = now;
    return now == before && isOutside(now, steps.begin) ? std::optional(source) : std::nullopt;
  }

  std::optional<unsigned> placeOf(Value value) {
    Operation *maker = value.getDefiningOp();
    auto it = maker ? place.find(maker) : place.end();
    return it == place.end() ? std::nullopt : std::optional(it->second);
  }

  /// Whether a value is there before an op.
  bool isOutside(Value value, unsigned begin) {
    if (auto made = placeOf(value))
      return *made < begin;
    auto row = rowOf(value);
    return !row || isOutside(row->array, begin);
  }

  /// The steps whose result is read outside of them, per result of an op that is read there at all.
  llvm::MapVector<std::pair<unsigned, unsigned>, SmallVector<unsigned>> readOutside(const Steps &steps) {
    llvm::MapVector<std::pair<unsigned, unsigned>, SmallVector<unsigned>> found;
    for (unsigned op = 0; op < steps.length; ++op)
      for (unsigned step = 0; step < steps.count; ++step)
        for (OpResult result : ops[steps.at(step, op)]->getResults())
          if (llvm::any_of(result.getUsers(), [&](Operation *user) {
                auto it = place.find(user);
                return it == place.end() || it->second < steps.begin || it->second >= steps.begin + steps.ops();
              }))
            found[{op, result.getResultNumber()}].push_back(step);
    return found;
  }

  /// Leaves the last steps as they are where what they give is neither a carry nor given by many steps: a loop would
  /// have to stack it.
  Steps withoutLooseEnds(Steps steps) {
    llvm::DenseSet<std::pair<unsigned, unsigned>> carried;
    for (auto &of : steps.sources)
      for (const Source &source : of)
        if (source.kind == Source::Before)
          carried.insert({source.op, source.result});
    for (bool loose = true; loose && steps.count >= kLeastSteps;) {
      loose = false;
      for (auto &[result, where] : readOutside(steps)) {
        bool last = where.size() == 1 && where.front() == steps.count - 1;
        if (where.size() * 2 >= steps.count || (last && carried.contains(result)))
          continue;
        if (!last) {
          steps.count = 0; // a few values from the middle
          return steps;
        }
        loose = true;
      }
      steps.count -= loose;
    }
    return steps;
  }

  bool pays(const Steps &steps) {
    bool contracts = false, small = true;
    for (unsigned op = 0; op < steps.length; ++op) {
      Operation *it = ops[steps.at(0, op)];
      contracts |= it->getNumRegions() || kindOf(it) == FusionKind::Contract;
      for (Value result : it->getResults()) {
        auto bytes = isa<RankedTensorType>(result.getType()) ? bytesOf(result.getType()).constant() : std::nullopt;
        small &= bytes && *bytes <= kSmallBytes;
      }
    }
    return steps.ops() >= (steps.direction && contracts ? kLeastOpsWithRows : kLeastOps) && (contracts || small);
  }

  /// A value from outside of the steps, there before an op: leaves may stand further down.
  static Value lifted(Value value, Operation *before) {
    Operation *maker = value.getDefiningOp();
    if (maker && isLeaf(maker) && before->isBeforeInBlock(maker)) {
      for (Value operand : maker->getOperands())
        lifted(operand, before);
      maker->moveBefore(before);
    }
    return value;
  }

  void roll(const Steps &steps) {
    for (Operation *op : order)
      op->moveBefore(block.getTerminator());
    MLIRContext *context = block.getParentOp()->getContext();
    SmallVector<Location> places;
    for (unsigned i = steps.begin; i < steps.begin + steps.ops(); ++i)
      places.push_back(ops[i]->getLoc());
    Location loc = mergeLocations(context, places);
    OpBuilder builder(ops[steps.begin]);

    // What comes from outside.
    using Result = std::pair<unsigned, unsigned>;
    llvm::MapVector<Result, Value> carries;                    // -> before the loop
    llvm::MapVector<std::pair<Value, int64_t>, unsigned> rows; // -> number
    llvm::SetVector<Value> captures;
    for (auto [op, of] : llvm::enumerate(steps.sources))
      for (auto [i, source] : llvm::enumerate(of)) {
        if (source.kind == Source::Before)
          carries.insert({{source.op, source.result}, ops[steps.at(0, op)]->getOperand(i)});
        else if (source.kind == Source::Row)
          rows.insert({{source.value, source.index}, unsigned(rows.size())});
        else if (source.kind == Source::Outside)
          captures.insert(source.value);
      }
    SmallVector<Value> inits, xs, outer;
    for (auto &[result, value] : carries)
      inits.push_back(lifted(value, ops[steps.begin]));
    for (auto &[row, number] : rows) {
      int64_t least = steps.direction > 0 ? row.second : row.second - int64_t(steps.count) + 1;
      xs.push_back(takeRows(builder, loc, {lifted(row.first, ops[steps.begin]), least}, steps.count));
    }
    for (Value value : captures)
      outer.push_back(lifted(value, ops[steps.begin]));

    // What goes out.
    auto outside = readOutside(steps);
    SmallVector<Type> types;
    for (auto &[result, value] : carries)
      types.push_back(value.getType());
    SmallVector<Result> stacked;
    for (auto &[result, where] : outside) {
      if (where.size() == 1 && where.front() == steps.count - 1 && carries.contains(result))
        continue;
      stacked.push_back(result);
      types.push_back(stackedType(ops[steps.at(0, result.first)]->getResult(result.second).getType(), steps.count));
    }
    auto loop = ForOp::create(builder, loc, types, SizeAttr::get(context, SizeExpr(steps.count)), inits, xs, outer,
                              steps.direction < 0);

    // The step.
    Block *body = builder.createBlock(&loop.getBody());
    body->addArgument(RankedTensorType::get({}, builder.getI64Type()), loc);
    for (Value value : inits)
      body->addArgument(value.getType(), value.getLoc());
    for (Value value : xs) {
      Shape shape = shapeOf(value);
      body->addArgument(typeOf(ArrayRef<SizeExpr>(shape).drop_front(), getElementTypeOrSelf(value)), value.getLoc());
    }
    for (Value value : outer)
      body->addArgument(value.getType(), value.getLoc());
    std::vector<Operation *> made;
    for (unsigned op = 0; op < steps.length; ++op) {
      Operation *first = ops[steps.at(0, op)];
      places.clear();
      for (unsigned step = 0; step < steps.count; ++step)
        places.push_back(ops[steps.at(step, op)]->getLoc());
      Location here = mergeLocations(context, places);
      SmallVector<Value> operands;
      for (auto [i, source] : llvm::enumerate(steps.sources[op])) {
        Type type = first->getOperand(i).getType();
        switch (source.kind) {
        case Source::Inside:
          operands.push_back(made[source.op]->getResult(source.result));
          break;
        case Source::Before:
          operands.push_back(loop.getCarryArguments()[carries.find({source.op, source.result}) - carries.begin()]);
          break;
        case Source::Row: {
          Value row = loop.getSliceArguments()[rows.lookup({source.value, source.index})];
          operands.push_back(row.getType() == type ? row : ReshapeOp::create(builder, here, type, row).getResult());
          break;
        }
        case Source::Constant:
          operands.push_back(builder.clone(*source.value.getDefiningOp())->getResult(0));
          break;
        case Source::Outside:
          operands.push_back(loop.getCaptureArguments()[llvm::find(captures, source.value) - captures.begin()]);
          break;
        }
      }
      Operation *clone = builder.clone(*first);
      clone->setOperands(operands);
      clone->setLoc(here);
      made.push_back(clone);
    }
    SmallVector<Value> yielded;
    auto yields = [&](Result result) { yielded.push_back(made[result.first]->getResult(result.second)); };
    for (auto &[result, value] : carries)
      yields(result);
    llvm::for_each(stacked, yields);
    YieldOp::create(builder, loc, yielded);

    // Its readers.
    builder.setInsertionPointAfter(loop);
    auto inLoop = [&](OpOperand &use) {
      auto it = place.find(use.getOwner());
      return it != place.end() && it->second >= steps.begin && it->second < steps.begin + steps.ops();
    };
    auto replace = [&](Result result, unsigned step, Value by) {
      Value old = ops[steps.at(step, result.first)]->getResult(result.second);
      old.replaceUsesWithIf(by, [&](OpOperand &use) { return !inLoop(use); });
    };
    for (auto [i, result] : llvm::enumerate(stacked))
      for (unsigned step : outside[result]) {
        Operation *old = ops[steps.at(step, result.first)];
        int64_t index = steps.direction < 0 ? steps.count - 1 - step : step;
        Row row{loop.getResult(inits.size() + i), index};
        replace(result, step,
                takeRow(builder, old->getLoc(), row, cast<RankedTensorType>(old->getResult(result.second).getType())));
      }
    for (auto [i, item] : llvm::enumerate(carries))
      replace(item.first, steps.count - 1, loop.getResult(i));
    for (unsigned i = steps.begin + steps.ops(); i-- > steps.begin;)
      ops[i]->erase();
  }
};

struct RerollPass : impl::RerollBase<RerollPass> {
  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation()->walk([&](func::FuncOp function) { // inner ones first: a step may hold a loop
      function->walk([&](Block *block) { blocks.push_back(block); });
    });
    for (Block *block : blocks)
      while (BlockRoller(*block).run()) {
      }
  }
};

} // namespace
} // namespace weft
