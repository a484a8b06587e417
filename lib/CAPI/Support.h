// Decides how the C entries hand out text: owned bytes, and diagnostics gathered instead of printed.
#ifndef WEFT_LIB_CAPI_SUPPORT_H
#define WEFT_LIB_CAPI_SUPPORT_H

#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Support.h"
#include "mlir/IR/Diagnostics.h"
#include "weft-c/CompilerApi.h"
#include <cstdlib>
#include <cstring>
#include <string>

namespace weft::capi {

inline void fill(WeftBytes *bytes, llvm::StringRef text) {
  if (!bytes)
    return;
  bytes->data = static_cast<char *>(std::malloc(text.size() + 1));
  bytes->release = [](char *data) { std::free(data); };
  std::memcpy(bytes->data, text.data(), text.size());
  bytes->data[text.size()] = 0;
  bytes->size = text.size();
}

/// Gathers what is emitted in a context while it lives, one line a diagnostic: `file:line:col: message`.
class Diagnostics {
public:
  explicit Diagnostics(mlir::MLIRContext *context)
      : handler(context, [this](mlir::Diagnostic &diagnostic) {
          add(diagnostic);
          for (mlir::Diagnostic &note : diagnostic.getNotes())
            add(note);
        }) {}

  /// Hands the text over; where nothing was emitted, `fallback`.
  void into(WeftBytes *error, llvm::StringRef fallback) {
    fill(error, text.empty() ? fallback : llvm::StringRef(text));
  }

  std::string text;

private:
  void add(mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Warning ||
        diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark)
      return;
    llvm::raw_string_ostream stream(text);
    if (!text.empty())
      stream << '\n';
    if (auto leaf = diagnostic.getLocation()->findInstanceOf<mlir::FileLineColLoc>())
      stream << leaf.getFilename().getValue() << ':' << leaf.getLine() << ':' << leaf.getColumn() << ": ";
    stream << diagnostic.str();
  }
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace weft::capi
#endif
