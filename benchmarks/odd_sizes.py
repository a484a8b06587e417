"""Odd sizes beside the nearest round ones: Weft's time for an element of each, the two in turns.

Decides which sizes are compared and by what. Rows of `workloads.py` stand minutes apart, in which memory that is shared
with other machines may change its speed; here the two programs of a pair take turns of some calls.

    python benchmarks/odd_sizes.py [--seconds N]
    python benchmarks/odd_sizes.py --save    # writes the table of benchmarks/README.md
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import time

from engines import on_weft
from harness import write_between
from rows import WORKLOADS

README = pathlib.Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- odd_sizes.py --save writes from here -->", "<!-- to here: odd_sizes.py -->"
MOST = 1.25  # what issue 5 allows
CALLS = 5  # in a turn

# The odd row, the round one, and what an element of theirs is: one that is read or written, or a product.
PAIRS = (
    ("softmax 4096x4095", "softmax 4096x4096", "copy"),
    ("layer norm 8192x1023", "layer norm 8192x1024", "copy"),
    ("gelu 4M - 3", "gelu 4M", "copy"),
    ("matmul 1000x1001x999", "matmul 1024x1024x1024", "fma"),
    ("matmul 7x4095x4097", "matmul 8x4096x4096", "read"),
    ("attention 12x500x64", "attention 12x512x64", "fma"),
)


def compare(odd: str, whole: str, of: str, seconds: float) -> list[float]:
    """Milliseconds of the best call of each, and the ratios of the best and of the middle times for an element."""
    rows = {w.name: w for w in WORKLOADS}
    pair = [rows[name] for name in (odd, whole)]
    calls = [on_weft(w, w.inputs()).make() for w in pair]
    times: list[list[float]] = [[], []]
    for call in calls:
        call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for call, taken in zip(calls, times, strict=True):
            for _ in range(CALLS):
                start = time.perf_counter()
                call()
                taken.append(time.perf_counter() - start)
    work = pair[1].bounds[of] / pair[0].bounds[of]
    best, middle = [min(t) for t in times], [statistics.median(t) for t in times]
    return [1e3 * best[0], 1e3 * best[1], work * best[0] / best[1], work * middle[0] / middle[1]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=3, help="how long each pair is timed")
    parser.add_argument("--save", action="store_true", help="write the table of benchmarks/README.md")
    args = parser.parse_args()
    lines = ["| odd | round | ms | ms | for an element, best | middle |", "|---|---|---|---|---|---|"]
    for odd, whole, of in PAIRS:
        one, other, best, middle = compare(odd, whole, of, args.seconds)
        lines.append(f"| {odd} | {whole} | {one:.3g} | {other:.3g} | {best:.2f} | {middle:.2f} |")
        print(lines[-1] + ("" if best <= MOST else f" above {MOST}"), flush=True)
    if args.save:
        write_between(README, BEGIN, END, "\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
