// Decides how a host reaches the compiler: one library, one exported symbol that returns a table of functions, so that
// no other name of MLIR or LLVM is visible to whoever shares the process. Entries under upstream's names (mlir...) are
// upstream's C API; those named weft... are declared here. No text is ever printed: diagnostics come back as text.
#ifndef WEFT_C_COMPILERAPI_H
#define WEFT_C_COMPILERAPI_H

#include "mlir-c/BuiltinAttributes.h"
#include "mlir-c/BuiltinTypes.h"
#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Grows with every change of the table.
#define WEFT_COMPILER_API_VERSION 2

/// Bytes that a function hands out; freed by `release(data)`. Zero-initialise.
typedef struct WeftBytes {
  char *data; ///< terminated by a 0 that `size` does not count
  size_t size;
  void (*release)(char *data);
} WeftBytes;

//===-- Contexts and modules -----------------------------------------------------------------------------------===//

/// A context with every dialect of Weft's stages available, single-threaded.
MlirContext weftContextCreate(void);

/// Reads IR text or bytecode. Null on failure, with the diagnostics in `error`.
MlirModule weftModuleParse(MlirContext context, MlirStringRef text, MlirStringRef fileName, WeftBytes *error);

enum WeftPrintFlags {
  WEFT_PRINT_LOCATIONS = 1, ///< loc(...) on every op
  WEFT_PRINT_GENERIC = 2,   ///< the generic form
  WEFT_PRINT_ELIDE = 4      ///< large constants as dense_resource<__elided__>
};
void weftOperationPrint(MlirOperation op, int32_t flags, MlirStringCallback callback, void *user);

/// Whether the op and all inside verify; otherwise the diagnostics.
bool weftOperationVerify(MlirOperation op, WeftBytes *error);

/// Calls back with the full name of every op registered under a dialect's name.
void weftRegisteredOps(MlirContext context, MlirStringRef dialect, MlirStringCallback callback, void *user);

//===-- Building -----------------------------------------------------------------------------------------------===//

/// What weftBuildOp makes. Regions are owned by the op once it is made, and stay the caller's when it fails.
typedef struct WeftBuild {
  MlirBlock block; ///< appended here
  MlirStringRef name;
  MlirLocation location;
  intptr_t numOperands;
  const MlirValue *operands;
  intptr_t numAttributes; ///< inherent and discardable ones alike
  const MlirNamedAttribute *attributes;
  intptr_t numRegions;
  const MlirRegion *regions;
  intptr_t numResults; ///< -1: inferred by the op
  const MlirType *results;
} WeftBuild;

/// Makes one op: infers its result types, checks the op itself, appends it. Null on failure, with the reason in
/// `error`; then nothing was added to the block.
MlirOperation weftBuildOp(const WeftBuild *build, WeftBytes *error);

/// A `func.func` at the end of the module, with an entry block of the given arguments and no results yet.
MlirOperation weftFunctionCreate(MlirModule module, MlirStringRef name, bool isPrivate, intptr_t numArgs,
                                 const MlirType *types, const MlirLocation *locations, MlirLocation location);
MlirBlock weftFunctionBody(MlirOperation function);
/// Ends the function with `func.return`, and takes its type from the entry block's arguments and the results.
void weftFunctionFinish(MlirOperation function, intptr_t numResults, const MlirValue *results, MlirLocation location);
/// A module of its own with a function @main, and what it calls: what computes a value of a function under construction
/// from known values of the same block. Its arguments are those that are needed, as `isNeeded` says. Null where more
/// than those is needed.
MlirModule weftExtract(MlirModule module, MlirValue value, intptr_t numKnown, const MlirValue *known, bool *isNeeded);
void weftFunctionSetArgAttr(MlirOperation function, intptr_t index, MlirStringRef name, MlirAttribute attribute);

/// All attributes of an op, inherent first, in the order of their names.
intptr_t weftOperationNumAttributes(MlirOperation op);
MlirNamedAttribute weftOperationAttribute(MlirOperation op, intptr_t index);

//===-- Types, sizes, attributes -------------------------------------------------------------------------------===//

/// A type or an attribute from its text; null on failure, with the diagnostics.
MlirType weftTypeParse(MlirContext context, MlirStringRef text, WeftBytes *error);
MlirAttribute weftAttributeParse(MlirContext context, MlirStringRef text, WeftBytes *error);

