//===- ImageTest.cpp - images: round trip, and every kind of damage -------===//

#include "Harness.h"

#include <cstdlib>
#include <cstring>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

using test::Program;

static const char *kTwo = R"(
#include "weft/Runtime/ABI.h"
float helper(float);
static float table[4] = {1, 2, 3, 4};
int32_t entry(WeftCall *call, const WeftArg *args) {
  int64_t one = 1;
  float *out = weft_rt_result(call, 0, 4, 1, &one);
  if (!out) return weft_rt_poll(call);
  for (int i = 0; i < 4; ++i) table[i] += 1;
  *out = helper(table[3]);
  return 0;
})";
static const char *kHelper = "float helper(float x) { static const float c[2] = {10, 20}; return x * c[x > 0]; }";

static std::string sample() {
  return test::buildImage({{"entry", test::compileC(kTwo)}, {"helper", test::compileC(kHelper)}}, 0, 1, {}, "meta");
}

static float callSample(const Program &p) {
  WeftResult out[1];
  WeftError err;
  if (weft_call(p.get(), nullptr, out, nullptr, &err))
    return -1;
  float value = *static_cast<float *>(out[0].buffer->data);
  weft_buffer_release(out[0].buffer);
  return value;
}

/// Recomputes the checksum, so that damage reaches the checks behind it.
static void reseal(std::string &image) {
  uint64_t sum = weft_image_checksum(image.data(), image.size());
  memcpy(&image[24], &sum, 8);
}

TEST(AnImageIsAFunctionOfItsSpec) {
  std::string image = sample();
  CHECK(image == sample());
  CHECK_EQ(image.size() % 64, size_t(0));
  CHECK(memcmp(image.data(), "\x89WFT\r\n\x1a\n", 8) == 0);
}

TEST(PiecesAreReadWithoutLoading) {
  std::string helper = test::compileC(kHelper), main = test::compileC(kTwo);
  std::string image = test::buildImage({{"entry", main}, {"helper", helper}}, 0, 1, {}, "meta");
  WeftImagePiece piece;
  WeftError err;
  auto data = [&] { return std::string(static_cast<const char *>(piece.data), piece.size); };
  REQUIRE(weft_image_piece(image.data(), image.size(), 1, &piece, &err) == 0);
  CHECK(std::string(piece.name, piece.name_size) == "helper" && data() == helper);
  REQUIRE(weft_image_piece(image.data(), image.size(), -1, &piece, &err) == 0);
  CHECK(data() == "meta");
  CHECK_EQ(weft_image_piece(image.data(), image.size(), 2, &piece, &err), int32_t(WEFT_ERR_USAGE));
  CHECK_EQ(weft_image_check(image.data(), image.size(), &err), 0);
  CHECK_EQ(weft_image_check(image.data(), image.size() - 1, &err), int32_t(WEFT_ERR_TRUNCATED));
}

