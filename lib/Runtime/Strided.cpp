//===- Strided.cpp - dense copies of views of other libraries' memory ------===//
//
// Decides in which order the elements of a view are copied: where neighbours of
// the result lie apart in the view (a transposed array), by blocks that use
// each line of memory once on both sides, else row by row.
//
//===----------------------------------------------------------------------===//

#include "weft/Runtime/Buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kMaxRank = 64; // NumPy's; more than any of Weft's
constexpr int64_t kBlock = 32;

struct Dim {
  int64_t size, from, to; ///< strides in bytes
};

/// Sizes of 1 say nothing, and dimensions that continue one another are one. Returns how many are left.
int merged(int32_t rank, const int64_t *shape, const int64_t *strides, int64_t width, Dim *dims) {
  int count = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (shape[i] == 1)
      continue;
    if (count && dims[count - 1].from == strides[i] * shape[i])
      dims[count - 1] = {dims[count - 1].size * shape[i], strides[i], 0};
    else
      dims[count++] = {shape[i], strides[i], 0};
  }
  int64_t to = width;
  for (int i = count - 1; i >= 0; --i) {
    dims[i].to = to;
    to *= dims[i].size;
  }
  return count;
}

/// A row: `last` of the result's dimensions.
template <typename T> void copyRow(char *to, const char *from, const Dim &last) {
  for (int64_t i = 0; i < last.size; ++i)
    std::memcpy(to + i * sizeof(T), from + i * last.from, sizeof(T));
}

/// A plane of `near`, whose elements lie close together in the view, and `last`.
template <typename T> void turnPlane(char *to, const char *from, const Dim &near, const Dim &last) {
  T block[kBlock][kBlock]; // in between, since lines at large powers of two push each other out of the cache
  for (int64_t i = 0; i < near.size; i += kBlock)
    for (int64_t j = 0; j < last.size; j += kBlock) {
      int64_t rows = std::min(kBlock, near.size - i), columns = std::min(kBlock, last.size - j);
      for (int64_t c = 0; c < columns; ++c) {
        const char *line = from + i * near.from + (j + c) * last.from;
        for (int64_t r = 0; r < rows; ++r)
          std::memcpy(&block[r][c], line + r * near.from, sizeof(T));
      }
      for (int64_t r = 0; r < rows; ++r)
        std::memcpy(to + (i + r) * near.to + j * sizeof(T), block[r], columns * sizeof(T));
    }
}

template <typename T> void copyDims(char *to, const char *from, const Dim *dims, int count, const Dim *near) {
  const Dim &last = dims[count - 1];
  if (near != &last && count == 2)
    return turnPlane<T>(to, from, *near, last);
  if (count == 1) {
    if (last.from == sizeof(T))
      std::memcpy(to, from, last.size * sizeof(T));
    else
      copyRow<T>(to, from, last);
    return;
  }
  // The outermost dimension that is no side of the plane.
  Dim rest[kMaxRank];
  const Dim *out = dims == near ? dims + 1 : dims, *nearInRest = rest;
  int kept = 0;
  for (int i = 0; i < count; ++i) {
    if (dims + i == out)
      continue;
    if (dims + i == near)
      nearInRest = rest + kept;
    rest[kept++] = dims[i];
  }
  if (near == &last)
    nearInRest = rest + kept - 1;
  for (int64_t i = 0; i < out->size; ++i)
    copyDims<T>(to + i * out->to, from + i * out->from, rest, kept, nearInRest);
}

struct Wide {
  char bytes[16];
};

} // namespace

extern "C" void weft_copy_dense(void *to, const void *from, int32_t width, int32_t rank, const int64_t *shape,
                                const int64_t *strides) {
  if (std::any_of(shape, shape + rank, [](int64_t size) { return size == 0; }))
    return;
  Dim dims[kMaxRank];
  int count = merged(rank, shape, strides, width, dims);
  auto *out = static_cast<char *>(to);
  auto *in = static_cast<const char *>(from);
  if (count == 0) {
    std::memcpy(out, in, width);
    return;
  }
  auto closer = [](const Dim &a, const Dim &b) { return std::llabs(a.from) < std::llabs(b.from); };
  const Dim *near = dims + count - 1;
  for (int i = 0; i < count - 1; ++i)
    if (closer(dims[i], *near) && dims[i].from != 0) // what is repeated is no neighbour
      near = dims + i;
  switch (width) {
  case 1:
    return copyDims<uint8_t>(out, in, dims, count, near);
  case 2:
    return copyDims<uint16_t>(out, in, dims, count, near);
  case 4:
    return copyDims<uint32_t>(out, in, dims, count, near);
  case 8:
    return copyDims<uint64_t>(out, in, dims, count, near);
  default:
    return copyDims<Wide>(out, in, dims, count, near);
  }
}
