//===- Error.h - status codes and error text of the runtime ---------------===//
//
// Decides the stable codes (WF5001...) of everything that can fail at run time,
// and the one struct that carries a failure to the host. The C ABI reports
// failures by value only: no exceptions, no errno, no global "last error".
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_RUNTIME_ERROR_H
#define WEFT_RUNTIME_ERROR_H

#include <stdint.h>

#if defined(__GNUC__)
#define WEFT_API __attribute__((visibility("default")))
#else
#define WEFT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/// Status codes. A number is printed as WFnnnn and never changes its meaning.
typedef enum WeftStatus {
  WEFT_OK = 0,

  // Images (files are untrusted: each of these is expected input).
  WEFT_ERR_BAD_IMAGE = 5001,   ///< not a Weft image, or its fields contradict each other
  WEFT_ERR_TRUNCATED = 5002,   ///< shorter than its header says
  WEFT_ERR_CHECKSUM = 5003,    ///< bytes changed since it was written
  WEFT_ERR_VERSION = 5004,     ///< written in a format that this runtime does not read
  WEFT_ERR_MACHINE = 5005,     ///< made for another processor architecture
  WEFT_ERR_CPU_FEATURE = 5006, ///< needs an instruction set that this processor lacks
  WEFT_ERR_OBJECT = 5007,      ///< an ELF object in it is malformed or uses an unsupported feature
  WEFT_ERR_RELOCATION = 5008,  ///< a relocation of unknown type or out of reach
  WEFT_ERR_SYMBOL = 5009,      ///< a symbol that is neither in the image nor in the runtime's table

  // The host.
  WEFT_ERR_NO_MEMORY = 5010, ///< memory could not be had
  WEFT_ERR_USAGE = 5011,     ///< the C API was used against its contract
  WEFT_ERR_IO = 5012,        ///< a file could not be read

  // Calls.
  WEFT_ERR_INTERRUPTED = 5020, ///< the poll callback asked to stop
  WEFT_ERR_SHAPE = 5021,       ///< where = argument * 256 + dimension; expected and got are sizes
  WEFT_ERR_ASSUMPTION = 5022,  ///< an assumption of the function does not hold; where = its index
  WEFT_ERR_CHECK = 5023,       ///< a `check` of the program failed; where = its index
  WEFT_ERR_NATIVE = 5024       ///< native code broke the contract of ABI.h
} WeftStatus;

/// A failure. Written only when a function fails; `message` is one line of
/// English without the code, always terminated.
typedef struct WeftError {
  int32_t code;
  int64_t where;    ///< calls: as given to weft_rt_fail, else 0
  int64_t expected; ///< calls: as given to weft_rt_fail, else 0
  int64_t got;      ///< calls: as given to weft_rt_fail, else 0
  char message[512];
} WeftError;

/// Fills `err` (which may be NULL) and returns `code`. Text that does not fit is cut.
WEFT_API int32_t weft_error_set(WeftError *err, int32_t code, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/// What a code means in a few words ("truncated image"), or "unknown status".
WEFT_API const char *weft_status_name(int32_t code);

#ifdef __cplusplus
}
#endif

#endif // WEFT_RUNTIME_ERROR_H
