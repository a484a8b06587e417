// Decides how k is taken in groups: which products one instruction of the target sums, and how operands are packed for
// it: the group's numbers side by side in words of 4 bytes, so that a lane of a vector is one place with its group.
// Sums have the bits of products taken one by one: those of integers in any case, those of bf16 where all operands are
// tame.
#include "Tile.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace weft {

namespace {

/// What one side of the product widens: bits and sign of an argument; no bits for anything else.
struct Narrow {
  unsigned bits = 0;
  bool isSigned = false, isHalf = false; // half of a float: bf16
};

// The instruction for bf16 takes subnormal numbers for 0 and gives none. Halves are tame if they are 0, or at least
// 2^-56 (the sums are then multiples of 2^-126) and below 2^63 (no product overflows that fma would still add to).
constexpr int64_t leastTame = (127 - 56) << 7, firstWild = (127 + 63) << 7, magnitude = 0x7fff;

Narrow narrowOf(Value side) {
  Operation *op = side.getDefiningOp();
  if (!op || op->getNumOperands() != 1 || !isa<BlockArgument>(op->getOperand(0)))
    return {};
  if (isa<arith::ExtFOp>(op) && op->getOperand(0).getType().isBF16())
    return {16, true, true};
  if (!isa<arith::ExtSIOp, arith::ExtUIOp>(op))
    return {};
  return {op->getOperand(0).getType().getIntOrFloatBitWidth(), isa<arith::ExtSIOp>(op)};
}

} // namespace

int64_t Contraction::group(KernelGraph &g, const Target &target) const {
  bool one = leftBuffer < 0 || rightBuffer < 0 || leftPanel || rightPanel || groups(g, folded, false).size() != 1;
  if (one || accumulator.getIntOrFloatBitWidth() != 32)
    return 1;
  Narrow l = narrowOf(side(left)), r = narrowOf(side(right));
  if (accumulator.isF32())
    return target.dotHalves && l.isHalf && r.isHalf ? 2 : 1;
  if (target.dotBytes && l.bits == 8 && r.bits == 8 && r.isSigned)
    return 4;
  auto isWord = [](Narrow x) { return x.bits == 8 || (x.bits == 16 && x.isSigned); };
  return target.dotWords && isWord(l) && isWord(r) ? 2 : 1;
}

//===-- instructions ---------------------------------------------------------------------------------------------===//

/// Words as the numbers of their groups.
Value Tile::parts(Value words) {
  Type part = sumsHalves() ? Type(b.getBF16Type()) : b.getIntegerType(32 / s.group);
  int64_t lanes = cast<VectorType>(words.getType()).getNumElements();
  return vector::BitCastOp::create(b, e.loc, VectorType::get({lanes * s.group}, part), words);
}

/// acc + the products of each lane's group.
Value Tile::dot(Value acc, Value left, Value right) {
  auto type = cast<VectorType>(acc.getType());
  int64_t lanes = type.getNumElements();
  auto call = [&](StringRef name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, e.loc, type, b.getStringAttr(name), operands).getResult(0);
  };
  if (sumsHalves())
    return call("llvm.x86.avx512bf16.dpbf16ps." + std::to_string(lanes * 32), {acc, left, right});
  if (s.group == 4)
    return call("llvm.x86.avx512.vpdpbusd." + std::to_string(lanes * 32), {acc, left, right});
  StringRef name = lanes == 16  ? "llvm.x86.avx512.pmaddw.d.512"
                   : lanes == 8 ? "llvm.x86.avx2.pmadd.wd"
                                : "llvm.x86.sse2.pmadd.wd";
  return arith::AddIOp::create(b, e.loc, acc, call(name, {left, right}));
}

Value Tile::half(Value words, bool upper) {
  Value by = e.splat(words.getType(), upper ? 0xffff0000 : 16);
  Value bits =
      upper ? Value(arith::AndIOp::create(b, e.loc, words, by)) : Value(arith::ShLIOp::create(b, e.loc, words, by));
  Type type = c.accumulator;
  if (auto vector = dyn_cast<VectorType>(words.getType()))
    type = e.vectorOf(type, vector.getNumElements());
  return arith::BitcastOp::create(b, e.loc, type, bits);
}

