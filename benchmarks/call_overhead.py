#!/usr/bin/env python3
"""What a call costs: a jitted function on small arrays, in nanoseconds, beside NumPy. PYTHONPATH=build/python.

Times are of this thread's CPU (other programs on the machine do not count), the best of 30 rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from weft._src import trace
from weft._src.array import asarray
from weft._src.jit import jit


def best(f: Callable[..., Any], *args: Any, calls: int = 10000) -> float:
    """Nanoseconds of one call."""
    times = []
    for _ in range(30):
        start = time.thread_time()
        for _ in range(calls):
            f(*args)
        times.append((time.thread_time() - start) / calls * 1e9)
    return min(times)


@jit
def plus_one(x: Any) -> Any:
    """x + 1."""
    one = trace.emit("broadcast", [trace.as_tracer(1, x.dtype)], results=[(x.shape, x.dtype)], dims=[])
    return trace.emit("add", [x, one])


@jit
def first(tree: Any) -> Any:
    """One leaf of many."""
    return trace.emit("add", [tree["a"][0], tree["a"][0]])


def main() -> None:
    x = np.zeros(8, np.float32)
    a = asarray(x)
    plus_one(x), plus_one(a)
    print(f"{'numpy x + 1':32}{best(lambda: x + 1):8.0f} ns")
    print(f"{'weft x + 1, Array':32}{best(plus_one, a):8.0f} ns")
    print(f"{'weft x + 1, NumPy array':32}{best(plus_one, x):8.0f} ns")
    for n in (8, 50):
        tree = {"a": [asarray(x) for _ in range(n // 2)], "b": [asarray(x) for _ in range(n // 2)]}
        first(tree)
        print(f"{f'weft, dict of two lists, {n} leaves':32}{best(first, tree):8.0f} ns")


if __name__ == "__main__":
    main()
