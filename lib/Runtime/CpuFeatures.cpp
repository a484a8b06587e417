//===- CpuFeatures.cpp - what this processor can do -----------------------===//
//
// Decides how LLVM's feature names map to the processor's answers. x86: bits of
// cpuid (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E), and for
// vector state also that the system saves it (XGETBV). AArch64: the kernel's
// HWCAP bits. A name that is in no table is unknown, never assumed.
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"
#include "weft/Runtime/Runtime.h"

#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace {

#if defined(__x86_64__)

enum Register { EAX, EBX, ECX, EDX };
/// State that the system must save: bits of XCR0 (SDM volume 1, 13.3).
enum State : uint64_t { none = 0, avx = 0x6, avx512 = 0xe6, amx = 0x60000 };

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  State state;
};

constexpr Feature kFeatures[] = {
    {"fxsr", 1, 0, EDX, 24, none},
    {"cmov", 1, 0, EDX, 15, none},
    {"cx8", 1, 0, EDX, 8, none},
    {"mmx", 1, 0, EDX, 23, none},
    {"x87", 1, 0, EDX, 0, none},
    {"sse", 1, 0, EDX, 25, none},
    {"sse2", 1, 0, EDX, 26, none},
    {"sse3", 1, 0, ECX, 0, none},
    {"pclmul", 1, 0, ECX, 1, none},
    {"ssse3", 1, 0, ECX, 9, none},
    {"fma", 1, 0, ECX, 12, avx},
    {"cx16", 1, 0, ECX, 13, none},
    {"sse4.1", 1, 0, ECX, 19, none},
    {"sse4.2", 1, 0, ECX, 20, none},
    {"crc32", 1, 0, ECX, 20, none},
    {"movbe", 1, 0, ECX, 22, none},
    {"popcnt", 1, 0, ECX, 23, none},
    {"aes", 1, 0, ECX, 25, none},
    {"xsave", 1, 0, ECX, 26, none},
    {"avx", 1, 0, ECX, 28, avx},
    {"f16c", 1, 0, ECX, 29, avx},
    {"rdrnd", 1, 0, ECX, 30, none},
    {"fsgsbase", 7, 0, EBX, 0, none},
    {"bmi", 7, 0, EBX, 3, none},
    {"avx2", 7, 0, EBX, 5, avx},
    {"bmi2", 7, 0, EBX, 8, none},
    {"invpcid", 7, 0, EBX, 10, none},
    {"avx512f", 7, 0, EBX, 16, avx512},
    {"avx512dq", 7, 0, EBX, 17, avx512},
    {"rdseed", 7, 0, EBX, 18, none},
    {"adx", 7, 0, EBX, 19, none},
    {"avx512ifma", 7, 0, EBX, 21, avx512},
    {"clflushopt", 7, 0, EBX, 23, none},
    {"clwb", 7, 0, EBX, 24, none},
    {"avx512cd", 7, 0, EBX, 28, avx512},
    {"sha", 7, 0, EBX, 29, none},
    {"avx512bw", 7, 0, EBX, 30, avx512},
    {"avx512vl", 7, 0, EBX, 31, avx512},
    {"avx512vbmi", 7, 0, ECX, 1, avx512},
    {"avx512vbmi2", 7, 0, ECX, 6, avx512},
    {"gfni", 7, 0, ECX, 8, none},
    {"vaes", 7, 0, ECX, 9, avx},
    {"vpclmulqdq", 7, 0, ECX, 10, avx},
    {"avx512vnni", 7, 0, ECX, 11, avx512},
    {"avx512bitalg", 7, 0, ECX, 12, avx512},
    {"avx512vpopcntdq", 7, 0, ECX, 14, avx512},
    {"rdpid", 7, 0, ECX, 22, none},
    {"cldemote", 7, 0, ECX, 25, none},
    {"movdiri", 7, 0, ECX, 27, none},
    {"movdir64b", 7, 0, ECX, 28, none},
    {"avx512vp2intersect", 7, 0, EDX, 8, avx512},
    {"serialize", 7, 0, EDX, 14, none},
    {"amx-bf16", 7, 0, EDX, 22, amx},
    {"avx512fp16", 7, 0, EDX, 23, avx512},
    {"amx-tile", 7, 0, EDX, 24, amx},
    {"amx-int8", 7, 0, EDX, 25, amx},
    {"avxvnni", 7, 1, EAX, 4, avx},
    {"avx512bf16", 7, 1, EAX, 5, avx512},
    {"avxifma", 7, 1, EAX, 23, avx},
    {"avxvnniint8", 7, 1, EDX, 4, avx},
    {"avxneconvert", 7, 1, EDX, 5, avx},
    {"avxvnniint16", 7, 1, EDX, 10, avx},
    {"xsaveopt", 0xd, 1, EAX, 0, none},
    {"xsavec", 0xd, 1, EAX, 1, none},
    {"xsaves", 0xd, 1, EAX, 3, none},
    {"sahf", 0x80000001, 0, ECX, 0, none},
    {"lzcnt", 0x80000001, 0, ECX, 5, none},
    {"sse4a", 0x80000001, 0, ECX, 6, none},
    {"prfchw", 0x80000001, 0, ECX, 8, none},
    {"64bit", 0x80000001, 0, EDX, 29, none},
};

