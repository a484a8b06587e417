//===- ImageReader.h - a checked view of an image's bytes -----------------===//
//
// Decides nothing; see Image.h for the format. Views point into the bytes given.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_LIB_RUNTIME_IMAGEREADER_H
#define WEFT_LIB_RUNTIME_IMAGEREADER_H

#include "weft/Runtime/Image.h"

#include <string_view>
#include <vector>

namespace weft::rt {

struct ValueType {
  int32_t dtype = 0;
  std::vector<int64_t> dims;
};

struct ObjectView {
  std::string_view symbol;
  const unsigned char *data = nullptr;
  size_t size = 0;
};

struct ImageView {
  uint32_t machine = 0;
  std::vector<std::string_view> features;
  std::vector<ValueType> args, results;
  std::vector<ObjectView> objects;
  std::string_view metadata;
};

/// Checks everything about the container itself. 0 or an image code.
int32_t readImage(const void *image, size_t size, ImageView &view, WeftError *err);

} // namespace weft::rt

#endif // WEFT_LIB_RUNTIME_IMAGEREADER_H
