//===- Symbols.cpp - the fixed table of outside symbols -------------------===//
//
// Decides everything that native code can reach outside its own image: the
// services of ABI.h, the three memory functions that LLVM makes of loops, and
// the half-precision conversions. No libm: its bits differ between versions.
//
//===----------------------------------------------------------------------===//

#include "HalfFloat.h"
#include "Loader.h"
#include "weft/Runtime/ABI.h"

#include <cmath>
#include <cstring>

using namespace weft::rt;

namespace {

struct Symbol {
  std::string_view name;
  void *address;
};

template <typename F> void *address(F *function) { return reinterpret_cast<void *>(function); }

const Symbol *table(int &count) {
  static const Symbol symbols[] = {
      {"weft_rt_arena", address(weft_rt_arena)},
      {"weft_rt_result", address(weft_rt_result)},
      {"weft_rt_push", address(weft_rt_push)},
      {"weft_rt_pop", address(weft_rt_pop)},
      {"weft_rt_kept", address(weft_rt_kept)},
      {"weft_rt_keep", address(weft_rt_keep)},
      {"weft_rt_scratch", address(weft_rt_scratch)},
      {"weft_rt_parallel", address(weft_rt_parallel)},
      {"weft_rt_beside", address(weft_rt_beside)},
      {"weft_rt_poll", address(weft_rt_poll)},
      {"weft_rt_fail", address(weft_rt_fail)},
      {"weft_rt_effect", address(weft_rt_effect)},
      {"weft_rt_linalg", address(weft_rt_linalg)},
      {"memcpy", address<void *(void *, const void *, size_t)>(memcpy)},
      {"memmove", address<void *(void *, const void *, size_t)>(memmove)},
      {"memset", address<void *(void *, int, size_t)>(memset)},
      // The remainder is exact by IEEE 754, so every library's bits are the same.
      {"fmod", address<double(double, double)>(std::fmod)},
      {"fmodf", address<float(float, float)>(std::fmod)},
      {"__truncsfhf2", address(truncFloatToHalf)},
      {"__truncdfhf2", address(truncDoubleToHalf)},
      {"__extendhfsf2", address(extendHalfToFloat)},
      {"__truncsfbf2", address(truncFloatToBFloat)},
      {"__truncdfbf2", address(truncDoubleToBFloat)},
      {"weft_rt_sort", address(weft_rt_sort)},
  };
  count = int(sizeof symbols / sizeof *symbols);
  return symbols;
}

} // namespace

int weft::rt::numRuntimeSymbols() {
  int count;
  table(count);
  return count;
}

int weft::rt::findRuntimeSymbol(std::string_view name) {
  int count;
  const Symbol *symbols = table(count);
  for (int i = 0; i < count; ++i)
    if (symbols[i].name == name)
      return i;
  return kNoSymbol;
}

void *weft::rt::runtimeSymbolAddress(int index) {
  int count;
  return table(count)[index].address;
}