/// XCR0, or 0 where the system does not use XSAVE (bit 27 of leaf 1's ECX).
uint64_t savedState() {
  uint32_t r[4];
  if (!__get_cpuid_count(1, 0, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) || !(r[ECX] >> 27 & 1))
    return 0;
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

constexpr size_t kNumFeatures = sizeof kFeatures / sizeof *kFeatures;

/// All answers, asked once and each leaf once: cpuid traps in virtual machines
/// and takes microseconds there.
struct Answers {
  bool has[kNumFeatures];
  Answers() {
    uint64_t saved = savedState();
    uint32_t r[4] = {}, leaf = 0, subleaf = 0;
    bool known = false;
    for (size_t i = 0; i < kNumFeatures; ++i) { // the table is sorted by leaf
      const Feature &f = kFeatures[i];
      if (f.leaf != leaf || f.subleaf != subleaf) {
        leaf = f.leaf, subleaf = f.subleaf;
        known = __get_cpuid_count(leaf, subleaf, &r[EAX], &r[EBX], &r[ECX], &r[EDX]);
      }
      has[i] = known && (r[f.reg] >> f.bit & 1) && (saved & f.state) == f.state;
    }
  }
};

bool has(const Feature &feature) {
  static const Answers answers;
  return answers.has[&feature - kFeatures];
}

#elif defined(__aarch64__)

struct Feature {
  const char *name;
  int word; ///< AT_HWCAP or AT_HWCAP2
  int bit;
};

// Bits: the kernel's Documentation/arch/arm64/elf_hwcaps.rst and asm/hwcap.h.
constexpr Feature kFeatures[] = {
    {"fp-armv8", AT_HWCAP, 0}, {"neon", AT_HWCAP, 1},       {"aes", AT_HWCAP, 3},       {"sha2", AT_HWCAP, 6},
    {"crc", AT_HWCAP, 7},      {"lse", AT_HWCAP, 8},        {"fullfp16", AT_HWCAP, 10}, {"rdm", AT_HWCAP, 12},
    {"jsconv", AT_HWCAP, 13},  {"complxnum", AT_HWCAP, 14}, {"rcpc", AT_HWCAP, 15},     {"dotprod", AT_HWCAP, 20},
    {"sve", AT_HWCAP, 22},     {"fp16fml", AT_HWCAP, 23},   {"sve2", AT_HWCAP2, 1},     {"i8mm", AT_HWCAP2, 13},
    {"bf16", AT_HWCAP2, 14},
};

bool has(const Feature &feature) { return getauxval(feature.word) >> feature.bit & 1; }

#endif

} // namespace

int32_t weft_cpu_has(const char *name) {
  for (const Feature &feature : kFeatures)
    if (strcmp(feature.name, name) == 0)
      return has(feature);
  return -1;
}

std::vector<const char *> weft::rt::cpuFeatures() {
  std::vector<const char *> names;
  for (const Feature &feature : kFeatures)
    if (has(feature))
      names.push_back(feature.name);
  return names;
}
