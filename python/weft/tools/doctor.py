"""`python -m weft doctor`: what this machine has, what of it is off, and how to mend that.

Decides what is looked at. Each finding says one thing; "off" is something that breaks or slows Weft down and that the
reader can mend, "note" is worth knowing, "ok" is as it should be. Nothing here compiles or measures: it takes no time.
"""

from __future__ import annotations

import ctypes
import difflib
import importlib.metadata
import json
import os
import pathlib
import platform
import sys
from collections.abc import Mapping
from typing import NamedTuple

VARIABLES = {
    "WEFT_NUM_THREADS": "threads of a call (default: the smaller of the affinity mask and the cgroup's quota)",
    "WEFT_CACHE": "0: no persistent cache",
    "WEFT_CACHE_BYTES": "how many bytes the persistent cache may hold",
    "WEFT_CACHE_DIR": "the folder of the persistent cache",
    "WEFT_DEBUG": "stages (kernels, scheduled, ...), explain, timing: print them of each function that is compiled",
    "WEFT_PERF": "1: write a map of the compiled functions for Linux perf",
    "WEFT_PIN": "0: leave the threads of the pool to the system, instead of a core for each",
    "WEFT_POOL_BYTES": "how much freed memory of results is kept for the next ones",
    "WEFT_SILENCE": "codes of warnings to switch off, with commas",
    "WEFT_TRACEBACK": "full: show Weft's own frames in tracebacks",
}
"""The environment variables that Weft reads (a test compares with the sources)."""

DEVELOPMENT = {"WEFT_BUILD", "WEFT_JOBS"}
"""Read by the project's tests and by ./dev."""


class Finding(NamedTuple):
    """One thing looked at: `status` is "ok", "note" or "off"; `mend` says what to do, or is ""."""

    status: str
    what: str
    text: str
    mend: str = ""


def _versions() -> list[Finding]:
    import numpy

    try:
        version = importlib.metadata.version("weft")
    except importlib.metadata.PackageNotFoundError:
        version = "not installed, imported from a folder"
    place = pathlib.Path(__file__).resolve().parents[1]
    libc = " ".join(platform.libc_ver())
    return [
        Finding("ok", "weft", f"{version} ({place})"),
        Finding("ok", "python", f"{platform.python_version()}, NumPy {numpy.__version__}, {libc}"),
    ]


def _extension() -> tuple[list[Finding], dict]:
    """The compiled module: whether it loads, and the runtime's own facts."""
    try:
        from weft._src import _weft
    except ImportError as error:
        mend = "install the wheel; in a checkout run `./dev build`, and `./dev run python ...` to use what it built"
        return [Finding("off", "runtime", f"the compiled module does not load: {error}", mend)], {}
    return [Finding("ok", "runtime", _weft.__file__)], json.loads(_weft.runtime_info())


def _compiler() -> list[Finding]:
    """The compiler's library lies beside the module, and is opened at the first compile only."""
    library = pathlib.Path(__file__).resolve().parents[1] / "_src" / "libweft_compiler.so"
    try:
        from weft._src import _weft

        library = pathlib.Path(_weft.__file__).with_name("libweft_compiler.so")
    except ImportError:
        pass
    if not library.exists():
        mend = "only cached and saved programs run without it; reinstall the wheel, or run `./dev build`"
        return [Finding("off", "compiler", f"{library} is missing", mend)]
    size = f"{library.stat().st_size / 1e6:.0f} MB"
    try:
        found = hasattr(ctypes.CDLL(str(library)), "weft_compiler_api")
    except OSError as error:
        mend = "a library that it needs is missing; a wheel needs none but libstdc++: reinstall it"
        return [Finding("off", "compiler", f"does not load: {error}", mend)]
    if not found:
        return [Finding("off", "compiler", f"{library} is not Weft's compiler", "reinstall")]
    return [Finding("ok", "compiler", f"{library} ({size})")]


