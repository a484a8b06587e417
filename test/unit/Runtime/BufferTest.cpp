//===- BufferTest.cpp - the pooling allocator -----------------------------===//

#include "Harness.h"

#include <cstdint>
#include <cstring>
#include <thread>

static WeftPoolStats stats() {
  WeftPoolStats s;
  weft_pool_stats(&s);
  return s;
}

TEST(BuffersAreAlignedAndHoldTheirBytes) {
  int64_t live = stats().live_buffers;
  std::vector<WeftBuffer *> all;
  for (int64_t bytes : {0, 1, 63, 64, 65, 257, 511, 4096, 5000, 1 << 20, (1 << 20) + 1, 3 << 20, 33 << 20}) {
    WeftBuffer *b = weft_buffer_alloc(bytes);
    REQUIRE(b);
    CHECK_EQ(uintptr_t(b->data) % 64, uintptr_t(0));
    CHECK_EQ(b->bytes, bytes);
    CHECK_EQ(weft_buffer_refs(b), int64_t(1));
    memset(b->data, 0xa5, size_t(bytes)); // a sanitizer or a page fault tells if it is short
    all.push_back(b);
  }
  CHECK_EQ(stats().live_buffers, live + int64_t(all.size()));
  for (WeftBuffer *b : all)
    weft_buffer_release(b);
  CHECK_EQ(stats().live_buffers, live);
}

TEST(EverySizeFitsItsClassWithAQuarterOfWasteAtMost) {
  weft_pool_trim();
  for (int64_t bytes = 1; bytes < (1 << 24); bytes += bytes / 7 + 1) {
    int64_t before = stats().live_bytes;
    WeftBuffer *b = weft_buffer_alloc(bytes);
    REQUIRE(b);
    int64_t block = stats().live_bytes - before;
    CHECK(block >= bytes);
    CHECK(block <= 64 || block < bytes + 64 + bytes / 4);
    static_cast<char *>(b->data)[bytes - 1] = 1;
    weft_buffer_release(b);
  }
}

TEST(ReleasedMemoryIsReused) {
  for (int64_t bytes : {100, 70000, 5 << 20}) {
    WeftBuffer *a = weft_buffer_alloc(bytes);
    void *data = a->data;
    weft_buffer_retain(a);
    weft_buffer_release(a);
    CHECK_EQ(weft_buffer_refs(a), int64_t(1));
    weft_buffer_release(a);
    WeftPoolStats before = stats();
    WeftBuffer *b = weft_buffer_alloc(bytes - 1);
    CHECK(b->data == data);
    CHECK_EQ(stats().hits, before.hits + 1);
    CHECK(stats().pooled_bytes < before.pooled_bytes);
    weft_buffer_release(b);
  }
}

TEST(TheLimitBoundsWhatIsPooledAndTrimGivesBack) {
  int64_t limit = stats().pool_limit;
  weft_pool_set_limit(1 << 20);
  std::vector<WeftBuffer *> all;
  for (int i = 0; i < 64; ++i)
    all.push_back(weft_buffer_alloc(100000));
  for (WeftBuffer *b : all)
    weft_buffer_release(b);
  CHECK(stats().pooled_bytes <= 1 << 20);
  CHECK(stats().pooled_bytes > 0);
  int64_t pooled = stats().pooled_bytes;
  CHECK_EQ(weft_pool_trim(), pooled);
  CHECK_EQ(stats().pooled_bytes, int64_t(0));
  weft_pool_set_limit(limit);
}

TEST(AbsurdSizesAreRefused) {
  int64_t live = stats().live_bytes;
  CHECK(!weft_buffer_alloc(-1));
  CHECK(!weft_buffer_alloc(INT64_MAX));
  CHECK_EQ(stats().live_bytes, live);
}

TEST(ForeignMemoryIsGivenBackOnce) {
  int deletions = 0;
  double value = 3;
  WeftBuffer *b = weft_buffer_wrap(&value, sizeof value, [](void *owner) { ++*static_cast<int *>(owner); }, &deletions);
  CHECK(b->data == &value);
  weft_buffer_retain(b);
  weft_buffer_release(b);
  CHECK_EQ(deletions, 0);
  weft_buffer_release(b);
  CHECK_EQ(deletions, 1);
}

TEST(ThePoolServesManyThreads) {
  int64_t live = stats().live_bytes;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 2000; ++i) {
        int64_t bytes = 64 + (i * 37 + t * 11) % 3000;
        WeftBuffer *b = weft_buffer_alloc(bytes);
        memset(b->data, t, size_t(bytes));
        CHECK(static_cast<char *>(b->data)[bytes - 1] == t);
        weft_buffer_release(b);
      }
    });
  for (std::thread &t : threads)
    t.join();
  CHECK_EQ(stats().live_bytes, live);
}

TEST(DroppedMemoryGoesBackToTheSystem) {
  weft_pool_trim();
  for (int64_t bytes : {100, 70000, 5 << 20}) {
    WeftPoolStats before = stats();
    weft_buffer_drop(weft_buffer_alloc(bytes));
    CHECK_EQ(stats().pooled_bytes, before.pooled_bytes);
    CHECK_EQ(stats().live_buffers, before.live_buffers);
    WeftBuffer *b = weft_buffer_alloc(bytes);
    weft_buffer_retain(b);
    weft_buffer_drop(b); // another holder is left
    CHECK_EQ(weft_buffer_refs(b), int64_t(1));
    weft_buffer_release(b);
  }
  weft_buffer_drop(nullptr);
}

TEST(NeighboursBeginAtDifferentPlacesOfAPage) {
  weft_pool_trim();
  for (int64_t bytes : {64 << 10, 5 << 20}) {
    std::vector<WeftBuffer *> all;
    for (int i = 0; i < 8; ++i) {
      all.push_back(weft_buffer_alloc(bytes));
      int64_t place = int64_t(uintptr_t(all[i]->data) % 4096);
      CHECK_EQ(place % 64, int64_t(0));
      CHECK(place != 0);
      if (i)
        CHECK(std::abs(place - int64_t(uintptr_t(all[i - 1]->data) % 4096)) >= 1024);
      memset(all[i]->data, i, size_t(bytes));
    }
    for (WeftBuffer *b : all)
      weft_buffer_drop(b);
  }
}

TEST(TheFootprintIsWholePagesOfLargeBlocks) {
  CHECK_EQ(weft_buffer_footprint(0), int64_t(64));
  CHECK_EQ(weft_buffer_footprint(1), int64_t(128));
  CHECK_EQ(weft_buffer_footprint(64), int64_t(128));
  CHECK_EQ(weft_buffer_footprint(50000), int64_t(50112));
  CHECK_EQ(weft_buffer_footprint((64 << 10) - 64), int64_t(64 << 10) + 4096); // a mapped block: begins within a page
  CHECK_EQ(weft_buffer_footprint(64 << 10), int64_t(64 << 10) + 4096);
  CHECK_EQ(weft_buffer_footprint(5 << 20), int64_t(5 << 20) + 4096);
  CHECK_EQ(weft_buffer_footprint((5 << 20) + 1), int64_t(5 << 20) + 4096);
}
