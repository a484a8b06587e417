// Decides the path of an op that is called outside of a trace: take the arguments apart, make shapes alike that one
// program serves (merged axes, named sizes), find that program, run it, give the result its shape. What is not known
// yet goes to Python (weft/_src/dispatch.py), which traces and compiles; inside a trace the op's own function is
// called.
#include "Signature.h"
#include <algorithm>
#include <cstddef>
#include <memory>
#include <structmember.h>
#include <unordered_map>
#include <utility>

namespace weft::python {

namespace {

/// How shapes become alike. Elementwise: neighbouring axes that repeat in the same operands are one axis of any size.
/// Reduction: neighbouring axes that are reduced, or kept, alike are one. Sizes: each size but 0 and 1 has a name, the
/// same for equal sizes.
enum class Mode : int32_t { Sizes, Elementwise, Reduction };

constexpr int32_t maxSymbols = 32, maxCollapsed = 8;
constexpr size_t maxEntries = 8192;

/// A comparison of sizes that held when the program was traced: a polynomial in the named sizes, compared with 0.
struct SizeGuard {
  int32_t op; ///< of == != < <= > >=
  std::vector<std::pair<int64_t, std::vector<int32_t>>> terms;
  bool holds(const int64_t *sizes) const {
    int64_t sum = 0;
    for (auto &[coefficient, factors] : terms) {
      int64_t product = coefficient;
      for (int32_t factor : factors)
        product *= sizes[factor];
      sum += product;
    }
    switch (op) {
    case 0:
      return sum == 0;
    case 1:
      return sum != 0;
    case 2:
      return sum < 0;
    case 3:
      return sum <= 0;
    case 4:
      return sum > 0;
    default:
      return sum >= 0;
    }
  }
};

struct Entry {
  std::vector<uint64_t> words;
  std::vector<nb::object> keep;
  nb::object programObject;
  Program *program;
  nb::object container; ///< the type of what the op returns: None for one value, else list, tuple or a named tuple
  int64_t low, high;    ///< between which Python integers must be, as elements of the common dtype
  std::vector<SizeGuard> guards;
};
/// Shared: a call in flight keeps its entry, though another thread may forget it meanwhile.
using EntryRef = std::shared_ptr<Entry>;

/// The operands' shapes as the program sees them.
struct Alike {
  bool good = false;         ///< false: the shapes go into the key as they are
  bool ownResult = false;    ///< the result has the shape below, not that of the program's
  int32_t numSizes = 0;      ///< named sizes
  int64_t sizes[maxSymbols]; ///< their numbers
  int32_t rank = 0;          ///< of the result
  int64_t result[WEFT_MAX_RANK];
  uint32_t reducedGroups = 0; ///< reduction: a bit for each merged axis
  int32_t ranks[maxCollapsed];
  int64_t shapes[maxCollapsed][WEFT_MAX_RANK];
  int32_t symbols[maxCollapsed][WEFT_MAX_RANK]; ///< -1: the size is a number
};

struct EagerOp {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject *dict;
  PyObject *function; ///< the Python function that builds the op into a trace
  PyObject *missing;  ///< miss(op, args, kwargs): compiles and installs
  PyObject *shortcut; ///< or null: an eager form that needs no program; NotImplemented where it does not apply
  int32_t arrays;     ///< so many leading arguments are arrays, where Python numbers are values
  bool sequence;      ///< the first argument is a list of arrays
  Mode mode;
  std::unordered_multimap<uint64_t, EntryRef> *entries;
};

PyTypeObject *eagerType = nullptr;
PyObject *trimError = nullptr, *isOperand = nullptr, *freshHandle = nullptr;
/// Ops build into a program instead of running; kept by weft/_src/trace.py.
thread_local bool tracing = false;
/// The codes of the default dtypes: a part of every key.
uint64_t defaults = 0;

EagerOp *cast(PyObject *self) { return reinterpret_cast<EagerOp *>(self); }

//===-- Taking a call apart --------------------------------------------------------------------------------------===//

enum class Tag : uint64_t { Leaf = 1, Int, Float, Text, Object, Tuple, List, Slice, Name, Numbers };

uint64_t word(Tag tag, uint64_t more = 0) { return more << 4 | uint64_t(tag); }

/// What is known by its address: kept alive by the entry.
bool isSingleton(PyObject *object) {
  static PyObject *dtypeType = nullptr;
  if (object == Py_None || object == Py_True || object == Py_False || object == Py_Ellipsis || PyType_Check(object))
    return true;
  if (!dtypeType)
    dtypeType = nb::object(nb::module_::import_("weft._src.dtypes").attr("DType")).release().ptr();
  return reinterpret_cast<PyObject *>(Py_TYPE(object)) == dtypeType;
}

/// A static argument; false for kinds that Python must look at first. 1, 1.0 and True differ, and so do 0.0 and -0.0.
bool addStatic(Signature &signature, PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  if (type == &PyLong_Type) {
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    signature.words.push(word(Tag::Int));
    signature.words.push(uint64_t(value));
    return !overflow;
  }
  if (type == &PyFloat_Type) {
    double value = PyFloat_AS_DOUBLE(object);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    signature.words.push(word(Tag::Float));
    signature.words.push(bits);
    return true;
  }
  if (type == &PyUnicode_Type) {
    PyObject *text = Py_NewRef(object);
    PyUnicode_InternInPlace(&text); // lives as long as its entry, or as the module that wrote it
    signature.words.push(word(Tag::Text));
    signature.addName(text);
    Py_DECREF(text);
    return true;
  }
  if (type == &PyTuple_Type || type == &PyList_Type) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(object);
    signature.words.push(word(type == &PyTuple_Type ? Tag::Tuple : Tag::List, n));
    for (Py_ssize_t i = 0; i < n; ++i)
      if (!addStatic(signature, PySequence_Fast_GET_ITEM(object, i)))
        return false;
    return true;
  }
  if (type == &PySlice_Type) {
    auto *slice = reinterpret_cast<PySliceObject *>(object);
    signature.words.push(word(Tag::Slice));
    return addStatic(signature, slice->start) && addStatic(signature, slice->stop) && addStatic(signature, slice->step);
  }
  if (!isSingleton(object))
    return false;
  signature.words.push(word(Tag::Object));
  signature.addName(object);
  return true;
}

bool addLeaf(Signature &signature, PyObject *object) {
  Leaf &leaf = signature.leaves.grow();
  if (!readLeaf(object, leaf))
    return false;
  signature.words.push(word(Tag::Leaf, uint64_t(leaf.dtype) << 1 | leaf.weak));
  return true;
}

/// Whether an argument beyond the leading ones is an array all the same.
bool isArray(PyObject *object) { return Py_TYPE(object) == arrayType || isNumpyArray(object); }

bool isNamed(PyObject *name, const char *text) { return PyUnicode_CompareWithASCIIString(name, text) == 0; }

/// The axes and keepdims of a reduction.
struct Folded {
  PyObject *axis = Py_None;
  bool keepdims = false, good = true;
};

/// Everything of a call but the shapes; a reduction's axes are left to `alike`, and stand in `folded`.
bool sign(EagerOp *self, PyObject *const *args, Py_ssize_t count, PyObject *names, Signature &signature,
          Folded &folded) {
  signature.words.push(uint64_t(count) << 32 | defaults);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject *object = args[i];
    if (i == 0 && self->sequence && (PyTuple_CheckExact(object) || PyList_CheckExact(object))) {
      Py_ssize_t n = PySequence_Fast_GET_SIZE(object);
      signature.words.push(word(Tag::Numbers, n));
      for (Py_ssize_t k = 0; k < n; ++k)
        if (!addLeaf(signature, PySequence_Fast_GET_ITEM(object, k)))
          return false;
    } else if (i < self->arrays ? object != Py_None : isArray(object)) {
      if (!addLeaf(signature, object))
        return false;
    } else if (i == 1 && self->mode == Mode::Reduction) {
      folded.axis = object;
    } else if (!addStatic(signature, object)) {
      return false;
    }
  }
  for (Py_ssize_t i = 0, n = names ? PyTuple_GET_SIZE(names) : 0; i < n; ++i) {
    PyObject *name = PyTuple_GET_ITEM(names, i), *object = args[count + i];
    if (self->mode == Mode::Reduction) {
      if (isNamed(name, "axis")) {
        folded.axis = object;
        continue;
      }
      if (isNamed(name, "keepdims")) {
        folded.keepdims = object == Py_True;
        folded.good &= PyBool_Check(object);
        continue;
      }
    }
    signature.words.push(word(Tag::Name));
    signature.addName(name);
    if (isArray(object) ? !addLeaf(signature, object) : !addStatic(signature, object))
      return false;
  }
  return true;
}

