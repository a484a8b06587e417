// Decides how arrays stand in NumPy's .npy files: read and written here without NumPy.
// Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html (versions 1.0, 2.0, 3.0).
#ifndef WEFT_TOOLS_WEFT_RUN_NPY_H
#define WEFT_TOOLS_WEFT_RUN_NPY_H

#include "weft/Reference/Tensor.h"
#include "llvm/Support/Error.h"

namespace weft {

/// Reads the bytes of a .npy file: little-endian, C or Fortran order; bool, integers, floats, and two-byte voids, which
/// is how NumPy saves bfloat16. Errors carry a code (WF1702 damaged, WF1603 an element type that has no place here).
llvm::Expected<Tensor> readNpy(llvm::StringRef bytes, mlir::MLIRContext *context);

/// The bytes of a .npy file (version 1.0, C order).
std::string writeNpy(const Tensor &tensor);

/// A tensor as text, as NumPy prints it: brackets per dimension; long dimensions show their first and last 3 entries.
std::string printTensor(const Tensor &tensor);

} // namespace weft
#endif
