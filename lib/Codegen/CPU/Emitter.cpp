// Decides how sizes, vectors, payloads and loops look in the emitted code.
#include "weft/Codegen/CPU/Emitter.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace weft {

//===-- sizes and indices ----------------------------------------------------------------------------------------===//

bool Emitter::reaches(Value value) const {
  Block *block = b.getInsertionBlock();
  Operation *before = b.getInsertionPoint() == block->end() ? nullptr : &*b.getInsertionPoint();
  while (block != value.getParentBlock()) {
    before = block->getParentOp();
    if (!before || before->hasTrait<OpTrait::IsIsolatedFromAbove>())
      return false;
    block = before->getBlock();
  }
  Operation *maker = value.getDefiningOp();
  return !maker || !before || maker->isBeforeInBlock(before);
}

Value Emitter::index(int64_t value) {
  return once({TypeID::get<arith::ConstantIndexOp>().getAsOpaquePointer(), nullptr, nullptr, value},
              [&] { return arith::ConstantIndexOp::create(b, loc, value); });
}

Value Emitter::index(const SizeExpr &expr) {
  if (auto c = expr.constant())
    return index(*c);
  Value sum;
  for (auto &[atoms, coefficient] : expr.getTerms()) {
    Value product;
    for (const SizeExpr::Atom &atom : atoms) {
      Value factor =
          atom.divisor
              ? Value(b.createOrFold<arith::FloorDivSIOp>(loc, index(atom.dividend.front()), index(atom.divisor)))
              : symbols.lookup(atom.symbol);
      product = product ? once<arith::MulIOp>(product, factor) : factor;
    }
    if (!product)
      product = index(coefficient);
    else if (coefficient != 1)
      product = once<arith::MulIOp>(product, index(coefficient));
    sum = sum ? once<arith::AddIOp>(sum, product) : product;
  }
  return sum;
}

Value Emitter::add(Value x, Value y) {
  if (matchPattern(x, m_Zero()))
    return y;
  if (matchPattern(y, m_Zero()))
    return x;
  return once<arith::AddIOp>(x, y);
}

Value Emitter::mul(Value x, const SizeExpr &y) {
  if (y == SizeExpr(1))
    return x;
  return once<arith::MulIOp>(x, index(y));
}

Value Emitter::sub(Value x, Value y) { return once<arith::SubIOp>(x, y); }

Value Emitter::roundDown(Value x, int64_t step) {
  return once<arith::MulIOp>(once<arith::DivUIOp>(x, index(step)), index(step));
}

Value Emitter::toI64(Value x) {
  return once({TypeID::get<arith::IndexCastOp>().getAsOpaquePointer(), x.getAsOpaquePointer(), nullptr, 0},
              [&] { return b.createOrFold<arith::IndexCastOp>(loc, b.getI64Type(), x); });
}

Value Emitter::minimum(Value x, Value y) { return once<arith::MinSIOp>(x, y); }

Value Emitter::isLess(Value x, Value y) { return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, x, y); }

SmallVector<Value> Emitter::delinearize(Value flat, ArrayRef<SizeExpr> shape) {
  SmallVector<Value> indices(shape.size());
  for (int i = int(shape.size()) - 1; i > 0; --i) {
    Value size = index(shape[i]);
    indices[i] = once<arith::RemUIOp>(flat, size);
    flat = once<arith::DivUIOp>(flat, size);
  }
  if (!shape.empty())
    indices[0] = flat;
  return indices;
}

//===-- vectors --------------------------------------------------------------------------------------------------===//

VectorType Emitter::vectorOf(Type element, unsigned width) { return VectorType::get({width}, element); }

Value Emitter::splat(Type type, int64_t value) {
  if (auto v = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(v, APInt(32, uint32_t(value))));
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(int32_t(value)));
}

Value Emitter::widen(Value value, unsigned width) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(b, loc, vectorOf(value.getType(), width), value);
}

static Value maskBelow(Emitter &e, Value count, ArrayRef<int32_t> lanes) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  unsigned width = lanes.size();
  Value steps = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(e.vectorOf(b.getI32Type(), width), lanes));
  // Counts past the width are cut first: a long row must not wrap in 32 bits; negative ones mean no lane.
  Value cut = b.createOrFold<arith::IndexCastOp>(loc, b.getI32Type(), e.minimum(count, e.index(width)));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, steps, e.widen(cut, width));
}

