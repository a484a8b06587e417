// Decides what holds at each stage: one clause a function, each with its code. Run after every stage in tests and debug
// builds, so that the pass that broke a form is the one that is named, not the one that trips over it later.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "weft/Dialect/Weft/Effects.h"
#include "weft/Dialect/Weft/Linalg.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Kernels/KernelShape.h"
#include "weft/Pipelines/Pipelines.h"

namespace weft {
#define GEN_PASS_DEF_CHECKCONTRACT
#include "weft/Pipelines/Passes.h.inc"
} // namespace weft

using namespace mlir;
using namespace weft;

namespace {

bool isKernelFunction(Operation *op) { return op->hasAttr("weft.kernel"); }

/// The types an op speaks of: operands, results, block arguments.
template <class F> void forEachType(Operation *op, F visit) {
  for (Type type : op->getResultTypes())
    visit(type);
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (BlockArgument argument : block.getArguments())
        visit(argument.getType());
}

class Contract {
public:
  Contract(ModuleOp module, Stage stage, bool locations) : module(module), stage(stage), locations(locations) {}

  LogicalResult check() {
    if (locations)
      module.walk([&](Operation *op) { knownLocation(op); });
    if (stage == Stage::LLVM) {
      module.walk([&](Operation *op) {
        if (op != module && !isa<LLVM::LLVMDialect>(op->getDialect()))
          broken(op, "WF4060", "only ops of the llvm dialect");
      });
      return failure(failed_);
    }
    if (stage < Stage::Bufferized)
      entry();
    module.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op == module)
        return WalkResult::advance();
      if (isKernelFunction(op)) {
        if (stage < Stage::Kernels)
          broken(op, "WF4005", "no kernels before they are formed");
        else
          kernelFunction(cast<func::FuncOp>(op));
        return WalkResult::skip();
      }
      // From bufferized on, what launches kernels is loops and calls of any form.
      if (stage < Stage::Bufferized)
        graphOp(op);
      return WalkResult::advance();
    });
    return failure(failed_);
  }

