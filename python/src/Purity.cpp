// Decides how calls are noticed while a function is traced: by the interpreter's profile hook, in C, so that tracing is
// hardly slower. Which calls are told of is Python's business (weft/_src/purity.py).
#include "Handles.h"
#include <frameobject.h>
#include <unordered_set>

namespace weft::python {

namespace {

std::unordered_set<void *> watched; ///< method tables of C functions, code objects of Python functions
PyObject *onCall = nullptr;
thread_local bool watching = false;
/// The code of the functions that ran meanwhile; each holds a reference. What an import runs is none of the trace's.
thread_local std::unordered_set<PyCodeObject *> entered;
PyObject *importCode = nullptr;
thread_local int imports = 0;

int profile(PyObject *, PyFrameObject *frame, int event, PyObject *arg) {
  PyObject *what = nullptr;
  if (event == PyTrace_C_CALL) {
    if (!PyCFunction_Check(arg) || !watched.count(reinterpret_cast<PyCFunctionObject *>(arg)->m_ml))
      return 0;
    what = Py_NewRef(arg);
  } else if (event == PyTrace_CALL) {
    PyCodeObject *code = PyFrame_GetCode(frame);
    bool is = watched.count(code);
    imports += reinterpret_cast<PyObject *>(code) == importCode;
    if (imports || !entered.insert(code).second)
      Py_DECREF(code); // the frame holds it
    if (!is)
      return 0;
    what = Py_NewRef(reinterpret_cast<PyObject *>(code));
  } else {
    if (event == PyTrace_RETURN && imports) {
      PyCodeObject *code = PyFrame_GetCode(frame);
      imports -= reinterpret_cast<PyObject *>(code) == importCode;
      Py_DECREF(code);
    }
    return 0;
  }
  PyObject *done = PyObject_CallOneArg(onCall, what);
  Py_DECREF(what);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

} // namespace

PauseWatch::PauseWatch() : paused(watching) {
  if (paused)
    PyEval_SetProfile(nullptr, nullptr);
}

PauseWatch::~PauseWatch() {
  if (paused)
    PyEval_SetProfile(profile, nullptr);
}

void bindPurity(nb::module_ &m) {
  m.def(
      "set_watched_calls",
      [](nb::sequence calls, nb::object import, nb::object call) {
        importCode = import.release().ptr();
        for (nb::handle item : calls) {
          nb::object held = nb::borrow(item);
          PyObject *object = held.ptr();
          watched.insert(PyCFunction_Check(object)
                             ? static_cast<void *>(reinterpret_cast<PyCFunctionObject *>(object)->m_ml)
                             : static_cast<void *>(object));
          held.release(); // for ever: its address is in the set
        }
        onCall = call.release().ptr();
      },
      nb::arg("calls"), nb::arg("imports"), nb::arg("on_call"),
      "Which C functions and code objects are told of, and to whom; what it raises, the call raises. imports: the code "
      "of the function that imports a module.");
  m.def(
      "watch_calls",
      [](bool on) -> nb::object {
        PyThreadState *state = PyThreadState_Get();
        if (on && state->c_profilefunc)
          return nb::bool_(false);
        PyEval_SetProfile(on ? profile : nullptr, nullptr);
        watching = on;
        imports = 0;
        nb::list codes;
        for (PyCodeObject *code : entered)
          codes.append(nb::steal(reinterpret_cast<PyObject *>(code)));
        entered.clear();
        return on ? nb::object(nb::bool_(true)) : nb::object(codes);
      },
      nb::arg("on"),
      "Begins to watch the calls of this thread: false where a profiler of the user's is on. Ends it: the code of the "
      "Python functions that ran meanwhile.");
}

} // namespace weft::python