Value Emitter::laneMask(Value count, unsigned width) {
  return maskBelow(*this, count, llvm::to_vector(llvm::seq<int32_t>(0, width)));
}

Value Emitter::lanesFrom(Value first, unsigned width) {
  Value before = laneMask(first, width);
  Value all = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(cast<ShapedType>(before.getType()), true));
  return arith::XOrIOp::create(b, loc, before, all);
}

Value Emitter::across(Value line, Value next, Value count) {
  auto type = cast<VectorType>(line.getType());
  const int64_t lanes = type.getNumElements(), bits = 512 / lanes;
  VectorType whole = vectorOf(b.getIntegerType(bits), lanes);
  SmallVector<APInt> numbers;
  for (int64_t lane = 0; lane < lanes; ++lane)
    numbers.push_back(APInt(bits, lane));
  Value first = arith::IndexCastOp::create(b, loc, whole.getElementType(), count);
  Value places = arith::AddIOp::create(b, loc, widen(first, lanes),
                                       arith::ConstantOp::create(b, loc, DenseElementsAttr::get(whole, numbers)));
  auto as = [&](Type to, Value value) { return b.createOrFold<arith::BitcastOp>(loc, to, value); };
  StringRef name = bits == 64   ? "llvm.x86.avx512.vpermi2var.q.512"
                   : bits == 32 ? "llvm.x86.avx512.vpermi2var.d.512"
                                : "llvm.x86.avx512.vpermi2var.hi.512";
  Value picked = LLVM::CallIntrinsicOp::create(b, loc, whole, b.getStringAttr(name),
                                               ValueRange{as(whole, line), places, as(whole, next)})
                     .getResult(0);
  return as(type, picked);
}

Value Emitter::picked(ArrayRef<Value> from, llvm::function_ref<std::pair<int64_t, int64_t>(int64_t)> of) {
  const int64_t width = cast<VectorType>(from.front().getType()).getNumElements();
  Value sofar;
  for (int64_t source = 0; source < int64_t(from.size()); ++source) {
    SmallVector<int64_t> lanes; // those of this vector, beside those of the ones before
    bool any = false;
    for (int64_t i = 0; i < width; ++i) {
      auto [vector, place] = of(i);
      any |= vector == source;
      lanes.push_back(vector == source ? (sofar ? width : 0) + place : i);
    }
    if (any)
      sofar = vector::ShuffleOp::create(b, loc, sofar ? sofar : from[source], from[source], lanes);
  }
  return sofar;
}

Value Emitter::orderedMask(Value count, unsigned width) {
  SmallVector<int32_t> lanes;
  for (unsigned i = 0; i < width; ++i)
    lanes.push_back(pairs ? 2 * i % width + 2 * i / width : i);
  return maskBelow(*this, count, lanes);
}

Value Emitter::choose(Value mask, Value x, Value y) {
  return mask ? Value(arith::SelectOp::create(b, loc, mask, x, y)) : x;
}

Value Emitter::fromPairs(Value narrow) {
  auto type = dyn_cast<VectorType>(narrow.getType());
  if (!type)
    return arith::ExtFOp::create(b, loc, b.getF32Type(), narrow);
  unsigned half = type.getNumElements() / 2;
  auto words = vectorOf(b.getI32Type(), half), floats = vectorOf(b.getF32Type(), half);
  Value both = vector::BitCastOp::create(b, loc, words, narrow);
  Value even = arith::ShLIOp::create(b, loc, both, splat(words, 16));
  Value odd = arith::AndIOp::create(b, loc, both, splat(words, 0xffff0000));
  return vector::ShuffleOp::create(b, loc, arith::BitcastOp::create(b, loc, floats, even),
                                   arith::BitcastOp::create(b, loc, floats, odd),
                                   llvm::to_vector(llvm::seq<int64_t>(0, 2 * half)));
}

