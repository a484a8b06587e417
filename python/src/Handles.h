// Decides who owns what: a context lives as long as anything in it is held, a module as long as anything of it. A pass
// may remove any op, so handles into a module know its generation, and one from before a pass is refused, not followed.
#ifndef WEFT_PYTHON_HANDLES_H
#define WEFT_PYTHON_HANDLES_H

#include "Compiler.h"
#include <memory>
#include <vector>

namespace weft::python {

struct ContextState {
  MlirContext context = api().weftContextCreate();
  ContextState() = default;
  ContextState(const ContextState &) = delete;
  ~ContextState() { api().mlirContextDestroy(context); }
};
using ContextRef = std::shared_ptr<ContextState>;

struct ModuleState {
  ContextRef context;
  MlirModule module;
  uint64_t generation = 0;
  std::vector<MlirRegion> detached; ///< made for an op that is not there yet

  ModuleState(ContextRef context, MlirModule module) : context(std::move(context)), module(module) {}
  ModuleState(const ModuleState &) = delete;
  ~ModuleState() {
    for (MlirRegion region : detached)
      api().mlirRegionDestroy(region);
    api().mlirModuleDestroy(module);
  }
};
using ModuleRef = std::shared_ptr<ModuleState>;

/// What belongs to a context for ever: types, attributes, locations.
template <class T> struct Unique {
  ContextRef context;
  T raw;
};
using Type = Unique<MlirType>;
using Attribute = Unique<MlirAttribute>;
using Location = Unique<MlirLocation>;

/// What belongs to a module until a pass runs.
template <class T> struct Part {
  ModuleRef module;
  uint64_t generation;
  T raw;

  Part(ModuleRef owner, T raw) : module(std::move(owner)), generation(module->generation), raw(raw) {}
  const T &get() const {
    if (generation != module->generation)
      raise("WF1990", "a handle into a module was used after a pass had changed it");
    return raw;
  }
};
using Operation = Part<MlirOperation>;
using Block = Part<MlirBlock>;
using Region = Part<MlirRegion>;
using Value = Part<MlirValue>;

struct Context {
  ContextRef state;
};
struct Module {
  ModuleRef state;
};

void bindIR(nb::module_ &m);
void bindBuilder(nb::module_ &m);
void bindRun(nb::module_ &m);
void bindArray(nb::module_ &m);
void bindProgram(nb::module_ &m);
/// A function of `jit` as a method of an object.
PyObject *bindFunction(PyObject *function, PyObject *self);
void bindBoundFunction(nb::module_ &m);
void bindJitFunction(nb::module_ &m);
void bindPurity(nb::module_ &m);

/// Calls are not watched while one lives: an op's own code is pure, and watched code is slower (Purity.cpp).
class PauseWatch {
public:
  PauseWatch();
  PauseWatch(const PauseWatch &) = delete;
  ~PauseWatch();

private:
  bool paused;
};

void bindEagerOp(nb::module_ &m);

} // namespace weft::python
#endif
