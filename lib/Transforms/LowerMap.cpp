// Decides what becomes of a map: one op on all lanes (branches become selects, loops run until the last lane has ended)
// where the body is total, cheap and has a form over a batch, else a loop over the lanes.
#include "mlir/IR/Remarks.h"
#include "weft/Dialect/Weft/Linalg.h"
#include "weft/Dialect/Weft/Simplify.h"
#include "weft/Transforms/Batcher.h"
#include "weft/Transforms/Passes.h"

using namespace mlir;

namespace weft {
#define GEN_PASS_DEF_LOWERMAP
#include "weft/Transforms/Passes.h.inc"

namespace {

/// Elements of a value; a named size counts as 256.
double elementsOf(Value value) {
  double elements = 1;
  for (const SizeExpr &size : shapeOf(value)) {
    llvm::StringMap<int64_t> values;
    for (const std::string &name : size.symbols())
      values[name] = 256;
    elements *= double(std::max<int64_t>(0, size.evaluate(values).value_or(256)));
  }
  return elements;
}

/// Operations of one lane, all branches counted.
double costOf(Operation *op) {
  double cost = 0;
  for (Region &region : op->getRegions())
    for (Operation &inner : region.front())
      cost += costOf(&inner);
  if (auto loop = dyn_cast<ForOp>(op))
    return cost * double(loop.getCount().getSize().constant().value_or(256));
  if (auto library = dyn_cast<LibraryOpInterface>(op))
    return library.getCost();
  auto fusion = dyn_cast<FusionOpInterface>(op);
  if (!fusion || !op->getNumOperands())
    return cost;
  double elements = 0, product = 1;
  for (Value value : llvm::concat<Value>(llvm::to_vector(op->getOperands()), llvm::to_vector(op->getResults()))) {
    elements = std::max(elements, elementsOf(value));
    product *= elementsOf(value);
  }
  // A contraction of m*k by k*n makes m*n: m*k*n products.
  return cost + (fusion.getFusionKind() == FusionKind::Contract ? 2 * std::sqrt(product)
                                                                : elements * fusion.getOpsPerElement());
}

/// Why the lanes cannot all run at once; empty where they can.
StringRef whyNotAtOnce(MapOp map) {
  StringRef why;
  map.getBody().walk([&](Operation *op) {
    if (!op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() && !op->hasTrait<OpTrait::IsTerminator>() &&
        !isMemoryEffectFree(op))
      why = "it has effects";
    else if (isa<CallOp>(op))
      why = "it calls a function";
    else if (!boundSymbol(op).empty())
      why = "it holds values whose size differs from lane to lane";
    else if (isa<WhileOp>(op))
      for (Operation *around = op->getParentOp(); around != map; around = around->getParentOp())
        if (isa<IfOp, WhileOp>(around))
          why = "a loop in it need not end for lanes that do not ask for it";
  });
  return why;
}

class Lowering {
public:
  Lowering(ModuleOp module, const LowerMapOptions &options) : module(module), options(options) {}

  LogicalResult lower(MapOp map) {
    StringRef why = whyNotAtOnce(map);
    double cost = costOf(map);
    bool sumsFloats = llvm::any_of(ValueRange(map.getResults()).take_back(map.getSums()),
                                   [](Value v) { return isa<FloatType>(getElementTypeOrSelf(v)); });
    if (why.empty() && cost > options.maxOps)
      why = "all lanes together would compute more than those that ask for it";
    if (why.empty() && options.strict && sumsFloats)
      why = "sums are made in the order of the lanes";
    tell(map, why);
    return why.empty() ? atOnce(map) : oneByOne(map);
  }

private:
  /// A remark, and an entry of the module's `weft.maps`, which the report reads.
  void tell(MapOp map, StringRef why) {
    StringRef form = why.empty() ? "all lanes at once" : "lane by lane";
    std::string reason = why.empty() ? "it is total and cheap" : why.str();
    auto function = map->getParentOfType<func::FuncOp>();
    remark::passed(map.getLoc(),
                   remark::RemarkOpts::name("MapLowered").category("control").function(function.getName()))
        << remark::add("{0}: {1}", form, reason);
    Builder b(module.getContext());
    SmallVector<Attribute> told;
    if (auto before = module->getAttrOfType<ArrayAttr>("weft.maps"))
      llvm::append_range(told, before);
    told.push_back(b.getDictionaryAttr({b.getNamedAttr("form", b.getStringAttr(form)),
                                        b.getNamedAttr("reason", b.getStringAttr(reason)),
                                        b.getNamedAttr("place", LocationAttr(map.getLoc()))}));
    module->setAttr("weft.maps", b.getArrayAttr(told));
  }

