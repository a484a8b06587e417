// Decides how memory passes to and from other libraries by DLPack: shared where the layout allows, refused where its
// rules are broken. The structs are those of DLPack's C ABI, version 1 (dlpack.h of github.com/dmlc/dlpack).
#include "Array.h"
#include <algorithm>
#include <cstring>

namespace weft::python {

namespace {

enum { kCPU = 1, kCUDAHost = 3 };
enum { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kComplex = 5, kBool = 6 };
constexpr uint64_t flagReadOnly = 1, flagCopied = 2;

struct DLDevice {
  int32_t type, id;
};
struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape, *strides;
  uint64_t byteOffset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void *context;
  void (*deleter)(DLManagedTensor *);
};
struct DLManagedTensorVersioned {
  uint32_t major, minor;
  void *context;
  void (*deleter)(DLManagedTensorVersioned *);
  uint64_t flags;
  DLTensor tensor;
};

DLDataType typeOf(int32_t dtype) {
  uint8_t bits = uint8_t(8 * weft_dtype_size(dtype));
  switch (dtype) {
  case WEFT_BOOL:
    return {kBool, bits, 1};
  case WEFT_I8:
  case WEFT_I16:
  case WEFT_I32:
  case WEFT_I64:
    return {kInt, bits, 1};
  case WEFT_U8:
  case WEFT_U16:
  case WEFT_U32:
  case WEFT_U64:
    return {kUInt, bits, 1};
  case WEFT_BF16:
    return {kBfloat, bits, 1};
  case WEFT_C64:
  case WEFT_C128:
    return {kComplex, bits, 1};
  default:
    return {kFloat, bits, 1};
  }
}

int32_t dtypeOf(DLDataType type) {
  for (int32_t code = WEFT_BOOL; code <= WEFT_F64; ++code) {
    DLDataType mine = typeOf(code);
    if (mine.code == type.code && mine.bits == type.bits && type.lanes == 1)
      return code;
  }
  return 0;
}

/// What a capsule of ours holds: the tensor with room for its sizes.
template <class Managed> struct Exported {
  Managed managed;
  WeftBuffer *buffer;
  int64_t shape[WEFT_MAX_RANK], strides[WEFT_MAX_RANK];
};

template <class Managed> nb::object exported(WeftBuffer *buffer, const Array &array, const char *name, uint64_t flags) {
  auto *made = new Exported<Managed>{};
  made->buffer = buffer;
  int64_t stride = 1;
  for (int32_t i = array.rank - 1; i >= 0; --i) {
    made->shape[i] = array.shape[i];
    made->strides[i] = stride;
    stride *= array.shape[i];
  }
  void *data = buffer == array.buffer ? array.data : buffer->data;
  made->managed.tensor = {data, {kCPU, 0}, array.rank, typeOf(array.dtype), made->shape, made->strides, 0};
  made->managed.context = made;
  made->managed.deleter = [](Managed *managed) {
    auto *self = static_cast<Exported<Managed> *>(managed->context);
    weft_buffer_release(self->buffer);
    delete self;
  };
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    made->managed.major = 1;
    made->managed.minor = 0;
    made->managed.flags = flags;
  }
  // A consumer renames the capsule; one that nobody took is still ours to free.
  PyObject *capsule = PyCapsule_New(&made->managed, name, [](PyObject *capsule) {
    constexpr const char *fresh = std::is_same_v<Managed, DLManagedTensor> ? "dltensor" : "dltensor_versioned";
    if (PyCapsule_IsValid(capsule, fresh)) {
      auto *managed = static_cast<Managed *>(PyCapsule_GetPointer(capsule, fresh));
      managed->deleter(managed);
    }
  });
  return nb::steal(capsule);
}

/// Row-major without gaps; strides may be absent, and those of sizes up to 1 do not matter.
bool isDense(const DLTensor &tensor) {
  int64_t expected = 1;
  for (int32_t i = tensor.ndim - 1; tensor.strides && i >= 0; --i) {
    if (tensor.shape[i] > 1 && tensor.strides[i] != expected)
      return false;
    expected *= tensor.shape[i];
  }
  return true;
}

