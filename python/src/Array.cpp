// Decides how arrays look from Python, and how memory passes to and from NumPy: copied in, shared read-only out.
#include "Array.h"
#include <algorithm>
#include <cstring>
#include <nanobind/stl/string.h>
#include <numpy/arrayobject.h>

namespace weft::python {

PyTypeObject *arrayType = nullptr;

/// DType objects by code, as `set_dtypes` got them; and NumPy's descriptors, made when first asked for.
static PyObject *dtypeObjects[WEFT_KEY + 1];
static PyArray_Descr *descriptors[WEFT_KEY + 1];
/// NumPy's number of ml_dtypes' bfloat16; -1 until one was seen.
static int bfloat16Number = -1;

nb::object makeArray(WeftBuffer *buffer, int32_t dtype, int32_t rank, const int64_t *shape) {
  nb::object object = nb::inst_alloc(reinterpret_cast<PyObject *>(arrayType));
  Array *array = new (nb::inst_ptr<Array>(object)) Array;
  array->buffer = buffer;
  array->data = buffer->data;
  array->dtype = dtype;
  array->rank = rank;
  std::memcpy(array->shape, shape, rank * sizeof(int64_t));
  nb::inst_mark_ready(object);
  return object;
}

//===-- NumPy ----------------------------------------------------------------------------------------------------===//

/// By NumPy's type number; longlong is int64 as long is, on every platform with 64-bit long.
static int32_t codeOfNumber(int number) {
  switch (number) {
  case NPY_BOOL:
    return WEFT_BOOL;
  case NPY_INT8:
    return WEFT_I8;
  case NPY_INT16:
    return WEFT_I16;
  case NPY_INT32:
    return WEFT_I32;
  case NPY_LONG:
    return sizeof(long) == 8 ? WEFT_I64 : WEFT_I32;
  case NPY_LONGLONG:
    return WEFT_I64;
  case NPY_UINT8:
    return WEFT_U8;
  case NPY_UINT16:
    return WEFT_U16;
  case NPY_UINT32:
    return WEFT_U32;
  case NPY_ULONG:
    return sizeof(long) == 8 ? WEFT_U64 : WEFT_U32;
  case NPY_ULONGLONG:
    return WEFT_U64;
  case NPY_HALF:
    return WEFT_F16;
  case NPY_FLOAT:
    return WEFT_F32;
  case NPY_DOUBLE:
    return WEFT_F64;
  default:
    return number == bfloat16Number && number >= 0 ? WEFT_BF16 : 0;
  }
}

bool isNumpyArray(PyObject *object) { return PyArray_CheckExact(object); }

int32_t dtypeOfNumpy(PyObject *object) {
  auto *array = reinterpret_cast<PyArrayObject *>(object);
  return PyArray_ISBYTESWAPPED(array) ? 0 : codeOfNumber(PyArray_TYPE(array));
}

bool viewOfNumpy(PyObject *object, NumpyView &view) {
  static_assert(sizeof(npy_intp) == sizeof(int64_t), "Weft needs 64-bit sizes");
  auto *array = reinterpret_cast<PyArrayObject *>(object);
  view.dtype = dtypeOfNumpy(object);
  view.rank = PyArray_NDIM(array);
  if (!view.dtype || view.rank > WEFT_MAX_RANK)
    return false;
  view.data = PyArray_DATA(array);
  view.shape = reinterpret_cast<const int64_t *>(PyArray_DIMS(array));
  view.dense = PyArray_CHKFLAGS(array, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED);
  return true;
}

WeftBuffer *copyOfNumpy(PyObject *object) {
  auto *array = reinterpret_cast<PyArrayObject *>(object);
  WeftBuffer *buffer = weft_buffer_alloc(PyArray_NBYTES(array));
  if (!buffer)
    raise("WF5010", "an array cannot be copied: no memory");
  if (PyArray_CHKFLAGS(array, NPY_ARRAY_C_CONTIGUOUS))
    std::memcpy(buffer->data, PyArray_DATA(array), PyArray_NBYTES(array));
  else
    weft_copy_dense(buffer->data, PyArray_DATA(array), PyArray_ITEMSIZE(array), PyArray_NDIM(array),
                    reinterpret_cast<const int64_t *>(PyArray_DIMS(array)),
                    reinterpret_cast<const int64_t *>(PyArray_STRIDES(array)));
  return buffer;
}

int64_t looks = 0;

/// The array's value, or the error about a donated one. Python sees it from now on.
static const Array &alive(const Array &array) {
  if (!array.buffer)
    raise("WF1606", "the array was donated to a call, which has used its memory");
  array.readAt = ++looks;
  return array;
}

static PyArray_Descr *descriptorOf(int32_t dtype) {
  if (!descriptors[dtype]) {
    nb::object numpy = nb::handle(dtypeObjects[dtype]).attr("numpy");
    if (!PyArray_DescrConverter(numpy.ptr(), &descriptors[dtype]))
      throw nb::python_error();
    if (dtype == WEFT_BF16)
      bfloat16Number = descriptors[dtype]->type_num;
  }
  Py_INCREF(descriptors[dtype]);
  return descriptors[dtype];
}

/// A read-only view that keeps the buffer alive, not the handle: the handle may get another value.
static nb::object toNumpy(const Array &array) {
  alive(array);
  nb::object owner = nb::steal(PyCapsule_New(weft_buffer_retain(array.buffer), "weft_buffer", [](PyObject *capsule) {
    weft_buffer_release(static_cast<WeftBuffer *>(PyCapsule_GetPointer(capsule, "weft_buffer")));
  }));
  PyArray_Descr *descr = descriptorOf(array.dtype);
  nb::object view = nb::steal(PyArray_NewFromDescr(
      &PyArray_Type, descr, array.rank, reinterpret_cast<npy_intp *>(const_cast<int64_t *>(array.shape)), nullptr,
      array.data, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED, nullptr));
  if (!view.is_valid())
    throw nb::python_error();
  PyArray_SetBaseObject(reinterpret_cast<PyArrayObject *>(view.ptr()), owner.release().ptr());
  return view;
}

static nb::object fromNumpy(nb::handle object) {
  if (!PyArray_Check(object.ptr()))
    throw nb::type_error("not a NumPy array");
  auto *array = reinterpret_cast<PyArrayObject *>(object.ptr());
  int32_t dtype = dtypeOfNumpy(object.ptr());
  if (!dtype && bfloat16Number < 0 && PyArray_ITEMSIZE(array) == 2) { // perhaps the first bfloat16 that came
    try {
      Py_DECREF(descriptorOf(WEFT_BF16));
    } catch (nb::python_error &) { // ml_dtypes is not installed, so it is none
    }
    dtype = dtypeOfNumpy(object.ptr());
  }
  if (!dtype)
    raise("WF1023", "NumPy's " + std::string(nb::str(nb::object(object.attr("dtype"))).c_str()) +
                        " is not an element type of Weft");
  if (PyArray_NDIM(array) > WEFT_MAX_RANK)
    raise("WF1011", "an array has at most 16 dimensions");
  WeftBuffer *buffer = copyOfNumpy(object.ptr());
  return makeArray(buffer, dtype, PyArray_NDIM(array), reinterpret_cast<const int64_t *>(PyArray_DIMS(array)));
}

//===-- The buffer protocol
//----------------------------------------------------------------------------------------===//

static const char *formatOf(int32_t dtype) {
  switch (dtype) {
  case WEFT_BOOL:
    return "?";
  case WEFT_I8:
    return "b";
  case WEFT_I16:
    return "h";
  case WEFT_I32:
    return "i";
  case WEFT_I64:
    return "q";
  case WEFT_U8:
    return "B";
  case WEFT_U16:
    return "H";
  case WEFT_U32:
    return "I";
  case WEFT_U64:
    return "Q";
  case WEFT_F16:
    return "e";
  case WEFT_F32:
    return "f";
  case WEFT_F64:
    return "d";
  default:
    return nullptr;
  }
}

/// What a view holds: the buffer itself, since the handle may get another value meanwhile.
struct Held {
  WeftBuffer *buffer;
  Py_ssize_t shape[WEFT_MAX_RANK], strides[WEFT_MAX_RANK];
};

static int getBuffer(PyObject *self, Py_buffer *view, int flags) {
  Array &array = arrayIn(self);
  const char *format = formatOf(array.dtype);
  if (!array.buffer || !format || (flags & PyBUF_WRITABLE)) {
    PyErr_SetString(PyExc_BufferError, !array.buffer ? "the array was donated"
                                       : !format     ? "the buffer protocol has no format for this dtype"
                                                     : "an array is an immutable value");
    view->obj = nullptr;
    return -1;
  }
  array.readAt = ++looks;
  auto *held = new Held;
  held->buffer = weft_buffer_retain(array.buffer);
  int32_t width = weft_dtype_size(array.dtype);
  Py_ssize_t stride = width;
  for (int32_t i = array.rank - 1; i >= 0; --i) {
    held->shape[i] = array.shape[i];
    held->strides[i] = stride;
    stride *= array.shape[i];
  }
  *view = {};
  view->buf = array.data;
  view->len = array.bytes();
  view->itemsize = width;
  view->readonly = 1;
  view->ndim = array.rank;
  view->format = flags & PyBUF_FORMAT ? const_cast<char *>(format) : nullptr;
  view->shape = flags & PyBUF_ND ? held->shape : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? held->strides : nullptr;
  view->internal = held;
  view->obj = Py_NewRef(self);
  return 0;
}

static void releaseBuffer(PyObject *, Py_buffer *view) {
  auto *held = static_cast<Held *>(view->internal);
  weft_buffer_release(held->buffer);
  delete held;
}

static PyType_Slot arraySlots[] = {{Py_bf_getbuffer, reinterpret_cast<void *>(getBuffer)},
                                   {Py_bf_releasebuffer, reinterpret_cast<void *>(releaseBuffer)},
                                   {0, nullptr}};

//===-- The class ------------------------------------------------------------------------------------------------===//

static nb::object shapeOf(const Array &array) {
  nb::object shape = nb::steal(PyTuple_New(array.rank));
  for (int32_t i = 0; i < array.rank; ++i)
    PyTuple_SET_ITEM(shape.ptr(), i, PyLong_FromLongLong(array.shape[i]));
  return shape;
}

/// `x[2]`, `x[1, 3:5]`, ...: integers, then at most one slice of step 1, on the leading axes. None for all else; what
/// is wrong with an index is told by the slow path.
static nb::object leading(const Array &self, nb::handle index) {
  PyObject *given = index.ptr();
  bool isTuple = PyTuple_CheckExact(given);
  Py_ssize_t n = isTuple ? PyTuple_GET_SIZE(given) : 1;
  int64_t shape[WEFT_MAX_RANK], offset = 0, stride = self.size();
  int32_t rank = 0, axis = 0;
  if (!self.buffer || !stride)
    return nb::none();
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject *item = isTuple ? PyTuple_GET_ITEM(given, i) : given;
    if (rank || axis == self.rank)
      return nb::none();
    int64_t size = self.shape[axis];
    stride /= size;
    if (PyLong_CheckExact(item)) {
      int overflow;
      long long at = PyLong_AsLongLongAndOverflow(item, &overflow);
      at += at < 0 ? size : 0;
      if (overflow || at < 0 || at >= size)
        return nb::none();
      offset += at * stride;
    } else if (PySlice_Check(item)) {
      auto whole = [](PyObject *bound) { return bound == Py_None || PyLong_CheckExact(bound); };
      auto *slice = reinterpret_cast<PySliceObject *>(item);
      Py_ssize_t start, stop, step;
      if (!whole(slice->start) || !whole(slice->stop) || !whole(slice->step) ||
          PySlice_Unpack(item, &start, &stop, &step) < 0 || step != 1) {
        PyErr_Clear();
        return nb::none();
      }
      shape[rank++] = PySlice_AdjustIndices(size, &start, &stop, step);
      offset += start * stride;
      if (!shape[0])
        offset = 0;
    } else {
      return nb::none();
    }
    ++axis;
  }
  for (; axis < self.rank; ++axis)
    shape[rank++] = self.shape[axis];
  self.readAt = ++looks;
  nb::object made = makeArray(weft_buffer_retain(self.buffer), self.dtype, rank, shape);
  arrayIn(made.ptr()).data = static_cast<char *>(self.data) + offset * weft_dtype_size(self.dtype);
  return made;
}

