// Decides the generic builder: one function for every op, whose types come from the op's own inference. What is wrong
// is told as text, before anything has been added.
#include "Support.h"
#include "mlir/IR/Operation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

using namespace mlir;
using namespace weft::capi;

namespace {
/// The properties of an op that is not there yet, as inference wants to see them.
struct TemporaryProperties {
  TemporaryProperties(RegisteredOperationName name) : name(name) {
    if (size_t size = name.getOpPropertyByteSize()) {
      storage = std::make_unique<std::max_align_t[]>(size / sizeof(std::max_align_t) + 1);
      name.initOpProperties(get(), OpaqueProperties(nullptr));
    }
  }
  ~TemporaryProperties() {
    if (storage)
      name.destroyOpProperties(get());
  }
  OpaqueProperties get() { return OpaqueProperties(storage.get()); }

  RegisteredOperationName name;
  std::unique_ptr<std::max_align_t[]> storage;
};
} // namespace

MlirOperation weftBuildOp(const WeftBuild *build, WeftBytes *error) {
  Location location = unwrap(build->location);
  MLIRContext *context = location.getContext();
  StringRef opName = unwrap(build->name);
  std::optional<RegisteredOperationName> name = RegisteredOperationName::lookup(opName, context);
  if (!name) {
    fill(error, ("there is no op " + opName).str());
    return {nullptr};
  }
  Diagnostics diagnostics(context);
  auto fail = [&] {
    diagnostics.into(error, (opName + " cannot be built").str());
    return MlirOperation{nullptr};
  };

  SmallVector<Value, 4> operands;
  for (intptr_t i = 0; i < build->numOperands; ++i)
    operands.push_back(unwrap(build->operands[i]));
  NamedAttrList attributes;
  for (intptr_t i = 0; i < build->numAttributes; ++i)
    attributes.append(unwrap(build->attributes[i].name), unwrap(build->attributes[i].attribute));
  DictionaryAttr dictionary = attributes.getDictionary(context);
  SmallVector<Region *, 2> regions;
  for (intptr_t i = 0; i < build->numRegions; ++i)
    regions.push_back(unwrap(build->regions[i]));

  TemporaryProperties properties(*name);
  if (properties.storage && failed(name->setOpPropertiesFromAttribute(*name, properties.get(), dictionary,
                                                                      [&] { return emitError(location); })))
    return fail();

  SmallVector<Type, 2> types;
  if (build->numResults >= 0) {
    for (intptr_t i = 0; i < build->numResults; ++i)
      types.push_back(unwrap(build->results[i]));
  } else {
    auto *inference = name->getInterface<InferTypeOpInterface>();
    if (!inference) {
      fill(error, (opName + " does not infer its result types: they must be given").str());
      return {nullptr};
    }
    SmallVector<std::unique_ptr<Region>> noRegions;
    if (failed(inference->inferReturnTypes(context, location, operands, dictionary, properties.get(),
                                           RegionRange(noRegions), types)))
      return fail();
  }

  Operation *op = Operation::create(location, *name, types, operands, dictionary, OpaqueProperties(nullptr),
                                    BlockRange(), build->numRegions);
  for (auto [from, to] : llvm::zip(regions, op->getRegions()))
    to.takeBody(*from);
  unwrap(build->block)->push_back(op);
  // The op itself only: what its regions hold was checked when it was built.
  if (failed(name->verifyInvariants(op))) {
    for (auto [from, to] : llvm::zip(op->getRegions(), regions))
      to->takeBody(from);
    op->erase();
    return fail();
  }
  for (Region *region : regions)
    delete region;
  return wrap(op);
}