void Tile::sumOneByOne(const Item &item, Value i, unsigned rows, const Lanes &lanes, const Block &block) {
  unsigned some = 4; // enough chains of products
  while (rows % some)
    --some;
  e.loop(e.index(0), e.index(rows), some, [&](Value r) {
    Item part = item;
    part.oneByOne = true;
    if (item.left.strip != 1) { // row r of a strip is beside its first row, not behind it
      part.left.strip = rows;
      part.left.memory = e.address(item.left.memory, leftElement(), e.mul(r, SizeExpr(1) - item.left.length));
    }
    sum(part, e.add(i, r), some, lanes, block);
  });
}

/// Bytes of the left operand are taken as unsigned: signed ones are moved up by 128, and the sums corrected by what
/// that adds, 128 times the sum of each lane.
bool Tile::movesLeft() const { return s.group == 4 && narrowOf(c.side(c.left)).isSigned; }

/// The sign bits of the bytes of a word, or of a vector of words.
Value Tile::signBits(Type type) {
  Value bits = arith::ConstantIntOp::create(b, e.loc, b.getI32Type(), 0x80808080);
  auto vector = dyn_cast<VectorType>(type);
  return vector ? e.widen(bits, vector.getNumElements()) : bits;
}

/// Numbers of an operand as the bits that the instruction takes.
Value Tile::asParts(int input, Value loaded) {
  Narrow narrow = narrowOf(c.side(input));
  unsigned bits = 32 / s.group;
  Type type = b.getIntegerType(bits);
  if (auto vector = dyn_cast<VectorType>(loaded.getType()))
    type = VectorType::get(vector.getShape(), type);
  if (narrow.isHalf)
    return arith::BitcastOp::create(b, e.loc, type, loaded);
  if (narrow.bits == bits)
    return loaded;
  return narrow.isSigned ? Value(arith::ExtSIOp::create(b, e.loc, type, loaded))
                         : Value(arith::ExtUIOp::create(b, e.loc, type, loaded));
}

Value Tile::moved(int input, Value words) {
  if (input != c.left || !movesLeft())
    return words;
  return arith::XOrIOp::create(b, e.loc, words, signBits(words.getType()));
}

/// Words of numbers that lie along k in a vector. Of two halves the instruction takes the upper one first.
Value Tile::groupsAlong(int input, Value loaded) {
  Value parts = asParts(input, loaded);
  int64_t words = cast<VectorType>(parts.getType()).getNumElements() / s.group;
  auto type = VectorType::get({words}, b.getI32Type());
  Value value = vector::BitCastOp::create(b, e.loc, type, parts);
  if (sumsHalves()) {
    Value by = arith::ConstantOp::create(b, e.loc, DenseElementsAttr::get(type, b.getI32IntegerAttr(16)));
    value = arith::OrIOp::create(b, e.loc, arith::ShLIOp::create(b, e.loc, value, by),
                                 arith::ShRUIOp::create(b, e.loc, value, by));
  }
  return moved(input, value);
}

/// A group of k as one word, or a vector of lanes' groups: `load` gives the numbers at a step of k. Steps past the end
/// (where `there` says how many are there) are 0.
Value Tile::groupAt(int input, Value first, Value there, llvm::function_ref<Value(Value)> load) {
  Value words;
  for (int64_t t = 0; t < s.group; ++t) {
    Value k = e.add(first, e.index(t)), inside;
    if (there && t) {
      inside = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::ult, e.index(t), there);
      k = arith::SelectOp::create(b, e.loc, inside, k, first);
    }
    Value part = asParts(input, load(k));
    Type type = b.getI32Type();
    if (auto vector = dyn_cast<VectorType>(part.getType()))
      type = VectorType::get(vector.getShape(), type);
    Value zero = arith::ConstantOp::create(b, e.loc, b.getZeroAttr(type));
    Value word = arith::ExtUIOp::create(b, e.loc, type, part);
    if (inside)
      word = arith::SelectOp::create(b, e.loc, inside, word, zero);
    int64_t place = sumsHalves() ? s.group - 1 - t : t; // the upper half comes first
    if (place) {
      Value by = arith::ConstantIntOp::create(b, e.loc, b.getI32Type(), place * 32 / s.group);
      if (auto vector = dyn_cast<VectorType>(type))
        by = e.widen(by, vector.getNumElements());
      word = arith::ShLIOp::create(b, e.loc, word, by);
    }
    words = words ? Value(arith::OrIOp::create(b, e.loc, words, word)) : word;
  }
  return moved(input, words);
}

