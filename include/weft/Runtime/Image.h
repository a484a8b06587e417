//===- Image.h - the container of one compiled program --------------------===//
//
// Decides the file format of native programs: a self-describing container of
// the signature, the processor features needed, free metadata, and ELF64
// relocatable objects (the entry first, then one per distinct kernel). Written
// by the compiler, read by the runtime; this file and Image.cpp need neither.
//
// Layout, little-endian, every payload 64-byte aligned:
//   0  magic 89 'W' 'F' 'T' 0d 0a 1a 0a   (as PNG's: text-mode damage shows)
//   8  u32 version   12 u32 machine (ELF e_machine)
//  16  u64 size of the whole image
//  24  u64 checksum of all bytes but these eight
//  32  u32 counts: features, args, results, objects
//  48  u64 offset, u64 size of the metadata
//  64  features: { u32 length, bytes }*
//      args, results: { u32 dtype, u32 rank, i64 dims[rank] }*
//      objects: { u32 length, symbol, u64 offset, u64 size }*
//      payloads
// The checksum finds corruption, not malice: a program is code, and one from a
// stranger may do anything once called. Loading it is safe in any case.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_RUNTIME_IMAGE_H
#define WEFT_RUNTIME_IMAGE_H

#include "weft/Runtime/Error.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_IMAGE_VERSION 2

/// Largest rank of an argument or result.
#define WEFT_MAX_RANK 16

/// Machines, by the ELF numbers.
enum { WEFT_MACHINE_X86_64 = 62, WEFT_MACHINE_AARCH64 = 183 };

/// Element types, as stored in images. Bool is one byte in memory.
typedef enum WeftDType {
  WEFT_BOOL = 1,
  WEFT_I8 = 2,
  WEFT_I16 = 3,
  WEFT_I32 = 4,
  WEFT_I64 = 5,
  WEFT_U8 = 6,
  WEFT_U16 = 7,
  WEFT_U32 = 8,
  WEFT_U64 = 9,
  WEFT_F16 = 10,
  WEFT_BF16 = 11,
  WEFT_F32 = 12,
  WEFT_F64 = 13,
  WEFT_C64 = 14,  ///< complex of two f32
  WEFT_C128 = 15, ///< complex of two f64
  WEFT_KEY = 16   ///< random key: Threefry-2x32's two words, 8 bytes
} WeftDType;

/// Bytes of one element, 0 for a number that is not a WeftDType.
WEFT_API int32_t weft_dtype_size(int32_t dtype);

/// Type of an argument or result; a dimension of -1 is known at the call only.
typedef struct WeftValueType {
  int32_t dtype;
  int32_t rank;
  const int64_t *dims;
} WeftValueType;

/// One ELF64 relocatable object and the function that it defines.
typedef struct WeftImageObject {
  const char *symbol;
  const void *data;
  size_t size;
} WeftImageObject;

/// What goes into an image. objects[0] defines the entry, a WeftEntry.
typedef struct WeftImageSpec {
  uint32_t machine;
  const char *const *features; ///< LLVM's names: "avx2", "fma"
  size_t num_features;
  const WeftValueType *args;
  size_t num_args;
  const WeftValueType *results;
  size_t num_results;
  const WeftImageObject *objects;
  size_t num_objects;
  const void *metadata; ///< any bytes (the explain report)
  size_t metadata_size;
} WeftImageSpec;

/// Writes an image into new memory, to be freed by weft_image_free. The bytes
/// depend on the spec only. Fails with WEFT_ERR_USAGE (no object, a bad type) or
/// WEFT_ERR_NO_MEMORY.
WEFT_API int32_t weft_image_write(const WeftImageSpec *spec, void **image, size_t *size, WeftError *err);
WEFT_API void weft_image_free(void *image);

/// Checks the container (not the code in it, nor whether this machine can run
/// it). 0, or one of the image codes.
WEFT_API int32_t weft_image_check(const void *image, size_t size, WeftError *err);

/// A piece of an image, within its bytes.
typedef struct WeftImagePiece {
  const char *name; ///< not terminated
  size_t name_size;
  const void *data;
  size_t size;
} WeftImagePiece;

/// Object `index` of an image (for a disassembler, or to ship it), or the
/// metadata (`index` -1, no name), without loading the program. Fails as
/// weft_image_check does, and with WEFT_ERR_USAGE beyond the last object.
WEFT_API int32_t weft_image_piece(const void *image, size_t size, int32_t index, WeftImagePiece *piece, WeftError *err);

/// The checksum of an image's bytes, leaving out its own field. For writers of
/// other languages and for tests; `size` is at least 64.
WEFT_API uint64_t weft_image_checksum(const void *image, size_t size);

#ifdef __cplusplus
}
#endif

#endif // WEFT_RUNTIME_IMAGE_H
