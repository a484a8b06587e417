//===- MathExhaustive.cpp - every float, every function ---------------------===//
//
// Decides how the exact largest errors of the unary f32 functions are found: all 2^32 arguments, in vectors, against
// the f64 functions (themselves measured against mpmath by test_math_accuracy.py).  A tool, not a test: 10 to 30
// seconds a function on AVX-512.  With a number first, only every so many-th vector of neighbours.
//
//   ninja weft_math_exhaustive && bin/weft_math_exhaustive [stride] [names]
//
//===------------------------------------------------------------------------===//
#include "VectorEvaluator.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {
constexpr int lanes = 8;
using V32 = weft::math::Vector<float, int32_t, lanes>;
using V64 = weft::math::Vector<double, int64_t, lanes>;

/// Prints the largest |f32(x) - f64(x)| in last places of the f64 result, and how many results are not the nearest.
template <class Fn32, class Fn64> void sweep(const char *name, int64_t stride, Fn32 f32, Fn64 f64) {
  V64::F worst = 0;
  V32::F at = 0;
  uint64_t notNan = 0, wrongNan = 0;
  V64::I misrounded = 0;
  for (int64_t first = 0; first < (int64_t(1) << 32); first += lanes * stride) {
    V32::I pattern;
    for (int j = 0; j < lanes; ++j)
      pattern[j] = int32_t(first + j);
    V32::F x = V32::fromBits(pattern);
    V64::F got = __builtin_convertvector(f32(x), V64::F), want = f64(__builtin_convertvector(x, V64::F));
    // 2^(exponent - 23), at least the least subnormal; an overflow counts as 2^128.
    V64::I exponent = V64::lshrI(V64::bits(V64::abs(want)), 52);
    exponent = exponent < 1023 - 126 ? V64::I(1023 - 126) : exponent > 1023 + 127 ? V64::I(1023 + 127) : exponent;
    V64::F ulp = V64::fromBits((exponent - 23) << 52), limit = 0x1p128;
    got = got > limit ? limit : got < -limit ? -limit : got;
    want = want > limit ? limit : want < -limit ? -limit : want;
    V64::F error = V64::abs(got - want) / ulp;
    V64::I valid = error == error;
    if (__builtin_reduce_or((got != got) ^ (want != want)))
      ++wrongNan;
    notNan += 1;
    misrounded -= (error > 0.5) & valid;
    V64::I more = (error > worst) & valid;
    worst = more ? error : worst;
    at = __builtin_convertvector(more, V32::I) ? x : at;
  }
  int best = 0;
  uint64_t count = 0;
  for (int j = 0; j < lanes; ++j) {
    best = worst[j] > worst[best] ? j : best;
    count += misrounded[j];
  }
  std::printf("%-9s %.4f ULP at %a; %.2f%% not the nearest; NaN wrong in %llu vectors\n", name, worst[best],
              double(at[best]), 100.0 * count / (notNan * lanes), static_cast<unsigned long long>(wrongNan));
  std::fflush(stdout);
}
} // namespace

int main(int argc, char **argv) {
  V32 v32;
  V64 v64;
  int64_t stride = argc > 1 ? std::atoll(argv[1]) : 0;
  int names = stride > 0 ? 2 : 1;
  stride = stride > 0 ? stride : 1;
  auto asked = [&](const char *name) {
    for (int j = names; j < argc; ++j)
      if (!std::strcmp(argv[j], name))
        return true;
    return argc == names;
  };
#define UNARY(fn)                                                                                                      \
  if (asked(#fn))                                                                                                      \
    sweep(                                                                                                             \
        #fn, stride, [&](V32::F x) { return weft::math::fn(v32, x); },                                                 \
        [&](V64::F x) { return weft::math::fn(v64, x); });
#include "weft/Math/Functions.def"
}
