//===- Image.cpp - writing and reading images -----------------------------===//
//
// Decides how an image's bytes are checked: magic, version, size, checksum, then
// each count and offset against the bytes that are there. Counts are bounded by
// the bytes that their records need, so that a hostile one allocates nothing.
//
//===----------------------------------------------------------------------===//

#include "weft/Runtime/Image.h"
#include "ImageReader.h"

#include <cstdlib>
#include <cstring>

using namespace weft::rt;

namespace {

constexpr unsigned char kMagic[8] = {0x89, 'W', 'F', 'T', '\r', '\n', 0x1a, '\n'};
constexpr size_t kHeader = 64, kAlign = 64, kChecksumAt = 24;

size_t alignUp(size_t n) { return (n + kAlign - 1) / kAlign * kAlign; }

/// Image integers are little-endian, as are both machines that we run on.
template <typename T> T load(const unsigned char *p) {
  T value;
  memcpy(&value, p, sizeof value);
  return value;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// Writes sequentially; with no memory behind it, it only counts.
class Writer {
public:
  explicit Writer(unsigned char *out) : out(out) {}
  void bytes(const void *data, size_t size) {
    if (out && size)
      memcpy(out + at, data, size);
    at += size;
  }
  void u32(uint32_t v) { bytes(&v, sizeof v); }
  void u64(uint64_t v) { bytes(&v, sizeof v); }
  void text(const char *s) {
    u32(uint32_t(strlen(s)));
    bytes(s, strlen(s));
  }
  void type(const WeftValueType &t) {
    u32(uint32_t(t.dtype));
    u32(uint32_t(t.rank));
    bytes(t.dims, size_t(t.rank) * 8);
  }
  void align() { at = alignUp(at); } // the memory was zeroed
  size_t at = 0;

private:
  unsigned char *out;
};

/// One walk, done twice: to measure, then to write.
size_t emit(const WeftImageSpec &spec, unsigned char *out, size_t total, const std::vector<uint64_t> &places,
            std::vector<uint64_t> *found) {
  auto place = [&](size_t i) { return places.empty() ? 0 : places[i]; };
  Writer w(out);
  w.bytes(kMagic, sizeof kMagic);
  w.u32(WEFT_IMAGE_VERSION);
  w.u32(spec.machine);
  w.u64(total);
  w.u64(0); // checksum, filled in last
  w.u32(uint32_t(spec.num_features));
  w.u32(uint32_t(spec.num_args));
  w.u32(uint32_t(spec.num_results));
  w.u32(uint32_t(spec.num_objects));
  w.u64(place(spec.num_objects));
  w.u64(spec.metadata_size);
  for (size_t i = 0; i < spec.num_features; ++i)
    w.text(spec.features[i]);
  for (size_t i = 0; i < spec.num_args; ++i)
    w.type(spec.args[i]);
  for (size_t i = 0; i < spec.num_results; ++i)
    w.type(spec.results[i]);
  for (size_t i = 0; i < spec.num_objects; ++i) {
    w.text(spec.objects[i].symbol);
    w.u64(place(i));
    w.u64(spec.objects[i].size);
  }
  auto payload = [&](const void *data, size_t size) {
    w.align();
    if (found)
      found->push_back(w.at);
    w.bytes(data, size);
  };
  for (size_t i = 0; i < spec.num_objects; ++i)
    payload(spec.objects[i].data, spec.objects[i].size);
  payload(spec.metadata, spec.metadata_size);
  w.align();
  return w.at;
}

bool validType(const WeftValueType &t) {
  if (weft_dtype_size(t.dtype) == 0 || t.rank < 0 || t.rank > WEFT_MAX_RANK)
    return false;
  for (int32_t i = 0; i < t.rank; ++i)
    if (t.dims[i] < -1)
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

class Reader {
public:
  Reader(const unsigned char *data, size_t size, size_t at) : data(data), size(size), at(at) {}
  bool failed = false;

  const unsigned char *take(uint64_t count) {
    if (failed || count > size - at) {
      failed = true;
      return nullptr;
    }
    const unsigned char *p = data + at;
    at += count;
    return p;
  }
  uint32_t u32() {
    auto *p = take(4);
    return p ? load<uint32_t>(p) : 0;
  }
  uint64_t u64() {
    auto *p = take(8);
    return p ? load<uint64_t>(p) : 0;
  }
  std::string_view text() {
    uint32_t length = u32();
    auto *p = take(length);
    return p ? std::string_view(reinterpret_cast<const char *>(p), length) : std::string_view();
  }
  ValueType type() {
    ValueType t;
    t.dtype = int32_t(u32());
    uint32_t rank = u32();
    if (weft_dtype_size(t.dtype) == 0 || rank > WEFT_MAX_RANK)
      failed = true;
    for (uint32_t i = 0; i < rank && !failed; ++i) {
      t.dims.push_back(int64_t(u64()));
      if (t.dims.back() < -1)
        failed = true;
    }
    return t;
  }
  /// A payload by its offset and size.
  const unsigned char *span(uint64_t offset, uint64_t count) {
    if (failed || offset > size || count > size - offset) {
      failed = true;
      return nullptr;
    }
    return data + offset;
  }

private:
  const unsigned char *data;
  size_t size, at;
};

} // namespace

int32_t weft_dtype_size(int32_t dtype) {
  switch (dtype) {
  case WEFT_BOOL:
  case WEFT_I8:
  case WEFT_U8:
    return 1;
  case WEFT_I16:
  case WEFT_U16:
  case WEFT_F16:
  case WEFT_BF16:
    return 2;
  case WEFT_I32:
  case WEFT_U32:
  case WEFT_F32:
    return 4;
  case WEFT_I64:
  case WEFT_U64:
  case WEFT_F64:
  case WEFT_C64:
  case WEFT_KEY:
    return 8;
  case WEFT_C128:
    return 16;
  default:
    return 0;
  }
}

/// Four lanes of h = mix((h ^ word) * odd). Each step is a bijection of h, so any
/// change within one 8-byte word changes the sum. The multiplier is 2^64 / phi
/// made odd, a usual choice for spreading bits (Knuth, TAOCP 3, section 6.4).
uint64_t weft_image_checksum(const void *image, size_t size) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15u;
  auto *p = static_cast<const unsigned char *>(image);
  uint64_t lane[4] = {size, 1, 2, 3};
  auto step = [&](uint64_t &h, uint64_t word) {
    h = (h ^ word) * kOdd;
    h ^= h >> 32;
  };
  size_t words = size / 8;
  for (size_t i = 0; i < words; ++i)
    step(lane[i % 4], i * 8 == kChecksumAt ? 0 : load<uint64_t>(p + i * 8));
  for (size_t i = words * 8; i < size; ++i)
    step(lane[3], p[i]);
  uint64_t sum = lane[0];
  for (int i = 1; i < 4; ++i)
    step(sum, lane[i]);
  return sum;
}

int32_t weft_image_write(const WeftImageSpec *spec, void **image, size_t *size, WeftError *err) {
  *image = nullptr;
  *size = 0;
  if (spec->num_objects == 0)
    return weft_error_set(err, WEFT_ERR_USAGE, "an image needs at least one object: the entry");
  for (size_t i = 0; i < spec->num_args + spec->num_results; ++i) {
    bool isArg = i < spec->num_args;
    if (!validType(isArg ? spec->args[i] : spec->results[i - spec->num_args]))
      return weft_error_set(err, WEFT_ERR_USAGE, "%s %zu has a bad element type, rank or size",
                            isArg ? "argument" : "result", isArg ? i : i - spec->num_args);
  }
  std::vector<uint64_t> places;
  size_t total = emit(*spec, nullptr, 0, {}, &places);
  auto *out = static_cast<unsigned char *>(calloc(1, total));
  if (!out)
    return weft_error_set(err, WEFT_ERR_NO_MEMORY, "no memory for an image of %zu bytes", total);
  emit(*spec, out, total, places, nullptr);
  uint64_t sum = weft_image_checksum(out, total);
  memcpy(out + kChecksumAt, &sum, sizeof sum);
  *image = out;
  *size = total;
  return WEFT_OK;
}

void weft_image_free(void *image) { free(image); }

int32_t weft_image_check(const void *image, size_t size, WeftError *err) {
  ImageView view;
  return readImage(image, size, view, err);
}

int32_t weft_image_piece(const void *image, size_t size, int32_t index, WeftImagePiece *piece, WeftError *err) {
  ImageView view;
  if (int32_t rc = readImage(image, size, view, err))
    return rc;
  if (index == -1) {
    *piece = {nullptr, 0, view.metadata.data(), view.metadata.size()};
    return WEFT_OK;
  }
  if (index < 0 || size_t(index) >= view.objects.size())
    return weft_error_set(err, WEFT_ERR_USAGE, "object %d of an image that holds %zu", index, view.objects.size());
  const ObjectView &object = view.objects[size_t(index)];
  *piece = {object.symbol.data(), object.symbol.size(), object.data, object.size};
  return WEFT_OK;
}

int32_t weft::rt::readImage(const void *image, size_t size, ImageView &view, WeftError *err) {
  auto *data = static_cast<const unsigned char *>(image);
  if (size < sizeof kMagic || memcmp(data, kMagic, sizeof kMagic) != 0)
    return weft_error_set(err, size < sizeof kMagic ? WEFT_ERR_TRUNCATED : WEFT_ERR_BAD_IMAGE,
                          "not a Weft program: the first bytes are not the mark of one");
  if (size < kHeader)
    return weft_error_set(err, WEFT_ERR_TRUNCATED, "%zu bytes are less than the header of an image (%zu)", size,
                          kHeader);
  uint32_t version = load<uint32_t>(data + 8);
  if (version != WEFT_IMAGE_VERSION)
    return weft_error_set(err, WEFT_ERR_VERSION, "image version %u, but this runtime reads version %d", version,
                          WEFT_IMAGE_VERSION);
  uint64_t total = load<uint64_t>(data + 16);
  if (total > size)
    return weft_error_set(err, WEFT_ERR_TRUNCATED, "the image says %llu bytes, but %zu are there",
                          (unsigned long long)total, size);
  if (total < size)
    return weft_error_set(err, WEFT_ERR_BAD_IMAGE, "the image says %llu bytes, but %zu are there",
                          (unsigned long long)total, size);
  if (load<uint64_t>(data + kChecksumAt) != weft_image_checksum(data, size))
    return weft_error_set(err, WEFT_ERR_CHECKSUM, "the image's checksum does not match its bytes");

  view.machine = load<uint32_t>(data + 12);
  uint32_t features = load<uint32_t>(data + 32), args = load<uint32_t>(data + 36);
  uint32_t results = load<uint32_t>(data + 40), objects = load<uint32_t>(data + 44);
  if (objects == 0)
    return weft_error_set(err, WEFT_ERR_BAD_IMAGE, "the image holds no code");
  Reader r(data, size, kHeader);
  for (uint32_t i = 0; i < features && !r.failed; ++i)
    view.features.push_back(r.text());
  for (uint32_t i = 0; i < args && !r.failed; ++i)
    view.args.push_back(r.type());
  for (uint32_t i = 0; i < results && !r.failed; ++i)
    view.results.push_back(r.type());
  uint64_t payloads = 0;
  for (uint32_t i = 0; i < objects && !r.failed; ++i) {
    ObjectView object;
    object.symbol = r.text();
    uint64_t offset = r.u64(), bytes = r.u64();
    object.data = r.span(offset, bytes);
    object.size = bytes;
    if ((payloads += bytes) > size) // they overlap: loading would cost more than the bytes that are there
      r.failed = true;
    view.objects.push_back(object);
  }
  uint64_t metaAt = load<uint64_t>(data + 48), metaSize = load<uint64_t>(data + 56);
  if (auto *p = r.span(metaAt, metaSize))
    view.metadata = {reinterpret_cast<const char *>(p), size_t(metaSize)};
  if (r.failed)
    return weft_error_set(err, WEFT_ERR_BAD_IMAGE, "the image's tables do not fit its size");
  return WEFT_OK;
}
