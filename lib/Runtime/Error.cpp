//===- Error.cpp - error text ---------------------------------------------===//
//
// Decides the few words that stand for each status code.
//
//===----------------------------------------------------------------------===//

#include "weft/Runtime/Error.h"

#include <cstdarg>
#include <cstdio>

int32_t weft_error_set(WeftError *err, int32_t code, const char *format, ...) {
  if (!err)
    return code;
  err->code = code;
  err->where = err->expected = err->got = 0;
  va_list args;
  va_start(args, format);
  vsnprintf(err->message, sizeof err->message, format, args);
  va_end(args);
  return code;
}

const char *weft_status_name(int32_t code) {
  switch (code) {
  case WEFT_OK:
    return "ok";
  case WEFT_ERR_BAD_IMAGE:
    return "bad image";
  case WEFT_ERR_TRUNCATED:
    return "truncated image";
  case WEFT_ERR_CHECKSUM:
    return "corrupt image";
  case WEFT_ERR_VERSION:
    return "unsupported image version";
  case WEFT_ERR_MACHINE:
    return "wrong machine";
  case WEFT_ERR_CPU_FEATURE:
    return "missing CPU feature";
  case WEFT_ERR_OBJECT:
    return "bad object";
  case WEFT_ERR_RELOCATION:
    return "bad relocation";
  case WEFT_ERR_SYMBOL:
    return "unknown symbol";
  case WEFT_ERR_NO_MEMORY:
    return "out of memory";
  case WEFT_ERR_USAGE:
    return "wrong use of the API";
  case WEFT_ERR_IO:
    return "file not readable";
  case WEFT_ERR_INTERRUPTED:
    return "interrupted";
  case WEFT_ERR_SHAPE:
    return "shape mismatch";
  case WEFT_ERR_ASSUMPTION:
    return "assumption failed";
  case WEFT_ERR_CHECK:
    return "check failed";
  case WEFT_ERR_NATIVE:
    return "native code broke its contract";
  default:
    return "unknown status";
  }
}
