// Decides how lowering rules make linalg.generic ops on tensors, and how named sizes become index arithmetic.
#include "weft/Dialect/Weft/Lower.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "weft/Dialect/Weft/Weft.h"

using namespace mlir;
using namespace weft;

//===-- Sizes
//--------------------------------------------------------------------------------------------------------===//

/// One factor: a symbol, or a floor division by a positive constant. (arith.floordivsi would need expansion later.)
static Value factor(LowerContext &context, const SizeExpr::Atom &atom) {
  if (!atom.divisor)
    return context.sizes.lookup(atom.symbol);
  OpBuilder &b = context.builder;
  Location loc = context.loc;
  Value dividend = context.size(atom.dividend.front());
  Value divisor = arith::ConstantIndexOp::create(b, loc, atom.divisor),
        zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value quotient = arith::DivSIOp::create(b, loc, dividend, divisor);
  Value rest = arith::RemSIOp::create(b, loc, dividend, divisor);
  Value below = arith::SubIOp::create(b, loc, quotient, arith::ConstantIndexOp::create(b, loc, 1));
  Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, rest, zero);
  return arith::SelectOp::create(b, loc, negative, below, quotient);
}

Value LowerContext::size(const SizeExpr &expr) {
  if (auto constant = expr.constant())
    return arith::ConstantIndexOp::create(builder, loc, *constant);
  std::string text = expr.str();
  if (Value known = sizes.lookup(text))
    return known;
  Value sum;
  for (auto &[atoms, coefficient] : expr.getTerms()) {
    Value product;
    for (const SizeExpr::Atom &atom : atoms) {
      Value f = factor(*this, atom);
      product = product ? Value(arith::MulIOp::create(builder, loc, product, f)) : f;
    }
    if (!product || coefficient != 1) {
      Value c = arith::ConstantIndexOp::create(builder, loc, coefficient);
      product = product ? Value(arith::MulIOp::create(builder, loc, product, c)) : c;
    }
    sum = sum ? Value(arith::AddIOp::create(builder, loc, sum, product)) : product;
  }
  return sizes[text] = sum;
}

//===-- Types
//----------------------------------------------------------------------------------------------------------===//

Type LowerContext::loweredElement(Type element) {
  if (isa<KeyType>(element)) // two words
    return IntegerType::get(element.getContext(), 64);
  if (element.isUnsignedInteger())
    return IntegerType::get(element.getContext(), element.getIntOrFloatBitWidth());
  return element;
}

RankedTensorType LowerContext::lowered(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(tensor.getShape(), loweredElement(tensor.getElementType()));
}

Value LowerContext::empty(Type type) {
  SmallVector<Value> dynamic;
  for (const SizeExpr &s : shapeOf(type))
    if (!s.constant())
      dynamic.push_back(size(s));
  auto made = tensor::EmptyOp::create(builder, loc, lowered(type), dynamic);
  if (!dynamic.empty()) // its sizes by name, for the code generator: numbers do not tell which formula they are of
    made->setAttr("weft.type", TypeAttr::get(type));
  return made;
}

AffineMap LowerContext::identity(Type type) const {
  return AffineMap::getMultiDimIdentityMap(cast<RankedTensorType>(type).getRank(), builder.getContext());
}

//===-- Payloads
//-----------------------------------------------------------------------------------------------------===//

static bool countsFromZero(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isUnsignedInteger() || element.isInteger(1);
}

PayloadBuilder LowerContext::payload(OpBuilder &b, Type from, Type to) const {
  return PayloadBuilder(b, loc, countsFromZero(from), countsFromZero(to));
}

Value LowerContext::widen(PayloadBuilder &p, Value x) {
  Type computes = accumulatorType(x.getType());
  return computes == x.getType() ? x : Value(arith::ExtFOp::create(p.b, p.loc, computes, x));
}

Value LowerContext::narrow(PayloadBuilder &p, Value x, Type element) {
  return x.getType() == element ? x : Value(arith::TruncFOp::create(p.b, p.loc, element, x));
}

//===-- Generics
//-----------------------------------------------------------------------------------------------------===//

Value LowerContext::generic(Type type, ValueRange inputs, ArrayRef<AffineMap> maps,
                            ArrayRef<utils::IteratorType> iterators, Value init, Body body) {
  if (!init)
    init = empty(type);
  auto op = linalg::GenericOp::create(builder, loc, TypeRange(init.getType()), inputs, ValueRange(init), maps,
                                      iterators, [&](OpBuilder &b, Location l, ValueRange scalars) {
                                        Value stored = body(b, l, scalars);
                                        linalg::YieldOp::create(b, l, stored);
                                      });
  return op.getResult(0);
}