  LogicalResult atOnce(MapOp map) {
    OpBuilder builder(map);
    Batcher batcher(module, builder, map.getCount().getSize(), /*selects=*/true);
    SmallVector<Value> arguments(map.getXs()), results;
    llvm::append_range(arguments, map.getCaptures());
    SmallVector<bool> batched(arguments.size(), false), has;
    std::fill_n(batched.begin(), map.getXs().size(), true);
    if (failed(batcher.batchBlock(map.getBodyBlock(), arguments, batched, results, has)))
      return failure();
    results = batcher.materializeAll(map.getLoc(), results, has);
    GraphBuilder b(builder, map.getLoc());
    for (unsigned i = map.getNumStacked(); i < results.size(); ++i)
      results[i] = b.reduce(results[i], ReduceKind::Add, {0});
    map->replaceAllUsesWith(results);
    map.erase();
    return success();
  }

  LogicalResult oneByOne(MapOp map) {
    OpBuilder builder(map);
    GraphBuilder b(builder, map.getLoc());
    unsigned stacked = map.getNumStacked(), sums = map.getSums();
    SmallVector<Value> inits;
    for (Value result : ValueRange(map.getResults()).take_back(sums))
      inits.push_back(b.zeros(result.getType()));
    SmallVector<Type> types(ValueRange(inits).getTypes());
    llvm::append_range(types, TypeRange(map.getResultTypes()).take_front(stacked));
    auto loop = ForOp::create(builder, map.getLoc(), types, map.getCountAttr(), inits, map.getXs(), map.getCaptures(),
                              UnitAttr());
    loop.getBody().takeBody(map.getBody());
    Block &body = loop.getBodyBlock();
    body.insertArgument(0u, RankedTensorType::get({}, builder.getI64Type()), map.getLoc());
    YieldOp yield = loop.getYield();
    SmallVector<Value> yields, rows(yield.getOperands());
    builder.setInsertionPoint(yield);
    for (unsigned i = 0; i < sums; ++i) {
      Value sum = body.insertArgument(1 + i, inits[i].getType(), map.getLoc());
      yields.push_back(b.add(sum, rows[stacked + i]));
    }
    llvm::append_range(yields, ArrayRef(rows).take_front(stacked));
    yield->setOperands(yields);
    SmallVector<Value> results(loop.getResults().drop_front(sums));
    llvm::append_range(results, loop.getResults().take_front(sums));
    map->replaceAllUsesWith(results);
    map.erase();
    return success();
  }

  ModuleOp module;
  const LowerMapOptions &options;
};

struct LowerMapPass : impl::LowerMapBase<LowerMapPass> {
  using LowerMapBase::LowerMapBase;
  void runOnOperation() override {
    LowerMapOptions options{maxOps, strict};
    Lowering lowering(getOperation(), options);
    // Inner ones first: what they become decides what the outer ones can.
    SmallVector<MapOp> maps;
    getOperation().walk<WalkOrder::PostOrder>([&](MapOp map) { maps.push_back(map); });
    for (MapOp map : maps)
      if (failed(lowering.lower(map)))
        return signalPassFailure();
  }
};

} // namespace

} // namespace weft
