//===- CallTest.cpp - calling programs: results, arena, scratch, failures -===//

#include "Harness.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using test::Program;

static const char *kAddOne = R"(
int32_t entry(WeftCall *call, const WeftArg *args) {
  const float *x = args[0].data;
  int64_t n = args[0].shape[0];
  float *y = weft_rt_result(call, 0, n * 4, 1, &n);
  if (!y) return weft_rt_poll(call);
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] + 1;
  return 0;
})";

TEST(AProgramComputes) {
  Program p = test::program(kAddOne, 1, 1);
  REQUIRE(p);
  float x[5] = {0, 1, 2, 3, 4};
  int64_t shape[1] = {5};
  WeftArg args[1] = {{x, shape}};
  WeftResult out[1];
  WeftError err;
  REQUIRE(weft_call(p.get(), args, out, nullptr, &err) == 0);
  CHECK_EQ(out[0].rank, 1);
  CHECK_EQ(out[0].shape[0], int64_t(5));
  CHECK_EQ(out[0].buffer->bytes, int64_t(20));
  for (int i = 0; i < 5; ++i)
    CHECK_EQ(static_cast<float *>(out[0].buffer->data)[i], float(i + 1));
  weft_buffer_release(out[0].buffer);
}

TEST(TheSignatureAndMetadataAreKept) {
  WeftError err;
  std::string object = test::compileC(std::string("#include \"weft/Runtime/ABI.h\"\n") + kAddOne);
  Program p = test::load(test::buildImage({{"entry", object}}, 1, 1, {}, "the report"), err);
  REQUIRE(p);
  CHECK_EQ(weft_program_num_args(p.get()), 1);
  CHECK_EQ(weft_program_num_results(p.get()), 1);
  WeftValueType type = weft_program_arg(p.get(), 0);
  CHECK_EQ(type.dtype, int32_t(WEFT_F32));
  CHECK_EQ(type.rank, 1);
  CHECK_EQ(type.dims[0], int64_t(-1));
  size_t size;
  const void *metadata = weft_program_metadata(p.get(), &size);
  CHECK(std::string(static_cast<const char *>(metadata), size) == "the report");
  CHECK(weft_program_code_bytes(p.get()) >= 4096);
}

TEST(ADonatedBufferBecomesTheResult) {
  Program p = test::program(kAddOne, 1, 1);
  REQUIRE(p);
  int64_t shape[1] = {4};
  WeftError err;
  WeftResult out[1];
  for (int64_t bytes : {16, 8}) { // large enough, too small
    WeftBuffer *buffer = weft_buffer_alloc(16);
    memset(buffer->data, 0, 16);
    buffer->bytes = bytes;
    WeftArg args[1] = {{buffer->data, shape}};
    WeftBuffer *donated[1] = {weft_buffer_retain(buffer)};
    WeftCallOptions options = {};
    options.donated = donated;
    REQUIRE(weft_call(p.get(), args, out, &options, &err) == 0);
    CHECK((out[0].buffer == buffer) == (bytes == 16));
    CHECK(donated[0] == nullptr);
    CHECK_EQ(static_cast<float *>(out[0].buffer->data)[3], 1.0f);
    CHECK_EQ(weft_buffer_refs(buffer), int64_t(bytes == 16 ? 2 : 1));
    weft_buffer_release(buffer);
    weft_buffer_release(out[0].buffer);
  }
}

static const char *kKeep = R"(
int32_t entry(WeftCall *call, const WeftArg *args) {
  int64_t one = 1;
  int32_t *out = weft_rt_result(call, 0, 4, 1, &one);
  int32_t isNew;
  int32_t *kept = (int32_t *)weft_rt_kept(call, 64, &isNew);
  if (!out || !kept) return weft_rt_poll(call);
  if (isNew) {
    *kept = *(const int32_t *)args[0].data;
    if (*kept < 0) return weft_rt_fail(call, 4, 0, 0, 0);
    weft_rt_keep(call);
  }
  *out = *kept;
  return 0;
})";