//===-- Making shapes alike --------------------------------------------------------------------------------------===//

void mergeElementwise(Signature &signature, Alike &alike) {
  size_t numLeaves = signature.leaves.size();
  if (!numLeaves || numLeaves > maxCollapsed)
    return;
  int32_t rank = 0;
  for (size_t k = 0; k < numLeaves; ++k)
    rank = std::max(rank, signature.leaves[k].rank);
  uint32_t patterns[WEFT_MAX_RANK];
  int64_t groups[WEFT_MAX_RANK];
  int32_t numGroups = 0;
  for (int32_t axis = 0; axis < rank; ++axis) {
    int64_t size = 1;
    uint32_t pattern = 0;
    for (size_t k = 0; k < numLeaves; ++k) {
      Leaf &leaf = signature.leaves[k];
      int32_t own = axis - (rank - leaf.rank);
      int64_t n = own < 0 ? 1 : leaf.shape[own];
      if (n == 1)
        continue;
      if (size != 1 && n != size)
        return; // they do not broadcast: Python tells it
      size = n;
      pattern |= 1u << k;
    }
    alike.result[axis] = size;
    if (size == 1)
      continue;
    if (numGroups && patterns[numGroups - 1] == pattern) {
      groups[numGroups - 1] *= size;
    } else {
      patterns[numGroups] = pattern;
      groups[numGroups++] = size;
    }
  }
  for (size_t k = 0; k < numLeaves; ++k) {
    int32_t own = 0;
    for (int32_t g = 0; g < numGroups; ++g) {
      bool has = patterns[g] >> k & 1;
      if (!has && !own)
        continue; // leading axes of size 1 are left out
      alike.shapes[k][own] = has ? groups[g] : 1;
      alike.symbols[k][own++] = has ? g : -1;
    }
    alike.ranks[k] = own;
  }
  signature.words.push(uint64_t(numGroups));
  for (int32_t g = 0; g < numGroups; ++g) {
    signature.words.push(patterns[g]);
    alike.sizes[g] = groups[g];
  }
  alike.numSizes = numGroups;
  alike.rank = rank;
  alike.good = alike.ownResult = true;
}

