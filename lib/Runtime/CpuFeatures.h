//===- CpuFeatures.h - the features of this processor ---------------------===//
//
// Decides nothing; see CpuFeatures.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_LIB_RUNTIME_CPUFEATURES_H
#define WEFT_LIB_RUNTIME_CPUFEATURES_H

#include <vector>

namespace weft::rt {

/// LLVM's names of the known features that are here.
std::vector<const char *> cpuFeatures();

} // namespace weft::rt

#endif // WEFT_LIB_RUNTIME_CPUFEATURES_H
