// Decides how the time of compiling is counted: by the clock of the thread, so that what else the machine does is in no
// figure; passes nest, and each is counted without those inside it.
#include "weft/Target/PassTimes.h"
#include "mlir/Pass/Pass.h"
#include <ctime>

using namespace mlir;

namespace weft {

double PassTimes::now() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) * 1e3 + double(time.tv_nsec) / 1e6;
}

double PassTimes::total() const {
  double sum = 0;
  for (auto &[pass, ms] : times)
    sum += ms;
  return sum;
}

namespace {
struct Timer : PassInstrumentation {
  explicit Timer(PassTimes &times) : times(times) {}

  void runBeforePass(Pass *, Operation *) override { open.push_back({PassTimes::now(), 0}); }
  void runAfterPass(Pass *pass, Operation *) override { close(pass); }
  void runAfterPassFailed(Pass *pass, Operation *) override { close(pass); }

  void close(Pass *pass) {
    auto [start, inside] = open.pop_back_val();
    double ms = PassTimes::now() - start;
    if (!open.empty())
      open.back().second += ms;
    if (!pass->getArgument().empty()) // else it only hands functions to others
      times.add(pass->getArgument(), ms - inside);
  }

  PassTimes &times;
  SmallVector<std::pair<double, double>> open; // start, and time of passes inside
};
} // namespace

std::unique_ptr<PassInstrumentation> PassTimes::instrumentation() { return std::make_unique<Timer>(*this); }

} // namespace weft
