# Decides the tool chain's settings once (flags, ccache, LLVM), and gives the ten-line functions that the rest uses:
# weft_tablegen(), weft_library(), weft_tool().
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# ccache keeps nothing of a precompiled header unless told to (pch_defines, time_macros, no time stamp).
find_program(WEFT_CCACHE ccache)
if(WEFT_CCACHE)
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${WEFT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

find_program(WEFT_LLVM_CONFIG NAMES llvm-config-22 llvm-config REQUIRED)
execute_process(COMMAND ${WEFT_LLVM_CONFIG} --prefix OUTPUT_VARIABLE LLVM_PREFIX OUTPUT_STRIP_TRAILING_WHITESPACE)
# The imported targets MLIR and LLVM need none of these; naming them would only ask for -dev packages.
foreach(package zstd ZLIB LibXml2 CURL LibEdit Z3)
  set(CMAKE_DISABLE_FIND_PACKAGE_${package} ON)
endforeach()
find_package(MLIR 22.1 REQUIRED CONFIG HINTS ${LLVM_PREFIX}/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# Flags of everything of ours: an interface library, because nanobind's own target must keep exceptions.
add_library(weft_flags INTERFACE)
target_compile_options(weft_flags INTERFACE -Wall -Wextra -Wno-unused-parameter -ffp-contract=off
  "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>")
target_include_directories(weft_flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/include)
if(WEFT_SANITIZE)
  target_compile_options(weft_flags INTERFACE -fsanitize=${WEFT_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(weft_flags INTERFACE -fsanitize=${WEFT_SANITIZE})
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_link_options(-fuse-ld=lld)
endif()

# Flags of what includes MLIR: no exceptions, upstream's headers as system headers, one precompiled header.
add_library(weft_mlir_flags INTERFACE)
target_link_libraries(weft_mlir_flags INTERFACE weft_flags)
target_compile_options(weft_mlir_flags INTERFACE -fno-exceptions)
target_include_directories(weft_mlir_flags SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
add_custom_target(weft_headers)

# weft_tablegen(<td> <target> <file> <flags...> [<file> <flags...>]...): each <file> starts a new output.
function(weft_tablegen td target)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(output "")
  foreach(word ${ARGN} END.inc)
    if(word MATCHES "\\.inc$")
      if(output)
        mlir_tablegen(${output} ${flags} EXTRA_INCLUDES ${CMAKE_SOURCE_DIR}/include ${MLIR_INCLUDE_DIRS})
      endif()
      set(output ${word})
      set(flags "")
    else()
      list(APPEND flags ${word})
    endif()
  endforeach()
  add_public_tablegen_target(${target})
  add_dependencies(weft_headers ${target})
endfunction()

# weft_library(<name> <sources...>): a part of the compiler, an object library with the shared precompiled header.
set_property(GLOBAL PROPERTY WEFT_COMPILER_PARTS "")
function(weft_library name)
  add_library(${name} OBJECT ${ARGN})
  target_link_libraries(${name} PRIVATE weft_mlir_flags)
  add_dependencies(${name} weft_headers)
  if(NOT TARGET weft_pch)
    file(WRITE ${CMAKE_BINARY_DIR}/weft_pch.cpp "// Holds the precompiled header.\n")
    add_library(weft_pch OBJECT ${CMAKE_BINARY_DIR}/weft_pch.cpp)
    target_link_libraries(weft_pch PRIVATE weft_mlir_flags)
    target_precompile_headers(weft_pch PRIVATE ${CMAKE_SOURCE_DIR}/lib/pch.h)
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_precompile_headers(${name} REUSE_FROM weft_pch)
  endif()
  set_property(GLOBAL APPEND PROPERTY WEFT_COMPILER_PARTS ${name})
endfunction()

# weft_tool(<name> <sources...>): a command-line tool over the whole compiler.
function(weft_tool name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE weft_mlir_flags weft_compiler_parts weft_image)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin
    BUILD_RPATH ${CMAKE_BINARY_DIR}/python/weft/_src) # where they open the library of factorisations
endfunction()