/// The axes that are folded, a bit for each; false where Python must tell what is wrong with them.
bool foldedAxes(PyObject *axis, int32_t rank, uint32_t &bits) {
  if (axis == Py_None) {
    bits = (1u << rank) - 1;
    return true;
  }
  bool isTuple = PyTuple_CheckExact(axis);
  Py_ssize_t n = isTuple ? PyTuple_GET_SIZE(axis) : 1;
  bits = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject *item = isTuple ? PyTuple_GET_ITEM(axis, i) : axis;
    if (!PyLong_CheckExact(item))
      return false;
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(item, &overflow);
    if (overflow || value < -rank || value >= rank)
      return false;
    uint32_t bit = 1u << (value < 0 ? value + rank : value);
    if (bits & bit)
      return false;
    bits |= bit;
  }
  return true;
}

void mergeReduced(Signature &signature, const Folded &folded, Alike &alike) {
  if (signature.leaves.size() != 1 || !folded.good)
    return;
  Leaf &leaf = signature.leaves[0];
  uint32_t bits;
  if (!foldedAxes(folded.axis, leaf.rank, bits))
    return;
  int32_t groups = 0;
  for (int32_t axis = 0; axis < leaf.rank; ++axis) {
    int64_t n = leaf.shape[axis];
    if (n == 0)
      return; // of nothing some reductions have no value: that stays in the key
    bool isFolded = bits >> axis & 1;
    if (groups && bool(alike.reducedGroups >> (groups - 1) & 1) == isFolded) {
      alike.shapes[0][groups - 1] *= n;
    } else {
      alike.reducedGroups |= uint32_t(isFolded) << groups;
      alike.symbols[0][groups] = groups;
      alike.shapes[0][groups++] = n;
    }
    if (!isFolded || folded.keepdims)
      alike.result[alike.rank++] = isFolded ? 1 : n;
  }
  alike.ranks[0] = alike.numSizes = groups;
  memcpy(alike.sizes, alike.shapes[0], groups * sizeof(int64_t));
  signature.words.push(uint64_t(groups) << 32 | alike.reducedGroups);
  alike.good = alike.ownResult = true;
}

