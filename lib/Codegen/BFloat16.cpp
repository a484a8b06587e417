// Decides that bfloat16 is 16 bits in native code: moved and selected as an integer, widened by a shift (the emitter
// narrows by integers too). LLVM has registers for it on the newest processors only; elsewhere it takes each vector
// that is loaded or stored apart, element by element.
#include "BFloat16.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace weft {

static Type like(Type shape, Type element) {
  auto vector = dyn_cast<VectorType>(shape);
  return vector ? Type(VectorType::get(vector.getShape(), element)) : element;
}

/// bf16 -> f32 or wider: the bits are the upper half of a float32's.
static void widenByShift(arith::ExtFOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Type narrow = op.getIn().getType(), i32 = like(narrow, b.getI32Type()), f32 = like(narrow, b.getF32Type());
  Value bits = arith::BitcastOp::create(b, loc, like(narrow, b.getI16Type()), op.getIn());
  Value sixteen = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(16));
  if (auto vector = dyn_cast<VectorType>(i32))
    sixteen = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, b.getI32IntegerAttr(16)));
  Value upper = arith::ShLIOp::create(b, loc, arith::ExtUIOp::create(b, loc, i32, bits), sixteen);
  Value wide = arith::BitcastOp::create(b, loc, f32, upper);
  if (op.getType() != f32)
    wide = arith::ExtFOp::create(b, loc, op.getType(), wide);
  op.replaceAllUsesWith(wide);
  op.erase();
}

/// Whether an op only makes operands of an instruction for bfloat16, which wants them as that.
static bool feedsInstruction(Operation *op) {
  return !op->use_empty() && llvm::all_of(op->getUsers(), llvm::IsaPred<LLVM::CallIntrinsicOp>);
}

void bfloat16AsBits(ModuleOp module) {
  SmallVector<Operation *> touched; // what has a bfloat16
  SmallVector<arith::ExtFOp> widened;
  auto isOne = [](Type type) { return getElementTypeOrSelf(type).isBF16(); };
  module.walk([&](Operation *op) {
    if (auto widen = dyn_cast<arith::ExtFOp>(op); widen && isOne(widen.getIn().getType()))
      widened.push_back(widen);
    else if (!isa<ModuleOp, FunctionOpInterface>(op) && !feedsInstruction(op)) // functions take pointers
      touched.push_back(op);
  });
  if (widened.empty() &&
      llvm::none_of(touched, [&](Operation *op) { return llvm::any_of(op->getResultTypes(), isOne); }))
    return;
  llvm::for_each(widened, widenByShift);

  Type i16 = IntegerType::get(module.getContext(), 16);
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](BFloat16Type) { return i16; });
  using Replaced = std::optional<std::pair<Attribute, WalkResult>>;
  replacer.addReplacement([&](FloatAttr value) -> Replaced {
    if (!value.getType().isBF16())
      return std::nullopt;
    return {{IntegerAttr::get(i16, value.getValue().bitcastToAPInt()), WalkResult::skip()}};
  });
  replacer.addReplacement([&](DenseElementsAttr values) -> Replaced {
    if (!values.getElementType().isBF16())
      return std::nullopt;
    return {{values.bitcast(i16), WalkResult::skip()}};
  });
  for (Operation *op : touched)
    replacer.replaceElementsIn(op, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
  module.walk([](arith::BitcastOp op) { // from and to what is the same by now
    if (op.getIn().getType() == op.getType()) {
      op.replaceAllUsesWith(op.getIn());
      op.erase();
    }
  });
}

} // namespace weft
