"""Decides which files are lit tests and what their RUN lines may call.

Every .mlir file under test/ is one. Beside lit's own substitutions there are Weft's tools (weft-opt, weft-run, ...) and
LLVM's (FileCheck, not, count, split-file), all by PATH, and

    %roundtrip   prints the file's IR, generic and pretty, and reads it back (tools/roundtrip.py; every file of
                 the suite also goes through it by lit.roundtrip.cfg.py)
"""

import os
import sys

import lit.formats

config.name = "weft"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.excludes = ["Inputs", "python", "unit", "wheel", "debian"]
config.test_source_root = os.path.join(config.weft_source, "test")
config.test_exec_root = os.path.join(config.weft_build, "test", "suite")

config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.weft_build, "bin"), config.llvm_tools, config.environment["PATH"]]
)
config.substitutions.append(
    ("%roundtrip", f"{sys.executable} {os.path.join(config.weft_source, 'tools', 'roundtrip.py')}")
)

# What this machine's CPU has, for `REQUIRES: avx512f`; IR is compiled for any target without it, only running needs it.
with open("/proc/cpuinfo") as cpuinfo:
    flags = next((line for line in cpuinfo if line.startswith("flags")), "").split()
config.available_features.update(f for f in flags if f in ("avx2", "fma", "avx512f"))
