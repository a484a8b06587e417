// What this machine can do at most, for the `limit` rows of workloads.py: loops of nothing but fused products (of
// float, and by the instructions for bytes and bf16), and streams over memory, each by `threads` threads. Built there
// with the machine's own compiler (-O3 -march=native). Stores are non-temporal: a plain one reads the line first, and
// so is no limit.
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

/// Each thread's part of n floats, in whole lines, again and again: threads start once.
template <class F> void parts(int64_t n, int threads, int times, F body) {
  spread(threads, [=](int i) {
    int64_t lines = n / 16, begin = lines * i / threads * 16, end = lines * (i + 1) / threads * 16;
    for (int k = 0; k < times; ++k) {
      body(begin, end);
      asm volatile("" ::: "memory"); // what was read is read again
    }
    _mm_sfence();
  });
}

constexpr int kUnroll = 4;

inline void fetch(const float *p) { _mm_prefetch(reinterpret_cast<const char *>(p), _MM_HINT_T0); }

/// Vectors i of [begin, end); what is read is fetched 16 KB ahead, which makes copies 1.15 times as fast.
template <size_t N, class F> void blocks(int64_t begin, int64_t end, const float *const (&read)[N], F body) {
  constexpr int64_t kAhead = 4096, kBlock = kUnroll * kLanes;
  for (int64_t i = begin; i + kBlock <= end; i += kBlock) {
    for (const float *x : read)
      for (int64_t line = 0; line < kBlock; line += 16)
        fetch(x + i + kAhead + line);
    for (int u = 0; u < kUnroll; ++u)
      body(i + u * kLanes);
  }
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

/// The same of products of bytes, summed in 32 bits: four in a lane by one instruction where there is one (VNNI), else
/// two of 16 bits and an addition.
void limit_bytes(double ops, int threads) {
  spread(threads, [=](int) {
    constexpr int kChains = 10;
#ifdef __AVX512VNNI__
    constexpr int kProducts = 64;
    __m512i acc[kChains], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-5);
    auto step = [&](__m512i x) { return _mm512_dpbusd_epi32(x, a, b); };
#else
    constexpr int kProducts = 16;
    __m256i acc[kChains], a = _mm256_set1_epi16(3), b = _mm256_set1_epi16(-5);
    auto step = [&](__m256i x) { return _mm256_add_epi32(x, _mm256_madd_epi16(_mm256_xor_si256(a, x), b)); };
#endif
    for (int i = 0; i < kChains; ++i) // chains that differ: equal ones would be one
      acc[i] = decltype(a){} + i;
    int64_t steps = int64_t(ops / threads / (2.0 * kProducts * kChains));
    for (int64_t s = 0; s < steps; ++s)
#pragma GCC unroll 10
      for (auto &x : acc)
        x = step(x);
    for (auto &x : acc)
      gSink = gSink + float(x[0]);
  });
}

/// The same of products of bf16, summed in float: two in a lane by one instruction where there is one, else in float.
void limit_halves(double flops, int threads) {
#ifdef __AVX512BF16__
  spread(threads, [=](int) {
    constexpr int kChains = 10;
    __m512 acc[kChains];
    for (int i = 0; i < kChains; ++i)
      acc[i] = __m512{} + float(i);
    __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f80), b = (__m512bh)_mm512_set1_epi16(0x3f00);
    int64_t steps = int64_t(flops / threads / (2.0 * 32 * kChains));
    for (int64_t s = 0; s < steps; ++s)
#pragma GCC unroll 10
      for (__m512 &x : acc)
        x = _mm512_dpbf16_ps(x, a, b);
    for (__m512 &x : acc)
      gSink = gSink + x[0];
  });
#else
  limit_fma(flops, threads);
#endif
}

/// Reads n floats, each thread at four places at once, which takes 0.7 times as long as at one.
void limit_read(float *, const float *x, const float *, const float *, int64_t n, int threads, int times) {
  parts(n, threads, times, [=](int64_t begin, int64_t end) {
    V s[kUnroll] = {};
    int64_t part = (end - begin) / 64 * 16;
    for (int64_t i = begin; i < begin + part; i += 16)
      for (int u = 0; u < kUnroll; ++u) {
        const float *at = x + i + u * part;
        fetch(at + 1024);
        for (int lane = 0; lane < 16; lane += kLanes)
          s[u] += load(at + lane);
      }
    gSink = s[0][0] + s[1][0] + s[2][0] + s[3][0];
  });
}

/// Reads n floats and writes n.
void limit_copy(float *y, const float *x, const float *, const float *, int64_t n, int threads, int times) {
  parts(n, threads, times, [=](int64_t begin, int64_t end) {
    blocks(begin, end, {x}, [=](int64_t i) { stream(y + i, load(x + i) * 2.0f); });
  });
}

/// Reads 2 n floats and writes n.
void limit_add(float *y, const float *x, const float *z, const float *, int64_t n, int threads, int times) {
  parts(n, threads, times, [=](int64_t begin, int64_t end) {
    blocks(begin, end, {x, z}, [=](int64_t i) { stream(y + i, load(x + i) + load(z + i)); });
  });
}

/// Reads 3 n floats and writes n.
void limit_blend(float *y, const float *x, const float *z, const float *w, int64_t n, int threads, int times) {
  parts(n, threads, times, [=](int64_t begin, int64_t end) {
    blocks(begin, end, {x, z, w}, [=](int64_t i) { stream(y + i, load(x + i) * load(z + i) + load(w + i)); });
  });
}
}