/// Repeats an element over memory.
static void fill(char *data, const char *value, size_t width, int64_t bytes) {
  if (std::all_of(value, value + width, [&](char byte) { return byte == *value; })) {
    std::memset(data, *value, bytes);
    return;
  }
  if (bytes)
    std::memcpy(data, value, width);
  for (int64_t done = width; done < bytes; done *= 2) // each copy doubles what is there
    std::memcpy(data + done, data, std::min(done, bytes - done));
}

void bindArray(nb::module_ &m) {
  if (_import_array() < 0)
    throw nb::python_error();
  m.def(
      "set_dtypes",
      [](nb::sequence dtypes) {
        for (nb::handle dtype : dtypes) {
          int32_t code = nb::cast<int32_t>(dtype.attr("code"));
          if (code < 1 || code > WEFT_KEY || nb::cast<int32_t>(dtype.attr("itemsize")) > 16)
            throw nb::value_error("a dtype that this module does not know");
          dtypeObjects[code] = nb::object(nb::borrow(dtype)).release().ptr(); // for ever, as the dtypes themselves
        }
      },
      "Tells the module the DType objects, by their codes.");

  // Methods and operators are given to the class by weft/_src/array.py and the ops.
  nb::class_<Array> cls(m, "Array", nb::type_slots(arraySlots), nb::is_weak_referenceable(), nb::dynamic_attr(),
                        "An array: a handle to an immutable value. Made by `weft.asarray` and by every op.");
  arrayType = reinterpret_cast<PyTypeObject *>(cls.ptr());
  cls.def_prop_ro("shape", shapeOf, "The sizes, a tuple of ints.")
      .def_prop_ro(
          "dtype", [](const Array &self) { return nb::borrow(dtypeObjects[self.dtype]); }, "Its DType.")
      .def_prop_ro(
          "ndim", [](const Array &self) { return self.rank; }, "The number of dimensions.")
      .def_prop_ro("size", &Array::size, "The number of elements.")
      .def_prop_ro("nbytes", &Array::bytes, "The bytes of its elements.")
      .def_prop_ro(
          "_read_at", [](const Array &self) { return self.readAt; }, "The number of Python's last look (`looks()`).")
      .def_prop_ro(
          "is_deleted", [](const Array &self) { return !self.buffer; }, "Whether it was donated to a call.")
      .def(
          "__array__",
          [](const Array &self, nb::object dtype, nb::object copy) {
            nb::object view = toNumpy(self);
            if (dtype.is_none() && !(copy.is_valid() && copy.is(nb::bool_(true))))
              return view;
            if (dtype.is_none())
              return nb::object(view.attr("copy")());
            if (copy.is(nb::bool_(false)) && !nb::object(view.attr("dtype")).equal(dtype))
              throw nb::value_error("another dtype needs a copy");
            return nb::object(view.attr("astype")(dtype, nb::arg("copy") = copy.is(nb::bool_(true))));
          },
          nb::arg("dtype") = nb::none(), nb::arg("copy") = nb::none(), "A read-only view in NumPy.")
      .def(
          "__dlpack__",
          [](const Array &self, nb::object, nb::object maxVersion, nb::object device, nb::object copy) {
            alive(self);
            if (!device.is_none() && nb::cast<int>(device[0]) != 1)
              raise("WF1803", "DLPack: the array lies in main memory, and another device was asked for");
            bool versioned = !maxVersion.is_none() && nb::cast<int>(maxVersion[0]) >= 1;
            return toDLPack(self, versioned, copy.is(nb::bool_(true)));
          },
          nb::kw_only(), nb::arg("stream") = nb::none(), nb::arg("max_version") = nb::none(),
          nb::arg("dl_device") = nb::none(), nb::arg("copy") = nb::none(),
          "The array as a DLPack capsule, read-only where the consumer knows the flag.")
      .def("__dlpack_device__", [](const Array &) { return nb::make_tuple(1, 0); })
      .def(
          "_replace",
          [](Array &self, const Array &other) {
            alive(other);
            if (self.dtype != other.dtype || self.rank != other.rank ||
                std::memcmp(self.shape, other.shape, self.rank * sizeof(int64_t)))
              raise("WF1013", "the new value of an array has its dtype and shape");
            WeftBuffer *old = self.buffer;
            self.buffer = weft_buffer_retain(other.buffer);
            self.data = other.data;
            weft_buffer_release(old);
          },
          nb::arg("other"), "Puts the value of `other` behind this handle.")
      .def(
          "_delete",
          [](Array &self) {
            weft_buffer_release(self.buffer);
            self.buffer = nullptr;
          },
          "Gives the memory back; any later use is an error.")
      .def(
          "_reshaped",
          [](const Array &self, nb::sequence shape) {
            alive(self);
            int64_t sizes[WEFT_MAX_RANK], n = 1;
            int32_t rank = int32_t(nb::len(shape));
            if (rank > WEFT_MAX_RANK)
              raise("WF1011", "an array has at most 16 dimensions");
            for (int32_t i = 0; i < rank; ++i)
              n *= sizes[i] = nb::cast<int64_t>(shape[i]);
            if (n != self.size())
              raise("WF1004", "a reshape keeps the number of elements");
            nb::object made = makeArray(weft_buffer_retain(self.buffer), self.dtype, rank, sizes);
            arrayIn(made.ptr()).data = self.data;
            return made;
          },
          nb::arg("shape"), "The same elements under another shape, without a copy.")
      .def("_leading", leading, nb::arg("index").none(),
           "`self[index]` on the same memory, where the index takes elements that lie together; else None.");

  m.def(
      "filled",
      [](int32_t dtype, nb::sequence shape, nb::bytes value) {
        int64_t sizes[WEFT_MAX_RANK], n = 1;
        size_t width = weft_dtype_size(dtype), rank = nb::len(shape);
        if (rank > WEFT_MAX_RANK)
          raise("WF1011", "an array has at most 16 dimensions");
        if (!width || value.size() != width)
          throw nb::value_error("one element is expected");
        for (size_t i = 0; i < rank; ++i)
          if (__builtin_mul_overflow(n, sizes[i] = nb::cast<int64_t>(nb::object(shape[i])), &n) || sizes[i] < 0)
            raise("WF1008", "the sizes of an array are 0 or more, and their product fits in 64 bits");
        int64_t bytes;
        WeftBuffer *buffer = __builtin_mul_overflow(n, int64_t(width), &bytes) ? nullptr : weft_buffer_alloc(bytes);
        if (!buffer)
          raise("WF5010", "an array cannot be made: no memory");
        fill(static_cast<char *>(buffer->data), value.c_str(), width, bytes);
        return makeArray(buffer, dtype, int32_t(rank), sizes);
      },
      nb::arg("dtype"), nb::arg("shape"), nb::arg("value"), "An array of one value, given as the bytes of an element.");
  m.def("looks", [] { return looks; }, "How often elements of any array were shown to Python.");
  m.def("from_numpy", fromNumpy, nb::arg("array"), "An Array with a copy of a NumPy array's elements.");
  m.def("from_dlpack", fromDLPack, nb::arg("capsule"), nb::arg("copy") = nb::none(),
        "An Array of a DLPack capsule: without a copy where the layout allows; copy=False refuses one, copy=True asks "
        "for it.");
}

} // namespace weft::python
