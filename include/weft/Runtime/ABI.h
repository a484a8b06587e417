//===- ABI.h - what generated native code sees of the runtime -------------===//
//
// Decides the contract between the code generator and the runtime: the type of
// a program's one entry, and the services that native code may call. Names and
// signatures here are fixed; an image names them as outside symbols and the
// loader resolves them from one table (lib/Runtime/Symbols.cpp), nothing else.
//
// Besides these, native code may refer to memcpy, memmove, memset (LLVM makes
// calls of them from loops) and the half-precision conversions __truncsfhf2,
// __truncdfhf2, __extendhfsf2, __truncsfbf2, __truncdfbf2.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_RUNTIME_ABI_H
#define WEFT_RUNTIME_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// One call of a program in flight. Owns the arena; never shared by two calls.
typedef struct WeftCall WeftCall;

/// One argument: dense row-major data and its `rank` sizes. The rank and the
/// element type are fixed by the program, so they are not passed. `shape` may
/// be NULL where the rank is 0.
typedef struct WeftArg {
  void *data;
  const int64_t *shape;
} WeftArg;

/// The one entry of a program. Returns 0, or the code of a failure that it
/// recorded with weft_rt_fail (or that weft_rt_poll returned).
typedef int32_t (*WeftEntry)(WeftCall *call, const WeftArg *args);

/// The body of a parallel loop over items [begin, end).
typedef void (*WeftParallelBody)(WeftCall *call, void *closure, int64_t begin, int64_t end);

/// This call's arena: `bytes` bytes, 64-byte aligned, uninitialised, valid until
/// the entry returns. A second request that fits returns the same memory; a
/// larger one returns new memory, and the old stays valid. NULL: no memory (the
/// status is set; return). Only from the thread of the entry.
char *weft_rt_arena(WeftCall *call, int64_t bytes);

/// The buffer of result `index`: `bytes` bytes, 64-byte aligned, uninitialised,
/// to be filled by native code. `shape` has `rank` sizes and is copied. NULL: no
/// memory or an index or rank that the program did not declare (the status is
/// set; return). Only from the thread of the entry.
void *weft_rt_result(WeftCall *call, int32_t index, int64_t bytes, int32_t rank, const int64_t *shape);

/// Memory for a stretch of the program whose sizes are known only there: `bytes` bytes, 64-byte aligned,
/// uninitialised, valid until the matching weft_rt_pop (or the end of the call). Stretches nest. Kept for the next at
/// the same depth, so a loop that asks for no more than before allocates nothing. NULL: no memory (the status is set;
/// return). Only from the thread of the entry.
char *weft_rt_push(WeftCall *call, int64_t bytes);
void weft_rt_pop(WeftCall *call);

/// Memory for what the program computes from arguments that stay the same from
/// call to call (weft_kept_create). `isNew` is set to 0 where it holds what an
/// earlier call left there; else to 1, and the program writes it, then calls
/// weft_rt_keep. Asked for once in a call, outside of weft_rt_push. NULL on failure.
char *weft_rt_kept(WeftCall *call, int64_t bytes, int32_t *isNew);
void weft_rt_keep(WeftCall *call);

/// Scratch of the calling thread (packing panels): 64-byte aligned,
/// uninitialised, overwritten by the next request of the same thread at the same
/// depth. A parallel body has its own depth, so it never overwrites the scratch
/// of the code around it. NULL: no memory (the status is set; return).
char *weft_rt_scratch(WeftCall *call, int64_t bytes);

/// Sorts n elements by Sort.cpp's order: writes the first k elements, or their
/// positions as int64. Strides are in elements; `scratch` has 32 * n bytes, with
/// WEFT_SORT_SELECT, which keeps no more than the first k, 16 * k. `format`: bytes
/// of an element | its kind ('f', 'i', 'u') << 8 | bits of a float's mantissa
/// << 16 | the flags.
enum { WEFT_SORT_DESCENDING = 1 << 24, WEFT_SORT_POSITIONS = 1 << 25, WEFT_SORT_SELECT = 1 << 26 };
void weft_rt_sort(char *scratch, const char *x, int64_t x_stride, char *out, int64_t out_stride, int64_t n, int64_t k,
                  int64_t format);

/// Runs `body` over items [0, n), cut in chunks of `grain` items. The cut
/// depends on n and grain only, never on the number of threads. `cost_ns` is the
/// estimated time of the whole loop on one thread: below a threshold the caller
/// runs it alone. Between chunks the stop flag is polled; after a stop, chunks
/// not yet begun are left out, and weft_rt_poll returns nonzero. Nested calls
/// run serially.
void weft_rt_parallel(WeftCall *call, WeftParallelBody body, void *closure, int64_t n, int64_t grain, int64_t cost_ns);

/// Runs the n parts of a program that depend on none of each other: `body` over
/// [k, k + 1) for each k, on different threads where that ends clearly sooner than
/// one after the other. `times` has n words of the program's own: each part's time
/// in ns on one thread, an estimate at first, then as last measured. `shared` is
/// the share of that time, in 1024ths, that parallel loops inside the parts can
/// divide among threads: they do where the parts run one after the other, at the
/// depth of the caller.
void weft_rt_beside(WeftCall *call, WeftParallelBody body, void *closure, int64_t n, int64_t *times, int64_t shared);

/// Belongs at the back-edges of long loops: a few nanoseconds. Nonzero (the
/// status) means stop: return it from the entry.
int32_t weft_rt_poll(WeftCall *call);

/// Records a failure and returns `code` (nonzero). The first failure of a call
/// wins. `where` tells the place in the terms of the code: for
/// WEFT_ERR_SHAPE it is argument * 256 + dimension. Any thread may call it.
int32_t weft_rt_fail(WeftCall *call, int32_t code, int64_t where, int64_t expected, int64_t got);

/// Performs an effect: `site` tells what (weft/Runtime/Effect.h), `values` are its
/// operands, then its results, which the host fills. Nonzero (the status) means
/// stop: return it from the entry. Only from the thread of the entry.
int32_t weft_rt_effect(WeftCall *call, const char *site, const WeftArg *values);

/// Runs a routine of the library of factorisations on all matrices of its operands: `format` tells which
/// (weft/Runtime/Linalg.h), `values` are its operands, then its results. Nonzero (the status) means stop: return it
/// from the entry.
int32_t weft_rt_linalg(WeftCall *call, int64_t format, const WeftArg *values);

#ifdef __cplusplus
}
#endif

#endif // WEFT_RUNTIME_ABI_H
