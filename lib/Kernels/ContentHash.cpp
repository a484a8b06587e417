// Decides the text of a function that its hash is taken of, and the names of kernel functions.
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

/// A shared op has no one line: it says its number in its kernel, which each launch's `lines` maps to one.
static void nameOps(func::FuncOp function) {
  auto file = StringAttr::get(function.getContext(), function.getName());
  unsigned line = 0;
  function->setLoc(FileLineColLoc::get(file, 0, 0));
  for (Operation &op : function.getBody().front())
    op.setLoc(FileLineColLoc::get(file, ++line, 0));
  for (BlockArgument argument : function.getArguments())
    argument.setLoc(function.getLoc());
}

func::FuncOp weft::internKernel(func::FuncOp function, SymbolTable &symbols, bool keepLines) {
  std::string name = "k_" + contentHash(function), base = name;
  for (int i = 1; Operation *other = symbols.lookup(name); ++i) {
    // Equal hashes are no proof: compare, and step aside from what is not equal.
    function.setName(name);
    if (!keepLines && OperationEquivalence::isEquivalentTo(other, function, OperationEquivalence::IgnoreLocations)) {
      function.erase();
      return cast<func::FuncOp>(other);
    }
    name = base + "_" + std::to_string(i);
  }
  function.setName(name);
  if (!keepLines)
    nameOps(function);
  symbols.insert(function);
  return function;
}
