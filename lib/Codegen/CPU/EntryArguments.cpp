// Decides what the entry demands of the sizes of its arguments that have names, and how the names' values follow from
// them. Sizes that are numbers stand in the image, and weft_call checks them.
#include "EntryCode.h"
#include "weft/Dialect/Weft/Assumption.h"
#include "weft/Dialect/Weft/Shape.h"

using namespace mlir;

namespace weft {

namespace {
/// One dimension of one argument: what the type says, and what the caller passed.
struct Extent {
  SizeExpr want;
  Value have;
  int64_t where; // argument * 256 + dimension
};
} // namespace

/// The one symbol of a size that has no value yet; empty if there is none or more than one.
static std::string onlyUnbound(const SizeEmitter &sizes, const SizeExpr &size) {
  std::string found;
  for (const std::string &symbol : size.symbols()) {
    if (sizes.isBound(symbol))
      continue;
    if (!found.empty())
      return {};
    found = symbol;
  }
  return found;
}

/// Solves slope * symbol + rest == have. A division with a remainder shows in the check of the whole, later.
static bool solve(EntryCode &code, const Extent &extent, StringRef symbol) {
  auto linear = linearIn(extent.want, symbol);
  if (!linear)
    return false;
  auto [slope, rest] = *linear;
  OpBuilder &b = code.builder;
  Value by = code.hoisted(slope), zero = code.i64(0), one = code.i64(1);
  Value left = arith::SubIOp::create(b, code.loc, extent.have, code.hoisted(rest));
  Value none = code.compare(arith::CmpIPredicate::eq, by, zero); // 0 * symbol: anything fits
  Value quotient = arith::DivSIOp::create(b, code.loc, left, arith::SelectOp::create(b, code.loc, none, one, by));
  Value value = arith::SelectOp::create(b, code.loc, none, zero, quotient);
  code.sizes.bind(symbol, value);
  Value holds = code.compare(arith::CmpIPredicate::sge, value, zero);
  code.require(holds, WEFT_ERR_SHAPE, extent.where, code.hoisted(rest), extent.have);
  return true;
}

static LogicalResult solveAll(EntryCode &code, func::FuncOp source, ArrayRef<Extent> extents) {
  for (const Extent &extent : extents)
    if (extent.want.isSymbol() && !code.sizes.isBound(extent.want.symbols().front()))
      code.sizes.bind(extent.want.symbols().front(), extent.have);
  for (bool progress = true; progress;) {
    progress = false;
    for (const Extent &extent : extents)
      if (std::string symbol = onlyUnbound(code.sizes, extent.want); !symbol.empty())
        progress |= solve(code, extent, symbol);
  }
  for (const Extent &extent : extents)
    for (const std::string &symbol : extent.want.symbols())
      if (!code.sizes.isBound(symbol))
        return source.emitError("[WF1404] size ")
               << symbol << " does not follow from the argument shapes: it stands only in " << extent.want.str();
  return success();
}

static LogicalResult checkAssumptions(EntryCode &code, func::FuncOp source) {
  auto list = source->getAttrOfType<ArrayAttr>("weft.assume");
  for (auto [index, attr] : llvm::enumerate(list ? list.getValue() : ArrayRef<Attribute>())) {
    auto text = dyn_cast<StringAttr>(attr);
    auto assumption = text ? Assumption::parse(text.getValue()) : std::nullopt;
    if (!assumption)
      return source.emitError("[WF1402] malformed assumption ") << attr;
    for (const SizeExpr &side : {assumption->lhs, assumption->rhs})
      for (const std::string &symbol : side.symbols())
        if (!code.sizes.isBound(symbol))
          return source.emitError("[WF1404] size ") << symbol << " of assumption " << attr << " has no value";
    Value left = code.hoisted(assumption->lhs), right = code.hoisted(assumption->rhs);
    auto predicate = llvm::StringSwitch<arith::CmpIPredicate>(assumption->op)
                         .Case("==", arith::CmpIPredicate::eq)
                         .Case("!=", arith::CmpIPredicate::ne)
                         .Case("<", arith::CmpIPredicate::slt)
                         .Case("<=", arith::CmpIPredicate::sle)
                         .Case(">", arith::CmpIPredicate::sgt)
                         .Default(arith::CmpIPredicate::sge);
    code.require(code.compare(predicate, left, right), WEFT_ERR_ASSUMPTION, index, right, left);
  }
  return success();
}

LogicalResult readArguments(EntryCode &code, func::FuncOp source, Value args, SmallVectorImpl<Value> &pointers) {
  Type pointer = code.pointerType(), i64 = code.builder.getI64Type();
  SmallVector<Extent> extents;
  for (auto [i, type] : llvm::enumerate(source.getArgumentTypes())) {
    // WeftArg: two pointers, data and shape.
    pointers.push_back(code.load(pointer, code.address(args, SizeExpr(16 * i))));
    Shape shape = shapeOf(type);
    Value sizes;
    for (auto [d, want] : llvm::enumerate(shape)) {
      if (want.constant()) // checked by weft_call
        continue;
      if (!sizes)
        sizes = code.load(pointer, code.address(args, SizeExpr(16 * i + 8)));
      extents.push_back({want, code.load(i64, code.address(sizes, SizeExpr(8 * d))), int64_t(i * 256 + d)});
    }
  }
  if (failed(solveAll(code, source, extents)))
    return failure();
  for (const Extent &extent : extents) {
    Value want = code.hoisted(extent.want);
    if (want != extent.have) // else it is what bound the symbol
      code.require(code.compare(arith::CmpIPredicate::eq, want, extent.have), WEFT_ERR_SHAPE, extent.where, want,
                   extent.have);
  }
  return checkAssumptions(code, source);
}

} // namespace weft