def _processor(facts: Mapping) -> list[Finding]:
    features = facts.get("cpu_features")
    if features is None:
        return []
    machine = facts.get("machine", platform.machine())
    used = [f for f in ("avx2", "fma", "f16c", "avx512f", "avx512bf16", "avx512fp16", "neon", "sve") if f in features]
    if machine == "x86-64" and not {"avx2", "fma"} <= set(features):
        mend = "use a machine from 2013 or later; in a virtual machine, pass the host's CPU through"
        return [Finding("off", "processor", f"{machine} without AVX2 and FMA: code runs one number at a time", mend)]
    return [Finding("ok", "processor", f"{machine}, {len(features)} features, of these for vectors: {' '.join(used)}")]


def _threads(facts: Mapping, environment: Mapping[str, str]) -> list[Finding]:
    if "threads" not in facts:
        return []
    threads, quota = facts["threads"], facts.get("cpu_quota")
    cores = facts.get("allowed_cores") or []
    allowed = len(cores) if isinstance(cores, list) else int(cores)
    limits = [f"{allowed} cores allowed"] + ([f"a quota of {quota:g} cores"] if quota else [])
    text = f"{threads} for a call ({', '.join(limits)})"
    if "WEFT_NUM_THREADS" in environment:
        asked = environment["WEFT_NUM_THREADS"]
        if asked.strip() != str(threads):
            return [
                Finding("off", "threads", f"WEFT_NUM_THREADS={asked!r} is not followed: {text}", "set it to 1 or more")
            ]
        if allowed and threads > allowed:
            mend = "unset WEFT_NUM_THREADS, or allow the process more cores (taskset, cgroup)"
            return [Finding("off", "threads", f"more threads than cores: {text}", mend)]
        text += ", by WEFT_NUM_THREADS"
    return [Finding("ok", "threads", text)]


def _variables(environment: Mapping[str, str]) -> list[Finding]:
    findings = []
    for name in sorted(environment):
        if name in VARIABLES:
            findings.append(Finding("note", name, f"{environment[name]} -- {VARIABLES[name]}"))
        elif name.startswith("WEFT_") and name not in DEVELOPMENT:
            near = difflib.get_close_matches(name, VARIABLES, 1)
            mend = f"did you mean {near[0]}?" if near else "Weft reads " + ", ".join(VARIABLES)
            findings.append(Finding("off", name, "Weft reads no such variable", mend))
    return findings


def _optional() -> list[Finding]:
    try:
        return [Finding("ok", "bfloat16", f"crosses to NumPy by ml_dtypes {importlib.metadata.version('ml_dtypes')}")]
    except importlib.metadata.PackageNotFoundError:
        text = "arrays of bfloat16 do not cross to NumPy without ml_dtypes"
        return [Finding("note", "bfloat16", text, "pip install ml_dtypes, or .astype('float32')")]


def examine(environment: Mapping[str, str] | None = None) -> list[Finding]:
    """Looks at everything, in the order that it is printed. `environment` stands in for the process's own.

    >>> [f.mend for f in examine({"WEFT_NUM_THREAD": "2"}) if f.what == "WEFT_NUM_THREAD"]
    ['did you mean WEFT_NUM_THREADS?']
    """
    environment = os.environ if environment is None else environment
    findings = _versions()
    if sys.platform != "linux":
        findings.append(Finding("off", "system", f"{sys.platform} is not supported", "use Linux, or WSL on Windows"))
    runtime, facts = _extension()
    findings += runtime + _compiler() + _processor(facts) + _threads(facts, environment)
    return findings + _variables(environment) + _optional()


def as_text(findings: list[Finding]) -> str:
    """As a person reads it.

    >>> print(as_text([Finding("off", "threads", "more threads than cores", "unset WEFT_NUM_THREADS")]))
    OFF   threads    more threads than cores
                     -> unset WEFT_NUM_THREADS
    1 thing is off
    """
    lines = []
    for f in findings:
        lines.append(f"{f.status.upper() if f.status == 'off' else f.status:<6}{f.what:<11}{f.text}")
        if f.mend:
            lines.append(f"{'':<17}-> {f.mend}")
    off = sum(f.status == "off" for f in findings)
    return "\n".join([*lines, f"{off} things are off" if off > 1 else "1 thing is off" if off else "nothing is off"])


def as_json(findings: list[Finding]) -> str:
    """As a program reads it: a list of objects with the fields of `Finding`."""
    return json.dumps([f._asdict() for f in findings], indent=2)
