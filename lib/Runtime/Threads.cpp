//===- Threads.cpp - the pool of worker threads ---------------------------===//
//
// Decides how a parallel loop is spread. One pool per process; one loop at a
// time uses it, and a loop that finds it taken (another host thread's call) runs
// on its own thread alone, so calls never wait for each other. Each thread has a
// share of the chunks, the same stretch in each loop of a size, so that what it
// wrote and read before is in its core's cache; then it takes from the others'.
// The caller works too, does everything itself if the workers are late, and
// waits only for workers that joined.
//
// Workers spin for a while after their last chunk and then park on a futex.
// Each is pinned to a core of its own, because an unpinned one wakes on the
// waker's core and waits there for a tick: measured 1 ms instead of 18 us. A
// caller that has been moved to a worker's core since sends it to a free one:
// else both would share it, for tens of milliseconds.
//
//===----------------------------------------------------------------------===//

#include "Call.h"
#include "FloatMode.h"
#include "Topology.h"

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace weft::rt;

namespace {

// All measured on two cores (empty fork-join: 0.15 us with a spinning worker, 18 us with a parked one).
constexpr int64_t kSpinningPaysNs = 600;   // 4 joins: below it a loop is faster on one thread
constexpr int64_t kParkedPaysNs = 100000;  // 5 wakes: for less work within kSpinNs parked workers are left asleep
constexpr int64_t kSpinNs = 500000;        // after the last loop; covers the gaps between calls in a row
constexpr int64_t kSpinInCallNs = 5000000; // while a call that used the pool runs: covers its serial parts
constexpr int kMaxWorkers = 255;

// Parts of a program run side by side where that saves a sixth and some microseconds: they may get in each other's way
// in the last cache, and estimates are no better.
constexpr double kBesidePays = 1.2, kBesidePaysNs = 8000;

struct Job {
  WeftParallelBody body;
  void *closure;
  WeftCall *call;
  int64_t n, grain, chunks;
  int shares; ///< of the caller and the workers that may help
};

/// Chunks that one thread takes first.
struct alignas(64) Share {
  std::atomic<int64_t> next{0};
  int64_t end = 0;
};

// The pool's state is one word, so that joining, closing and a new loop exclude
// each other by compare-and-swap: [epoch 32][limit 15][open 1][active 16].
constexpr uint64_t kActiveMask = 0xffff, kOpen = 0x10000;
uint64_t makeState(uint32_t epoch, int limit) { return uint64_t(epoch) << 32 | uint64_t(limit) << 17 | kOpen; }
uint32_t epochOf(uint64_t state) { return uint32_t(state >> 32); }
int limitOf(uint64_t state) { return int(state >> 17 & 0x7fff); }

struct Pool {
  alignas(64) std::atomic<uint64_t> state{0};
  Job job{};
  Share shares[kMaxWorkers + 1]; ///< the caller's, then the workers'
  alignas(64) std::atomic<uint32_t> wakeWord{0};
  std::atomic<int> awake{0};         ///< workers that are not parked
  std::atomic<int> callsInFlight{0}; ///< that used the pool
  std::atomic<bool> stopping{false};
  std::atomic<bool> busy{false}; ///< held by the thread whose loop uses the pool
  // Work that parked workers could have shared, and since when: of many short loops.
  std::atomic<int64_t> missedNs{0}, missedSince{0};
  // Below: only for the holder of `busy`.
  std::atomic<int> count{0};
  std::vector<int> cores; ///< that workers may be pinned to
  int callersCore = -1;   ///< at the last loop
  struct Worker {
    pthread_t thread;
    int core; ///< that it is pinned to, or -1
  } workers[kMaxWorkers];
};

Pool gPool;
std::atomic<bool> gHandlers{false};

struct WorkerStart {
  int index;
  bool maySpin; ///< false where there are more threads than cores
  uint32_t epoch;
};
WorkerStart gStarts[kMaxWorkers];

// Parked workers wait with a bit of their own (the last bit is shared), so that
// just those are woken that a loop may use: the first ones, which have cores.
constexpr uint32_t kEveryone = ~0u;
uint32_t bitOf(int index) { return 1u << std::min(index, 31); }
uint32_t bitsBelow(int limit) { return limit > 31 ? kEveryone : (1u << limit) - 1; }

void futexWait(std::atomic<uint32_t> &word, uint32_t value, uint32_t bits) {
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, value, nullptr, nullptr, bits);
}
void futexWake(std::atomic<uint32_t> &word, uint32_t bits) {
  syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, nullptr, nullptr, bits);
}

