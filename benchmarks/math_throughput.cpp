//===- math_throughput.cpp - cycles per vector of the math functions --------===//
//
// Decides how fast the definitions of weft/Math can be: instantiates them with the compiler's own vectors (another
// evaluator beside Scalar.h and codegen's emitter) and times loops over data in the L1 cache.
//
//   clang++-22 -std=c++17 -O2 -ffp-contract=off -mavx512f -mavx512dq -mavx512vl -mprefer-vector-width=512 \
//       -DLANES_F32=16 -Iinclude benchmarks/math_throughput.cpp && ./a.out
//   clang++-22 -std=c++17 -O2 -ffp-contract=off -mavx2 -mfma -DLANES_F32=8 -Iinclude benchmarks/math_throughput.cpp
//
// Prints cycles per vector (by a chain of dependent adds, one cycle each, timed beside) and checks that each lane
// equals the scalar instantiation bit for bit.
//
//===------------------------------------------------------------------------===//
#include "../test/unit/Math/VectorEvaluator.h"
#include "weft/Math/Scalar.h"

#include <chrono>
#include <cstdio>
#include <immintrin.h>
#include <random>
#include <string>
#include <vector>

#ifndef LANES_F32
#define LANES_F32 8
#endif

namespace {
/// The evaluator with the instructions that codegen uses (lib/Codegen/CPU/VectorMath.cpp).
template <class T, class Int, int N> struct Machine : weft::math::Vector<T, Int, N> {
  using F = typename weft::math::Vector<T, Int, N>::F;
  using I = typename weft::math::Vector<T, Int, N>::I;
  template <size_t Size> static F lookup(const double (&table)[Size], I j) {
    float numbers[16];
    for (int k = 0; k < 16; ++k)
      numbers[k] = float(table[k % Size]);
#ifdef __AVX512F__
    if constexpr (sizeof(T) == 4)
      return (F)_mm512_permutexvar_ps((__m512i)j, _mm512_loadu_ps(numbers));
#else
    if constexpr (sizeof(T) == 4 && Size == 8)
      return (F)_mm256_permutevar8x32_ps(_mm256_loadu_ps(numbers), (__m256i)j);
    else if constexpr (sizeof(T) == 4)
      return (F)_mm256_blendv_ps(_mm256_permutevar8x32_ps(_mm256_loadu_ps(numbers), (__m256i)j),
                                 _mm256_permutevar8x32_ps(_mm256_loadu_ps(numbers + 8), (__m256i)j), (__m256)(j << 28));
#endif
    return F();
  }
#ifdef __AVX512F__
  static constexpr bool scales() { return true; }
  template <class Fn> static F scaled(F y, F n, Fn) {
    if constexpr (sizeof(T) == 4)
      return (F)_mm512_scalef_ps((__m512)y, (__m512)n);
    else
      return (F)_mm512_scalef_pd((__m512d)y, (__m512d)n);
  }
  template <class Fn> static std::array<F, 2> split(F x, Fn) {
    if constexpr (sizeof(T) == 4) {
      __m512 v = (__m512)x, m = _mm512_getmant_ps(v, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
      return {(F)m - 1, (F)_mm512_getexp_ps(v) - (F)_mm512_getexp_ps(m)};
    } else {
      __m512d v = (__m512d)x, m = _mm512_getmant_pd(v, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
      return {(F)m - 1, (F)_mm512_getexp_pd(v) - (F)_mm512_getexp_pd(m)};
    }
  }
#endif
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Cycles per second: adds that depend on each other take a cycle each.
double clockRate() {
  double best = 0;
  for (int round = 0; round < 2000; ++round) { // short, to fall between interruptions
    uint64_t x = 1;
    double start = now();
    for (int j = 0; j < 100000; ++j)
      asm volatile("addq $1, %0" : "+r"(x));
    best = std::max(best, 100000 / (now() - start));
  }
  return best;
}

template <class T, class Int, int N, class VectorFn, class ScalarFn>
double cycles(double rate, double lo, double hi, VectorFn vectorFn, ScalarFn scalarFn, const char *name) {
  using E = Machine<T, Int, N>;
  constexpr int count = 1024;
  alignas(64) static T x[count], y[count], out[count];
  std::mt19937 rng(1);
  std::uniform_real_distribution<double> dist(lo, hi);
  for (int j = 0; j < count; ++j)
    x[j] = T(dist(rng)), y[j] = T(dist(rng));
  double best = 1e9;
  for (int round = 0; round < 200; ++round) {
    double start = now();
    for (int rep = 0; rep < 20; ++rep) {
      for (int j = 0; j < count; j += N)
        *(typename E::F *)(out + j) = vectorFn(*(typename E::F *)(x + j), *(typename E::F *)(y + j));
      asm volatile("" ::: "memory");
    }
    best = std::min(best, (now() - start) / 20);
  }
  for (int j = 0; j < count; ++j) {
    T want = scalarFn(x[j], y[j]);
    if (std::memcmp(&want, &out[j], sizeof want) && want == want)
      std::printf("%s(%a, %a): vector %a, scalar %a\n", name, double(x[j]), double(y[j]), double(out[j]), double(want));
  }
  return best * rate / (count / N);
}
} // namespace

int main() {
  double rate = clockRate();
  std::printf("%.2f GHz, %d lanes of f32\n%-8s %8s %8s  cycles per vector\n", rate / 1e9, LANES_F32, "", "f32", "f64");
  struct Range {
    const char *name;
    double lo, hi;
  } ranges[] = {{"log", 0.01, 100}, {"log2", 0.01, 100}, {"log10", 0.01, 100}, {"log1p", -0.9, 100},
                {"asin", -1, 1},    {"acos", -1, 1},     {"atanh", -1, 1},     {"acosh", 1, 100},
                {"erfc", -5, 5},    {"pow", 0.01, 10},   {"cbrt", -100, 100}};
  auto rangeOf = [&](const std::string &name) {
    for (auto &r : ranges)
      if (name == r.name)
        return r;
    return Range{"", -10, 10};
  };
  auto show = [&](const char *name, auto vf32, auto sf32, auto vf64, auto sf64) {
    auto [unused, lo, hi] = rangeOf(name);
    double f32 = cycles<float, int32_t, LANES_F32>(rate, lo, hi, vf32, sf32, name);
    double f64 = cycles<double, int64_t, LANES_F32 / 2>(rate, lo, hi, vf64, sf64, name);
    std::printf("%-8s %8.1f %8.1f\n", name, f32, f64);
  };
  Machine<float, int32_t, LANES_F32> v32;
  Machine<double, int64_t, LANES_F32 / 2> v64;
  weft::math::Scalar<float> s32;
  weft::math::Scalar<double> s64;
#define UNARY(fn)                                                                                                      \
  show(                                                                                                                \
      #fn, [&](auto x, auto) { return weft::math::fn(v32, x); },                                                       \
      [&](float x, float) { return weft::math::fn(s32, x); }, [&](auto x, auto) { return weft::math::fn(v64, x); },    \
      [&](double x, double) { return weft::math::fn(s64, x); });
#define BINARY(fn)                                                                                                     \
  show(                                                                                                                \
      #fn, [&](auto x, auto y) { return weft::math::fn(v32, x, y); },                                                  \
      [&](float x, float y) { return weft::math::fn(s32, x, y); },                                                     \
      [&](auto x, auto y) { return weft::math::fn(v64, x, y); },                                                       \
      [&](double x, double y) { return weft::math::fn(s64, x, y); });
#include "weft/Math/Functions.def"
}