Value Emitter::toPairs(Value wide) {
  auto type = dyn_cast<VectorType>(wide.getType());
  if (!type) {
    Value bits = arith::BitcastOp::create(b, loc, b.getI32Type(), wide);
    Value upper = arith::ShRUIOp::create(b, loc, bits, splat(b.getI32Type(), 16));
    return arith::BitcastOp::create(b, loc, b.getBF16Type(), arith::TruncIOp::create(b, loc, b.getI16Type(), upper));
  }
  unsigned width = type.getNumElements(), half = width / 2;
  auto words = vectorOf(b.getI32Type(), half);
  auto part = [&](int64_t first) -> Value {
    Value floats =
        vector::ShuffleOp::create(b, loc, wide, wide, llvm::to_vector(llvm::seq<int64_t>(first, first + half)));
    return arith::BitcastOp::create(b, loc, words, floats);
  };
  Value even = arith::ShRUIOp::create(b, loc, part(0), splat(words, 16));
  Value odd = arith::AndIOp::create(b, loc, part(half), splat(words, 0xffff0000));
  return vector::BitCastOp::create(b, loc, vectorOf(b.getBF16Type(), width), arith::OrIOp::create(b, loc, even, odd));
}

Value Emitter::inPlace(Value ordered) {
  auto type = dyn_cast<VectorType>(ordered.getType());
  if (!pairs || !type)
    return ordered;
  SmallVector<int64_t> places;
  for (int64_t i = 0, width = type.getNumElements(); i < width; ++i)
    places.push_back(i / 2 + i % 2 * width / 2);
  return vector::ShuffleOp::create(b, loc, ordered, ordered, places);
}

SmallVector<Value> Emitter::transposed(SmallVector<Value> rows) {
  const auto type = cast<VectorType>(rows.front().getType());
  const int64_t n = rows.size(), element = type.getElementTypeBitWidth(), bits = n * element;
  const int64_t piece = std::min<int64_t>(n, 128 / element), pieces = n / piece;
  auto as = [&](VectorType type, Value x) { return b.createOrFold<vector::BitCastOp>(loc, type, x); };
  // LLVM would look for fewer shuffles across the rounds, in vain, and take ten times as long: a fence hides them. It
  // is one of floats.
  auto floats = element == 64 ? vectorOf(b.getF64Type(), n) : vectorOf(b.getF32Type(), std::max<int64_t>(1, bits / 32));
  auto fenced = [&](Value x) -> Value {
    if (bits < 128)
      return x;
    auto call = LLVM::CallIntrinsicOp::create(b, loc, floats, b.getStringAttr("llvm.arithmetic.fence"), as(floats, x));
    return as(cast<VectorType>(x.getType()), call.getResult(0));
  };
  if (element >= 32)
    for (Value &row : rows)
      row = as(floats, row);
  // Rows `distance` apart: of both, what `from` says of each place, and what is `step` behind it.
  bool first = true;
  auto round = [&](int64_t distance, int64_t step, llvm::function_ref<int64_t(int64_t)> from) {
    SmallVector<int64_t> upper, lower;
    for (int64_t i = 0; i < n; ++i) {
      upper.push_back(from(i));
      lower.push_back(from(i) + step);
    }
    if (!std::exchange(first, false))
      for (Value &row : rows)
        row = fenced(row);
    for (int64_t i = 0; i < n; ++i)
      if (!(i & distance)) {
        Value x = rows[i], y = rows[i + distance];
        rows[i] = vector::ShuffleOp::create(b, loc, x, y, upper);
        rows[i + distance] = vector::ShuffleOp::create(b, loc, x, y, lower);
      }
  };
  for (int64_t distance = piece / 2; distance; distance /= 2) // halves of pieces, number by number
    round(distance, piece / 2, [&](int64_t i) { return i / piece * piece + i % piece / 2 + i % 2 * n; });
  for (int64_t distance = 1; distance < pieces; distance *= 2) // every other piece of one, then of the other
    round(distance * piece, piece,
          [&](int64_t i) { return 2 * i / n * n + 2 * (i / piece) % pieces * piece + i % piece; });
  for (Value &row : rows)
    row = as(type, row);
  return rows;
}

//===-- payloads -------------------------------------------------------------------------------------------------===//

