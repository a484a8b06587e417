// Decides where the compiler's library is found, and what is told when it cannot be opened.
#include "Compiler.h"
#include <dlfcn.h>

namespace weft::python {

static const WeftCompilerApi *table = nullptr;

const WeftCompilerApi &api() {
  if (table)
    return *table;
  // It lies beside this module. Local: none of its names may meet those of another MLIR in the process.
  Dl_info self;
  std::string path = "libweft_compiler.so";
  if (dladdr(reinterpret_cast<void *>(&raise), &self) && self.dli_fname) {
    std::string module = self.dli_fname;
    path = module.substr(0, module.rfind('/') + 1) + path;
  }
  void *library = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (!library)
    raise("WF1901", std::string("the compiler cannot be opened: ") + dlerror());
  auto entry = reinterpret_cast<WeftCompilerApiFn>(dlsym(library, "weft_compiler_api"));
  const WeftCompilerApi *found = entry ? entry(WEFT_COMPILER_API_VERSION) : nullptr;
  if (!found || found->size != sizeof(WeftCompilerApi))
    raise("WF1901", path + " is of another version than this module");
  return *(table = found);
}

void raise(const char *code, std::string_view message) {
  nb::object error =
      nb::module_::import_("weft._src.errors").attr("error")(code, nb::str(message.data(), message.size()));
  PyErr_SetObject(reinterpret_cast<PyObject *>(Py_TYPE(error.ptr())), error.ptr());
  throw nb::python_error();
}

} // namespace weft::python
