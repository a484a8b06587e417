//===- SortTest.cpp - rows in order, all of them or the first few ---------===//

#include "Harness.h"
#include "weft/Runtime/ABI.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

/// The positions of `x` in order, NaN last, alike elements as they stand.
static std::vector<int64_t> inOrder(const std::vector<float> &x, bool descending) {
  std::vector<int64_t> places(x.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](int64_t a, int64_t b) {
    if (std::isnan(x[a]) || std::isnan(x[b]))
      return !std::isnan(x[a]) && std::isnan(x[b]);
    return descending ? x[a] > x[b] : x[a] < x[b];
  });
  return places;
}

TEST(FirstOnesAreThoseOfTheWholeOrder) {
  std::mt19937 random(7);
  for (int64_t n : {1, 5, 63, 64, 65, 300, 5000})
    for (int64_t k : {int64_t(0), int64_t(1), std::min<int64_t>(n, 7), n / 2, n})
      for (int flags = 0; flags < 4; ++flags) {
        std::vector<float> x(n);
        for (float &v : x)
          v = random() % 9 == 0 ? NAN : random() % 5 == 0 ? -0.0f : float(int(random() % 200)) - 100;
        bool descending = flags & 1, selects = flags & 2;
        // Of exactly the sizes that are promised, so that a sanitizer sees what is beyond them.
        std::vector<char> scratch(selects ? 16 * k : 32 * n);
        std::vector<float> apart(2 * n - 1);
        for (int64_t i = 0; i < n; ++i)
          apart[2 * i] = x[i];
        std::vector<int64_t> places(k ? 3 * k - 2 : 0, -1);
        int64_t format = 4 | 'f' << 8 | 23 << 16 | WEFT_SORT_POSITIONS;
        format |= (descending ? WEFT_SORT_DESCENDING : 0) | (selects ? WEFT_SORT_SELECT : 0);
        weft_rt_sort(scratch.data(), reinterpret_cast<const char *>(apart.data()), 2,
                     reinterpret_cast<char *>(places.data()), 3, n, k, format);
        std::vector<int64_t> wanted = inOrder(x, descending);
        for (int64_t i = 0; i < k; ++i)
          CHECK_EQ(places[3 * i], wanted[i]);
      }
}
