// A jitted function bound to an object: Python's own bound method, whose attributes know the object too, so that
// `m.step.explain(x)` is `type(m).step.explain(m, x)`.
#include "Handles.h"
#include <cstddef>
#include <memory>
#include <structmember.h>

namespace weft::python {

namespace {

struct BoundFunction {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject *function, *self;
};

PyTypeObject *boundType = nullptr;

BoundFunction *cast(PyObject *object) { return reinterpret_cast<BoundFunction *>(object); }

PyObject *call(PyObject *object, PyObject *const *args, size_t flags, PyObject *names) {
  BoundFunction *bound = cast(object);
  Py_ssize_t count = PyVectorcall_NARGS(flags), all = count + (names ? PyTuple_GET_SIZE(names) : 0);
  if (flags & PY_VECTORCALL_ARGUMENTS_OFFSET) { // the place before the arguments is ours for the time of the call
    auto **whole = const_cast<PyObject **>(args) - 1;
    PyObject *before = whole[0];
    whole[0] = bound->self;
    PyObject *result = PyObject_Vectorcall(bound->function, whole, count + 1, names);
    whole[0] = before;
    return result;
  }
  auto whole = std::make_unique<PyObject *[]>(all + 1);
  whole[0] = bound->self;
  for (Py_ssize_t i = 0; i < all; ++i)
    whole[i + 1] = args[i];
  return PyObject_Vectorcall(bound->function, whole.get(), count + 1, names);
}

int traverse(PyObject *object, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(cast(object)->function);
  Py_VISIT(cast(object)->self);
  return 0;
}

void dealloc(PyObject *object) {
  PyObject_GC_UnTrack(object);
  PyTypeObject *type = Py_TYPE(object);
  Py_CLEAR(cast(object)->function);
  Py_CLEAR(cast(object)->self);
  type->tp_free(object);
  Py_DECREF(type);
}

/// What takes the arguments of a call (Jitted in weft/_src/jit.py) is given the object first; other attributes are the
/// function's.
PyObject *getAttribute(PyObject *object, PyObject *name) {
  for (const char *one : {"__doc__", "__module__"}) // which the type has too
    if (PyUnicode_CompareWithASCIIString(name, one) == 0)
      return PyObject_GetAttr(cast(object)->function, name);
  if (PyObject *found = PyObject_GenericGetAttr(object, name))
    return found;
  if (!PyErr_ExceptionMatches(PyExc_AttributeError))
    return nullptr;
  PyErr_Clear();
  PyObject *found = PyObject_GetAttr(cast(object)->function, name);
  bool takesCall = false;
  for (const char *one : {"explain", "lower", "show", "trace"})
    takesCall |= PyUnicode_CompareWithASCIIString(name, one) == 0;
  if (!found || !takesCall)
    return found;
  try {
    nb::object method = nb::steal(found);
    return nb::module_::import_("functools").attr("partial")(method, nb::handle(cast(object)->self)).release().ptr();
  } catch (nb::python_error &error) {
    error.restore();
    return nullptr;
  }
}

PyObject *compare(PyObject *a, PyObject *b, int op) {
  if ((op != Py_EQ && op != Py_NE) || Py_TYPE(a) != boundType || Py_TYPE(b) != boundType)
    Py_RETURN_NOTIMPLEMENTED;
  bool same = cast(a)->function == cast(b)->function && cast(a)->self == cast(b)->self;
  return PyBool_FromLong(same == (op == Py_EQ));
}

Py_hash_t hash(PyObject *object) {
  auto bits =
      reinterpret_cast<uintptr_t>(cast(object)->function) ^ (reinterpret_cast<uintptr_t>(cast(object)->self) << 1);
  return Py_hash_t(bits >> 4) == -1 ? -2 : Py_hash_t(bits >> 4);
}

PyObject *repr(PyObject *object) {
  return PyUnicode_FromFormat("<%R bound to %R>", cast(object)->function, cast(object)->self);
}

/// What `inspect.signature` shows: the function's, without the object.
PyObject *signature(PyObject *object, void *) {
  try {
    nb::object whole = nb::module_::import_("inspect").attr("signature")(nb::handle(cast(object)->function));
    nb::list all(nb::handle(whole.attr("parameters").attr("values")()));
    nb::object rest = nb::steal(PyList_GetSlice(all.ptr(), 1, PyList_GET_SIZE(all.ptr())));
    return whole.attr("replace")(nb::arg("parameters") = rest).release().ptr();
  } catch (nb::python_error &error) {
    error.restore();
    return nullptr;
  }
}

PyObject *reduce(PyObject *object, PyObject *) {
  nb::object getter = nb::module_::import_("builtins").attr("getattr");
  nb::object name = nb::steal(PyObject_GetAttrString(cast(object)->function, "__name__"));
  return name ? Py_BuildValue("O(OO)", getter.ptr(), cast(object)->self, name.ptr()) : nullptr;
}

PyObject *make(PyTypeObject *, PyObject *args, PyObject *) {
  PyObject *function, *self;
  return PyArg_ParseTuple(args, "OO", &function, &self) ? bindFunction(function, self) : nullptr;
}

PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(BoundFunction, vectorcall), READONLY, nullptr},
    {"__func__", T_OBJECT, offsetof(BoundFunction, function), READONLY, "The jitted function."},
    {"__self__", T_OBJECT, offsetof(BoundFunction, self), READONLY, "The object that it is bound to."},
    {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef properties[] = {{"__signature__", signature, nullptr, nullptr, nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void *>(make)},
                       {Py_tp_dealloc, reinterpret_cast<void *>(dealloc)},
                       {Py_tp_traverse, reinterpret_cast<void *>(traverse)},
                       {Py_tp_call, reinterpret_cast<void *>(PyVectorcall_Call)},
                       {Py_tp_getattro, reinterpret_cast<void *>(getAttribute)},
                       {Py_tp_richcompare, reinterpret_cast<void *>(compare)},
                       {Py_tp_hash, reinterpret_cast<void *>(hash)},
                       {Py_tp_repr, reinterpret_cast<void *>(repr)},
                       {Py_tp_methods, methods},
                       {Py_tp_members, members},
                       {Py_tp_getset, properties},
                       {0, nullptr}};
PyType_Spec spec = {"weft._src._weft.BoundFunction", sizeof(BoundFunction), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, slots};

} // namespace

PyObject *bindFunction(PyObject *function, PyObject *self) {
  PyObject *object = boundType->tp_alloc(boundType, 0);
  if (!object)
    return nullptr;
  cast(object)->vectorcall = call;
  cast(object)->function = Py_NewRef(function);
  cast(object)->self = Py_NewRef(self);
  return object;
}

void bindBoundFunction(nb::module_ &m) {
  nb::object type = nb::steal(PyType_FromSpec(&spec));
  if (!type.is_valid())
    throw nb::python_error();
  boundType = reinterpret_cast<PyTypeObject *>(type.ptr());
  m.attr("BoundFunction") = type;
}

} // namespace weft::python
