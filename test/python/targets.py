"""Native code for one target or another, run where it can be.

Decides which targets tests run on: those of x86-64 that this processor has, and aarch64 in QEMU, once `./dev test
aarch64` has built what runs there (test/unit/Runtime/RunImage.cpp). A target that cannot run says why.
"""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

import numpy as np
import pytest
from weft._src import _weft, compiler, dtypes, errors
from weft._src.array import asarray

NAMES = ("x86-64-v3", "x86-64-v4", "aarch64")
NEEDS = {"x86-64-v3": {"avx2", "fma", "f16c"}, "x86-64-v4": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}
QEMU = "qemu-aarch64"
LIBRARIES = "/usr/aarch64-linux-gnu"
RUNNER = pathlib.Path(__file__).resolve().parents[2] / "build-aarch64" / "bin" / "weft-run-image"


def flags():
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return {flag for line in lines if line.startswith("flags") for flag in line.split()}


def why_not(target):
    """None, or why this machine does not run code for a target."""
    if target == "host":
        return None
    if target in NEEDS:
        missing = NEEDS[target] - flags()
        return f"this processor lacks {', '.join(sorted(missing))}" if missing else None
    if not shutil.which(QEMU):
        return f"no {QEMU}: ./dev test aarch64 installs it"
    return None if RUNNER.exists() else f"no {RUNNER.relative_to(RUNNER.parents[2])}: ./dev test aarch64 builds it"


RUNNABLE = [name for name in NAMES if why_not(name) is None]
PARAMETERS = [
    pytest.param(name, marks=[pytest.mark.skip(reason=why_not(name))] if why_not(name) else []) for name in NAMES
]


class Native:
    """A module, compiled for a target; the module itself is not changed.

    Args:
        target: "host" or one of NAMES. numerics: as in compiler.options. stage: at which the module is.

    Attributes:
        report: what `explain` reads.
    """

    def __init__(self, module, target="host", numerics="strict", stage="traced"):
        options = compiler.options(numerics=numerics, target=target)
        if target != "aarch64" and stage == "traced":
            compiled = compiler.compile_module(module, options)
            self.program, self.report = compiled.program, compiled.report
        else:
            text = options.text() + (f"stage={stage}\n" if stage != "traced" else "")
            self.image, report = _weft.compile(module.clone(), text)
            self.program = None if target == "aarch64" else _weft.Program(self.image)
            self.report = json.loads(report)

    def __call__(self, args, threads=0):
        """The results on arrays, as NumPy arrays; threads: 0 as many as there are.

        Raises:
            CheckError: WF5023 where a check of the program fails.
        """
        if self.program is None:
            return emulated(self.image, args, threads)
        self.program.threads = threads
        return [np.asarray(r) for r in self.program([asarray(a) for a in args])]


def emulated(image, args, threads):
    """Calls an image in QEMU."""
    request = [struct.pack("=q", len(image)), image, struct.pack("=qq", threads, len(args))]
    for a in args:
        a = np.ascontiguousarray(a) if np.ndim(a) else np.asarray(a)
        request += [struct.pack(f"={a.ndim + 2}q", a.ndim, *a.shape, a.nbytes), a.tobytes()]
    with tempfile.TemporaryDirectory() as folder:
        given, told = os.path.join(folder, "request"), os.path.join(folder, "response")
        pathlib.Path(given).write_bytes(b"".join(request))
        subprocess.run([QEMU, "-L", LIBRARIES, RUNNER, given, told], check=True)
        response = pathlib.Path(told).read_bytes()
    at = 0

    def number():
        nonlocal at
        at += 8
        return struct.unpack_from("=q", response, at - 8)[0]

    def taken(size):
        nonlocal at
        at += size
        return response[at - size : at]

    if code := number():
        message = taken(number()).decode()
        if code == 5023:
            raise errors.CheckError("WF5023", message)
        raise RuntimeError(f"[WF{code}] {message}")
    results = []
    while at < len(response):
        dtype, rank = dtypes.BY_CODE[number()], number()
        shape = tuple(number() for _ in range(rank))
        results.append(np.frombuffer(taken(number()), dtype.numpy).reshape(shape))
    return results