void nameSizes(Signature &signature, Alike &alike) {
  size_t numLeaves = signature.leaves.size();
  if (!numLeaves)
    return;
  for (size_t k = 0; k < numLeaves; ++k) {
    Leaf &leaf = signature.leaves[k];
    signature.words.push(uint64_t(leaf.rank));
    for (int32_t axis = 0; axis < leaf.rank; ++axis) {
      int64_t n = leaf.shape[axis];
      int32_t symbol = -1;
      if (n > 1) {
        symbol = int32_t(std::find(alike.sizes, alike.sizes + alike.numSizes, n) - alike.sizes);
        if (symbol == maxSymbols)
          return;
        if (symbol == alike.numSizes)
          alike.sizes[alike.numSizes++] = n;
      }
      signature.words.push(uint64_t(n > 1 ? ~int64_t(symbol) : n));
      if (k < size_t(maxCollapsed)) {
        alike.symbols[k][axis] = symbol;
        alike.shapes[k][axis] = n;
      }
    }
    if (k < size_t(maxCollapsed))
      alike.ranks[k] = leaf.rank;
  }
  alike.good = alike.numSizes && numLeaves <= size_t(maxCollapsed);
}

void makeAlike(EagerOp *self, Signature &signature, const Folded &folded, Alike &alike) {
  switch (self->mode) {
  case Mode::Elementwise:
    return mergeElementwise(signature, alike);
  case Mode::Reduction:
    return mergeReduced(signature, folded, alike);
  case Mode::Sizes:
    return nameSizes(signature, alike);
  }
}

/// The rest of a key in which the shapes stand as they are; false for an axis that Python must look at.
bool addShapes(EagerOp *self, Signature &signature, const Folded &folded) {
  signature.words.push(~0ull);
  if (self->mode == Mode::Reduction) {
    signature.words.push(folded.keepdims);
    if (!folded.good || !addStatic(signature, folded.axis))
      return false;
  }
  for (size_t k = 0; k < signature.leaves.size(); ++k) {
    Leaf &leaf = signature.leaves[k];
    signature.words.push(uint64_t(leaf.rank));
    for (int32_t axis = 0; axis < leaf.rank; ++axis)
      signature.words.push(uint64_t(leaf.shape[axis]));
  }
  return true;
}

//===-- A call ---------------------------------------------------------------------------------------------------===//

bool equals(const Entry &entry, const Signature &signature) {
  return entry.words.size() == signature.words.size() &&
         memcmp(entry.words.data(), signature.words.data(), entry.words.size() * sizeof(uint64_t)) == 0;
}

EntryRef find(EagerOp *self, const Signature &signature, const int64_t *sizes) {
  auto [it, end] = self->entries->equal_range(signature.hash());
  for (; it != end; ++it)
    if (equals(*it->second, signature) && std::all_of(it->second->guards.begin(), it->second->guards.end(),
                                                      [&](const SizeGuard &guard) { return guard.holds(sizes); }))
      return it->second;
  return nullptr;
}

/// Runs an entry; an invalid object where a Python integer does not fit the common dtype, which Python tells.
nb::object run(Entry &entry, Signature &signature, const Alike *alike) {
  Program &program = *entry.program;
  Short<Leaf *, 16> leaves;
  for (size_t k = 0; k < signature.leaves.size(); ++k) {
    Leaf &leaf = signature.leaves[k];
    if (leaf.weak && leaf.dtype == WEFT_I64 && (leaf.scalar.i < entry.low || leaf.scalar.i > entry.high))
      return {};
    if (alike && alike->ownResult) {
      leaf.rank = alike->ranks[k];
      leaf.shape = alike->shapes[k];
    }
    leaves.push(&leaf);
  }
  struct Results {
    Short<WeftResult, 4> list;
    ~Results() {
      for (size_t i = 0; i < list.size(); ++i)
        weft_buffer_release(list[i].buffer);
    }
  } results;
  for (int32_t i = 0; i < program.numResults; ++i)
    results.list.grow().buffer = nullptr;
  program.run(const_cast<Leaf **>(leaves.data()), const_cast<WeftResult *>(results.list.data()));
  auto made = [&](int32_t i) {
    WeftResult &result = results.list[i];
    bool own = alike && alike->ownResult;
    return makeArray(std::exchange(result.buffer, nullptr), program.results[i].dtype, own ? alike->rank : result.rank,
                     own ? alike->result : result.shape);
  };
  if (entry.container.is_none())
    return made(0);
  bool isList = entry.container.ptr() == reinterpret_cast<PyObject *>(&PyList_Type);
  nb::object all = nb::steal(isList ? PyList_New(program.numResults) : PyTuple_New(program.numResults));
  for (int32_t i = 0; i < program.numResults; ++i) {
    PyObject *item = made(i).release().ptr();
    isList ? PyList_SET_ITEM(all.ptr(), i, item) : PyTuple_SET_ITEM(all.ptr(), i, item);
  }
  if (!isList && entry.container.ptr() != reinterpret_cast<PyObject *>(&PyTuple_Type))
    return entry.container.attr("_make")(all);
  return all;
}

