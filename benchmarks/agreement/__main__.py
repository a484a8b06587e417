#!/usr/bin/env python3
"""Weft beside JAX, function by function: values, gradients and batches, written to docs/agreement.md.

    python benchmarks/agreement [names or patterns] [--write [FILE]] [--verbose]

Decides which rows are tried (their lists are in arrays.py, tensors.py, programs.py) and what is printed. Each row is
called in both libraries (libraries.py) with the same numbers (arguments.py), and what differs is judged (judge.py). The
exit status is 1 for a difference that no row lists where Weft is wrong or nobody can arbitrate (trial.py), and for a
listed one that is none.
"""

from __future__ import annotations

import argparse
import fnmatch
import pathlib
import sys

import arrays
import jax
import programs
import tensors
import weft as wf
from page import cell, page
from trial import tried

ROWS = arrays.ROWS + tensors.ROWS + programs.ROWS
assert len({row.name for row in ROWS}) == len(ROWS)
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "agreement.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["*"])
    parser.add_argument("--write", nargs="?", type=pathlib.Path, const=PAGE, help="write the rows that were tried")
    parser.add_argument("--verbose", "-v", action="store_true", help="rows that agree too")
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    wf.set_default_dtype(float=wf.float64)
    outcomes = []
    for row in ROWS:
        if not any(fnmatch.fnmatch(row.name, n) for n in given.names):
            continue
        o = tried(row)
        outcomes.append(o)
        if o.bad or given.verbose:
            print(f"{row.name}: " + "; ".join(f"{p}: {cell(o.parts.get(p))}" for p in ("values", "gradient", "vmap")))
        for line in o.bad:
            print(f"    {line}")
        if given.verbose:
            for f in (f for fs in o.parts.values() for f in fs if f.kind in ("weft", "alone")):
                print(f"    {f.where}: {f.text}")
        if given.write and not o.bad:  # row by row: a run that is cut short has written what it knows
            before = given.write.read_text() if given.write.exists() else ""
            given.write.write_text(page([o], before, [row.name for row in ROWS]))
        sys.stdout.flush()
    bad = [o.row.name for o in outcomes if o.bad]
    print(f"{len(outcomes)} functions, {len(bad)} of them differ for no reason: {', '.join(bad)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
