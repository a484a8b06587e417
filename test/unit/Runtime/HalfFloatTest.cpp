//===- HalfFloatTest.cpp - f16 and bf16 against the compiler's own --------===//

#include "../../../lib/Runtime/HalfFloat.h"
#include "Harness.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>

using namespace weft::rt;

template <typename To, typename From> static To bits(From from) {
  To to = {};
  memcpy(&to, &from, sizeof to < sizeof from ? sizeof to : sizeof from);
  return to;
}
static uint16_t low(float carrier) { return uint16_t(bits<uint32_t>(carrier)); }
static bool isNaN16(uint16_t h, int mantissa) { return (h & 0x7fff) > (0x7fff >> mantissa << mantissa); }

/// The exact value of a half, from its definition.
static double halfValue(uint16_t h) {
  int exp = h >> 10 & 31, mant = h & 0x3ff;
  double v = exp == 31 ? (mant ? NAN : INFINITY) : exp ? std::ldexp(1024 + mant, exp - 25) : std::ldexp(mant, -24);
  return h & 0x8000 ? -v : v;
}
static double bfloatValue(uint16_t b) { return bits<float>(uint32_t(b) << 16); }

TEST(EveryHalfExtendsExactlyAndComesBack) {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    float f = extendHalfToFloat(bits<float>(h | 0xabcd0000)); // what is above the low 16 bits must not matter
    if (isNaN16(uint16_t(h), 10)) {
      CHECK(std::isnan(f) && isNaN16(low(truncFloatToHalf(f)), 10));
      continue;
    }
    CHECK(double(f) == halfValue(uint16_t(h)) && std::signbit(f) == bool(h >> 15));
    CHECK_EQ(low(truncFloatToHalf(f)), uint16_t(h));
    CHECK_EQ(low(truncDoubleToHalf(f)), uint16_t(h));
  }
}

/// Checks round-to-nearest-even by its definition: no neighbour is nearer, and on
/// a tie the last bit is 0.
static void checkRounding(double x, uint16_t r, double (*value)(uint16_t), uint16_t infinity, double overflowAt) {
  uint16_t mag = r & 0x7fff;
  CHECK_EQ(int(r >> 15), int(std::signbit(x)));
  double a = std::fabs(x);
  if (a >= overflowAt) {
    CHECK_EQ(mag, infinity);
    return;
  }
  if (mag >= infinity)
    return test::reportFailure(__FILE__, __LINE__, "overflow at " + std::to_string(a));
  long double error = std::fabs((long double)a - value(mag));
  // The neighbour above the largest finite value counts as the next power of two.
  long double above = std::fabs((long double)(mag + 1 == infinity ? 2 * overflowAt - value(mag) : value(mag + 1)) - a);
  long double below = mag ? std::fabs((long double)a - value(mag - 1)) : INFINITY;
  CHECK(error <= above && error <= below);
  if (error == above || error == below)
    CHECK_EQ(mag & 1, 0);
}

TEST(NarrowingRoundsToNearestEven) {
  std::mt19937_64 random(3);
  const double halfMax = 65520, bfloatMax = std::ldexp(2 - std::ldexp(1, -8), 127); // halfway to the next power of two
  for (int i = 0; i < 300000; ++i) {
    // Any double and float bits, and doubles around ties.
    double d = bits<double>(random());
    float f = bits<float>(uint32_t(random()));
    uint16_t h = uint16_t(random() % 0x7c00);
    double tie = (halfValue(h) + (h + 1 == 0x7c00 ? 65536 : halfValue(h + 1))) / 2;
    double nearTie = i % 3 == 0 ? tie : std::nextafter(tie, i % 3 == 1 ? 0 : 1e9);
    for (double x : {d, std::ldexp(d, -1000), double(f), nearTie, -nearTie}) {
      if (std::isnan(x))
        continue;
      checkRounding(x, low(truncDoubleToHalf(x)), halfValue, 0x7c00, halfMax);
      checkRounding(x, low(truncDoubleToBFloat(x)), bfloatValue, 0x7f80, bfloatMax);
    }
    if (!std::isnan(f)) {
      checkRounding(f, low(truncFloatToHalf(f)), halfValue, 0x7c00, halfMax);
      checkRounding(f, low(truncFloatToBFloat(f)), bfloatValue, 0x7f80, bfloatMax);
    }
  }
  for (double nan : {double(NAN), bits<double>(uint64_t(0x7ff0000000000001))}) {
    CHECK(isNaN16(low(truncDoubleToHalf(nan)), 10));
    CHECK(isNaN16(low(truncDoubleToBFloat(nan)), 7));
  }
  CHECK(isNaN16(low(truncFloatToHalf(bits<float>(0x7f800001u))), 10));
  CHECK(isNaN16(low(truncFloatToBFloat(bits<float>(0x7f800001u))), 7));
}

// Native code really passes them where the runtime looks: a program compiled
// without the instructions calls the helpers.
TEST(NativeCodeReachesTheHelpers) {
#if defined(__x86_64__)
  test::Program p = test::program(R"(
int32_t entry(WeftCall *call, const WeftArg *args) {
  const float *x = args[0].data;
  int64_t n = args[0].shape[0];
  float *y = weft_rt_result(call, 0, n * 4, 1, &n);
  if (!y) return weft_rt_poll(call);
  for (int64_t i = 0; i < n; ++i) {
    volatile _Float16 h = (_Float16)x[i];
    volatile _Float16 g = (_Float16)(double)x[i];
    volatile __bf16 b = (__bf16)x[i];
    y[i] = (float)h + (float)g + (float)b;
  }
  return 0;
})",
                                  1, 1);
  REQUIRE(p);
  float x[4] = {1.0f, 1.0009765625f, -3.14159274f, 1e-7f};
  int64_t shape[1] = {4};
  WeftArg args[1] = {{x, shape}};
  WeftResult out[1];
  WeftError err;
  REQUIRE(weft_call(p.get(), args, out, nullptr, &err) == 0);
  for (int i = 0; i < 4; ++i) {
    float half = float(halfValue(low(truncFloatToHalf(x[i])))), bf = float(bfloatValue(low(truncFloatToBFloat(x[i]))));
    CHECK_EQ(static_cast<float *>(out[0].buffer->data)[i], half + half + bf);
  }
  weft_buffer_release(out[0].buffer);
#endif
}
