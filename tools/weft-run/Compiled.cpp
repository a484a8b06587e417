// Decides how weft-run calls native code: compile to an image in memory, load it, one call.
#include "Compiled.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Support/DebugStringHelper.h"
#include "weft/Pipelines/Compile.h"
#include "weft/Runtime/Runtime.h"
#include "llvm/Support/Format.h"
#include <chrono>

using namespace mlir;

namespace weft {

llvm::Error runCompiled(ModuleOp module, ArrayRef<Tensor> arguments, ArrayRef<Type> resultTypes,
                        SmallVectorImpl<Tensor> &results, unsigned repeats) {
  // The entry checks sizes; what it takes for granted is checked by its caller, here before the types are compiled
  // away.
  TypeRange types = module.lookupSymbol<func::FuncOp>("main").getArgumentTypes();
  auto wrong = [](StringRef code, size_t input, const llvm::Twine &what) {
    return llvm::createStringError("[" + code + "] input " + llvm::Twine(input) + " of @main: expected " + what);
  };
  if (arguments.size() != types.size())
    return llvm::createStringError("[WF1601] @main takes " + llvm::Twine(types.size()) + " inputs, got " +
                                   llvm::Twine(arguments.size()));
  for (auto [i, type, argument] : llvm::enumerate(types, arguments)) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && tensor.getElementType() != argument.getElementType())
      return wrong("WF1603", i,
                   "elements of type '" + debugString(tensor.getElementType()) + "', got '" +
                       debugString(argument.getElementType()) + "'");
    if (tensor && tensor.getRank() != argument.getRank())
      return wrong("WF1602", i, llvm::Twine(tensor.getRank()) + " dimensions, got " + llvm::Twine(argument.getRank()));
  }
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