Operation *Emitter::vectorized(Operation *op, ArrayRef<Value> operands, unsigned width) {
  OperationState state(op->getLoc(), op->getName());
  bool wide = llvm::any_of(operands, [](Value v) { return isa<VectorType>(v.getType()); });
  for (Value operand : operands)
    state.operands.push_back(wide ? widen(operand, width) : operand);
  for (Type type : op->getResultTypes()) {
    if (pairs && type.isBF16())
      type = b.getF32Type();
    state.types.push_back(wide ? Type(vectorOf(type, width)) : type);
  }
  state.addAttributes(op->getAttrs());
  return b.create(state);
}

/// Whether a number is what arithmetic gave: then NaN is a quiet one, which its upper half shows.
static bool isComputed(Value x) {
  Operation *op = x.getDefiningOp();
  if (auto shuffle = dyn_cast_or_null<vector::ShuffleOp>(op))
    return isComputed(shuffle.getV1()) && isComputed(shuffle.getV2());
  return op && isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, math::FmaOp, LLVM::CallIntrinsicOp>(op);
}

/// f32 -> bf16 in the upper half of 32 bits, by integers, ties to even: hardware conversions flush subnormals, library
/// ones may be missing. NaN stays as it is where that is safe, else it becomes all ones, which is one.
static Value roundToBF16(Emitter &e, Value x) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  Type i32 = b.getI32Type();
  if (auto v = dyn_cast<VectorType>(x.getType()))
    i32 = e.vectorOf(i32, v.getNumElements());
  Value bits = arith::BitcastOp::create(b, loc, i32, x);
  Value odd = arith::AndIOp::create(b, loc, arith::ShRUIOp::create(b, loc, bits, e.splat(i32, 16)), e.splat(i32, 1));
  // bits + 0x7fff + odd, in one operation less where there are operations of three operands.
  Value rounded = arith::SubIOp::create(b, loc, bits, arith::XOrIOp::create(b, loc, odd, e.splat(i32, 0xffff8001)));
  // What is computed from pairs of bfloat16 has no NaN but in its upper half.
  if (e.pairs && isComputed(x))
    return arith::SelectOp::create(b, loc, arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, x, x), rounded,
                                   bits);
  Value isNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
  return arith::OrIOp::create(b, loc, rounded, arith::ExtSIOp::create(b, loc, i32, isNan));
}

/// f32 -> bf16; in pair order it stays a float32.
static Value truncateToBF16(Emitter &e, Value x) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  Value rounded = roundToBF16(e, x);
  Type i32 = rounded.getType();
  if (e.pairs) {
    Value upper = arith::AndIOp::create(b, loc, rounded, e.splat(i32, 0xffff0000));
    return arith::BitcastOp::create(b, loc, x.getType(), upper);
  }
  auto like = [&](Type element) -> Type {
    auto v = dyn_cast<VectorType>(i32);
    return v ? Type(e.vectorOf(element, v.getNumElements())) : element;
  };
  Value upper = arith::ShRUIOp::create(b, loc, rounded, e.splat(i32, 16));
  return arith::BitcastOp::create(b, loc, like(b.getBF16Type()),
                                  arith::TruncIOp::create(b, loc, like(b.getI16Type()), upper));
}

Value Emitter::indexAt(const Linear &linear, const Point &point, Type type) {
  Value base = offset(linear, point);
  if (!type.isIndex())
    base = b.createOrFold<arith::IndexCastOp>(loc, type, base);
  SizeExpr coef = point.lane < 0 ? SizeExpr(0) : linear.coefs[point.lane];
  if (coef == SizeExpr(0))
    return base;
  auto cast = [&](Value step) { return type.isIndex() ? step : b.createOrFold<arith::IndexCastOp>(loc, type, step); };
  SmallVector<Attribute> lanes;
  for (unsigned i = 0; i < point.width; ++i)
    lanes.push_back(b.getIntegerAttr(type, i));
  Value steps = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vectorOf(type, point.width), lanes));
  if (coef != SizeExpr(1))
    steps = arith::MulIOp::create(b, loc, steps, widen(cast(index(coef)), point.width));
  return arith::AddIOp::create(b, loc, widen(base, point.width), steps);
}

/// The index that an op gives, perhaps as an integer.
static linalg::IndexOp indexIn(Operation *op) {
  auto cast = dyn_cast<arith::IndexCastOp>(op);
  return dyn_cast_or_null<linalg::IndexOp>(cast ? cast.getIn().getDefiningOp() : op);
}

