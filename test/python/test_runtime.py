"""The runtime's unit tests (test/unit/Runtime), and what keeps the runtime small.

Needs weft-runtime-test, from the folder that WEFT_BUILD names (default: build).
"""

import json
import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNTIME = [ROOT / "include" / "weft" / "Runtime", ROOT / "lib" / "Runtime"]


def tool() -> pathlib.Path:
    path = pathlib.Path(os.environ.get("WEFT_BUILD", ROOT / "build")) / "bin" / "weft-runtime-test"
    if not path.exists():
        raise FileNotFoundError(f"{path}: build the target weft-runtime-test, or set WEFT_BUILD to the build folder")
    return path


def test_unit_tests():
    run = subprocess.run([tool()], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr


def facts(**variables) -> dict:
    environment = {k: v for k, v in os.environ.items() if k != "WEFT_NUM_THREADS"} | variables
    return json.loads(subprocess.run([tool(), "--info"], capture_output=True, check=True, env=environment).stdout)


def test_number_of_threads():
    """The variable decides, also beyond the number of cores; else the affinity mask and the quota do."""
    assert facts(WEFT_NUM_THREADS="3")["threads"] == 3
    before = os.sched_getaffinity(0)
    core = min(before)
    try:
        os.sched_setaffinity(0, {core})  # inherited by the child
        one = facts()
    finally:
        os.sched_setaffinity(0, before)
    assert (one["threads"], one["allowed_cores"]) == (1, [core])
    assert facts()["allowed_cores"] == sorted(before)


def test_facts_name_the_features_of_this_processor():
    """The kernel lists the same ones, under names of its own."""
    features = set(facts()["cpu_features"])
    if platform.machine() == "x86_64":
        flags = set(re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)[1].split())
        for ours, kernels in {"avx2": "avx2", "fma": "fma", "avx512f": "avx512f", "avx512vl": "avx512vl",
                              "avx512bf16": "avx512_bf16", "avx512fp16": "avx512_fp16", "avxvnni": "avx_vnni",
                              "f16c": "f16c", "bmi2": "bmi2", "lzcnt": "abm", "sse4.2": "sse4_2",
                              "amx-int8": "amx_int8"}.items():  # fmt: skip
            assert (ours in features) == (kernels in flags), ours
    else:
        assert "neon" in features


def test_runtime_includes_no_compiler():
    files = [f for folder in RUNTIME for f in folder.iterdir() if f.suffix in (".h", ".cpp")]
    assert len(files) > 10
    for file in files:
        includes = re.findall(r'#include [<"]([^>"]+)', file.read_text())
        assert not [i for i in includes if re.match(r"(mlir|llvm|nanobind|Python)", i)], file


def test_runtime_links_no_compiler():
    libraries = subprocess.run(["ldd", tool()], capture_output=True, text=True, check=True).stdout
    assert not re.search(r"LLVM|MLIR|python", libraries), libraries
