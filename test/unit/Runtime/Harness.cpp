//===- Harness.cpp - running the tests ------------------------------------===//
//
// Decides the command line: without arguments all tests run, else those whose
// name contains an argument. Exit status 1 if a check failed. --info prints the
// runtime's facts instead.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace {

struct Case {
  const char *name;
  void (*body)();
};
std::vector<Case> &cases() {
  static std::vector<Case> all;
  return all;
}
int failures = 0;
std::string folder;

std::string readAll(const std::string &path) {
  std::string bytes;
  if (FILE *file = fopen(path.c_str(), "rb")) {
    char chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
      bytes.append(chunk, n);
    fclose(file);
  }
  return bytes;
}

} // namespace

namespace test {

Registration::Registration(const char *name, void (*body)()) { cases().push_back({name, body}); }

void reportFailure(const char *file, int line, const std::string &what) {
  fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what.c_str());
  ++failures;
}

const std::string &scratchFolder() {
  if (folder.empty()) {
    const char *base = getenv("TMPDIR");
    std::string pattern = std::string(base && *base ? base : "/tmp") + "/weft-runtime-test-XXXXXX";
    folder = mkdtemp(pattern.data()) ? pattern : ".";
  }
  return folder;
}

std::string compileC(const std::string &source, const std::string &flags) {
  std::string c = scratchFolder() + "/unit.c", o = scratchFolder() + "/unit.o";
  if (FILE *file = fopen(c.c_str(), "wb")) {
    fwrite(source.data(), 1, source.size(), file);
    fclose(file);
  }
  std::string command = std::string(WEFT_TEST_CLANG) +
                        " -c -O2 -fPIC -fno-exceptions -ffreestanding -I" WEFT_TEST_INCLUDE " " + flags + " '" + c +
                        "' -o '" + o + "'";
  std::string bytes = system(command.c_str()) == 0 ? readAll(o) : "";
  unlink(c.c_str());
  unlink(o.c_str());
  if (bytes.empty())
    reportFailure(__FILE__, __LINE__, "compiling a test object: " + command);
  return bytes;
}

std::string buildImage(const std::vector<Unit> &units, int numArgs, int numResults,
                       const std::vector<const char *> &features, const std::string &metadata, int64_t extent) {
  std::vector<WeftValueType> types(size_t(numArgs > numResults ? numArgs : numResults), {WEFT_F32, 1, &extent});
  std::vector<WeftImageObject> objects;
  for (const Unit &u : units)
    objects.push_back({u.symbol.c_str(), u.object.data(), u.object.size()});
  WeftImageSpec spec = {};
#if defined(__aarch64__)
  spec.machine = WEFT_MACHINE_AARCH64;
#else
  spec.machine = WEFT_MACHINE_X86_64;
#endif
  spec.features = features.data();
  spec.num_features = features.size();
  spec.args = spec.results = types.data();
  spec.num_args = size_t(numArgs);
  spec.num_results = size_t(numResults);
  spec.objects = objects.data();
  spec.num_objects = objects.size();
  spec.metadata = metadata.data();
  spec.metadata_size = metadata.size();
  void *image;
  size_t size;
  WeftError err;
  if (weft_image_write(&spec, &image, &size, &err)) {
    reportFailure(__FILE__, __LINE__, err.message);
    return "";
  }
  std::string bytes(static_cast<char *>(image), size);
  weft_image_free(image);
  return bytes;
}

Program load(const std::string &image, WeftError &err) {
  err = {};
  std::unique_ptr<char[]> exact(new char[image.size()]);
  memcpy(exact.get(), image.data(), image.size());
  return Program(weft_program_load(exact.get(), image.size(), &err));
}

Program program(const std::string &source, int numArgs, int numResults) {
  WeftError err;
  Program p =
      load(buildImage({{"entry", compileC("#include \"weft/Runtime/ABI.h\"\n" + source)}}, numArgs, numResults), err);
  if (!p)
    reportFailure(__FILE__, __LINE__, err.message);
  return p;
}

} // namespace test

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// The fork test starts threads in the child on purpose.
extern "C" const char *__tsan_default_options() { return "die_after_fork=0"; }
#endif
#endif

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--info") == 0) {
    std::string text(weft_runtime_info(nullptr, 0) + 1, 0);
    weft_runtime_info(text.data(), text.size());
    puts(text.c_str());
    return 0;
  }
  int ran = 0;
  for (const Case &c : cases()) {
    bool wanted = argc == 1;
    for (int i = 1; i < argc; ++i)
      wanted |= strstr(c.name, argv[i]) != nullptr;
    if (!wanted)
      continue;
    int before = failures;
    c.body();
    printf("%-4s %s\n", failures == before ? "ok" : "FAIL", c.name);
    fflush(stdout);
    ++ran;
  }
  if (!folder.empty() && folder != ".")
    rmdir(folder.c_str());
  printf("%d tests, %d failed checks\n", ran, failures);
  return failures || ran == 0 ? 1 : 0;
}