Value Emitter::evaluateAt(Value value, ArrayRef<Value> indices, const Frame &frame) {
  Node *node = graph.nodeOf(value);
  Frame inner;
  inner.point = frame.point;
  inner.loops.assign(node->op.getNumLoops(), Value());
  // The maker writes each index plainly: result dimension i is one of its loops.
  AffineMap map = node->op.getMatchingIndexingMap(node->op.getDpsInitOperand(0));
  for (auto [expr, i] : llvm::zip(map.getResults(), indices))
    inner.loops[cast<AffineDimExpr>(expr).getPosition()] = i;
  return payload(*node, cast<linalg::YieldOp>(node->body().getTerminator()).getOperand(0), inner);
}

Value Emitter::madeOperand(Node &node, OpOperand &operand, Frame &frame) {
  if (box ? !graph.isMadeElsewhere(node, operand) : KernelGraph::isPlain(node, operand)) {
    Place elements = box ? graph.elementsOf(node, operand) : Place();
    if (elements.starts.empty())
      return evaluate(operand.get(), frame);
    Frame inner = elsewhere(frame, compose(frame.place, elements));
    return evaluate(operand.get(), inner);
  }
  SmallVector<Value> indices;
  for (const Linear &linear : graph.indicesOf(node, operand))
    indices.push_back(indexAt(moved(linear, frame.place), frame.point, b.getIndexType()));
  return evaluateAt(operand.get(), indices, frame);
}

Value Emitter::payload(Node &node, Value inner, Frame &frame) {
  if (auto it = frame.known.find(inner); it != frame.known.end())
    return it->second;
  Location outer = loc;
  Value value;
  auto argument = dyn_cast<BlockArgument>(inner);
  if (argument && argument.getOwner() == &node.body()) {
    OpOperand &operand = node.op->getOpOperand(argument.getArgNumber());
    loc = node.op.getLoc();
    int buffer = graph.bufferOf(operand.get());
    if (!frame.loops.empty()) {
      SmallVector<Value> indices;
      for (AffineExpr e : node.op.getMatchingIndexingMap(&operand).getResults())
        indices.push_back(apply(e, frame));
      value = buffer >= 0 ? gather(buffer, indices, frame) : evaluateAt(operand.get(), indices, frame);
    } else if (buffer >= 0)
      value = load(pointers[buffer], graph.buffers[buffer].element,
                   moved(graph.access(node, operand, buffer), frame.place), frame.point);
    else
      value = madeOperand(node, operand, frame);
  } else if (argument) { // a size
    value = symbols.lookup(graph.symbols[argument.getArgNumber() - graph.numInputs]);
  } else {
    Operation *op = inner.getDefiningOp();
    loc = op->getLoc();
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      value = b.clone(*op)->getResult(0);
      if (pairs && value.getType().isBF16())
        value = fromPairs(value);
    } else if (!node.op->isProperAncestor(op)) {
      // Scalars made outside the body (sizes): index arithmetic over the symbols.
      SmallVector<Value> operands;
      for (Value v : op->getOperands())
        operands.push_back(payload(node, v, frame));
      value = vectorized(op, operands, frame.point.width)->getResult(0);
    } else if (auto i = dyn_cast<linalg::IndexOp>(op); i && !frame.loops.empty()) {
      value = frame.loops[i.getDim()];
    } else if (auto i = indexIn(op); i && frame.loops.empty()) {
      bool placed = !frame.place.starts.empty();
      int dim = placed ? int(i.getDim()) : node.loopDims[i.getDim()];
      Linear own{0, SmallVector<SizeExpr, 4>(frame.point.indices.size(), SizeExpr(0))};
      if (dim >= 0)
        own.coefs[dim] = 1;
      value = indexAt(placed ? moved(own, frame.place) : own, frame.point, op->getResult(0).getType());
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      // Each side reads what it needs. A condition differs between elements only in kernels without lanes (Sweep).
      Value condition = payload(node, branch.getCondition(), frame);
      auto copy = scf::IfOp::create(b, loc, branch.getResultTypes(), condition, true);
      SmallVector<scf::YieldOp> ends;
      bool wide = false;
      for (auto [from, to] : llvm::zip(branch->getRegions(), copy->getRegions())) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(&to.front());
        Frame inner = frame;
        Value chosen = payload(node, from.front().getTerminator()->getOperand(0), inner);
        wide |= isa<VectorType>(chosen.getType());
        ends.push_back(scf::YieldOp::create(b, loc, chosen));
      }
      for (scf::YieldOp end : ends) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(end);
        if (wide)
          end->setOperand(0, widen(end.getOperand(0), frame.point.width));
        copy.getResult(0).setType(end.getOperand(0).getType());
      }
      value = copy.getResult(0);
    } else if (isa<tensor::ExtractOp>(op)) {
      value = gatherExtract(op, node, frame);
    } else {
      SmallVector<Value> operands;
      for (Value v : op->getOperands())
        operands.push_back(payload(node, v, frame));
      if (isa<math::MathDialect>(op->getDialect()) || isa<arith::MaximumFOp, arith::MinimumFOp>(op))
        value =
            expandMath(b, target, loc, op, operands, [&] { return graph.isNonPositive({&node, op->getOperand(0)}); });
      else if (isa<arith::RemFOp>(op) && llvm::any_of(operands, [](Value v) { return isa<VectorType>(v.getType()); }))
        value = remainderOf(*this, widen(operands[0], frame.point.width), widen(operands[1], frame.point.width));
      else if (isa<arith::DivFOp>(op))
        value = quotientOf(*this, operands[0], operands[1]);
      else if (auto trunc = dyn_cast<arith::TruncFOp>(op); trunc && trunc.getType().isBF16())
        value = truncateToBF16(*this, operands[0]);
      else if (auto widen = dyn_cast<arith::ExtFOp>(op); widen && pairs && widen.getIn().getType().isBF16())
        value = operands[0];
      if (!value)
        value = vectorized(op, operands, frame.point.width)->getResult(0);
    }
  }
  loc = outer;
  frame.known[inner] = value;
  return value;
}