/// Runs one chunk, at a depth of its own.
WEFT_CALLS_NATIVE_CODE void runChunk(const Job &job, int64_t chunk) {
  int64_t begin = chunk * job.grain, end = begin + std::min(job.grain, job.n - begin);
  ++threadDepth();
  job.body(job.call, job.closure, begin, end);
  --threadDepth();
}

void runAlone(const Job &job) {
  for (int64_t chunk = 0; chunk < job.chunks && weft_rt_poll(job.call) == 0; ++chunk)
    runChunk(job, chunk);
}

/// Takes chunks, those of the own share first, until none is left or the call stops. The owner of the call polls its
/// callback too; workers only see the flag.
void takeChunks(const Job &job, Share *shares, int own) {
  for (int i = 0; i < job.shares; ++i)
    // Looked at before it is taken from: that would make the one whose share it is wait for the line.
    for (Share &share = shares[(own + i) % job.shares];
         weft_rt_poll(job.call) == 0 && share.next.load(std::memory_order_relaxed) < share.end;) {
      int64_t chunk = share.next.fetch_add(1, std::memory_order_relaxed);
      if (chunk >= share.end)
        break;
      runChunk(job, chunk);
    }
}

void *workerMain(void *argument) {
  WorkerStart start = *static_cast<WorkerStart *>(argument);
  char name[16];
  snprintf(name, sizeof name, "weft-%d", start.index + 1);
  pthread_setname_np(pthread_self(), name);
  DefaultFloatMode mode; // a thread inherits the mode of the one that started it
  Pool &pool = gPool;
  uint32_t seen = start.epoch;
  int64_t idleSince = nanos();
  unsigned spins = 0;
  while (!pool.stopping.load(std::memory_order_relaxed)) {
    uint64_t state = pool.state.load(std::memory_order_acquire);
    if (epochOf(state) != seen) {
      if (!(state & kOpen) || start.index >= limitOf(state)) {
        seen = epochOf(state);
        continue;
      }
      if (!pool.state.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel))
        continue;
      seen = epochOf(state);
      // What the caller's core wrote last is asked for at once, not line by line as it is read.
      __builtin_prefetch(&pool.shares[start.index + 1], /*rw=*/1);
      for (int line = 0; line < 3; ++line)
        __builtin_prefetch(static_cast<const char *>(pool.job.closure) + 64 * line);
      takeChunks(pool.job, pool.shares, start.index + 1);
      pool.state.fetch_sub(1, std::memory_order_release);
      idleSince = nanos();
      continue;
    }
    cpuPause();
    if (start.maySpin && ++spins % 64 != 0)
      continue;
    int64_t window = pool.callsInFlight.load(std::memory_order_relaxed) > 0 ? kSpinInCallNs : kSpinNs;
    if (start.maySpin && nanos() - idleSince < window)
      continue;
    // Park. Reading the word before the last look at the state closes the gap in
    // which a loop could begin unseen (it changes the state, then the word).
    uint32_t word = pool.wakeWord.load();
    pool.awake.fetch_sub(1);
    if (epochOf(pool.state.load()) == seen && !pool.stopping.load())
      futexWait(pool.wakeWord, word, bitOf(start.index));
    pool.awake.fetch_add(1);
    idleSince = nanos();
  }
  pool.awake.fetch_sub(1);
  return nullptr;
}

/// After a fork the child has no workers: forget them, so the next loop starts new ones.
void forgetPool() {
  gPool.state.store(0);
  gPool.awake.store(0);
  gPool.callsInFlight.store(0);
  gPool.count.store(0);
  gPool.stopping.store(false);
  gPool.busy.store(false);
}

/// At exit: workers are asked to end and joined, if no call is using them.
void stopPool() {
  for (int tries = 0; gPool.busy.exchange(true); ++tries) {
    if (tries > 100)
      return; // a call of another thread is still running; it dies with the process
    usleep(1000);
  }
  gPool.stopping.store(true);
  gPool.wakeWord.fetch_add(1);
  futexWake(gPool.wakeWord, kEveryone);
  int count = gPool.count.exchange(0);
  for (int i = 0; i < count; ++i)
    pthread_join(gPool.workers[i].thread, nullptr);
  // `busy` stays held: later loops run alone.
}