/// A pending error, without Weft's own frames.
PyObject *trimmed() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback)
    PyException_SetTraceback(value, traceback);
  if (trimError) {
    PyObject *done = PyObject_CallOneArg(trimError, value);
    if (!done)
      PyErr_Clear();
    Py_XDECREF(done);
  }
  Py_XDECREF(traceback);
  PyErr_Restore(type, value, PyException_GetTraceback(value));
  return nullptr;
}

/// The call without a trace going on; an invalid object: not known yet.
nb::object callKnown(EagerOp *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
  Signature signature;
  Folded folded;
  if (!sign(self, args, count, names, signature, folded))
    return {};
  Alike alike;
  size_t common = signature.words.size();
  makeAlike(self, signature, folded, alike);
  if (alike.good)
    if (EntryRef entry = find(self, signature, alike.sizes)) {
      try {
        return run(*entry, signature, &alike);
      } catch (nb::python_error &error) {
        // What a program with named sizes takes for granted may not hold for these: then they are numbers.
        if (alike.ownResult || !error.matches(PyExc_ValueError))
          throw;
      }
    }
  signature.words.resize(common);
  if (!addShapes(self, signature, folded))
    return {};
  if (EntryRef entry = find(self, signature, nullptr))
    return run(*entry, signature, nullptr);
  return {};
}

/// A result of a trace that somebody else holds (an operand that came back) gets a handle of its own, since a value may
/// be put behind a handle.
PyObject *ownHandle(PyObject *item) {
  if (Py_REFCNT(item) == 1)
    return item;
  PyObject *own = PyObject_CallOneArg(freshHandle, item);
  Py_DECREF(item);
  return own;
}

PyObject *ownHandles(PyObject *result) {
  if (!PyTuple_Check(result) && !PyList_CheckExact(result)) // a named tuple is a tuple
    return ownHandle(result);
  for (Py_ssize_t i = 0, n = PySequence_Fast_GET_SIZE(result); i < n; ++i) {
    PyObject **item = &PySequence_Fast_ITEMS(result)[i];
    PyObject *own = ownHandle(*item);
    *item = own ? own : Py_NewRef(Py_None);
    if (!own) {
      Py_DECREF(result);
      return nullptr;
    }
  }
  return result;
}

PyObject *vectorcall(PyObject *object, PyObject *const *args, size_t flags, PyObject *names) {
  EagerOp *self = cast(object);
  Py_ssize_t count = PyVectorcall_NARGS(flags);
  if (tracing) {
    PauseWatch pause;
    PyObject *result = PyObject_Vectorcall(self->function, args, flags, names);
    return result ? ownHandles(result) : trimmed();
  }
  if (self->shortcut) {
    PyObject *result = PyObject_Vectorcall(self->shortcut, args, flags, names);
    if (!result)
      return trimmed();
    if (result != Py_NotImplemented)
      return result;
    Py_DECREF(result);
  }
  try {
    nb::object result = callKnown(self, args, count, names);
    if (result.is_valid())
      return result.release().ptr();
    nb::object tuple = nb::steal(PyTuple_New(count));
    for (Py_ssize_t i = 0; i < count; ++i)
      PyTuple_SET_ITEM(tuple.ptr(), i, Py_NewRef(args[i]));
    nb::dict kwargs;
    for (Py_ssize_t i = 0, n = names ? PyTuple_GET_SIZE(names) : 0; i < n; ++i)
      if (PyDict_SetItem(kwargs.ptr(), PyTuple_GET_ITEM(names, i), args[count + i]))
        throw nb::python_error();
    PyObject *done = PyObject_CallFunctionObjArgs(self->missing, object, tuple.ptr(), kwargs.ptr(), nullptr);
    return done ? done : trimmed();
  } catch (nb::python_error &error) {
    error.restore();
  } catch (std::bad_alloc &) {
    PyErr_NoMemory();
  }
  return trimmed();
}

//===-- For the Python side --------------------------------------------------------------------------------------===//

