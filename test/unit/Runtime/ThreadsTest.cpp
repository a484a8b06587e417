//===- ThreadsTest.cpp - the pool: results, nesting, two hosts, fork ------===//

#include "../../../lib/Runtime/Topology.h"
#include "Harness.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using test::Program;

// Sums n floats: a partial sum per chunk, added in order. shape[1..3] are the
// grain, the claimed cost and whether each chunk nests a loop of its own.
static const char *kSum = R"(
typedef struct { const float *x; double *parts; int64_t grain; int nest; double *target; } Sum;
static void inner(WeftCall *call, void *closure, int64_t begin, int64_t end) {
  Sum *s = closure;
  for (int64_t i = begin; i < end; ++i) *s->target += s->x[i];
}
static void body(WeftCall *call, void *closure, int64_t begin, int64_t end) {
  Sum s = *(Sum *)closure;
  s.target = s.parts + begin / s.grain;
  *s.target = 0;
  if (s.nest) {
    s.x += begin;
    weft_rt_parallel(call, inner, &s, end - begin, 10, 1000000000); // serial, in order: it adds to one place
  } else {
    inner(call, &s, begin, end);
  }
}
int32_t entry(WeftCall *call, const WeftArg *args) {
  int64_t n = args[0].shape[0], grain = args[0].shape[1], one = 1;
  float *out = weft_rt_result(call, 0, 4, 1, &one);
  int64_t chunks = (n + grain - 1) / grain;
  double *parts = (double *)weft_rt_arena(call, chunks * 8);
  if (!out || !parts) return weft_rt_poll(call);
  Sum s = {args[0].data, parts, grain, (int)args[0].shape[3], 0};
  weft_rt_parallel(call, body, &s, n, grain, args[0].shape[2]);
  double sum = 0;
  for (int64_t i = 0; i < chunks; ++i) sum += parts[i];
  *out = sum;
  return weft_rt_poll(call);
})";

static const int64_t kN = 200000;
static std::vector<float> numbers() {
  std::vector<float> x(kN);
  for (int64_t i = 0; i < kN; ++i)
    x[size_t(i)] = float(i % 97) * 0.25f - 3;
  return x;
}
static float expectedSum(const std::vector<float> &x) {
  double sum = 0;
  for (float v : x)
    sum += v; // quarters below 2^53: exact in any order
  return float(sum);
}

static float sum(const Program &p, const std::vector<float> &x, int threads, int64_t grain, int64_t cost, bool nest) {
  int64_t shape[4] = {int64_t(x.size()), grain, cost, nest};
  WeftArg args[1] = {{const_cast<float *>(x.data()), shape}};
  WeftResult out[1];
  WeftError err;
  WeftCallOptions options = {};
  options.threads = threads;
  if (weft_call(p.get(), args, out, &options, &err)) {
    test::reportFailure(__FILE__, __LINE__, err.message);
    return -1;
  }
  float value = *static_cast<float *>(out[0].buffer->data);
  weft_buffer_release(out[0].buffer);
  return value;
}

TEST(SumsAreTheSameForAnyNumberOfThreads) {
  Program p = test::program(kSum, 1, 1);
  REQUIRE(p);
  std::vector<float> x = numbers();
  float expected = expectedSum(x);
  for (int threads = 1; threads <= 4; ++threads)
    for (int64_t grain : {int64_t(1000), int64_t(777), kN, kN * 2})
      for (int64_t cost : {int64_t(100), int64_t(5000), int64_t(10000000)})
        for (bool nest : {false, true})
          for (int round = 0; round < 5; ++round)
            CHECK_EQ(sum(p, x, threads, grain, cost, nest), expected);
}

// A body that records its thread: the work must really be spread when it is
// said to be large, and stay with the caller when it is small.
static std::atomic<int> otherThreads;
static std::thread::id hostThread;

static const char *kNote = R"(
static void body(WeftCall *call, void *closure, int64_t begin, int64_t end) {
  ((void (*)(void))closure)();
}
int32_t entry(WeftCall *call, const WeftArg *args) {
  weft_rt_parallel(call, body, args[0].data, args[0].shape[0], 1, args[0].shape[1]);
  return 0;
})";

// Calls `note` 300 times in a loop that is said to take so long; how often that was on another thread.
static int noted(const Program &p, void (*note)(), int threads, int64_t cost) {
  int64_t shape[2] = {300, cost};
  WeftArg args[1] = {{reinterpret_cast<void *>(note), shape}};
  WeftCallOptions options = {};
  options.threads = threads;
  WeftError err;
  hostThread = std::this_thread::get_id();
  otherThreads = 0;
  CHECK_EQ(weft_call(p.get(), args, nullptr, &options, &err), 0);
  return otherThreads.load();
}

