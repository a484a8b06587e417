"""Peak memory of whole workloads, seen from outside: each engine in a process of its own.

Decides what is counted, in MB over a warmed idle process: the engine has run a program of one addition, and the inputs
are there as NumPy arrays. *First* is the peak until the first result is there: compiling, copies of weights, the arena;
*call* the peak during a later call, when nothing is compiled any more. What the engine holds counts in both, its own
copies of the inputs included.

    python benchmarks/peak_memory.py [names...]
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
from workloads import PEERS, WORKLOADS, _weft

MODELS = ("MLP", "LSTM", "GPT-2", "ResNet", "attention 12x512", "softmax 4096x4096")


def _status(name: str) -> float:
    """A line of /proc/self/status in MB."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


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
    call = {"weft": _weft, **PEERS}[engine](w, inputs).make()
    call()
    first = _status("VmHWM") - before
    for _ in range(3):
        call()
    _forget_peak()
    call()
    return {"first": first, "call": _status("VmHWM") - before}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of workloads' names; none: the models")
    parser.add_argument("--one", nargs=2, metavar=("WORKLOAD", "ENGINE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(*options.one)))
        return 0
    wanted = options.names or MODELS
    print(f"{'workload':28} {'engine':14} {'first MB':>9} {'call MB':>9}")
    for w in WORKLOADS:
        if not any(n in w.name for n in wanted):
            continue
        for engine in ("weft", *(p for p in PEERS if p not in w.without)):
            run = [sys.executable, __file__, "--one", w.name, engine]
            done = subprocess.run(run, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{w.name:28} {engine:14} {done.stderr.strip().splitlines()[-1][:60]}")
                continue
            figures = json.loads(done.stdout.splitlines()[-1])
            print(f"{w.name:28} {engine:14} {figures['first']:9.1f} {figures['call']:9.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
