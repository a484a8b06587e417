// Decides the path of a call: take the arguments apart, find the program of their signature, check what the traced
// function had read, run, put the results together. Anything else calls the Python object behind (weft/_src/jit.py).
//
// A raw type with vectorcall: a class of nanobind's costs 100 ns more a call (docs/rationale.md).
#include "Handles.h"
#include "Signature.h"
#include <cstddef>
#include <memory>
#include <structmember.h>
#include <utility>

namespace weft::python {

namespace {

/// How the results are put together again.
struct Recipe {
  enum Kind { Leaf, Tuple, List, Dict, None } kind;
  int32_t leaf = 0;
  std::vector<Recipe> children;
  std::vector<nb::object> keys;
};

/// Something that the traced function read and that must still be the same object (weft/_src/guards.py).
struct Guard {
  enum Kind { Entry, Cell, Item, Attribute, Length } kind;
  nb::object holder, key, expected; ///< expected null: there was no such entry
  Py_ssize_t number = 0;            ///< of an item; of all entries
  bool holds() const {
    switch (kind) {
    case Entry:
      return PyDict_GetItemWithError(holder.ptr(), key.ptr()) == expected.ptr();
    case Cell:
      return PyCell_GET(holder.ptr()) == expected.ptr();
    case Item:
      return number < PyList_GET_SIZE(holder.ptr()) && PyList_GET_ITEM(holder.ptr(), number) == expected.ptr();
    case Length:
      return number == (PyList_Check(holder.ptr()) ? PyList_GET_SIZE(holder.ptr()) : PyDict_GET_SIZE(holder.ptr()));
    case Attribute:
      break;
    }
    // Slots and plain values of classes: no code of the user runs here.
    PyObject *now = PyObject_GetAttr(holder.ptr(), key.ptr());
    if (!now)
      PyErr_Clear();
    Py_XDECREF(now);
    return now == expected.ptr();
  }
};

/// A guard from (holder, key, object).
Guard readGuard(nb::handle item) {
  Guard guard{Guard::Attribute, nb::borrow(item[0]), nb::borrow(item[1]), nb::borrow(item[2])};
  PyObject *holder = guard.holder.ptr();
  bool isList = PyList_CheckExact(holder), isDict = PyDict_CheckExact(holder);
  if (PyCFunction_Check(guard.key.ptr())) { // `len`
    if (!isList && !isDict)
      throw nb::type_error("a guard on the length of what is neither list nor dict");
    guard.kind = Guard::Length;
    guard.number = nb::cast<Py_ssize_t>(guard.expected);
  } else if (PyCell_Check(holder)) {
    guard.kind = Guard::Cell;
  } else if (isDict) {
    guard.kind = Guard::Entry;
  } else if (isList) {
    guard.kind = Guard::Item;
    guard.number = nb::cast<Py_ssize_t>(guard.key);
  }
  if (guard.expected.is(nb::handle(Py_Ellipsis))) // there was none
    guard.expected = nb::object();
  return guard;
}

struct Entry {
  uint64_t hash;
  std::vector<uint64_t> words;
  std::vector<nb::object> keep;
  nb::object programObject;
  Program *program;
  std::vector<int32_t> order; ///< argument i of the program is leaf order[i] of the call
  std::vector<nb::object> captured;
  nb::object keptObject;
  Kept *kept;
  std::vector<Guard> guards;
  std::vector<int32_t> donated;                     ///< leaves
  std::vector<std::pair<int32_t, int32_t>> updates; ///< (result, captured array whose new value it is)
  Recipe recipe;
};

/// Shared: a call in flight keeps its entry, though another thread may put a new one in its place.
using EntryRef = std::shared_ptr<Entry>;

struct JitFunction {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject *dict, *weakrefs;
  PyObject *impl; ///< the Python object: its `miss(args, kwargs)` is the slow path, its attributes are ours
  uint64_t staticPositions;
  PyObject *staticNames; ///< a tuple of str
  bool takesSelf;        ///< the first argument is static if it is no array, number or container
  std::vector<EntryRef> *entries;
  EntryRef *last; ///< that of the last call; null: none
};

PyTypeObject *jitType = nullptr;
/// Inside `disable_jit`: every call takes the slow path, which runs the Python function.
thread_local bool disabled = false;
constexpr size_t maxEntries = 4096;

JitFunction *cast(PyObject *self) { return reinterpret_cast<JitFunction *>(self); }

bool isStaticName(JitFunction *self, PyObject *name) {
  for (Py_ssize_t i = 0, n = PyTuple_GET_SIZE(self->staticNames); i < n; ++i) {
    PyObject *other = PyTuple_GET_ITEM(self->staticNames, i);
    if (other == name || PyUnicode_Compare(other, name) == 0)
      return true;
  }
  return false;
}

bool sign(JitFunction *self, PyObject *const *args, Py_ssize_t count, PyObject *names, Signature &signature) {
  signature.words.push(uint64_t(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (i < 64 && self->staticPositions >> i & 1)
      signature.addStatic(args[i]);
    else if (i == 0 && self->takesSelf && Signature::isOpaque(args[0]))
      signature.addStatic(args[0]);
    else if (!signature.add(args[i]))
      return false;
  }
  for (Py_ssize_t i = 0, n = names ? PyTuple_GET_SIZE(names) : 0; i < n; ++i) {
    PyObject *name = PyTuple_GET_ITEM(names, i);
    signature.addName(name);
    if (isStaticName(self, name))
      signature.addStatic(args[count + i]);
    else if (!signature.add(args[count + i]))
      return false;
  }
  return true;
}

bool equals(const Entry &entry, const Signature &signature) {
  return entry.words.size() == signature.words.size() &&
         memcmp(entry.words.data(), signature.words.data(), entry.words.size() * sizeof(uint64_t)) == 0;
}

EntryRef find(JitFunction *self, const Signature &signature) {
  // The same signature as last time is nearly every call: then no hash is needed.
  if (self->last && equals(**self->last, signature))
    return *self->last;
  uint64_t hash = signature.hash();
  for (EntryRef &entry : *self->entries)
    if (entry->hash == hash && equals(*entry, signature))
      return *(self->last = &entry);
  return nullptr;
}

nb::object assemble(const Recipe &recipe, const Program &program, WeftResult *results) {
  switch (recipe.kind) {
  case Recipe::Leaf: {
    WeftResult &result = results[recipe.leaf];
    WeftBuffer *buffer = result.buffer;
    result.buffer = nullptr;
    return makeArray(buffer, program.results[recipe.leaf].dtype, result.rank, result.shape);
  }
  case Recipe::Tuple: {
    nb::object tuple = nb::steal(PyTuple_New(recipe.children.size()));
    for (size_t i = 0; i < recipe.children.size(); ++i)
      PyTuple_SET_ITEM(tuple.ptr(), i, assemble(recipe.children[i], program, results).release().ptr());
    return tuple;
  }
  case Recipe::List: {
    nb::object list = nb::steal(PyList_New(recipe.children.size()));
    for (size_t i = 0; i < recipe.children.size(); ++i)
      PyList_SET_ITEM(list.ptr(), i, assemble(recipe.children[i], program, results).release().ptr());
    return list;
  }
  case Recipe::Dict: {
    nb::dict dict;
    for (size_t i = 0; i < recipe.children.size(); ++i)
      PyDict_SetItem(dict.ptr(), recipe.keys[i].ptr(), assemble(recipe.children[i], program, results).ptr());
    return dict;
  }
  case Recipe::None:
    break;
  }
  return nb::none();
}

/// Results whose call failed half-way, or whose recipe raised.
struct Results {
  Short<WeftResult, 4> list;
  explicit Results(int32_t n) {
    for (int32_t i = 0; i < n; ++i)
      list.grow().buffer = nullptr;
  }
  ~Results() {
    for (size_t i = 0; i < list.size(); ++i)
      weft_buffer_release(list[i].buffer);
  }
};

/// Runs an entry; an invalid object where it does not fit after all (a guard fails, a captured array changed).
nb::object run(Entry &entry, Signature &signature) {
  for (const Guard &guard : entry.guards)
    if (!guard.holds())
      return {};
  Program &program = *entry.program;
  Short<Leaf *, 16> leaves;
  Short<Leaf, 4> captured;
  for (const nb::object &object : entry.captured)
    if (!readLeaf(object.ptr(), captured.grow()))
      return {};
  for (int32_t position : entry.order)
    leaves.push(&signature.leaves[position]);
  for (size_t i = 0; i < captured.size(); ++i) {
    if (!program.fits(int32_t(entry.order.size() + i), captured[i]))
      return {};
    leaves.push(&captured[i]);
  }
  if (!entry.donated.empty()) {
    for (int32_t d : entry.donated)
      for (size_t i = 0; i < leaves.size(); ++i)
        if (leaves[i] != &signature.leaves[d] && Py_TYPE(signature.leaves[d].object) == arrayType &&
            leaves[i]->data == signature.leaves[d].data && arrayIn(signature.leaves[d].object).bytes())
          raise("WF1607", "an array that is donated was passed twice, or is read by the function as well");
  }
  Results results(program.numResults);
  program.run(const_cast<Leaf **>(leaves.data()), const_cast<WeftResult *>(results.list.data()), entry.kept);
  for (int32_t d : entry.donated)
    if (Py_TYPE(signature.leaves[d].object) == arrayType) {
      Array &array = arrayIn(signature.leaves[d].object);
      weft_buffer_release(array.buffer);
      array.buffer = nullptr;
    }
  for (auto [result, number] : entry.updates) {
    Array &array = arrayIn(entry.captured[number].ptr());
    WeftBuffer *old = std::exchange(array.buffer, std::exchange(results.list[result].buffer, nullptr));
    array.data = array.buffer->data;
    weft_buffer_release(old);
  }
  return assemble(entry.recipe, program, const_cast<WeftResult *>(results.list.data()));
}

PyObject *callSlow(JitFunction *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
  nb::object tuple = nb::steal(PyTuple_New(count));
  for (Py_ssize_t i = 0; i < count; ++i)
    PyTuple_SET_ITEM(tuple.ptr(), i, Py_NewRef(args[i]));
  nb::dict kwargs;
  for (Py_ssize_t i = 0, n = names ? PyTuple_GET_SIZE(names) : 0; i < n; ++i)
    if (PyDict_SetItem(kwargs.ptr(), PyTuple_GET_ITEM(names, i), args[count + i]))
      return nullptr;
  static PyObject *miss = PyUnicode_InternFromString("miss");
  return PyObject_CallMethodObjArgs(self->impl, miss, tuple.ptr(), kwargs.ptr(), nullptr);
}

PyObject *vectorcall(PyObject *object, PyObject *const *args, size_t flags, PyObject *names) {
  JitFunction *self = cast(object);
  Py_ssize_t count = PyVectorcall_NARGS(flags);
  try {
    Signature signature;
    if (!disabled && sign(self, args, count, names, signature))
      if (EntryRef entry = find(self, signature)) {
        nb::object result = run(*entry, signature);
        if (result.is_valid())
          return result.release().ptr();
      }
  } catch (nb::python_error &error) {
    error.restore();
    return nullptr;
  } catch (std::bad_alloc &) {
    return PyErr_NoMemory();
  }
  return callSlow(self, args, count, names);
}

Recipe readRecipe(nb::handle tree) {
  Recipe recipe;
  if (PyLong_CheckExact(tree.ptr())) {
    recipe.kind = Recipe::Leaf;
    recipe.leaf = nb::cast<int32_t>(tree);
  } else if (tree.is_none()) {
    recipe.kind = Recipe::None;
  } else if (PyTuple_CheckExact(tree.ptr()) || PyList_CheckExact(tree.ptr())) {
    recipe.kind = PyTuple_CheckExact(tree.ptr()) ? Recipe::Tuple : Recipe::List;
    for (nb::handle child : nb::borrow<nb::sequence>(tree))
      recipe.children.push_back(readRecipe(child));
  } else if (PyDict_CheckExact(tree.ptr())) {
    recipe.kind = Recipe::Dict;
    for (auto [key, child] : nb::borrow<nb::dict>(tree)) {
      recipe.keys.push_back(nb::borrow(key));
      recipe.children.push_back(readRecipe(child));
    }
  } else {
    throw nb::type_error("results in other containers than tuple, list and dict are put together by Python");
  }
  return recipe;
}

//===-- The type -------------------------------------------------------------------------------------------------===//

PyObject *make(PyTypeObject *type, PyObject *args, PyObject *) {
  PyObject *impl, *names;
  unsigned long long positions;
  int takesSelf;
  if (!PyArg_ParseTuple(args, "OKO!p", &impl, &positions, &PyTuple_Type, &names, &takesSelf))
    return nullptr;
  auto *self = reinterpret_cast<JitFunction *>(type->tp_alloc(type, 0));
  if (!self)
    return nullptr;
  self->vectorcall = vectorcall;
  self->impl = Py_NewRef(impl);
  self->staticPositions = positions;
  self->staticNames = Py_NewRef(names);
  self->takesSelf = takesSelf;
  self->entries = new std::vector<EntryRef>;
  return reinterpret_cast<PyObject *>(self);
}

int traverse(PyObject *object, visitproc visit, void *arg) {
  JitFunction *self = cast(object);
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->dict);
  Py_VISIT(self->impl);
  if (self->entries)
    for (auto &entry : *self->entries) {
      for (Guard &guard : entry->guards) {
        Py_VISIT(guard.holder.ptr());
        Py_VISIT(guard.expected.ptr());
      }
      for (nb::object &captured : entry->captured)
        Py_VISIT(captured.ptr());
      for (nb::object &kept : entry->keep)
        Py_VISIT(kept.ptr());
    }
  return 0;
}

int clear(PyObject *object) {
  JitFunction *self = cast(object);
  self->last = nullptr;
  if (self->entries)
    self->entries->clear();
  Py_CLEAR(self->dict);
  Py_CLEAR(self->impl);
  return 0;
}

void dealloc(PyObject *object) {
  JitFunction *self = cast(object);
  PyObject_GC_UnTrack(object);
  if (self->weakrefs)
    PyObject_ClearWeakRefs(object);
  clear(object);
  Py_CLEAR(self->staticNames);
  delete self->entries;
  PyTypeObject *type = Py_TYPE(object);
  type->tp_free(object);
  Py_DECREF(type);
}

/// As a method: `self` is the first argument.
PyObject *bind(PyObject *self, PyObject *object, PyObject *) {
  return object && object != Py_None ? bindFunction(self, object) : Py_NewRef(self);
}

/// Its own attributes first, then those of the Python object behind it.
PyObject *getAttribute(PyObject *self, PyObject *name) {
  if (PyObject *found = PyObject_GenericGetAttr(self, name))
    return found;
  if (!PyErr_ExceptionMatches(PyExc_AttributeError) || !cast(self)->impl)
    return nullptr;
  PyErr_Clear();
  return PyObject_GetAttr(cast(self)->impl, name);
}

PyObject *install(PyObject *object, PyObject *args) {
  // (args, kwargs, program, order, captured, kept, guards, donated, recipe, updates): adds the entry for such a call.
  JitFunction *self = cast(object);
  PyObject *callArgs, *callKwargs, *program, *order, *captured, *kept, *guards, *donated, *recipe, *updates;
  if (!PyArg_ParseTuple(args, "O!O!OOOOOOOO", &PyTuple_Type, &callArgs, &PyDict_Type, &callKwargs, &program, &order,
                        &captured, &kept, &guards, &donated, &recipe, &updates))
    return nullptr;
  try {
    Py_ssize_t count = PyTuple_GET_SIZE(callArgs), named = PyDict_GET_SIZE(callKwargs);
    std::vector<PyObject *> values(count + named);
    for (Py_ssize_t i = 0; i < count; ++i)
      values[i] = PyTuple_GET_ITEM(callArgs, i);
    nb::object names = nb::steal(PyTuple_New(named));
    PyObject *key, *value;
    Py_ssize_t position = 0;
    for (Py_ssize_t i = 0; PyDict_Next(callKwargs, &position, &key, &value); ++i) {
      PyTuple_SET_ITEM(names.ptr(), i, Py_NewRef(key));
      values[count + i] = value;
    }
    Signature signature;
    if (!sign(self, values.data(), count, named ? names.ptr() : nullptr, signature))
      Py_RETURN_FALSE; // such calls go through Python
    auto entry = std::make_shared<Entry>();
    entry->words.assign(signature.words.data(), signature.words.data() + signature.words.size());
    entry->hash = signature.hash();
    for (size_t i = 0; i < signature.objects.size(); ++i)
      entry->keep.push_back(nb::borrow(signature.objects[i]));
    entry->programObject = nb::borrow(program);
    entry->program = &nb::cast<Program &>(nb::handle(program));
    for (nb::handle item : nb::borrow<nb::sequence>(order)) {
      entry->order.push_back(nb::cast<int32_t>(item));
      if (entry->order.back() < 0 || size_t(entry->order.back()) >= signature.leaves.size())
        throw nb::value_error("order: no such leaf");
    }
    for (nb::handle item : nb::borrow<nb::sequence>(captured))
      entry->captured.push_back(nb::borrow(item));
    entry->keptObject = nb::borrow(kept);
    entry->kept = &nb::cast<Kept &>(nb::handle(kept));
    if (entry->order.size() + entry->captured.size() != size_t(entry->program->numArgs))
      throw nb::value_error("order and captured arrays are not the program's arguments");
    for (size_t i = 0; i < entry->order.size(); ++i)
      if (!entry->program->fits(int32_t(i), signature.leaves[entry->order[i]]))
        throw nb::value_error("an argument does not fit the program");
    for (nb::handle item : nb::borrow<nb::sequence>(guards))
      entry->guards.push_back(readGuard(item));
    for (nb::handle item : nb::borrow<nb::sequence>(donated))
      entry->donated.push_back(nb::cast<int32_t>(item));
    entry->recipe = readRecipe(recipe);
    for (nb::handle item : nb::borrow<nb::sequence>(updates)) {
      auto [result, number] =
          entry->updates.emplace_back(nb::cast<int32_t>(nb::object(item[0])), nb::cast<int32_t>(nb::object(item[1])));
      if (result < 0 || result >= entry->program->numResults || number < 0 ||
          size_t(number) >= entry->captured.size() || Py_TYPE(entry->captured[number].ptr()) != arrayType)
        throw nb::value_error("an update of what is no captured array");
    }
    // An entry whose guards failed makes place for the new one.
    auto &entries = *self->entries;
    self->last = nullptr;
    for (size_t i = 0; i < entries.size(); ++i)
      if (entries[i]->hash == entry->hash && equals(*entries[i], signature)) {
        entries[i] = std::move(entry);
        Py_RETURN_TRUE;
      }
    if (entries.size() >= maxEntries)
      entries.erase(entries.begin());
    entries.push_back(std::move(entry));
    Py_RETURN_TRUE;
  } catch (nb::python_error &error) {
    error.restore();
  } catch (nb::builtin_exception &error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (std::exception &error) {
    PyErr_SetString(PyExc_TypeError, error.what());
  }
  return nullptr;
}

PyObject *exchange(PyObject *object, PyObject *args) {
  // (program, better): calls from now on run the one in place of the other. Those in flight keep what they began with.
  PyObject *program, *better;
  if (!PyArg_ParseTuple(args, "OO", &program, &better))
    return nullptr;
  JitFunction *self = cast(object);
  self->last = nullptr;
  for (EntryRef &entry : *self->entries)
    if (entry->programObject.is(nb::handle(program))) {
      auto copy = std::make_shared<Entry>(*entry);
      copy->programObject = nb::borrow(better);
      copy->program = &nb::cast<Program &>(nb::handle(better));
      entry = std::move(copy);
    }
  Py_RETURN_NONE;
}

PyObject *clearCache(PyObject *self, PyObject *) {
  cast(self)->last = nullptr;
  cast(self)->entries->clear();
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {{"_install", install, METH_VARARGS, "Adds the program for calls with such arguments."},
                         {"_exchange", exchange, METH_VARARGS, "Runs a program in place of another one of the same."},
                         {"_clear", clearCache, METH_NOARGS, "Forgets all programs."},
                         {nullptr, nullptr, 0, nullptr}};

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(JitFunction, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(JitFunction, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(JitFunction, weakrefs), READONLY, nullptr},
    {"impl", T_OBJECT, offsetof(JitFunction, impl), READONLY, "The Python object behind the function."},
    {nullptr, 0, 0, 0, nullptr}};

PyGetSetDef properties[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void *>(make)},
                       {Py_tp_dealloc, reinterpret_cast<void *>(dealloc)},
                       {Py_tp_traverse, reinterpret_cast<void *>(traverse)},
                       {Py_tp_clear, reinterpret_cast<void *>(clear)},
                       {Py_tp_call, reinterpret_cast<void *>(PyVectorcall_Call)},
                       {Py_tp_descr_get, reinterpret_cast<void *>(bind)},
                       {Py_tp_getattro, reinterpret_cast<void *>(getAttribute)},
                       {Py_tp_methods, methods},
                       {Py_tp_members, members},
                       {Py_tp_getset, properties},
                       {0, nullptr}};

PyType_Spec spec = {"weft._src._weft.JitFunction", sizeof(JitFunction), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                        Py_TPFLAGS_METHOD_DESCRIPTOR, // m.f(x) makes no bound function
                    slots};

} // namespace

void bindJitFunction(nb::module_ &m) {
  nb::object type = nb::steal(PyType_FromSpec(&spec));
  if (!type.is_valid())
    throw nb::python_error();
  jitType = reinterpret_cast<PyTypeObject *>(type.ptr());
  m.attr("JitFunction") = type;
  m.def(
      "set_jit_disabled", [](bool on) { return std::exchange(disabled, on); }, nb::arg("on"),
      "Whether jitted functions run as plain Python in this thread; returns what it was.");
}

} // namespace weft::python
