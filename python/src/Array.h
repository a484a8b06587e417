// Decides what an array of Python is: a handle to an immutable value, that is to one counted buffer with a dtype and a
// shape. `x[i] = v` puts another value behind the handle; nothing ever writes into a buffer that is shared.
#ifndef WEFT_PYTHON_ARRAY_H
#define WEFT_PYTHON_ARRAY_H

#include "Handles.h"
#include "weft/Runtime/Runtime.h"

namespace weft::python {

struct Array {
  WeftBuffer *buffer = nullptr; ///< null: donated
  void *data = nullptr;         ///< inside the buffer's memory
  int32_t dtype = 0, rank = 0;
  int64_t shape[WEFT_MAX_RANK];
  mutable int64_t readAt = 0; ///< the number of the last look that Python had at the elements (looks)

  Array() = default;
  Array(const Array &) = delete;
  Array &operator=(const Array &) = delete;
  ~Array() { weft_buffer_release(buffer); }

  int64_t size() const {
    int64_t n = 1;
    for (int32_t i = 0; i < rank; ++i)
      n *= shape[i];
    return n;
  }
  int64_t bytes() const { return size() * weft_dtype_size(dtype); }
};

/// How often elements were shown to Python, of all arrays: what a trace has looked at is not a function of types alone.
extern int64_t looks;

/// The Python type of arrays, for exact comparison on the call path.
extern PyTypeObject *arrayType;

/// A new array that owns `buffer` (one reference is taken over).
nb::object makeArray(WeftBuffer *buffer, int32_t dtype, int32_t rank, const int64_t *shape);

/// The Array in an object of exactly `arrayType`.
inline Array &arrayIn(PyObject *object) { return *nb::inst_ptr<Array>(object); }

/// Weft's code for NumPy's dtype of an array, 0 where there is none (also: foreign byte order).
int32_t dtypeOfNumpy(PyObject *array);

/// A contiguous copy of a NumPy array in a new buffer; raises.
WeftBuffer *copyOfNumpy(PyObject *array);

/// DLPack: a capsule of an array; an array of a capsule. `versioned` as the consumer asked.
nb::object toDLPack(const Array &array, bool versioned, bool copy);
nb::object fromDLPack(nb::handle capsule, nb::handle copy);

/// NumPy's C API is one table for each source file that asks: only Array.cpp does.
bool isNumpyArray(PyObject *object);
struct NumpyView {
  void *data;
  int32_t dtype, rank;
  const int64_t *shape;
  bool dense; ///< row-major without gaps, aligned to its elements
};
/// Looks into an object of NumPy's ndarray type (exactly); false for dtypes that Weft does not have.
bool viewOfNumpy(PyObject *object, NumpyView &view);

} // namespace weft::python
#endif
