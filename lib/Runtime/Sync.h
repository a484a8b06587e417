//===- Sync.h - spin lock, clock ticks, pauses ----------------------------===//
//
// Decides the small pieces of synchronisation that the call path uses in place
// of a mutex: each is a few nanoseconds when uncontended.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_LIB_RUNTIME_SYNC_H
#define WEFT_LIB_RUNTIME_SYNC_H

#include <atomic>
#include <cstdint>
#include <sched.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

// Native code carries no type hash in front of its functions, which
// -fsanitize=function would read.
#if defined(__clang__)
#define WEFT_CALLS_NATIVE_CODE __attribute__((no_sanitize("function")))
#else
#define WEFT_CALLS_NATIVE_CODE
#endif

namespace weft::rt {

inline void cpuPause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory"); // `yield` is a no-op on most cores
#endif
}

inline int64_t nanos() {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return int64_t(ts.tv_sec) * 1000000000 + ts.tv_nsec;
}

/// A counter that advances at a constant rate, read in a few nanoseconds.
inline int64_t ticks() {
#if defined(__x86_64__)
  return int64_t(__rdtsc());
#elif defined(__aarch64__)
  int64_t value;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  return nanos();
#endif
}

/// Ticks of about 20 ms. Time-stamp counters run at 1 to 5 GHz, so on x86 this
/// is 4 to 20 ms, near enough and without a calibration.
inline int64_t pollTicks() {
#if defined(__x86_64__)
  return 20000000;
#elif defined(__aarch64__)
  int64_t frequency;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
  return frequency / 50;
#else
  return 20000000;
#endif
}

/// About, as pollTicks(): for what is only compared or rough.
inline double nanosPerTick() {
#if defined(__x86_64__)
  return 0.4;
#else
  return 20e6 / double(pollTicks());
#endif
}

class SpinLock {
public:
  bool tryLock() { return !held.exchange(true, std::memory_order_acquire); }
  void lock() {
    for (int spins = 0; !tryLock(); ++spins) {
      // The holder may have lost its core: hand over ours.
      if (spins > 200)
        sched_yield();
      else
        cpuPause();
    }
  }
  void unlock() { held.store(false, std::memory_order_release); }

private:
  std::atomic<bool> held{false};
};

} // namespace weft::rt

#endif // WEFT_LIB_RUNTIME_SYNC_H
