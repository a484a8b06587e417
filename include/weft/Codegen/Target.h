// Decides what code generation knows of a machine: one page of facts, no table of shapes.
#ifndef WEFT_CODEGEN_TARGET_H
#define WEFT_CODEGEN_TARGET_H

#include <cstdint>
#include <string>
#include <vector>

namespace weft {

struct Target {
  std::string triple;
  std::string cpu;
  std::vector<std::string> features; // as LLVM takes them: "+avx2"
  unsigned vectorBytes = 16;
  unsigned vectorRegisters = 16;
  // Of these, what a register tile needs for numbers that are repeated in all lanes: one where an instruction repeats
  // what it reads, more where numbers are read ahead, in pairs.
  unsigned repeatRegisters = 1;
  bool cheapMaskedStore = false; // AVX-512: yes; AVX2 on AMD: microcoded
  bool scales = false;    // y * 2^n, exponent, mantissa, range are one instruction each on vectors of floats (AVX-512)
  bool hasMaximum = true; // the greatest of floats, NaN first and +0 above -0, is one instruction (NEON)
  // What picks floats out of registers by numbers: 8 of one (vpermps), 16 of one (the same, AVX-512), bytes of four
  // (tbl).
  enum class Lookup { none, eight, sixteen, bytes } lookup = Lookup::none;
  bool streams = false; // non-temporal vector stores, which write whole lines without reading them
  // Instructions that add products of neighbouring steps of k to each lane of 4 bytes, where there are any.
  bool dotBytes = false;  // four of u8 by i8, to an i32 (AVX-512 VNNI, AVX-VNNI)
  bool dotWords = false;  // two of i16 by i16, to an i32 (pmaddwd and an addition)
  bool dotHalves = false; // two of bf16 by bf16, to an f32, the odd one first, one fma each (AVX-512 BF16)
  int64_t l1Bytes = 32 << 10, l2Bytes = 512 << 10, l3Bytes = 16 << 20;
  // Whether lines come from the last cache hardly faster than from memory: it is spread over a mesh (Intel's servers).
  bool farLastCache = false;
  // Whether conversions of narrow floats take the place of products (they share both of Intel's ports for vectors).
  bool widensPanels = false;
  // Steps of k ahead of which a register tile asks for what the second cache holds; 0: processors look ahead
  // themselves.
  int64_t soonSteps = 0;
  // Rough rates for the cost model, per core: they only decide about threads.
  double flopsPerNs = 30, bytesPerNs = 10;

  /// What a program compiled for this target needs, as the runtime checks it ("avx2", "fma", ...).
  std::vector<std::string> requiredFeatures() const;
  /// Lanes of a vector of elements of this many bytes.
  unsigned lanes(unsigned elementBytes) const { return vectorBytes / elementBytes; }
};

/// This machine.
Target hostTarget();
/// By name: "host", or "x86-64-v3", "x86-64-v4", "aarch64", perhaps followed by features as LLVM names them
/// ("x86-64-v4+avx512vnni"), or by "mesh": tuned for Intel's servers; nothing known: empty triple.
Target targetByName(const std::string &name);

} // namespace weft
#endif
