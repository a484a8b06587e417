// Decides which columns of a chain's rows need not be computed: those from some column on that a comparison of row and
// column throws away (a causal mask). There each fold meets nothing new, and the second contraction sums zeros.
#include "Masked.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace weft {
namespace {

/// lane + row * slope + offset, for an index.
struct Affine {
  int64_t lane = 0, row = 0, offset = 0;
};

/// What is known of values at masked columns, where one comparison has one answer. `NaN aside` below: where a value is
/// NaN instead, it is so in all masked columns of the row.
class Masked {
public:
  Masked(KernelGraph &g, int lane, Value comparison, bool answer)
      : g(g), lane(lane), comparison(comparison), answer(answer) {}

  /// The number that a value of a node's body is, NaN aside; truth values are 0 or 1.
  std::optional<double> number(Node &node, Value value) {
    return once<std::optional<double>>(numbers, value, [&] { return numberMade(node, value); });
  }

  /// Whether a fold may leave masked columns out, as long as it meets one of them.
  bool isLeftOut(Node &fold) {
    Value acc = fold.body().getArgument(fold.op.getNumDpsInputs());
    Operation *op = fold.yielded().getDefiningOp();
    if (!op || op->getNumOperands() != 2)
      return false;
    auto element = number(fold, op->getOperand(op->getOperand(0) == acc));
    // Partial sums start at +0, and so are never -0.
    return element && (isa<arith::MaximumFOp, arith::MinimumFOp>(op) || (isa<arith::AddFOp>(op) && *element == 0));
  }

private:
  KernelGraph &g;
  int lane;
  Value comparison;
  bool answer;
  llvm::DenseMap<Value, std::optional<double>> numbers;
  llvm::DenseMap<Value, bool> alikes, positives;

  std::optional<double> numberMade(Node &node, Value value) {
    if (value == comparison)
      return answer;
    if (g.readBy({&node, value})) {
      Node *maker = g.makerAt({&node, value});
      return maker && maker->kind != NodeKind::Reduce && maker->kind != NodeKind::Contract
                 ? number(*maker, maker->yielded())
                 : std::nullopt;
    }
    Operation *op = value.getDefiningOp();
    if (!op)
      return std::nullopt;
    if (APFloat f(0.0); matchPattern(value, m_ConstantFloat(&f)))
      return f.convertToDouble();
    if (APInt i; matchPattern(value, m_ConstantInt(&i)) && i.getBitWidth() == 1)
      return double(i.getZExtValue());
    auto of = [&](int i) { return number(node, op->getOperand(i)); };
    auto is = [&](int i, double wanted) { // -0 is not 0
      auto known = of(i);
      return known && *known == wanted && std::signbit(*known) == std::signbit(wanted);
    };
    auto isAlike = [&](int i) { return alike(node, op->getOperand(i)); };
    constexpr double inf = std::numeric_limits<double>::infinity();
    if (isa<arith::AndIOp, arith::OrIOp>(op)) {
      bool stops = isa<arith::OrIOp>(op); // what decides alone
      if (is(0, stops) || is(1, stops))
        return stops;
      return of(0) && of(1) ? std::optional<double>(!stops) : std::nullopt;
    }
    if (isa<arith::SelectOp>(op)) {
      auto condition = of(0);
      return condition ? of(*condition ? 1 : 2) : std::nullopt;
    }
    if (isa<arith::SubFOp>(op) && is(0, -inf) && isAlike(1))
      return -inf;
    if (isa<arith::AddFOp>(op) && ((is(0, -inf) && isAlike(1)) || (is(1, -inf) && isAlike(0))))
      return -inf;
    if (isa<arith::MulFOp>(op))
      if (auto x = of(0), y = of(1); x && y && (*x == -inf || *y == -inf) && *x * *y == -inf)
        return -inf;
    if (isa<math::ExpOp, math::Exp2Op>(op) && is(0, -inf))
      return 0.0;
    if (isa<arith::DivFOp>(op) && is(0, 0.0) && isAlike(1) && isPositive(node, op->getOperand(1)))
      return 0.0;
    if (isa<arith::ExtFOp, arith::TruncFOp>(op) && (is(0, 0.0) || is(0, -inf)))
      return of(0);
    return std::nullopt;
  }

  /// What `make` says of a value, asked once.
  template <typename T> static T once(llvm::DenseMap<Value, T> &known, Value value, llvm::function_ref<T()> make) {
    auto [it, isNew] = known.try_emplace(value);
    if (!isNew)
      return it->second;
    T made = make();
    return known[value] = made;
  }

  /// Whether a value is the same in all columns of a row.
  bool alike(Node &node, Value value) {
    return once<bool>(alikes, value, [&] { return alikeMade(node, value); });
  }
  bool alikeMade(Node &node, Value value) {
    if (OpOperand *operand = g.readBy({&node, value})) {
      if (int buffer = g.bufferOf(operand->get()); buffer >= 0)
        return g.access(node, *operand, buffer).coefs[lane] == SizeExpr(0);
      Node *maker = g.makerAt({&node, value});
      if (maker && maker->kind == NodeKind::Contract)
        return false;
      return maker && (maker->kind == NodeKind::Reduce || alike(*maker, maker->yielded()));
    }
    Operation *op = value.getDefiningOp();
    if (!op || !node.op->isProperAncestor(op))
      return true; // a size, a constant
    if (auto index = dyn_cast<linalg::IndexOp>(op))
      return node.loopDims[index.getDim()] != lane;
    return isMemoryEffectFree(op) && !op->getNumRegions() && op->getName().getStringRef() != "tensor.extract" &&
           llvm::all_of(op->getOperands(), [&](Value operand) { return alike(node, operand); });
  }

