"""What the figures were taken on: processor, instruction sets, threads, load, versions, and which Weft."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform

PEERS = ("numpy", "jax", "jaxlib", "torch", "onnx", "onnxruntime", "iree-base-compiler", "scikit-learn")
ISA = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile")


def _cpuinfo(key: str) -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key), "")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _weft() -> str:
    """The installed wheel, or a build tree: its shared LLVM makes first calls slower."""
    import weft

    place = pathlib.Path(weft.__file__).resolve().parent
    kind = "the installed wheel" if "site-packages" in place.parts else "the build tree"
    try:
        return f"{importlib.metadata.version('weft')}, {kind}"
    except importlib.metadata.PackageNotFoundError:
        return kind


def _scheduling() -> str:
    """Figures taken beside other work are only worth something where the run comes first (chrt -r 1)."""
    policies = {os.SCHED_OTHER: "ordinary", os.SCHED_RR: "real-time (round robin)", os.SCHED_FIFO: "real-time (fifo)"}
    policy = os.sched_getscheduler(0)
    return f"{policies.get(policy, policy)}, nice {os.nice(0)}"


def _processor() -> str:
    return f"{_cpuinfo('model name')} (family {_cpuinfo('cpu family')}, model {_cpuinfo('model')})"


def kind() -> str:
    """The widest vectors and the processor: ratios are kept apart by them, since other schedules and limits are behind
    them (of two with AVX-512 one does twice the products of the other in a cycle)."""
    flags = set(_cpuinfo("flags").split())
    widest = (name for name, flag in (("AVX-512", "avx512f"), ("AVX2", "avx2")) if flag in flags)
    return f"{next(widest, platform.machine())}, {_processor()}"


def describe() -> dict[str, str]:
    """Name -> text, in the order to print."""
    flags = set(_cpuinfo("flags").split())
    cores = len(os.sched_getaffinity(0))
    return {
        "processor": _processor(),
        "instruction sets": " ".join(name for name in ISA if name in flags),
        "cores of this process": f"{cores}; WEFT_NUM_THREADS={os.environ.get('WEFT_NUM_THREADS', 'unset')}",
        "scheduling": _scheduling(),
        "load before the run": "{:.1f} {:.1f} {:.1f} (1, 5, 15 minutes)".format(*os.getloadavg()),
        "system": f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}",
        "weft": _weft(),
        **{name: _version(name) for name in PEERS},
    }