std::optional<int64_t> Emitter::laneStride(Node &node, Value inner, const Frame &frame) {
  if (auto argument = dyn_cast<BlockArgument>(inner)) {
    if (argument.getOwner() != &node.body()) // a size
      return 0;
    OpOperand &operand = node.op->getOpOperand(argument.getArgNumber());
    bool isSame = graph.isSameAlong(node, operand, frame.point.lane);
    return isSame ? std::optional<int64_t>(0) : std::nullopt;
  }
  Operation *op = inner.getDefiningOp();
  if (!node.op->isProperAncestor(op))
    return 0;
  if (auto i = dyn_cast<linalg::IndexOp>(op)) {
    bool along = node.loopDims[i.getDim()] == frame.point.lane;
    return along && !frame.place.starts.empty() ? frame.place.steps[i.getDim()] : along;
  }
  int64_t sum = 0;
  for (Value operand : op->getOperands()) {
    auto stride = laneStride(node, operand, frame);
    if (!stride || (*stride && !isa<arith::AddIOp>(op)))
      return std::nullopt;
    sum += *stride;
  }
  return op->getNumRegions() ? std::nullopt : std::optional(sum);
}

Value Emitter::gatherExtract(Operation *op, Node &node, Frame &frame) {
  auto extract = cast<tensor::ExtractOp>(op);
  int buffer = graph.bufferOf(extract.getTensor());
  if (buffer >= 0 && frame.point.lane >= 0 && frame.loops.empty()) {
    // Lanes that lie a known number of elements apart: computed for the first one only.
    Shape strides = stridesOf(graph.buffers[buffer].shape);
    Linear along{0, SmallVector<SizeExpr, 4>(frame.point.indices.size(), SizeExpr(0))};
    SizeExpr &step = along.coefs[frame.point.lane];
    bool known = true;
    for (auto [stride, i] : llvm::zip(strides, extract.getIndices())) {
      auto own = laneStride(node, i, frame);
      known &= own.has_value();
      step = step + stride * SizeExpr(own.value_or(0));
    }
    if (known) {
      Type element = graph.buffers[buffer].element;
      Frame first;
      first.point.indices = frame.point.indices;
      first.place = frame.place;
      Value at = index(0);
      for (auto [stride, i] : llvm::zip(strides, extract.getIndices()))
        at = add(at, mul(payload(node, i, first), stride));
      Point point = frame.point;
      point.indices[point.lane] = index(0);
      return load(address(pointers[buffer], element, at), element, along, point);
    }
  }
  SmallVector<Value> indices;
  for (Value i : extract.getIndices())
    indices.push_back(payload(node, i, frame));
  return buffer >= 0 ? gather(buffer, indices, frame) : evaluateAt(extract.getTensor(), indices, frame);
}

