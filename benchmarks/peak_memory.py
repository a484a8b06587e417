"""Peak memory of whole workloads, seen from outside: each engine in a process of its own.

Decides what is counted, in MB over a warmed idle process: the engine has run a program of one addition, and the inputs
are there as NumPy arrays. *First* is the peak until the first result is there: compiling, copies of weights, the arena;
*call* the peak during a later call, when nothing is compiled any more. What the engine holds counts in both, its own
copies of the inputs included. *calls* is what calls alone add: to a process in which the program is compiled and the
arrays are there; beside it stands how much of that `explain().peak_bytes` told before the first of them.

    python benchmarks/peak_memory.py [names...] [--engines weft,jax,...]
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
from engines import PEERS, on_weft
from rows import WORKLOADS

# Weft compiles what it is given; NumPy asks for no large pages, which the kernel would fill in at a time of its own.
QUIET = {"WEFT_CACHE": "0", "NUMPY_MADVISE_HUGEPAGE": "0"}
MODELS = ("MLP", "LSTM", "GPT-2", "ResNet", "attention 12x512", "softmax 4096x4096")


def _status(name: str) -> float:
    """A line of /proc/self/status in MB."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


def _resident() -> float:
    """Of /proc/self/smaps_rollup, which counts page by page, where the line of `status` may lag."""
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss:"))


def _forget_peak() -> None:
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak


def _warm(engine: str) -> None:
    one = np.ones(3, np.float32)
    if engine == "weft":
        import weft as wf

        wf.jit(lambda x: x + 1)(one)
    elif engine == "jax":
        import jax

        jax.jit(lambda x: x + 1)(one).block_until_ready()
    elif engine == "torch.compile":
        import torch

        torch.compile(lambda x: x + 1)(torch.from_numpy(one))
    elif engine == "iree":  # its program is made by JAX, in this process; iree-compile has one of its own
        import iree.runtime  # noqa: F401
        import jax.export

        jax.export.export(jax.jit(lambda x: x + 1))(one).mlir_module_serialized  # noqa: B018
    else:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401


def one(name: str, engine: str) -> dict[str, float]:
    """Runs one engine in this process."""
    w = next(w for w in WORKLOADS if w.name == name)
    inputs = w.inputs()
    _warm(engine)
    before = _status("VmRSS")
    _forget_peak()
    call = {"weft": on_weft, **PEERS}[engine](w, inputs).make()
    forecast = call.func.explain(*call.args).peak_bytes / 2**20 if engine == "weft" else None
    compiling = _status("VmHWM")
    _forget_peak()
    idle = _resident()
    call()
    first = _status("VmHWM")
    for _ in range(3):
        call()
    _forget_peak()
    call()
    later = _status("VmHWM")
    figures = {"first": max(compiling, first) - before, "call": later - before}
    return figures if forecast is None else figures | {"calls": max(first, later) - idle, "forecast": forecast}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of workloads' names; none: the models")
    parser.add_argument("--engines", help="some of them only, with commas between")
    parser.add_argument("--one", nargs=2, metavar=("WORKLOAD", "ENGINE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(*options.one)))
        return 0
    wanted = options.names or MODELS
    print(f"{'workload':28} {'engine':14} {'first MB':>9} {'call MB':>9} {'calls MB':>9} {'forecast / measured':>20}")
    for w in WORKLOADS:
        if not any(n in w.name for n in wanted):
            continue
        for engine in ("weft", *(p for p in PEERS if p not in w.without)):
            if options.engines and engine not in options.engines.split(","):
                continue
            run = [sys.executable, __file__, "--one", w.name, engine]
            done = subprocess.run(run, capture_output=True, text=True, check=False, env=os.environ | QUIET)
            if done.returncode:
                print(f"{w.name:28} {engine:14} {done.stderr.strip().splitlines()[-1][:60]}")
                continue
            figures = json.loads(done.stdout.splitlines()[-1])
            text = f"{w.name:28} {engine:14} {figures['first']:9.1f} {figures['call']:9.1f}"
            if "forecast" in figures:
                text += f" {figures['calls']:9.1f} {figures['forecast'] / figures['calls']:20.3f}"
            print(text, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
