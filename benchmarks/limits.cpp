// What this machine can do at most, for the `limit` rows of workloads.py: a loop of nothing but fused products, and
// streams over memory, each by `threads` threads. Built there with the machine's own compiler (-O3 -march=native).
// Stores are non-temporal: a plain one reads the line first, and so is no limit.
#include <cstdint>
#include <immintrin.h>
#include <thread>
#include <vector>

namespace {
#ifdef __AVX512F__
constexpr int kLanes = 16;
using V = __m512;
inline V load(const float *p) { return _mm512_load_ps(p); }
inline void stream(float *p, V v) { _mm512_stream_ps(p, v); }
#else
constexpr int kLanes = 8;
using V = __m256;
inline V load(const float *p) { return _mm256_load_ps(p); }
inline void stream(float *p, V v) { _mm256_stream_ps(p, v); }
#endif

volatile float gSink;

template <class F> void spread(int threads, F body) {
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i)
    others.emplace_back(body, i);
  body(0);
  for (auto &thread : others)
    thread.join();
}

/// Each thread's part of n floats, in whole lines.
template <class F> void parts(int64_t n, int threads, F body) {
  spread(threads, [=](int i) {
    int64_t lines = n / 16, begin = lines * i / threads * 16, end = lines * (i + 1) / threads * 16;
    body(begin, end);
    _mm_sfence();
  });
}
} // namespace

extern "C" {

/// `flops` operations in all (a fused product is two).
void limit_fma(double flops, int threads) {
  spread(threads, [=](int) {
    constexpr int kChains = 10;
    V acc[kChains], a = V{} + 0.999f, b = V{} + 1e-3f;
    for (V &x : acc)
      x = V{};
    int64_t steps = int64_t(flops / threads / (2.0 * kLanes * kChains));
    for (int64_t s = 0; s < steps; ++s)
      for (V &x : acc)
        x = x * a + b; // contracted to one fma
    float sum = 0;
    for (V &x : acc)
      sum += x[0];
    gSink = sum;
  });
}

/// Reads n floats.
void limit_read(float *, const float *x, const float *, int64_t n, int threads) {
  parts(n, threads, [=](int64_t begin, int64_t end) {
    V s[4] = {};
    for (int64_t i = begin; i + 4 * kLanes <= end; i += 4 * kLanes)
      for (int u = 0; u < 4; ++u)
        s[u] += load(x + i + u * kLanes);
    gSink = s[0][0] + s[1][0] + s[2][0] + s[3][0];
  });
}

/// Reads n floats and writes n.
void limit_copy(float *y, const float *x, const float *, int64_t n, int threads) {
  parts(n, threads, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i + kLanes <= end; i += kLanes)
      stream(y + i, load(x + i) * 2.0f);
  });
}

/// Reads 2 n floats and writes n.
void limit_add(float *y, const float *x, const float *z, int64_t n, int threads) {
  parts(n, threads, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i + kLanes <= end; i += kLanes)
      stream(y + i, load(x + i) + load(z + i));
  });
}
}
