// Decides which of the runtime's numbers stands for which element type.
#include "weft/Dialect/Weft/ElementTypes.h"
#include "weft/Dialect/Weft/Weft.h"
#include "weft/Runtime/Image.h"

using namespace mlir;

namespace weft {

int32_t dtypeOf(Type element) {
  if (auto f = dyn_cast<FloatType>(element))
    return f.isF16() ? WEFT_F16 : f.isBF16() ? WEFT_BF16 : f.isF32() ? WEFT_F32 : f.isF64() ? WEFT_F64 : 0;
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer)
    return isa<KeyType>(element) ? WEFT_KEY : 0;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return WEFT_BOOL;
  case 8:
    return isUnsigned ? WEFT_U8 : WEFT_I8;
  case 16:
    return isUnsigned ? WEFT_U16 : WEFT_I16;
  case 32:
    return isUnsigned ? WEFT_U32 : WEFT_I32;
  case 64:
    return isUnsigned ? WEFT_U64 : WEFT_I64;
  }
  return 0;
}

} // namespace weft