/// Failure (the mask changed meanwhile) leaves the worker where it is, no more.
void pin(Pool::Worker &worker, int core) {
  worker.core = core;
  size_t size = CPU_ALLOC_SIZE(core + 1);
  if (cpu_set_t *set = CPU_ALLOC(core + 1)) {
    CPU_ZERO_S(size, set);
    CPU_SET_S(core, size, set);
    pthread_setaffinity_np(worker.thread, size, set);
    CPU_FREE(set);
  }
}

/// Starts workers until there are `wanted`. The caller holds `busy`.
void startWorkers(int wanted) {
  if (!gHandlers.exchange(true)) {
    pthread_atfork(nullptr, nullptr, forgetPool);
    atexit(stopPool);
  }
  gPool.cores = allowedCores();
  gPool.callersCore = sched_getcpu();
  std::vector<int> cores = gPool.cores;
  cores.erase(std::remove(cores.begin(), cores.end(), gPool.callersCore), cores.end());
  const char *told = getenv("WEFT_PIN");
  bool mayPin = !(told && *told == '0');
  for (int i = gPool.count.load(); i < wanted; ++i) {
    // Worker i gets the i-th core other than the caller's; those beyond share and sleep.
    bool own = size_t(i) < cores.size();
    gStarts[i] = {i, own, epochOf(gPool.state.load())};
    // Signals of the host (Ctrl-C) belong to its own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    gPool.awake.fetch_add(1);
    int failed = pthread_create(&gPool.workers[i].thread, nullptr, workerMain, &gStarts[i]);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (failed) {
      gPool.awake.fetch_sub(1);
      return; // fewer threads compute the same
    }
    gPool.workers[i].core = -1;
    if (own && mayPin)
      pin(gPool.workers[i], cores[i]);
    gPool.count.store(i + 1);
  }
}

/// A worker that is pinned to the caller's core takes one that no worker has. The caller holds `busy`.
void makeWay(int here) {
  gPool.callersCore = here;
  auto end = gPool.workers + gPool.count.load(std::memory_order_relaxed);
  auto has = [](int core) { return [core](const Pool::Worker &worker) { return worker.core == core; }; };
  auto worker = std::find_if(gPool.workers, end, has(here));
  auto isFree = [&](int core) { return core != here && std::none_of(gPool.workers, end, has(core)); };
  auto core = std::find_if(gPool.cores.begin(), gPool.cores.end(), isFree);
  if (worker != end && core != gPool.cores.end())
    pin(*worker, *core);
}

/// Whether this loop, or those of late with it, are work enough to wake workers for. Once awake they spin from one to
/// the next.
bool paysToWake(int64_t costNs) {
  if (costNs >= kParkedPaysNs)
    return true;
  int64_t now = nanos();
  if (now - gPool.missedSince.load(std::memory_order_relaxed) > kSpinNs) {
    gPool.missedSince.store(now, std::memory_order_relaxed);
    gPool.missedNs.store(0, std::memory_order_relaxed);
  }
  return gPool.missedNs.fetch_add(costNs, std::memory_order_relaxed) + costNs >= kParkedPaysNs;
}

/// Runs a loop with up to `helpers` workers, woken or started if `wake`. The caller holds `busy`.
void runShared(const Job &job, int helpers, bool wake) {
  Pool &pool = gPool;
  if (wake && pool.count.load(std::memory_order_relaxed) < helpers)
    startWorkers(helpers);
  if (int here = sched_getcpu(); here != pool.callersCore)
    makeWay(here);
  if (!job.call->usedPool) {
    job.call->usedPool = true;
    pool.callsInFlight.fetch_add(1, std::memory_order_relaxed);
  }
  pool.job = job;
  for (int64_t i = 0; i < job.shares; ++i) {
    pool.shares[i].next.store(i * job.chunks / job.shares, std::memory_order_relaxed);
    pool.shares[i].end = (i + 1) * job.chunks / job.shares;
  }
  pool.state.store(makeState(epochOf(pool.state.load(std::memory_order_relaxed)) + 1, helpers));
  if (wake && pool.awake.load() < pool.count.load(std::memory_order_relaxed)) {
    pool.wakeWord.fetch_add(1);
    futexWake(pool.wakeWord, bitsBelow(helpers));
  }
  takeChunks(pool.job, pool.shares, 0);
  // No one may join now; wait for those who did.
  pool.state.fetch_and(~kOpen, std::memory_order_acq_rel);
  for (unsigned spins = 0; pool.state.load(std::memory_order_acquire) & kActiveMask; ++spins) {
    cpuPause();
    if (spins % 512 == 511)
      weft_rt_poll(job.call);
    if (spins > 4000) // the worker may need this very core
      sched_yield();
  }
}

} // namespace

