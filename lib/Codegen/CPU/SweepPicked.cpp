// Decides which folds of rows are one element of each: sums of what a comparison of the column's number with one of the
// row lets through (a label's logit in a cross entropy). It is read where it stands; no sweep looks for it.
#include "Sweep.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace weft {
namespace {

/// Whether a value is the number of its column, in at least as many bits as columns take.
bool isColumn(BodyValue at, int lane, std::optional<int64_t> columns) {
  auto cast = at.second.getDefiningOp<arith::IndexCastOp>();
  auto index = cast ? cast.getIn().getDefiningOp<linalg::IndexOp>() : linalg::IndexOp();
  unsigned bits = cast ? cast.getType().getIntOrFloatBitWidth() : 0;
  return index && at.first->loopDims[index.getDim()] == lane &&
         (bits == 64 || (columns && *columns <= int64_t(1) << (bits - 1)));
}

/// Whether a value is the same in all columns.
bool isOfRow(KernelGraph &g, BodyValue from, int lane) {
  llvm::SmallSetVector<BodyValue, 8> work;
  work.insert(from);
  for (size_t i = 0; i < work.size(); ++i) {
    BodyValue at = g.madeAt(work[i]);
    auto [node, value] = at;
    if (OpOperand *operand = g.readBy(at)) {
      int buffer = g.bufferOf(operand->get());
      if (buffer >= 0 ? g.access(*node, *operand, buffer).coefs[lane] != SizeExpr(0) : !g.nodeOf(operand->get()))
        return false;
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (!op || !node->op->isProperAncestor(op)) // a size
      continue;
    auto index = dyn_cast<linalg::IndexOp>(op);
    if (op->getNumRegions() || isa<tensor::ExtractOp>(op) || (index && node->loopDims[index.getDim()] == lane))
      return false;
    for (Value operand : op->getOperands())
      work.insert({node, operand});
  }
  return true;
}

} // namespace

std::optional<Picked> findPicked(KernelGraph &g, Node &fold, int lane) {
  if (fold.kind != NodeKind::Reduce || lane < 0)
    return std::nullopt;
  Operation *sum = fold.yielded().getDefiningOp();
  Node *identity = g.nodeOf(fold.op.getDpsInits()[0]);
  auto isZero = [](BodyValue at) {
    return matchPattern(at.second, m_PosZeroFloat()) || matchPattern(at.second, m_Zero());
  };
  if (!isa_and_present<arith::AddFOp, arith::AddIOp>(sum) || !identity || !isZero({identity, identity->yielded()}))
    return std::nullopt;
  Value acc = fold.body().getArgument(fold.op.getNumDpsInputs());
  auto [at, element] = g.madeAt({&fold, sum->getOperand(sum->getOperand(0) == acc)});
  auto select = element.getDefiningOp<arith::SelectOp>();
  if (!select || !isZero(g.madeAt({at, select.getFalseValue()})))
    return std::nullopt;
  auto [where, condition] = g.madeAt({at, select.getCondition()});
  auto equal = condition.getDefiningOp<arith::CmpIOp>();
  if (!equal || equal.getPredicate() != arith::CmpIPredicate::eq)
    return std::nullopt;
  for (auto [column, number] : {std::pair(equal.getLhs(), equal.getRhs()), std::pair(equal.getRhs(), equal.getLhs())})
    if (isColumn(g.madeAt({where, column}), lane, g.domain[lane].constant()) && isOfRow(g, {where, number}, lane))
      return Picked{{at, select.getTrueValue()}, {where, number}};
  return std::nullopt;
}

Value Sweep::pick(const RowState &state, Point point, Node &fold, const Picked &picked) {
  e.loc = fold.op.getLoc();
  int lane = folded.front().back();
  auto frameAt = [&](Value column) {
    Frame frame;
    point.indices[lane] = column;
    frame.point = point;
    for (auto &[value, scalar] : state.scalars)
      frame.known[value] = scalar;
    return frame;
  };
  Frame frame = frameAt(e.index(0));
  Value number = e.payload(*picked.number.first, picked.number.second, frame);
  Value columns = b.createOrFold<arith::IndexCastOp>(e.loc, number.getType(), e.index(g.domain[lane]));
  Value isThere = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::ult, number, columns);
  Combiner sum = e.combiner(fold);
  Value none = e.identity(sum);
  auto read = [&] {
    frame = frameAt(arith::IndexCastOp::create(b, e.loc, b.getIndexType(), number));
    readTurned(frame);
    Value element = e.payload(*picked.element.first, picked.element.second, frame);
    return SmallVector<Value>{e.combine(sum, none, element)}; // -0 becomes 0
  };
  return e.branch(isThere, none.getType(), read, [&] { return SmallVector<Value>{none}; }).front();
}

} // namespace weft
