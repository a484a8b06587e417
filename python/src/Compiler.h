// Decides how the module reaches the compiler: opened at first use, through one symbol.
#ifndef WEFT_PYTHON_COMPILER_H
#define WEFT_PYTHON_COMPILER_H

#include "weft-c/CompilerApi.h"
#include <nanobind/nanobind.h>
#include <string>
#include <string_view>

namespace weft::python {

namespace nb = nanobind;

/// The compiler's table; opens libweft_compiler at the first call.
const WeftCompilerApi &api();

/// Raises the error that the table of errors has for a code (weft/_src/errors.py).
[[noreturn]] void raise(const char *code, std::string_view message);

/// Text that the compiler hands out; freed with it.
struct Bytes : WeftBytes {
  Bytes() : WeftBytes{nullptr, 0, nullptr} {}
  Bytes(const Bytes &) = delete;
  ~Bytes() {
    if (data)
      release(data);
  }
  std::string_view view() const { return {data, size}; }
};

inline MlirStringRef sref(std::string_view text) { return {text.data(), text.size()}; }
inline std::string str(MlirStringRef text) { return {text.data, text.length}; }
/// An MlirStringCallback that appends to a std::string.
inline void append(MlirStringRef text, void *user) { static_cast<std::string *>(user)->append(text.data, text.length); }

} // namespace weft::python
#endif
