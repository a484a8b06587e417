//===- MathProbe.cpp - the math functions as a C library --------------------===//
//
// Decides how tests call the definitions: a shared object for ctypes (test/python/test_math_accuracy.py).
//
//===------------------------------------------------------------------------===//
#include "weft/Math/Scalar.h"

#include <cstring>

namespace {
/// out[i] = fn(x[i]) or fn(x[i], y[i]); false where the name is unknown.
template <class T> bool evaluate(const char *fn, const T *x, const T *y, T *out, int64_t n) {
  weft::math::Scalar<T> e;
#define UNARY(name)                                                                                                    \
  if (!std::strcmp(fn, #name)) {                                                                                       \
    for (int64_t i = 0; i < n; ++i)                                                                                    \
      out[i] = weft::math::name(e, x[i]);                                                                              \
    return true;                                                                                                       \
  }
#define BINARY(name)                                                                                                   \
  if (!std::strcmp(fn, #name)) {                                                                                       \
    for (int64_t i = 0; i < n; ++i)                                                                                    \
      out[i] = weft::math::name(e, x[i], y[i]);                                                                        \
    return true;                                                                                                       \
  }
#include "weft/Math/Functions.def"
  return false;
}
} // namespace

#define WEFT_EXPORT extern "C" __attribute__((visibility("default")))

/// The names, unary ones with arity 1, separated by spaces, as "exp/1 ... pow/2".
WEFT_EXPORT const char *weft_math_names() {
  return ""
#define UNARY(name) #name "/1 "
#define BINARY(name) #name "/2 "
#include "weft/Math/Functions.def"
      ;
}

/// 0, or 1 for an unknown name.  `y` may be null for unary functions.
WEFT_EXPORT int weft_math_eval_f32(const char *fn, const float *x, const float *y, float *out, int64_t n) {
  return evaluate(fn, x, y, out, n) ? 0 : 1;
}
WEFT_EXPORT int weft_math_eval_f64(const char *fn, const double *x, const double *y, double *out, int64_t n) {
  return evaluate(fn, x, y, out, n) ? 0 : 1;
}
