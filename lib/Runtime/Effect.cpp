//===- Effect.cpp - print and check without a host ------------------------===//
//
// Decides how values are written where no host formats them: scalars with as
// many digits as they need, arrays in brackets, long ones cut.
//
//===----------------------------------------------------------------------===//

#include "weft/Runtime/Effect.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace weft::rt;

namespace {

/// Elements of a value that are written; the rest is dots.
constexpr int64_t kMost = 1000;

/// The next line of `text`, which moves behind it.
std::string line(const char *&text) {
  const char *end = std::strchr(text, '\n');
  std::string result = end ? std::string(text, end) : std::string(text);
  text = end ? end + 1 : text + result.size();
  return result;
}

std::vector<EffectSite::Value> valuesOf(const std::string &words) {
  std::vector<EffectSite::Value> values;
  int dtype, rank, read;
  for (const char *at = words.c_str(); std::sscanf(at, "%d:%d %n", &dtype, &rank, &read) == 2; at += read)
    values.push_back({dtype, rank});
  return values;
}

std::string wordsOf(const std::vector<EffectSite::Value> &values) {
  std::string words;
  for (const EffectSite::Value &value : values)
    words += std::to_string(value.dtype) + ":" + std::to_string(value.rank) + " ";
  return words;
}

template <typename T> T read(const char *at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// The shortest text that reads back as the same number; that of NaN has no sign, which no op promises.
std::string number(double value, int digits) {
  if (std::isnan(value))
    return "nan";
  char text[40];
  for (int precision = 1; precision <= digits; ++precision) {
    std::snprintf(text, sizeof text, "%.*g", precision, value);
    double back = std::strtod(text, nullptr);
    if (back == value || (digits <= 9 && float(back) == float(value)))
      break;
  }
  return text;
}

/// A number of 16 bits with so many bits of mantissa.
double small(uint16_t bits, int mantissa) {
  int exponents = 15 - mantissa, bias = (1 << (exponents - 1)) - 1;
  int exponent = bits >> mantissa & ((1 << exponents) - 1), fraction = bits & ((1 << mantissa) - 1);
  double size = exponent == (1 << exponents) - 1 ? (fraction ? NAN : INFINITY)
                : exponent                       ? std::ldexp((1 << mantissa) + fraction, exponent - bias - mantissa)
                                                 : std::ldexp(fraction, 1 - bias - mantissa);
  return bits >> 15 ? -size : size;
}

std::string element(int32_t dtype, const char *at) {
  switch (dtype) {
  case WEFT_BOOL:
    return *at ? "True" : "False";
  case WEFT_I8:
    return std::to_string(read<int8_t>(at));
  case WEFT_I16:
    return std::to_string(read<int16_t>(at));
  case WEFT_I32:
    return std::to_string(read<int32_t>(at));
  case WEFT_I64:
    return std::to_string(read<int64_t>(at));
  case WEFT_U8:
    return std::to_string(read<uint8_t>(at));
  case WEFT_U16:
    return std::to_string(read<uint16_t>(at));
  case WEFT_U32:
    return std::to_string(read<uint32_t>(at));
  case WEFT_U64:
    return std::to_string(read<uint64_t>(at));
  case WEFT_F16:
    return number(small(read<uint16_t>(at), 10), 5);
  case WEFT_BF16:
    return number(small(read<uint16_t>(at), 7), 4);
  case WEFT_F32:
    return number(read<float>(at), 9);
  case WEFT_F64:
    return number(read<double>(at), 17);
  case WEFT_KEY:
    return "key(" + std::to_string(read<uint32_t>(at)) + ", " + std::to_string(read<uint32_t>(at + 4)) + ")";
  default:
    return "?";
  }
}

std::string array(int32_t dtype, const char *&at, const int64_t *shape, int32_t rank, int64_t &left) {
  if (rank == 0) {
    std::string text = left-- > 0 ? element(dtype, at) : "";
    at += weft_dtype_size(dtype);
    return text;
  }
  std::string text = "[";
  for (int64_t i = 0; i < shape[0]; ++i) {
    if (left <= 0)
      return text + ", ...]";
    text += (i ? ", " : "") + array(dtype, at, shape + 1, rank - 1, left);
  }
  return text + "]";
}

int64_t product(const int64_t *shape, int32_t first, int32_t last) {
  int64_t n = 1;
  for (int32_t i = first; i < last; ++i)
    n *= shape[i];
  return n;
}

} // namespace

EffectSite EffectSite::parse(const char *text) {
  EffectSite site;
  site.kind = line(text);
  site.lanes = std::atoi(line(text).c_str());
  site.masked = line(text) == "1";
  site.operands = valuesOf(line(text));
  site.results = valuesOf(line(text));
  site.where = line(text);
  site.text = text;
  return site;
}

std::string EffectSite::str() const {
  return kind + "\n" + std::to_string(lanes) + "\n" + (masked ? "1" : "0") + "\n" + wordsOf(operands) + "\n" +
         wordsOf(results) + "\n" + where + "\n" + text;
}

int64_t EffectSite::numLanes(const WeftArg *values) const {
  return lanes && !operands.empty() ? product(values[0].shape, 0, lanes) : 1;
}

bool EffectSite::isOn(const WeftArg *values, int64_t lane) const {
  return !masked || static_cast<const char *>(values[operands.size() - 1].data)[lane];
}

bool EffectSite::holds(const WeftArg *values, int64_t lane) const {
  int64_t count = product(values[0].shape, lanes, operands[0].rank);
  const char *elements = static_cast<const char *>(values[0].data) + lane * count;
  return !std::memchr(elements, 0, count);
}

std::string EffectSite::message(const WeftArg *values, int64_t lane) const {
  std::string result;
  size_t next = kind == "check", last = operands.size() - masked;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      result += c;
      ++i;
    } else if (c == '{' && text.find('}', i) != std::string::npos) {
      i = text.find('}', i);
      if (next >= last)
        continue;
      const WeftArg &value = values[next];
      int32_t dtype = operands[next].dtype, rank = operands[next++].rank;
      int64_t count = product(value.shape, lanes, rank), left = kMost;
      const char *at = static_cast<const char *>(value.data) + lane * count * weft_dtype_size(dtype);
      result += array(dtype, at, value.shape + lanes, rank - lanes, left);
    } else {
      result += c;
    }
  }
  return result;
}

bool weft::rt::performEffect(const EffectSite &site, const WeftArg *values, std::string &message) {
  for (int64_t lane = 0, n = site.numLanes(values); lane < n; ++lane) {
    if (!site.isOn(values, lane))
      continue;
    if (site.kind == "print") {
      std::string text = site.message(values, lane) + "\n";
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    } else if (site.kind == "check") {
      if (site.holds(values, lane))
        continue;
      message = site.message(values, lane);
      return false;
    } else {
      message = "the program calls `" + site.text + "` of its host, which is not here";
      return false;
    }
  }
  return true;
}
