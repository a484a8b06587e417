// Decides which kernels are the same: equal text once symbols are renamed and locations forgotten. Each distinct body
// becomes one function named by its hash; what differs between its places (lines, sizes) stays with the launch.
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/IRMapping.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Kernels/ContentHash.h"
#include "weft/Kernels/Passes.h"

namespace weft {
#define GEN_PASS_DEF_SHAREKERNELS
#include "weft/Kernels/Passes.h.inc"
} // namespace weft

using namespace mlir;
using namespace weft;

namespace {

/// The symbols of a kernel in order of appearance, with their new names s0, s1, ...
class SymbolNames {
public:
  void add(const SizeExpr &size) {
    for (const std::string &name : size.symbols())
      if (renamed.try_emplace(name, SizeExpr::symbol("s" + std::to_string(names.size()))).second)
        names.push_back(name);
  }
  void add(Operation *op) {
    AttrTypeWalker walker;
    walker.addWalk([&](DimsAttr dims) {
      for (auto [i, text] : llvm::enumerate(dims.getSizes()))
        if (text.getValue() != "_")
          add(dims.getSize(i));
    });
    walker.addWalk([&](SizeAttr size) { add(size.getSize()); });
    // Operands first, then what the op says, then its results: the order of the text.
    for (Type type : op->getOperandTypes())
      walker.walk(type);
    walker.walk(op->getAttrDictionary());
    for (Type type : op->getResultTypes())
      walker.walk(type);
  }
  SizeExpr rename(const SizeExpr &size) const {
    return size.substitute([&](StringRef name) -> std::optional<SizeExpr> {
      auto it = renamed.find(name);
      return it == renamed.end() ? std::nullopt : std::optional<SizeExpr>(it->second);
    });
  }

  SmallVector<std::string> names;

private:
  llvm::StringMap<SizeExpr> renamed;
};

struct ShareKernels : public weft::impl::ShareKernelsBase<ShareKernels> {
  using ShareKernelsBase::ShareKernelsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    SmallVector<KernelOp> kernels;
    module.walk([&](KernelOp kernel) { kernels.push_back(kernel); });
    for (KernelOp kernel : kernels)
      share(kernel, symbols);
  }

  void share(KernelOp kernel, SymbolTable &symbols) {
    SymbolNames names;
    for (Type type : kernel.getOperandTypes())
      for (const SizeExpr &size : shapeOf(type))
        names.add(size);
    for (Operation &op : kernel.getBody().front())
      names.add(&op);
    func::FuncOp function = outline(kernel, names);
    function = internKernel(function, symbols, keepLines);

    OpBuilder builder(kernel);
    SmallVector<Attribute> lines, sizes;
    for (Operation &op : kernel.getBody().front().without_terminator())
      lines.push_back(op.getLoc());
    for (const std::string &name : names.names)
      sizes.push_back(SizeAttr::get(&getContext(), SizeExpr::symbol(name)));
    auto launch = LaunchOp::create(builder, kernel.getLoc(), kernel.getResultTypes(), function.getName(),
                                   kernel.getOperands(), builder.getArrayAttr(lines));
    if (Attribute codes = kernel->getAttr("weft.not_fused"))
      launch->setAttr("weft.not_fused", codes);
    if (!sizes.empty())
      launch->setAttr("weft.sizes", builder.getArrayAttr(sizes));
    kernel->replaceAllUsesWith(launch);
    kernel.erase();
  }

  /// The kernel as a function of no name yet, in no module, with renamed symbols.
  func::FuncOp outline(KernelOp kernel, const SymbolNames &names) {
    OpBuilder builder(&getContext());
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](DimsAttr dims) {
      SmallVector<StringAttr> sizes;
      for (auto [i, text] : llvm::enumerate(dims.getSizes()))
        sizes.push_back(text.getValue() == "_" ? text : builder.getStringAttr(names.rename(dims.getSize(i)).str()));
      return DimsAttr::get(&getContext(), sizes);
    });
    replacer.addReplacement([&](SizeAttr size) { return SizeAttr::get(&getContext(), names.rename(size.getSize())); });
    auto type = builder.getFunctionType(kernel.getOperandTypes(), kernel.getResultTypes());
    auto function = func::FuncOp::create(kernel.getLoc(), "k", type);
    function.setPrivate();
    function->setAttr("weft.kernel", builder.getUnitAttr());
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    IRMapping map;
    map.map(kernel.getBody().getArguments(), entry->getArguments());
    for (Operation &op : kernel.getBody().front().without_terminator())
      builder.clone(op, map);
    Operation *yield = kernel.getBody().front().getTerminator();
    func::ReturnOp::create(builder, yield->getLoc(),
                           llvm::map_to_vector(yield->getOperands(), [&](Value v) { return map.lookupOrDefault(v); }));
    replacer.recursivelyReplaceElementsIn(function, /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
    if (!names.names.empty()) {
      SmallVector<Attribute> list;
      for (size_t i = 0; i < names.names.size(); ++i)
        list.push_back(builder.getStringAttr("s" + std::to_string(i)));
      function->setAttr("weft.symbols", builder.getArrayAttr(list));
    }
    return function;
  }
};

} // namespace
