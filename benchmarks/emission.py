"""What tracing costs: microseconds to build one op with its place, and for a whole traced op in Python.

python benchmarks/emission.py
"""

from __future__ import annotations

import time

import weft as wf
from weft._src import trace

COUNT, REPEATS = 2000, 15


def microseconds(body):
    """The best time per op of several traces; `body` maps a value to the next."""
    times = []

    def f(x):
        begin = time.perf_counter()
        for _ in range(COUNT):
            x = body(x)
        times.append((time.perf_counter() - begin) / COUNT * 1e6)
        return x

    for _ in range(REPEATS):
        trace.trace_program(f, [trace.Spec((4,), wf.float32)])
    return min(times)


if __name__ == "__main__":
    print(
        f"emit (one op with its place; the budget is 3 us)  {microseconds(lambda x: trace.emit('add', [x, x])):.2f} us"
    )
    print(f"weft.sin(x), as a user traces it                  {microseconds(wf.sin):.2f} us")
    print(f"x + x, as a user traces it                        {microseconds(lambda x: x + x):.2f} us")
