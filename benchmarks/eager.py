"""What one op costs outside of `jit`: on a shape seen before, on a shape that is new, and the first time ever.

NumPy's x + 1 on the same arrays stands beside as the machine's constant. A new shape is one of 1,000 random ones, each
used once per round; the number of compiles meanwhile is counted and told. An op that was never seen is compiled in this
process after the compiler is open: the median of several ops, each once.
"""

from __future__ import annotations

import itertools
import random
import statistics
import time

import numpy as np
from harness import Engine, Result, Row, at_most, measure, peer

TITLE = "One op, eagerly"
X = np.arange(20, dtype=np.float32).reshape(4, 5)
OPS = {
    "x + 1": lambda xp, x: x + 1,
    "sum(x, axis=0)": lambda xp, x: xp.sum(x, axis=0),
    "permute_dims(x, (1, 0))": lambda xp, x: xp.permute_dims(x, (1, 0)),
    "x[:, 1]": lambda xp, x: x[:, 1],
}


def _known(module: str, op):
    def make():
        xp = peer(module)
        x = xp.asarray(X)
        return lambda: op(xp, x)

    return Engine(make, lambda out: [np.asarray(out)])


def _new(module: str, op):
    rng = random.Random(0)
    shapes = [(rng.randint(2, 60), rng.randint(2, 60)) for _ in range(1000)]

    def make():
        xp = peer(module)
        arrays = [xp.asarray(np.ones(s, np.float32)) for s in shapes]
        for x in arrays[:50]:  # sizes that are equal by accident are another program than sizes that differ
            op(xp, x)
        turn = itertools.cycle(arrays)
        return lambda: op(xp, next(turn))

    return Engine(make)


def _first() -> Row:
    """The first call of ops that this process has not seen."""
    wf = peer("weft")
    x = wf.asarray(X)
    wf.negative(x)  # the compiler is open
    times = []
    for name in ("exp", "tanh", "log1p", "sqrt", "square", "floor", "expm1", "sinh"):
        begin = time.perf_counter()
        getattr(wf, name)(x)
        times.append((time.perf_counter() - begin) * 1e3)
    return Row("never seen", "weft", "ms", min(times), statistics.median(times), len(times))


def run(seconds: float) -> Result:
    rows: list[Row] = [_first()]
    from weft._src import dispatch

    compiles = 0
    for what, op in OPS.items():
        engines = {"weft": _known("weft", op), "numpy": _known("numpy", op)}
        rows += measure(f"{what}, known shape", engines, wanted=[op(np, X)], seconds=seconds / 4)
        engines = {"weft": _new("weft", op), "numpy": _new("numpy", op)}
        before = dispatch.compiled
        rows += measure(f"{what}, new shapes", engines, seconds=seconds / 4)
        compiles += dispatch.compiled - before
    new = [r for r in rows if r.what == "x + 1, new shapes"]
    return Result(
        "eager",
        TITLE,
        rows,
        [at_most("a known op on a new shape", new, "weft", 5.0), at_most("an op never seen", rows[:1], "weft", 20.0)],
        [f"Compiles for the 1,000 shapes of each of {len(OPS)} ops, warming up included: {compiles}."],
    )
