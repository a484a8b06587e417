//===- Runtime.h - what a host sees of the runtime ------------------------===//
//
// Decides the C API by which a host (the Python module, weft-run, a C program)
// loads an image and calls it. Needs no compiler and no Python.
//
//   WeftError err;
//   WeftProgram *p = weft_program_load(bytes, size, &err);
//   int64_t shape[] = {8};
//   WeftArg args[] = {{x, shape}};
//   WeftResult out[1];
//   if (weft_call(p, args, out, NULL, &err) != 0)
//     fprintf(stderr, "[WF%d] %s\n", err.code, err.message);
//   ... out[0].buffer->data ...
//   weft_buffer_release(out[0].buffer);
//   weft_program_free(p);
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_RUNTIME_RUNTIME_H
#define WEFT_RUNTIME_RUNTIME_H

#include "weft/Runtime/ABI.h"
#include "weft/Runtime/Buffer.h"
#include "weft/Runtime/Error.h"
#include "weft/Runtime/Image.h"

#ifdef __cplusplus
extern "C" {
#endif

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// A program laid out in memory, ready to be called from any thread.
typedef struct WeftProgram WeftProgram;

/// Checks and loads an image; the bytes are not needed afterwards. NULL on
/// failure, with one of the image codes or WEFT_ERR_NO_MEMORY in `err`.
/// WEFT_PERF=1 in the environment appends its functions to perf's map file.
WEFT_API WeftProgram *weft_program_load(const void *image, size_t size, WeftError *err);

/// The same from a file; also fails with WEFT_ERR_IO.
WEFT_API WeftProgram *weft_program_load_file(const char *path, WeftError *err);

/// Unmaps the program. No call of it may be in flight. NULL is allowed.
WEFT_API void weft_program_free(WeftProgram *program);

/// Frees the calls that the program keeps for reuse, arenas included (they go to
/// the pool; see weft_pool_trim). Calls in flight are not touched. Any thread.
WEFT_API void weft_program_trim(WeftProgram *program);

WEFT_API int32_t weft_program_num_args(const WeftProgram *program);
WEFT_API int32_t weft_program_num_results(const WeftProgram *program);

/// Type of argument or result `index` (in range), valid as long as the program.
WEFT_API WeftValueType weft_program_arg(const WeftProgram *program, int32_t index);
WEFT_API WeftValueType weft_program_result(const WeftProgram *program, int32_t index);

/// The metadata bytes of the image, valid as long as the program.
WEFT_API const void *weft_program_metadata(const WeftProgram *program, size_t *size);

/// Bytes of code and data mapped for it.
WEFT_API size_t weft_program_code_bytes(const WeftProgram *program);

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// One result: a buffer with one reference that the caller of weft_call owns.
typedef struct WeftResult {
  WeftBuffer *buffer;
  int32_t rank;
  int64_t shape[WEFT_MAX_RANK];
} WeftResult;

/// Asked about every 20 ms on the calling thread; nonzero stops the call.
typedef int32_t (*WeftPollCallback)(void *user);

/// Performs an effect of the program on the calling thread (weft/Runtime/Effect.h
/// says how `site` is read); nonzero stops the call.
typedef int32_t (*WeftEffectCallback)(void *user, const char *site, const WeftArg *values);

/// What a program computes from arguments that stay the same from call to call
/// (packed weights): the first call that is given an empty one fills it, later
/// calls read it. Which arguments those are stands in the program's metadata; the
/// caller gives an empty one where they changed. Calls at once may share one. NULL: no memory.
typedef struct WeftKept WeftKept;
WEFT_API WeftKept *weft_kept_create(void);

/// No call that was given it may be in flight. NULL is allowed.
WEFT_API void weft_kept_free(WeftKept *kept);

/// Options of a call; zero-initialise, then set what matters.
typedef struct WeftCallOptions {
  int32_t threads; ///< 0: the default (weft_num_threads); 1: the calling thread alone
  WeftPollCallback poll;
  void *poll_user;
  WeftEffectCallback effect; ///< NULL: prints go to the standard output, checks fail by themselves
  void *effect_user;
  /// NULL, or for each result NULL or a buffer with one reference to be used
  /// for that result if it is large enough (a donated argument). The call takes
  /// the references, whether it fails or not.
  WeftBuffer **donated;
  WeftKept *kept; ///< NULL: computed anew in this call
} WeftCallOptions;

/// Calls a program. `args` has an entry per argument, `results` receives one per
/// result; `options` and `err` may be NULL. Returns 0, or the code of the
/// failure; then `err` is filled and no buffer is handed over. Threads may call
/// one program at once: each call in flight has its own arena. A poll callback
/// may itself call programs.
WEFT_API int32_t weft_call(WeftProgram *program, const WeftArg *args, WeftResult *results,
                           const WeftCallOptions *options, WeftError *err);

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

/// Threads that a call uses by default: WEFT_NUM_THREADS, else the smaller of
/// the affinity mask and the cgroup's CPU quota rounded up. Read once.
WEFT_API int32_t weft_num_threads(void);

/// Whether this processor and its operating system have a feature, by LLVM's
/// name. 1, 0, or -1 for a name that this runtime does not know.
WEFT_API int32_t weft_cpu_has(const char *feature);

/// A JSON object of facts (machine, cpu features, threads, affinity, quota,
/// pool): writes at most `size` bytes, terminated, and returns the length it
/// needs, as snprintf does.
WEFT_API size_t weft_runtime_info(char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif // WEFT_RUNTIME_RUNTIME_H