//===-- packing --------------------------------------------------------------------------------------------------===//

SizeExpr Tile::steps(const SizeExpr &k) const {
  return s.group == 1 ? k : (k + SizeExpr(s.group - 1)).floordiv(s.group);
}

Stretch Tile::steps(const Stretch &k) {
  if (s.group == 1)
    return k;
  auto count = [&](Value x) { return b.createOrFold<arith::CeilDivUIOp>(e.loc, x, e.index(s.group)); };
  return {count(k.first), count(k.end)};
}

void Tile::overGroups(const Stretch &k, llvm::function_ref<void(Value, Value, Value)> body) {
  Stretch numbers = steps(k);
  auto at = [&](Value number) { return e.mul(number, SizeExpr(s.group)); };
  if (auto whole = K.constant(); whole && *whole % s.group == 0)
    return e.loop(numbers.first, numbers.end, 1, [&](Value number) { body(at(number), number, {}); });
  Value middle = b.createOrFold<arith::DivUIOp>(e.loc, k.end, e.index(s.group));
  e.loop(numbers.first, middle, 1, [&](Value number) { body(at(number), number, {}); });
  e.loop(middle, numbers.end, 1, [&](Value number) { body(at(number), number, e.sub(k.end, at(number))); });
}

/// The rows, tile by tile, group by group.
void Tile::groupLeft(const Point &origin, const Panel &panel, const Stretch &rows, const Stretch &k) {
  Type element = g.buffers[c.leftBuffer].element;
  int dim = ks.front().back();
  bool along = c.leftAccess.coefs[dim] == SizeExpr(1);
  overTiles(rows, [&](Value i, int64_t count) {
    overGroups(k, [&](Value first, Value number, Value there) {
      Point to, from = origin;
      to.indices = {panelOffset(panel, i, count, number)};
      from.indices[m.back()] = readsFrom(i);
      for (int64_t r = 0; r < count; ++r) {
        Linear linear = c.leftAccess;
        linear.offset = linear.offset + linear.coefs[m.back()] * SizeExpr(r);
        auto load = [&](Value step) {
          from.indices[dim] = step;
          return e.load(e.pointers[c.leftBuffer], element, linear, from);
        };
        Value word;
        if (along && !there) {
          from.lane = dim;
          from.width = s.group;
          word = vector::ExtractOp::create(b, e.loc, groupsAlong(c.left, load(first)), 0);
        } else {
          word = groupAt(c.left, first, there, load);
        }
        e.store(word, panel.memory, leftElement(), Linear{SizeExpr(r), {SizeExpr(1)}}, to);
      }
    });
    if (!sumsHalves())
      return;
    // The tile's words lie in one stretch.
    Stretch numbers = steps(k);
    Value base = panelOffset(panel, i, count, numbers.first);
    Value length = e.mul(e.sub(numbers.end, numbers.first), SizeExpr(count)), middle = e.roundDown(length, width);
    auto over = [&](Value first, Value end, bool masks, SmallVector<Value> sofar) {
      return e.loopCarry(first, end, width, sofar, [&](Value at, ValueRange carried) {
        Point place = rowOfMemory(e, e.add(base, at), width);
        if (masks)
          place.mask = e.laneMask(e.sub(length, at), width);
        return extremes(carried, e.load(panel.memory, leftElement(), Linear{0, {SizeExpr(1), SizeExpr(1)}}, place));
      });
    };
    noteWild(over(middle, length, true, over(e.index(0), middle, false, noExtremes())), panel, i, count);
  });
}

