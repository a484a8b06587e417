"""The training step of examples/digits.py: forward, backward and Adam as one program; batch 128, 64-128-64-10, float32.

The NumPy and JAX steps are the example's too. The check: the losses of the first steps against NumPy's in float64.
"""

from __future__ import annotations

import pathlib
import sys

import numpy as np
from harness import Engine, Result, measure, peer, times_faster

TITLE = "Training step of the digits example"
STEPS = 5

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "examples"))  # behind our own rnn


def _engine(step, start, batch, wait=None):
    """Steps along, each from the state that the step before left."""
    kept = {"state": start()}

    def call():
        kept["state"], value = step(kept["state"], *batch)
        return value

    def losses(first):
        return [np.float64(first)] + [np.float64(call()) for _ in range(STEPS - 1)]

    return Engine(lambda: call, losses, wait)


def _missing(name):
    def make():
        peer(name)

    return Engine(make)


def run(seconds: float) -> Result:
    for name in ("weft", "sklearn"):
        peer(name)
    import digits

    x, y, _, _ = digits.load()
    batch = x[: digits.BATCH], y[: digits.BATCH]
    p = digits.init(0)

    p64 = {k: v.astype(np.float64) for k, v in p.items()}
    exact = _engine(digits.numpy_step, lambda: digits.start(p64), (batch[0].astype(np.float64), batch[1]))
    wanted = exact.result(exact.make()())

    jax_step = digits.jax_step()
    engines = {
        "weft": _engine(digits.step, lambda: digits.start(p), batch),
        "jax": _missing("jax")
        if jax_step is None
        else _engine(jax_step, lambda: digits.start(p), batch, lambda v: v.block_until_ready()),
        "numpy (not compiled)": _engine(digits.numpy_step, lambda: digits.start(p), batch),
    }
    rows = measure("digits", engines, wanted=wanted, tolerance=1e-4, unit="us", seconds=seconds)
    remarks = ["The batch comes as NumPy arrays in each step; the state stays in the engine's own arrays."]
    return Result("digits", TITLE, rows, [times_faster("digits", rows, "weft", "jax")], remarks)
