//===- Buffer.cpp - the pooling allocator ---------------------------------===//
//
// Decides the size classes, which blocks come from malloc and which are mapped,
// and what is kept. A block is a 64-byte header (the WeftBuffer) followed by the
// data; four classes per doubling bound the waste to a quarter. Blocks of 64 KiB
// and more are mapped, so that what is trimmed or dropped returns to the system
// whole (malloc keeps the pages around what is in use), and ask for
// huge pages from 2 MiB up (fresh 4 KB pages cost five times as much as fresh
// 2 MB pages to write). Data of neighbouring blocks begin at different places of
// a page: processors tell loads from the stores before them by the place in it,
// and a kernel that writes the places it reads waits (measured, Zen 4: a softmax
// of 4096x4096 takes 1.12 of the time, of 4096x4095 1.4).
//
//===----------------------------------------------------------------------===//

#include "weft/Runtime/Buffer.h"
#include "Sync.h"

#include <algorithm>
#include <cstdlib>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define WEFT_POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define WEFT_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#endif
#endif
#ifndef WEFT_POISON
#define WEFT_POISON(p, n) ((void)0)
#define WEFT_UNPOISON(p, n) ((void)0)
#endif

using namespace weft::rt;

namespace {

constexpr int64_t kUnit = 64;
constexpr int64_t kMaxBytes = int64_t(1) << 46; // x86-64 user space is 2^47
constexpr int kNumClasses = 160;                // classOf(kMaxBytes) is 155
constexpr int64_t kMapFrom = int64_t(64) << 10;
constexpr int64_t kHugePage = int64_t(2) << 20;
constexpr int64_t kPage = 4096;
// Where in a page the data of mapped blocks may begin: at multiples of this, up to so many, but not at its start, where
// other allocators begin.
constexpr int64_t kPlace = 512, kPlaces = 7;

static_assert(sizeof(WeftBuffer) == kUnit, "the header keeps the data aligned");

/// Classes 0, 1, 2, ... hold 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... units.
int classOf(int64_t bytes) {
  int64_t last = bytes > 0 ? (bytes - 1) / kUnit : 0;
  if (last < 4)
    return int(last);
  int shift = 63 - __builtin_clzll(uint64_t(last)) - 2;
  return shift * 4 + int(last >> shift);
}

int64_t classBytes(int cls) {
  if (cls < 8)
    return (cls + 1) * kUnit;
  int shift = cls / 4 - 1;
  return int64_t(cls - shift * 4 + 1) * kUnit << shift;
}

/// Free blocks and counts of one class. The counts live under the lock that an
/// allocation takes anyway, so they cost no atomics of their own.
struct alignas(64) SizeClass {
  SpinLock lock;
  WeftBuffer *free = nullptr;
  int64_t live = 0, hits = 0, misses = 0, ids = 0;
  int64_t unsettled = 0; ///< change of the pooled bytes that gPooled has not seen yet
};

SizeClass gClasses[kNumClasses];
/// Bytes pooled, but for what the classes have not settled. Small blocks settle
/// once in a while, so that most calls touch one shared line, not two.
std::atomic<int64_t> gPooled{0};
constexpr int64_t kSettle = 32768;
std::atomic<int64_t> gLimit{-1};
std::atomic<bool> gForkHandlers{false};

int64_t poolLimit() {
  int64_t limit = gLimit.load(std::memory_order_relaxed);
  if (limit >= 0)
    return limit;
  const char *text = getenv("WEFT_POOL_BYTES");
  char *end = nullptr;
  long long value = text ? strtoll(text, &end, 10) : -1;
  if (text && end != text && *end == 0 && value >= 0)
    limit = value;
  else
    limit = std::min(int64_t(1) << 30, int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / 8);
  gLimit.store(limit, std::memory_order_relaxed);
  return limit;
}

/// Counts `bytes` more as pooled (or fewer). The caller holds the lock.
void addPooled(SizeClass &c, int64_t bytes) {
  c.unsettled += bytes;
  if (c.unsettled >= kSettle || c.unsettled <= -kSettle) {
    gPooled.fetch_add(c.unsettled, std::memory_order_relaxed);
    c.unsettled = 0;
  }
}

// A fork while another thread holds a class lock would leave it held for ever
// in the child, so the forking thread takes them all.
void lockAll() {
  for (SizeClass &c : gClasses)
    c.lock.lock();
}
void unlockAll() {
  for (SizeClass &c : gClasses)
    c.lock.unlock();
}

/// Bytes mapped for a class of kMapFrom or more: less than a page before the data, with the header at its end, then
/// the data; on huge pages of its own if it is as large.
struct Mapping {
  int64_t align, total;
  explicit Mapping(int cls) {
    int64_t bytes = classBytes(cls);
    align = bytes >= kHugePage ? kHugePage : kPage;
    total = (bytes + align - 1) / align * align + kPage;
  }
};

/// Where in a page the next mapped block's data begin: those of neighbours at least 1,024 bytes apart.
int64_t nextPlace() {
  static std::atomic<uint32_t> number{0};
  return kPlace * (1 + number.fetch_add(1, std::memory_order_relaxed) * 3 % kPlaces);
}

/// Large pages are asked for as far as `bytes` fill them: a page filled in part would be there whole.
WeftBuffer *mapBlock(int cls, int64_t bytes) {
  Mapping m(cls);
  int64_t reserve = m.total + m.align;
  // Not MAP_NORESERVE: a size beyond all memory must fail here, not kill the process when touched.
  void *raw = mmap(nullptr, reserve, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED)
    return nullptr;
  // Cut the mapping down to what begins on a page of its kind.
  uintptr_t start = uintptr_t(raw), end = start + reserve;
  uintptr_t first = (start + m.align - 1) / m.align * m.align;
  int64_t front = nextPlace();
  if (first > start)
    munmap(raw, first - start);
  if (end > first + m.total)
    munmap(reinterpret_cast<void *>(first + m.total), end - first - m.total);
  if (int64_t whole = (front + bytes) / kHugePage * kHugePage)
    madvise(reinterpret_cast<void *>(first), whole, MADV_HUGEPAGE); // only advice: failure is fine
  return reinterpret_cast<WeftBuffer *>(first + front - sizeof(WeftBuffer));
}

WeftBuffer *newBlock(int cls, int64_t bytes) {
  WeftBuffer *block;
  if (classBytes(cls) >= kMapFrom)
    block = mapBlock(cls, bytes);
  else
    block = static_cast<WeftBuffer *>(aligned_alloc(kUnit, classBytes(cls) + sizeof(WeftBuffer)));
  if (!block)
    return nullptr;
  block->data = block + 1;
  block->size_class = cls;
  block->deleter = nullptr;
  block->owner = nullptr;
  block->next = nullptr;
  return block;
}

void freeBlock(WeftBuffer *block) {
  int cls = int(block->size_class);
  if (classBytes(cls) < kMapFrom)
    return free(block);
  uintptr_t data = uintptr_t(block->data);
  munmap(reinterpret_cast<void *>(data / kPage * kPage), Mapping(cls).total);
}

void freeChain(WeftBuffer *block) {
  while (block) {
    WeftBuffer *next = block->next;
    WEFT_UNPOISON(block->data, classBytes(int(block->size_class)));
    freeBlock(block);
    block = next;
  }
}

/// Settles all classes, then frees pooled blocks, largest first, until at most `keep` bytes are pooled.
int64_t trimTo(int64_t keep) {
  int64_t freed = 0;
  for (SizeClass &c : gClasses) {
    c.lock.lock();
    gPooled.fetch_add(std::exchange(c.unsettled, 0), std::memory_order_relaxed);
    c.lock.unlock();
  }
  for (int cls = kNumClasses - 1; cls >= 0; --cls) {
    SizeClass &c = gClasses[cls];
    WeftBuffer *chain = nullptr;
    c.lock.lock();
    while (c.free && (keep == 0 || gPooled.load(std::memory_order_relaxed) > keep)) {
      WeftBuffer *block = c.free;
      c.free = block->next;
      block->next = chain;
      chain = block;
      addPooled(c, -classBytes(cls));
      freed += classBytes(cls);
    }
    c.lock.unlock();
    freeChain(chain);
  }
  return freed;
}

} // namespace

