// Decides how weft-run calls native code: compile to an image in memory, load it, one call.
#include "Compiled.h"
#include "mlir/IR/TypeUtilities.h"
#include "weft/Pipelines/Compile.h"
#include "weft/Runtime/Runtime.h"
#include "llvm/Support/Format.h"
#include <chrono>

using namespace mlir;

namespace weft {

llvm::Error runCompiled(ModuleOp module, ArrayRef<Tensor> arguments, ArrayRef<Type> resultTypes,
                        SmallVectorImpl<Tensor> &results, unsigned repeats) {
  std::string image, report, error;
  auto start = std::chrono::steady_clock::now();
  auto elapsed = [&] {
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  };
  if (failed(compileModule(module, CompileOptions(), image, report, error)))
    return llvm::createStringError(error);
  double compileMs = elapsed() / 1000;
  WeftError why = {};
  auto fail = [&] { return llvm::createStringError("[WF" + std::to_string(why.code) + "] " + why.message); };
  WeftProgram *program = weft_program_load(image.data(), image.size(), &why);
  if (!program)
    return fail();
  if (arguments.size() != size_t(weft_program_num_args(program))) {
    weft_program_free(program);
    return llvm::createStringError("[WF1601] the program takes a different number of inputs");
  }
  SmallVector<WeftArg> args;
  for (const Tensor &argument : arguments)
    args.push_back({const_cast<char *>(argument.data()), argument.getShape().data()});
  SmallVector<WeftResult> out(std::max<size_t>(1, resultTypes.size()));
  if (weft_call(program, args.data(), out.data(), nullptr, &why) != 0) {
    weft_program_free(program);
    return fail();
  }
  for (auto [type, result] : llvm::zip(resultTypes, out)) {
    Tensor tensor(getElementTypeOrSelf(type), ArrayRef(result.shape, result.rank));
    std::memcpy(tensor.data(), result.buffer->data, tensor.getNumBytes());
    results.push_back(tensor);
    weft_buffer_release(result.buffer);
  }
  SmallVector<double> times;
  for (unsigned i = 0; i < repeats; ++i) {
    start = std::chrono::steady_clock::now();
    if (weft_call(program, args.data(), out.data(), nullptr, &why) != 0) {
      weft_program_free(program);
      return fail();
    }
    times.push_back(elapsed());
    for (size_t k = 0; k < resultTypes.size(); ++k)
      weft_buffer_release(out[k].buffer);
  }
  llvm::sort(times);
  if (repeats)
    llvm::errs() << llvm::format("compiled in %.1f ms; calls: best %.2f us, median %.2f us\n", compileMs, times.front(),
                                 times[repeats / 2])
                 << report << "\n";
  weft_program_free(program);
  return llvm::Error::success();
}

} // namespace weft