int weft::rt::numWorkers() { return gPool.count.load(std::memory_order_relaxed); }

void weft::rt::leavePool(WeftCall *call) {
  call->usedPool = false;
  // Zero here means that the pool was forgotten by a fork within the call.
  int count = gPool.callsInFlight.load(std::memory_order_relaxed);
  while (count > 0 && !gPool.callsInFlight.compare_exchange_weak(count, count - 1, std::memory_order_relaxed)) {
  }
}

namespace {

/// Runs a loop with up to `helpers` workers, if that pays and no other loop has them; false: nothing was run.
bool runWithHelp(Job &job, int64_t helpers, int64_t costNs) {
  helpers = std::min({helpers, job.chunks - 1, costNs / kSpinningPaysNs, int64_t(kMaxWorkers) - 1});
  if (helpers <= 0 || threadDepth() > 0)
    return false;
  int awake = gPool.awake.load(std::memory_order_relaxed);
  bool wake = awake < helpers && paysToWake(costNs);
  if ((!wake && awake == 0) || gPool.busy.exchange(true, std::memory_order_acquire))
    return false;
  job.shares = int(helpers) + 1;
  runShared(job, int(helpers), wake);
  gPool.busy.store(false, std::memory_order_release);
  return true;
}

int64_t threadsOf(WeftCall *call) { return call->threads > 0 ? call->threads : weft_num_threads(); }

/// Parts of a program, timed.
struct Parts {
  WeftParallelBody body;
  void *closure;
  int64_t *times;
  double slowdown; ///< of the time measured, if the part had one thread only

  WEFT_CALLS_NATIVE_CODE void run(WeftCall *call, int64_t k) const {
    int64_t start = ticks();
    body(call, closure, k, k + 1);
    // Another call of the program may do the same: either's time will do.
    __atomic_store_n(&times[k], int64_t(double(ticks() - start) * slowdown * nanosPerTick()), __ATOMIC_RELAXED);
  }
};

} // namespace

void weft_rt_parallel(WeftCall *call, WeftParallelBody body, void *closure, int64_t n, int64_t grain, int64_t cost_ns) {
  if (n <= 0)
    return;
  grain = std::clamp<int64_t>(grain, 1, n);
  Job job{body, closure, call, n, grain, (n - 1) / grain + 1, 1};
  if (!runWithHelp(job, threadsOf(call) - 1, cost_ns))
    runAlone(job);
}

void weft_rt_beside(WeftCall *call, WeftParallelBody body, void *closure, int64_t n, int64_t *times, int64_t shared) {
  int64_t threads = threadsOf(call), total = 0, longest = 0;
  for (int64_t k = 0; k < n; ++k) {
    int64_t time = __atomic_load_n(&times[k], __ATOMIC_RELAXED);
    total += time;
    longest = std::max(longest, time);
  }
  // One after the other, loops inside are shared: what is mostly that stays so, since it has both threads' caches.
  double divided = double(shared) / 1024 * (1 - 1 / double(threads));
  double inOrder = double(total) * (1 - divided);
  double together = double(std::max(longest, total / std::min(threads, n)));
  if (inOrder > kBesidePays * together + kBesidePaysNs) {
    Parts parts{body, closure, times, 1};
    auto run = [](WeftCall *call, void *parts, int64_t begin, int64_t) {
      static_cast<Parts *>(parts)->run(call, begin);
    };
    Job job{run, &parts, call, n, 1, n, 1};
    if (runWithHelp(job, threads - 1, total))
      return;
  }
  Parts parts{body, closure, times, threadDepth() ? 1 : 1 / (1 - divided)};
  for (int64_t k = 0; k < n && weft_rt_poll(call) == 0; ++k)
    parts.run(call, k);
}
