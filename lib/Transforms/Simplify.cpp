// Decides how rules of simplification are driven: fold hooks and patterns of the ops, constants, dead ops, equal ops,
// in rounds until nothing changes; and that each op keeps its place whatever is done to it.
#include "weft/Transforms/Simplify.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Transforms/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_SIMPLIFY
#include "weft/Transforms/Passes.h.inc"

namespace {

/// An op's own fold hook. One that changed the op in place took over what some of its operands did, and their places.
struct FoldOp : RewritePattern {
  explicit FoldOp(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/2, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isa<WeftDialect>(op->getDialect()) || op->hasTrait<OpTrait::ConstantLike>())
      return failure();
    SmallVector<Attribute> constants;
    for (Value operand : op->getOperands()) {
      Attribute constant;
      matchPattern(operand, m_Constant(&constant));
      constants.push_back(constant);
    }
    SmallVector<Value> before(op->getOperands());
    SmallVector<OpFoldResult> results;
    rewriter.startOpModification(op);
    if (failed(op->fold(constants, results))) {
      rewriter.cancelOpModification(op);
      return failure();
    }
    if (results.empty()) {
      SmallVector<Location> places{op->getLoc()};
      for (Value operand : before)
        if (Operation *inner = operand.getDefiningOp(); inner && !llvm::is_contained(op->getOperands(), operand))
          places.push_back(inner->getLoc());
      op->setLoc(mergeLocations(op->getContext(), places));
      rewriter.finalizeOpModification(op);
      return success();
    }
    rewriter.cancelOpModification(op);
    SmallVector<Value> values;
    for (auto [result, type] : llvm::zip_equal(results, op->getResultTypes())) {
      auto value = dyn_cast<Value>(result);
      if (!value)
        value = materialize(rewriter, op->getLoc(), cast<Attribute>(result), type);
      if (!value)
        return failure();
      values.push_back(value);
    }
    rewriter.replaceOp(op, values);
    return success();
  }
};

/// A scalar that a value repeats everywhere; null for other values.
Value repeatedScalar(Value value) {
  auto broadcast = value.getDefiningOp<BroadcastOp>();
  return broadcast && broadcast.getDims().empty() ? broadcast.getX() : Value();
}

/// What is done to the elements of a repeated scalar is done to the scalar, once: views of it repeat it under another
/// shape, elementwise ops on nothing but such values repeat their result.
struct RepeatLast : RewritePattern {
  explicit RepeatLast(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    auto fusion = dyn_cast<FusionOpInterface>(op);
    if (!fusion || !op->getNumOperands() || op->getNumResults() != 1)
      return failure();
    SmallVector<Value> scalars = llvm::map_to_vector(op->getOperands(), repeatedScalar);
    if (llvm::is_contained(scalars, Value()))
      return failure();
    Type type = op->getResult(0).getType();
    bool isView = fusion.getFusionKind() == FusionKind::View || fusion.getFusionKind() == FusionKind::Alias;
    if (isView && op->getNumOperands() == 1 && getElementTypeOrSelf(type) == getElementTypeOrSelf(op->getOperand(0))) {
      Location loc = mergeLocations(op->getContext(), {op->getLoc(), op->getOperand(0).getDefiningOp()->getLoc()});
      rewriter.replaceOp(op, BroadcastOp::create(rewriter, loc, type, scalars.front(), ArrayRef<int64_t>()));
      return success();
    }
    if (!isa<ElementwiseOpInterface>(op))
      return failure();
    IRMapping mapping;
    mapping.map(op->getOperands(), scalars);
    Operation *scalar = op->cloneWithoutRegions(mapping);
    scalar->getResult(0).setType(RankedTensorType::get({}, getElementTypeOrSelf(type)));
    rewriter.insert(scalar);
    rewriter.replaceOp(op,
                       BroadcastOp::create(rewriter, op->getLoc(), type, scalar->getResult(0), ArrayRef<int64_t>()));
    return success();
  }
};

/// Whether a value is what a contraction gives, in any order, or computed of that element by element.
static bool isOfContraction(Value value, int steps = 8) {
  Operation *maker = value.getDefiningOp();
  auto fusion = dyn_cast_or_null<FusionOpInterface>(maker);
  if (fusion && fusion.getFusionKind() == FusionKind::Contract)
    return true;
  return steps > 0 && maker && (isa<ElementwiseOpInterface>(maker) || isa<TransposeOp>(maker)) &&
         llvm::any_of(maker->getOperands(), [&](Value operand) { return isOfContraction(operand, steps - 1); });
}

