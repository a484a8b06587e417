// Decides how the time of compiling is counted: milliseconds of the thread that works, by the name of the pass.
#ifndef WEFT_TARGET_PASSTIMES_H
#define WEFT_TARGET_PASSTIMES_H

#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/MapVector.h"
#include <memory>
#include <string>

namespace weft {

class PassTimes {
public:
  /// What this thread has used so far, in milliseconds.
  static double now();

  void add(llvm::StringRef pass, double ms) { times[pass.str()] += ms; }
  void add(const PassTimes &other) {
    for (auto &[pass, ms] : other.times)
      add(pass, ms);
  }
  /// What a pass manager is to hold so that its passes are counted here, each without those that it runs itself.
  std::unique_ptr<mlir::PassInstrumentation> instrumentation();

  double total() const;
  llvm::ArrayRef<std::pair<std::string, double>> entries() const { return times.getArrayRef(); }

private:
  llvm::MapVector<std::string, double, llvm::StringMap<unsigned>> times;
};

} // namespace weft
#endif