WeftBuffer *weft_buffer_alloc(int64_t bytes) {
  if (bytes < 0 || bytes > kMaxBytes)
    return nullptr;
  int cls = classOf(bytes);
  SizeClass &c = gClasses[cls];
  c.lock.lock();
  WeftBuffer *block = c.free;
  if (block) {
    c.free = block->next;
    addPooled(c, -classBytes(cls));
    ++c.hits;
  } else {
    ++c.misses;
  }
  ++c.live;
  int64_t id = ++c.ids * kNumClasses + cls;
  c.lock.unlock();
  if (block) {
    WEFT_UNPOISON(block->data, classBytes(cls));
  } else {
    if (!gForkHandlers.load(std::memory_order_relaxed) && !gForkHandlers.exchange(true))
      pthread_atfork(lockAll, unlockAll, unlockAll);
    block = newBlock(cls, bytes);
    if (!block && trimTo(0) > 0)
      block = newBlock(cls, bytes); // pooled memory of other sizes may have been in the way
    if (!block) {
      c.lock.lock();
      --c.live;
      c.lock.unlock();
      return nullptr;
    }
  }
  block->bytes = bytes;
  block->refs = 1;
  block->id = id;
  return block;
}

void weft_buffer_renew(WeftBuffer *buffer) {
  if (buffer->size_class < 0)
    return; // foreign memory has no id
  SizeClass &c = gClasses[buffer->size_class];
  c.lock.lock();
  buffer->id = ++c.ids * kNumClasses + buffer->size_class;
  c.lock.unlock();
}

