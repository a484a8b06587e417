// Decides how k is taken in groups: which products one instruction of the target sums, and how operands are packed for
// it: the group's numbers side by side in lanes of 4 bytes, so that a lane of a vector is one place with its group.
#include "Tile.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace weft {

namespace {

/// What one side of the product widens: bits and sign of an integer argument; no bits for anything else.
struct Narrow {
  unsigned bits = 0;
  bool isSigned = false;
};

Narrow narrowOf(Value side) {
  Operation *op = side.getDefiningOp();
  if (!isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp>(op) || !isa<BlockArgument>(op->getOperand(0)))
    return {};
  return {op->getOperand(0).getType().getIntOrFloatBitWidth(), isa<arith::ExtSIOp>(op)};
}

} // namespace

int64_t Contraction::group(KernelGraph &g, const Target &target) const {
  bool one = leftBuffer < 0 || rightBuffer < 0 || leftPanel || rightPanel || groups(g, folded, false).size() != 1;
  if (one || !accumulator.isInteger(32))
    return 1;
  Narrow l = narrowOf(side(left)), r = narrowOf(side(right));
  if (target.dotBytes && l.bits == 8 && r.bits == 8 && r.isSigned)
    return 4;
  auto isWord = [](Narrow x) { return x.bits == 8 || (x.bits == 16 && x.isSigned); };
  return target.dotWords && isWord(l) && isWord(r) ? 2 : 1;
}

//===-- instructions ---------------------------------------------------------------------------------------------===//

/// acc + the products of each lane's group.
Value Tile::dot(Value acc, Value left, Value right) {
  auto type = cast<VectorType>(acc.getType());
  int64_t lanes = type.getNumElements();
  Type part = b.getIntegerType(32 / s.group);
  auto parts = [&](Value words) -> Value {
    return vector::BitCastOp::create(b, e.loc, VectorType::get({lanes * s.group}, part), words);
  };
  auto call = [&](StringRef name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, e.loc, type, b.getStringAttr(name), operands).getResult(0);
  };
  if (s.group == 4)
    return call("llvm.x86.avx512.vpdpbusd." + std::to_string(lanes * 32), {acc, parts(left), parts(right)});
  StringRef name = lanes == 16  ? "llvm.x86.avx512.pmaddw.d.512"
                   : lanes == 8 ? "llvm.x86.avx2.pmadd.wd"
                                : "llvm.x86.sse2.pmadd.wd";
  return arith::AddIOp::create(b, e.loc, acc, call(name, {parts(left), parts(right)}));
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

/// Numbers of an operand as the instruction takes them.
Value Tile::asParts(int input, Value loaded) {
  Narrow narrow = narrowOf(c.side(input));
  unsigned bits = 32 / s.group;
  if (narrow.bits == bits)
    return loaded;
  Type type = b.getIntegerType(bits);
  if (auto vector = dyn_cast<VectorType>(loaded.getType()))
    type = VectorType::get(vector.getShape(), type);
  return narrow.isSigned ? Value(arith::ExtSIOp::create(b, e.loc, type, loaded))
                         : Value(arith::ExtUIOp::create(b, e.loc, type, loaded));
}

