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

int profile(PyObject *, PyFrameObject *frame, int event, PyObject *arg) {
  PyObject *what = nullptr;
  if (event == PyTrace_C_CALL) {
    if (!PyCFunction_Check(arg) || !watched.count(reinterpret_cast<PyCFunctionObject *>(arg)->m_ml))
      return 0;
    what = Py_NewRef(arg);
  } else if (event == PyTrace_CALL) {
    PyCodeObject *code = PyFrame_GetCode(frame);
    bool is = watched.count(code);
    Py_DECREF(code); // the frame holds it
    if (!is)
      return 0;
    what = Py_NewRef(reinterpret_cast<PyObject *>(code));
  } else {
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
      [](nb::sequence calls, nb::object call) {
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
      nb::arg("calls"), nb::arg("on_call"),
      "Which C functions and code objects are told of, and to whom; what it raises, the call raises.");
  m.def(
      "watch_calls",
      [](bool on) {
        PyThreadState *state = PyThreadState_Get();
        if (on && state->c_profilefunc)
          return false;
        PyEval_SetProfile(on ? profile : nullptr, nullptr);
        watching = on;
        return true;
      },
      nb::arg("on"), "Begins or ends to watch the calls of this thread; false where a profiler of the user's is on.");
}

} // namespace weft::python