TEST(LargeLoopsAreSpreadAndSmallOnesAreNot) {
  Program p = test::program(kNote, 1, 0);
  REQUIRE(p);
  auto note = [] {
    if (std::this_thread::get_id() != hostThread)
      otherThreads.fetch_add(1);
    timespec pause = {0, 200000};
    nanosleep(&pause, nullptr); // lets the others in also on one core
  };
  CHECK(noted(p, note, 2, 20000000) > 0);
  CHECK_EQ(noted(p, note, 1, 20000000), 0);
  CHECK_EQ(noted(p, note, 2, 100), 0);
}

TEST(ShortLoopsInARowWakeAWorkerTogether) {
  Program p = test::program(kNote, 1, 0);
  REQUIRE(p);
  auto note = [] {
    if (std::this_thread::get_id() != hostThread)
      otherThreads.fetch_add(1);
  };
  timespec untilTheyPark = {0, 30000000};
  nanosleep(&untilTheyPark, nullptr);
  // None of them is long enough by itself; a loop that the worker is too late for says nothing.
  bool helped = false;
  for (int i = 0; i < 20000 && !helped; ++i)
    helped = noted(p, note, 2, 30000) > 0;
  CHECK(helped);
}

// Where the caller is pinned, one core after the other, the worker is not.
static std::atomic<int> hostCore, sharedCore;

TEST(AWorkerLeavesTheCallersCore) {
  Program p = test::program(kNote, 1, 0);
  REQUIRE(p);
  std::vector<int> cores = weft::rt::allowedCores();
  if (cores.size() < 2)
    return; // there is no other core
  cpu_set_t before;
  CHECK_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  auto note = [] {
    if (std::this_thread::get_id() != hostThread) {
      otherThreads.fetch_add(1);
      sharedCore.fetch_add(sched_getcpu() == hostCore);
    }
    timespec pause = {0, 200000};
    nanosleep(&pause, nullptr);
  };
  noted(p, note, 2, 20000000); // starts the worker while the mask allows all cores
  for (int round = 0; round < 3; ++round)
    for (int core : {cores[0], cores[1]}) {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(core, &one);
      CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
      hostCore = core;
      sharedCore = 0;
      CHECK(noted(p, note, 2, 20000000) > 0);
      CHECK_EQ(sharedCore.load(), 0);
    }
  CHECK_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

// Parts that note where they ran, how often, and how many were at work at once.
static std::atomic<int> partsDone[3], atOnce, mostAtOnce;

static const char *kParts = R"(
static void body(WeftCall *call, void *closure, int64_t begin, int64_t end) {
  for (; begin < end; ++begin)
    ((void (*)(int64_t))closure)(begin);
}
int32_t entry(WeftCall *call, const WeftArg *args) {
  weft_rt_beside(call, body, args[0].data, 3, (int64_t *)args[0].shape, args[0].shape[3]);
  return weft_rt_poll(call);
})";

/// Runs three parts; the greatest number at once. `sizes`: their times, then what loops inside of them share.
static int runParts(const Program &p, int64_t *sizes, int threads) {
  auto part = [](int64_t k) {
    int now = ++atOnce, most = mostAtOnce;
    while (now > most && !mostAtOnce.compare_exchange_weak(most, now)) {
    }
    ++partsDone[k];
    timespec pause = {0, 2000000};
    nanosleep(&pause, nullptr);
    --atOnce;
  };
  WeftArg args[1] = {{reinterpret_cast<void *>(static_cast<void (*)(int64_t)>(part)), sizes}};
  WeftCallOptions options = {};
  options.threads = threads;
  WeftError err;
  mostAtOnce = 0;
  for (std::atomic<int> &done : partsDone)
    done = 0;
  CHECK_EQ(weft_call(p.get(), args, nullptr, &options, &err), 0);
  for (std::atomic<int> &done : partsDone)
    CHECK_EQ(done.load(), 1);
  return mostAtOnce;
}

/// Whether they run at once some time: a worker on a busy machine may be late.
static bool runAtOnce(const Program &p, std::vector<int64_t> sizes, int threads) {
  for (int tries = 0; tries < 200; ++tries)
    if (std::vector<int64_t> now = sizes; runParts(p, now.data(), threads) > 1)
      return true;
  return false;
}

