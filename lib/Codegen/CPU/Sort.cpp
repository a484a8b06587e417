// Decides the loops of a sort (a generic with `weft.sort`, see LowerContext::sort): rows side by side, each ordered by
// the runtime, since what an order needs (scratch, a loop of passes) gains nothing from being written per kernel.
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/Schedule.h"
#include "weft/Runtime/ABI.h"

using namespace mlir;

namespace weft {

LogicalResult emitSort(Emitter &e, const Schedule &) {
  KernelGraph &g = e.graph;
  Node &node = g.nodes[g.sort];
  OpBuilder &b = e.b;
  auto attr = node.op->getAttrOfType<DictionaryAttr>("weft.sort");
  int64_t dim = attr.getAs<IntegerAttr>("dim").getInt();
  Type element = attr.getAs<TypeAttr>("element").getValue();
  Value x = node.op.getDpsInputs()[0];
  int out = g.numInputs, in = g.bufferOf(x); // -1: made in the kernel (an iota)
  const Shape &shape = g.buffers[out].shape;
  SizeExpr n = attr.getAs<SizeAttr>("length").getSize(), k = shape[dim],
           inner = numElements(ArrayRef(shape).drop_front(dim + 1));
  SizeExpr outer = numElements(ArrayRef(shape).take_front(dim));
  Type result = g.buffers[out].element;

  bool isFloat = isa<FloatType>(element), isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  int64_t format = Emitter::byteWidth(element) | int64_t(isFloat ? 'f' : isUnsigned ? 'u' : 'i') << 8;
  if (isFloat)
    format |= int64_t(APFloat::semanticsPrecision(cast<FloatType>(element).getFloatSemantics()) - 1) << 16;
  if (attr.getAs<BoolAttr>("descending").getValue())
    format |= WEFT_SORT_DESCENDING;
  if (!node.body().getOps<linalg::IndexOp>().empty())
    format |= WEFT_SORT_POSITIONS;

  // Some of the first ones are kept apart while the others are seen, rather than all put in order.
  auto known = n.constant(), few = k.constant();
  const bool selects = few && k != n && *few * 8 <= known.value_or(INT64_MAX);
  if (selects)
    format |= WEFT_SORT_SELECT;

  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  double ns = 20 + (selects ? 0.5 : 10) * double(known.value_or(256));
  SizeExpr bytes =
      n * SizeExpr(int64_t(Emitter::byteWidth(element))) + k * SizeExpr(int64_t(Emitter::byteWidth(result)));
  e.loc = node.op.getLoc();
  e.parallel(outer * inner, bytes, ns, [&](Value begin, Value end) {
    auto service = e.service("weft_rt_sort", LLVM::LLVMVoidType::get(b.getContext()),
                             {pointer, pointer, i64, pointer, i64, i64, i64, i64});
    Value size = e.index(n), step = e.index(inner), flags = arith::ConstantIntOp::create(b, e.loc, i64, format);
    e.loop(begin, end, 1, [&](Value row) {
      SmallVector<Value> at = e.delinearize(row, {outer, inner});
      Value first = e.add(e.mul(at[0], n * inner), at[1]), written = e.add(e.mul(at[0], k * inner), at[1]);
      SmallVector<Value> memory = e.scratch(
          {selects ? SizeExpr(16 * std::max<int64_t>(*few, 1)) : n * SizeExpr(32), n * SizeExpr(in < 0 ? 8 : 0)});
      Value from = memory[1], fromStep = e.index(1);
      if (in >= 0) {
        from = e.address(e.pointers[in], element, first);
        fromStep = step;
      } else {
        Linear flat{0, {SizeExpr(1)}};
        e.loop(e.index(0), size, 1, [&](Value i) {
          Frame frame;
          frame.point.indices = e.delinearize(at[0], ArrayRef(shape).take_front(dim));
          frame.point.indices.push_back(i);
          llvm::append_range(frame.point.indices, e.delinearize(at[1], ArrayRef(shape).drop_front(dim + 1)));
          Point point;
          point.indices = {i};
          e.store(e.evaluate(x, frame), from, element, flat, point);
        });
      }
      LLVM::CallOp::create(b, e.loc, service,
                           ValueRange{memory[0], from, e.toI64(fromStep), e.address(e.pointers[out], result, written),
                                      e.toI64(step), e.toI64(size), e.toI64(e.index(k)), flags});
    });
  });
  return success();
}

} // namespace weft