/// Arguments as a call gives them.
struct Arguments {
  std::vector<PyObject *> values;
  nb::object names;
  Py_ssize_t count;
  Arguments(PyObject *args, PyObject *kwargs) : count(PyTuple_GET_SIZE(args)) {
    for (Py_ssize_t i = 0; i < count; ++i)
      values.push_back(PyTuple_GET_ITEM(args, i));
    names = nb::steal(PyTuple_New(PyDict_GET_SIZE(kwargs)));
    PyObject *key, *value;
    Py_ssize_t position = 0;
    for (Py_ssize_t i = 0; PyDict_Next(kwargs, &position, &key, &value); ++i) {
      PyTuple_SET_ITEM(names.ptr(), i, Py_NewRef(key));
      values.push_back(value);
    }
  }
};

/// (args, kwargs) -> None where no key can be made, else (key, shapes, axes): shapes: for each array a tuple of ints,
/// where a negative one, ~k, is named size k; None where the shapes stay as they are. axes: the merged axes that a
/// reduction folds, or None.
PyObject *describe(PyObject *object, PyObject *arguments) {
  EagerOp *self = cast(object);
  PyObject *callArgs, *callKwargs;
  if (!PyArg_ParseTuple(arguments, "O!O!", &PyTuple_Type, &callArgs, &PyDict_Type, &callKwargs))
    return nullptr;
  try {
    Arguments call(callArgs, callKwargs);
    Signature signature;
    Folded folded;
    Alike alike;
    if (!sign(self, call.values.data(), call.count, call.names.ptr(), signature, folded))
      Py_RETURN_NONE;
    makeAlike(self, signature, folded, alike);
    nb::object key =
        nb::bytes(reinterpret_cast<const char *>(signature.words.data()), signature.words.size() * sizeof(uint64_t));
    if (!alike.good)
      return nb::make_tuple(key, nb::none(), nb::none()).release().ptr();
    nb::list shapes;
    for (size_t k = 0; k < signature.leaves.size(); ++k) {
      nb::list shape;
      for (int32_t axis = 0; axis < alike.ranks[k]; ++axis)
        shape.append(alike.symbols[k][axis] < 0 ? alike.shapes[k][axis] : ~int64_t(alike.symbols[k][axis]));
      shapes.append(nb::tuple(shape));
    }
    nb::object axes = nb::none();
    if (self->mode == Mode::Reduction) {
      nb::list list;
      for (int32_t g = 0; g < alike.numSizes; ++g)
        if (alike.reducedGroups >> g & 1)
          list.append(g);
      axes = nb::tuple(list);
    }
    return nb::make_tuple(key, nb::tuple(shapes), axes).release().ptr();
  } catch (nb::python_error &error) {
    error.restore();
  } catch (std::exception &error) {
    PyErr_SetString(PyExc_TypeError, error.what());
  }
  return nullptr;
}

/// (args, kwargs, symbolic, program, container, low, high, guards): adds the program for such calls; whether it did.
PyObject *install(PyObject *object, PyObject *arguments) {
  EagerOp *self = cast(object);
  PyObject *callArgs, *callKwargs, *program, *container, *guards;
  int symbolic;
  long long low, high;
  if (!PyArg_ParseTuple(arguments, "O!O!pOOLLO", &PyTuple_Type, &callArgs, &PyDict_Type, &callKwargs, &symbolic,
                        &program, &container, &low, &high, &guards))
    return nullptr;
  try {
    Arguments call(callArgs, callKwargs);
    Signature signature;
    Folded folded;
    Alike alike;
    if (!sign(self, call.values.data(), call.count, call.names.ptr(), signature, folded))
      Py_RETURN_FALSE;
    size_t common = signature.words.size();
    makeAlike(self, signature, folded, alike);
    if (symbolic && !alike.good)
      Py_RETURN_FALSE;
    if (!symbolic) {
      signature.words.resize(common);
      if (!addShapes(self, signature, folded))
        Py_RETURN_FALSE;
    }
    auto entry = std::make_shared<Entry>();
    entry->words.assign(signature.words.data(), signature.words.data() + signature.words.size());
    for (size_t i = 0; i < signature.objects.size(); ++i)
      entry->keep.push_back(nb::borrow(signature.objects[i]));
    entry->programObject = nb::borrow(program);
    entry->program = &nb::cast<Program &>(nb::handle(program));
    entry->container = nb::borrow(container);
    entry->low = low;
    entry->high = high;
    for (nb::handle item : nb::borrow<nb::sequence>(guards)) {
      SizeGuard guard{nb::cast<int32_t>(nb::object(item[0])), {}};
      for (nb::handle term : nb::borrow<nb::sequence>(nb::object(item[1]))) {
        std::vector<int32_t> factors;
        for (nb::handle factor : nb::borrow<nb::sequence>(nb::object(term[1])))
          if (factors.emplace_back(nb::cast<int32_t>(factor)); factors.back() < 0 || factors.back() >= alike.numSizes)
            throw nb::value_error("a guard on a size that is not there");
        guard.terms.emplace_back(nb::cast<int64_t>(nb::object(term[0])), std::move(factors));
      }
      entry->guards.push_back(std::move(guard));
    }
    if (signature.leaves.size() != size_t(entry->program->numArgs))
      throw nb::value_error("the arrays are not the program's arguments");
    for (size_t k = 0; k < signature.leaves.size(); ++k) {
      Leaf leaf = signature.leaves[k];
      if (symbolic) {
        leaf.rank = alike.ranks[k];
        leaf.shape = alike.shapes[k];
      }
      if (!entry->program->fits(int32_t(k), leaf))
        throw nb::value_error("an argument does not fit the program");
    }
    if (self->entries->size() >= maxEntries)
      self->entries->clear();
    self->entries->emplace(signature.hash(), std::move(entry));
    Py_RETURN_TRUE;
  } catch (nb::python_error &error) {
    error.restore();
  } catch (std::exception &error) {
    PyErr_SetString(PyExc_TypeError, error.what());
  }
  return nullptr;
}

