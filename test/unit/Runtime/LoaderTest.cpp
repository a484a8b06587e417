//===- LoaderTest.cpp - ELF objects: relocations, symbols, refusals -------===//

#include "../../../lib/Runtime/Loader.h"
#include "Harness.h"

#include <cstring>
#include <unistd.h>

using namespace weft::rt;
using test::Program;

static const std::string kAbi = "#include \"weft/Runtime/ABI.h\"\n#include <stddef.h>\n";

/// Loads units as an image of no arguments and `results` results.
static Program loadUnits(const std::vector<test::Unit> &units, int results, WeftError &err) {
  return test::load(test::buildImage(units, 0, results), err);
}

static double callOne(const Program &p) {
  WeftResult out[1];
  WeftError err;
  if (weft_call(p.get(), nullptr, out, nullptr, &err)) {
    test::reportFailure(__FILE__, __LINE__, err.message);
    return 0;
  }
  double value = *static_cast<float *>(out[0].buffer->data);
  weft_buffer_release(out[0].buffer);
  return value;
}

/// Everything that an object may hold: constants, initialised and zeroed data, a
/// table of addresses, data of another object (through the GOT), calls both ways,
/// a switch, outside functions called and their addresses taken.
static const std::string kMain = kAbi + R"(
void *memcpy(void *, const void *, size_t);
void *memset(void *, int, size_t);
extern int shared;                 // not hidden: reached by a GOT slot
int twice(int);
static int counter = 5;
static int zeroed[1000];
static int f1(int x) { return x + 1; }
static int f2(int x) { return x * 2; }
static int (*const functions[2])(int) = {f1, f2};
void *(*volatile setter)(void *, int, size_t) = memset;
__attribute__((noinline)) int pick(int i) {
  switch (i) { case 0: return 3; case 1: return 17; case 2: return 4; case 3: return 99; case 4: return 8; case 5: return 12; }
  return 0;
}
int callback(int x) { return x + 1000; }
int32_t entry(WeftCall *call, const WeftArg *args) {
  int64_t one = 1;
  float *out = weft_rt_result(call, 0, 4, 1, &one);
  if (!out) return weft_rt_poll(call);
  char from[300], to[300];
  setter(from, 1, sizeof from);
  volatile size_t size = sizeof from;
  memcpy(to, from, size);
  zeroed[999] += 7;
  volatile int which = 1;
  float sum = counter + zeroed[999] + zeroed[0] + to[299];           // 5 + 7 + 0 + 1
  sum += functions[which](20) + pick(which) + shared + twice(4);     // 40 + 17 + 600 + 1008
  *out = sum;
  return 0;
})";
static const std::string kOther =
    "int callback(int); int shared = 600; int twice(int x) { return x * 2 + callback(0); }";

TEST(AllAcceptedRelocationsWork) {
  WeftError err;
  // In the default model, and with external data reached without a GOT.
  for (const char *flags : {"", "-fno-plt", "-fno-jump-tables -O0", "-fvisibility=hidden"}) {
    Program p = loadUnits({{"entry", test::compileC(kMain, flags)}, {"twice", test::compileC(kOther, flags)}}, 1, err);
    if (!p)
      test::reportFailure(__FILE__, __LINE__, std::string(flags) + ": " + err.message);
    else
      CHECK_EQ(callOne(p), 1678.0);
  }
}

TEST(UnknownSymbolsAreNamed) {
  WeftError err;
  std::string object = test::compileC(
      kAbi +
      "float expf(float); int32_t entry(WeftCall *c, const WeftArg *a) { return (int)expf((float)(intptr_t)c); }");
  CHECK(!loadUnits({{"entry", object}}, 0, err));
  CHECK_EQ(err.code, int32_t(WEFT_ERR_SYMBOL));
  CHECK(strstr(err.message, "'expf'"));
}