Value Tile::moved(int input, Value words) {
  if (input != c.left || !movesLeft())
    return words;
  return arith::XOrIOp::create(b, e.loc, words, signBits(words.getType()));
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
    if (t) {
      Value by = arith::ConstantIntOp::create(b, e.loc, b.getI32Type(), t * 32 / s.group);
      if (auto vector = dyn_cast<VectorType>(type))
        by = e.widen(by, vector.getNumElements());
      word = arith::OrIOp::create(b, e.loc, words, arith::ShLIOp::create(b, e.loc, word, by));
    }
    words = word;
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
  overTiles(rows, [&](Value i, int64_t count) {
    overGroups(k, [&](Value first, Value number, Value there) {
      Point to, from = origin;
      to.indices = {panelOffset(panel, i, count, number)};
      from.indices[m.back()] = i;
      for (int64_t r = 0; r < count; ++r) {
        Linear linear = c.leftAccess;
        linear.offset = linear.offset + linear.coefs[m.back()] * SizeExpr(r);
        Value word = groupAt(c.left, first, there, [&](Value step) {
          from.indices[ks.front().back()] = step;
          return e.load(e.pointers[c.leftBuffer], element, linear, from);
        });
        e.store(word, panel.memory, leftElement(), Linear{SizeExpr(r), {SizeExpr(1)}}, to);
      }
    });
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
      return overStrips(some, [&](const Lanes &strip) { turnGroups(origin, panel, strip, k); });
    overGroups(k, [&](Value first, Value number, Value there) {
      overStrips(some, [&](const Lanes &strip) {
        for (unsigned v = 0; v < strip.vectors(); ++v) {
          Point from = lanePoint(origin, strip, v);
          Value words = groupAt(c.right, first, there, [&](Value step) {
            from.indices[dim] = step;
            return e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from);
          });
          e.store(words, panel.memory, rightElement(), inPanel, slot(strip, v, number));
        }
      });
    });
  });
  if (!movesLeft())
    return;
  overStrips(lanes, [&](const Lanes &strip) {
    Type type = e.vectorOf(c.accumulator, width);
    Value zero = arith::ConstantOp::create(b, e.loc, b.getZeroAttr(type));
    Stretch numbers = steps(k);
    SmallVector<Value> sums =
        e.loopCarry(numbers.first, numbers.end, 1, SmallVector<Value>(strip.vectors(), zero),
                    [&](Value number, ValueRange carried) {
                      SmallVector<Value> next;
                      for (auto [v, sum] : llvm::enumerate(carried))
                        next.push_back(dot(sum, signBits(type),
                                           e.load(panel.memory, rightElement(), inPanel, slot(strip, v, number))));
                      return next;
                    });
    for (auto [v, sum] : llvm::enumerate(sums))
      e.store(arith::SubIOp::create(b, e.loc, zero, sum), panel.memory, rightElement(), inPanel,
              slot(strip, v, correctionAt(panel)));
  });
}

/// The correction of a strip stands behind its steps.
Value Tile::correctionAt(const Panel &panel) {
  Value last = e.index(panel.length - SizeExpr(1));
  return panel.k ? e.add(panel.k, last) : last;
}

/// A strip whose k lie side by side: squares of lanes by groups, turned in registers.
void Tile::turnGroups(const Point &origin, const Panel &panel, const Lanes &lanes, const Stretch &k) {
  Type element = g.buffers[c.rightBuffer].element;
  int dim = ks.front().back();
  Linear inPanel{0, {SizeExpr(1), SizeExpr(1)}};
  const int64_t square = int64_t(width) * s.group;
  Value middle = e.add(k.first, e.roundDown(e.sub(k.end, k.first), square));
  Value last = e.sub(e.index(N), e.index(1));
  e.loop(k.first, middle, square, [&](Value at) {
    e.loop(e.index(0), e.index(int64_t(lanes.vectors()) * width), width, [&](Value v) {
      Point from = origin;
      from.indices[dim] = at;
      from.lane = dim;
      from.width = square;
      SmallVector<Value> rows;
      for (unsigned t = 0; t < width; ++t) { // a lane past the end reads the last one; its sums are not stored
        from.indices[n.back()] = e.minimum(e.add(e.add(lanes.j, v), e.index(t)), last);
        Value parts = asParts(c.right, e.load(e.pointers[c.rightBuffer], element, c.rightAccess, from));
        rows.push_back(moved(c.right, vector::BitCastOp::create(b, e.loc, e.vectorOf(b.getI32Type(), width), parts)));
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
    e.loop(e.index(0), e.index(int64_t(lanes.vectors()) * width), 1, [&](Value lane) {
      Point from = origin, to;
      from.indices[n.back()] = e.minimum(e.add(lanes.j, lane), last);
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