PyObject *clearCache(PyObject *self, PyObject *) {
  cast(self)->entries->clear();
  Py_RETURN_NONE;
}

PyObject *make(PyTypeObject *type, PyObject *args, PyObject *) {
  PyObject *function, *missing, *shortcut;
  int arrays, sequence, mode;
  if (!PyArg_ParseTuple(args, "OOOipi", &function, &missing, &shortcut, &arrays, &sequence, &mode))
    return nullptr;
  auto *self = reinterpret_cast<EagerOp *>(type->tp_alloc(type, 0));
  if (!self)
    return nullptr;
  self->vectorcall = vectorcall;
  self->function = Py_NewRef(function);
  self->missing = Py_NewRef(missing);
  self->shortcut = shortcut == Py_None ? nullptr : Py_NewRef(shortcut);
  self->arrays = arrays;
  self->sequence = sequence;
  self->mode = Mode(mode);
  self->entries = new std::unordered_multimap<uint64_t, EntryRef>;
  return reinterpret_cast<PyObject *>(self);
}

void dealloc(PyObject *object) {
  EagerOp *self = cast(object);
  Py_CLEAR(self->dict);
  Py_CLEAR(self->function);
  Py_CLEAR(self->missing);
  Py_CLEAR(self->shortcut);
  delete self->entries;
  PyTypeObject *type = Py_TYPE(object);
  type->tp_free(object);
  Py_DECREF(type);
}

/// As a method: the array is the first argument.
PyObject *bind(PyObject *self, PyObject *object, PyObject *) {
  return object && object != Py_None ? PyMethod_New(self, object) : Py_NewRef(self);
}

/// Pickled by name, like a function.
PyObject *reduce(PyObject *self, PyObject *) { return PyObject_GetAttrString(self, "__qualname__"); }

PyObject *repr(PyObject *self) {
  nb::object name = nb::steal(PyObject_GetAttrString(self, "__qualname__"));
  return name.is_valid() ? PyUnicode_FromFormat("<weft op %U>", name.ptr()) : nullptr;
}

PyMethodDef methods[] = {{"_install", install, METH_VARARGS, "Adds the program for calls with such arguments."},
                         {"_describe", describe, METH_VARARGS, "The key and the symbolic shapes of a call."},
                         {"_clear", clearCache, METH_NOARGS, "Forgets all programs."},
                         {"__reduce__", reduce, METH_NOARGS, nullptr},
                         {nullptr, nullptr, 0, nullptr}};

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(EagerOp, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(EagerOp, dict), READONLY, nullptr},
    {"function", T_OBJECT, offsetof(EagerOp, function), READONLY, "The function that builds the op into a trace."},
    {"arrays", T_INT, offsetof(EagerOp, arrays), READONLY, "How many leading arguments are arrays."},
    {"sequence", T_BOOL, offsetof(EagerOp, sequence), READONLY, "Whether the first argument is a list of arrays."},
    {nullptr, 0, 0, 0, nullptr}};

