# Decides what the compiler's parts link with (`WEFT_LLVM`), and what goes into the wheel.
#   developing          the shared libMLIR and libLLVM: links in a blink, loads 30 ms slower
#   WEFT_STATIC_LLVM    the archives, of which the linker keeps what is reached: one stripped library that needs only
#                       libc, libm, libstdc++ and libgcc_s, and shows one symbol (lib/CAPI/exports.map)
if(WEFT_STATIC_LLVM)
  file(GLOB mlir_archives ${LLVM_PREFIX}/lib/libMLIR*.a)
  # Tests and mlir-opt's main are no part of a compiler. Of the C API one archive is linked, whole, by lib/CMakeLists.txt.
  list(FILTER mlir_archives EXCLUDE REGEX "Test|libMLIRCAPI|libMLIRMlirOptMain")
  execute_process(COMMAND ${WEFT_LLVM_CONFIG} --link-static --libfiles all OUTPUT_VARIABLE llvm_archives
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(llvm_archives)
  # llvm-config names Polly's archives, which no package ships, and LTO's needs them; BOLT and Exegesis are tools.
  list(FILTER llvm_archives EXCLUDE REGEX "LLVM(BOLT|Exegesis|LTO)|Polly|libLTO")
  find_library(WEFT_ZLIB_ARCHIVE libz.a REQUIRED)
  find_library(WEFT_ZSTD_ARCHIVE libzstd.a REQUIRED)
  # --icf=all: folding functions is safe, MLIR tells types by the addresses of data (=safe finds nothing: the archives
  # carry no table of addresses taken). Packed relative relocations need glibc 2.36, which the wheel's tag says.
  set(WEFT_LLVM -Wl,--start-group ${mlir_archives} ${llvm_archives} -Wl,--end-group -Wl,--as-needed
      ${WEFT_ZSTD_ARCHIVE} ${WEFT_ZLIB_ARCHIVE} ${CMAKE_DL_LIBS} pthread m -Wl,--no-undefined -Wl,--gc-sections
      -Wl,--icf=all -Wl,-z,pack-relative-relocs -Wl,-s -Wl,-O2)
else()
  set(WEFT_LLVM MLIR LLVM)
endif()

# weft_wheel(): the target `weft_wheel` builds what the wheel holds beside the Python sources; the install component
# `wheel` lays it out (scikit-build-core adds the sources of python/weft and the licences).
function(weft_wheel)
  get_property(linalg GLOBAL PROPERTY WEFT_LINALG)
  add_custom_target(weft_wheel DEPENDS _weft weft_compiler ${linalg} weft_op_table)
  install(TARGETS _weft weft_compiler ${linalg} LIBRARY DESTINATION weft/_src COMPONENT wheel)
  install(FILES ${CMAKE_BINARY_DIR}/python/weft/_src/_op_table.py DESTINATION weft/_src COMPONENT wheel)
endfunction()