/// The lanes, in strips, group by group; then what corrects each lane.
void Tile::groupRight(const Point &origin, const Panel &panel, const Stretch &lanes, const Stretch &k) {
  Type element = g.buffers[c.rightBuffer].element;
  int dim = ks.front().back();
  Linear inPanel{0, {SizeExpr(1), SizeExpr(1)}};
  auto slot = [&](const Lanes &strip, unsigned v, Value number) {
    Point to = rowOfMemory(e, panelOffset(panel, strip.j, this->strip(), number), width);
    to.indices[1] = e.index(v * width);
    return to;
  };
  bool turns = c.rightAccess.coefs[dim] == SizeExpr(1) && c.rightAccess.coefs[n.back()] != SizeExpr(1);
  e.loop(lanes.first, lanes.end, 8 * strip(), [&](Value j) { // some strips at a time: rows are read in long stretches
    Stretch some = stretch(j, 8 * strip(), lanes.end, false);
    if (turns)
      return e.loop(some.first, some.end, strip(), [&](Value j) { turnGroups(origin, panel, anyStrip(j), k); });
    overGroups(k, [&](Value first, Value number, Value there) {
      auto pack = [&](const Lanes &strip) {
        for (unsigned v = 0; v < strip.vectors(); ++v) {
          Point from = lanePoint(origin, strip, v);
          Value words = groupAt(c.right, first, there, [&](Value step) {
            from.indices[dim] = step;
            return e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from);
          });
          e.store(words, panel.memory, rightElement(), inPanel, slot(strip, v, number));
        }
      };
      overStrips(some, pack, /*whole=*/true);
    });
  });
  if (!movesLeft() && !sumsHalves())
    return;
  overStrips(lanes, [&](const Lanes &strip) {
    Type type = e.vectorOf(rightElement(), width);
    Value zero = arith::ConstantOp::create(b, e.loc, b.getZeroAttr(type));
    Stretch numbers = steps(k);
    SmallVector<Value> starts = sumsHalves() ? noExtremes() : SmallVector<Value>(strip.vectors(), zero);
    auto ends = e.loopCarry(numbers.first, numbers.end, 1, starts, [&](Value number, ValueRange carried) {
      SmallVector<Value> next(carried);
      for (unsigned v = 0; v < strip.vectors(); ++v) {
        Value words = e.load(panel.memory, rightElement(), inPanel, slot(strip, v, number));
        if (sumsHalves())
          next = extremes(next, words);
        else
          next[v] = dot(next[v], parts(signBits(type)), parts(words));
      }
      return next;
    });
    if (sumsHalves())
      return noteWild(ends, panel, strip.j, this->strip());
    for (auto [v, sum] : llvm::enumerate(ends))
      e.store(arith::SubIOp::create(b, e.loc, zero, sum), panel.memory, rightElement(), inPanel,
              slot(strip, v, behind(panel)));
  });
}

/// The step behind those of a strip.
Value Tile::behind(const Panel &panel) {
  Value last = e.index(panel.length - SizeExpr(1));
  return panel.k ? e.add(panel.k, last) : last;
}

/// The greatest magnitude of some halves, and the least one less 1, which of 0 is the greatest of all.
SmallVector<Value> Tile::noExtremes() {
  auto type = e.vectorOf(b.getI16Type(), width * 2);
  auto all = [&](int64_t bits) -> Value {
    return arith::ConstantOp::create(b, e.loc, DenseElementsAttr::get(type, b.getI16IntegerAttr(int16_t(bits))));
  };
  return {all(0), all(0xffff)};
}

SmallVector<Value> Tile::extremes(ValueRange sofar, Value words) {
  Type type = sofar.front().getType();
  auto all = [&](int64_t bits) -> Value {
    return arith::ConstantOp::create(
        b, e.loc, DenseElementsAttr::get(cast<ShapedType>(type), b.getI16IntegerAttr(int16_t(bits))));
  };
  Value size = arith::AndIOp::create(b, e.loc, vector::BitCastOp::create(b, e.loc, cast<VectorType>(type), words),
                                     all(magnitude));
  return {arith::MaxUIOp::create(b, e.loc, sofar[0], size),
          arith::MinUIOp::create(b, e.loc, sofar[1], arith::SubIOp::create(b, e.loc, size, all(1)))};
}