TEST(WhatIsKeptIsComputedOnce) {
  Program p = test::program(kKeep, 1, 1);
  REQUIRE(p);
  int64_t shape[1] = {1};
  auto call = [&](int32_t given, WeftKept *kept) {
    WeftArg args[1] = {{&given, shape}};
    WeftResult out[1];
    WeftError err;
    WeftCallOptions options = {};
    options.kept = kept;
    if (weft_call(p.get(), args, out, &options, &err) != 0)
      return int32_t(-1);
    int32_t got = *static_cast<int32_t *>(out[0].buffer->data);
    weft_buffer_release(out[0].buffer);
    return got;
  };
  WeftKept *kept = weft_kept_create();
  CHECK_EQ(call(-5, kept), -1); // a call that fails keeps nothing
  CHECK_EQ(call(7, kept), 7);
  CHECK_EQ(call(8, kept), 7);
  CHECK_EQ(call(8, nullptr), 8);
  weft_kept_free(kept);
  weft_kept_free(nullptr);
}

TEST(CallsAtOnceMayShareWhatIsKept) {
  Program p = test::program(kKeep, 1, 1);
  REQUIRE(p);
  for (int round = 0; round < 50; ++round) {
    WeftKept *kept = weft_kept_create();
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        int32_t given = 3;
        int64_t shape[1] = {1};
        WeftArg args[1] = {{&given, shape}};
        WeftCallOptions options = {};
        options.kept = kept;
        for (int i = 0; i < 20; ++i) {
          WeftResult out[1];
          WeftError err;
          wrong +=
              weft_call(p.get(), args, out, &options, &err) != 0 || *static_cast<int32_t *>(out[0].buffer->data) != 3;
          weft_buffer_release(out[0].buffer);
        }
      });
    for (std::thread &thread : threads)
      thread.join();
    CHECK_EQ(wrong.load(), 0);
    weft_kept_free(kept);
  }
}

TEST(ForeignMemoryMayBeDonated) {
  Program p = test::program(kAddOne, 1, 1);
  REQUIRE(p);
  float x[4] = {0, 1, 2, 3};
  int64_t shape[1] = {4};
  WeftBuffer *buffer = weft_buffer_wrap(x, sizeof x, nullptr, nullptr);
  WeftArg args[1] = {{x, shape}};
  WeftBuffer *donated[1] = {buffer};
  WeftCallOptions options = {};
  options.donated = donated;
  WeftResult out[1];
  WeftError err;
  REQUIRE(weft_call(p.get(), args, out, &options, &err) == 0);
  CHECK(out[0].buffer == buffer);
  CHECK_EQ(buffer->id, int64_t(0));
  CHECK_EQ(x[3], 4.0f);
  weft_buffer_release(out[0].buffer);
}

TEST(TheArenaGrowsAndIsReused) {
  Program p = test::program(R"(
int32_t entry(WeftCall *call, const WeftArg *args) {
  int64_t n = args[0].shape[0], one = 1;
  float *out = weft_rt_result(call, 0, 4, 1, &one);
  char *small = weft_rt_arena(call, 64);
  if (!out || !small) return weft_rt_poll(call);
  for (int i = 0; i < 64; ++i) small[i] = i;
  char *large = weft_rt_arena(call, n);
  if (!large) return weft_rt_poll(call);
  for (int64_t i = 0; i < n; ++i) large[i] = 99;
  // Memory of the first request stays valid; a request that fits gives the same memory.
  int ok = ((uintptr_t)small % 64 == 0) && ((uintptr_t)large % 64 == 0) && weft_rt_arena(call, 1) == large;
  for (int i = 0; i < 64; ++i) ok &= small == large || small[i] == i;
  *out = ok;
  return 0;
})",
                            1, 1);
  REQUIRE(p);
  WeftPoolStats before, after;
  for (int64_t n : {10, 100000, 5000000, 100000}) {
    WeftArg args[1] = {{nullptr, &n}};
    WeftResult out[1];
    WeftError err;
    REQUIRE(weft_call(p.get(), args, out, nullptr, &err) == 0);
    CHECK_EQ(*static_cast<float *>(out[0].buffer->data), 1.0f);
    weft_buffer_release(out[0].buffer);
    // Once large enough, the arena is asked of the pool no more.
    weft_pool_stats(&before);
    REQUIRE(weft_call(p.get(), args, out, nullptr, &err) == 0);
    weft_buffer_release(out[0].buffer);
    weft_pool_stats(&after);
    CHECK_EQ(after.misses, before.misses);
    CHECK_EQ(after.hits, before.hits + 1); // the result
  }
}

