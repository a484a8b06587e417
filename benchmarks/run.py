#!/usr/bin/env python3
"""The benchmarks: Weft beside its peers in one run. `./dev bench [names]` calls it in an environment that has them.

    python benchmarks/run.py [calls eager power digits rnn control_flow imports first_call]
        [--seconds S] [--json FILE] [--markdown]

Exit status: 0 also where a target is missed (figures are shown, never tested); 1 where Weft is wrong or fails.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pathlib
import sys
import time

import machine
from harness import Result, Row

MODULES = {
    "calls": "calls",
    "eager": "eager",
    "power": "power",
    "digits": "digits_step",
    "rnn": "rnn",
    "control_flow": "control_flow",
    "imports": "imports",
    "first_call": "first_call",
}
README = pathlib.Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- figures: run.py --readme writes from here -->", "<!-- to here -->"


def _number(x: float | None) -> str:
    return "" if x is None else f"{x:,.0f}" if x >= 1000 else f"{x:.3g}"


def _cells(row: Row, weft: float | None) -> list[str]:
    if row.best is None:
        return [row.what, row.engine, row.note, "", "", ""]
    ratio = f"{row.best / weft:.2f}" if weft else ""
    error = "" if row.error is None else f"{row.error:.0e}"
    return [row.what, row.engine, f"{_number(row.best)} {row.unit}", f"{_number(row.median)} {row.unit}", ratio, error]


HEAD = ["what", "engine", "best", "median", "of weft's", "error"]


def _table(result: Result) -> list[list[str]]:
    first: dict[str, float | None] = {}
    for row in result.rows:
        first.setdefault(row.what, row.best)  # Weft's own row is the first of each
    return [_cells(row, first[row.what]) for row in result.rows]


def _verdict(holds: bool | None) -> str:
    return {True: "holds", False: "MISSED", None: "no figure"}[holds]


def as_text(result: Result) -> str:
    rows = [HEAD, *_table(result)]
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    lines = [result.title]
    lines += ["  " + "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    lines += [f"  {_verdict(t.holds)}: {t.what}: wanted {t.wanted}; got {t.got}" for t in result.targets]
    return "\n".join(lines + [f"  {remark}" for remark in result.remarks]) + "\n"


def as_markdown(described: dict[str, str], results: list[Result]) -> str:
    lines = ["| what is asked | wanted | got | |", "|---|---|---|---|"]
    lines += [f"| {t.what} | {t.wanted} | {t.got} | {_verdict(t.holds)} |" for r in results for t in r.targets]
    for result in results:
        lines += ["", f"### {result.title}", "", "| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
        lines += ["| " + " | ".join(cells) + " |" for cells in _table(result)]
        for remark in result.remarks:
            lines += ["", remark]
    lines += ["", "### The machine", "", "| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in described.items())]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(MODULES)}; none: all")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each engine is timed in each benchmark")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--markdown", action="store_true", help="print tables of Markdown")
    parser.add_argument("--readme", action="store_true", help="put them into benchmarks/README.md")
    options = parser.parse_args()
    for name in options.names:
        if name not in MODULES:
            parser.error(f"no benchmark named {name}; there are {', '.join(MODULES)}")

    described = machine.describe()
    if not options.markdown:
        print("\n".join(f"{k:22}{v}" for k, v in described.items()) + "\n", flush=True)
    results, wrong = [], False
    for name in options.names or MODULES:
        begin = time.perf_counter()
        result = importlib.import_module(MODULES[name]).run(options.seconds)
        results.append(result)
        wrong |= any(row.engine.startswith("weft") and row.best is None for row in result.rows)
        if not options.markdown:
            print(as_text(result), flush=True)
        print(f"{name} took {time.perf_counter() - begin:.0f} s", file=sys.stderr)

    tables = as_markdown(described, results)
    if options.markdown:
        print(tables)
    if options.json:
        document = {"machine": described, "results": [result.json() for result in results]}
        pathlib.Path(options.json).write_text(json.dumps(document, indent=1) + "\n")
    if options.readme:
        before, _, rest = README.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        README.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{after}")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
