// Decides where the compiler's library is found, and what is told when it cannot be opened.
#include "Compiler.h"
#include "weft/Runtime/Library.h"

namespace weft::python {

static const WeftCompilerApi *table = nullptr;

const WeftCompilerApi &api() {
  if (table)
    return *table;
  std::string why;
  void *entry = rt::openLibrary("libweft_compiler.so", "weft_compiler_api", why);
  if (!entry)
    raise("WF1901", "the compiler cannot be opened: " + why);
  const WeftCompilerApi *found = reinterpret_cast<WeftCompilerApiFn>(entry)(WEFT_COMPILER_API_VERSION);
  if (!found || found->size != sizeof(WeftCompilerApi))
    raise("WF1901", "libweft_compiler.so is of another version than this module");
  return *(table = found);
}

void raise(const char *code, std::string_view message) {
  nb::object error =
      nb::module_::import_("weft._src.errors").attr("error")(code, nb::str(message.data(), message.size()));
  PyErr_SetObject(reinterpret_cast<PyObject *>(Py_TYPE(error.ptr())), error.ptr());
  throw nb::python_error();
}

} // namespace weft::python