std::pair<Value, Value> Emitter::alike(Value x, Value y, const Frame &frame) {
  if (!isa<VectorType>(x.getType()) && !isa<VectorType>(y.getType()))
    return {x, y};
  return {widen(x, frame.point.width), widen(y, frame.point.width)};
}

Value Emitter::apply(AffineExpr e, const Frame &frame) {
  if (auto constant = dyn_cast<AffineConstantExpr>(e))
    return index(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(e))
    return frame.loops[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(e);
  if (binary.getKind() == AffineExprKind::Mod) // only says which part of a dimension is read
    return apply(binary.getLHS(), frame);
  auto [x, y] = alike(apply(binary.getLHS(), frame), apply(binary.getRHS(), frame), frame);
  return binary.getKind() == AffineExprKind::Add ? b.createOrFold<arith::AddIOp>(loc, x, y)
                                                 : b.createOrFold<arith::MulIOp>(loc, x, y);
}

Value Emitter::gather(int buffer, ArrayRef<Value> indices, const Frame &frame) {
  Type element = graph.buffers[buffer].element;
  Value flat = index(0);
  for (auto [stride, i] : llvm::zip(stridesOf(graph.buffers[buffer].shape), indices)) {
    auto [at, by] = alike(i, index(stride), frame);
    auto [sum, step] = alike(flat, b.createOrFold<arith::MulIOp>(loc, at, by), frame);
    flat = b.createOrFold<arith::AddIOp>(loc, sum, step);
  }
  Value result;
  if (!isa<VectorType>(flat.getType())) {
    result =
        LLVM::LoadOp::create(b, loc, memoryType(element), address(pointers[buffer], element, flat), byteWidth(element));
  } else {
    unsigned width = frame.point.width;
    Value lanes = b.createOrFold<arith::IndexCastOp>(loc, vectorOf(b.getI64Type(), width), flat);
    auto vector = vectorOf(memoryType(element), width);
    result = LLVM::masked_gather::create(
        b, loc, vector, laneAddresses(pointers[buffer], memoryType(element), lanes), maskOf(frame.point),
        arith::ConstantOp::create(b, loc, b.getZeroAttr(vector))->getResults(), byteWidth(element));
  }
  if (element.isInteger(1)) {
    Type bit = isa<VectorType>(result.getType()) ? Type(vectorOf(b.getI1Type(), frame.point.width)) : b.getI1Type();
    result = arith::TruncIOp::create(b, loc, bit, result);
  }
  return result;
}

Value Emitter::evaluate(Value value, Frame &frame) {
  if (auto it = frame.known.find(value); it != frame.known.end())
    return it->second;
  Node *node = graph.nodeOf(value);
  Value result = node->kind == NodeKind::Part && box
                     ? evaluatePart(value, frame)
                     : payload(*node, cast<linalg::YieldOp>(node->body().getTerminator()).getOperand(0), frame);
  frame.known[value] = result;
  return result;
}

Frame Emitter::elsewhere(const Frame &frame, Place place) {
  Frame other;
  other.point = frame.point;
  other.place = std::move(place);
  return other;
}

Value Emitter::evaluatePart(Value join, Frame &frame) {
  auto what = graph.madeOf(join);
  int number = partAt(what, frame.place, *box);
  Node &part = graph.partOf(join, number);
  Frame inner = elsewhere(frame, within(frame.place, what.from[number].place));
  return payload(part, cast<linalg::YieldOp>(part.body().getTerminator()).getOperand(0), inner);
}

Combiner Emitter::combiner(Node &node) {
  Value acc = node.body().getArgument(node.op.getNumDpsInputs());
  Operation *op = cast<linalg::YieldOp>(node.body().getTerminator()).getOperand(0).getDefiningOp();
  Combiner c;
  c.op = op;
  c.element = op->getOperand(0) == acc ? op->getOperand(1) : op->getOperand(0);
  Node *fill = graph.nodeOf(node.op.getDpsInits()[0]);
  c.identity = cast<linalg::YieldOp>(fill->body().getTerminator()).getOperand(0);
  return c;
}

Value Emitter::combineQuickly(const Combiner &combiner, Value acc, Value element) {
  bool greatest = isa<arith::MaximumFOp>(combiner.op);
  auto predicate = greatest ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT;
  return choose(arith::CmpFOp::create(b, loc, predicate, acc, element), acc, element);
}

Value Emitter::combine(const Combiner &combiner, Value acc, Value element) {
  unsigned width = 1;
  for (Value v : {acc, element})
    if (auto type = dyn_cast<VectorType>(v.getType()))
      width = type.getNumElements();
  // The accumulator stands first, as in the reference.
  if (isa<arith::MaximumFOp, arith::MinimumFOp>(combiner.op))
    if (Value extreme = expandMath(b, target, loc, combiner.op, {acc, element}, [] { return false; }))
      return extreme;
  return vectorized(combiner.op, {acc, element}, width)->getResult(0);
}

Value Emitter::identity(const Combiner &combiner) {
  Value value = combiner.identity;
  if (auto argument = dyn_cast<BlockArgument>(value)) { // a fill whose scalar is an operand of the generic
    auto generic = cast<linalg::GenericOp>(argument.getOwner()->getParentOp());
    value = generic->getOperand(argument.getArgNumber());
  }
  return b.clone(*value.getDefiningOp())->getResult(0);
}

//===-- loops and threads ----------------------------------------------------------------------------------------===//

/// How often a loop turns, if that is known: what turns once is written without a loop, and its masks are constants.
static std::optional<int64_t> turnsOf(Value begin, Value end, int64_t step) {
  APInt first, last;
  if (!matchPattern(begin, m_ConstantInt(&first)) || !matchPattern(end, m_ConstantInt(&last)))
    return std::nullopt;
  return std::max<int64_t>(llvm::divideCeilSigned(last.getSExtValue() - first.getSExtValue(), step), 0);
}

void Emitter::loop(Value begin, Value end, int64_t step, LoopBody body) {
  if (auto turns = turnsOf(begin, end, step); turns && *turns <= 1) {
    if (*turns == 1)
      body(begin);
    return;
  }
  auto op = scf::ForOp::create(b, loc, begin, end, index(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.getBody());
  body(op.getInductionVar());
}

void Emitter::lanes(const SizeExpr &length, unsigned width, llvm::function_ref<void(Value, Value)> body) {
  Value end = index(length), full = roundDown(end, width);
  loop(index(0), full, width, [&](Value i) { body(i, {}); });
  if (width == 1 || (length.constant() && *length.constant() % width == 0))
    return;
  loop(full, end, width, [&](Value i) { body(i, laneMask(sub(end, i), width)); });
}

SmallVector<Value> Emitter::loopCarry(Value begin, Value end, int64_t step, ValueRange inits,
                                      llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  if (auto turns = turnsOf(begin, end, step); turns && *turns <= 1)
    return *turns == 1 ? body(begin, inits) : SmallVector<Value>(inits);
  auto op = scf::ForOp::create(b, loc, begin, end, index(step), inits);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.getBody());
  SmallVector<Value> next = body(op.getInductionVar(), op.getRegionIterArgs());
  if (!inits.empty())
    scf::YieldOp::create(b, loc, next);
  return SmallVector<Value>(op.getResults());
}

SmallVector<Value> Emitter::branch(Value condition, TypeRange types, Values yes, Values no) {
  auto op = scf::IfOp::create(b, loc, types, condition, /*withElseRegion=*/bool(no));
  auto fill = [&](Block *block, Values body) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(block);
    SmallVector<Value> values = body();
    if (!types.empty())
      scf::YieldOp::create(b, loc, values);
  };
  fill(op.thenBlock(), yes);
  if (no)
    fill(op.elseBlock(), no);
  return SmallVector<Value>(op.getResults());
}

void Emitter::when(Value condition, llvm::function_ref<void()> yes, llvm::function_ref<void()> no) {
  auto run = [](llvm::function_ref<void()> body) { return body(), SmallVector<Value>(); };
  auto otherwise = [&] { return run(no); };
  branch(condition, {}, [&] { return run(yes); }, no ? Values(otherwise) : Values());
}

} // namespace weft
