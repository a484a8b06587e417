//===- Library.cpp - libraries of Weft's own ------------------------------===//
//
// Decides nothing; see Library.h.
//
//===----------------------------------------------------------------------===//

#include "weft/Runtime/Library.h"

#include <dlfcn.h>

void *weft::rt::openLibrary(const char *name, const char *symbol, std::string &why) {
  Dl_info self;
  std::string path = name;
  if (dladdr(reinterpret_cast<void *>(&openLibrary), &self) && self.dli_fname) {
    std::string module = self.dli_fname;
    path = module.substr(0, module.rfind('/') + 1) + path;
  }
  void *library = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (!library)
    library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  void *found = library ? dlsym(library, symbol) : nullptr;
  if (!found)
    why = dlerror();
  return found;
}