TEST(PartsRunSideBySideWherePaid) {
  Program p = test::program(kParts, 1, 0);
  REQUIRE(p);
  const int64_t ms = 1000000;
  CHECK(runAtOnce(p, {2 * ms, 2 * ms, 2 * ms, 0}, 3));
  CHECK(runAtOnce(p, {2 * ms, 2 * ms, 2 * ms, 0}, 2));
  CHECK(runAtOnce(p, {2 * ms, 2 * ms, 2 * ms, 512}, 2)); // half of it could be divided by two
  for (int round = 0; round < 3; ++round) {
    int64_t large[] = {2 * ms, 2 * ms, 2 * ms, 0};
    CHECK_EQ(runParts(p, large, 1), 1);
    int64_t small[] = {500, 500, 500, 0};
    CHECK_EQ(runParts(p, small, 3), 1);
    for (int64_t k = 0; k < 3; ++k)
      CHECK(small[k] > 100000); // measured
    int64_t uneven[] = {500 * ms, ms, ms, 0};
    CHECK_EQ(runParts(p, uneven, 3), 1);
    int64_t shared[] = {2 * ms, 2 * ms, 2 * ms, 1024}; // each could use all threads
    CHECK_EQ(runParts(p, shared, 8), 1);
    CHECK_EQ(runParts(p, shared, 3), 1);
  }
}

TEST(PartsOfTwoHostThreads) {
  Program p = test::program(kParts, 1, 0);
  REQUIRE(p);
  static int64_t sizes[] = {1000000, 1000000, 1000000, 0}; // one program's, written by both
  std::vector<std::thread> hosts;
  auto nothing = [](int64_t) {};
  WeftArg args[1] = {{reinterpret_cast<void *>(static_cast<void (*)(int64_t)>(nothing)), sizes}};
  for (int t = 0; t < 2; ++t)
    hosts.emplace_back([&] {
      WeftError err;
      for (int round = 0; round < 200; ++round)
        CHECK_EQ(weft_call(p.get(), args, nullptr, nullptr, &err), 0);
    });
  for (std::thread &t : hosts)
    t.join();
}

TEST(TwoHostThreadsAtOnce) {
  Program p = test::program(kSum, 1, 1);
  REQUIRE(p);
  std::vector<float> x = numbers();
  float expected = expectedSum(x);
  std::vector<std::thread> hosts;
  for (int t = 0; t < 2; ++t)
    hosts.emplace_back([&] {
      for (int round = 0; round < 100; ++round)
        CHECK_EQ(sum(p, x, 3, 1000, 10000000, round % 2), expected);
    });
  for (std::thread &t : hosts)
    t.join();
}

TEST(ThePoolWorksAfterAFork) {
  SKIP_UNDER_QEMU("7.2 itself asserts in the child when a process with threads forks");
  Program p = test::program(kSum, 1, 1);
  REQUIRE(p);
  std::vector<float> x = numbers();
  float expected = expectedSum(x);
  CHECK_EQ(sum(p, x, 2, 1000, 10000000, false), expected); // workers exist
  for (int round = 0; round < 5; ++round) {
    pid_t child = fork();
    if (child == 0) {
      alarm(20); // a hang must end
      bool right = true;
      for (int i = 0; i < 20; ++i)
        right &= sum(p, x, 3, 1000, 10000000, false) == expected;
      _exit(right ? 0 : 1);
    }
    CHECK_EQ(sum(p, x, 2, 1000, 10000000, false), expected);
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

TEST(AFailureOnAWorkerReachesTheHost) {
  Program p = test::program(R"(
static void body(WeftCall *call, void *closure, int64_t begin, int64_t end) {
  if (begin == 500) weft_rt_fail(call, 5023, begin, 1, 2);
}
int32_t entry(WeftCall *call, const WeftArg *args) {
  weft_rt_parallel(call, body, 0, 1000, 1, 1000000000);
  return 0;
})",
                            0, 0);
  REQUIRE(p);
  for (int threads = 1; threads <= 3; ++threads) {
    WeftCallOptions options = {};
    options.threads = threads;
    WeftError err;
    CHECK_EQ(weft_call(p.get(), nullptr, nullptr, &options, &err), int32_t(WEFT_ERR_CHECK));
    CHECK_EQ(err.where, int64_t(500));
  }
}

// A host thread that flushes subnormals to zero (as a library built with
// -ffast-math makes it) gets the same bits, on every thread, and keeps its mode.
TEST(TheHostsFloatModeChangesNoBit) {
#if defined(__x86_64__)
  Program p = test::program(R"(
static void body(WeftCall *call, void *closure, int64_t begin, int64_t end) {
  float *x = closure;
  for (int64_t i = begin; i < end; ++i) x[i] = x[i] * 0.5f;
}
int32_t entry(WeftCall *call, const WeftArg *args) {
  weft_rt_parallel(call, body, args[0].data, args[0].shape[0], 100, 1000000000);
  return 0;
})",
                            1, 0);
  REQUIRE(p);
  const unsigned flush = 0x8040, before = __builtin_ia32_stmxcsr(); // FTZ and DAZ
  for (int threads = 1; threads <= 3; ++threads) {
    std::vector<float> x(100000, 0x1p-126f); // the smallest normal number
    int64_t shape[1] = {int64_t(x.size())};
    WeftArg args[1] = {{x.data(), shape}};
    WeftCallOptions options = {};
    options.threads = threads;
    __builtin_ia32_ldmxcsr(before | flush);
    int32_t code = weft_call(p.get(), args, nullptr, &options, nullptr);
    unsigned after = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before);
    CHECK_EQ(code, 0);
    CHECK_EQ(after & flush, flush);
    size_t wrong = 0;
    for (float v : x)
      wrong += v != 0x1p-127f;
    CHECK_EQ(wrong, size_t(0));
  }
