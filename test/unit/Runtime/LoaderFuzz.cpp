//===- LoaderFuzz.cpp - libFuzzer over images -----------------------------===//
//
// Decides how the fuzzer gets past the container: mark, version, size and
// checksum are made right, all else is the fuzzer's. Code is laid out and
// relocated for either machine, never called. See docs/runtime.md.
//
//===----------------------------------------------------------------------===//

#include "../../../lib/Runtime/Loader.h"

#include <cstring>
#include <memory>

using namespace weft::rt;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  // Exactly as large as the input, so that the sanitizer sees any read beyond it.
  std::unique_ptr<unsigned char[]> image(new unsigned char[size]);
  memcpy(image.get(), data, size);
  WeftError err;
  if (size >= 64) {
    const unsigned char start[12] = {0x89, 'W', 'F', 'T', '\r', '\n', 0x1a, '\n', WEFT_IMAGE_VERSION};
    uint64_t total = size;
    memcpy(image.get(), start, sizeof start);
    memcpy(image.get() + 16, &total, 8);
    uint64_t sum = weft_image_checksum(image.get(), size);
    memcpy(image.get() + 24, &sum, 8);
  }
  ImageView view;
  LoadedCode code;
  if (readImage(image.get(), size, view, &err) == 0)
    loadObjects(view.objects, view.machine, true, code, &err);
  return 0;
}
