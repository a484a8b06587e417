"""The first call of the digits training step in a new process, from the call to the loss as a number.

After imports and loading the data. In Weft: opening the compiler, tracing, compiling, loading the code, running. No
engine has a cache on disk to start from. Run with an engine's name: prints the milliseconds (this is the new process).
"""

from __future__ import annotations

import pathlib
import sys
import time

TITLE = "First call of the digits training step in a new process"

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "examples"))  # behind our own rnn


def run(seconds: float):
    from harness import Result, at_most, fresh

    engines = {name: [sys.executable, __file__, name] for name in ("weft", "jax")}
    rows = fresh("first call", engines, rounds=max(3, round(5 * seconds)))
    return Result("first_call", TITLE, rows, [at_most("first call", rows, "weft", 500)])


def main(engine: str) -> int:
    import digits

    if engine == "jax":
        try:
            import jax.numpy  # noqa: F401  (the import is not what is measured)
        except ImportError:
            return 3
    step = digits.step if engine == "weft" else digits.jax_step()
    x, y, _, _ = digits.load()
    state = digits.start(digits.init(0))
    batch = x[: digits.BATCH], y[: digits.BATCH]
    begin = time.perf_counter()
    value = float(step(state, *batch)[1])
    took = (time.perf_counter() - begin) * 1e3
    if not 1 < value < 5:  # ln 10 = 2.3 is a guess at random
        raise AssertionError(f"the first loss is {value}")
    print(took)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
