//===- HalfFloat.h - conversions that native code calls for f16 and bf16 --===//
//
// Decides how 16-bit floats cross a call: both machines' ABIs pass them in the
// low 16 bits of a vector register, which is where the low bits of a float
// stand, so a float carries them and no compiler needs to know the types.
// (libgcc of GCC 12 has no __truncsfbf2, so the runtime brings its own.)
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_LIB_RUNTIME_HALFFLOAT_H
#define WEFT_LIB_RUNTIME_HALFFLOAT_H

namespace weft::rt {

/// A float whose low 16 bits are a half or bfloat; the rest is not defined.
using Carrier16 = float;

// Round to nearest, ties to even; overflow to infinity; NaN stays a (quiet) NaN.
Carrier16 truncFloatToHalf(float value);
Carrier16 truncDoubleToHalf(double value);
Carrier16 truncFloatToBFloat(float value);
Carrier16 truncDoubleToBFloat(double value);
float extendHalfToFloat(Carrier16 value); ///< exact

} // namespace weft::rt

#endif // WEFT_LIB_RUNTIME_HALFFLOAT_H
