// The ops of the effects family, for the few places that perform them or keep them apart; see Effects.td.
#ifndef WEFT_DIALECT_WEFT_EFFECTS_H
#define WEFT_DIALECT_WEFT_EFFECTS_H

#include "weft/Dialect/Weft/Weft.h"

namespace weft {

/// What effects are ordered by.
struct IoResource : mlir::SideEffects::Resource::Base<IoResource> {
  llvm::StringRef getName() final { return "weft.io"; }
};
struct CheckResource : mlir::SideEffects::Resource::Base<CheckResource> {
  llvm::StringRef getName() final { return "weft.check"; }
};
struct CallbackResource : mlir::SideEffects::Resource::Base<CallbackResource> {
  llvm::StringRef getName() final { return "weft.callback"; }
};

} // namespace weft

#include "weft/Dialect/Weft/EffectInterfaces.h.inc"

#define GET_OP_CLASSES
#include "weft/Dialect/Weft/Ops/Effects.h.inc"

namespace weft {

/// The op as the runtime reads it (weft/Runtime/Effect.h).
std::string describeEffect(EffectOpInterface op);

/// Whether an op only looks at values: kernels are formed as if it were not there.
bool isObserver(mlir::Operation *op);

} // namespace weft
#endif