private:
  void broken(Operation *op, StringRef code, const Twine &expected) {
    op->emitError() << "[" << code << "] breaks the contract of stage '" << stringify(stage) << "': expected "
                    << expected;
    failed_ = true;
  }

  //===-- every stage ---------------------------------------------------------------------------------------------===//

  /// WF4003: promise 2, every op knows its line. Constants are exempt where folding made them.
  void knownLocation(Operation *op) {
    if (isa<WeftDialect>(op->getDialect()) && isa<UnknownLoc>(op->getLoc()) && !op->hasTrait<OpTrait::ConstantLike>())
      broken(op, "WF4003", "a known place in the user's program");
  }

  /// WF4004: one entry.
  void entry() {
    int count = 0;
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isPublic() && ++count == 2)
        broken(function, "WF4004", "one public function, the entry");
    }
    if (!count)
      broken(module, "WF4004", "one public function, the entry");
  }

  //===-- functions of the graph ----------------------------------------------------------------------------------===//

  void graphOp(Operation *op) {
    if (!isa<WeftDialect>(op->getDialect()) && !isa<func::FuncOp, func::ReturnOp>(op))
      return broken(op, "WF4001", "only ops of the dialect, func.func and func.return");
    forEachType(op, [&](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (tensor && !tensor.hasStaticShape() && !tensor.getEncoding())
        broken(op, "WF4002", "a name for every size that is not static");
    });
    bool request = isa<JvpRequestOp, VjpRequestOp, VmapRequestOp>(op);
    if (request && stage >= Stage::Resolved)
      return broken(op, "WF4006", "no requests after they are resolved");
    if (stage < Stage::Kernels) {
      if (isa<KernelOp, LaunchOp, CopyOp>(op))
        broken(op, "WF4005", "no kernels before they are formed");
      if (stage >= Stage::Optimized && isa<MapOp>(op))
        broken(op, "WF4008", "no map: lower-map has chosen what becomes of each");
      if (stage >= Stage::Optimized && isa<DecomposeOpInterface>(op))
        broken(op, "WF4009", "no composite: weft-decompose has put what it is made of in its place");
      if (stage >= Stage::Optimized && isOpTriviallyDead(op))
        broken(op, "WF4007", "no op whose results nothing reads");
      return;
    }
    afterKernels(op);
  }

  void afterKernels(Operation *op) {
    if (isa<KernelOp>(op))
      return broken(op, "WF4011", "every kernel shared");
    auto fusion = dyn_cast<FusionOpInterface>(op);
    bool alias = fusion && fusion.getFusionKind() == FusionKind::Alias;
    if (!alias && !isa<func::FuncOp, func::ReturnOp, ForOp, WhileOp, IfOp, SizedOp, CallOp, YieldOp, LaunchOp, CopyOp,
                       EffectOpInterface, LibraryOpInterface>(op))
      return broken(op, "WF4010", "every op that computes in a kernel");
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      auto kernel = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, launch.getCalleeAttr());
      if (!kernel || !isKernelFunction(kernel))
        return broken(op, "WF4015", "a launch of a kernel function");
      // Later stages put other ops into the kernel; the lines keep the numbers of the graph's.
      if (auto lines = launch.getLines(); lines && stage <= Stage::Planned && !kernel.isExternal() &&
                                          lines->size() != kernel.getBody().front().getOperations().size() - 1)
        broken(op, "WF4016", "one line per op of the kernel");
    }
    if (stage >= Stage::Planned && op->getNumResults() && !op->hasAttr("weft.slots"))
      broken(op, "WF4020", "a place for each result (weft.slots)");
  }

  //===-- kernel functions ----------------------------------------------------------------------------------------===//

  void kernelFunction(func::FuncOp kernel) {
    if (!kernel.isPrivate() || kernel.isExternal() || !kernel.getBody().hasOneBlock())
      return broken(kernel, "WF4013", "a private kernel function of one block");
    if (stage <= Stage::Planned)
      graphKernel(kernel);
    else if (stage <= Stage::Scheduled)
      linalgKernel(kernel);
    else
      loopKernel(kernel);
  }

  void graphKernel(func::FuncOp kernel) {
    SmallVector<Operation *> ops;
    llvm::StringMap<bool> listed;
    if (auto symbols = kernel->getAttrOfType<ArrayAttr>("weft.symbols"))
      for (auto name : symbols.getAsRange<StringAttr>())
        listed[name.getValue()] = true;
    auto known = [&](Operation *op) {
      bool ok = true;
      forEachType(op, [&](Type type) {
        if (isa<RankedTensorType>(type))
          for (const SizeExpr &size : shapeOf(type))
            for (const std::string &name : size.symbols())
              ok &= listed.contains(name);
      });
      if (!ok)
        broken(op, "WF4014", "sizes in the symbols that the kernel lists (weft.symbols)");
    };
    known(kernel);
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      known(&op);
      ops.push_back(&op);
    }
    FusionReason why;
    if (!ops.empty() && !kernelShape(ops, why))
      broken(kernel, "WF4012", "a kernel that can be emitted as one, but it holds " + textOf(why));
  }

  void linalgKernel(func::FuncOp kernel) {
    kernel.walk([&](Operation *op) {
      if (op == kernel)
        return;
      if (isa<linalg::LinalgOp>(op) && !isa<linalg::GenericOp>(op))
        return broken(op, "WF4031", "linalg.generic only: named ops have no lines in their payload");
      StringRef dialect = op->getDialect() ? op->getDialect()->getNamespace() : "";
      if (!isa<func::ReturnOp, linalg::GenericOp, linalg::YieldOp, linalg::IndexOp, tensor::EmptyOp, tensor::ExtractOp>(
              op) &&
          !llvm::is_contained({"arith", "math", "scf"}, dialect))
        broken(op, "WF4030", "linalg.generic, tensor.empty, and arith and math in payloads");
    });
    bool plain = true;
    auto plainType = [&](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      plain &= !tensor || (!tensor.getEncoding() && !tensor.getElementType().isUnsignedInteger());
    };
    kernel.walk([&](Operation *op) { forEachType(op, plainType); });
    if (!plain)
      broken(kernel, "WF4032", "tensors without names, signless integers");
    auto symbols = kernel->getAttrOfType<ArrayAttr>("weft.symbols");
    size_t indices = llvm::count_if(kernel.getArgumentTypes(), llvm::IsaPred<IndexType>);
    if ((symbols ? symbols.size() : 0) != indices)
      broken(kernel, "WF4033", "one trailing index argument per symbol (weft.symbols)");
    if (stage == Stage::Scheduled && !kernel->hasAttr("weft.schedule"))
      broken(kernel, "WF4040", "a schedule on each kernel (weft.schedule)");
  }

  void loopKernel(func::FuncOp kernel) {
    if (kernel.getNumResults())
      broken(kernel, "WF4051", "a kernel that returns nothing: its results are buffers it is given");
    for (Type type : kernel.getArgumentTypes())
      if (!isa<LLVM::LLVMPointerType>(type) && !type.isInteger(64)) {
        broken(kernel, "WF4052", "a kernel over pointers and 64-bit sizes");
        break;
      }
    kernel.walk([&](Operation *op) {
      bool shaped = false;
      forEachType(op, [&](Type type) { shaped |= isa<TensorType, BaseMemRefType>(type); });
      if (shaped && op != kernel)
        return broken(op, "WF4050", "no tensors and no memrefs in a kernel");
      if (isa<LLVM::CallOp>(op) && cast<LLVM::CallOp>(op).getCallee().value_or("") == "malloc")
        broken(op, "WF4053", "no allocation in a kernel");
    });
  }

  ModuleOp module;
  Stage stage;
  bool locations;
  bool failed_ = false;
};

struct CheckContractPass : public weft::impl::CheckContractBase<CheckContractPass> {
  using CheckContractBase::CheckContractBase;

  void runOnOperation() override {
    auto parsed = parseStage(stage);
    if (!parsed) {
      getOperation().emitError() << "[WF1504] no stage named '" << stage << "'; the stages are " << stageNames();
      return signalPassFailure();
    }
    if (failed(checkContract(getOperation(), *parsed, locations)))
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace

LogicalResult weft::checkContract(ModuleOp module, Stage stage, bool locations) {
  return Contract(module, stage, locations).check();
}
