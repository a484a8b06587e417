//===- HalfFloat.cpp - rounding to f16 and bf16 ---------------------------===//
//
// Decides one narrowing routine for all pairs of formats, on IEEE 754 bits.
//
//===----------------------------------------------------------------------===//

#include "HalfFloat.h"

#include <cstdint>
#include <cstring>

namespace {

/// Narrows a binary float of `WideExp` exponent and `WideMant` mantissa bits to
/// 16 bits with `Exp` exponent bits, rounding once, to nearest even.
template <int WideExp, int WideMant, int Exp> uint16_t narrow(uint64_t bits) {
  constexpr int Mant = 15 - Exp;
  constexpr int wideBias = (1 << (WideExp - 1)) - 1, bias = (1 << (Exp - 1)) - 1;
  constexpr uint16_t infinity = uint16_t(((1 << Exp) - 1) << Mant);
  uint16_t sign = uint16_t((bits >> (WideExp + WideMant)) & 1) << 15;
  int wideExp = int((bits >> WideMant) & ((1 << WideExp) - 1));
  uint64_t mant = bits & ((uint64_t(1) << WideMant) - 1);

  if (wideExp == (1 << WideExp) - 1) {
    if (mant == 0)
      return sign | infinity;
    // NaN: the quiet bit set, the top of the payload kept.
    return sign | infinity | uint16_t(1 << (Mant - 1)) | uint16_t(mant >> (WideMant - Mant));
  }
  // The value is significand * 2^(exp - WideMant); subnormals share exponent 1.
  uint64_t significand = wideExp ? mant | uint64_t(1) << WideMant : mant;
  int exp = (wideExp ? wideExp : 1) - wideBias;
  // Bits to drop: more where the result is subnormal.
  int drop = WideMant - Mant;
  int biased = exp + bias;
  if (biased < 1) {
    drop += 1 - biased;
    biased = 1;
  }
  if (drop > WideMant + 2)
    return sign; // below half of the smallest subnormal
  uint64_t kept = significand >> drop, rest = significand & ((uint64_t(1) << drop) - 1);
  uint64_t half = uint64_t(1) << (drop - 1);
  if (rest > half || (rest == half && (kept & 1)))
    ++kept;
  // The hidden bit (if there) adds one to the exponent field; so does a carry out of the mantissa.
  uint64_t result = (uint64_t(biased - 1) << Mant) + kept;
  return sign | (result >= infinity ? infinity : uint16_t(result));
}

template <typename To, typename From> To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

float carry(uint16_t bits) { return bitCast<float>(uint32_t(bits)); }

} // namespace

float weft::rt::truncFloatToHalf(float v) { return carry(narrow<8, 23, 5>(bitCast<uint32_t>(v))); }
float weft::rt::truncDoubleToHalf(double v) { return carry(narrow<11, 52, 5>(bitCast<uint64_t>(v))); }
float weft::rt::truncFloatToBFloat(float v) { return carry(narrow<8, 23, 8>(bitCast<uint32_t>(v))); }
float weft::rt::truncDoubleToBFloat(double v) { return carry(narrow<11, 52, 8>(bitCast<uint64_t>(v))); }

float weft::rt::extendHalfToFloat(float carrier) {
  uint32_t bits = bitCast<uint32_t>(carrier) & 0xffff;
  uint32_t sign = (bits & 0x8000) << 16, exp = (bits >> 10) & 31, mant = bits & 0x3ff;
  if (exp == 31) // infinity, or NaN made quiet
    return bitCast<float>(sign | 0x7f800000 | mant << 13 | (mant ? 0x400000 : 0));
  if (exp)
    return bitCast<float>(sign | (exp + 112) << 23 | mant << 13); // 112 = 127 - 15
  // Subnormal: mant * 2^-24, exact in float.
  float magnitude = float(mant) * 0x1p-24f;
  return bitCast<float>(bitCast<uint32_t>(magnitude) | sign);
}