TEST(AnImageInAFileRunsInASecondProcess) {
  std::string image = sample(), path = test::scratchFolder() + "/program.img";
  FILE *file = fopen(path.c_str(), "wb");
  REQUIRE(file);
  fwrite(image.data(), 1, image.size(), file);
  fclose(file);
  pid_t child = fork();
  if (child == 0) {
    WeftError err;
    Program p(weft_program_load_file(path.c_str(), &err));
    // table[3] is 5 in the first call and 6 in the second: each program has its own data.
    _exit(p && callSample(p) == 100 && callSample(p) == 120 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  unlink(path.c_str());
  WeftError err;
  CHECK(!weft_program_load_file(path.c_str(), &err));
  CHECK_EQ(err.code, int32_t(WEFT_ERR_IO));
}

TEST(EveryTruncationIsRefused) {
  std::string image = sample();
  for (size_t n = 0; n < image.size(); ++n) {
    WeftError err;
    CHECK(!test::load(image.substr(0, n), err));
    CHECK_EQ(err.code, int32_t(WEFT_ERR_TRUNCATED));
  }
  WeftError err;
  CHECK(!test::load(image + '\0', err));
  CHECK_EQ(err.code, int32_t(WEFT_ERR_BAD_IMAGE));
}

TEST(EveryFlippedByteIsRefused) {
  std::string image = sample();
  for (size_t i = 0; i < image.size(); ++i) {
    std::string bad = image;
    bad[i] ^= char(1 << (i % 8));
    WeftError err;
    CHECK(!test::load(bad, err));
    int32_t expected = i < 8    ? WEFT_ERR_BAD_IMAGE
                       : i < 12 ? WEFT_ERR_VERSION
                       : i < 16 ? WEFT_ERR_CHECKSUM
                       : i < 24 ? err.code // larger: truncated; smaller: bad image
                                : WEFT_ERR_CHECKSUM;
    CHECK_EQ(err.code, expected);
  }
}

TEST(ForeignFilesAreRefused) {
  WeftError err;
  for (std::string bytes : {std::string(),
                            std::string("\x7f"
                                        "ELF\2\1\1",
                                        7),
                            std::string(4096, '\0'), std::string(4096, '\xff'), test::compileC(kHelper),
                            std::string("#!/bin/sh\necho hello\n")}) {
    CHECK(!test::load(bytes, err));
    CHECK(err.code == WEFT_ERR_BAD_IMAGE || err.code == WEFT_ERR_TRUNCATED);
  }
}

// Damage behind a right checksum: a hostile file. Every byte of the tables and
// of the objects' own tables is tried with the values that break arithmetic.
// Some changes are harmless (a bit of an instruction); no change may crash the
// loader or make it ask for absurd memory. Nothing loaded here is called.
TEST(HostileImagesNeverCrashTheLoader) {
  std::string image = sample();
  const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  size_t refused = 0;
  for (size_t i = 8; i < image.size(); ++i)
    for (unsigned char value : values) {
      std::string bad = image;
      bad[i] = char(value);
      reseal(bad);
      WeftError err;
      refused += !test::load(bad, err);
    }
  CHECK(refused > image.size() / 10);
}

TEST(HostileNumbersNeverCrashTheLoader) {
  std::string image = sample();
  std::mt19937_64 random(7);
  const uint64_t values[] = {
      0,          1,          0xffff,       0x10000,           0x7fffffff,        0x80000000,
      0xffffffff, 0x3fffffff, ~uint64_t(0), uint64_t(1) << 63, uint64_t(1) << 40, 0xfffffffffffffff8};
  for (int round = 0; round < 20000; ++round) {
    std::string bad = image;
    for (int changes = 1 + int(random() % 3); changes > 0; --changes) {
      uint64_t value = random() % 2 ? values[random() % (sizeof values / 8)] : random() % (image.size() * 2);
      size_t width = size_t(1) << (random() % 4), at = 8 + random() % (image.size() - 16);
      memcpy(&bad[at / width * width], &value, width);
    }
    reseal(bad);
    WeftError err;
    test::load(bad, err);
  }
}

TEST(OtherMachinesAndFeaturesAreRefused) {
  std::string image = sample();
  WeftError err;
  std::string other = image;
  other[12] = other[12] == 62 ? char(183) : char(62);
  reseal(other);
  CHECK(!test::load(other, err));
  CHECK_EQ(err.code, int32_t(WEFT_ERR_MACHINE));

  std::string object = test::compileC(kHelper);
  CHECK(!test::load(test::buildImage({{"helper", object}}, 0, 0, {"no-such-feature"}), err));
  CHECK_EQ(err.code, int32_t(WEFT_ERR_CPU_FEATURE));
  CHECK(strstr(err.message, "no-such-feature"));
#if defined(__x86_64__)
  CHECK_EQ(weft_cpu_has("sse2"), 1);
  CHECK_EQ(weft_cpu_has("avx2"), __builtin_cpu_supports("avx2") ? 1 : 0);
  CHECK_EQ(weft_cpu_has("fma"), __builtin_cpu_supports("fma") ? 1 : 0);
  CHECK_EQ(weft_cpu_has("avx512f"), __builtin_cpu_supports("avx512f") ? 1 : 0);
  CHECK_EQ(weft_cpu_has("avx512bw"), __builtin_cpu_supports("avx512bw") ? 1 : 0);
  CHECK_EQ(weft_cpu_has("avx512bf16"), __builtin_cpu_supports("avx512bf16") ? 1 : 0);
  CHECK_EQ(weft_cpu_has("bmi2"), __builtin_cpu_supports("bmi2") ? 1 : 0);
  CHECK_EQ(weft_cpu_has("sse4a"), __builtin_cpu_supports("sse4a") ? 1 : 0);
  CHECK(test::load(test::buildImage({{"helper", object}}, 0, 0, {"sse2", "64bit"}), err));
#endif
  CHECK_EQ(weft_cpu_has("no-such-feature"), -1);
}

TEST(TheWriterRefusesBadSpecs) {
  WeftImageSpec spec = {};
  void *image;
  size_t size;
  WeftError err;
  CHECK_EQ(weft_image_write(&spec, &image, &size, &err), int32_t(WEFT_ERR_USAGE));
  WeftImageObject object = {"f", "x", 1};
  WeftValueType type = {99, 0, nullptr};
  spec.objects = &object;
  spec.num_objects = 1;
  spec.args = &type;
  spec.num_args = 1;
  CHECK_EQ(weft_image_write(&spec, &image, &size, &err), int32_t(WEFT_ERR_USAGE));
  type = {WEFT_F32, WEFT_MAX_RANK + 1, nullptr};
  CHECK_EQ(weft_image_write(&spec, &image, &size, &err), int32_t(WEFT_ERR_USAGE));
}
