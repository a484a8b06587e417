// Decides how a linear part computes primal values again: in a region that merging does not enter.
#include "weft/Transforms/Derivative.h"

using namespace mlir;

namespace weft {

void computeAgain(Block &primal, Block &linear, function_ref<bool(Value)> isSaved, const Twine &id) {
  if (primal.empty())
    return;
  DenseSet<Operation *> needed;
  SmallVector<Value> wanted, open;
  auto isMadeHere = [&](Value value) {
    Operation *op = value.getDefiningOp();
    return op && op->getBlock() == &primal && !isSaved(value);
  };
  auto isConstant = [](Operation *op) { return op->getNumOperands() == 0 && op->getNumRegions() == 0; };
  OpBuilder builder(primal.front().getContext());
  for (Value value : crossingValues(primal, linear)) {
    if (!isMadeHere(value))
      continue;
    if (Operation *op = value.getDefiningOp(); isConstant(op)) { // open to folding: nothing of it would be kept
      builder.setInsertionPointToStart(&linear);
      replaceIn(linear, value, builder.clone(*op)->getResult(cast<OpResult>(value).getResultNumber()));
      continue;
    }
    wanted.push_back(value);
    open.push_back(value);
  }
  if (wanted.empty())
    return;
  while (!open.empty()) {
    Value value = open.pop_back_val();
    if (isMadeHere(value) && needed.insert(value.getDefiningOp()).second)
      llvm::append_range(open, value.getDefiningOp()->getOperands());
  }
  llvm::SetVector<Value> captures;
  SmallVector<Location> places;
  for (Operation &op : primal)
    if (needed.contains(&op))
      for (Value operand : op.getOperands())
        if (!isMadeHere(operand))
          captures.insert(operand);

  Region region;
  Block &body = region.emplaceBlock();
  IRMapping copies;
  for (Value capture : captures)
    copies.map(capture, body.addArgument(capture.getType(), capture.getLoc()));
  builder.setInsertionPointToEnd(&body);
  for (Operation &op : primal)
    if (needed.contains(&op)) {
      builder.clone(op, copies);
      places.push_back(op.getLoc());
    }
  SmallVector<Value> yielded = llvm::map_to_vector(wanted, [&](Value v) { return copies.lookup(v); });
  YieldOp::create(builder, places.back(), yielded);
  builder.setInsertionPointToStart(&linear);
  auto again = RecomputeOp::create(builder, places.front(), ValueRange(wanted).getTypes(), builder.getStringAttr(id),
                                   captures.getArrayRef());
  again.getBody().takeBody(region);
  for (auto [value, result] : llvm::zip_equal(wanted, again.getResults()))
    replaceIn(linear, value, result);
}

} // namespace weft