WeftBuffer *weft_buffer_wrap(void *data, int64_t bytes, void (*deleter)(void *), void *owner) {
  auto *buffer = static_cast<WeftBuffer *>(malloc(sizeof(WeftBuffer)));
  if (!buffer)
    return nullptr;
  *buffer = {data, bytes, 1, -1, deleter, owner, nullptr, 0};
  return buffer;
}

WeftBuffer *weft_buffer_retain(WeftBuffer *buffer) {
  __atomic_fetch_add(&buffer->refs, 1, __ATOMIC_RELAXED);
  return buffer;
}

static void release(WeftBuffer *buffer, bool mayKeep) {
  // The only holder needs no atomic subtraction: no one else can add a reference.
  if (!buffer || (__atomic_load_n(&buffer->refs, __ATOMIC_ACQUIRE) != 1 &&
                  __atomic_fetch_sub(&buffer->refs, 1, __ATOMIC_ACQ_REL) != 1))
    return;
  if (buffer->size_class < 0) {
    if (buffer->deleter)
      buffer->deleter(buffer->owner);
    free(buffer);
    return;
  }
  int cls = int(buffer->size_class);
  int64_t bytes = classBytes(cls);
  SizeClass &c = gClasses[cls];
  bool keep = mayKeep && gPooled.load(std::memory_order_relaxed) + bytes <= poolLimit();
  if (keep)
    WEFT_POISON(buffer->data, bytes);
  c.lock.lock();
  --c.live;
  if (keep) {
    addPooled(c, bytes);
    buffer->next = c.free;
    c.free = buffer;
  }
  c.lock.unlock();
  if (!keep)
    freeBlock(buffer);
}

void weft_buffer_release(WeftBuffer *buffer) { release(buffer, /*mayKeep=*/true); }

void weft_buffer_drop(WeftBuffer *buffer) { release(buffer, /*mayKeep=*/false); }

int64_t weft_buffer_footprint(int64_t bytes) {
  int cls = classOf(bytes);
  if (classBytes(cls) < kMapFrom)
    return (bytes + 2 * kUnit - 1) / kUnit * kUnit;
  return (kPlaces * kPlace + bytes + kPage - 1) / kPage * kPage; // at most
}

int64_t weft_buffer_refs(const WeftBuffer *buffer) { return __atomic_load_n(&buffer->refs, __ATOMIC_ACQUIRE); }

void weft_pool_stats(WeftPoolStats *stats) {
  *stats = {};
  for (int cls = 0; cls < kNumClasses; ++cls) {
    SizeClass &c = gClasses[cls];
    c.lock.lock();
    stats->live_bytes += c.live * classBytes(cls);
    stats->live_buffers += c.live;
    stats->hits += c.hits;
    stats->misses += c.misses;
    stats->pooled_bytes += c.unsettled;
    c.lock.unlock();
  }
  stats->pooled_bytes += gPooled.load(std::memory_order_relaxed);
  stats->pool_limit = poolLimit();
}

int64_t weft_pool_trim(void) { return trimTo(0); }

void weft_pool_set_limit(int64_t bytes) {
  gLimit.store(std::max<int64_t>(bytes, 0), std::memory_order_relaxed);
  trimTo(std::max<int64_t>(bytes, 0));
}
