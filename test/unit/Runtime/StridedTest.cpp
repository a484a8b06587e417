//===- StridedTest.cpp - dense copies of views ----------------------------===//

#include "Harness.h"

#include "weft/Runtime/Buffer.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>

/// Element by element, in the result's order.
static void copyPlainly(char *&to, const char *from, int width, int rank, const int64_t *shape,
                        const int64_t *strides) {
  if (rank == 0) {
    memcpy(to, from, size_t(width));
    to += width;
    return;
  }
  for (int64_t i = 0; i < shape[0]; ++i)
    copyPlainly(to, from + i * strides[0], width, rank - 1, shape + 1, strides + 1);
}

TEST(ViewsOfAllKindsAreCopiedElementByElement) {
  std::mt19937 random(1);
  auto pick = [&](int n) { return int(random() % unsigned(n)); };
  for (int round = 0; round < 3000; ++round) {
    int width = 1 << pick(5), rank = pick(5);
    // Dense memory under permuted dimensions, of which a view takes every step-th element, from either end, or one
    // only.
    std::vector<int64_t> shape, strides, order(static_cast<size_t>(rank));
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    shape.resize(order.size());
    strides.resize(order.size());
    int64_t bytes = width, first = 0, elements = 1;
    for (int64_t dim : order) {
      auto d = size_t(dim);
      int64_t step = 1 + pick(3), size = pick(20) == 0 ? 0 : 1 + pick(rank < 3 ? 90 : 12);
      shape[d] = size;
      strides[d] = bytes * step;
      if (pick(6) == 0) { // repeated
        strides[d] = 0;
      } else if (pick(3) == 0 && size > 0) { // from the end
        first += strides[d] * (size - 1);
        strides[d] = -strides[d];
      }
      bytes *= std::max<int64_t>(size, 1) * step;
      elements *= size;
    }
    bool odd = pick(4) == 0; // not aligned to its elements
    std::vector<char> memory(static_cast<size_t>(bytes) + 1);
    for (char &byte : memory)
      byte = char(random());
    std::vector<char> got(static_cast<size_t>(elements * width) + 8, char(0x5a)), want = got;
    const char *from = memory.data() + first + odd;
    char *to = want.data();
    copyPlainly(to, from, width, rank, shape.data(), strides.data());
    weft_copy_dense(got.data(), from, width, rank, shape.data(), strides.data());
    if (got != want) {
      CHECK_EQ(round, -1);
      return;
    }
  }
}
