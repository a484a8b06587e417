//===- MathProbe.cpp - the math functions as a C library --------------------===//
//
// Decides how tests call the definitions: a shared object for ctypes (test/python/test_math_accuracy.py).
//
//===------------------------------------------------------------------------===//
#include "weft/Math/Scalar.h"

#include <cstring>
#include <vector>
#ifdef __clang__
#include "VectorEvaluator.h"
#endif

namespace {
/// out[i] = fn(x[i]) or fn(x[i], y[i]) in the evaluator E on the `count` values of type V behind the pointers; false
/// where the name is unknown.
template <class E, class V> bool evaluate(const char *fn, const V *x, const V *y, V *out, int64_t count) {
  E e;
#define UNARY(name)                                                                                                    \
  if (!std::strcmp(fn, #name)) {                                                                                       \
    for (int64_t i = 0; i < count; ++i)                                                                                \
      out[i] = weft::math::name(e, x[i]);                                                                              \
    return true;                                                                                                       \
  }
#define BINARY(name)                                                                                                   \
  if (!std::strcmp(fn, #name)) {                                                                                       \
    for (int64_t i = 0; i < count; ++i)                                                                                \
      out[i] = weft::math::name(e, x[i], y[i]);                                                                        \
    return true;                                                                                                       \
  }
#include "weft/Math/Functions.def"
  return false;
}

#ifdef __clang__
template <class T, class Int> bool evaluateLanes(const char *fn, const T *x, const T *y, T *out, int64_t n) {
  constexpr int lanes = 16 / sizeof(T); // every target has 16 byte vectors
  using E = weft::math::Vector<T, Int, lanes>;
  using V = typename E::F;
  // The caller's arrays are aligned to their elements only.
  std::vector<V> xs(n / lanes), ys(y ? n / lanes : 0), results(n / lanes);
  std::memcpy(xs.data(), x, xs.size() * sizeof(V));
  if (y)
    std::memcpy(ys.data(), y, ys.size() * sizeof(V));
  bool known = evaluate<E, V>(fn, xs.data(), ys.data(), results.data(), n / lanes);
  std::memcpy(out, results.data(), results.size() * sizeof(V));
  return known;
}
#endif
} // namespace

#define WEFT_EXPORT extern "C" __attribute__((visibility("default")))

/// The names with their arity, separated by spaces: "exp/1 ... pow/2".
WEFT_EXPORT const char *weft_math_names() {
  return ""
#define UNARY(name) #name "/1 "
#define BINARY(name) #name "/2 "
#include "weft/Math/Functions.def"
      ;
}

/// 0, or 1 for an unknown name.  `y` may be null for unary functions.
WEFT_EXPORT int weft_math_eval_f32(const char *fn, const float *x, const float *y, float *out, int64_t n) {
  return evaluate<weft::math::Scalar<float>>(fn, x, y, out, n) ? 0 : 1;
}
WEFT_EXPORT int weft_math_eval_f64(const char *fn, const double *x, const double *y, double *out, int64_t n) {
  return evaluate<weft::math::Scalar<double>>(fn, x, y, out, n) ? 0 : 1;
}

#ifdef __clang__
/// The same in vectors; n a multiple of the lanes in 16 bytes.
WEFT_EXPORT int weft_math_lanes_f32(const char *fn, const float *x, const float *y, float *out, int64_t n) {
  return evaluateLanes<float, int32_t>(fn, x, y, out, n) ? 0 : 1;
}
WEFT_EXPORT int weft_math_lanes_f64(const char *fn, const double *x, const double *y, double *out, int64_t n) {
  return evaluateLanes<double, int64_t>(fn, x, y, out, n) ? 0 : 1;
}
#endif