TEST(NoMemoryIsAnErrorAndReleasesTheResults) {
  Program p = test::program(R"(
int32_t entry(WeftCall *call, const WeftArg *args) {
  int64_t n = args[0].shape[0];
  if (!weft_rt_result(call, 0, 64, 1, &n) || !weft_rt_arena(call, n)) return weft_rt_poll(call);
  return 0;
})",
                            1, 1);
  REQUIRE(p);
  WeftPoolStats before, after;
  weft_pool_stats(&before);
  int64_t n = 0;
  WeftArg args[1] = {{nullptr, &n}};
  WeftResult out[1];
  WeftError err;
  for (int64_t huge : {int64_t(1) << 50, int64_t(-5)}) {
    n = huge;
    CHECK_EQ(weft_call(p.get(), args, out, nullptr, &err), int32_t(WEFT_ERR_NO_MEMORY));
    CHECK_EQ(err.code, int32_t(WEFT_ERR_NO_MEMORY));
    CHECK_EQ(err.expected, huge);
    CHECK(!out[0].buffer);
  }
  weft_pool_stats(&after);
  CHECK_EQ(after.live_buffers, before.live_buffers);
  n = 1; // and the program works again
  CHECK_EQ(weft_call(p.get(), args, out, nullptr, &err), 0);
  weft_buffer_release(out[0].buffer);
}

// The system's refusal, not only our bound: in a child whose address space ends.
TEST(ExhaustedMemoryIsAnError) {
  SKIP_UNDER_QEMU("does not limit the address space of what it runs");
  Program p = test::program(R"(
int32_t entry(WeftCall *call, const WeftArg *args) {
  int64_t one = 1;
  if (!weft_rt_arena(call, args[0].shape[0])) return weft_rt_poll(call);
  return weft_rt_result(call, 0, 4, 1, &one) ? 0 : weft_rt_poll(call);
})",
                            1, 1);
  REQUIRE(p);
  pid_t child = fork();
  if (child == 0) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    bool ready = file && fscanf(file, "%ld", &pages) == 1;
    rlim_t limit = rlim_t(pages) * rlim_t(sysconf(_SC_PAGESIZE)) + (64 << 20);
    rlimit address = {limit, limit};
    ready = ready && setrlimit(RLIMIT_AS, &address) == 0;
    int64_t n = 256 << 20;
    WeftArg args[1] = {{nullptr, &n}};
    WeftResult out[1];
    WeftError err;
    bool refused = weft_call(p.get(), args, out, nullptr, &err) == WEFT_ERR_NO_MEMORY && err.expected == n;
    n = 1 << 20;
    bool works = weft_call(p.get(), args, out, nullptr, &err) == 0;
    _exit(!ready ? 1 : !refused ? 2 : !works ? 3 : 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

TEST(TrimmingAProgramFreesItsArena) {
  Program p = test::program(
      "int32_t entry(WeftCall *call, const WeftArg *args) { return weft_rt_arena(call, 1000000) == 0; }", 0, 0);
  REQUIRE(p);
  WeftPoolStats before, after;
  weft_pool_stats(&before);
  CHECK_EQ(weft_call(p.get(), nullptr, nullptr, nullptr, nullptr), 0);
  weft_pool_stats(&after);
  CHECK(after.live_bytes >= before.live_bytes + 1000000);
  weft_program_trim(p.get());
  weft_pool_stats(&after);
  CHECK_EQ(after.live_bytes, before.live_bytes);
  CHECK_EQ(weft_call(p.get(), nullptr, nullptr, nullptr, nullptr), 0);
}

extern "C" int hostInC(const void *image, size_t size, const float *x, int64_t n, float *y);

TEST(AHostInC) {
  std::string image =
      test::buildImage({{"entry", test::compileC(std::string("#include \"weft/Runtime/ABI.h\"\n") + kAddOne)}}, 1, 1);
  float x[3] = {1, 2, 3}, y[3] = {};
  CHECK_EQ(hostInC(image.data(), image.size(), x, 3, y), 0);
  CHECK(y[0] == 2 && y[1] == 3 && y[2] == 4);
  CHECK_EQ(hostInC(image.data(), 100, x, 3, y), int(WEFT_ERR_TRUNCATED));
}

TEST(FailuresCarryTheirFacts) {
  Program p = test::program(R"(
int32_t entry(WeftCall *call, const WeftArg *args) {
  if (args[0].shape[0] != 3) {
    weft_rt_fail(call, 5021, 0 * 256 + 0, 3, args[0].shape[0]);
    return weft_rt_fail(call, 5022, 7, 7, 7); // the first one counts
  }
  return 0;
})",
                            1, 1);
  REQUIRE(p);
  int64_t shape[1] = {8};
  WeftArg args[1] = {{nullptr, shape}};
  WeftResult out[1];
  WeftError err;
  CHECK_EQ(weft_call(p.get(), args, out, nullptr, &err), int32_t(WEFT_ERR_SHAPE));
  CHECK_EQ(err.where, int64_t(0));
  CHECK_EQ(err.expected, int64_t(3));
  CHECK_EQ(err.got, int64_t(8));
  CHECK(std::string(err.message) == "argument 0, dimension 0: expected 3, got 8");
  // A result that was never made is a fault of the native code, and told.
  shape[0] = 3;
  CHECK_EQ(weft_call(p.get(), args, out, nullptr, &err), int32_t(WEFT_ERR_NATIVE));
}

