//===- Library.h - libraries of Weft's own --------------------------------===//
//
// Decides where they are found: beside the code that asks, else where the system
// looks. They are opened when they are first needed.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_RUNTIME_LIBRARY_H
#define WEFT_RUNTIME_LIBRARY_H

#include <string>

namespace weft::rt {

/// What `symbol` of the library `name` is; null, with the reason, where there is none. Local: none of its names meet
/// those of others in the process.
void *openLibrary(const char *name, const char *symbol, std::string &why);

} // namespace weft::rt

#endif // WEFT_RUNTIME_LIBRARY_H