#endif
}

//===----------------------------------------------------------------------===//
// The number of threads
//===----------------------------------------------------------------------===//

TEST(TheNumberOfThreadsObeysItsSources) {
  using weft::rt::chooseThreads;
  CHECK_EQ(chooseThreads(nullptr, 8, 0), 8);
  CHECK_EQ(chooseThreads(nullptr, 8, 2.5), 3);
  CHECK_EQ(chooseThreads(nullptr, 8, 0.1), 1);
  CHECK_EQ(chooseThreads(nullptr, 2, 16), 2);
  CHECK_EQ(chooseThreads(nullptr, 0, 0), 1);
  CHECK_EQ(chooseThreads("5", 2, 1), 5);
  for (const char *nonsense : {"", "0", "-3", "four", "3x"})
    CHECK_EQ(chooseThreads(nonsense, 2, 0), 2);
}

TEST(TheDefaultIsWhatTheSourcesSay) {
  using namespace weft::rt;
  CHECK_EQ(weft_num_threads(), chooseThreads(getenv("WEFT_NUM_THREADS"), int(allowedCores().size()), cgroupQuota()));
}

/// A small file with all its folders.
static void put(const std::string &path, const std::string &text) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    mkdir(path.substr(0, at).c_str(), 0700);
  if (FILE *file = fopen(path.c_str(), "w")) {
    fputs(text.c_str(), file);
    fclose(file);
  }
}

TEST(QuotasOfBothKindsOfControlGroupsAreRead) {
  std::string root = test::scratchFolder() + "/root";
  auto quota = [&] { return weft::rt::cgroupQuota(root); };
  CHECK_EQ(quota(), 0.0);
  // Version 2: the parent's limit holds too.
  put(root + "/proc/self/cgroup", "0::/a/b\n");
  put(root + "/sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
  CHECK_EQ(quota(), 4.0);
  put(root + "/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  CHECK_EQ(quota(), 1.5);
  put(root + "/sys/fs/cgroup/a/cpu.max", "max 100000\n");
  CHECK_EQ(quota(), 4.0);
  // In a container the path may be the host's.
  put(root + "/proc/self/cgroup", "0::/not/here\n");
  put(root + "/sys/fs/cgroup/cpu.max", "300000 100000\n");
  CHECK_EQ(quota(), 3.0);
  // Version 1, which gives -1 for no limit.
  put(root + "/proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/c\n");
  put(root + "/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "250000\n");
  put(root + "/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n");
  CHECK_EQ(quota(), 2.5);
  put(root + "/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "-1\n");
  CHECK_EQ(quota(), 0.0);
  CHECK_EQ(system(("rm -r '" + root + "'").c_str()), 0);
}

TEST(TheFactsAreJson) {
  size_t size = weft_runtime_info(nullptr, 0);
  std::string text(size + 1, 'x');
  CHECK_EQ(weft_runtime_info(text.data(), text.size()), size);
  CHECK(text[0] == '{' && text[size - 1] == '}' && text[size] == 0);
  for (const char *key : {"\"machine\": ", "\"threads\": ", "\"allowed_cores\": [",
                          "\"cpu_quota\": ", "\"cpu_features\": [", "\"pool\": {"})
    CHECK(strstr(text.c_str(), key));
  char small[8];
  weft_runtime_info(small, sizeof small);
  CHECK_EQ(strlen(small), size_t(7));
}
