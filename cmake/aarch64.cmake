# Decides how the runtime is built for AArch64 on another machine (preset aarch64): by clang with Debian's cross libraries
# (cmake/packages-aarch64.txt); what is built runs in QEMU.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(triple aarch64-linux-gnu)
foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_TARGET ${triple})
endforeach()
set(CMAKE_EXE_LINKER_FLAGS_INIT -fuse-ld=lld) # binutils' ld knows the machine that it runs on alone
set(CMAKE_SHARED_LINKER_FLAGS_INIT -fuse-ld=lld)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/${triple})