TEST(DuplicateSymbolsAreRefusedUnlessWeak) {
  WeftError err;
  std::string a = test::compileC("int f(void) { return 1; } int g(void) { return 2; }");
  std::string b = test::compileC("int g(void) { return 3; }");
  std::string weak = test::compileC("__attribute__((weak)) int g(void) { return 3; } int h(void) { return 4; }");
  CHECK(!loadUnits({{"f", a}, {"g", b}}, 0, err));
  CHECK_EQ(err.code, int32_t(WEFT_ERR_SYMBOL));
  CHECK(loadUnits({{"f", a}, {"h", weak}}, 0, err));
  CHECK(loadUnits({{"h", weak}, {"f", a}}, 0, err));
}

TEST(AnObjectMustDefineItsSymbolAsCode) {
  WeftError err;
  std::string object = test::compileC("int number = 3; int f(void) { return 1; }");
  for (const char *name : {"g", "number", ""}) {
    CHECK(!loadUnits({{name, object}}, 0, err));
    CHECK_EQ(err.code, int32_t(WEFT_ERR_OBJECT));
  }
}

TEST(UnsupportedFeaturesAreNamed) {
  WeftError err;
  struct Case {
    const char *source, *flags;
    int32_t code;
  };
  for (const Case &c : {
           Case{"__thread int t; int f(void) { return t++; }", "", WEFT_ERR_OBJECT},
           Case{"int c; int f(void) { return c++; }", "-fcommon", WEFT_ERR_OBJECT},
           Case{"volatile int v; __attribute__((constructor)) void f(void) { v = 1; }", "", WEFT_ERR_OBJECT},
           Case{"int f(void) { return 1; }", "-emit-llvm", WEFT_ERR_OBJECT},
           Case{"__attribute__((aligned(65536))) int a[4]; int f(void) { return a[0]++; }", "", WEFT_ERR_OBJECT},
#if defined(__x86_64__)
           Case{"int f(void) { return 1; }", "-m32", WEFT_ERR_OBJECT},
           Case{"int f(void) { return 1; }", "--target=aarch64-linux-gnu", WEFT_ERR_MACHINE},
           Case{"extern int x; int *f(void) { return &x; } int x;", "-fno-pic -mcmodel=small -fno-pie",
                WEFT_ERR_RELOCATION},
#endif
       }) {
    loadUnits({{"f", test::compileC(c.source, c.flags)}}, 0, err);
    if (err.code != c.code)
      test::reportFailure(__FILE__, __LINE__, std::string(c.source) + " " + c.flags + ": " + std::to_string(err.code));
  }
}

TEST(DebugInformationAndUnwindTablesAreSkipped) {
  WeftError err;
  std::string source = kAbi + "int32_t entry(WeftCall *c, const WeftArg *a) { return 0; }";
  Program p = loadUnits({{"entry", test::compileC(source, "-g -funwind-tables -fcf-protection=none")}}, 0, err);
  REQUIRE(p);
  CHECK_EQ(weft_call(p.get(), nullptr, nullptr, nullptr, &err), 0);
}

TEST(PerfFindsNames) {
  std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  setenv("WEFT_PERF", "1", 1);
  WeftError err;
  Program p = loadUnits({{"a_name_for_perf", test::compileC("int a_name_for_perf(void) { return 1; }")}}, 0, err);
  unsetenv("WEFT_PERF");
  CHECK(p != nullptr);
  char text[4096] = {};
  FILE *file = fopen(path.c_str(), "r");
  REQUIRE(file);
  CHECK(fread(text, 1, sizeof text - 1, file) > 0);
  fclose(file);
  CHECK(strstr(text, " a_name_for_perf\n"));
  unlink(path.c_str());
}

//===----------------------------------------------------------------------===//
// AArch64, by reading the relocated instructions back
//===----------------------------------------------------------------------===//

static uint32_t insn(const unsigned char *p) {
  uint32_t value;
  memcpy(&value, p, 4);
  return value;
}
static int64_t signExtend(uint64_t value, int bits) { return int64_t(value << (64 - bits)) >> (64 - bits); }

