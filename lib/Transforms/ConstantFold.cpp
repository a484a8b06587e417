// Decides which ops on constants are evaluated while compiling, and keeps splats splats.
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Reference/Interpreter.h"
#include "weft/Transforms/Passes.h"
#include "weft/Transforms/Simplify.h"
#include <cstring>

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_CONSTANTFOLD
#include "weft/Transforms/Passes.h.inc"

/// The most bytes of an operand or result that is not a splat.
static constexpr int64_t kMostBytes = 64 * 1024;

/// As an attribute, a splat where all elements have the same bits.
static DenseElementsAttr toAttr(const Tensor &value) {
  int64_t width = Tensor::byteWidth(value.getElementType()), n = value.getNumElements();
  for (int64_t i = 1; i < n; ++i)
    if (std::memcmp(value.data(), value.data() + i * width, width))
      return value.toAttr();
  if (n <= 1)
    return value.toAttr();
  DenseElementsAttr one = value.strided({}, 0, {}).toAttr();
  return one.resizeSplat(RankedTensorType::get(value.getShape(), value.getElementType()));
}

static bool isSmall(Type type) {
  auto bytes = bytesOf(type).constant();
  return bytes && *bytes <= kMostBytes;
}

/// The value of an op on these operands.
static DenseElementsAttr evaluate(ReferenceOpInterface op, ArrayRef<Tensor> operands) {
  Interpreter interpreter(op->getParentOfType<ModuleOp>());
  SmallVector<Tensor> results;
  if (failed(op.evaluate(interpreter, operands, results)))
    return {};
  return toAttr(results.front());
}

Attribute evaluateConstant(Operation *op) {
  auto reference = dyn_cast<ReferenceOpInterface>(op);
  if (!reference || !op->getNumOperands() || op->getNumResults() != 1 || op->getNumRegions() || !isMemoryEffectFree(op))
    return {};
  auto result = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!result || !result.getElementType().isIntOrFloat()) // there are no constant keys
    return {};
  // One number everywhere, whatever the sizes.
  SmallVector<DenseElementsAttr> splats = llvm::map_to_vector(op->getOperands(), uniformOf);
  auto fusion = dyn_cast<FusionOpInterface>(op);
  if (llvm::all_of(splats, [](DenseElementsAttr splat) { return splat != nullptr; })) {
    bool isView = fusion && (fusion.getFusionKind() == FusionKind::View || fusion.getFusionKind() == FusionKind::Alias);
    if (isView)
      return result.hasStaticShape() ? uniformLike(result, splats.front()) : DenseElementsAttr();
    if (isa<ElementwiseOpInterface>(op)) {
      SmallVector<Tensor> scalars;
      for (DenseElementsAttr splat : splats) {
        auto value = Tensor::fromAttr(splat.resizeSplat(RankedTensorType::get({}, splat.getElementType())));
        if (!value)
          return {};
        scalars.push_back(*value);
      }
      DenseElementsAttr number = evaluate(reference, scalars);
      return number ? uniformLike(result, number) : number;
    }
  }
  if (!isSmall(result))
    return {};
  SmallVector<Tensor> operands;
  for (Value operand : op->getOperands()) {
    ElementsAttr constant;
    auto value = matchPattern(operand, m_Constant(&constant)) && isSmall(operand.getType()) ? Tensor::fromAttr(constant)
                                                                                            : std::nullopt;
    if (!value)
      return {};
    operands.push_back(*value);
  }
  return evaluate(reference, operands);
}

namespace {

struct EvaluateConstants : RewritePattern {
  explicit EvaluateConstants(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/3, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    Attribute value = evaluateConstant(op);
    Value constant = value ? materialize(rewriter, op->getLoc(), value, op->getResult(0).getType()) : Value();
    if (!constant)
      return failure();
    rewriter.replaceOp(op, constant);
    return success();
  }
};

struct ConstantFoldPass : impl::ConstantFoldBase<ConstantFoldPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateConstantFold(patterns);
    applyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace

void populateConstantFold(RewritePatternSet &patterns) { patterns.add<EvaluateConstants>(patterns.getContext()); }

} // namespace weft