void Tile::noteWild(ValueRange extremes, const Panel &panel, Value place, int64_t strip) {
  auto fold = [&](vector::CombiningKind kind, Value v) { return vector::ReductionOp::create(b, e.loc, kind, v); };
  auto test = [&](arith::CmpIPredicate predicate, Value x, int64_t bound) -> Value {
    return arith::CmpIOp::create(b, e.loc, predicate, x,
                                 arith::ConstantIntOp::create(b, e.loc, b.getI16Type(), int16_t(bound)));
  };
  Value large = test(arith::CmpIPredicate::uge, fold(vector::CombiningKind::MAXUI, extremes[0]), firstWild);
  Value small = test(arith::CmpIPredicate::ult, fold(vector::CombiningKind::MINUI, extremes[1]), leastTame - 1);
  Value wild = arith::ExtUIOp::create(b, e.loc, b.getI32Type(), arith::OrIOp::create(b, e.loc, large, small));
  Point to;
  to.indices = {noteOf(panel, place, strip)};
  e.store(wild, panel.memory, b.getI32Type(), Linear{0, {SizeExpr(1)}}, to);
}

/// Behind the steps of a strip; of rows, all of them behind the rows, side by side.
Value Tile::noteOf(const Panel &panel, Value place, int64_t strip) {
  if (panel.strip != 1)
    return panelOffset(panel, place, strip, behind(panel));
  return e.add(e.sub(place, panel.first), e.index(SizeExpr(s.rowBlock) * panel.length));
}

/// Whether one of the strips that a tile reads has halves that are not tame.
Value Tile::isWild(const Item &item, Value i, unsigned rows, const Lanes &lanes) {
  auto any = [&](const Panel &panel, Value place, int64_t strip, unsigned notes) -> Value {
    Point at = rowOfMemory(e, noteOf(panel, place, strip), llvm::PowerOf2Ceil(notes));
    if (notes != at.width)
      at.mask = e.laneMask(e.index(notes), at.width);
    Value found = e.load(panel.memory, b.getI32Type(), Linear{0, {SizeExpr(1), SizeExpr(1)}}, at);
    Value zero = arith::ConstantOp::create(b, e.loc, b.getZeroAttr(found.getType()));
    Value wild = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::ne, found, zero);
    return notes > 1 ? Value(vector::ReductionOp::create(b, e.loc, vector::CombiningKind::OR, wild)) : wild;
  };
  Value left = item.left.strip == 1 ? any(item.left, i, 1, rows) : any(item.left, i, rows, 1);
  return arith::OrIOp::create(b, e.loc, left, any(item.right, lanes.j, strip(), 1));
}

/// A strip whose k lie side by side: squares of lanes by groups, turned in registers.
void Tile::turnGroups(const Point &origin, const Panel &panel, const Lanes &lanes, const Stretch &k) {
  Type element = g.buffers[c.rightBuffer].element;
  int dim = ks.front().back();
  Linear inPanel{0, {SizeExpr(1), SizeExpr(1)}};
  const int64_t square = int64_t(width) * s.group;
  Value middle = e.add(k.first, e.roundDown(e.sub(k.end, k.first), square));
  e.loop(k.first, middle, square, [&](Value at) {
    e.loop(e.index(0), e.index(strip()), width, [&](Value v) {
      Point from = origin;
      from.indices[dim] = at;
      from.lane = dim;
      from.width = square;
      SmallVector<Value> rows;
      for (unsigned t = 0; t < width; ++t) {
        from.indices[n.back()] = laneToTurn(lanes, v, t);
        rows.push_back(groupsAlong(c.right, e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from)));
      }
      Value number = b.createOrFold<arith::DivUIOp>(e.loc, at, e.index(s.group));
      for (auto [t, words] : llvm::enumerate(e.transposed(rows))) {
        Point to = rowOfMemory(e, panelOffset(panel, lanes.j, strip(), e.add(number, e.index(t))), width);
        to.indices[1] = v;
        e.store(words, panel.memory, rightElement(), inPanel, to);
      }
    });
  });
  overGroups({middle, k.end}, [&](Value first, Value number, Value there) {
    e.loop(e.index(0), e.index(strip()), 1, [&](Value lane) {
      Point from = origin, to;
      from.indices[n.back()] = laneToTurn(lanes, lane, 0);
      Value word = groupAt(c.right, first, there, [&](Value step) {
        from.indices[dim] = step;
        return e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from);
      });
      to.indices = {panelOffset(panel, lanes.j, strip(), number), lane};
      e.store(word, panel.memory, rightElement(), inPanel, to);
    });
  });
}

} // namespace weft
