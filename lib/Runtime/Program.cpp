//===- Program.cpp - from an image to a program that can be called --------===//
//
// Decides the order of checks at load: the container, the machine, the features
// of the processor, then the code.
//
//===----------------------------------------------------------------------===//

#include "Call.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace weft::rt;

namespace {

#if defined(__x86_64__)
constexpr uint32_t kHostMachine = WEFT_MACHINE_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kHostMachine = WEFT_MACHINE_AARCH64;
#else
#error "Weft's runtime knows x86-64 and AArch64"
#endif

const char *machineName(uint32_t machine) {
  return machine == WEFT_MACHINE_X86_64 ? "x86-64" : machine == WEFT_MACHINE_AARCH64 ? "AArch64" : "an unknown machine";
}

/// Appends the functions to the file in which perf looks for names (its
/// Documentation/jit-interface.txt: "START SIZE symbolname", in hex).
void writePerfMap(const LoadedCode &code) {
  char path[64];
  snprintf(path, sizeof path, "/tmp/perf-%d.map", int(getpid()));
  // No link is followed: the folder is open to all.
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  FILE *file = fd >= 0 ? fdopen(fd, "a") : nullptr;
  if (!file) {
    if (fd >= 0)
      close(fd);
    return; // a profile without names is no reason to fail
  }
  for (const LoadedCode::Function &f : code.functions)
    fprintf(file, "%llx %zx %.*s\n", (unsigned long long)uintptr_t(f.address), f.size, int(f.name.size()),
            f.name.data());
  fclose(file);
}

int32_t checkHost(const ImageView &view, WeftError *err) {
  if (view.machine != kHostMachine)
    return weft_error_set(err, WEFT_ERR_MACHINE, "the program is for %s, this machine is %s", machineName(view.machine),
                          machineName(kHostMachine));
  for (std::string_view feature : view.features) {
    std::string name(feature.substr(0, 100));
    if (weft_cpu_has(name.c_str()) != 1)
      return weft_error_set(err, WEFT_ERR_CPU_FEATURE, "the program needs the CPU feature '%s', which is not here",
                            name.c_str());
  }
  return WEFT_OK;
}

WeftValueType typeOf(const ValueType &type) { return {type.dtype, int32_t(type.dims.size()), type.dims.data()}; }

} // namespace

WeftProgram *weft_program_load(const void *image, size_t size, WeftError *err) {
  ImageView view;
  if (readImage(image, size, view, err) || checkHost(view, err))
    return nullptr;
  std::unique_ptr<WeftProgram> program(new (std::nothrow) WeftProgram);
  if (!program) {
    weft_error_set(err, WEFT_ERR_NO_MEMORY, "no memory for a program");
    return nullptr;
  }
  const char *perf = getenv("WEFT_PERF");
  bool wantPerf = perf && strcmp(perf, "1") == 0;
  if (loadObjects(view.objects, view.machine, wantPerf, program->code, err))
    return nullptr;
  if (wantPerf)
    writePerfMap(program->code);
  program->code.functions.clear(); // their names point into the image
  program->entry = reinterpret_cast<WeftEntry>(program->code.entry);
  program->numResults = int32_t(view.results.size());
  for (size_t i = 0; i < view.args.size(); ++i)
    for (size_t d = 0; d < view.args[i].dims.size(); ++d)
      if (int64_t size = view.args[i].dims[d]; size >= 0)
        program->sizes.push_back({int32_t(i), int32_t(d), size});
  program->args = std::move(view.args);
  program->results = std::move(view.results);
  program->metadata = std::string(view.metadata);
  return program.release();
}

WeftProgram *weft_program_load_file(const char *path, WeftError *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    weft_error_set(err, WEFT_ERR_IO, "%.300s: %s", path, fd < 0 ? strerror(errno) : "not a regular file");
    if (fd >= 0)
      close(fd);
    return nullptr;
  }
  // Read, not mapped: a file that shrinks meanwhile must not kill the process.
  size_t size = size_t(info.st_size), have = 0;
  std::unique_ptr<char, decltype(&free)> bytes(static_cast<char *>(malloc(size + 1)), free);
  ssize_t n = 1;
  while (bytes && have < size && (n = read(fd, bytes.get() + have, size - have)) > 0)
    have += size_t(n);
  int error = errno;
  close(fd);
  if (!bytes || n < 0) {
    weft_error_set(err, bytes ? WEFT_ERR_IO : WEFT_ERR_NO_MEMORY, "%.300s: %s", path,
                   bytes ? strerror(error) : "no memory");
    return nullptr;
  }
  return weft_program_load(bytes.get(), have, err);
}

void weft_program_trim(WeftProgram *program) {
  delete program->idle.exchange(nullptr, std::memory_order_acquire);
  program->lock.lock();
  WeftCall *call = program->moreIdle;
  program->moreIdle = nullptr;
  program->lock.unlock();
  while (call) {
    WeftCall *next = call->next;
    delete call;
    call = next;
  }
}

void weft_program_free(WeftProgram *program) {
  if (!program)
    return;
  program->lock.unlock(); // after a fork it may be held by a thread that is gone; no other uses it now
  weft_program_trim(program);
  delete program;
}

int32_t weft_program_num_args(const WeftProgram *program) { return int32_t(program->args.size()); }
int32_t weft_program_num_results(const WeftProgram *program) { return program->numResults; }
WeftValueType weft_program_arg(const WeftProgram *program, int32_t index) { return typeOf(program->args[index]); }
WeftValueType weft_program_result(const WeftProgram *program, int32_t index) { return typeOf(program->results[index]); }

const void *weft_program_metadata(const WeftProgram *program, size_t *size) {
  *size = program->metadata.size();
  return program->metadata.data();
}

size_t weft_program_code_bytes(const WeftProgram *program) { return program->code.totalBytes; }
