// Decides the text of a function that its hash is taken of.
#include "weft/Kernels/ContentHash.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"

using namespace mlir;

std::string weft::contentHash(func::FuncOp function, StringRef surroundings) {
  std::string text = surroundings.str();
  llvm::raw_string_ostream stream(text);
  function->print(stream, OpPrintingFlags()
                              .printGenericOpForm()
                              .useLocalScope()
                              .enableDebugInfo(false)
                              .elideLargeElementsAttrs(std::numeric_limits<int64_t>::max())
                              .elideLargeResourceString(std::numeric_limits<int64_t>::max()));
  auto hash = llvm::BLAKE3::hash<16>(ArrayRef(reinterpret_cast<const uint8_t *>(text.data()), text.size()));
  return llvm::toHex(ArrayRef<uint8_t>(hash), /*LowerCase=*/true);
}