TEST(SizesOfTheSignatureAreCheckedBeforeTheEntry) {
  WeftError err;
  std::string code = test::compileC(R"(
#include "weft/Runtime/ABI.h"
int32_t entry(WeftCall *call, const WeftArg *args) { return weft_rt_fail(call, 5024, 1, 1, 1); })");
  Program p = test::load(test::buildImage({{"entry", code}}, 2, 0, {}, "", 3), err);
  REQUIRE(p);
  int64_t right[1] = {3}, wrong[1] = {4};
  WeftArg good[2] = {{nullptr, right}, {nullptr, right}}, bad[2] = {{nullptr, right}, {nullptr, wrong}};
  CHECK_EQ(weft_call(p.get(), bad, nullptr, nullptr, &err), int32_t(WEFT_ERR_SHAPE));
  CHECK_EQ(err.where, int64_t(256));
  CHECK_EQ(err.expected, int64_t(3));
  CHECK_EQ(err.got, int64_t(4));
  CHECK_EQ(weft_call(p.get(), good, nullptr, nullptr, &err), int32_t(WEFT_ERR_NATIVE));
}

TEST(ScratchOfABodyIsNotTheScratchAroundIt) {
  Program p = test::program(R"(
static void body(WeftCall *call, void *closure, int64_t begin, int64_t end) {
  char *mine = weft_rt_scratch(call, 256);
  for (int i = 0; i < 256; ++i) mine[i] = 7;
}
int32_t entry(WeftCall *call, const WeftArg *args) {
  int64_t one = 1;
  float *out = weft_rt_result(call, 0, 4, 1, &one);
  char *panel = weft_rt_scratch(call, 256);
  for (int i = 0; i < 256; ++i) panel[i] = 3;
  weft_rt_parallel(call, body, 0, 16, 1, 1);
  *out = 1;
  for (int i = 0; i < 256; ++i) if (panel[i] != 3) *out = 0;
  return 0;
})",
                            0, 1);
  REQUIRE(p);
  WeftResult out[1];
  WeftError err;
  REQUIRE(weft_call(p.get(), nullptr, out, nullptr, &err) == 0);
  CHECK_EQ(*static_cast<float *>(out[0].buffer->data), 1.0f);
  weft_buffer_release(out[0].buffer);
}

//===----------------------------------------------------------------------===//
// Interruption
//===----------------------------------------------------------------------===//

using Clock = std::chrono::steady_clock;
static double msSince(Clock::time_point t) {
  return std::chrono::duration<double, std::milli>(Clock::now() - t).count();
}

struct Stopper {
  Clock::time_point at;
  int calls = 0;
};
static int32_t stopLater(void *user) {
  auto *s = static_cast<Stopper *>(user);
  ++s->calls;
  return Clock::now() >= s->at;
}