/// The target of the `bl` or `b` at p.
static const unsigned char *branchTarget(const unsigned char *p) { return p + signExtend(insn(p) & 0x3ffffff, 26) * 4; }

static ObjectView viewOf(const test::Unit &u) {
  return {u.symbol, reinterpret_cast<const unsigned char *>(u.object.data()), u.object.size()};
}

// Code of the other machine is laid out and relocated, though it cannot run
// here: an interpreter of the five instructions that addresses are made of
// follows each address to the bytes that must be there.
TEST(AArch64RelocationsPointToTheirTargets) {
  const std::string source = R"(
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned u32; typedef unsigned long u64;
#define V16 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55
typedef u8 v16 __attribute__((vector_size(16)));
#define AT(T, name, value) __attribute__((visibility("hidden"), aligned(16))) T name = value
__attribute__((visibility("hidden"), aligned(4096))) u8 pad[48] = {1};
AT(u8, c8, 0x11); AT(u16, c16, 0x2222); AT(u32, c32, 0x33333333); AT(u64, c64, 0x4444444444444444);
__attribute__((visibility("hidden"), aligned(16))) v16 c128 = {V16};
__attribute__((visibility("hidden"))) int other(void);
u8 get8(void) { return c8; } u16 get16(void) { return c16; } u32 get32(void) { return c32; } u64 get64(void) { return c64; }
v16 get128(void) { return c128; } void *address(void) { return &c32; }
__attribute__((visibility("hidden"))) void *const pointer = &c64; void *getPointer(void) { return pointer; }
extern int shared; int *getShared(void) { return &shared; }
int call(void) { return other() + 1; } int jump(void) { return other(); }
void *memset(void *, int, u64); void outside(void *p, u64 n) { memset(p, 0, n); }
)";
  test::Unit main{"get8", test::compileC(source, "--target=aarch64-linux-gnu -fno-asynchronous-unwind-tables")};
  test::Unit other{
      "other", test::compileC("int shared = 600; __attribute__((visibility(\"hidden\"))) int other(void) { return 7; }",
                              "--target=aarch64-linux-gnu")};
  LoadedCode code;
  WeftError err = {};
  if (loadObjects({viewOf(main), viewOf(other)}, WEFT_MACHINE_AARCH64, true, code, &err))
    return test::reportFailure(__FILE__, __LINE__, err.message);

  auto find = [&](std::string_view name) -> const unsigned char * {
    for (const LoadedCode::Function &f : code.functions)
      if (f.name == name)
        return static_cast<const unsigned char *>(f.address);
    test::reportFailure(__FILE__, __LINE__, "no function " + std::string(name));
    return nullptr;
  };
  // Runs adrp, add and loads into one register file, up to `ret`; returns the last address formed.
  auto lastAddress = [&](const char *name) -> const unsigned char * {
    uint64_t x[32] = {};
    uint64_t last = 0;
    const unsigned char *p = find(name);
    for (int i = 0; p && i < 8 && insn(p) != 0xd65f03c0; ++i, p += 4) {
      uint32_t w = insn(p), rd = w & 31, rn = w >> 5 & 31, imm12 = w >> 10 & 0xfff;
      if ((w & 0x9f000000) == 0x90000000) // adrp
        x[rd] = (uint64_t(uintptr_t(p)) & ~uint64_t(0xfff)) +
                uint64_t(signExtend((w >> 5 & 0x7ffff) << 2 | (w >> 29 & 3), 21) << 12);
      else if ((w & 0xffc00000) == 0x91000000) // add x, x, #imm
        last = x[rd] = x[rn] + imm12;
      else if ((w & 0x3b000000) == 0x39000000) { // ldr with unsigned offset
        int scale = (w >> 30) | ((w & 0x04800000) == 0x04800000 ? 4 : 0);
        last = x[rn] + (uint64_t(imm12) << scale);
      }
    }
    return reinterpret_cast<const unsigned char *>(uintptr_t(last));
  };
  struct Case {
    const char *function;
    unsigned char byte;
    int size;
  };
  for (const Case &c : {Case{"get8", 0x11, 1}, Case{"get16", 0x22, 2}, Case{"get32", 0x33, 4}, Case{"get64", 0x44, 8},
                        Case{"get128", 0x55, 16}, Case{"address", 0x33, 4}}) {
    const unsigned char *p = lastAddress(c.function);
    bool inside = p >= code.base && p < code.base + code.totalBytes;
    if (!inside)
      test::reportFailure(__FILE__, __LINE__, std::string(c.function) + ": an address outside the program");
    for (int i = 0; inside && i < c.size; ++i)
      CHECK_EQ(int(p[i]), int(c.byte));
  }
  // getPointer may have been folded to the address of c64: both forms end at 0x44 bytes.
  const unsigned char *pointer = lastAddress("getPointer");
  CHECK(pointer >= code.base && pointer < code.base + code.totalBytes);
  // Data of another object, through a slot of the GOT that holds its address.
  const unsigned char *slot = lastAddress("getShared");
  REQUIRE(slot >= code.base && slot + 8 <= code.base + code.codeBytes);
  const unsigned char *shared;
  memcpy(&shared, slot, 8);
  REQUIRE(shared >= code.base + code.codeBytes && shared + 4 <= code.base + code.totalBytes);
  CHECK_EQ(insn(shared), 600u);
  // Calls: the function itself between objects, a stub that jumps by x16 for outside symbols.
  auto branch = [&](const char *name, uint32_t opcode) -> const unsigned char * {
    const unsigned char *p = find(name);
    for (int i = 0; p && i < 8; ++i, p += 4)
      if ((insn(p) & 0xfc000000) == opcode)
        return branchTarget(p);
    test::reportFailure(__FILE__, __LINE__, std::string("no branch in ") + name);
    return nullptr;
  };
  CHECK(branch("call", 0x94000000) == find("other"));
  CHECK(branch("jump", 0x14000000) == find("other"));
  const unsigned char *stub = branch("outside", 0x14000000);
  REQUIRE(stub && stub >= code.base && stub + kStubBytes <= code.base + code.totalBytes);
  CHECK_EQ(insn(stub), 0x58000050u);
  CHECK_EQ(insn(stub + 4), 0xd61f0200u);
  void *target;
  memcpy(&target, stub + 8, 8);
  CHECK(target == runtimeSymbolAddress(findRuntimeSymbol("memset")));
}