/// The element type of a WeftDType code (weft/Runtime/Image.h); null for a code without one.
MlirType weftElementType(MlirContext context, int32_t dtype);
/// A tensor type: dimension i has sizes[i] elements, or, where that is -1, the named size of texts[i] (which may be
/// NULL if all are static). Null if a text is not a size.
MlirType weftTensorType(MlirContext context, int32_t dtype, intptr_t rank, const int64_t *sizes,
                        const MlirStringRef *texts);
/// Whether the type is a ranked tensor of a known element type; then its code, its rank and its sizes (-1: named), as
/// many as `capacity` holds.
bool weftTypeDescribe(MlirType type, int32_t *dtype, intptr_t *rank, int64_t *sizes, intptr_t capacity);
/// The name of dimension `index` of a tensor type.
void weftTypeSizeText(MlirType type, intptr_t index, MlirStringCallback callback, void *user);

/// Elements in row-major order and native width (bool: a byte each) as a constant: splats and up to 1 KB as a dense
/// attribute, else a resource named by its content. Null if the bytes do not fit the type.
MlirAttribute weftConstantAttr(MlirType type, const void *data, size_t bytes);
/// `#weft.size<text>`; null if the text is not a size.
MlirAttribute weftSizeAttr(MlirContext context, MlirStringRef text);
/// A case of an enum of the dialect: (`reduce_kind`, `add`). Null if there is no such enum or case.
MlirAttribute weftEnumAttr(MlirContext context, MlirStringRef keyword, MlirStringRef value);

//===-- Running ------------------------------------------------------------------------------------------------===//

/// Runs a pass pipeline in MLIR's notation on a module, e.g. `builtin.module(weft-simplify)`.
bool weftRunPasses(MlirModule module, MlirStringRef pipeline, WeftBytes *error);

/// Options are `key=value` lines; keys: numerics (strict, default, fast), threads, target, debug, stage (of the
/// module). Takes a module from one stage to a later one, in place.
bool weftPipeline(MlirModule module, MlirStringRef from, MlirStringRef to, MlirStringRef options, WeftBytes *error);

/// Where objects of kernels are kept (weft/Pipelines/Compile.h). Both are called in the thread that compiles.
typedef struct WeftObjectStore {
  void *user;
  bool (*find)(void *user, MlirStringRef key, WeftBytes *object);
  void (*keep)(void *user, MlirStringRef key, MlirStringRef object);
} WeftObjectStore;

/// Compiles a module to an image (weft/Runtime/Image.h). The module is spent. `report` is the JSON of
/// explain(). `store` may be NULL.
bool weftCompile(MlirModule module, MlirStringRef options, const WeftObjectStore *store, WeftBytes *image,
                 WeftBytes *report, WeftBytes *error);

/// The user's lines of a module as JSON: {"lines": ["file:line", ...], "ops": [[numbers of lines], ...]}, the ops in
/// program order, the innermost line of each place first.
void weftModuleLines(MlirModule module, MlirStringCallback callback, void *user);

/// What a module at stage `traced` becomes, to read: `asm` or `llvm-ir`. The module is spent.
bool weftCompileToText(MlirModule module, MlirStringRef kind, MlirStringRef options, WeftBytes *text, WeftBytes *error);

/// A value given to or got from the reference interpreter: dense row-major.
typedef struct WeftHostValue {
  int32_t dtype;
  int32_t rank;
  int64_t sizes[16];
  void *data; ///< results: inside `bytes`
  WeftBytes bytes;
} WeftHostValue;

/// Evaluates a function of the module by the reference interpreter; fills `numResults` results.
bool weftReference(MlirModule module, MlirStringRef function, intptr_t numArgs, const WeftHostValue *args,
                   intptr_t numResults, WeftHostValue *results, WeftBytes *error);

//===-- The table ----------------------------------------------------------------------------------------------===//

typedef struct WeftCompilerApi {
  uint32_t version;
  uint32_t size; ///< of this struct
#ifdef __cplusplus
#define WEFT_COMPILER_ENTRY(name) decltype(&::name) name;
#else
#define WEFT_COMPILER_ENTRY(name) __typeof__(&name) name;
#endif
#include "weft-c/CompilerApi.def"
} WeftCompilerApi;

/// The table, or NULL if the library has another version. The one exported symbol of libweft_compiler.
typedef const WeftCompilerApi *(*WeftCompilerApiFn)(uint32_t version);
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const WeftCompilerApi *weft_compiler_api(uint32_t version);

#ifdef __cplusplus
}
#endif
#endif
