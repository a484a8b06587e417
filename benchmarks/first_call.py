"""The first call in a new process: the digits training step, and `x + 1` with the import of the engine.

Digits: from the call to the loss as a number, after imports and loading the data. Without a cache Weft opens the
compiler, traces, compiles, loads the code, runs; with the cache that an earlier process filled it loads and runs.
`x + 1`: from before the import (NumPy is there already) to the result. Run with an engine's name, a workload and a
folder: prints the milliseconds (this is the new process).
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import time

TITLE = "First call of the digits training step, and of x + 1, in a new process"

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "examples"))  # behind our own rnn


def run(seconds: float):
    from harness import Result, at_most, fresh

    rounds = max(3, round(5 * seconds))
    with tempfile.TemporaryDirectory() as folder:

        def command(engine: str, workload: str) -> list[str]:
            return [sys.executable, __file__, engine, workload, folder]

        for workload in ("digits", "add"):  # fills the cache
            subprocess.run(command("weft warm", workload), check=True, capture_output=True)
        digits = fresh("first call", {e: command(e, "digits") for e in ("weft", "weft warm", "jax")}, rounds=rounds)
        add = fresh("import and x + 1", {e: command(e, "add") for e in ("weft", "weft warm", "jax")}, rounds=rounds)
    targets = [
        at_most("first call", digits, "weft", 500),
        at_most("first call with a warm cache", digits, "weft warm", 100),
        at_most("import and x + 1 with a warm cache", add, "weft warm", 100),
    ]
    return Result("first_call", TITLE, [*digits, *add], targets)


def main(engine: str, workload: str, folder: str) -> int:
    if engine == "weft":
        os.environ["WEFT_CACHE"] = "0"
    else:
        os.environ["WEFT_CACHE_DIR"] = folder
    if engine == "jax" and importlib.util.find_spec("jax") is None:
        return 3
    print((_add(engine) if workload == "add" else _digits(engine)) * 1e3)
    return 0


def _add(engine: str) -> float:
    import numpy as np

    x = np.ones(3, np.float32)
    begin = time.perf_counter()
    if engine == "jax":
        import jax

        f = jax.jit(lambda x: x + 1)
    else:
        import weft as wf

        f = wf.jit(lambda x: x + 1)
    if np.asarray(f(x)).tolist() != [2, 2, 2]:
        raise AssertionError("1 + 1 is 2")
    return time.perf_counter() - begin


def _digits(engine: str) -> float:
    import digits

    if engine == "jax":
        import jax.numpy  # noqa: F401  (the import is not what is measured)
    step = digits.jax_step() if engine == "jax" else digits.step
    x, y, _, _ = digits.load()
    state = digits.start(digits.init(0))
    batch = x[: digits.BATCH], y[: digits.BATCH]
    begin = time.perf_counter()
    value = float(step(state, *batch)[1])
    took = time.perf_counter() - begin
    if not 1 < value < 5:  # ln 10 = 2.3 is a guess at random
        raise AssertionError(f"the first loss is {value}")
    return took


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
