// The module `weft._src._weft`: only puts its parts together.
#include "Handles.h"

NB_MODULE(_weft, m) {
  using namespace weft::python;
  nb::set_leak_warnings(false); // what modules hold at exit is no leak; tests count what is
  m.doc() = "The compiled part of Weft: arrays, calls, and the compiler's IR (opened at first use).";
  bindArray(m);
  bindProgram(m);
  bindBoundFunction(m);
  bindJitFunction(m);
  bindEagerOp(m);
  bindPurity(m);
  nb::module_ ir = m.def_submodule("ir", "The compiler's IR, under the names of MLIR's own Python bindings.");
  bindIR(ir);
  bindBuilder(m);
  bindRun(m);
}
