// Decides what makes two calls alike: the tree of containers, the dtype, shape and weak bit of each array, and the
// static values. Written as a list of words that are compared as they are.
#ifndef WEFT_PYTHON_SIGNATURE_H
#define WEFT_PYTHON_SIGNATURE_H

#include "Program.h"

namespace weft::python {

/// A list that lives on the stack while it is short.
template <class T, size_t N> class Short {
public:
  Short() = default;
  Short(const Short &) = delete;
  ~Short() {
    if (items != inlined)
      PyMem_Free(items);
  }
  T &grow() {
    if (count == room) {
      T *more = static_cast<T *>(PyMem_Malloc(2 * room * sizeof(T)));
      if (!more)
        throw std::bad_alloc();
      memcpy(static_cast<void *>(more), items, count * sizeof(T));
      if (items != inlined)
        PyMem_Free(items);
      items = more;
      room *= 2;
    }
    return items[count++];
  }
  void push(T item) { grow() = item; }
  T &operator[](size_t i) { return items[i]; }
  size_t size() const { return count; }
  void resize(size_t fewer) { count = fewer; }
  const T *data() const { return items; }

private:
  T inlined[N];
  T *items = inlined;
  size_t count = 0, room = N;
};

struct Signature {
  Short<uint64_t, 128> words;
  Short<Leaf, 16> leaves;
  /// Objects whose addresses are in the words (keys, static values): an entry keeps them alive.
  Short<PyObject *, 16> objects;

  /// Adds one argument. False where Python must look: unknown containers, subclasses, donated arrays.
  bool add(PyObject *object, int depth = 0);
  /// Whether an object is neither array nor number nor a container that `add` takes apart.
  static bool isOpaque(PyObject *object);

  /// Adds a static argument.
  void addStatic(PyObject *object);
  void addName(PyObject *name) {
    words.push(uint64_t(name));
    objects.push(name);
  }
  uint64_t hash() const;
};

} // namespace weft::python
#endif
