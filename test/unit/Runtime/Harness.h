//===- Harness.h - the few lines of test framework that we need -----------===//
//
// Decides how runtime tests register and report: TEST(name) { CHECK(...); }. A
// failed CHECK is printed and counted, and the test goes on; REQUIRE leaves the
// test. No framework is used, so the tests build wherever the runtime does and
// run under every sanitizer.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_TEST_RUNTIME_HARNESS_H
#define WEFT_TEST_RUNTIME_HARNESS_H

#include "weft/Runtime/Runtime.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace test {

struct Registration {
  Registration(const char *name, void (*body)());
};
void reportFailure(const char *file, int line, const std::string &what);

#define TEST(name)                                                                                                     \
  static void name();                                                                                                  \
  static test::Registration name##Registration(#name, name);                                                           \
  static void name()

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition))                                                                                                  \
      test::reportFailure(__FILE__, __LINE__, #condition);                                                             \
  } while (0)

#define CHECK_EQ(a, b)                                                                                                 \
  do {                                                                                                                 \
    auto va = (a);                                                                                                     \
    auto vb = (b);                                                                                                     \
    if (!(va == vb))                                                                                                   \
      test::reportFailure(__FILE__, __LINE__,                                                                          \
                          #a " == " #b ", but " + std::to_string(va) + " != " + std::to_string(vb));                   \
  } while (0)

#define REQUIRE(condition)                                                                                             \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      test::reportFailure(__FILE__, __LINE__, #condition);                                                             \
      return;                                                                                                          \
    }                                                                                                                  \
  } while (0)

/// Leaves a test of what user-mode QEMU does not do, where it is what runs us.
#ifdef WEFT_TEST_EMULATED
#define SKIP_UNDER_QEMU(reason) return (void)printf("skipped: QEMU %s\n", reason)
#else
#define SKIP_UNDER_QEMU(reason) (void)0
#endif

/// A temporary folder of this run, removed at the end.
const std::string &scratchFolder();

/// Compiles C source with the clang of the build; extra flags may name a target.
/// Returns the object's bytes, empty (and a failure) if the compiler fails. The
/// source sees ABI.h.
std::string compileC(const std::string &source, const std::string &flags = "");

/// One object and its symbol.
struct Unit {
  std::string symbol, object;
};

/// A vector signature: each argument and result is f32[?], or of `size`.
std::string buildImage(const std::vector<Unit> &units, int numArgs, int numResults,
                       const std::vector<const char *> &features = {}, const std::string &metadata = "",
                       int64_t size = -1);

struct FreeProgram {
  void operator()(WeftProgram *p) const { weft_program_free(p); }
};
using Program = std::unique_ptr<WeftProgram, FreeProgram>;

/// Compiles, builds and loads a program of one object whose entry is `entry`.
Program program(const std::string &source, int numArgs, int numResults);

/// Loads bytes from exactly-sized memory, so that a sanitizer sees any access beyond.
Program load(const std::string &image, WeftError &err);

} // namespace test

#endif // WEFT_TEST_RUNTIME_HARNESS_H