PyGetSetDef properties[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void *>(make)},
                       {Py_tp_dealloc, reinterpret_cast<void *>(dealloc)},
                       {Py_tp_call, reinterpret_cast<void *>(PyVectorcall_Call)},
                       {Py_tp_descr_get, reinterpret_cast<void *>(bind)},
                       {Py_tp_repr, reinterpret_cast<void *>(repr)},
                       {Py_tp_methods, methods},
                       {Py_tp_members, members},
                       {Py_tp_getset, properties},
                       {0, nullptr}};

PyType_Spec spec = {"weft._src._weft.EagerOp", sizeof(EagerOp), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR, slots};

//===-- Operators ------------------------------------------------------------------------------------------------===//

/// `x + y` of arrays and tracers: the op, with the operands exchanged for the reflected form; NotImplemented where the
/// other operand is nothing like an array.
struct Operator {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject *op;
  bool reflected;
};

PyObject *callOperator(PyObject *object, PyObject *const *args, size_t flags, PyObject *names) {
  auto *self = reinterpret_cast<Operator *>(object);
  if (PyVectorcall_NARGS(flags) != 2 || names) {
    PyErr_SetString(PyExc_TypeError, "an operator takes two operands");
    return nullptr;
  }
  PyTypeObject *type = Py_TYPE(args[1]);
  if (type != arrayType && type != &PyFloat_Type && type != &PyLong_Type && type != &PyBool_Type) {
    PyObject *known = PyObject_CallOneArg(isOperand, args[1]);
    if (!known)
      return nullptr;
    Py_DECREF(known);
    if (known != Py_True)
      return Py_NewRef(Py_NotImplemented);
  }
  PyObject *operands[2] = {args[self->reflected], args[!self->reflected]};
  return PyObject_Vectorcall(self->op, operands, 2, nullptr);
}

PyObject *makeOperator(PyTypeObject *type, PyObject *args, PyObject *) {
  PyObject *op;
  int reflected;
  if (!PyArg_ParseTuple(args, "Op", &op, &reflected))
    return nullptr;
  auto *self = reinterpret_cast<Operator *>(type->tp_alloc(type, 0));
  if (!self)
    return nullptr;
  self->vectorcall = callOperator;
  self->op = Py_NewRef(op);
  self->reflected = reflected;
  return reinterpret_cast<PyObject *>(self);
}

void deallocOperator(PyObject *object) {
  Py_CLEAR(reinterpret_cast<Operator *>(object)->op);
  PyTypeObject *type = Py_TYPE(object);
  type->tp_free(object);
  Py_DECREF(type);
}

PyMemberDef operatorMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Operator, vectorcall), READONLY, nullptr},
    {"op", T_OBJECT, offsetof(Operator, op), READONLY, "The op."},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot operatorSlots[] = {{Py_tp_new, reinterpret_cast<void *>(makeOperator)},
                               {Py_tp_dealloc, reinterpret_cast<void *>(deallocOperator)},
                               {Py_tp_call, reinterpret_cast<void *>(PyVectorcall_Call)},
                               {Py_tp_descr_get, reinterpret_cast<void *>(bind)},
                               {Py_tp_members, operatorMembers},
                               {0, nullptr}};

PyType_Spec operatorSpec = {"weft._src._weft.Operator", sizeof(Operator), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
                            operatorSlots};

} // namespace

void bindEagerOp(nb::module_ &m) {
  nb::object type = nb::steal(PyType_FromSpec(&spec));
  nb::object operatorType = nb::steal(PyType_FromSpec(&operatorSpec));
  if (!type.is_valid() || !operatorType.is_valid())
    throw nb::python_error();
  eagerType = reinterpret_cast<PyTypeObject *>(type.ptr());
  m.attr("EagerOp") = type;
  m.attr("Operator") = operatorType;
  m.def(
      "set_tracing", [](bool on) { tracing = on; }, nb::arg("on"),
      "Whether ops of this thread build into a program instead of running.");
  m.def(
      "set_defaults", [](uint32_t floating, uint32_t integer) { defaults = uint64_t(floating) << 8 | integer; },
      nb::arg("floating"), nb::arg("integer"), "Tells the codes of the default dtypes, which are a part of every key.");
  m.def(
      "set_eager_hooks",
      [](nb::object trim, nb::object operand, nb::object fresh) {
        freshHandle = fresh.release().ptr();
        trimError = trim.release().ptr(); // for ever
        isOperand = operand.release().ptr();
      },
      nb::arg("trim"), nb::arg("is_operand"), nb::arg("fresh"),
      "Sets what takes Weft's frames off an error, tells whether an object is an operand, gives a tracer another "
      "handle.");
}

} // namespace weft::python
