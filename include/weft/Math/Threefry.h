//===- Threefry.h - the random number generator ------------------------------===//
//
// Decides the block function of keys: Threefry-2x32 with 20 rounds (J. Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3", 2011), written once over an evaluator of 32-bit words that wrap:
//   W  i(uint32_t); W add xor_ (W, W); W rotl(W, int)
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_THREEFRY_H
#define WEFT_MATH_THREEFRY_H

#include <cstdint>
#include <utility>

namespace weft::math {

/// The two words of the block with number (x0, x1) under the key (k0, k1).
template <class E, class W> std::pair<W, W> threefry2x32(E &e, W k0, W k1, W x0, W x1) {
  static const int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  W keys[3] = {k0, k1, e.xor_(e.xor_(k0, k1), e.i(0x1BD11BDA))};
  x0 = e.add(x0, keys[0]);
  x1 = e.add(x1, keys[1]);
  for (unsigned group = 0; group < 5; ++group) {
    for (int rotation : rotations[group % 2]) {
      x0 = e.add(x0, x1);
      x1 = e.xor_(e.rotl(x1, rotation), x0);
    }
    x0 = e.add(x0, keys[(group + 1) % 3]);
    x1 = e.add(x1, e.add(keys[(group + 2) % 3], e.i(group + 1)));
  }
  return {x0, x1};
}

} // namespace weft::math

#endif // WEFT_MATH_THREEFRY_H
