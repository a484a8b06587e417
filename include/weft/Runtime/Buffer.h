//===- Buffer.h - reference-counted, pooled memory for array values -------===//
//
// Decides how memory of results and arenas is had: 64-byte aligned blocks from
// a pool of size classes, kept for reuse up to a bound, because fresh pages cost
// more than the arithmetic of a memory-bound kernel (measured: a scale into
// fresh 4 KB pages runs at 3.5 GB/s, into warm ones at 22). Foreign memory
// (NumPy, DLPack) is wrapped with a deleter and obeys the same counting.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_RUNTIME_BUFFER_H
#define WEFT_RUNTIME_BUFFER_H

#include "weft/Runtime/Error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A counted piece of memory. `data` and `bytes` may be read by anyone who holds
/// a reference; the rest belongs to the pool.
typedef struct WeftBuffer {
  void *data;
  int64_t bytes; ///< as asked for; the block may be larger

  // private
  int64_t refs;
  int64_t size_class; ///< -1: foreign memory
  void (*deleter)(void *owner);
  void *owner;
  struct WeftBuffer *next;
  int64_t id; ///< of what it holds: another one whenever the memory is handed out to be written; 0: foreign memory
} WeftBuffer;

/// A new buffer of `bytes` bytes (0 is allowed: its data is a valid pointer),
/// 64-byte aligned, uninitialised, with one reference. NULL: no memory, or a
/// negative or absurd size. Any thread.
WEFT_API WeftBuffer *weft_buffer_alloc(int64_t bytes);

/// Wraps memory that someone else owns; `deleter(owner)` runs once, on whatever
/// thread drops the last reference. NULL: no memory (the deleter is not run).
WEFT_API WeftBuffer *weft_buffer_wrap(void *data, int64_t bytes, void (*deleter)(void *owner), void *owner);

/// Adds a reference. Returns the buffer.
WEFT_API WeftBuffer *weft_buffer_retain(WeftBuffer *buffer);

/// Drops a reference; the last one returns the memory to the pool. NULL is allowed.
WEFT_API void weft_buffer_release(WeftBuffer *buffer);

/// The same, but memory of the pool goes back to the system: for what is had anew in another size.
WEFT_API void weft_buffer_drop(WeftBuffer *buffer);

/// What a new buffer of `bytes` bytes takes of the machine's memory once all of it is written, its header included:
/// whole pages, where it has pages of its own.
WEFT_API int64_t weft_buffer_footprint(int64_t bytes);

/// The number of references now (for "may I write in place": 1 means only you).
WEFT_API int64_t weft_buffer_refs(const WeftBuffer *buffer);

/// Gives a buffer of the pool another id: its memory is about to be written anew. Foreign memory keeps its 0.
WEFT_API void weft_buffer_renew(WeftBuffer *buffer);

/// Copies a view into dense, row-major memory that does not overlap it. `width`: bytes of an element, 1, 2, 4, 8 or 16.
/// `strides`: in bytes, of any sign; elements need not be aligned. `rank` is at most 64.
WEFT_API void weft_copy_dense(void *to, const void *from, int32_t width, int32_t rank, const int64_t *shape,
                              const int64_t *strides);

/// Figures of the pool at one moment. Bytes count whole blocks.
typedef struct WeftPoolStats {
  int64_t live_bytes;   ///< held by buffers with references, arenas included
  int64_t live_buffers; ///< their number
  int64_t pooled_bytes; ///< free, kept for reuse
  int64_t pool_limit;   ///< bound of pooled_bytes
  int64_t hits;         ///< allocations served from the pool
  int64_t misses;       ///< allocations that went to the system
} WeftPoolStats;

WEFT_API void weft_pool_stats(WeftPoolStats *stats);

/// Gives all pooled memory back to the system; returns the number of bytes.
WEFT_API int64_t weft_pool_trim(void);

/// Bounds the pooled bytes, give or take 32 KiB for each size in use (default: an eighth of physical memory, at most
/// 1 GiB; or WEFT_POOL_BYTES). What is above the bound now is given back.
WEFT_API void weft_pool_set_limit(int64_t bytes);

#ifdef __cplusplus
}
#endif

#endif // WEFT_RUNTIME_BUFFER_H