template <class Managed> nb::object taken(nb::handle capsule, const char *fresh, const char *used, nb::handle copy) {
  auto *managed = static_cast<Managed *>(PyCapsule_GetPointer(capsule.ptr(), fresh));
  const DLTensor &tensor = managed->tensor;
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>)
    if (managed->major != 1)
      raise("WF1802", "DLPack: a version that is not known");
  if (tensor.device.type != kCPU && tensor.device.type != kCUDAHost)
    raise("WF1803", "DLPack: the memory lies on another device");
  int32_t dtype = dtypeOf(tensor.dtype);
  if (!dtype)
    raise("WF1023", "DLPack: an element type that Weft does not have");
  if (tensor.ndim < 0 || tensor.ndim > WEFT_MAX_RANK)
    raise("WF1011", "an array has at most 16 dimensions");
  int32_t width = weft_dtype_size(dtype);
  int64_t bytes = width;
  for (int32_t i = 0; i < tensor.ndim; ++i) {
    if (tensor.shape[i] < 0 || __builtin_mul_overflow(bytes, tensor.shape[i], &bytes))
      raise("WF1802", "DLPack: a size that cannot be");
  }
  char *data = static_cast<char *>(tensor.data) + tensor.byteOffset;
  if (!data && bytes)
    raise("WF1802", "DLPack: no memory behind a tensor that has elements");
  bool share = isDense(tensor) && reinterpret_cast<uintptr_t>(data) % width == 0 && !copy.is(nb::bool_(true));
  if (!share && copy.is(nb::bool_(false)))
    raise("WF1801", "DLPack: the layout needs a copy");
  WeftBuffer *buffer;
  if (share) {
    buffer = weft_buffer_wrap(
        data, bytes,
        [](void *owner) {
          // Whoever drops the last reference may not hold the interpreter, and the owner may be Python's.
          PyGILState_STATE state = PyGILState_Ensure();
          auto *managed = static_cast<Managed *>(owner);
          if (managed->deleter)
            managed->deleter(managed);
          PyGILState_Release(state);
        },
        managed);
  } else if ((buffer = weft_buffer_alloc(bytes))) {
    if (isDense(tensor)) {
      std::memcpy(buffer->data, data, bytes);
    } else {
      int64_t strides[WEFT_MAX_RANK];
      std::transform(tensor.strides, tensor.strides + tensor.ndim, strides, [&](int64_t s) { return s * width; });
      weft_copy_dense(buffer->data, data, width, tensor.ndim, tensor.shape, strides);
    }
  }
  if (!buffer)
    raise("WF5010", "no memory for an array");
  nb::object made = makeArray(buffer, dtype, tensor.ndim, tensor.shape);
  PyCapsule_SetName(capsule.ptr(), used);
  if (!share && managed->deleter)
    managed->deleter(managed);
  return made;
}

} // namespace

nb::object toDLPack(const Array &array, bool versioned, bool copy) {
  WeftBuffer *buffer;
  if (copy) {
    buffer = weft_buffer_alloc(array.bytes());
    if (!buffer)
      raise("WF5010", "no memory for a copy");
    std::memcpy(buffer->data, array.data, array.bytes());
  } else {
    buffer = weft_buffer_retain(array.buffer);
  }
  if (versioned)
    return exported<DLManagedTensorVersioned>(buffer, array, "dltensor_versioned", copy ? flagCopied : flagReadOnly);
  buffer->id = 0; // this form cannot say read-only: whoever takes it may write, so nothing made of it is kept
  return exported<DLManagedTensor>(buffer, array, "dltensor", 0);
}

nb::object fromDLPack(nb::handle capsule, nb::handle copy) {
  if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned"))
    return taken<DLManagedTensorVersioned>(capsule, "dltensor_versioned", "used_dltensor_versioned", copy);
  if (PyCapsule_IsValid(capsule.ptr(), "dltensor"))
    return taken<DLManagedTensor>(capsule, "dltensor", "used_dltensor", copy);
  raise("WF1802", "DLPack: not a capsule, or one that was used already");
}

} // namespace weft::python