  /// Whether no number that a value may be has its sign set, in any column.
  bool isPositive(Node &node, Value value) {
    return once<bool>(positives, value, [&] { return isPositiveMade(node, value); });
  }
  bool isPositiveMade(Node &node, Value value) {
    if (g.readBy({&node, value})) {
      Node *maker = g.makerAt({&node, value});
      return maker && maker->kind != NodeKind::Contract && isPositive(*maker, maker->yielded());
    }
    if (APFloat f(0.0); matchPattern(value, m_ConstantFloat(&f)))
      return !f.isNegative();
    Operation *op = value.getDefiningOp();
    if (!op)
      return false;
    auto all = [&](unsigned from) {
      return llvm::all_of(op->getOperands().drop_front(from), [&](Value x) { return isPositive(node, x); });
    };
    if (isa<math::ExpOp, math::Exp2Op, math::AbsFOp>(op))
      return true;
    return isa<arith::SelectOp>(op) ? all(1) : isa<arith::AddFOp>(op) && all(0);
  }
};

/// An index as a sum over row and lane; nothing where it depends on anything else, or might wrap.
std::optional<Affine> affine(KernelGraph &g, Node &node, Value value, int row, int lane) {
  constexpr int64_t most = 1 << 30;
  if (value.getType().isInteger() && value.getType().getIntOrFloatBitWidth() < 32)
    return std::nullopt;
  if (isa<BlockArgument>(value)) {
    Node *maker = g.makerAt({&node, value});
    if (!maker || maker->op.getNumReductionLoops())
      return std::nullopt;
    return affine(g, *maker, maker->yielded(), row, lane);
  }
  if (APInt number; matchPattern(value, m_ConstantInt(&number)))
    return number.abs().ult(most) ? std::optional(Affine{0, 0, number.getSExtValue()}) : std::nullopt;
  Operation *op = value.getDefiningOp();
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    int dim = node.loopDims[index.getDim()];
    if (dim >= 0 && dim != row && dim != lane)
      return std::nullopt;
    return Affine{dim == lane, dim == row, 0};
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp>(op))
    return affine(g, node, op->getOperand(0), row, lane);
  if (!isa<arith::AddIOp, arith::SubIOp>(op))
    return std::nullopt;
  auto x = affine(g, node, op->getOperand(0), row, lane);
  auto y = x ? affine(g, node, op->getOperand(1), row, lane) : std::nullopt;
  if (!y)
    return std::nullopt;
  int64_t sign = isa<arith::AddIOp>(op) ? 1 : -1;
  Affine sum{x->lane + sign * y->lane, x->row + sign * y->row, x->offset + sign * y->offset};
  return std::abs(sum.lane) + std::abs(sum.row) <= 2 && std::abs(sum.offset) < most ? std::optional(sum) : std::nullopt;
}

using P = arith::CmpIPredicate;

P swapped(P predicate) {
  for (auto [one, other] : {std::pair(P::slt, P::sgt), std::pair(P::sle, P::sge)})
    if (predicate == one || predicate == other)
      return predicate == one ? other : one;
  return predicate;
}

} // namespace

std::optional<MaskedColumns> maskedColumns(KernelGraph &g, int row, int lane) {
  Value rows = g.nodes[g.second].op.getDpsInputOperand(0)->get();
  for (Node &node : g.nodes)
    for (Operation &op : node.body()) {
      auto compare = dyn_cast<arith::CmpIOp>(op);
      if (!compare)
        continue;
      auto x = affine(g, node, compare.getLhs(), row, lane), y = affine(g, node, compare.getRhs(), row, lane);
      if (!x || !y)
        continue;
      // The difference of both sides, as it grows along the lanes.
      P predicate = compare.getPredicate();
      if (x->lane < y->lane) {
        std::swap(x, y);
        predicate = swapped(predicate);
      }
      Affine d{x->lane - y->lane, x->row - y->row, x->offset - y->offset};
      if (d.lane != 1 || d.row > 0 || !llvm::is_contained({P::slt, P::sle, P::sgt, P::sge, P::eq, P::ne}, predicate))
        continue;
      bool answer = llvm::is_contained({P::sgt, P::sge, P::ne}, predicate); // where the difference is large
      bool fromZero = llvm::is_contained({P::slt, P::sge}, predicate);      // it is so from 0 on, or from 1 on
      Masked masked(g, lane, compare.getResult(), answer);
      Node *last = g.nodeOf(rows);
      auto result = masked.number(*last, last->yielded());
      if (!result || *result != 0 || std::signbit(*result))
        continue;
      if (llvm::all_of(g.nodes, [&](Node &fold) { return fold.kind != NodeKind::Reduce || masked.isLeftOut(fold); }))
        return MaskedColumns{-d.row, (fromZero ? 0 : 1) - d.offset};
    }
  return std::nullopt;
}

} // namespace weft
