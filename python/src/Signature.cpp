// Decides how a call's arguments are taken apart: exact classes only, dicts in the order they have. Two orders of one
// dict are two signatures of one program; the slow path sorts.
#include "Signature.h"

namespace weft::python {

enum class Tag : uint64_t { None = 1, Tuple, List, Dict, Array, Number, StaticInt, StaticObject };

static uint64_t word(Tag tag, uint64_t more = 0) { return more << 4 | uint64_t(tag); }

bool Signature::add(PyObject *object, int depth) {
  PyTypeObject *type = Py_TYPE(object);
  if (type == &PyTuple_Type) {
    if (depth > 64)
      return false;
    Py_ssize_t n = PyTuple_GET_SIZE(object);
    words.push(word(Tag::Tuple, n));
    for (Py_ssize_t i = 0; i < n; ++i)
      if (!add(PyTuple_GET_ITEM(object, i), depth + 1))
        return false;
    return true;
  }
  if (type == &PyList_Type) {
    if (depth > 64)
      return false;
    Py_ssize_t n = PyList_GET_SIZE(object);
    words.push(word(Tag::List, n));
    for (Py_ssize_t i = 0; i < n; ++i)
      if (!add(PyList_GET_ITEM(object, i), depth + 1))
        return false;
    return true;
  }
  if (type == &PyDict_Type) {
    if (depth > 64)
      return false;
    words.push(word(Tag::Dict, PyDict_GET_SIZE(object)));
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(object, &position, &key, &value)) {
      addName(key);
      if (!add(value, depth + 1))
        return false;
    }
    return true;
  }
  if (object == Py_None) {
    words.push(word(Tag::None));
    return true;
  }
  Leaf &leaf = leaves.grow();
  if (!readLeaf(object, leaf))
    return false;
  if (leaf.weak) {
    words.push(word(Tag::Number, leaf.dtype));
    return true;
  }
  words.push(word(Tag::Array, uint64_t(leaf.dtype) << 8 | leaf.rank));
  for (int32_t d = 0; d < leaf.rank; ++d)
    words.push(leaf.shape[d]);
  return true;
}

bool Signature::isOpaque(PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  Leaf leaf;
  return type != &PyTuple_Type && type != &PyList_Type && type != &PyDict_Type && object != Py_None &&
         type != arrayType && !readLeaf(object, leaf);
}

void Signature::addStatic(PyObject *object) {
  if (Py_TYPE(object) == &PyLong_Type) {
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (!overflow) {
      words.push(word(Tag::StaticInt));
      words.push(uint64_t(value));
      return;
    }
  }
  // By identity: an equal object elsewhere takes the slow path once, which finds the same program.
  words.push(word(Tag::StaticObject));
  addName(object);
}

uint64_t Signature::hash() const {
  uint64_t h = 0x9E3779B97F4A7C15ull ^ words.size();
  const uint64_t *w = words.data();
  for (size_t i = 0, n = words.size(); i < n; ++i) {
    h = (h ^ w[i]) * 0xFF51AFD7ED558CCDull; // the odd constant of MurmurHash3's finaliser
    h ^= h >> 32;
  }
  return h;
}

} // namespace weft::python