Value LowerContext::map(Type type, ValueRange inputs, ArrayRef<AffineMap> maps, Body body) {
  SmallVector<AffineMap> all(maps);
  all.push_back(identity(type));
  SmallVector<utils::IteratorType> iterators(cast<RankedTensorType>(type).getRank(), utils::IteratorType::parallel);
  return generic(type, inputs, all, iterators, nullptr, body);
}

Value LowerContext::scan(Type type, Value input, int64_t dim, bool reverse, Value init, Body body) {
  AffineMap all = identity(type);
  SmallVector<utils::IteratorType> iterators(all.getNumDims(), utils::IteratorType::parallel);
  Value running = generic(type, input, {all, all}, iterators, init, body);
  running.getDefiningOp()->setAttr("weft.scan", builder.getI64IntegerAttr(dim));
  if (reverse)
    running.getDefiningOp()->setAttr("weft.reverse", builder.getUnitAttr());
  return running;
}

Value LowerContext::sort(Type from, Type type, Value input, int64_t dim, bool descending, bool positions) {
  Shape all = shapeOf(from);
  SmallVector<AffineExpr> read;
  for (auto [i, size] : llvm::enumerate(shapeOf(type))) // of the row's length where only its first ones are written
    read.push_back(partOfDim(builder.getAffineDimExpr(i), 0, 1, size, all[i]));
  AffineMap at = AffineMap::get(all.size(), 0, read, builder.getContext());
  Value sorted = map(type, input, at, [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    if (!positions)
      return v[0];
    return arith::IndexCastOp::create(b, l, b.getI64Type(), linalg::IndexOp::create(b, l, dim));
  });
  sorted.getDefiningOp()->setAttr(
      "weft.sort",
      builder.getDictionaryAttr({builder.getNamedAttr("dim", builder.getI64IntegerAttr(dim)),
                                 builder.getNamedAttr("descending", builder.getBoolAttr(descending)),
                                 builder.getNamedAttr("element", TypeAttr::get(getElementTypeOrSelf(from))),
                                 builder.getNamedAttr("length", SizeAttr::get(builder.getContext(), all[dim]))}));
  return sorted;
}

Value LowerContext::scatter(Type type, ValueRange inputs, ArrayRef<AffineMap> maps, Value init, ArrayRef<int64_t> dims,
                            int64_t batch, ArrayRef<SizeExpr> sizes, Body body) {
  SmallVector<utils::IteratorType> iterators(sizes.size(), utils::IteratorType::parallel);
  Value written = generic(type, inputs, maps, iterators, init, body);
  SmallVector<Attribute> loops;
  for (const SizeExpr &size : sizes)
    loops.push_back(SizeAttr::get(builder.getContext(), size));
  written.getDefiningOp()->setAttr(
      "weft.scatter", builder.getDictionaryAttr({builder.getNamedAttr("batch", builder.getI64IntegerAttr(batch)),
                                                 builder.getNamedAttr("dims", builder.getDenseI64ArrayAttr(dims)),
                                                 builder.getNamedAttr("sizes", builder.getArrayAttr(loops))}));
  return written;
}

Value LowerContext::fill(Type type, function_ref<Value(OpBuilder &, Location)> value) {
  return map(type, {}, {}, [&](OpBuilder &b, Location l, ValueRange) { return value(b, l); });
}

//===-- Parts of a dimension
//---------------------------------------------------------------------------------------===//

AffineExpr weft::partOfDim(AffineExpr dim, int64_t offset, int64_t stride, const SizeExpr &extent,
                           const SizeExpr &whole) {
  auto steps = extent.constant();
  if (offset || stride != 1 || extent == whole || !steps || !whole.constant())
    return dim * stride + offset;
  // An empty part still needs a positive modulus.
  return dim % std::max<int64_t>(*steps, 1);
}

AffineMap weft::stripParts(AffineMap map) {
  SmallVector<AffineExpr> results;
  for (AffineExpr e : map.getResults()) {
    auto binary = dyn_cast<AffineBinaryOpExpr>(e);
    results.push_back(binary && e.getKind() == AffineExprKind::Mod ? binary.getLHS() : e);
  }
  return AffineMap::get(map.getNumDims(), map.getNumSymbols(), results, map.getContext());
}
