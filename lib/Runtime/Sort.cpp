//===- Sort.cpp - ordering rows of numbers --------------------------------===//
//
// Decides how native code sorts: every element becomes an unsigned key whose
// order is the op's (NaN last, -0 and 0 alike, the bits turned around where the
// order descends), beside its position. Few pairs are compared, many go through
// a radix sort; both are stable because positions decide between equal keys. Of
// few first ones there is a heap, whose last one most elements come behind.
//
//===----------------------------------------------------------------------===//

#include "weft/Runtime/ABI.h"

#include <algorithm>

namespace {

template <class Key> struct Pair {
  Key key, position;
  bool operator<(const Pair &other) const { return key != other.key ? key < other.key : position < other.position; }
};

/// Elements of floats in their integers' bits: `mantissa` bits below the exponent.
template <class Key, class Bits> Key keyOf(Bits bits, char kind, int mantissa, bool descending) {
  constexpr Key top = Key(1) << (8 * sizeof(Bits) - 1), all = Key(top | (top - 1));
  Key key = bits;
  if (kind == 'i')
    key ^= top;
  if (kind == 'f') {
    Key exponent = Key(all & ~top) >> mantissa << mantissa, magnitude = key & ~top;
    if (magnitude > exponent)
      return all; // NaN is last in either order; no other key is all ones
    key = magnitude == 0 ? top : key & top ? Key(~key & all) : Key(key | top);
  }
  return descending ? Key(~key & all) : key;
}

/// Orders the pairs; they end in one of the two places, which is returned.
template <class Key> Pair<Key> *order(Pair<Key> *pairs, Pair<Key> *spare, int64_t n, int bytes) {
  if (n < 8 * bytes) { // a pass over a digit takes some 100 ns, however few they are
    std::sort(pairs, pairs + n);
    return pairs;
  }
  for (int shift = 0; shift < 8 * bytes; shift += 8) {
    int64_t counts[256] = {};
    for (int64_t i = 0; i < n; ++i)
      ++counts[pairs[i].key >> shift & 255];
    if (std::find(counts, counts + 256, n) != counts + 256)
      continue; // one digit everywhere
    int64_t start = 0;
    for (int64_t &count : counts) {
      int64_t next = start + count;
      count = start;
      start = next;
    }
    for (int64_t i = 0; i < n; ++i)
      spare[counts[pairs[i].key >> shift & 255]++] = pairs[i];
    std::swap(pairs, spare);
  }
  return pairs;
}

/// The first k of n pairs in order, in place of the first ones. `keysAt(i, count, keys)` gives some keys from i on.
template <class Key, class F> void select(Pair<Key> *first, int64_t n, int64_t k, F keysAt) {
  constexpr int64_t kBlock = 64;
  Key keys[kBlock];
  int64_t held = 0;
  for (int64_t i = 0; i < n && k > 0; i += kBlock) {
    const int64_t count = std::min(kBlock, n - i);
    keysAt(i, count, keys);
    unsigned before = held < k; // an element behind all that are held, or like the last one, is left out
    for (int64_t j = 0; j < count; ++j)
      before |= keys[j] < first->key;
    for (int64_t j = 0; before && j < count; ++j) {
      if (held == k) {
        if (!(keys[j] < first->key))
          continue;
        std::pop_heap(first, first + held--);
      }
      first[held++] = {keys[j], Key(i + j)};
      std::push_heap(first, first + held);
    }
  }
  std::sort_heap(first, first + held);
}

template <class Key, class Bits>
void sortRow(char *scratch, const Bits *x, int64_t xStride, char *out, int64_t outStride, int64_t n, int64_t k,
             int64_t format) {
  char kind = char(format >> 8 & 255);
  int mantissa = format >> 16 & 255;
  auto *pairs = reinterpret_cast<Pair<Key> *>(scratch);
  auto key = [=](int64_t i) { return keyOf<Key, Bits>(x[i * xStride], kind, mantissa, format & WEFT_SORT_DESCENDING); };
  if (format & WEFT_SORT_SELECT) {
    if (k > 0)
      *pairs = {};
    select(pairs, n, k, [=](int64_t i, int64_t count, Key *keys) {
      for (int64_t j = 0; j < count; ++j)
        keys[j] = key(i + j);
    });
  } else {
    for (int64_t i = 0; i < n; ++i)
      pairs[i] = {key(i), Key(i)};
    pairs = order(pairs, pairs + n, n, sizeof(Bits));
  }
  for (int64_t i = 0; i < k; ++i) {
    int64_t position = pairs[i].position;
    if (format & WEFT_SORT_POSITIONS)
      reinterpret_cast<int64_t *>(out)[i * outStride] = position;
    else
      reinterpret_cast<Bits *>(out)[i * outStride] = x[position * xStride];
  }
}

} // namespace

void weft_rt_sort(char *scratch, const char *x, int64_t x_stride, char *out, int64_t out_stride, int64_t n, int64_t k,
                  int64_t format) {
  if (!scratch)
    return; // no memory: the call has failed
  auto run = [&](auto key, auto bits) {
    using Bits = decltype(bits);
    sortRow<decltype(key), Bits>(scratch, reinterpret_cast<const Bits *>(x), x_stride, out, out_stride, n, k, format);
  };
  bool narrow = n < int64_t(1) << 32;
  switch (format & 255) {
  case 1:
    return narrow ? run(uint32_t(), uint8_t()) : run(uint64_t(), uint8_t());
  case 2:
    return narrow ? run(uint32_t(), uint16_t()) : run(uint64_t(), uint16_t());
  case 4:
    return narrow ? run(uint32_t(), uint32_t()) : run(uint64_t(), uint32_t());
  default:
    return run(uint64_t(), uint64_t());
  }
}
