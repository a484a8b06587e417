//===- Linalg.cpp - calls of the library of factorisations ----------------===//
//
// Decides which build of the library serves this processor, and how a call is cut
// into matrices.
//
//===----------------------------------------------------------------------===//

#include "weft/Runtime/Linalg.h"
#include "CpuFeatures.h"
#include "weft/Runtime/Image.h"
#include "weft/Runtime/Library.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

using namespace weft::rt;

WeftLinalgFn weft::rt::openLinalg(std::string &why) {
  static std::string reason;
  static const auto library = [] {
    [[maybe_unused]] auto has = [features = cpuFeatures()](const char *name) {
      return std::any_of(features.begin(), features.end(), [&](const char *f) { return !std::strcmp(f, name); });
    };
    const char *name = "libweft_linalg.so";
#if defined(__x86_64__)
    if (has("avx2") && has("fma"))
      name = "libweft_linalg_avx2.so";
#endif
    return reinterpret_cast<WeftLinalgFn>(openLibrary(name, "weft_linalg", reason));
  }();
  why = reason;
  return library;
}

LinalgCall::LinalgCall(int64_t format, const WeftArg *values) : format(format), values(values) {
  int routine = format & 255;
  int64_t lanes = format >> 16 & 255, width = (format >> 8 & 255) == WEFT_F64 ? 8 : 4;
  const int64_t *shape = values[0].shape;
  for (int64_t i = 0; i < lanes; ++i)
    count *= shape[i];
  m = shape[lanes];
  n = routine == WEFT_TRIANGULAR_SOLVE ? values[1].shape[lanes + 1] : shape[lanes + 1];
  auto add = [&](std::initializer_list<int64_t> sizes, bool isOrder) {
    int64_t bytes = isOrder ? 8 : width;
    for (int64_t size : sizes)
      bytes *= size;
    strides[numValues++] = bytes;
  };
  if (routine == WEFT_TRIANGULAR_SOLVE)
    add({m, m}, false);
  add({m, n}, false);
  forEachResult(routine, m, n, std::min(m, n), add);
}

int64_t LinalgCall::nanoseconds() const {
  // Some operations per product, by routine, at about two a nanosecond; the rest is the call itself.
  int routine = format & 255;
  double products = double(m) * double(n) * double(std::min(m, n));
  double each = routine <= WEFT_LU || routine == WEFT_TRIANGULAR_SOLVE ? 1 : routine <= WEFT_QR_COMPLETE ? 2 : 10;
  return int64_t(std::min(500 + each * products / 2, 1e15));
}

bool LinalgCall::run(WeftLinalgFn library, int64_t begin, int64_t end) const {
  void *at[4];
  for (int64_t i = begin; i < end; ++i) {
    for (int v = 0; v < numValues; ++v)
      at[v] = static_cast<char *>(values[v].data) + i * strides[v];
    if (library(format, m, n, at))
      return false;
  }
  return true;
}
