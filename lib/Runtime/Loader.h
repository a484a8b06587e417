//===- Loader.h - from ELF objects to callable code -----------------------===//
//
// Decides the interface between programs and the loader. The steps are apart so
// that tests can lay out and relocate objects of a machine that is not the host.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_LIB_RUNTIME_LOADER_H
#define WEFT_LIB_RUNTIME_LOADER_H

#include "ImageReader.h"

#include <string>

namespace weft::rt {

/// Code of one program: one mapping, [code, constants, stubs, GOT | data], the
/// first part read-only and executable once protected, the second writable.
struct LoadedCode {
  struct Function {
    std::string_view name; ///< points into the objects' bytes
    void *address;
    size_t size;
  };
  unsigned char *base = nullptr;
  size_t codeBytes = 0, totalBytes = 0;
  void *entry = nullptr;
  std::vector<Function> functions; ///< only filled when asked for

  LoadedCode() = default;
  LoadedCode(const LoadedCode &) = delete;
  LoadedCode &operator=(const LoadedCode &) = delete;
  ~LoadedCode();
};

/// Lays out, relocates and protects `objects`, code for `machine`. The entry is
/// the symbol of objects[0].
int32_t loadObjects(const std::vector<ObjectView> &objects, uint32_t machine, bool wantFunctions, LoadedCode &code,
                    WeftError *err);

/// One relocation, all addresses final.
struct Patch {
  unsigned char *place;
  uint64_t room;   ///< bytes from `place` to the end of its section
  uint64_t target; ///< S + A
};

/// How the type of a relocation finds its target.
enum class RelocKind {
  unknown,
  none,
  direct, ///< S + A itself: an outside function needs its own address
  near,   ///< S + A within reach of the place: an outside function is reached by a stub
  got     ///< the address of a GOT slot that holds S, plus A
};
RelocKind relocKind(uint32_t machine, uint32_t type);

/// The name of a relocation type that this loader knows, else NULL.
const char *relocName(uint32_t machine, uint32_t type);

/// Writes the relocated bytes; false if out of reach, misaligned or over the end of the section.
bool applyReloc(uint32_t machine, uint32_t type, const Patch &patch);

/// Bytes of a stub, and its code: a jump to an absolute address.
constexpr size_t kStubBytes = 16;
void writeStub(uint32_t machine, unsigned char *place, uint64_t target);

/// The outside symbols of native code: the fixed table (Symbols.cpp).
constexpr int kNoSymbol = -1;
int findRuntimeSymbol(std::string_view name);
int numRuntimeSymbols();
void *runtimeSymbolAddress(int index);

} // namespace weft::rt

#endif // WEFT_LIB_RUNTIME_LOADER_H