/// Elementwise ops on values that only made room for a broadcast (`keepdims`) come before that room, where the
/// broadcast takes it in: no alias then stands between what a kernel computes. So do those of what a contraction gives
/// in another shape (of groups, or with dimensions of size 1): they are its epilogue.
struct UnitsLast : OpInterfaceRewritePattern<ElementwiseOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(ElementwiseOpInterface op, PatternRewriter &rewriter) const override {
    Type inner; // of the values without the room; elements are each operand's own
    bool isEpilogue = false;
    for (Value operand : op->getOperands())
      if (auto reshape = operand.getDefiningOp<ReshapeOp>(); reshape && !inner) {
        isEpilogue = isOfContraction(reshape.getX());
        if (isEpilogue || addedUnits(reshape))
          inner = reshape.getX().getType();
      }
    if (!inner)
      return failure();
    const Shape outer = shapeOf(op->getResult(0)), shape = shapeOf(inner);
    auto joined = isEpilogue ? joinedDims(shape, outer) : std::nullopt;
    auto isReshaped = [&](Value operand) {
      auto reshape = operand.getDefiningOp<ReshapeOp>();
      return reshape && shapeOf(reshape.getX()) == shape && (isEpilogue || addedUnits(reshape));
    };
    auto isSpread = [&](Value operand) { // along whole dimensions
      auto broadcast = operand.getDefiningOp<BroadcastOp>();
      return broadcast && joined && llvm::all_of(llvm::enumerate(broadcast.getDims()), [&](auto dim) {
               SizeExpr size = shapeOf(broadcast.getX())[dim.index()];
               return size == SizeExpr(1) || size == outer[dim.value()];
             });
    };
    if (!llvm::all_of(op->getOperands(), [&](Value operand) {
          return isReshaped(operand) || uniformOf(operand) || repeatedScalar(operand) || isSpread(operand);
        }))
      return failure();
    auto within = [&](Value operand) -> Value {
      Type type = withElement(inner, getElementTypeOrSelf(operand));
      Location loc = operand.getLoc();
      if (isReshaped(operand))
        return operand.getDefiningOp<ReshapeOp>().getX();
      if (DenseElementsAttr splat = uniformOf(operand))
        return materialize(rewriter, loc, uniformLike(type, splat), type);
      if (Value scalar = repeatedScalar(operand))
        return BroadcastOp::create(rewriter, loc, type, scalar, ArrayRef<int64_t>());
      auto broadcast = operand.getDefiningOp<BroadcastOp>();
      SmallVector<int64_t> dims;
      Shape sizes;
      for (auto [i, dim] : llvm::enumerate(broadcast.getDims()))
        if (shapeOf(broadcast.getX())[i] != SizeExpr(1))
          for (int64_t own : (*joined)[dim]) {
            dims.push_back(own);
            sizes.push_back(shape[own]);
          }
      Value x = broadcast.getX();
      if (shapeOf(x) != sizes)
        x = ReshapeOp::create(rewriter, loc, typeOf(sizes, getElementTypeOrSelf(x)), x);
      return BroadcastOp::create(rewriter, loc, type, x, dims);
    };
    IRMapping mapping;
    mapping.map(op->getOperands(), llvm::map_to_vector(op->getOperands(), within));
    Operation *before = op->cloneWithoutRegions(mapping);
    Type type = op->getResult(0).getType();
    before->getResult(0).setType(withElement(inner, getElementTypeOrSelf(type)));
    rewriter.insert(before);
    rewriter.replaceOp(op, ReshapeOp::create(rewriter, op->getLoc(), type, before->getResult(0)));
    return success();
  }
};

struct SimplifyPass : impl::SimplifyBase<SimplifyPass> {
  using SimplifyBase::SimplifyBase;

  void runOnOperation() override {
    constexpr int kMostRounds = 8; // each undoes nothing of the one before; deep programs settle in two or three
    for (int round = 0; round < kMostRounds; ++round) {
      RewritePatternSet patterns(&getContext());
      populateDeadOps(patterns);
      populateConstantFold(patterns);
      populateElementwisePatterns(patterns, derivativesTaken);
      populateContractionPatterns(patterns);
      populateUnitsLast(patterns);
      patterns.add<FoldOp, RepeatLast>(&getContext());
      for (RegisteredOperationName name : getContext().getRegisteredOperationsByDialect("weft"))
        name.getCanonicalizationPatterns(patterns, &getContext());
      applyPatterns(getOperation(), std::move(patterns));
      // New operands may make ops foldable; without equal ops there are none.
      if (!mergeEqualOps(getOperation()))
        break;
    }
    eraseUnusedFunctions(getOperation());
  }
};

} // namespace

void populateUnitsLast(RewritePatternSet &patterns) { patterns.add<UnitsLast>(patterns.getContext()); }

void applyPatterns(Operation *root, RewritePatternSet patterns) {
  GreedyRewriteConfig config;
  config.enableFolding(false).enableConstantCSE(false).setUseTopDownTraversal(true);
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  FrozenRewritePatternSet frozen(std::move(patterns));
  // Not settled is not wrong: every step kept the program's meaning.
  for (Region &region : root->getRegions())
    (void)applyPatternsGreedily(region, frozen, config);
}

} // namespace weft
