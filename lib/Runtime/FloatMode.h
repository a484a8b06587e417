//===- FloatMode.h - one floating-point mode for all native code ----------===//
//
// Decides that native code always runs with round-to-nearest and subnormals
// kept. A library linked with -ffast-math may switch the mode of a host's thread
// (flush to zero) at load, and then the same program would give other bits on
// that thread than on a worker, or than in another process.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_LIB_RUNTIME_FLOATMODE_H
#define WEFT_LIB_RUNTIME_FLOATMODE_H

#include <cstdint>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace weft::rt {

/// Sets the default mode for a scope; a few cycles where it is set already.
class DefaultFloatMode {
public:
  DefaultFloatMode() : before(read()) {
    if (__builtin_expect((before & kControl) != kDefault, 0))
      write(kDefault);
  }
  ~DefaultFloatMode() {
    if (__builtin_expect((before & kControl) != kDefault, 0))
      write(before);
  }
  DefaultFloatMode(const DefaultFloatMode &) = delete;
  DefaultFloatMode &operator=(const DefaultFloatMode &) = delete;

private:
#if defined(__x86_64__)
  // MXCSR: all but the six sticky flags; the default masks all exceptions (SDM volume 1, 10.2.3).
  using Word = uint32_t;
  static constexpr Word kControl = 0xffc0, kDefault = 0x1f80;
  static Word read() { return _mm_getcsr(); }
  static void write(Word word) { _mm_setcsr(word); }
#elif defined(__aarch64__)
  // FPCR: the default is all zero (Arm ARM, C5.2.8).
  using Word = uint64_t;
  static constexpr Word kControl = ~Word(0), kDefault = 0;
  static Word read() {
    Word word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void write(Word word) { asm volatile("msr fpcr, %0" ::"r"(word)); }
#endif
  Word before;
};

} // namespace weft::rt

#endif // WEFT_LIB_RUNTIME_FLOATMODE_H
