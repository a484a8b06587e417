// Decides the frame of a kernel's code: its pointers, constants and sizes; then one leaf emitter writes the loops.
#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/Schedule.h"
#include "weft/Codegen/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_EMITKERNELS
#include "weft/Codegen/Passes.h.inc"

namespace {

/// Constant data as a private global; its address here.
Value constantData(Emitter &e, const Buffer &buffer, unsigned number) {
  auto module = e.graph.function->getParentOfType<ModuleOp>();
  std::string name = (e.graph.function.getName() + "_data" + std::to_string(number)).str();
  Type memory = Emitter::memoryType(buffer.element);
  // Bool is a byte in memory; other elements are stored as they are, signless.
  DenseElementsAttr data = buffer.data;
  if (data.isSplat())
    data = data.resizeSplat(data.getType()); // one value stands for all
  SmallVector<Attribute> values;
  for (Attribute value : data.getValues<Attribute>()) {
    if (auto integer = dyn_cast<IntegerAttr>(value))
      value = IntegerAttr::get(memory, integer.getValue().zextOrTrunc(memory.getIntOrFloatBitWidth()));
    values.push_back(value);
  }
  auto shape = RankedTensorType::get({int64_t(values.size())}, memory);
  LLVM::GlobalOp global;
  {
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(e.b, e.loc, LLVM::LLVMArrayType::get(memory, values.size()), /*isConstant=*/true,
                                    LLVM::Linkage::Internal, name, DenseElementsAttr::get(shape, values), 64);
  }
  return LLVM::AddressOfOp::create(e.b, e.loc, global);
}

struct EmitKernelsPass : impl::EmitKernelsBase<EmitKernelsPass> {
  using EmitKernelsBase::EmitKernelsBase;

  LogicalResult emit(func::FuncOp function, const Target &machine) {
    auto graph = KernelGraph::build(function);
    if (failed(graph))
      return failure();
    auto schedule = Schedule::fromAttr(function->getAttrOfType<DictionaryAttr>("weft.schedule"));
    if (!schedule)
      return function.emitError("[WF4111] expected a kernel with `weft.schedule` (made by weft-schedule-kernels)");
    MLIRContext *context = &getContext();
    OpBuilder b(function);
    Type pointer = LLVM::LLVMPointerType::get(context);
    SmallVector<Type> inputs(1 + graph->numInputs + graph->numResults, pointer);
    inputs.append(graph->symbols.size(), b.getI64Type());
    auto emitted = func::FuncOp::create(b, function.getLoc(), function.getName(), b.getFunctionType(inputs, {}));
    emitted.setPrivate();
    emitted->setAttr("weft.kernel", b.getUnitAttr());
    emitted->setAttr("weft.lowered", b.getUnitAttr()); // its launches no longer match its type
    if (Attribute inlined = function->getAttr("weft.inline"))
      emitted->setAttr("weft.inline", inlined);
    emitted->setAttr("weft.schedule", function->getAttr("weft.schedule"));
    Block *block = emitted.addEntryBlock();
    b.setInsertionPointToStart(block);

    Emitter e(*graph, machine, b);
    e.call = block->getArgument(0);
    unsigned n = 1;
    for (unsigned i = 0; i < graph->numInputs + graph->numResults; ++i) {
      // Slots of live values do not overlap (plan-memory), so no result is also an argument.
      emitted.setArgAttr(n, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
      e.pointers.push_back(block->getArgument(n++));
    }
    for (unsigned i = e.pointers.size(); i < graph->buffers.size(); ++i)
      e.pointers.push_back(constantData(e, graph->buffers[i], i));
    for (const std::string &symbol : graph->symbols)
      e.symbols[symbol] = arith::IndexCastOp::create(b, e.loc, b.getIndexType(), block->getArgument(n++));

    schedule->stream &= machine.streams;
    LogicalResult (*const emitters[])(Emitter &, const Schedule &) = {emitSweep,   emitTile, emitPieces, emitScan,
                                                                      emitScatter, emitSort, emitPack,   emitChain};
    if (failed(emitters[int(schedule->form)](e, *schedule)))
      return failure();
    func::ReturnOp::create(b, function.getLoc());
    if (!e.scratchUse.empty())
      emitted->setAttr("weft.scratch", e.scratchUse.toAttr(context));
    function.erase();
    return success();
  }

  void runOnOperation() override {
    Target machine = targetByName(target);
    if (machine.triple.empty()) {
      getOperation().emitError("[WF4110] no target named ") << target << "; known: host, x86-64-v3, x86-64-v4, aarch64";
      return signalPassFailure();
    }
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (function->hasAttr("weft.kernel") && !function.isExternal() && failed(emit(function, machine)))
        return signalPassFailure();
  }
};

} // namespace
} // namespace weft