TEST(RelocationsOutOfReachAreRefused) {
  alignas(16) unsigned char place[16] = {};
  uint64_t here = uint64_t(uintptr_t(place));
  // R_X86_64_PC32 reaches 2 GiB, R_AARCH64_CALL26 128 MiB and only whole words.
  CHECK(applyReloc(WEFT_MACHINE_X86_64, 2, {place, 16, here + 0x7fffffff}));
  CHECK(!applyReloc(WEFT_MACHINE_X86_64, 2, {place, 16, here + 0x80000000}));
  CHECK(!applyReloc(WEFT_MACHINE_X86_64, 2, {place, 3, here}));
  CHECK(!applyReloc(WEFT_MACHINE_X86_64, 1, {place, 7, here}));
  CHECK(applyReloc(WEFT_MACHINE_AARCH64, 283, {place, 16, here + (1 << 27) - 4}));
  CHECK(!applyReloc(WEFT_MACHINE_AARCH64, 283, {place, 16, here + (1 << 27)}));
  CHECK(!applyReloc(WEFT_MACHINE_AARCH64, 283, {place, 16, here + 2}));
  CHECK(!applyReloc(WEFT_MACHINE_AARCH64, 286, {place, 16, 0x1004})); // an 8-byte load needs 8-byte alignment
  CHECK(applyReloc(WEFT_MACHINE_AARCH64, 286, {place, 16, 0x1008}));
}