/// Stops a call that would never end, and measures how late it returns. The best
/// of a few tries counts, since other programs may have the cores meanwhile.
static void interrupt(const Program &p, int threads) {
  double best = 1e9;
  for (int tries = 0; tries < 5 && best > 100; ++tries) {
    Clock::time_point start = Clock::now();
    Stopper stopper{start + std::chrono::milliseconds(60)};
    WeftCallOptions options = {};
    options.threads = threads;
    options.poll = stopLater;
    options.poll_user = &stopper;
    WeftError err;
    CHECK_EQ(weft_call(p.get(), nullptr, nullptr, &options, &err), int32_t(WEFT_ERR_INTERRUPTED));
    CHECK(stopper.calls >= 1);
    best = std::min(best, msSince(start) - 60);
  }
  CHECK(best <= 100); // the design's promise
}

TEST(ALongLoopIsInterrupted) {
  Program p = test::program(R"(
int32_t entry(WeftCall *call, const WeftArg *args) {
  volatile double x = 0;
  for (;;) {
    for (int i = 0; i < 1000; ++i) x += i;
    int32_t stop = weft_rt_poll(call);
    if (stop) return stop;
  }
})",
                            0, 0);
  REQUIRE(p);
  interrupt(p, 1);
}

TEST(ALongParallelLoopIsInterruptedBetweenChunks) {
  Program p = test::program(R"(
static void body(WeftCall *call, void *closure, int64_t begin, int64_t end) {
  volatile double x = 0;
  for (int i = 0; i < 100000; ++i) x += i;
}
int32_t entry(WeftCall *call, const WeftArg *args) {
  weft_rt_parallel(call, body, 0, 1000000000, 1, 1000000000);
  return 0; // the status counts, though the entry overlooks it
})",
                            0, 0);
  REQUIRE(p);
  interrupt(p, 1);
  interrupt(p, 2);
}

TEST(APollCallbackMayCallPrograms) {
  Program inner = test::program(kAddOne, 1, 1);
  Program outer = test::program(R"(
int32_t entry(WeftCall *call, const WeftArg *args) {
  volatile double x = 0;
  char *panel = weft_rt_scratch(call, 128);
  for (int i = 0; i < 128; ++i) panel[i] = 5;
  for (int round = 0; round < 100000; ++round) {
    for (int i = 0; i < 10000; ++i) x += i;
    int32_t stop = weft_rt_poll(call);
    if (stop) { for (int i = 0; i < 128; ++i) if (panel[i] != 5) return weft_rt_fail(call, 5023, 0, 0, 0); return stop; }
  }
  return 0;
})",
                                0, 0);
  REQUIRE(inner && outer);
  WeftCallOptions options = {};
  options.poll_user = inner.get();
  options.poll = [](void *user) -> int32_t {
    float x[1] = {41};
    int64_t shape[1] = {1};
    WeftArg args[1] = {{x, shape}};
    WeftResult out[1];
    if (weft_call(static_cast<WeftProgram *>(user), args, out, nullptr, nullptr))
      return 0; // the outer program then runs to its end and the check below fails
    bool right = *static_cast<float *>(out[0].buffer->data) == 42;
    weft_buffer_release(out[0].buffer);
    return right;
  };
  WeftError err;
  CHECK_EQ(weft_call(outer.get(), nullptr, nullptr, &options, &err), int32_t(WEFT_ERR_INTERRUPTED));
}

TEST(OneProgramIsCalledFromManyThreads) {
  Program p = test::program(kAddOne, 1, 1);
  REQUIRE(p);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      float x[64];
      for (int i = 0; i < 64; ++i)
        x[i] = float(i * t);
      int64_t shape[1] = {64};
      WeftArg args[1] = {{x, shape}};
      for (int round = 0; round < 500; ++round) {
        WeftResult out[1];
        WeftError err;
        REQUIRE(weft_call(p.get(), args, out, nullptr, &err) == 0);
        bool same = true;
        for (int i = 0; i < 64; ++i)
          same &= static_cast<float *>(out[0].buffer->data)[i] == x[i] + 1;
        CHECK(same);
        weft_buffer_release(out[0].buffer);
      }
    });
  for (std::thread &t : threads)
    t.join();
}
