// Decides the one exported symbol: the table, filled from its list.
#include "weft-c/CompilerApi.h"

extern "C" const WeftCompilerApi *weft_compiler_api(uint32_t version) {
  static const WeftCompilerApi table = {
      WEFT_COMPILER_API_VERSION,
      sizeof(WeftCompilerApi),
#define WEFT_COMPILER_ENTRY(name) &::name,
#include "weft-c/CompilerApi.def"
  };
  return version == WEFT_COMPILER_API_VERSION ? &table : nullptr;
}
